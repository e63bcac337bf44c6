//! Rows to rank and to print.

use std::net::{IpAddr, Ipv4Addr};

use peermon::model::{HostName, HostState, HostView, NodeId};

/// A fresh host with 4 idle cores and 6 of 8 GiB available. The name is also what its address and id are made
/// from, so different names are different hosts.
pub fn host(name: &str) -> HostView {
    let name: HostName = name.parse().unwrap();
    let address = address_of(&name);
    HostView {
        id: NodeId::derive(address, 1288, 0),
        name,
        address,
        addresses: vec![address],
        port: 1288,
        state: HostState::Fresh,
        age_hundredths: 150,
        load1_hundredths: Some(0),
        pending_hundredths: 0,
        cores: Some(4),
        memory_available_mib: Some(6 << 10),
        memory_total_mib: Some(8 << 10),
        uptime_seconds: Some(86_400),
        collector: false,
        labels: Vec::new(),
        software: "2.0.0".into(),
    }
}

/// A host with these figures; memory in GiB.
pub fn busy(name: &str, load: f64, cores: u32, memory_gib: u32) -> HostView {
    HostView {
        load1_hundredths: Some((load * 100.0).round() as u32),
        cores: Some(cores),
        memory_available_mib: Some(memory_gib << 10),
        memory_total_mib: Some(memory_gib << 10),
        ..host(name)
    }
}

/// Somewhere in 10/8 (FNV-1a of the name).
fn address_of(name: &HostName) -> IpAddr {
    let hash =
        name.as_str().bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let [_, b, c, d] = hash.to_be_bytes();
    Ipv4Addr::new(10, b, c, d).into()
}
