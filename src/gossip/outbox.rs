//! Pacing: what can wait a moment leaves in small bursts, so that a relay of a large network never fills a
//! switch's or a receiver's queue. Urgent news goes first.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::{Age, Destination, Message, Timestamp, Urgency};

/// Messages in one burst, and the pause between bursts: 12 full datagrams are 15 kB, 240 datagrams a second.
const BURST: usize = 12;
const PAUSE: Duration = Duration::from_millis(50);

/// Most messages that wait: a few minutes' worth. What comes when it is full is dropped, and asked for later.
const WAITING_MAX: usize = 8_192;

/// A message, and since when it waits.
#[derive(Clone, Debug)]
struct Waiting {
    since: Timestamp,
    to: Destination,
    message: Message,
}

impl Waiting {
    /// What it says has grown older meanwhile.
    fn leave(mut self, now: Timestamp) -> (Destination, Message) {
        let waited = Age::at(now, self.since).as_hundredths();
        for record in self.message.records_mut().into_iter().flatten() {
            record.age = Age::from_hundredths(record.age.as_hundredths().saturating_add(waited));
        }
        (self.to, self.message)
    }
}

/// Messages that wait for their burst.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    urgent: VecDeque<Waiting>,
    routine: VecDeque<Waiting>,
    /// Before this no burst leaves.
    pause_until: Timestamp,
    first: Timestamp,
}

impl Outbox {
    pub fn push(&mut self, now: Timestamp, urgency: Urgency, to: Destination, message: Message) {
        if self.len() >= WAITING_MAX {
            return;
        }
        if self.len() == 0 {
            self.first = now;
        }
        match urgency {
            Urgency::Urgent => self.urgent.push_back(Waiting { since: now, to, message }),
            Urgency::Routine => self.routine.push_back(Waiting { since: now, to, message }),
        }
    }

    pub fn due(&self) -> Option<Timestamp> {
        (self.len() > 0).then(|| self.first.max(self.pause_until))
    }

    /// The next burst, where its time has come.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<(Destination, Message)> {
        if self.due().is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.pause_until = now.after(PAUSE);
        let urgent = self.urgent.len().min(BURST);
        let routine = self.routine.len().min(BURST - urgent);
        let leaving = self.urgent.drain(..urgent).chain(self.routine.drain(..routine));
        leaving.map(|waiting| waiting.leave(now)).collect()
    }

    /// Everything at once: this host is leaving.
    pub fn take_all(&mut self, now: Timestamp) -> Vec<(Destination, Message)> {
        self.urgent.drain(..).chain(self.routine.drain(..)).map(|waiting| waiting.leave(now)).collect()
    }

    fn len(&self) -> usize {
        self.urgent.len() + self.routine.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Aged, Departure, NodeId, Record, Tail, Version};

    #[test]
    fn what_waits_for_its_burst_leaves_as_old_as_it_has_grown() {
        let departure =
            Departure { id: NodeId::from_bytes([1; 6]), version: Version::default(), tail: Tail::default() };
        let value = Record::Departure(departure);
        let records = vec![Aged { age: Age::from_hundredths(30), value }];
        let (mut outbox, now) = (Outbox::default(), Timestamp::ZERO);
        for _ in 0..2 * BURST {
            let to = Destination::Member(NodeId::from_bytes([2; 6]));
            outbox.push(now, Urgency::Routine, to, Message::Bundle { records: records.clone() });
        }
        for (after, age) in [(Duration::ZERO, 30), (PAUSE, 35)] {
            let burst = outbox.take_due(now.after(after));
            assert_eq!(burst.len(), BURST);
            for (_, message) in burst {
                let Message::Bundle { records } = message else { panic!("{message:?}") };
                assert_eq!(records[0].age.as_hundredths(), age);
            }
        }
    }
}
