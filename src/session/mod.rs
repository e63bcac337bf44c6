//! Who may speak: keys, sealing, replay windows, budgets. Pure.
//!
//! [`Session::open`] takes a datagram from outside to a message or to a counted reason, [`Session::seal`] a
//! message to datagrams. docs/security.md says what each field and each check is for.
//!
//! # Invariants
//!
//! - What opened once never opens again, and nothing opens that was sealed for another host, or for another
//!   session of this one. Hellos are the exception: only copies of the last 4,096 are refused, and a hello
//!   changes nothing.
//! - What does not open changes nothing but a counter in [`Session::rejects`].
//! - No more bytes are sealed for an address than came from it, unless a member's card says that it is
//!   there, or it answered a hello of ours a moment ago.
//! - Every table has an upper size. With all of them full a session takes about 15 MiB.
//! - No key is ever shown, not in an error or a debug text either.

mod addresses;
mod budget;
mod hellos;
mod keyring;
#[cfg(test)]
mod laws;
mod recent;
mod rejects;
mod seal;
mod senders;
mod window;

use std::net::SocketAddr;

use crate::model::{Destination, Member, Message, NetworkList, NodeId, RejectCount, Sender, SessionId, Timestamp};
use crate::wire::datagram::{self, DecodeError};
use crate::wire::limits::SEAL_OVERHEAD;

use addresses::Addresses;
use hellos::Hellos;
use keyring::Key;
use rejects::Rejects;
use seal::{Header, Kind, NOBODY, Sealer};
use senders::Senders;

pub use crate::wire::limits::{DATAGRAM_DEFAULT, DATAGRAM_MAX, DATAGRAM_MIN};
pub use keyring::{KEYS_MAX, KeyError, Keyring, new_key_file};
pub use rejects::Reject;

/// A session is spent above this counter: a million are left until the next one has begun.
const LAST_COUNTER: u32 = u32::MAX - (1 << 20);

/// Plaintext of a hello: as long as that of a welcome, which is never longer than its question.
const HELLO: [u8; 4] = [0; 4];

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
        /// Who answered: the address that was asked.
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
#[derive(Clone, Debug)]
pub struct Session {
    sealer: Sealer,
    keyring: Keyring,
    valid: NetworkList,
    max_datagram: usize,
    senders: Senders,
    hellos: Hellos,
    addresses: Addresses,
    rejects: Rejects,
}

impl Session {
    /// A host that knows no member yet. `id` comes from the system's entropy, never from a generator that a
    /// copy of this process could repeat.
    #[must_use]
    pub fn new(
        _now: Timestamp,
        network: &str,
        keyring: Keyring,
        valid: NetworkList,
        max_datagram: usize,
        id: SessionId,
    ) -> Self {
        Self {
            sealer: Sealer::new(network, id),
            keyring,
            valid,
            max_datagram: max_datagram.clamp(DATAGRAM_MIN, DATAGRAM_MAX),
            senders: Senders::new(),
            hellos: Hellos::default(),
            addresses: Addresses::new(),
            rejects: Rejects::default(),
        }
    }

    /// Checks and opens one datagram, in the order of docs/security.md. A refusal is counted.
    pub fn open(&mut self, now: Timestamp, from: SocketAddr, bytes: &[u8]) -> Result<Opened, Reject> {
        let opened = self.check(now, from, bytes);
        if let Err(reason) = opened {
            self.rejects.count(reason, from.ip());
        }
        opened
    }

    /// Seals `message`, as many datagrams as it takes. `None`: that member is not (or no longer) known, or
    /// nothing of an answer may go where its question came from, or this session has come to its end. An
    /// answer to a stranger loses those datagrams that are more than came from there.
    pub fn seal(&mut self, _now: Timestamp, to: &Destination, message: &Message) -> Option<Sealed> {
        let plaintexts = datagram::encode(message, self.max_datagram - SEAL_OVERHEAD);
        let (to, session, key, plaintexts) = match to {
            Destination::Member(id) => {
                let peer = self.senders.member(*id)?;
                (peer.address, peer.session, self.keyring.for_holder_of(peer.key_ids()), plaintexts)
            }
            Destination::Stranger { address, session } => {
                let key_id = self.addresses.key_id(address.ip());
                let mut fits = |text: &Vec<u8>| self.addresses.spend(address.ip(), SEAL_OVERHEAD + text.len());
                let plaintexts = plaintexts.into_iter().filter(&mut fits).collect();
                (*address, *session, self.keyring.for_holder_of(key_id.as_slice()), plaintexts)
            }
        };
        let seal = |text: &Vec<u8>| self.sealer.seal(key, Kind::Data, session.get(), text);
        let datagrams: Vec<Vec<u8>> = plaintexts.iter().map_while(seal).collect();
        (!datagrams.is_empty()).then_some(Sealed { to, datagrams })
    }

    /// Hellos to whoever listens at `to`: one for each key of ours.
    pub fn hello(&mut self, now: Timestamp, to: SocketAddr) -> Sealed {
        let mut datagrams = Vec::with_capacity(KEYS_MAX);
        for key in self.keyring.keys() {
            let Some(counter) = self.sealer.counter() else { break };
            self.hellos.ask(now, counter, to);
            datagrams.extend(self.sealer.seal(key, Kind::Hello, NOBODY, &HELLO));
        }
        Sealed { to, datagrams }
    }

    /// From now on `member` is one, or its address, session or keys changed.
    pub fn admit(&mut self, now: Timestamp, member: Member) {
        self.senders.admit(now, &member);
    }

    /// From now on it is not.
    pub fn dismiss(&mut self, id: NodeId) {
        self.senders.dismiss(id);
    }

    /// This host begins a new session, drawn from the system's entropy; the old one no longer opens.
    ///
    /// There is no time of grace. A machine restored from a snapshot has lost the windows of the old session
    /// since, so what was captured would open again. What is lost until the others know the new session is
    /// asked for again: whatever this host says next makes them ask for its card.
    pub fn begin(&mut self, _now: Timestamp, id: SessionId) {
        self.sealer.begin(id);
        self.senders.forget_heard();
        self.hellos.forget_asked();
    }

    /// The session in which this host seals now.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.sealer.session()
    }

    /// The counter or a table is used up: [`crate::gossip::Input::SessionSpent`] is due.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.sealer.counter().is_none_or(|counter| counter > LAST_COUNTER) || self.senders.is_full()
    }

    /// The key file was read again.
    pub fn set_keyring(&mut self, keyring: Keyring) {
        self.keyring = keyring;
    }

    /// Whether a key file closes the network.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        self.keyring.is_keyed()
    }

    /// valid_ips was read again.
    pub fn set_valid(&mut self, valid: NetworkList) {
        self.valid = valid;
    }

    /// Refused datagrams by reason, most frequent first.
    #[must_use]
    pub fn rejects(&self) -> Vec<RejectCount> {
        self.rejects.list()
    }

    /// Goes on with `counter`, where that is higher than the next: what a long life does. For tests of the
    /// end of a session.
    pub fn skip_to_counter(&mut self, counter: u32) {
        self.sealer.skip_to(counter);
    }

    fn check(&mut self, now: Timestamp, from: SocketAddr, bytes: &[u8]) -> Result<Opened, Reject> {
        if !self.valid.accepts(from.ip()) {
            return Err(Reject::Address);
        }
        let header = Header::read(bytes)?;
        if self.keyring.with_id(header.key_id).next().is_none() {
            return Err(Reject::UnknownKey);
        }
        if header.session == self.id() {
            return Err(Reject::OwnSession);
        }
        match header.kind {
            Kind::Hello => self.open_hello(now, from, &header, bytes),
            Kind::Welcome => self.open_welcome(now, from, &header, bytes),
            Kind::Data => self.open_data(now, from, &header, bytes),
        }
    }

    fn open_hello(
        &mut self,
        now: Timestamp,
        from: SocketAddr,
        header: &Header,
        bytes: &[u8],
    ) -> Result<Opened, Reject> {
        if self.hellos.has_answered(header.session, header.counter) {
            return Err(Reject::Replay);
        }
        let (key, plaintext) = unseal(&self.keyring, &self.sealer, header, NOBODY, bytes)?;
        self.hellos.remember(header.session, header.counter);
        if !self.addresses.take_hello(now, from.ip()) {
            return Err(Reject::HelloBudget);
        }
        if plaintext != HELLO {
            return Err(Reject::Malformed);
        }
        let echo = header.counter.to_be_bytes();
        let reply = self.sealer.seal(key, Kind::Welcome, header.session.get(), &echo);
        reply.map(|reply| Opened::Hello { reply }).ok_or(Reject::Crowded)
    }

    fn open_welcome(
        &mut self,
        now: Timestamp,
        from: SocketAddr,
        header: &Header,
        bytes: &[u8],
    ) -> Result<Opened, Reject> {
        let (_, plaintext) = unseal(&self.keyring, &self.sealer, header, self.id().get(), bytes)?;
        let echo = <[u8; 4]>::try_from(plaintext.as_slice()).map_err(|_| Reject::Malformed)?;
        let asked = self.hellos.take_welcome(now, u32::from_be_bytes(echo), from);
        let address = asked.ok_or(Reject::Unasked)?;
        self.addresses.welcome(now, from.ip(), header.key_id);
        Ok(Opened::Welcome { address, session: header.session })
    }

    fn open_data(&mut self, now: Timestamp, from: SocketAddr, header: &Header, bytes: &[u8]) -> Result<Opened, Reject> {
        let Header { session, counter, .. } = *header;
        if self.senders.has_seen(session, counter) {
            return Err(Reject::Replay);
        }
        let (_, plaintext) = unseal(&self.keyring, &self.sealer, header, self.id().get(), bytes)?;
        let member = self.senders.owner(now, session, from.ip());
        // A stranger over its budget leaves no mark, so that it can't push others out of the table.
        if member.is_none() && !self.addresses.take_question(now, from.ip()) {
            return Err(Reject::StrangerBudget);
        }
        if !self.senders.mark(session, counter) {
            return Err(Reject::Crowded);
        }
        match member {
            Some(id) if !self.senders.take_budget(now, id) => return Err(Reject::MemberBudget),
            Some(_) => {}
            None => self.addresses.receive(now, from.ip(), bytes.len(), header.key_id),
        }
        let message = datagram::decode(&plaintext).map_err(|error| match error {
            DecodeError::Malformed | DecodeError::OutOfRange => Reject::Malformed,
            DecodeError::UnknownKind => Reject::NewerMessage,
        })?;
        Ok(Opened::Message { sender: Sender { address: from, session, member }, message })
    }
}

/// The plaintext, and the key of ours that opened it.
fn unseal<'a>(
    keyring: &'a Keyring,
    sealer: &Sealer,
    header: &Header,
    receiver: u64,
    bytes: &[u8],
) -> Result<(&'a Key, Vec<u8>), Reject> {
    keyring
        .with_id(header.key_id)
        .find_map(|key| Some((key, sealer.open(key, header, receiver, bytes)?)))
        .ok_or(Reject::DoesNotOpen)
}
