//! What all hosts share: the time, the events to come, the network, the entropy, the truth about who runs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::gossip::Event;
use crate::model::{Dice, NodeId, Timestamp};
use crate::session::Reject;

use super::network::{FRAMING, Network, Traffic};
use super::outsider::Datagram;

/// Something that will happen to a host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happening {
    /// A datagram reaches its socket.
    Arrival { from: SocketAddr, to: SocketAddr, bytes: Vec<u8> },
    /// Nobody listens at the address that it sent to.
    Refusal { by: SocketAddr },
    /// Its daemon wanted to be woken.
    Deadline,
    /// Its daemon is started.
    Start,
    /// Its load becomes this, in hundredths.
    Load(u32),
    /// Its daemon notices that the wall clock jumped.
    ClockJump,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Scheduled {
    at: Timestamp,
    /// In order of scheduling, so that ties are not left to chance.
    sequence: u64,
    host: usize,
    what: Happening,
}

/// What all hosts share.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub now: Timestamp,
    pub dice: Dice,
    pub network: Network,
    /// Who is reached at an address: more than one where a machine was cloned with its address.
    pub addresses: BTreeMap<IpAddr, Vec<usize>>,
    pub traffic: Vec<Traffic>,
    /// Datagrams and bytes by kind of message, of all hosts.
    pub by_kind: BTreeMap<&'static str, (u64, u64)>,
    /// The operators' stories.
    pub events: Vec<(Timestamp, usize, Event)>,
    /// Datagrams that did not open, of all hosts.
    pub rejects: BTreeMap<Reject, u64>,
    /// Suspicions that their accusers raised: when, who, about whom.
    pub suspicions: BTreeSet<(Timestamp, usize, NodeId)>,
    /// All that was sent, where somebody listens on the wire.
    pub captured: Option<Vec<Datagram>>,
    queue: BinaryHeap<Reverse<Scheduled>>,
    sequence: u64,
    fingerprint: u64,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self {
            now: Timestamp::ZERO,
            dice: Dice::new(seed),
            network: Network::new(),
            addresses: BTreeMap::new(),
            traffic: Vec::new(),
            by_kind: BTreeMap::new(),
            events: Vec::new(),
            rejects: BTreeMap::new(),
            suspicions: BTreeSet::new(),
            captured: None,
            queue: BinaryHeap::new(),
            sequence: 0,
            fingerprint: seed,
        }
    }

    pub fn schedule(&mut self, at: Timestamp, host: usize, what: Happening) {
        self.sequence += 1;
        self.queue.push(Reverse(Scheduled { at, sequence: self.sequence, host, what }));
    }

    /// The next thing to happen until `end`.
    pub fn next_until(&mut self, end: Timestamp) -> Option<(usize, Happening)> {
        if self.queue.peek().is_none_or(|Reverse(next)| next.at > end) {
            return None;
        }
        let Reverse(next) = self.queue.pop()?;
        self.now = self.now.max(next.at);
        self.mix(self.now.as_micros() as u64);
        self.mix(next.host as u64);
        if let Happening::Arrival { bytes, .. } = &next.what {
            self.mix_bytes(bytes);
        }
        Some((next.host, next.what))
    }

    /// A host sends one datagram of this kind.
    pub fn send(&mut self, host: usize, kind: &'static str, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let size = bytes.len() as u64 + FRAMING;
        self.traffic[host].sent += 1;
        self.traffic[host].sent_bytes += size;
        let (datagrams, total) = self.by_kind.entry(kind).or_default();
        (*datagrams, *total) = (*datagrams + 1, *total + size);
        if let Some(captured) = &mut self.captured {
            captured.push(Datagram { from, to, bytes: bytes.clone() });
        }
        let Some(there) = self.addresses.get(&to.ip()) else { return };
        let Some(target) = self.dice.pick(there).copied() else { return };
        let [first, second] = self.network.carry(&mut self.dice, host, target);
        if let Some(delay) = second {
            self.arrive(delay, target, from, to, bytes.clone());
        }
        if let Some(delay) = first {
            self.arrive(delay, target, from, to, bytes);
        }
    }

    fn arrive(&mut self, delay: Duration, host: usize, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        self.schedule(self.now.after(delay), host, Happening::Arrival { from, to, bytes });
    }

    /// A machine says that nobody listens where `to` is: the sender hears of it, where it comes through.
    pub fn refuse(&mut self, host: usize, from: SocketAddr, by: SocketAddr) {
        let Some(there) = self.addresses.get(&from.ip()) else { return };
        let Some(target) = self.dice.pick(there).copied() else { return };
        if let [Some(delay), _] = self.network.carry(&mut self.dice, host, target) {
            self.schedule(self.now.after(delay), target, Happening::Refusal { by });
        }
    }

    /// One number for all that has happened.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    fn mix_bytes(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let number = chunk.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
            self.mix(number);
        }
    }

    fn mix(&mut self, number: u64) {
        self.fingerprint = (self.fingerprint ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}
