//! The choosing options mean what they mean everywhere.

use std::time::Instant;

use peermon::model::HostView;

use super::fake_server::{FakeServer, Manners};
use super::{Updater, check_changed, lab_host};
use crate::command::check_failure;

/// Each the best in another way. The first is the daemon's own host.
fn hosts() -> Vec<HostView> {
    let host = |number, load, cores, memory_gib: u32, age_seconds: u64| HostView {
        cores: Some(cores),
        memory_available_mib: Some(memory_gib << 10),
        age_hundredths: age_seconds * 100,
        ..lab_host(number, load)
    };
    vec![
        // Balanced 0.26, 0.83, 1.5, 3.1; load per core 0.01, 0, 0.5, 3; memory 1000, 3, 2, 2000 GiB.
        host(1, 0.04, 4, 1_000, 1),
        host(2, 0.0, 2, 3, 1),
        host(3, 1.0, 2, 2, 10),
        host(4, 24.0, 8, 2_000, 20),
    ]
}

#[test]
fn every_choosing_option_chooses_as_it_does_for_other_commands() {
    let server = FakeServer::with(Manners::good());
    let updater = Updater::knowing(hosts());
    for (arguments, chosen) in [
        ("", &[1][..]),
        ("--policy balanced", &[1]),
        ("-c --cpu-delta 0", &[2]),
        ("--cpu --cpu-delta 0", &[2]),
        ("--policy cpu --cpu-delta 0", &[2]),
        ("-m", &[4]),
        ("--mem", &[4]),
        ("--policy mem", &[4]),
        ("--policy mem --mem-delta 2T --exclude node2,node3,node4", &[1]),
        ("-c -m", &[1]),
        ("--policy classic -m", &[4]),
        ("--exclude node1", &[2]),
        ("--exclude 10.0.0.1,node2", &[3]),
        ("--exclude-self", &[2]),
        ("--max-age 5 -n 4", &[1, 2]),
        ("--max-age 15 -n 4", &[1, 2, 3]),
        ("--min 4 -n 4 --strict", &[1, 2, 3, 4]),
    ] {
        let count = if arguments.contains("-n ") { "" } else { "-n 1" };
        let outcome = updater.run(&format!("--zone lab.test {count} --server {} {arguments}", server.address));
        let list: Vec<String> = chosen.iter().map(|number| format!("10.0.0.{number} (node{number})")).collect();
        check_changed(&outcome, &format!("peermon.lab.test: added {}; removed 192.0.2.99", list.join(", ")));
    }
    let drawn = |seed: u32| updater.run(&format!("--zone lab.test -n 2 -r --seed {seed} --server {}", server.address));
    assert_eq!(drawn(7), drawn(7));
    assert!((0..20).any(|seed| drawn(seed) != drawn(7)), "20 seeds draw the same");
}

#[test]
fn explain_shows_who_is_good_and_who_is_left_out_and_asks_no_server() {
    let server = FakeServer::with(Manners::good());
    let mut hosts = hosts();
    let loopback = "127.0.0.1".parse().unwrap();
    (hosts[3].address, hosts[3].addresses) = (loopback, vec![loopback]);
    let updater = Updater::knowing(hosts);
    let outcome = updater.run(&format!("--zone lab.test --explain --seed 1 --server {}", server.address));
    assert_eq!((outcome.stderr.as_str(), outcome.code), ("", Some(0)), "{outcome:?}");
    assert!(outcome.stdout.contains("\n  1  10.0.0.1 "), "{outcome:?}");
    assert!(outcome.stdout.contains("none of its addresses can be published"), "{outcome:?}");
    assert_eq!(server.came(), (0, 0));
}

#[test]
fn the_time_that_the_server_may_take_is_as_asked_for() {
    let updater = Updater::knowing(hosts());
    let silent = Manners { to_queries: vec![super::fake_server::Act::Silence], ..Manners::good() };
    let server = FakeServer::with(silent);
    for (patience, seconds) in [("0.2", 0.2), ("1s", 1.0)] {
        let begin = Instant::now();
        let outcome = updater.run(&format!("--zone lab.test --server {} --timeout {patience}", server.address));
        let took = begin.elapsed().as_secs_f64();
        check_failure(&outcome, 7, "timed out", "");
        assert!((seconds..seconds * 10.0).contains(&took), "{took} s");
    }
}
