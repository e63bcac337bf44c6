//! Pacing: what can wait a moment leaves in small bursts, so that a relay of a large network never fills a
//! switch's or a receiver's queue. Urgent news goes first.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::{Destination, Message, Timestamp, Urgency};

/// Messages in one burst, and the pause between bursts: 12 full datagrams are 15 kB, 240 datagrams a second.
const BURST: usize = 12;
const PAUSE: Duration = Duration::from_millis(50);

/// Most messages that wait: a few minutes' worth. What comes when it is full is dropped, and asked for later.
const WAITING_MAX: usize = 8_192;

/// Messages that wait for their burst.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    urgent: VecDeque<(Destination, Message)>,
    routine: VecDeque<(Destination, Message)>,
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
            Urgency::Urgent => self.urgent.push_back((to, message)),
            Urgency::Routine => self.routine.push_back((to, message)),
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
        self.urgent.drain(..urgent).chain(self.routine.drain(..routine)).collect()
    }

    /// Everything at once: this host is leaving.
    pub fn take_all(&mut self) -> Vec<(Destination, Message)> {
        self.urgent.drain(..).chain(self.routine.drain(..)).collect()
    }

    fn len(&self) -> usize {
        self.urgent.len() + self.routine.len()
    }
}
