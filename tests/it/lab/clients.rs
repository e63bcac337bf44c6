//! Many, slow, silent and foreign clients.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use peermon::wire::client::{Reply, Request, decode_reply, encode_request};

use super::world::{Host, Lab};
use super::{alone_in_a_lab, in_a_lab};

const SECOND: Duration = Duration::from_secs(1);

/// Longest that a new query may take beside a thousand others: ten times what is promised.
const QUERY_MAX: Duration = SECOND;

fn three_hosts() -> Lab {
    let mut lab = Lab::new(3);
    lab.seeds(1);
    let started = lab.start();
    lab.expect("everybody knows everybody", SECOND, started, |lab| lab.all_offer(&[0, 1, 2]));
    lab
}

/// How many connections this process can have: a thousand where that is allowed.
fn connections() -> usize {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if soft < 2_000 {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard.min(2_000), hard);
    }
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    // Other tests run in this process too.
    if soft >= 1_500 { 1_000 } else { (soft / 2).try_into().unwrap() }
}

#[test]
fn a_thousand_slow_or_silent_clients_hold_up_neither_a_query_nor_the_gossip() {
    alone_in_a_lab(|| {
        let lab = three_hosts();
        let most = connections();
        assert!(most >= 400, "only {most} connections can be made here");
        let request = encode_request(&Request::Hosts);
        let mut clients = Vec::new();
        let begin = Instant::now();
        for number in 0..most {
            let mut client = UnixStream::connect(lab[0].socket()).unwrap();
            // Idle; half a header; half a body; asks and never reads.
            let said = match number % 4 {
                0 => &[],
                1 => &request[..2],
                2 => &request[..request.len() - 1],
                _ => &request[..],
            };
            client.write_all(said).unwrap();
            clients.push(client);
        }
        eprintln!("{most} clients came within {:.2?}", begin.elapsed());
        // Longer than the two seconds in which a request must be whole.
        let mut slowest = Duration::ZERO;
        while begin.elapsed() < SECOND * 4 {
            let asked = Instant::now();
            assert_eq!(lab[0].table().unwrap().hosts.len(), 3);
            slowest = slowest.max(asked.elapsed());
            for host in &lab.hosts()[1..] {
                let view = host.view_of("host-1").unwrap();
                assert_eq!(view.state.as_str(), "fresh", "to {}, aged {} hundredths", host.name, view.age_hundredths);
            }
            thread::sleep(Duration::from_millis(20));
        }
        let asked = Instant::now();
        assert!(lab[0].run(&["query"]).status.success());
        eprintln!("slowest query: {slowest:.2?}, a process: {:.2?}", asked.elapsed());
        assert!(slowest < QUERY_MAX, "{slowest:.2?}");
        drop(clients);
        lab.all_offer(&[0, 1, 2]).unwrap();
    });
}

/// Everything that comes back before the daemon closes.
fn answer_to(host: &Host, said: &[u8]) -> Vec<u8> {
    let mut answers = Vec::new();
    let mut unix = UnixStream::connect(host.socket()).unwrap();
    let mut tcp = host.network.within(|| TcpStream::connect("127.0.0.1:1981")).unwrap();
    unix.set_read_timeout(Some(SECOND * 6)).unwrap();
    tcp.set_read_timeout(Some(SECOND * 6)).unwrap();
    // A daemon that closes early makes the rest of a long request fail.
    let _ = (unix.write_all(said), tcp.write_all(said));
    let mut first = Vec::new();
    let _ = unix.read_to_end(&mut first);
    let _ = tcp.read_to_end(&mut answers);
    assert_eq!(first, answers, "to {:?}…", &said[..said.len().min(20)]);
    answers
}

#[test]
fn who_speaks_otherwise_is_refused_in_words_and_nothing_leaks() {
    in_a_lab(|| {
        let mut lab = three_hosts();
        let long = |length: u32| [&length.to_be_bytes()[..], &vec![0x80; 100_000][..]].concat();
        let status = encode_request(&Request::Status);
        let mut trailing = status.clone();
        trailing.push(0);
        let not_ours = "not the client protocol of peermon";
        let foreign: &[(&[u8], &str)] = &[
            (b"GET / HTTP/1.1\r\nHost: 127.0.0.1:1981\r\n\r\n", not_ours),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", not_ours),
            (b"\0\0\0\0", not_ours),
            (&long(100_000), not_ours),
            (&long(4_097), not_ours),
            (&long(u32::MAX), not_ours),
            (&[0x9f; 4_000], not_ours),
            (b"\0\0\0\x04\xff\xff\xff\xff", "a malformed frame"),
            (&trailing, "a malformed frame"),
            (b"\0\0\0\x03\x82\x01\x17", "a kind of frame (23) of a newer version"),
            (b"\0\0\0\x03\x82\x02\x00", "version 2 of the client protocol, where 1 is spoken"),
        ];
        for (said, wrong) in foreign {
            let answer = answer_to(&lab[0], said);
            match decode_reply(&answer[4..]) {
                Ok(Reply::Refused(why)) => assert_eq!(why, *wrong),
                other => panic!("{other:?}"),
            }
        }
        // Half a request is given up after a while.
        assert_eq!(answer_to(&lab[0], &status[..3]), b"");
        let pid = lab[0].daemon().pid();
        let process = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let resident = process.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kib: u64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(kib < 65_536, "{kib} KiB after all that");
        let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
        assert!(files < 40, "{files} files are open after all that");
        lab.all_offer(&[0, 1, 2]).unwrap();
    });
}
