//! Real daemons, each in a network namespace of its own.
//!
//! `world` makes the hosts; it needs root, or a kernel in which anybody may be root of a namespace. Times are what is
//! promised times three. What was measured is printed, and shown when a test fails or with `--nocapture`.

mod clients;
mod convergence;
mod families;
mod faults;
mod life;
mod measures;
mod options;
mod story;
mod strangers;
mod world;
mod wrong_input;

use std::env;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::skip;
use world::Namespace;

/// Set in a run of one test that is root of a user namespace.
const INSIDE: &str = "PEERMON_TESTS_INSIDE_NAMESPACE";

/// The tests that keep both cores busy for seconds run one after another, so that their times are honest.
static HEAVY: Mutex<()> = Mutex::new(());

/// Runs `test` where networks can be made: here, else in a process of its own that may do that, else not.
pub fn in_a_lab(test: impl FnOnce()) {
    match Namespace::new() {
        Ok(_) => test(),
        Err(why) if env::var_os(INSIDE).is_some() => skip::because(&why),
        Err(why) => match Command::new("unshare").args(["-Urn", "true"]).output() {
            Ok(output) if output.status.success() => again_as_root_of_a_namespace(),
            _ => skip::because(&format!("{why}, and unshare -Urn does not help")),
        },
    }
}

/// As [`in_a_lab`], and alone among its like.
pub fn alone_in_a_lab(test: impl FnOnce()) {
    let _turn = HEAVY.lock().unwrap_or_else(PoisonError::into_inner);
    in_a_lab(test);
}

fn again_as_root_of_a_namespace() {
    let name = thread::current().name().expect("a test has a name").to_owned();
    let output = Command::new("unshare")
        .args(["-Urn", "--kill-child"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    eprintln!("{said}");
    assert!(output.status.success(), "{name} fails as root of a user namespace");
    if let Some(why) = said.lines().find_map(|line| line.strip_prefix(&format!("skipped: {name}: "))) {
        skip::because(why);
    }
}

mod ground {
    //! The lab itself: a test on ground that does not hold shows nothing.

    use std::io::ErrorKind;
    use std::net::{SocketAddr, UdpSocket};
    use std::time::Duration;

    use super::in_a_lab;
    use super::world::{Families, Lab};

    /// A socket on each host, and its address.
    fn sockets(lab: &Lab) -> Vec<(UdpSocket, SocketAddr)> {
        let bind = |host: &super::world::Host| {
            let socket = host.network.within(|| UdpSocket::bind((host.address, 7))).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            let address = socket.local_addr().unwrap();
            (socket, address)
        };
        lab.hosts().iter().map(bind).collect()
    }

    /// Of `count` datagrams, how many arrive.
    fn arrivals(from: &(UdpSocket, SocketAddr), to: &(UdpSocket, SocketAddr), count: usize) -> usize {
        for _ in 0..count {
            from.0.send_to(&[0; 100], to.1).unwrap();
        }
        let mut arrived = 0;
        loop {
            match to.0.recv_from(&mut [0; 100]) {
                Ok(_) => arrived += 1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return arrived,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Whether datagrams arrive: soon, or not at all.
    fn hears(from: &(UdpSocket, SocketAddr), to: &(UdpSocket, SocketAddr)) -> bool {
        (0..10).any(|_| arrivals(from, to, 1) > 0)
    }

    #[test]
    fn hosts_of_a_lab_hear_each_other_until_they_are_split() {
        in_a_lab(|| {
            for families in [Families::V4, Families::V6] {
                let lab = Lab::of(4, families);
                let sockets = sockets(&lab);
                assert!(hears(&sockets[0], &sockets[3]));
                lab.split(&[&[0, 1], &[2]]);
                assert!(hears(&sockets[0], &sockets[1]));
                assert_eq!(arrivals(&sockets[0], &sockets[3], 3), 0);
                assert_eq!(arrivals(&sockets[2], &sockets[3], 3), 0);
                lab.join(2);
                assert!(hears(&sockets[0], &sockets[3]));
            }
        });
    }

    #[test]
    fn a_lab_loses_as_many_packets_as_it_is_told_and_counts_the_bytes_of_all() {
        in_a_lab(|| {
            let lab = Lab::new(2);
            let sockets = sockets(&lab);
            // The first one waits for ARP.
            assert!(hears(&sockets[0], &sockets[1]));
            let before = lab.sent()[0];
            assert_eq!(arrivals(&sockets[0], &sockets[1], 200), 200);
            let sent = lab.sent()[0];
            let (bytes, packets) = (sent.bytes - before.bytes, sent.packets - before.packets);
            // 100 bytes, and 42 of UDP, IPv4 and Ethernet; ARP may add some.
            assert!((28_400..29_000).contains(&bytes), "{bytes}");
            assert!((200..210).contains(&packets), "{packets}");
            lab.lose(20);
            let arrived = (0..5).map(|_| arrivals(&sockets[0], &sockets[1], 200)).sum::<usize>();
            assert!((700..900).contains(&arrived), "{arrived}");
            assert_eq!(lab.filtered() as usize, 1_000 - arrived);
        });
    }
}
