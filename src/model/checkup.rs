//! What a daemon tells `peermon doctor`: what it stands on, and what came of looking for others just now.

use std::net::{IpAddr, SocketAddr};

use super::node::{HostName, NodeId};

/// What a daemon tells `peermon doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkup {
    /// A private network (`-u`).
    pub private: bool,
    /// The settings file that it reads.
    pub settings: FileInUse,
    /// A few peers to start from.
    pub machines: FileInUse,
    /// Accepted address prefixes.
    pub valid_ips: FileInUse,
    /// The network's key.
    pub key: FileInUse,
    /// Where it reads this host's figures: the bytes of a path.
    pub proc_root: Box<[u8]>,
    /// The only address at which it listens, a loopback address that was asked for; `None`: all of this host's.
    pub bound: Option<IpAddr>,
    /// The intervals of all living hosts, each once, in ascending order.
    pub intervals: Vec<IntervalInUse>,
    /// Hundredths of a second since the examination began of which the rest tells.
    pub examined_hundredths: u64,
    /// Nothing more will come of it.
    pub is_over: bool,
    /// Peers that were asked whether they reach this host.
    pub peers: Vec<PeerFinding>,
    /// The lines of the machines file.
    pub seeds: Vec<SeedFinding>,
}

/// A file that a daemon reads, where it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileInUse {
    /// The bytes of its path.
    pub path: Box<[u8]>,
    /// Somebody said that it lies there, so it must be there.
    pub named: bool,
}

/// How many hosts tell their load at this interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntervalInUse {
    /// T in hundredths of a second.
    pub hundredths: u32,
    /// How many hosts.
    pub hosts: u32,
    /// One of them.
    pub example: HostName,
}

/// What came of asking one peer whether it reaches this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerFinding {
    /// Its name.
    pub name: HostName,
    /// Where it was asked.
    pub address: IpAddr,
    /// What came of it.
    pub reach: Reach,
}

/// Whether a peer reaches this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// What it sent without being asked has arrived.
    Reaches,
    /// Its answers arrive, and what it sends without being asked does not.
    OnlyAnswers,
    /// Nothing of it has arrived (yet).
    Silent,
}

/// What is known of a line of the machines file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedFinding {
    /// As it stands there, with its port.
    pub machine: String,
    /// What came of it: the best of its addresses.
    pub state: SeedState,
}

/// What came of saying hello to a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeedState {
    /// It answers.
    Answers,
    /// It is this host itself.
    Own,
    /// It has not been said hello to: it is one of very many.
    NotAsked,
    /// Nobody listens at its port.
    Refuses,
    /// Nothing came back (yet).
    Silent,
    /// Its name does not resolve (yet).
    Unresolved,
}

/// What the state machine found out when it last looked for others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examination {
    /// Hundredths of a second since it began.
    pub age_hundredths: u64,
    /// Nothing more will come of it.
    pub is_over: bool,
    /// Peers that were asked whether they reach this host.
    pub peers: Vec<(NodeId, Reach)>,
    /// Seeds that were said hello to.
    pub seeds: Vec<(SocketAddr, SeedState)>,
}
