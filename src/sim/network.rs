//! What lies between hosts: delay, loss, doubling, reordering, partitions, one-way links, deaf hosts. Also
//! the count of what each host sends and receives.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::Dice;

/// Bytes that a UDP payload costs on an Ethernet besides itself: UDP 8, IPv4 20, Ethernet header 14 and check
/// sequence 4. Preamble and gap (20 more) are not counted, as interface counters don't.
pub const FRAMING: u64 = 46;

/// A datagram that is overtaken by others comes up to this much later.
const REORDERED: Duration = Duration::from_millis(20);

/// What became of one host's datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Datagrams sent.
    pub sent: u64,
    /// Their bytes, [`FRAMING`] included.
    pub sent_bytes: u64,
    /// Datagrams that reached the socket.
    pub received: u64,
    /// Their bytes, [`FRAMING`] included.
    pub received_bytes: u64,
}

impl Traffic {
    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            sent_bytes: self.sent_bytes + other.sent_bytes,
            received: self.received + other.received,
            received_bytes: self.received_bytes + other.received_bytes,
        }
    }

    /// What came after `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            sent: self.sent - earlier.sent,
            sent_bytes: self.sent_bytes - earlier.sent_bytes,
            received: self.received - earlier.received,
            received_bytes: self.received_bytes - earlier.received_bytes,
        }
    }
}

/// The state of the network.
#[derive(Clone, Debug)]
pub(super) struct Network {
    /// Shortest and longest delay; any between them is as likely.
    pub delay: (Duration, Duration),
    /// Of a hundred datagrams so many are lost, come twice, come late.
    pub loss: u32,
    pub duplicates: u32,
    pub reordered: u32,
    /// What goes to or comes from these is lost besides, in so many cases of a hundred.
    pub bad_links: BTreeMap<usize, u32>,
    /// A host talks only to hosts with its number.
    pub islands: Vec<u32>,
    /// From the first to the second host nothing comes through.
    pub blocked: BTreeSet<(usize, usize)>,
    /// What is sent to these is lost.
    pub deaf: BTreeSet<usize>,
}

impl Network {
    /// A quiet switch.
    pub fn new() -> Self {
        Self {
            delay: (Duration::from_micros(100), Duration::from_micros(500)),
            loss: 0,
            duplicates: 0,
            reordered: 0,
            bad_links: BTreeMap::new(),
            islands: Vec::new(),
            blocked: BTreeSet::new(),
            deaf: BTreeSet::new(),
        }
    }

    /// The delays after which copies of a datagram arrive; none where it is lost.
    pub fn carry(&self, dice: &mut Dice, from: usize, to: usize) -> [Option<Duration>; 2] {
        let parted = self.islands.get(from) != self.islands.get(to);
        if parted || self.blocked.contains(&(from, to)) || self.deaf.contains(&to) {
            return [None, None];
        }
        for end in [from, to] {
            if self.bad_links.get(&end).is_some_and(|share| percent(dice, *share)) {
                return [None, None];
            }
        }
        let copies = if percent(dice, self.duplicates) { 2 } else { 1 };
        [0, 1].map(|copy| (copy < copies && !percent(dice, self.loss)).then(|| self.one_delay(dice)))
    }

    fn one_delay(&self, dice: &mut Dice) -> Duration {
        let (least, most) = self.delay;
        let late = if percent(dice, self.reordered) { dice.within(REORDERED) } else { Duration::ZERO };
        least + dice.within(most.saturating_sub(least)) + late
    }
}

/// True in `share` of a hundred cases; a share of nothing draws nothing.
fn percent(dice: &mut Dice, share: u32) -> bool {
    share > 0 && dice.below(100) < share as usize
}
