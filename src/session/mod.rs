//! Who may speak: keys, sealing, replay windows, budgets. Pure.

use std::net::SocketAddr;

use crate::model::{Destination, Member, Message, NetworkList, NodeId, RejectCount, Sender, SessionId, Timestamp};

pub use crate::wire::limits::{DATAGRAM_DEFAULT, DATAGRAM_MAX, DATAGRAM_MIN};

/// Up to four keys of 32 bytes; all open, the first that a member's card lists seals.
#[derive(Clone, Debug)]
pub struct Keyring {}

impl Keyring {
    /// The ring of an open network: one key that is derived from the network's name. Protects against
    /// nobody; keeps networks apart and detects damage.
    #[must_use]
    pub fn open(network: &str) -> Self {
        let _ = network;
        Self {}
    }

    /// Whether it came from a key file.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        unimplemented!()
    }

    /// First byte of the hash of each key, in order.
    #[must_use]
    pub fn key_ids(&self) -> Vec<u8> {
        unimplemented!()
    }
}

/// Why a datagram was refused, in the order in which it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are those of --status")]
pub enum Reject {
    Address,
    Format,
    WrongKey,
    Replay,
    Budget,
    Malformed,
}

/// What was in a datagram that opened.
#[derive(Clone, Debug, PartialEq)]
pub enum Opened {
    /// For the state machine.
    Message {
        /// Who sent it.
        sender: Sender,
        /// What it says.
        message: Message,
    },
    /// Somebody asks for this host's session: send `reply` (never longer than the question) to where it
    /// came from, from the port and address that were asked.
    Hello {
        /// The sealed welcome.
        reply: Vec<u8>,
    },
    /// A hello of ours was answered: [`crate::gossip::Input::Welcomed`].
    Welcome {
        /// Who answered.
        address: SocketAddr,
        /// The session to seal for.
        session: SessionId,
    },
}

/// Sealed datagrams and where they go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Where they go.
    pub to: SocketAddr,
    /// Each is one UDP payload.
    pub datagrams: Vec<Vec<u8>>,
}

/// Everything about one host's sealing.
#[derive(Debug)]
pub struct Session {}

impl Session {
    /// A host that knows no member yet. `id` comes from the system's entropy.
    #[must_use]
    pub fn new(
        now: Timestamp,
        network: &str,
        keyring: Keyring,
        valid: NetworkList,
        max_datagram: usize,
        id: SessionId,
    ) -> Self {
        let _ = (now, network, keyring, valid, max_datagram, id);
        Self {}
    }

    /// Checks and opens one datagram, in the order of docs/security.md. A refusal is counted.
    pub fn open(&mut self, now: Timestamp, from: SocketAddr, bytes: &[u8]) -> Result<Opened, Reject> {
        let _ = (now, from, bytes);
        unimplemented!()
    }

    /// Seals `message`, as many datagrams as it takes. `None`: that member is not (or no longer) known.
    pub fn seal(&mut self, now: Timestamp, to: &Destination, message: &Message) -> Option<Sealed> {
        let _ = (now, to, message);
        unimplemented!()
    }

    /// Hellos to whoever listens at `to`: one for each key of ours.
    pub fn hello(&mut self, now: Timestamp, to: SocketAddr) -> Sealed {
        let _ = (now, to);
        unimplemented!()
    }

    /// From now on `member` is one, or its address, session or keys changed.
    pub fn admit(&mut self, now: Timestamp, member: Member) {
        let _ = (now, member);
    }

    /// From now on it is not.
    pub fn dismiss(&mut self, id: NodeId) {
        let _ = id;
    }

    /// This host begins a new session, drawn from the system's entropy; the old one no longer opens.
    pub fn begin(&mut self, now: Timestamp, id: SessionId) {
        let _ = (now, id);
    }

    /// The counter or a table is used up: [`crate::gossip::Input::SessionSpent`] is due.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        unimplemented!()
    }

    /// The key file was read again.
    pub fn set_keyring(&mut self, keyring: Keyring) {
        let _ = keyring;
    }

    /// valid_ips was read again.
    pub fn set_valid(&mut self, valid: NetworkList) {
        let _ = valid;
    }

    /// Refused datagrams by reason, most frequent first.
    #[must_use]
    pub fn rejects(&self) -> Vec<RejectCount> {
        unimplemented!()
    }
}
