//! Hosts that are gone: crashes, kills, leaves.

use std::time::Duration;

use peermon::model::{HostState, NodeId};
use peermon::sim::Fleet;

use super::{GLANCE, seconds, settled};

/// Runs until nobody offers `gone`.
fn until_gone(fleet: &mut Fleet, gone: NodeId, limit: f64) -> Option<Duration> {
    fleet.run_until(seconds(limit), GLANCE, |fleet| fleet.offered_by(gone) == 0)
}

#[track_caller]
fn check_gone(hosts: usize, interval: f64, seed: u64, limit: f64, end: impl Fn(&mut Fleet, usize)) {
    let mut fleet = settled(seed, hosts, interval, 0);
    let victim = seed as usize % hosts;
    fleet.run(seconds(interval * 0.13 * seed as f64));
    let id = fleet.id(victim);
    end(&mut fleet, victim);
    let took = until_gone(&mut fleet, id, limit);
    assert!(took.is_some(), "{hosts} hosts, T = {interval} s, seed {seed}: offered after {limit} s");
    // And it does not come back.
    fleet.run_rounds(8);
    assert_eq!(fleet.offered_by(id), 0, "{hosts} hosts, T = {interval} s, seed {seed}: came back");
    fleet.assert_everyone_knows_everyone();
}

#[test]
fn a_crashed_machine_is_offered_by_nobody_after_6_seconds() {
    for hosts in [2, 3, 19, 20, 21, 25, 60] {
        for (seed, interval) in [(1, 0.5), (2, 1.0), (3, 5.0), (4, 20.0), (5, 5.0), (6, 20.0)] {
            check_gone(hosts, interval, seed, 6.0, |fleet, victim| {
                fleet.crash(victim);
            });
        }
    }
}

#[test]
fn a_killed_daemon_is_offered_by_nobody_after_6_seconds() {
    for hosts in [2, 3, 19, 20, 21, 25, 60] {
        for (seed, interval) in [(1, 0.5), (2, 1.0), (3, 5.0), (4, 20.0)] {
            check_gone(hosts, interval, seed, 6.0, |fleet, victim| {
                fleet.kill(victim);
            });
        }
    }
}

#[test]
fn a_host_that_leaves_is_offered_by_nobody_after_2_seconds() {
    for hosts in [2, 3, 20, 21, 25, 60] {
        for (seed, interval) in [(1, 0.5), (2, 5.0), (3, 20.0)] {
            check_gone(hosts, interval, seed, 2.0, |fleet, victim| {
                fleet.leave(victim);
            });
        }
    }
}

#[test]
fn a_host_that_leaves_as_soon_as_it_knows_another_says_goodbye_to_it() {
    for seed in 1..=30 {
        let mut fleet = Fleet::new(seed).start_within(seconds(0.01)).hosts(2);
        fleet.run_until(seconds(5.0), seconds(0.001), |fleet| {
            fleet.living().count() == 2 && fleet.everyone_knows_everyone()
        });
        let id = fleet.id(1);
        fleet.leave(1).run(GLANCE);
        let state = fleet.view(0, id).map(|view| view.state);
        assert_eq!(state, Some(HostState::Left), "seed {seed}");
    }
}

#[test]
fn a_tenth_that_crashes_at_once_is_gone_in_time_at_10_percent_loss() {
    for seed in 1..4 {
        let mut fleet = settled(seed, 100, 5.0, 10);
        let gone: Vec<NodeId> = (0..10).map(|nth| fleet.id(9 + nth * 10)).collect();
        (0..10).for_each(|nth| {
            fleet.crash(9 + nth * 10);
        });
        fleet.run(seconds(6.0));
        let pairs: usize = gone.iter().map(|id| fleet.offered_by(*id)).sum();
        assert!(pairs * 1_000 <= 5 * 10 * 90, "seed {seed}: {pairs} pairs after 6 s");
        fleet.run(seconds(24.0));
        assert!(gone.iter().all(|id| fleet.offered_by(*id) == 0), "seed {seed}: offered after 6 T");
        fleet.assert_everyone_knows_everyone();
    }
}

#[test]
fn a_crash_of_a_third_takes_no_living_host_from_any_table() {
    let mut fleet = settled(4, 60, 5.0, 0);
    (0..20).for_each(|nth| {
        fleet.kill(nth * 3);
    });
    let survey = fleet.survey(seconds(60.0), seconds(0.5));
    assert_eq!(survey.missing, 0);
    let table = fleet.table(1);
    assert_eq!(table.iter().filter(|view| view.is_offered()).count(), 40);
}
