//! The state machine: what to tell whom, what to believe. Pure.
//!
//! [`Node::step`] is the only entrance; [`Node::next_deadline`] tells when it next wants [`Input::Tick`].
//! It speaks typed messages and counts records; bytes, keys and sockets are others' affair. N is the number
//! of hosts, T the interval at which a host tells its load. docs/gossip.md has the reasons and the figures.
//!
//! # The six rules
//!
//! 1. **Groups** (`groups`). A host's group is the first b bits of its id, b = round(log2 sqrt(3 N)): groups
//!    of about sqrt(N / 3) hosts (the affinity groups of Kelips, Gupta et al. 2003). Among few hosts
//!    everybody is a group.
//! 2. **Hand over, hold, bundle** (`relay`, `outbox`). Each T a host hands its report to one member of each
//!    group; that relay holds it for T/4, so that many share a datagram, and tells its whole group: two hops,
//!    one copy. Urgent news (a card, a leave, a suspicion, a job start) takes the same way with a hold of
//!    0.1 s. What comes in a bundle is never forwarded.
//! 3. **Look for what is old** (`look`). Twelve times per T a host asks the next host of a walk for whatever
//!    is older than 1.35 T here. Nothing old, nothing sent.
//! 4. **Sync cards** (`sync`, `join`). Four times per T a host compares a hash of all cards with the next host
//!    of another walk, and asks for those that it lacks. A newcomer does so every half second until three
//!    hosts in a row agree. Hellos to seeds and to the dead join what a split has parted.
//! 5. **Watch** (`watch`). The next three hosts on the ring of ids watch a host: silence, pings, the word of a
//!    third host, and then a suspicion, which takes the host from the offer unless it is refuted.
//! 6. **Tell the owner** (`intake`, `own`). Who says something about itself that is older than what is held
//!    is told; it goes above. So a restarted, restored or forged host is right again in one exchange.
//!
//! # Invariants
//!
//! - `step` can't fail and never blocks; its outputs are bounded; the same inputs give the same outputs, so
//!   nothing here iterates over a `HashMap`, asks a clock or draws from the system's randomness.
//! - Merging (`roster`) is commutative, associative and idempotent: order and repetition of datagrams leave
//!   no trace. Only a host itself raises its version.
//! - Between hosts only ages travel, rounded up: no hop makes a record younger, no two clocks are compared.
//! - Nothing that a peer says makes this host forget a host that lives, or hold more than
//!   [`Settings::hosts_max`] hosts.
//! - Records and fields that this version doesn't understand are relayed as they came.
//! - What is to be randomly chosen comes from one generator, seeded by the shell.

mod budget;
mod census;
mod examine;
mod groups;
mod intake;
mod join;
#[cfg(test)]
mod laws;
mod look;
mod node;
mod outbox;
mod own;
mod relay;
mod roster;
mod settings;
mod sync;
mod walk;
mod watch;

use std::net::SocketAddr;
use std::time::Duration;

use crate::model::{
    Destination, HostName, Label, Member, Message, NetworkList, NodeId, Sample, Sender, SessionId, StateCounts,
};

pub use examine::EXAMINATION_PAUSE;
pub use node::Node;
pub use settings::{HOSTS_MAX, Identity, Settings};

/// What the world tells the state machine.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A deadline has come (ticks at other times do no harm).
    Tick,
    /// The answer to [`Output::Measure`].
    Sampled(Sample),
    /// A datagram opened.
    Received {
        /// Who sent it.
        sender: Sender,
        /// How long it lay in the socket.
        lag: Duration,
        /// What it said.
        message: Message,
    },
    /// A hello of ours was answered.
    Welcomed {
        /// Who answered.
        address: SocketAddr,
        /// The session to seal for.
        session: SessionId,
    },
    /// Nobody listens there (ICMP port unreachable).
    Refused {
        /// Where a datagram of ours went.
        address: SocketAddr,
    },
    /// Where to look for the network: the resolved lines of machines.txt, all of them.
    Seeds(Vec<SocketAddr>),
    /// Files were read again.
    Reload {
        /// Which addresses may take part.
        valid: NetworkList,
        /// This host's labels.
        labels: Vec<Label>,
        /// First byte of the hash of each key of ours, in order.
        key_ids: Vec<u8>,
    },
    /// This host's addresses changed: a leave, and a new host.
    Moved(Identity),
    /// The wall clock jumped against the boot clock (resumed or restored from a snapshot): the shell has
    /// drawn nothing yet; the node answers with [`Output::DrawSession`].
    ClockJumped {
        /// The wall clock now, seconds since 1970: a hint for the next incarnation.
        wall_seconds: u64,
    },
    /// The sealing has used up its session (`session::Session::is_spent`): the node answers with
    /// [`Output::DrawSession`].
    SessionSpent,
    /// The answer to [`Output::DrawSession`]; the shell has given it to the sealing too.
    SessionDrawn(SessionId),
    /// Look who answers, for `peermon doctor`: [`Node::examination`] tells what came of it.
    Examine,
    /// Say goodbye: the outputs are the last ones.
    Leave,
}

/// What the state machine wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Seal and send.
    Send {
        /// To whom.
        to: Destination,
        /// What.
        message: Message,
    },
    /// Send a hello to learn the session of whoever listens there.
    Hello {
        /// Where.
        to: SocketAddr,
    },
    /// From now on this host is a member (or its address, session or keys changed).
    Admit(Member),
    /// From now on it is not.
    Dismiss(NodeId),
    /// Read this host's load and answer with [`Input::Sampled`].
    Measure,
    /// Draw a new session from the system's entropy, and answer with [`Input::SessionDrawn`].
    DrawSession,
    /// Something that an operator wants to read in the log.
    Event(Event),
}

/// The operator's story.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are the host that the event is about")]
pub enum Event {
    /// A host was heard of for the first time, or again after it was gone.
    Joined { name: HostName, address: SocketAddr },
    /// A host said that it leaves.
    Left { name: HostName, address: SocketAddr },
    /// A watcher believes that a host has crashed.
    Suspected { name: HostName, address: SocketAddr, by: NodeId },
    /// A suspicion was wrong.
    Recovered { name: HostName, address: SocketAddr },
    /// Nothing was heard of a host for 6 T.
    Lost { name: HostName, address: SocketAddr },
    /// Nothing was heard from any member for 10 s.
    Isolated,
    /// A member was heard again.
    Reconnected,
    /// Another host seems to run with this one's id: a cloned machine?
    Twin,
}

/// What a daemon knows of its own place in the network, for `--status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Hosts by state, this one included.
    pub hosts: StateCounts,
    /// Time since a member was last heard.
    pub last_heard: Option<Duration>,
    /// Nothing heard from any member for 10 s.
    pub isolated: bool,
    /// See [`Event::Twin`].
    pub twin: bool,
    /// Living members whose card lacks the key that this host puts first.
    pub lacking_first_key: u32,
}
