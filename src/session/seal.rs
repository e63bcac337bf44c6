//! The sealed datagram, byte by byte: header, ciphertext, tag. docs/security.md says why each field is there.

use aes_gcm_siv::aead::AeadInOut;
use aes_gcm_siv::{Nonce, Tag};

use super::keyring::Key;
use super::rejects::Reject;
use crate::model::SessionId;
use crate::wire::limits::{DATAGRAM_MAX, SEAL_OVERHEAD};

/// First byte of every datagram. Not the beginning of any text, so that no other protocol's words pass.
const MAGIC: u8 = 0xb5;

/// Wire version: raised when an older host could not read the rest.
const VERSION: u8 = 1;

/// Versions that are believed to be ours and newer; what is higher is noise.
const VERSIONS_TO_COME: u8 = 16;

/// Magic, version, kind, key id, session, counter.
const HEADER: usize = 16;

const TAG: usize = 16;

const _: () = assert!(HEADER + TAG == SEAL_OVERHEAD, "what wire leaves room for");

/// Stands for the receiver's session where the sender doesn't know it: only hellos are sealed for it.
pub(super) const NOBODY: u64 = 0;

/// What a datagram is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// "What is your session?"
    Hello = 1,
    /// "This one."
    Welcome = 2,
    /// A message.
    Data = 3,
}

/// What stands in clear before the ciphertext. All of it is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub kind: Kind,
    /// [`Key::id`] of the key that seals.
    pub key_id: u8,
    /// Of the sender.
    pub session: SessionId,
    /// With the session, the nonce.
    pub counter: u32,
}

impl Header {
    /// The header of `datagram`, where that has the form of one.
    pub fn read(datagram: &[u8]) -> Result<Self, Reject> {
        let (Some((header, _)), true) = (datagram.split_first_chunk::<HEADER>(), datagram.len() <= DATAGRAM_MAX) else {
            return Err(Reject::NotOurs);
        };
        let [magic, version, kind, key_id, rest @ ..] = *header;
        if magic != MAGIC || datagram.len() < SEAL_OVERHEAD {
            return Err(Reject::NotOurs);
        }
        if version != VERSION {
            let is_newer = (VERSION + 1..=VERSION + VERSIONS_TO_COME).contains(&version);
            return Err(if is_newer { Reject::NewerVersion } else { Reject::NotOurs });
        }
        let kind = match kind {
            1 => Kind::Hello,
            2 => Kind::Welcome,
            3 => Kind::Data,
            _ => return Err(Reject::NotOurs),
        };
        let [s0, s1, s2, s3, s4, s5, s6, s7, c0, c1, c2, c3] = rest;
        let session = SessionId::new(u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7])).ok_or(Reject::NotOurs)?;
        Ok(Self { kind, key_id, session, counter: u32::from_be_bytes([c0, c1, c2, c3]) })
    }

    fn write(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..4].copy_from_slice(&[MAGIC, VERSION, self.kind as u8, self.key_id]);
        bytes[4..12].copy_from_slice(&self.session.get().to_be_bytes());
        bytes[12..].copy_from_slice(&self.counter.to_be_bytes());
        bytes
    }

    fn nonce(&self) -> Nonce {
        let mut nonce = Nonce::default();
        nonce[..8].copy_from_slice(&self.session.get().to_be_bytes());
        nonce[8..].copy_from_slice(&self.counter.to_be_bytes());
        nonce
    }
}

/// Seals in this host's session, each datagram with a counter of its own; opens what others sealed.
#[derive(Clone, Debug)]
pub(super) struct Sealer {
    session: SessionId,
    /// Of the next datagram; above the range of a counter: the session has come to its end.
    counter: u64,
    /// The network's name, its length before it: bound into every datagram.
    network: Box<[u8]>,
}

impl Sealer {
    pub fn new(network: &str, session: SessionId) -> Self {
        let length = u64::try_from(network.len()).unwrap_or(u64::MAX).to_be_bytes();
        Self { session, counter: 0, network: [&length, network.as_bytes()].concat().into() }
    }

    /// Begins a new session.
    pub fn begin(&mut self, session: SessionId) {
        self.session = session;
        self.counter = 0;
    }

    pub fn session(&self) -> SessionId {
        self.session
    }

    /// The counter of the next datagram, where there is one.
    pub fn counter(&self) -> Option<u32> {
        u32::try_from(self.counter).ok()
    }

    /// Leaves out all counters below `counter`.
    pub fn skip_to(&mut self, counter: u32) {
        self.counter = self.counter.max(u64::from(counter));
    }

    /// `plaintext` as a datagram that opens only in the session `receiver`. `None`: the session is at its end.
    pub fn seal(&mut self, key: &Key, kind: Kind, receiver: u64, plaintext: &[u8]) -> Option<Vec<u8>> {
        let header = Header { kind, key_id: key.id(), session: self.session, counter: self.counter()? };
        self.counter += 1;
        let mut datagram = Vec::with_capacity(SEAL_OVERHEAD + plaintext.len());
        datagram.extend(header.write());
        datagram.extend(plaintext);
        let tag = key
            .cipher
            .encrypt_inout_detached(
                &header.nonce(),
                &self.associated_data(&header, receiver),
                (&mut datagram[HEADER..]).into(),
            )
            .expect("a datagram is shorter than the 64 GiB of RFC 8452");
        datagram.extend(tag);
        Some(datagram)
    }

    /// The plaintext of `datagram`, whose header is `header`, where it was sealed with `key` for `receiver`.
    pub fn open(&self, key: &Key, header: &Header, receiver: u64, datagram: &[u8]) -> Option<Vec<u8>> {
        let (ciphertext, tag) = datagram.get(HEADER..)?.split_last_chunk::<TAG>()?;
        let mut text = ciphertext.to_vec();
        key.cipher
            .decrypt_inout_detached(
                &header.nonce(),
                &self.associated_data(header, receiver),
                text.as_mut_slice().into(),
                &Tag::from(*tag),
            )
            .ok()?;
        Some(text)
    }

    /// Header, network's name, receiver's session.
    fn associated_data(&self, header: &Header, receiver: u64) -> Vec<u8> {
        [&header.write()[..], &self.network, &receiver.to_be_bytes()].concat()
    }
}
