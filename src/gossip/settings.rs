//! What a node is told at its start, and the bounds that it keeps.

use std::net::IpAddr;
use std::time::Duration;

use crate::model::{Endpoint, HostName, Label, NetworkList};

/// Most hosts in a table, this one included: 10,000 and room for churn, at about 1 KiB each.
pub const HOSTS_MAX: usize = 16_384;

/// Who this host is, as the shell knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// What people call it.
    pub name: HostName,
    /// Where others reach it. The salt is the node's affair: begin with 0.
    pub endpoint: Endpoint,
    /// Its other addresses.
    pub more_addresses: Vec<IpAddr>,
    /// What its administrator said of it.
    pub labels: Vec<Label>,
    /// Version of peermon.
    pub software: Box<str>,
    /// First byte of the hash of each key that it holds, in order.
    pub key_ids: Vec<u8>,
}

/// How a node behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// T: how often it tells its load. 0.2 to 300 s.
    pub interval: Duration,
    /// Uses the data, offers no resources.
    pub collector: bool,
    /// Which addresses may take part; checks every record.
    pub valid: NetworkList,
    /// Most hosts in the table.
    pub hosts_max: usize,
    /// Most UDP payload in one datagram, for how much to say at once.
    pub max_datagram: usize,
}
