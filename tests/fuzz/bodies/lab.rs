//! The few hosts of whom all inputs speak, so that what one seed says of a host collides with what another says.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use peermon::gossip::Identity;
use peermon::model::{
    Age, Card, Endpoint, HostState, HostView, Load, Member, NodeId, Report, SessionId, Tail, Timestamp, Version,
};

/// Hosts that know each other when a fuzz input begins: enough that there are groups and relays.
pub const HOSTS: u8 = 30;

/// The host that hears the input.
pub const ME: u8 = 200;

/// When an input begins.
pub const START: Timestamp = Timestamp::from_micros(1_000_000_000);

/// Where host `host` is.
pub fn endpoint(host: u8) -> Endpoint {
    Endpoint { address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, host)), port: 1288, salt: 0 }
}

/// Where somebody is who is no member.
pub fn stranger() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 7], 4000))
}

/// The first session of `host`.
pub fn session(host: u8) -> SessionId {
    SessionId::from_entropy(0x0101_0101_0101_0100 | u64::from(host))
}

/// Who `host` is, to itself.
pub fn identity(host: u8) -> Identity {
    Identity {
        name: format!("node{host}.lab.test").parse().expect("a host name"),
        endpoint: endpoint(host),
        more_addresses: Vec::new(),
        labels: vec!["rack=7".parse().expect("a label")],
        software: "2.0.0".into(),
        key_ids: vec![7],
    }
}

/// Who `host` is, to its peers.
pub fn member(host: u8, key_ids: Vec<u8>) -> Member {
    Member { id: endpoint(host).id(), address: endpoint(host).socket(), session: session(host), key_ids }
}

/// The card of `host`.
pub fn card(host: u8, version: Version) -> Card {
    let Identity { name, endpoint, labels, software, key_ids, .. } = identity(host);
    Card {
        id: endpoint.id(),
        version,
        name,
        endpoint,
        more_addresses: Vec::new(),
        session: session(host),
        key_ids,
        cores: Some(8),
        memory_total_mib: Some(16_384),
        labels,
        software,
        interval: Age::from_hundredths(2_000),
        collector: false,
        uptime_seconds: Some(86_400),
        tail: Tail::default(),
    }
}

/// A report of `host`.
pub fn report(host: u8, version: Version) -> Report {
    Report {
        id: endpoint(host).id(),
        version,
        card: 1,
        load: Load { load1_hundredths: Some(150), memory_available_mib: Some(8_192) },
        flags: 0,
        tail: Tail::default(),
    }
}

/// `host`, as a client sees it.
pub fn view(host: u8) -> HostView {
    let Card { id, name, endpoint, cores, memory_total_mib, labels, software, uptime_seconds, .. } =
        card(host, Version::default());
    HostView {
        id,
        name,
        address: endpoint.address,
        addresses: vec![endpoint.address],
        port: endpoint.port,
        state: HostState::Fresh,
        age_hundredths: 700,
        load1_hundredths: Some(150),
        pending_hundredths: 0,
        cores,
        memory_available_mib: Some(8_192),
        memory_total_mib,
        uptime_seconds,
        collector: false,
        labels,
        software,
    }
}

/// Ids of hosts, in order.
pub fn ids(hosts: impl IntoIterator<Item = u8>) -> Vec<NodeId> {
    let mut ids: Vec<NodeId> = hosts.into_iter().map(|host| endpoint(host).id()).collect();
    ids.sort();
    ids
}
