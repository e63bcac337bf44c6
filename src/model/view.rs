//! What a daemon tells its clients.

use std::net::IpAddr;

use super::card::Label;
use super::node::{HostName, NodeId};

/// How much a host's record is to be believed. Ages are compared with T, the larger of the host's own
/// interval and the median of all living hosts'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostState {
    /// Age up to max(2 T, 1 s).
    Fresh,
    /// Age up to max(6 T, 3 s): offered after its equals.
    Late,
    /// A watcher's suspicion covers its newest version.
    Suspect,
    /// It said that it leaves.
    Left,
    /// Older than all that.
    Dead,
}

impl HostState {
    /// As in tables and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Late => "late",
            Self::Suspect => "suspect",
            Self::Left => "left",
            Self::Dead => "dead",
        }
    }

    /// Whether a host in this state may be offered at all.
    #[must_use]
    pub fn is_offered(self) -> bool {
        match self {
            Self::Fresh | Self::Late => true,
            Self::Suspect | Self::Left | Self::Dead => false,
        }
    }
}

/// One host, as a client sees it. What is unknown is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct HostView {
    /// Its place on the ring.
    pub id: NodeId,
    /// What people call it.
    pub name: HostName,
    /// The address that it advertises.
    pub address: IpAddr,
    /// All its addresses, the advertised one first.
    pub addresses: Vec<IpAddr>,
    /// Its gossip port.
    pub port: u16,
    /// How much to believe it.
    pub state: HostState,
    /// Time since it measured itself, in hundredths of a second.
    pub age_hundredths: u64,
    /// 1-minute load as it said it, in hundredths.
    pub load1_hundredths: Option<u32>,
    /// Jobs that this daemon's clients have sent there and that its load does not show yet, in hundredths.
    pub pending_hundredths: u32,
    /// Processors that a process there can use.
    pub cores: Option<u32>,
    /// Available memory in MiB.
    pub memory_available_mib: Option<u32>,
    /// All memory in MiB.
    pub memory_total_mib: Option<u32>,
    /// Seconds since it started, as of now.
    pub uptime_seconds: Option<u64>,
    /// Uses the data, offers no resources: never a target.
    pub collector: bool,
    /// What its administrator said of it.
    pub labels: Vec<Label>,
    /// Version of peermon that runs there.
    pub software: Box<str>,
}

impl HostView {
    /// Whether any tool may send work there: state, collector, and load and cores known.
    #[must_use]
    pub fn is_offered(&self) -> bool {
        self.state.is_offered() && !self.collector && self.load1_hundredths.is_some() && self.cores.is_some()
    }
}

/// How many hosts are in each state, this one included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names are those of HostState")]
pub struct StateCounts {
    pub fresh: u32,
    pub late: u32,
    pub suspect: u32,
    pub left: u32,
    pub dead: u32,
}

/// Datagrams refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectCount {
    /// The reason's name, as in `--status`.
    pub reason: String,
    /// How many since the daemon started.
    pub count: u64,
    /// Who sent the last of them.
    pub last_sender: Option<IpAddr>,
}

/// What `peermon query --status` shows: the daemon itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonStatus {
    /// This host's name.
    pub name: HostName,
    /// Version of peermon.
    pub software: Box<str>,
    /// The daemon's process id.
    pub pid: u32,
    /// Seconds since the daemon started.
    pub up_seconds: u64,
    /// The network's name.
    pub network: String,
    /// Whether a key closes the network.
    pub keyed: bool,
    /// T in hundredths of a second.
    pub interval_hundredths: u32,
    /// The gossip port.
    pub port: u16,
    /// The address that others are told.
    pub address: IpAddr,
    /// Hosts by state, collectors and this one included.
    pub hosts: StateCounts,
    /// Hundredths of a second since a member was last heard; `None`: never.
    pub last_heard_hundredths: Option<u64>,
    /// Hears nobody: what it offers follows the ages.
    pub isolated: bool,
    /// Another host with this host's id seems to be running (a cloned machine).
    pub twin: bool,
    /// Members whose card lacks the key that this host puts first.
    pub lacking_first_key: u32,
    /// Datagrams and bytes of UDP payload since start.
    pub datagrams_in: u64,
    #[allow(missing_docs, reason = "as above")]
    pub datagrams_out: u64,
    #[allow(missing_docs, reason = "as above")]
    pub bytes_in: u64,
    #[allow(missing_docs, reason = "as above")]
    pub bytes_out: u64,
    /// Datagrams that the kernel dropped because the socket was full.
    pub kernel_drops: u64,
    /// Datagrams that the kernel would not send.
    pub send_errors: u64,
    /// Refused datagrams by reason, most frequent first.
    pub rejects: Vec<RejectCount>,
}
