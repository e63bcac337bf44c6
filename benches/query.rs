//! `cargo bench --bench query`: how long a client waits, with 100 and with 2,000 hosts in the table.
//!
//! A real daemon (the release executable) runs on a loopback address; one stand-in fills its table with cards and
//! reports of invented hosts, sealed as any member's. Then whole processes are timed, `peermon query` and
//! `peermon --version` (the floor: a process that only starts) in turn, and the daemon's part by itself: one request and
//! its reply, read to the end and not decoded. Exits 1 where a figure is above what is promised.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, clippy::unwrap_used, reason = "a bench measures")]

mod filled;

use std::process::ExitCode;
use std::time::Instant;

use filled::{Daemon, binary, fill};

const RUNS: usize = 60;

fn main() -> ExitCode {
    let mut kept = true;
    println!("{:<44} {:>9} {:>9} {:>9}  promise", "", "median", "p90", "ratio");
    for (hosts, whole_max) in [(100, 5.0), (2_000, 15.0)] {
        let daemon = Daemon::start();
        fill(hosts - 1);
        daemon.wait_for(hosts);
        let floor = summary(|| timed(|| daemon.peermon(&["--version"])));
        let table = summary(|| timed(|| daemon.peermon(&["query", "--output", "table"])));
        let json = summary(|| timed(|| daemon.peermon(&["query", "--json"])));
        let names = summary(|| timed(|| daemon.peermon(&["query", "-n", "5", "--output", "names"])));
        let exchange = summary(|| daemon.exchange());
        print(&format!("peermon --version (floor), N={hosts}"), floor, floor, None);
        kept &= print(&format!("peermon query, whole table, N={hosts}"), table, floor, Some(whole_max));
        kept &= print(&format!("peermon query --json, N={hosts}"), json, floor, Some(whole_max));
        kept &= print(&format!("peermon query -n 5, N={hosts}"), names, floor, Some(whole_max));
        kept &=
            print(&format!("request and reply, N={hosts}"), exchange, floor, Some(if hosts > 100 { 2.0 } else { 1.0 }));
    }
    let size = std::fs::metadata(binary()).unwrap().len() as f64 / 1e6;
    println!("\n{:<44} {size:>6.1} MB  5 MB stripped (this one keeps its symbol table)", binary().display());
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print(what: &str, (median, p90): (f64, f64), (floor, _): (f64, f64), most: Option<f64>) -> bool {
    let ratio = median / floor;
    let promise =
        most.map_or(String::new(), |most| format!("{most} ms: {}", if median <= most { "kept" } else { "NOT kept" }));
    println!("{what:<44} {median:>6.2} ms {p90:>6.2} ms {ratio:>9.2}  {promise}");
    most.is_none_or(|most| median <= most)
}

/// How long `run` takes, in milliseconds.
fn timed(run: impl Fn()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64() * 1e3
}

/// Median and 90th percentile.
fn summary(mut run: impl FnMut() -> f64) -> (f64, f64) {
    run();
    let mut times: Vec<f64> = (0..RUNS).map(|_| run()).collect();
    times.sort_by(f64::total_cmp);
    (times[RUNS / 2], times[RUNS * 9 / 10])
}
