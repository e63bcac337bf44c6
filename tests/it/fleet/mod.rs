//! Promises about fleets, in virtual time, through the real codec and the real sessions: small samples of what
//! `cargo bench --bench gossip` measures in full. A failing test prints its seed.

mod crashes;
mod faults;
mod joining;
mod quiet;
mod strain;
mod trust;

use std::time::Duration;

use peermon::sim::Fleet;

/// How closely a fleet is watched for an event.
const GLANCE: Duration = Duration::from_millis(100);

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Hosts that were started together and have known each other for a while. Loss comes afterwards: how long it takes
/// to get together then is the affair of other tests.
fn settled(seed: u64, hosts: usize, interval: f64, loss: u32) -> Fleet {
    let mut fleet = Fleet::new(seed).interval(seconds(interval)).hosts(hosts);
    settle(&mut fleet);
    fleet.lose(loss);
    fleet.run_rounds(3);
    fleet
}

fn settle(fleet: &mut Fleet) {
    let hosts = fleet.len();
    let whole = |fleet: &Fleet| fleet.living().count() == hosts && fleet.everyone_knows_everyone();
    let took = fleet.run_until(seconds(30.0), GLANCE, whole);
    assert!(took.is_some(), "seed {}: not whole 30 s after the start", fleet.seed());
    fleet.run_rounds(2);
}
