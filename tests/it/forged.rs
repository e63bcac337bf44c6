//! What a member says that has gone mad: lies about others, and hosts that it invents. For tests and for
//! `cargo bench --bench hostile`.

use std::net::Ipv4Addr;
use std::time::Duration;

use peermon::model::{Age, Aged, Card, Endpoint, Load, NodeId, Record, Report, SessionId, Tail, Version};

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn card(endpoint: Endpoint, version: Version, interval: f64) -> Card {
    Card {
        id: endpoint.id(),
        version,
        name: "forged".parse().unwrap(),
        endpoint,
        more_addresses: Vec::new(),
        session: SessionId::new(0xf0f0).unwrap(),
        key_ids: vec![7],
        cores: Some(1_000),
        memory_total_mib: Some(1 << 20),
        labels: Vec::new(),
        software: "2".into(),
        interval: Age::from_duration(seconds(interval)),
        collector: false,
        uptime_seconds: Some(1),
        tail: Tail::default(),
    }
}

fn report(id: NodeId, version: Version) -> Report {
    let load = Load { load1_hundredths: Some(0), memory_available_mib: Some(1 << 20) };
    Report { id, version, card: version.sequence, load, flags: 0, tail: Tail::default() }
}

/// Card and report of a host that says it has nothing to do.
pub fn lies(endpoint: Endpoint, version: Version, interval: f64, age: f64) -> Vec<Aged<Record>> {
    let age = Age::from_duration(seconds(age));
    let card = Record::Card(Box::new(card(endpoint, version, interval)));
    [card, Record::Report(report(endpoint.id(), version))].map(|value| Aged { age, value }).to_vec()
}

/// Cards and reports of invented hosts, the `number`th and on, for one datagram.
pub fn invented(number: u32, count: u32, per_address: u32, interval: f64) -> Vec<Aged<Record>> {
    let version = Version { incarnation: 1_800_000_000, sequence: 1 };
    let hosts = number..number + count;
    hosts
        .flat_map(|host| {
            let address = Ipv4Addr::from(0x0b00_0000 + host / per_address);
            let port = 2_000 + 2 * (host % per_address) as u16;
            lies(Endpoint { address: address.into(), port, salt: 0 }, version, interval, 0.0)
        })
        .collect()
}
