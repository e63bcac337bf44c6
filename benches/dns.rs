//! `cargo bench --bench dns`: how long one `peermon dns-update` takes, whole processes, against a real BIND on this host and a
//! daemon with 1,000 hosts, beside the same by `peermon query` and `nsupdate` in a shell. Exits 1 where a figure is above
//! its goal.
//!
//! The daemon is one of words (that of the tests): it has its table at hand, which a real one makes in a millisecond.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, clippy::unwrap_used, reason = "a bench measures")]
#![allow(dead_code, reason = "the tests use more of it")]

#[path = "../tests/it/command.rs"]
mod command;
#[path = "../tests/it/fake_daemon.rs"]
mod fake_daemon;
#[path = "../tests/it/rows.rs"]
mod rows;
#[path = "../tests/it/dns/server.rs"]
mod server;

use std::process::{Command, ExitCode};
use std::time::Instant;

use command::Place;
use fake_daemon::{Answer, FakeDaemon, table};
use peermon::model::HostView;
use server::Server;

const RUNS: usize = 60;
const HOSTS: usize = 1_000;

/// Goals, in milliseconds.
const UNCHANGED_MAX: f64 = 30.0;
const CHANGED_MAX: f64 = 60.0;

fn main() -> ExitCode {
    let zone = "zone \"open.test\" { type primary; file \"{D}/open.test.db\"; allow-update { 127.0.0.1; }; };";
    let Some(server) = Server::bind(zone, &["open.test"]) else {
        println!("no named here: apt-get install bind9 bind9-dnsutils");
        return ExitCode::SUCCESS;
    };
    let daemon = FakeDaemon::knowing(hosts(0));
    let place = Place::new();
    std::fs::create_dir(place.home.path().join("run")).unwrap();
    let arguments = format!("dns-update --zone open.test --n 5 --server {}", server.address());
    let ours = |arguments: &str| {
        let mut command = place.peermon(arguments);
        command.env("PEERMON_SOCKET", daemon.socket());
        command
    };
    let script = format!(
        "{{ echo server 127.0.0.1 {port}; echo zone open.test; echo update delete peermon.open.test A
            {peermon} query -I -n 5 | sed 's/.*/update add peermon.open.test 30 A &/'; echo send; }} | nsupdate",
        port = server.port,
        peermon = command::binary().display()
    );
    let shell = || {
        let mut command = place.program("sh", "-c");
        command.arg(&script).env("PEERMON_SOCKET", daemon.socket());
        command
    };
    let mut turn = 0;
    let mut other_hosts = || {
        turn += 1;
        daemon.set(Answer::Table(Box::new(table(hosts(turn % 2)))));
    };
    run(ours(&arguments));
    println!("{:<52} {:>9} {:>9}  goal", format!("{HOSTS} hosts, medians of {RUNS}"), "median", "p90");
    let mut kept = true;
    kept &= print("peermon --version (floor)", None, || timed(ours("--version")));
    kept &= print("peermon dns-update, nothing to change", Some(UNCHANGED_MAX), || timed(ours(&arguments)));
    kept &= print("peermon dns-update, five other hosts", Some(CHANGED_MAX), || {
        other_hosts();
        timed(ours(&arguments))
    });
    kept &= print("peermon query | nsupdate, nothing to change", None, || timed(shell()));
    kept &= print("peermon query | nsupdate, five other hosts", None, || {
        other_hosts();
        timed(shell())
    });
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Of which five are far better than all others; which five, depends on `turn`.
fn hosts(turn: usize) -> Vec<HostView> {
    let is_best = |number: usize| (turn * 5..turn * 5 + 5).contains(&number);
    let load = |number: usize| if is_best(number) { 0.0 } else { 20.0 + number as f64 / 100.0 };
    (0..HOSTS).map(|number| rows::busy(&format!("node-{number:04}.cs.example.edu"), load(number), 8, 64)).collect()
}

fn run(mut command: Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn timed(command: Command) -> f64 {
    let start = Instant::now();
    run(command);
    start.elapsed().as_secs_f64() * 1e3
}

fn print(what: &str, goal: Option<f64>, mut measure: impl FnMut() -> f64) -> bool {
    measure();
    let mut times: Vec<f64> = (0..RUNS).map(|_| measure()).collect();
    times.sort_by(f64::total_cmp);
    let (median, p90) = (times[RUNS / 2], times[RUNS * 9 / 10]);
    let said = goal.map_or(String::new(), |goal| format!("{goal} ms{}", if median <= goal { "" } else { ": MISSED" }));
    println!("{what:<52} {median:>6.1} ms {p90:>6.1} ms  {said}");
    goal.is_none_or(|goal| median <= goal)
}
