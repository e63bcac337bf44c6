//! What two daemons say to each other, before it is bytes.

use std::net::SocketAddr;

use super::load::Record;
use super::node::{NodeId, SessionId, Version};
use super::time::{Age, Aged};

/// "Of this host I hold this version."
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Known {
    /// The host.
    pub id: NodeId,
    /// The newest version held; [`Version::default`] for nothing at all.
    pub version: Version,
}

/// How long a relay may hold what it was handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// A third of an interval: ordinary reports.
    Routine,
    /// A tenth of a second: cards, leaves, suspicions, refutations, early news.
    Urgent,
}

/// "Is this host alive? I have not heard it for `silence`."
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inquiry {
    /// Returned in the verdict.
    pub token: u32,
    /// Whom it is about. The third host asks it where its own table says that it is.
    pub suspect: NodeId,
    /// How long the asker has heard nothing from it.
    pub silence: Age,
}

/// The answer to an [`Inquiry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Heard it myself, within the silence that was named.
    Alive,
    /// Asked it myself, and nothing came.
    Silent,
}

/// Everything that travels sealed for a known session. Rules are those of [`crate::gossip`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Rule 2, first hop: the origin's own news, to be told to the receiver's whole group.
    Handover {
        /// How many bits of an id name a group, as the origin sees it (48: everybody is a group).
        bits: u8,
        /// How long the relay may hold it.
        urgency: Urgency,
        /// What to tell.
        records: Vec<Aged<Record>>,
    },
    /// Rule 2, second hop: kept, never forwarded.
    Bundle {
        /// What is told.
        records: Vec<Aged<Record>>,
    },
    /// The answer to [`Message::Look`], [`Message::AskCards`] and [`Message::WantCards`]: kept, never
    /// forwarded.
    Found {
        /// What was asked for.
        records: Vec<Aged<Record>>,
    },
    /// Rule 3: "these are old here; send what is newer".
    Look {
        /// Whose reports, and how new they are here.
        known: Vec<Known>,
    },
    /// Rule 4: a hash of all cards. Answered with [`Message::Buckets`] where it differs, and with
    /// [`Message::Agree`] where it is the same and `confirm` asks for that.
    CardHash {
        /// Hash over all cards that count.
        hash: u64,
        /// An answer is wanted even when they agree (a newcomer counts agreements).
        confirm: bool,
    },
    /// Rule 4: the cards here are the same as yours.
    Agree,
    /// Rule 4: too many are asking; ask elsewhere.
    Busy,
    /// Rule 4: a hash per bucket of cards, [`Message::BUCKETS`] of them.
    Buckets {
        /// In bucket order.
        hashes: Vec<u32>,
    },
    /// Rule 4: "of the hosts whose ids lie between these two (both included) I hold these cards; send what
    /// is newer or missing". Complete in itself, so it is never split over two datagrams: who asks keeps it
    /// within [`Message::ASKED_MAX`].
    AskCards {
        /// First id of the stretch.
        from: NodeId,
        /// Last id of the stretch.
        to: NodeId,
        /// The cards held there. [`Version::MAX`]: never mind that host.
        known: Vec<Known>,
    },
    /// "Send me the cards of these hosts."
    WantCards {
        /// Whose cards.
        ids: Vec<NodeId>,
    },
    /// Rule 5: a sign of life where nothing else was to be said.
    Heartbeat,
    /// Rule 5: "answer me".
    Ping {
        /// Returned in the pong.
        token: u32,
    },
    /// Rule 5: the answer to a ping.
    Pong {
        /// From the ping.
        token: u32,
    },
    /// Rule 5: a watcher asks a third host.
    Inquire(Inquiry),
    /// Rule 5: the third host's answer.
    Answer {
        /// From the inquiry.
        token: u32,
        /// What it found.
        verdict: Verdict,
    },
    /// Rule 6: "of you yourself I hold this version, and what you sent is older".
    YourVersion {
        /// The version held here of the receiver's reports (or its departure).
        version: Version,
    },
}

impl Message {
    /// Buckets of cards: few enough that their hashes fit one datagram, many enough that one changed card
    /// makes little to list (a 64th of the table).
    pub const BUCKETS: usize = 64;

    /// Most cards that one [`Message::AskCards`] lists: about 20 bytes each, so that it fits a datagram of
    /// the smallest size (508 bytes).
    pub const ASKED_MAX: usize = 20;

    /// What it tells about hosts, where that is what it is for.
    #[must_use]
    pub fn records(&self) -> &[Aged<Record>] {
        match self {
            Self::Handover { records, .. } | Self::Bundle { records } | Self::Found { records } => records,
            Self::Look { .. }
            | Self::CardHash { .. }
            | Self::Agree
            | Self::Busy
            | Self::Buckets { .. }
            | Self::AskCards { .. }
            | Self::WantCards { .. }
            | Self::Heartbeat
            | Self::Ping { .. }
            | Self::Pong { .. }
            | Self::Inquire(_)
            | Self::Answer { .. }
            | Self::YourVersion { .. } => &[],
        }
    }

    /// The same, to be changed; `None` where it is for something else.
    pub fn records_mut(&mut self) -> Option<&mut Vec<Aged<Record>>> {
        match self {
            Self::Handover { records, .. } | Self::Bundle { records } | Self::Found { records } => Some(records),
            Self::Look { .. }
            | Self::CardHash { .. }
            | Self::Agree
            | Self::Busy
            | Self::Buckets { .. }
            | Self::AskCards { .. }
            | Self::WantCards { .. }
            | Self::Heartbeat
            | Self::Ping { .. }
            | Self::Pong { .. }
            | Self::Inquire(_)
            | Self::Answer { .. }
            | Self::YourVersion { .. } => None,
        }
    }

    /// Whether it answers a question. Answers leave from the port that was asked, all else from the port
    /// above it.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        match self {
            Self::Found { .. }
            | Self::Agree
            | Self::Busy
            | Self::Buckets { .. }
            | Self::AskCards { .. }
            | Self::Pong { .. }
            | Self::Answer { .. } => true,
            Self::Handover { .. }
            | Self::Bundle { .. }
            | Self::Look { .. }
            | Self::CardHash { .. }
            | Self::WantCards { .. }
            | Self::Heartbeat
            | Self::Ping { .. }
            | Self::Inquire(_)
            | Self::YourVersion { .. } => false,
        }
    }
}

/// Who sent a datagram that opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Where it came from.
    pub address: SocketAddr,
    /// The session that sealed it; answers are sealed for it.
    pub session: SessionId,
    /// The member whose session that is.
    pub member: Option<NodeId>,
}

/// Whom a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A host whose card is known: to the address, session and key on its card.
    Member(NodeId),
    /// A host whose card is not known: an answer to where its question came from.
    Stranger {
        /// Where the question came from.
        address: SocketAddr,
        /// The session that the question was sealed by.
        session: SessionId,
    },
}

/// What sealing must know of a host whose card is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub id: NodeId,
    /// Where its datagrams go.
    pub address: SocketAddr,
    /// What they are sealed for.
    pub session: SessionId,
    /// Which keys it holds.
    pub key_ids: Vec<u8>,
}
