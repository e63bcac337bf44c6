//! The values that both protocols share: each is written and read in one place.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::model::{HostName, Label, NodeId, Version};

use super::cbor::{Fault, Reader, Writer};
use super::limits::{CORES_MAX, PORT_MAX, SOFTWARE_MAX};

impl Writer {
    /// 6 bytes.
    pub fn id(&mut self, id: NodeId) {
        self.bytes(id.as_bytes());
    }

    /// Two integers: incarnation and sequence.
    pub fn version(&mut self, version: Version) {
        self.uint(version.incarnation);
        self.uint(version.sequence);
    }

    /// 4 or 16 bytes; an IPv4-mapped IPv6 address is the IPv4 address in it.
    pub fn address(&mut self, address: IpAddr) {
        match address.to_canonical() {
            IpAddr::V4(v4) => self.bytes(&v4.octets()),
            IpAddr::V6(v6) => self.bytes(&v6.octets()),
        }
    }

    /// A number of processors; unknown where it is unknown or more than any machine has.
    pub fn cores(&mut self, cores: Option<u32>) {
        self.optional(cores.filter(|cores| *cores <= CORES_MAX));
    }

    /// An array of texts, `KEY=VALUE` each.
    pub fn labels(&mut self, labels: &[Label]) {
        self.array(labels.len());
        for label in labels {
            self.text_of(&[label.key(), "=", label.value()]);
        }
    }

    /// Text that is safe on a terminal: what else is in it becomes a question mark, what is too long is cut.
    pub fn plain_text(&mut self, text: &str, max: usize) {
        let is_plain = |char: char| char == ' ' || char.is_ascii_graphic();
        let plain: String = text.chars().take(max).map(|char| if is_plain(char) { char } else { '?' }).collect();
        self.text(&plain);
    }
}

impl Reader<'_> {
    pub fn id(&mut self) -> Result<NodeId, Fault> {
        self.bytes()?.try_into().map(NodeId::from_bytes).map_err(|_| Fault::Malformed)
    }

    pub fn version(&mut self) -> Result<Version, Fault> {
        Ok(Version { incarnation: self.uint()?, sequence: self.uint()? })
    }

    /// An address that one host can have: not "any", no broadcast, no multicast.
    pub fn address(&mut self) -> Result<IpAddr, Fault> {
        let address = self.any_address()?;
        let is_broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
        if address.is_unspecified() || address.is_multicast() || is_broadcast {
            return Err(Fault::OutOfRange);
        }
        Ok(address)
    }

    /// Any address: a sender's is what it wrote into its datagram.
    pub fn any_address(&mut self) -> Result<IpAddr, Fault> {
        let bytes = self.bytes()?;
        let address = match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
            (Ok(v4), _) => IpAddr::from(v4),
            (_, Ok(v6)) => IpAddr::from(v6),
            _ => return Err(Fault::Malformed),
        };
        if address == address.to_canonical() { Ok(address) } else { Err(Fault::OutOfRange) }
    }

    /// A port with one above it.
    pub fn port(&mut self) -> Result<u16, Fault> {
        let port = self.uint()?;
        if (1..=PORT_MAX).contains(&port) { Ok(port) } else { Err(Fault::OutOfRange) }
    }

    pub fn cores(&mut self) -> Result<Option<u32>, Fault> {
        let cores = self.optional()?;
        if cores.is_none_or(|cores| cores <= CORES_MAX) { Ok(cores) } else { Err(Fault::OutOfRange) }
    }

    pub fn name(&mut self) -> Result<HostName, Fault> {
        self.text()?.parse().map_err(|_| Fault::OutOfRange)
    }

    pub fn label(&mut self) -> Result<Label, Fault> {
        self.text()?.parse().map_err(|_| Fault::OutOfRange)
    }

    pub fn software(&mut self) -> Result<Box<str>, Fault> {
        self.plain_text(SOFTWARE_MAX).map(Into::into)
    }

    /// Printable ASCII.
    pub fn plain_text(&mut self, max: usize) -> Result<&str, Fault> {
        let text = self.text()?;
        let is_plain = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if is_plain && text.len() <= max { Ok(text) } else { Err(Fault::OutOfRange) }
    }

    /// An array of at most `max` values.
    pub fn list<T>(
        &mut self,
        max: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let count = self.array()?;
        if count > max {
            return Err(Fault::OutOfRange);
        }
        // Not with_capacity: memory follows what is really there.
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(read(self)?);
        }
        Ok(values)
    }

    /// The same where each value is above the one before: a set that has one form only.
    pub fn set<T: Ord>(
        &mut self,
        max: usize,
        read: impl FnMut(&mut Self) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let values = self.list(max, read)?;
        if values.windows(2).all(|pair| pair[0] < pair[1]) { Ok(values) } else { Err(Fault::OutOfRange) }
    }
}

/// Fails where two of `values` are the same.
pub(super) fn check_unique<T: Ord>(values: impl ExactSizeIterator<Item = T>) -> Result<(), Fault> {
    let count = values.len();
    if values.collect::<BTreeSet<_>>().len() == count { Ok(()) } else { Err(Fault::OutOfRange) }
}
