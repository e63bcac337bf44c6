//! What sealing costs: `cargo bench --bench seal`. Without AES instructions:
//! `RUSTFLAGS='--cfg aes_backend="soft" --cfg polyval_backend="soft"' cargo bench --bench seal --target-dir target/soft`.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "benches stand outside: they measure and print"
)]

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use peermon::model::{
    Age, Aged, Destination, Load, Member, Message, NetworkList, NodeId, Record, Report, SessionId, Tail, Timestamp,
    Version,
};
use peermon::session::{DATAGRAM_DEFAULT, Keyring, Reject, Session};
use peermon::wire::datagram;
use peermon::wire::limits::{HOSTS_MAX, SEAL_OVERHEAD};

/// Datagrams in a batch: enough that the clock is no part of it.
const BATCH: u32 = 1_000;

/// Batches, of which the median counts.
const BATCHES: usize = 21;

/// Between two datagrams, so that no budget is spent.
const STEP: Duration = Duration::from_millis(4);

fn main() {
    let (mut a, mut b) = (host(1), host(2));
    let (to, from) = (card(2, &b), card(1, &a));
    let mut now = Timestamp::ZERO;
    a.admit(now, to.clone());
    b.admit(now, from.clone());
    let full = full_bundle();
    let to_b = Destination::Member(to.id);
    let datagram = seal(&mut a, now, &to_b, &full);
    println!("{:<58} {:>6} {:>9}", "", "bytes", "time");

    let line = |what: &str, bytes: usize, time: Duration| println!("{what:<58} {bytes:>6} {time:>9.2?}");
    let plaintext = datagram::encode(&full, DATAGRAM_DEFAULT - SEAL_OVERHEAD).remove(0);
    let encode = median(|| drop(black_box(datagram::encode(black_box(&full), DATAGRAM_DEFAULT - SEAL_OVERHEAD))));
    let decode = median(|| drop(black_box(datagram::decode(black_box(&plaintext)))));
    let sealing = median(|| drop(black_box(seal(&mut a, now, &to_b, &full))));
    line("encode a full bundle", plaintext.len(), encode);
    line("encode and seal it", datagram.len(), sealing);
    line("  of which sealing", datagram.len(), sealing.saturating_sub(encode));
    let opening = {
        let (a, b, now) = (&mut a, &mut b, &mut now);
        let fresh = || (0..BATCH).map(|_| seal(a, Timestamp::ZERO, &to_b, &full)).collect::<Vec<_>>();
        median_of(fresh, |datagram| {
            *now = now.after(STEP);
            assert!(b.open(*now, from.address, &datagram).is_ok());
        })
    };
    line("decode a full bundle", plaintext.len(), decode);
    line("open and decode it", datagram.len(), opening);
    line("  of which opening", datagram.len(), opening.saturating_sub(decode));

    let mut refuse = |what: &str, datagram: &[u8], reason: Reject| {
        let time = median(|| assert_eq!(b.open(now, from.address, black_box(datagram)), Err(reason)));
        line(&format!("refuse {what}"), datagram.len(), time);
    };
    refuse("another program's words", b"GET / HTTP/1.1\r\n\r\n", Reject::NotOurs);
    refuse("a copy", &datagram, Reject::Replay);
    let mut damaged = seal(&mut a, now, &to_b, &full);
    damaged[100] ^= 1;
    refuse("what is damaged", &damaged, Reject::DoesNotOpen);

    let hello = median(|| drop(black_box(a.hello(now, to.address))));
    line("say hello", 36, hello);
    memory();
}

/// Resident memory of a session with as many members as there may be, each of them heard.
fn memory() {
    let before = resident_kib();
    let mut host = host(1);
    let here = card(1, &host);
    let mut guest = self::host(2);
    guest.admit(Timestamp::ZERO, here.clone());
    let members = u32::try_from(HOSTS_MAX).unwrap();
    for number in 2..2 + members {
        guest.begin(Timestamp::ZERO, SessionId::from_entropy(u64::from(number)));
        host.admit(Timestamp::ZERO, card(number, &guest));
        let datagram = seal(&mut guest, Timestamp::ZERO, &Destination::Member(here.id), &Message::Heartbeat);
        assert!(host.open(Timestamp::ZERO, address(number), &datagram).is_ok());
    }
    let kib = resident_kib().saturating_sub(before);
    println!("memory of {members} members: {:.1} MiB, {} bytes each", kib as f64 / 1024.0, kib * 1024 / HOSTS_MAX);
    drop(host);
}

fn resident_kib() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4
}

fn host(number: u32) -> Session {
    let id = SessionId::from_entropy(1 << 40 | u64::from(number));
    Session::new(Timestamp::ZERO, "lab", Keyring::open("lab"), NetworkList::default(), DATAGRAM_DEFAULT, id)
}

fn address(number: u32) -> SocketAddr {
    (Ipv4Addr::from(0x0a00_0000 + number), 1288).into()
}

fn card(number: u32, session: &Session) -> Member {
    let address = address(number);
    let id = NodeId::derive(address.ip(), address.port(), 0);
    Member { id, address, session: session.id(), key_ids: Keyring::open("lab").key_ids() }
}

fn seal(session: &mut Session, now: Timestamp, to: &Destination, message: &Message) -> Vec<u8> {
    let mut datagrams = session.seal(now, to, message).unwrap().datagrams;
    assert_eq!(datagrams.len(), 1);
    datagrams.remove(0)
}

/// As many reports as one datagram holds.
fn full_bundle() -> Message {
    let report = |number: u32| {
        let id = NodeId::derive(address(number).ip(), 1288, 0);
        let version = Version { incarnation: 1_790_000_000, sequence: 4_000 + number };
        let load = Load { load1_hundredths: Some(number * 7), memory_available_mib: Some(60_000) };
        let report = Report { id, version, card: 3, load, flags: 0, tail: Tail::default() };
        Aged { age: Age::from_hundredths(300 + number), value: Record::Report(report) }
    };
    let bundle = |count: u32| Message::Bundle { records: (0..count).map(report).collect() };
    let fits = |count: &u32| datagram::encode(&bundle(*count), DATAGRAM_DEFAULT - SEAL_OVERHEAD).len() == 1;
    bundle((1..200).take_while(fits).last().unwrap())
}

/// The median time of one of a batch.
fn median(mut work: impl FnMut()) -> Duration {
    median_of(|| vec![(); BATCH as usize], |()| work())
}

/// The same of what is prepared first, and used up.
fn median_of<T>(mut prepare: impl FnMut() -> Vec<T>, mut work: impl FnMut(T)) -> Duration {
    let mut times: Vec<Duration> = (0..BATCHES)
        .map(|_| {
            let batch = prepare();
            let start = Instant::now();
            batch.into_iter().for_each(&mut work);
            start.elapsed() / BATCH
        })
        .collect();
    times.sort();
    times[BATCHES / 2]
}
