//! Rule 3: look for what is old. Asks the next host of a walk for whatever is older than it should be, and for
//! cards that got lost; sends nothing when nothing is.

use crate::model::{Aged, Destination, HostState, Known, Message, NodeId, Record, Timestamp};

use super::intake::WANTED_MAX;
use super::node::Node;
use super::walk::Walk;

/// Looks per T: what two hops lost is known a few seconds later, and each host asks rarely.
const LOOKS_PER_INTERVAL: u32 = 12;

/// A report is old above 135 hundredths of its T: T, its jitter and the relay's hold have passed by then.
const OLD_PERCENT: u32 = 135;

/// Of all hosts, at most this share is asked for at once, so that a host that was deaf for a while does not
/// have the whole table sent by one.
const ASKED_PERCENT: usize = 40;

/// The timer and the walk of rule 3.
#[derive(Clone, Debug)]
pub(super) struct Looks {
    pub walk: Walk,
    pub due: Timestamp,
}

impl Looks {
    pub fn new(now: Timestamp) -> Self {
        Self { walk: Walk::default(), due: now }
    }
}

impl Node {
    pub(super) fn run_looks(&mut self, now: Timestamp) {
        if self.looks.due > now {
            return;
        }
        let pause = self.dice.jitter(self.settings.interval / LOOKS_PER_INTERVAL, 5);
        self.looks.due = now.after(pause);
        let old = self.old_reports(now);
        let strangers = self.hosts_without_card(now);
        if old.is_empty() && strangers.is_empty() {
            return;
        }
        let Some(peer) = self.looks.walk.next(&mut self.dice) else { return };
        if !old.is_empty() {
            self.send(now, Destination::Member(peer), Message::Look { known: old });
        }
        if !strangers.is_empty() {
            self.send(now, Destination::Member(peer), Message::WantCards { ids: strangers });
        }
    }

    /// Hosts that speak, and whose card got lost.
    fn hosts_without_card(&mut self, now: Timestamp) -> Vec<NodeId> {
        let lacking = self.roster.iter().filter(|(id, host)| *id != self.me.id && !host.card_is_current());
        let ids: Vec<NodeId> = lacking.map(|(id, _)| id).take(WANTED_MAX).collect();
        ids.into_iter().filter(|id| self.lacks_card(now, *id)).collect()
    }

    /// Living, undoubted hosts whose report is older than it should be. Where there are more than may be
    /// asked for, any of them.
    fn old_reports(&mut self, now: Timestamp) -> Vec<Known> {
        let mut old = Vec::new();
        for (id, host) in self.roster.iter() {
            let limit = self.horizon(host).interval * OLD_PERCENT / 100;
            let is_old = host.report.as_ref().is_none_or(|held| now.since(held.made) > limit);
            if is_old && id != self.me.id && self.census.is_living(id) && !host.is_doubted() {
                old.push(Known { id, version: host.version() });
            }
        }
        let most = (self.census.living.len() * ASKED_PERCENT / 100).max(1);
        if old.len() > most {
            self.dice.shuffle(&mut old);
            old.truncate(most);
        }
        old
    }

    /// Answers with what is newer here, departures and suspicions too.
    pub(super) fn answer_look(&mut self, now: Timestamp, asker: Destination, known: &[Known]) {
        let mut records = Vec::new();
        for known in known {
            records.extend(self.newer_than(now, *known));
        }
        if !records.is_empty() {
            self.send_found(now, asker, records);
        }
    }

    fn newer_than(&self, now: Timestamp, known: Known) -> Vec<Aged<Record>> {
        let Some(host) = self.roster.get(known.id) else { return Vec::new() };
        if host.version() <= known.version {
            return self.suspicion_of(now, known.id).into_iter().collect();
        }
        match self.state_of(now, known.id, host) {
            HostState::Left => self.departure_of(now, known.id).into_iter().collect(),
            HostState::Fresh | HostState::Late | HostState::Suspect => self.news_about(now, known.id),
            HostState::Dead => Vec::new(),
        }
    }

    /// The suspicion that covers all that is held of a host.
    pub(super) fn suspicion_of(&self, now: Timestamp, id: NodeId) -> Option<Aged<Record>> {
        let host = self.roster.get(id)?;
        let held = host.suspicion.as_ref().filter(|_| host.is_doubted())?;
        Some(Aged::at(now, held.made, Record::Suspicion(held.record.clone())))
    }

    /// The tombstone of a host that left.
    pub(super) fn departure_of(&self, now: Timestamp, id: NodeId) -> Option<Aged<Record>> {
        let held = self.roster.get(id)?.departure.as_ref()?;
        Some(Aged::at(now, held.made, Record::Departure(held.record.clone())))
    }
}
