//! Who counts at this moment: the living in ring order, the bits of a group, the median interval. Also the
//! place where changes of state become the operator's story, and where forgotten hosts leave the table.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::model::{HostName, HostState, NodeId, StateCounts, Timestamp};

use super::node::Node;
use super::roster::{Horizon, Host};
use super::{Event, Output, groups};

/// A census older than a fifth of the median T, within these bounds, is taken again even when nobody came or
/// went: hosts grow old by themselves, but no faster than that.
const CENSUS_AGE_DIVISOR: u32 = 5;
const CENSUS_AGE_MIN: Duration = Duration::from_millis(500);
const CENSUS_AGE_MAX: Duration = Duration::from_secs(5);

/// After a change the next count waits this long, so that a thousand joins in a second are not a thousand
/// counts.
const CENSUS_PAUSE: Duration = Duration::from_millis(20);

/// The result of the last count.
#[derive(Clone, Debug)]
pub(super) struct Census {
    /// Fresh, late and suspect hosts with a card, this one included, in ring order.
    pub living: Vec<NodeId>,
    /// The living but for the suspect: who watches and is asked about others.
    pub ring: Vec<NodeId>,
    /// How many leading bits of an id name a group.
    pub bits: u8,
    /// The median T of the living.
    pub median: Duration,
    /// Hosts with a card by state.
    pub counts: StateCounts,
    taken: Timestamp,
    due: Timestamp,
}

impl Census {
    pub fn new(now: Timestamp, interval: Duration) -> Self {
        Self {
            living: Vec::new(),
            ring: Vec::new(),
            bits: groups::DIRECT,
            median: interval,
            counts: StateCounts::default(),
            taken: now.before(CENSUS_PAUSE),
            due: now,
        }
    }

    /// Somebody came, went or changed: count again before the result is used.
    pub fn outdate(&mut self) {
        self.due = self.due.min(self.taken.after(CENSUS_PAUSE));
    }

    pub fn due(&self) -> Timestamp {
        self.due
    }

    pub fn is_living(&self, id: NodeId) -> bool {
        self.living.binary_search(&id).is_ok()
    }
}

impl Node {
    /// The intervals of all living hosts in hundredths of a second: how many hosts have each, and one of them.
    #[must_use]
    pub fn intervals(&self) -> BTreeMap<u32, (u32, HostName)> {
        let mut intervals = BTreeMap::new();
        let cards = self.census.living.iter().filter_map(|id| self.roster.get(*id)?.card.as_ref());
        for card in cards.map(|held| &held.record) {
            let (hosts, _) = intervals.entry(card.interval.as_hundredths()).or_insert_with(|| (0, card.name.clone()));
            *hosts += 1;
        }
        intervals
    }

    /// What the ages of `host` are compared with.
    pub(super) fn horizon(&self, host: &Host) -> Horizon {
        Horizon { interval: host.interval().max(self.census.median) }
    }

    /// As [`Node::horizon`], of a host that need not be in the table.
    pub(super) fn horizon_of(&self, id: NodeId) -> Horizon {
        self.roster.get(id).map_or(Horizon { interval: self.census.median }, |host| self.horizon(host))
    }

    /// This host is always fresh to itself.
    pub(super) fn state_of(&self, now: Timestamp, id: NodeId, host: &Host) -> HostState {
        if id == self.me.id { HostState::Fresh } else { host.state(now, self.horizon(host)) }
    }

    /// Counts again, where the last result is out of date.
    pub(super) fn take_census(&mut self, now: Timestamp) {
        if self.census.due() <= now {
            self.recount(now);
        }
    }

    /// Counts again without a pause: for what this host does once and for everybody, like telling all its card or
    /// saying goodbye.
    pub(super) fn recount(&mut self, now: Timestamp) {
        let before = std::mem::take(&mut self.census.living);
        let ring_before = std::mem::take(&mut self.census.ring);
        let mut intervals = Vec::with_capacity(before.len());
        let mut counts = StateCounts::default();
        let mut forgotten = Vec::new();
        let mut changed = Vec::new();
        let mut graces_end = Timestamp::from_micros(i64::MAX);
        for (id, host) in self.roster.iter() {
            let horizon = self.horizon(host);
            if id != self.me.id && host.forgotten(horizon) < now && !self.join.is_isolated() {
                forgotten.push(id);
                continue;
            }
            if host.card.is_none() {
                continue;
            }
            let state = self.state_of(now, id, host);
            match state {
                HostState::Fresh => counts.fresh += 1,
                HostState::Late => counts.late += 1,
                HostState::Suspect => counts.suspect += 1,
                HostState::Left => counts.left += 1,
                HostState::Dead => counts.dead += 1,
            }
            if let Some(end) = host.grace_ends().filter(|end| *end > now) {
                graces_end = graces_end.min(end);
            }
            if host.logged != Some(state) {
                changed.push((id, state));
            }
            if matches!(state, HostState::Fresh | HostState::Late | HostState::Suspect) {
                self.census.living.push(id);
                if state != HostState::Suspect {
                    self.census.ring.push(id);
                }
                intervals.push(host.interval());
            }
        }
        if !intervals.is_empty() {
            let middle = intervals.len() / 2;
            self.census.median = *intervals.select_nth_unstable(middle).1;
        }
        self.census.counts = counts;
        let age = self.census.median / CENSUS_AGE_DIVISOR;
        self.census.taken = now;
        self.census.due = now.after(age.clamp(CENSUS_AGE_MIN, CENSUS_AGE_MAX)).min(graces_end);
        for id in forgotten {
            self.forget(id);
        }
        for (id, state) in changed {
            self.tell_change(id, state);
        }
        if before != self.census.living {
            self.census.bits = groups::bits(&self.census.living);
            self.looks.walk.follow(&self.census.living, self.me.id, &mut self.dice);
            self.sync.walk.follow(&self.census.living, self.me.id, &mut self.dice);
        }
        if ring_before != self.census.ring {
            self.follow_ring(now);
        }
    }

    pub(super) fn forget(&mut self, id: NodeId) {
        if self.roster.remove(id).is_some_and(|host| host.card.is_some()) {
            self.out.push(Output::Dismiss(id));
        }
    }

    fn tell_change(&mut self, id: NodeId, state: HostState) {
        let Some(host) = self.roster.get_mut(id) else { return };
        let Some(card) = &host.card else { return };
        let before = host.logged.replace(state);
        if id == self.me.id {
            return;
        }
        let (name, address) = (card.record.name.clone(), card.record.endpoint.socket());
        let suspicion = host.suspicion.as_ref().map(|held| held.record.by);
        let was_here = matches!(before, Some(HostState::Fresh | HostState::Late | HostState::Suspect));
        let event = match state {
            HostState::Fresh | HostState::Late if before == Some(HostState::Suspect) => {
                Some(Event::Recovered { name, address })
            }
            HostState::Fresh | HostState::Late if was_here => None,
            HostState::Fresh | HostState::Late => Some(Event::Joined { name, address }),
            HostState::Suspect => suspicion.map(|by| Event::Suspected { name, address, by }),
            HostState::Left if was_here => Some(Event::Left { name, address }),
            HostState::Dead if was_here => Some(Event::Lost { name, address }),
            HostState::Left | HostState::Dead => None,
        };
        if matches!(state, HostState::Dead | HostState::Left) && was_here {
            self.join.bury(address);
        }
        self.out.extend(event.map(Output::Event));
    }

    /// The living members that listen at `address`.
    pub(super) fn living_at(&self, address: SocketAddr) -> Option<NodeId> {
        self.census.living.iter().copied().find(|id| self.socket_of(*id) == Some(address))
    }

    /// Where a host listens, as its card says.
    pub(super) fn socket_of(&self, id: NodeId) -> Option<SocketAddr> {
        self.roster.get(id)?.card.as_ref().map(|held| held.record.endpoint.socket())
    }
}
