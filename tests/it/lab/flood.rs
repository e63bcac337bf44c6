//! Noise by the thousand, and answers to those who are nobody.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use peermon::model::{Destination, Known, Member, Message, NetworkList, NodeId, SessionId, Timestamp, Version};
use peermon::session::{DATAGRAM_DEFAULT, Keyring, Opened, Session};

use super::world::{Lab, flood};
use super::{alone_in_a_lab, in_a_lab};

const SECOND: Duration = Duration::from_secs(1);

/// Garbage in a millisecond, and for how long. `cargo bench --bench hostile` does it for 20 s and prints the figures.
const PER_MILLISECOND: u32 = 20;
const SPAN: Duration = Duration::from_secs(4);

/// Ten times what is promised of the slowest query in a hundred.
const QUERY_MAX: Duration = Duration::from_millis(500);

/// The `number`th piece of garbage: noise, a header of ours with noise, noise with a key that is known.
fn garbage(number: u64, key_id: u8) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..40 + number % 400).map(|place| (place * 31 + number * 7) as u8).collect();
    if !number.is_multiple_of(3) {
        bytes[..4].copy_from_slice(&[0xb5, 1, 3, if number % 3 == 1 { key_id } else { !key_id }]);
    }
    bytes
}

#[test]
fn twenty_thousand_garbage_datagrams_a_second_hold_up_neither_the_gossip_nor_clients() {
    alone_in_a_lab(|| {
        let mut lab = Lab::new(4);
        lab.seeds(1);
        lab.hosts_mut()[..3].iter_mut().for_each(super::world::Host::start);
        let all = [0, 1, 2];
        lab.expect("everybody knows everybody", SECOND, Instant::now(), |lab| lab.all_offer(&all));
        let socket = lab[3].network.within(|| UdpSocket::bind(("0.0.0.0", 4_000))).unwrap();
        let to = SocketAddr::new(lab[0].address, 1288);
        let key_id = Keyring::open("default").key_ids()[0];
        let done = AtomicBool::new(false);
        let (sent, slowest) = thread::scope(|scope| {
            let flooding = scope.spawn(|| {
                let sent = flood(&socket, to, PER_MILLISECOND, SPAN, |number| garbage(number, key_id));
                done.store(true, Ordering::Relaxed);
                sent
            });
            let mut slowest = Duration::ZERO;
            while !done.load(Ordering::Relaxed) {
                let asked = Instant::now();
                assert_eq!(lab[0].table().unwrap().hosts.len(), 3);
                slowest = slowest.max(asked.elapsed());
                lab.all_offer(&all).unwrap();
                thread::sleep(Duration::from_millis(10));
            }
            (flooding.join().unwrap(), slowest)
        });
        let status = lab[0].status().unwrap();
        let refused: u64 = status.rejects.iter().map(|reject| reject.count).sum();
        eprintln!(
            "{sent} sent, {refused} refused, {} dropped by the kernel; slowest {slowest:.2?}",
            status.kernel_drops
        );
        assert!(sent > 20_000, "{sent}");
        assert!(refused + status.kernel_drops + 1_000 > sent, "{refused} of {sent} are accounted for");
        for reason in ["not_ours", "unknown_key", "does_not_open"] {
            assert_eq!(lab[0].refused(reason), Some(lab[3].address), "{reason}");
        }
        assert!(slowest < QUERY_MAX, "{slowest:.2?}");
        lab.expect("and all is as before", SECOND, Instant::now(), |lab| lab.all_offer(&all));
    });
}

/// Somebody who knows the network's name, and is no member.
struct Stranger {
    socket: UdpSocket,
    session: Session,
    /// Datagrams and bytes.
    sent: [usize; 2],
    received: [usize; 2],
}

impl Stranger {
    fn send(&mut self, datagrams: &[Vec<u8>], to: SocketAddr) {
        for datagram in datagrams {
            self.socket.send_to(datagram, to).unwrap();
            self.sent = [self.sent[0] + 1, self.sent[1] + datagram.len()];
        }
    }

    #[track_caller]
    fn check(&self) {
        let Self { sent, received, .. } = self;
        assert!(received[0] <= sent[0] && received[1] <= sent[1], "{received:?} datagrams and bytes for {sent:?}");
    }

    /// Takes what has come, and returns the session of who answered a hello.
    fn receive(&mut self) -> Option<SessionId> {
        let (mut session, mut bytes) = (None, [0; 2_048]);
        while let Ok((length, from)) = self.socket.recv_from(&mut bytes) {
            self.received = [self.received[0] + 1, self.received[1] + length];
            if let Ok(Opened::Welcome { session: theirs, .. }) =
                self.session.open(Timestamp::ZERO, from, &bytes[..length])
            {
                session = Some(theirs);
            }
        }
        session
    }
}

#[test]
fn a_stranger_is_sent_no_more_bytes_than_came_from_it_whatever_it_asks() {
    in_a_lab(|| {
        let mut lab = Lab::new(6);
        lab.seeds(1);
        lab.hosts_mut()[..5].iter_mut().for_each(super::world::Host::start);
        lab.expect("all know all", SECOND, Instant::now(), |lab| lab.all_offer(&[0, 1, 2, 3, 4]));
        let ids: Vec<NodeId> = lab[0].table().unwrap().hosts.iter().map(|host| host.id).collect();
        let socket = lab[5].network.within(|| UdpSocket::bind(("0.0.0.0", 4_001))).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let (keyring, id) = (Keyring::open("default"), SessionId::from_entropy(99));
        let key_ids = keyring.key_ids();
        let session = Session::new(Timestamp::ZERO, "default", keyring, NetworkList::default(), DATAGRAM_DEFAULT, id);
        let mut stranger = Stranger { socket, session, sent: [0; 2], received: [0; 2] };
        let IpAddr::V4(address) = lab[0].address else { unreachable!("a lab of IPv4") };
        let to = SocketAddr::new(address.into(), 1288);
        let hello = stranger.session.hello(Timestamp::ZERO, to).datagrams;
        stranger.send(&hello, to);
        thread::sleep(Duration::from_millis(100));
        let theirs = stranger.receive().expect("a hello is answered");
        let there = NodeId::derive(address.into(), 1288, 0);
        stranger.session.admit(Timestamp::ZERO, Member { id: there, address: to, session: theirs, key_ids });
        let questions = [
            Message::Ping { token: 7 },
            Message::CardHash { hash: 7, confirm: true },
            Message::Buckets { hashes: vec![7; Message::BUCKETS] },
            Message::WantCards { ids: ids.clone() },
            Message::Look { known: ids.iter().map(|id| Known { id: *id, version: Version::default() }).collect() },
            Message::AskCards { from: NodeId::from_bytes([0; 6]), to: NodeId::from_bytes([255; 6]), known: Vec::new() },
        ];
        for turn in 0..60 {
            let question = &questions[turn % questions.len()];
            let sealed = stranger.session.seal(Timestamp::ZERO, &Destination::Member(there), question).unwrap();
            stranger.send(&sealed.datagrams, to);
            stranger.receive();
            stranger.check();
            thread::sleep(Duration::from_millis(10));
        }
        // What comes late.
        thread::sleep(SECOND / 2);
        stranger.receive();
        stranger.check();
        let Stranger { sent, received, .. } = stranger;
        assert!(received[1] * 5 > sent[1], "it was answered: {received:?} for {sent:?}");
    });
}
