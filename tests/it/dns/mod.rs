//! `peermon dns-update` against real name servers, and against one that lies.

mod answers;
mod bind;
mod choosing;
mod fake_server;
mod hysteresis;
mod knot;
mod packaged;
mod page;
pub mod server;
mod wrong_input;

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use peermon::model::{HostState, HostView};
use peermon::wire::client::HostTable;

use crate::command::{Outcome, Place, check_failure};
use crate::fake_daemon::{Answer, FakeDaemon, table};
use crate::rows::busy;

/// The secret of the tests' keys.
const SECRET: &str = "c2VjcmV0IG9mIHRoZSB0ZXN0cywgMzIgYnl0ZXMgbG9uZw==";

/// A host on which `peermon dns-update` is typed, with a daemon that says what it is told to.
struct Updater {
    place: Place,
    daemon: FakeDaemon,
}

impl Updater {
    fn knowing(hosts: Vec<HostView>) -> Self {
        let place = Place::new();
        // For the lock, which else would be one for all tests.
        fs::create_dir(place.home.path().join("run")).unwrap();
        Self { place, daemon: FakeDaemon::knowing(hosts) }
    }

    fn now_knowing(&self, hosts: Vec<HostView>) {
        self.daemon.set(Answer::Table(Box::new(table(hosts))));
    }

    fn run(&self, arguments: &str) -> Outcome {
        self.place
            .peermon(&format!("dns-update {arguments}"))
            .arg("--socket")
            .arg(self.daemon.socket())
            .output()
            .unwrap()
            .into()
    }

    /// A file that only its owner can read.
    fn private_file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.place.home.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// A key file with that key.
    fn key(&self, name: &str, algorithm: &str, secret: &str) -> PathBuf {
        self.private_file(&format!("{name}.key"), &key_block(name, algorithm, secret))
    }
}

fn key_block(name: &str, algorithm: &str, secret: &str) -> String {
    format!("key \"{name}\" {{\n\talgorithm {algorithm};\n\tsecret \"{secret}\";\n}};\n")
}

/// A host at 10.0.0.`number` with 8 cores and this load.
fn lab_host(number: u8, load: f64) -> HostView {
    let address = [10, 0, 0, number].into();
    HostView { address, addresses: vec![address], ..busy(&format!("node{number}"), load, 8, 64) }
}

/// Ten hosts, the first the best, far enough apart that nothing is drawn.
fn lab() -> Vec<HostView> {
    (1..=10).map(|number| lab_host(number, f64::from(number) * 2.0)).collect()
}

fn addresses(numbers: &[u8]) -> BTreeSet<String> {
    numbers.iter().map(|number| format!("10.0.0.{number}")).collect()
}

#[track_caller]
fn check_quiet(outcome: &Outcome) {
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str(), outcome.code), ("", "", Some(0)), "{outcome:?}");
}

/// Checks that one line on stderr says what was changed.
#[track_caller]
fn check_changed(outcome: &Outcome, said: &str) {
    assert_eq!((outcome.stdout.as_str(), outcome.code), ("", Some(0)), "{outcome:?}");
    assert!(outcome.stderr.lines().count() == 1 && outcome.stderr.contains(said), "'{said}' in {outcome:?}");
}

/// First publish, no change, a change; whatever else stands at the name and in the zone stays.
#[track_caller]
fn check_life(server: &server::Server, updater: &Updater, zone: &str, arguments: &str) {
    let run = || updater.run(&format!("--zone {zone} -n 3 --server {} {arguments}", server.address()));
    let rest = || {
        let all = server.records(zone).into_iter();
        all.filter(|line| !line.contains(" SOA ") && !line.contains(" A 10.0.0.")).collect::<BTreeSet<_>>()
    };
    let before = rest();
    updater.now_knowing(lab());
    check_changed(&run(), &format!("peermon.{zone}: added 10.0.0.1 (node1), 10.0.0.2 (node2), 10.0.0.3 (node3)"));
    assert_eq!(server.set(&format!("peermon.{zone} A")), addresses(&[1, 2, 3]));
    let serial = server.serial(zone);
    check_quiet(&run());
    assert_eq!(server.serial(zone), serial);

    let mut hosts = lab();
    hosts[1].load1_hundredths = Some(10_000);
    updater.now_knowing(hosts);
    check_changed(&run(), &format!("peermon.{zone}: added 10.0.0.4 (node4); removed 10.0.0.2 (node2)"));
    assert_eq!(server.set(&format!("peermon.{zone} A")), addresses(&[1, 3, 4]));
    assert!(server.serial(zone) > serial);
    assert_eq!(rest(), before);
    assert!(before.iter().any(|line| line.contains(" TXT ")) && before.iter().any(|line| line.contains(" SSHFP ")));
}

/// Checks that no table that is poor in one way or another changes anything. `unchanged` looks.
fn check_never_emptied(updater: &Updater, arguments: &str, unchanged: impl Fn()) {
    let state = |state| move |host: HostView| HostView { state, ..host };
    let collector = |host: HostView| HostView { collector: true, ..host };
    let all = |change: &dyn Fn(HostView) -> HostView| table(lab().into_iter().map(change).collect());
    let addressed = |text: &str| {
        let address: std::net::IpAddr = text.parse().unwrap();
        table(lab().into_iter().map(|host| HostView { address, addresses: vec![address], ..host }).collect())
    };
    let good = table(lab());
    for (poor, what, hint) in [
        (all(&state(HostState::Dead)), "no host is eligible (left out: 10 dead)", "--explain"),
        (all(&state(HostState::Suspect)), "no host is eligible (left out: 10 suspect)", "--explain"),
        (all(&state(HostState::Left)), "no host is eligible (left out: 10 left)", "--explain"),
        (all(&collector), "no host is eligible (left out: 10 collector)", "--explain"),
        (all(&|host| HostView { load1_hundredths: None, ..host }), "(left out: 10 of unknown load)", "--explain"),
        (all(&|host| HostView { cores: None, ..host }), "(left out: 10 of unknown cores)", "--explain"),
        (all(&state(HostState::Late)), "all that the daemon knows is late", "keeps its addresses"),
        (addressed("127.0.0.1"), "(left out: 10 without an address to publish)", "--explain"),
        (addressed("169.254.1.1"), "(left out: 10 without an address to publish)", "--explain"),
        (addressed("fe80::1"), "(left out: 10 without an address to publish)", "--explain"),
        (HostTable { isolated: true, ..good.clone() }, "the daemon hears no other host", "keeps its addresses"),
        (
            HostTable { up_seconds: 39, ..good.clone() },
            "the daemon started 39 s ago, and knows all hosts after 40 s",
            "keeps its addresses",
        ),
    ] {
        updater.daemon.set(Answer::Table(Box::new(poor)));
        check_failure(&updater.run(arguments), 4, what, hint);
        unchanged();
    }
    updater.daemon.set(Answer::Table(Box::new(good)));
    let min = updater.run(&format!("{arguments} --min 11"));
    check_failure(&min, 4, "10 hosts are eligible, fewer than --min 11", "--explain");
    let strict = updater.run(&format!("{arguments} --strict -n 11"));
    check_failure(&strict, 5, "10 hosts, fewer than -n 11", "without --strict");
    let excluded = updater.run(&format!("{arguments} --only-network 192.0.2"));
    check_failure(&excluded, 4, "(left out: 10 without an address to publish)", "--explain");
    unchanged();
}
