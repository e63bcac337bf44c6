//! Who a host is: everything about it that seldom changes.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use super::load::Tail;
use super::node::{HostName, NodeId, SessionId, Version};
use super::time::Age;

/// Most addresses on one card: enough for a few interfaces in both families within a card's 400 bytes.
pub const NETWORK_ADDRESSES_MAX: usize = 8;

/// Most labels on one card, so that a card stays below 400 bytes.
pub const LABELS_MAX: usize = 8;

/// Longest key and longest value of a label, in bytes.
const LABEL_PART_MAX: usize = 32;

/// `KEY=VALUE`, as `--label` takes it: a key of letters, digits, `_`, `.`, `-`; a value of printable ASCII
/// without `=`, `,` and spaces; each at most 32 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    key: Box<str>,
    value: Box<str>,
}

/// Why a text is not a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// No `=`, or nothing before it.
    #[error("a label is KEY=VALUE")]
    Form,
    /// A part is too long.
    #[error("a label's key and value have at most {LABEL_PART_MAX} characters each")]
    TooLong,
    /// A character that could be mistaken in a table, a shell or a terminal.
    #[error("a label has only letters, digits and -_./:+@% in it")]
    Character,
}

impl Label {
    /// What stands before the `=`.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What stands after the `=`.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let (key, value) = text.split_once('=').ok_or(LabelError::Form)?;
        if key.is_empty() {
            return Err(LabelError::Form);
        }
        if key.len() > LABEL_PART_MAX || value.len() > LABEL_PART_MAX {
            return Err(LabelError::TooLong);
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:+@%".contains(&byte);
        if !key.bytes().all(allowed) || !value.bytes().all(allowed) {
            return Err(LabelError::Character);
        }
        Ok(Self { key: key.into(), value: value.into() })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

/// Where a host is reached, and what its id is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The address that it advertises.
    pub address: IpAddr,
    /// The UDP port that it listens on.
    pub port: u16,
    /// Raised when ids collide.
    pub salt: u32,
}

impl Endpoint {
    /// The id of the host there.
    #[must_use]
    pub fn id(&self) -> NodeId {
        NodeId::derive(self.address, self.port, self.salt)
    }

    /// Where datagrams go.
    #[must_use]
    pub fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }
}

/// Who a host is. Its version shares the incarnation with the host's reports; its sequence counts cards.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Card {
    /// Equal to [`Endpoint::id`] of `endpoint`; checked on receipt.
    pub id: NodeId,
    /// Incarnation as in the reports; sequence of its own.
    pub version: Version,
    /// What people call it.
    pub name: HostName,
    /// Where it is reached.
    pub endpoint: Endpoint,
    /// Its other addresses, at most [`NETWORK_ADDRESSES_MAX`], sorted, without the advertised one.
    pub more_addresses: Vec<IpAddr>,
    /// The session to seal for.
    pub session: SessionId,
    /// First byte of the hash of each key that it holds, in its order; at most four.
    pub key_ids: Vec<u8>,
    /// Processors that a process there can use.
    pub cores: Option<u32>,
    /// All memory there, in MiB.
    pub memory_total_mib: Option<u32>,
    /// What its administrator said of it, sorted, at most [`LABELS_MAX`].
    pub labels: Vec<Label>,
    /// Version of peermon that runs there.
    pub software: Box<str>,
    /// T: how often it tells its load. 0.2 to 300 s.
    pub interval: Age,
    /// Uses the data, offers no resources.
    pub collector: bool,
    /// Seconds since that host started, when this card was made.
    pub uptime_seconds: Option<u64>,
    /// Fields of newer versions.
    pub tail: Tail,
}

impl Card {
    /// T as a span.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval.as_duration()
    }
}
