//! Who listens on the wire, and who plays what was captured again with the addresses that it had.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::in_a_lab;
use super::world::{Lab, Packet, Spoofer, Wiretap, key};

const SECOND: Duration = Duration::from_secs(1);

/// How often all that was captured is played again.
const TURNS: usize = 20;

fn keyed(count: usize) -> Lab {
    let lab = Lab::new(count);
    lab.seeds(2);
    lab.hosts().iter().for_each(|host| host.write_secret("gossip.key", &key(1)));
    lab
}

fn packets(frames: &BTreeSet<Vec<u8>>) -> Vec<Packet> {
    frames.iter().filter_map(|frame| Packet::from_frame(frame)).collect()
}

/// What no outsider may read: names, labels, the network, addresses, loads (as CBOR has them).
fn secrets(lab: &Lab) -> Vec<(String, Vec<u8>)> {
    let mut secrets: Vec<(String, Vec<u8>)> =
        ["host-", "rack=cellar", "secret-lab"].map(|word| (word.to_owned(), word.as_bytes().to_vec())).to_vec();
    for host in lab.hosts() {
        let IpAddr::V4(address) = host.address else { unreachable!("a lab of IPv4") };
        secrets.push((format!("address {address}"), address.octets().to_vec()));
        // 61,000 hundredths and on: 0x19 and two bytes in CBOR, then the memory, likewise.
        let load = (host.figures.load * 100.0).round() as u16;
        let memory = u16::try_from(host.figures.memory_available_mib).unwrap();
        let figures = [&[0x19][..], &load.to_be_bytes(), &[0x19], &memory.to_be_bytes()].concat();
        secrets.push((format!("load {load}"), figures));
    }
    secrets
}

fn holds(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|part| part == word)
}

#[test]
fn who_listens_on_a_keyed_network_reads_no_name_no_address_and_no_load() {
    in_a_lab(|| {
        let mut lab = keyed(4);
        for (place, host) in lab.hosts_mut().iter_mut().enumerate() {
            host.set_load(610.0 + place as f64);
            host.give(&["--label", "rack=cellar", "--network", "secret-lab"]);
        }
        let mut tap = lab.wiretap();
        let started = lab.start();
        lab.expect("everybody knows everybody", SECOND, started, |lab| lab.all_offer(&[0, 1, 2, 3]));
        let passed = packets(&tap.frames(SECOND * 4));
        assert!(passed.len() > 50, "{} datagrams were captured", passed.len());
        for (what, word) in secrets(&lab) {
            for packet in &passed {
                assert!(!holds(packet.payload(), &word), "{what} in {:02x?}", packet.payload());
            }
        }
        // The same search finds what is in clear: clients on the host itself, which no other host sees.
        let mut tap = Wiretap::new(&lab[0].network);
        assert!(lab[0].run(&["query", "--json", "--socket", "127.0.0.1:1981"]).status.success());
        let frames = tap.frames(SECOND / 5);
        for (what, word) in secrets(&lab).iter().filter(|(what, _)| !what.starts_with("load") && what != "secret-lab") {
            assert!(frames.iter().any(|frame| holds(frame, word)), "{what} is not found where it is in clear");
        }
    });
}

#[test]
fn captured_datagrams_that_are_played_again_change_no_table_before_or_after_a_restart() {
    in_a_lab(|| {
        let mut lab = keyed(5);
        let mut tap = lab.wiretap();
        lab.hosts_mut()[..4].iter_mut().for_each(super::world::Host::start);
        lab.expect("all know all", SECOND, Instant::now(), |lab| lab.all_offer(&[0, 1, 2, 3]));
        let captured = packets(&tap.frames(SECOND * 5));
        let spoofer = Spoofer::new(&lab[4].network);
        // One host says goodbye, one is killed: what they said must not bring them back.
        lab[2].daemon().signal(Signal::SIGTERM);
        lab[3].kill();
        lab[2].daemon().ended(SECOND * 3).expect("it ends");
        lab[2].kill();
        lab.expect("two are gone", SECOND * 6, Instant::now(), |lab| lab.all_offer(&[0, 1]));
        let replay = |lab: &Lab, what: &str| {
            let (mut played, begin) = (0, Instant::now());
            for _ in 0..TURNS {
                for packet in &captured {
                    spoofer.send(packet);
                    played += 1;
                    if played % 20 == 0 {
                        thread::sleep(Duration::from_millis(1));
                    }
                }
                lab.all_offer(&[0, 1]).unwrap_or_else(|why| panic!("{what}: {why}"));
            }
            eprintln!("{what}: {played} played again in {:.2?}", begin.elapsed());
            let to_first = captured.iter().filter(|packet| IpAddr::from(packet.target()) == lab[0].address).count();
            let status = lab[0].status().unwrap();
            let refused: u64 = status.rejects.iter().map(|reject| reject.count).sum();
            let expected = (TURNS * to_first) as u64;
            assert!(refused + status.kernel_drops >= expected * 9 / 10, "{what}: {refused} of {expected} were refused");
            for budget in ["member_budget", "stranger_budget", "crowded", "malformed"] {
                assert_eq!(lab[0].refused(budget), None, "{what}");
            }
            // Those that went stay away, however young what was captured says that they are.
            for name in ["host-3", "host-4"] {
                assert!(lab[0].view_of(name).is_none_or(|view| !view.state.is_offered()), "{what}: {name} is back");
            }
        };
        replay(&lab, "before a restart");
        lab[0].kill();
        lab[0].start();
        lab.expect("it is back", SECOND * 2, Instant::now(), |lab| lab.all_offer(&[0, 1]));
        replay(&lab, "after a restart");
        thread::sleep(SECOND);
        lab.all_offer(&[0, 1]).unwrap();
    });
}
