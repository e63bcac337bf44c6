//! The client protocol: one request and one reply a frame, over a Unix socket or loopback TCP.

use crate::model::{DaemonStatus, HostView, NodeId};

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The whole table.
    Hosts,
    /// The daemon itself.
    Status,
    /// "I go there": placements per host, which `pending` counts.
    Place(Vec<Placement>),
}

/// So many jobs for one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Where they go.
    pub id: NodeId,
    /// How many.
    pub count: u32,
}

/// The whole table, as the daemon sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTable {
    /// The daemon's own host.
    pub own: NodeId,
    /// T of the daemon's own host, in hundredths of a second.
    pub interval_hundredths: u32,
    /// Hears nobody: what is offered follows the ages.
    pub isolated: bool,
    /// Seconds since the daemon started.
    pub up_seconds: u64,
    /// All hosts in order of ids, in every state.
    pub hosts: Vec<HostView>,
}

/// What the daemon answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// To [`Request::Hosts`].
    Hosts(HostTable),
    /// To [`Request::Status`].
    Status(Box<DaemonStatus>),
    /// To [`Request::Place`].
    Placed,
    /// The request was not understood or not granted.
    Refused(String),
}
