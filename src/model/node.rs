//! Who a host is: its id, its name, the session in which it seals, and the version of what it says.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// A host's place on the ring: 6 bytes of the hash of its advertised address, port and salt.
///
/// Everybody can check it from the card, so nobody can choose where in the ring, and in which group, it
/// sits. 48 bits: among 10,000 hosts the chance of any two with one id is 2 in 10^7, and a salt mends it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; 6]);

impl NodeId {
    /// The id of the host that advertises `address` and `port`, with this `salt` (0 unless ids collided).
    #[must_use]
    pub fn derive(address: IpAddr, port: u16, salt: u32) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"peermon id 1");
        match address.to_canonical() {
            IpAddr::V4(v4) => hash.update(v4.octets()),
            IpAddr::V6(v6) => hash.update(v6.octets()),
        }
        hash.update(port.to_be_bytes());
        hash.update(salt.to_be_bytes());
        let digest = hash.finalize();
        let mut id = [0; 6];
        id.copy_from_slice(&digest[..6]);
        Self(id)
    }

    /// From its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 6] {
        &self.0
    }

    /// The id as a number of 48 bits, in ring order.
    #[must_use]
    pub fn as_u64(self) -> u64 {
        self.0.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

/// One life of a host's sealing: drawn from the system's entropy, never zero. What was sealed for one
/// session opens in no other. Zero stands for "a receiver whose session the sender does not know".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(NonZeroU64);

impl SessionId {
    /// `None` for zero.
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// From fresh entropy. Zero, which comes once in 2^64 draws, becomes one.
    #[must_use]
    pub const fn from_entropy(entropy: u64) -> Self {
        match NonZeroU64::new(entropy) {
            Some(number) => Self(number),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// The number, as in a datagram's header.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({:016x})", self.0)
    }
}

/// Which of two records of one host is newer. Only the host itself raises it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version {
    /// The host's life. Begins as its wall clock in seconds (a hint only: who hears of itself with a
    /// higher one goes above it).
    pub incarnation: u64,
    /// Counts within a life.
    pub sequence: u32,
}

impl Version {
    /// No version is above this one.
    pub const MAX: Self = Self { incarnation: u64::MAX, sequence: u32::MAX };

    /// The version after this one; `None` where there is none above.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        match self.sequence.checked_add(1) {
            Some(sequence) => Some(Self { sequence, ..self }),
            None => self.next_life(),
        }
    }

    /// The first version of the next life; `None` where there is none above.
    #[must_use]
    pub fn next_life(self) -> Option<Self> {
        Some(Self { incarnation: self.incarnation.checked_add(1)?, sequence: 1 })
    }
}

/// Longest host name: 253 characters are what DNS allows (RFC 1035, 2.3.4).
pub const HOST_NAME_MAX: usize = 253;

/// A host's name, safe to hand to `ssh`, to a host file and to a terminal: letters, digits, `-`, `_` and
/// `.`, beginning with a letter, a digit or `_`, at most [`HOST_NAME_MAX`] long.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(Box<str>);

/// Why a text is not a host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostNameError {
    /// Nothing at all.
    #[error("a host name cannot be empty")]
    Empty,
    /// More than [`HOST_NAME_MAX`] bytes.
    #[error("a host name has at most {HOST_NAME_MAX} characters")]
    TooLong,
    /// Something other than letters, digits, `-`, `_` and `.`.
    #[error("a host name has only letters, digits, '-', '_' and '.'")]
    Character,
    /// Begins with `-` or `.`.
    #[error("a host name begins with a letter or a digit")]
    Start,
}

impl HostName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the first dot.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.split('.').next().unwrap_or(&self.0)
    }
}

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, HostNameError> {
        let first = text.bytes().next().ok_or(HostNameError::Empty)?;
        if text.len() > HOST_NAME_MAX {
            return Err(HostNameError::TooLong);
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
            return Err(HostNameError::Character);
        }
        if matches!(first, b'-' | b'.') {
            return Err(HostNameError::Start);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_refused_where_they_arrive() {
        let long = "a".repeat(254);
        for name in ["", "-oProxyCommand=x", ".x", "a b", "a\n", "a\u{202e}b", "a\x1b[31m", "ä", &long] {
            assert!(HostName::from_str(name).is_err(), "{name:?}");
        }
        for name in ["a", "lab-7.cs.example.edu", "10.0.0.1", "_gw", "Node7"] {
            assert_eq!(HostName::from_str(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn an_id_depends_on_address_port_and_salt_and_not_on_the_form_of_the_address() {
        let v4 = NodeId::derive("192.0.2.1".parse().unwrap(), 1288, 0);
        assert_eq!(v4, NodeId::derive("::ffff:192.0.2.1".parse().unwrap(), 1288, 0));
        assert_ne!(v4, NodeId::derive("192.0.2.1".parse().unwrap(), 1289, 0));
        assert_ne!(v4, NodeId::derive("192.0.2.1".parse().unwrap(), 1288, 1));
    }

    #[test]
    fn versions_order_by_life_then_by_sequence_and_end_somewhere() {
        let old = Version { incarnation: 1, sequence: 90 };
        assert!(Version { incarnation: 2, sequence: 1 } > old);
        assert_eq!(
            Version { incarnation: 1, sequence: u32::MAX }.next(),
            Version { incarnation: 2, sequence: 1 }.into()
        );
        assert_eq!(Version { incarnation: u64::MAX, sequence: u32::MAX }.next(), None);
    }
}
