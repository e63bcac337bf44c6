//! How long bytes take: `cargo bench --bench wire`. Prints each figure beside its goal.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "benches stand outside: they measure and print"
)]

#[path = "shared/plaintexts.rs"]
mod plaintexts;

use std::hint::black_box;
use std::time::{Duration, Instant};

use peermon::model::{
    Age, Aged, Card, Endpoint, HostState, HostView, Known, Load, Message, NodeId, Record, Report, SessionId, Tail,
    UnknownRecord, Version,
};
use peermon::wire::client::{self, HostTable, Reply};
use peermon::wire::datagram::{decode, encode};
use peermon::wire::limits::{DATAGRAM_DEFAULT, SEAL_OVERHEAD};

/// What a full datagram of the default size may take to decode, and a table of 2,000 hosts to encode.
const DECODE_GOAL: Duration = Duration::from_micros(100);
const TABLE_GOAL: Duration = Duration::from_millis(2);

fn main() {
    println!("{:<46} {:>8} {:>10} {:>10}", "", "bytes", "time", "goal");
    for (what, message) in messages() {
        let plaintext = full(&message);
        let time = median(|| drop(black_box(encode(black_box(&decode(&plaintext).unwrap()), 1_168))));
        line(&format!("decode and encode, {what}"), plaintext.len(), time, None);
        let time = median(|| drop(black_box(decode(black_box(&plaintext)))));
        line(&format!("decode, {what}"), plaintext.len(), time, Some(DECODE_GOAL));
    }
    for (what, plaintext) in plaintexts::hostile() {
        let time = median(|| drop(black_box(decode(black_box(&plaintext)))));
        line(&format!("decode, {what}"), plaintext.len(), time, Some(DECODE_GOAL));
    }
    let reply = Reply::Hosts(table(2_000));
    let frame = client::encode_reply(&reply);
    line(
        "encode a table of 2,000 hosts",
        frame.len(),
        median(|| drop(black_box(client::encode_reply(&reply)))),
        Some(TABLE_GOAL),
    );
    line("decode it", frame.len(), median(|| drop(black_box(client::decode_reply(&frame[4..])))), None);
}

fn line(what: &str, bytes: usize, time: Duration, goal: Option<Duration>) {
    let goal = goal.map(|goal| format!("{goal:?}")).unwrap_or_default();
    println!("{what:<46} {bytes:>8} {:>10} {goal:>10}", format!("{time:.1?}"));
}

/// The median of many, after as many to warm up.
fn median(mut work: impl FnMut()) -> Duration {
    (0..50).for_each(|_| work());
    let mut times: Vec<Duration> = (0..501)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

/// The first datagram of the default size.
fn full(message: &Message) -> Vec<u8> {
    encode(message, DATAGRAM_DEFAULT - SEAL_OVERHEAD).swap_remove(0)
}

fn messages() -> Vec<(&'static str, Message)> {
    let bundle = |record: fn(u32) -> Record| {
        let records = (0..100).map(|host| Aged { age: Age::from_hundredths(700 + host), value: record(host) });
        Message::Bundle { records: records.collect() }
    };
    let known = (0..100).map(|host| Known { id: endpoint(host).id(), version: version(host) }).collect();
    vec![
        ("reports", bundle(|host| Record::Report(report(host)))),
        ("cards", bundle(|host| Record::Card(Box::new(card(host))))),
        ("unknown kinds", bundle(unknown)),
        ("a look", Message::Look { known }),
        ("buckets", Message::Buckets { hashes: vec![0x1234_5678; Message::BUCKETS] }),
    ]
}

fn endpoint(host: u32) -> Endpoint {
    let [_, _, high, low] = host.to_be_bytes();
    Endpoint { address: [10, 1, high, low].into(), port: 1288, salt: 0 }
}

fn version(host: u32) -> Version {
    Version { incarnation: 1_784_000_000 + u64::from(host), sequence: 4_000 }
}

fn report(host: u32) -> Report {
    let load = Load { load1_hundredths: Some(300 + host), memory_available_mib: Some(31_000) };
    Report { id: endpoint(host).id(), version: version(host), card: 2, load, flags: 0, tail: Tail::default() }
}

fn card(host: u32) -> Card {
    Card {
        id: endpoint(host).id(),
        version: version(host),
        name: format!("node-{host}.cs.example.edu").parse().unwrap(),
        endpoint: endpoint(host),
        more_addresses: vec!["fe80::1".parse().unwrap()],
        session: SessionId::from_entropy(0x0123_4567_89ab_cdef),
        key_ids: vec![7],
        cores: Some(16),
        memory_total_mib: Some(64_000),
        labels: vec!["rack=7".parse().unwrap()],
        software: "2.0.0".into(),
        interval: Age::from_hundredths(2_000),
        collector: false,
        uptime_seconds: Some(1_000_000),
        tail: Tail::default(),
    }
}

fn unknown(host: u32) -> Record {
    let body = Tail([[0x18, 0x64]; 40].concat().into());
    Record::Unknown(UnknownRecord { kind: 9, id: endpoint(host).id(), version: version(host), body })
}

fn table(hosts: u32) -> HostTable {
    let mut hosts: Vec<HostView> = (0..hosts)
        .map(|host| {
            let card = card(host);
            HostView {
                id: card.id,
                name: card.name,
                address: card.endpoint.address,
                addresses: vec![card.endpoint.address, card.more_addresses[0]],
                port: card.endpoint.port,
                state: HostState::Fresh,
                age_hundredths: 1_300,
                load1_hundredths: Some(300),
                pending_hundredths: 0,
                cores: card.cores,
                memory_available_mib: Some(31_000),
                memory_total_mib: card.memory_total_mib,
                uptime_seconds: card.uptime_seconds,
                collector: false,
                labels: card.labels,
                software: card.software,
            }
        })
        .collect();
    hosts.sort_by_key(|host| host.id);
    let own: NodeId = hosts[0].id;
    HostTable { own, interval_hundredths: 2_000, isolated: false, up_seconds: 100, hosts }
}
