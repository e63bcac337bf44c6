//! Rule 2: hand over, hold, bundle.
//!
//! The origin hands its news to one member of each group; that relay holds it a little, so that news of
//! many origins share a datagram, and tells its whole group. Two hops, one copy.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{Age, Aged, Destination, Message, NodeId, Record, RecordKind, Timestamp, Urgency, Version};

use super::budget::Budget;
use super::groups;
use super::node::Node;

/// An ordinary report is held for T over this.
const HOLD_DIVISOR: u32 = 4;

/// Urgent news is held this long: what a crash or a job start brings in one moment shares a datagram.
const URGENT_HOLD: Duration = Duration::from_millis(100);

/// Urgent bundles of a relay: three at once, then two a second. Bounds what a storm of news costs.
const URGENT_BURST: u32 = 3;
const URGENT_PAUSE: Duration = Duration::from_millis(500);

/// Urgent items that a relay remembers to have told, so that each is told once whoever says it.
const TOLD_MAX: usize = 8_192;

/// Told items are remembered this long: all that say the same news say it within a few seconds.
const TOLD_AGE_MAX: Duration = Duration::from_secs(10);

/// How often an origin hands over leaves and suspicions, and how far apart. At 10 % loss and with a tenth of the
/// relays dead, one way to a member fails in a quarter of all cases, six in one of 4,000; what is left over is
/// found when cards are compared.
const REPEATS: u8 = 6;
const REPEAT_PAUSE: Duration = Duration::from_millis(200);

/// Which piece of news: looked up in the roster when it is told, so that the newest is told. Suspicions and
/// departures sort first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item {
    rank: u8,
    kind: u32,
    pub id: NodeId,
    version: Version,
}

impl Item {
    pub fn is_card(&self) -> bool {
        self.kind == RecordKind::Card as u32
    }

    pub fn is_departure(&self) -> bool {
        self.kind == RecordKind::Departure as u32
    }

    pub fn is_suspicion(&self) -> bool {
        self.kind == RecordKind::Suspicion as u32
    }

    pub fn of(record: &Record) -> Self {
        let rank = match record {
            Record::Suspicion(_) | Record::Departure(_) => 0,
            Record::Report(_) | Record::Card(_) | Record::Unknown(_) => 1,
        };
        Self { rank, kind: record.kind(), id: record.id(), version: record.version() }
    }
}

/// What a relay holds.
#[derive(Clone, Debug)]
pub(super) struct Relay {
    /// Hosts whose reports wait, each with the bits of the group that it is for.
    routine: BTreeMap<NodeId, u8>,
    routine_due: Option<Timestamp>,
    urgent: BTreeMap<Item, u8>,
    urgent_due: Option<Timestamp>,
    urgent_budget: Budget,
    told: BTreeMap<Item, Timestamp>,
    /// News of this host's own that it hands over again: all together, so that a crash of many costs little more
    /// than that of one.
    repeats: Vec<Repeat>,
    repeats_due: Timestamp,
    /// The relays that were told some of it.
    repeats_told: Vec<NodeId>,
    /// To whom the last report was handed over.
    first_hops: Vec<NodeId>,
}

#[derive(Clone, Debug)]
struct Repeat {
    item: Item,
    left: u8,
}

impl Relay {
    pub fn new(now: Timestamp) -> Self {
        Self {
            routine: BTreeMap::new(),
            routine_due: None,
            urgent: BTreeMap::new(),
            urgent_due: None,
            urgent_budget: Budget::new(now, URGENT_BURST, URGENT_PAUSE),
            told: BTreeMap::new(),
            repeats: Vec::new(),
            repeats_due: now,
            repeats_told: Vec::new(),
            first_hops: Vec::new(),
        }
    }

    pub fn due(&self) -> Option<Timestamp> {
        let repeats = (!self.repeats.is_empty()).then_some(self.repeats_due);
        self.routine_due.into_iter().chain(self.urgent_due).chain(repeats).min()
    }

    fn hold_routine(&mut self, id: NodeId, bits: u8, due: Timestamp) {
        let held = self.routine.entry(id).or_insert(bits);
        *held = (*held).min(bits);
        self.routine_due = Some(self.routine_due.map_or(due, |earlier| earlier.min(due)));
    }

    fn hold_urgent(&mut self, now: Timestamp, item: Item, bits: u8) {
        if self.told.contains_key(&item) {
            return;
        }
        if self.told.len() >= TOLD_MAX
            && let Some((oldest, _)) =
                self.told.iter().min_by_key(|(_, told)| **told).map(|(item, told)| (*item, *told))
        {
            self.told.remove(&oldest);
        }
        self.told.insert(item, now);
        self.urgent.insert(item, bits);
        let due = now.after(URGENT_HOLD).max(self.urgent_budget.ready());
        self.urgent_due = Some(self.urgent_due.map_or(due, |earlier| earlier.min(due)));
    }
}

impl Node {
    /// Hands this host's own report to one relay of each group.
    pub(super) fn hand_over_report(&mut self, now: Timestamp) {
        let records = self.own_news(now);
        let mut first_hops = Vec::new();
        self.hand_over(now, Urgency::Routine, &records, &mut first_hops);
        self.relay.first_hops = first_hops;
        let bits = self.census.bits;
        if bits < groups::DIRECT {
            let due = now.after(self.settings.interval / HOLD_DIVISOR);
            let me = self.me.id;
            self.relay.hold_routine(me, bits, due);
        }
    }

    /// Hands a piece of urgent news over, leaves and suspicions several times.
    pub(super) fn hand_over_urgent(&mut self, now: Timestamp, record: &Record) {
        let item = Item::of(record);
        match record {
            Record::Suspicion(_) | Record::Departure(_) => {
                if self.relay.repeats.is_empty() {
                    self.relay.repeats_told.clear();
                }
                let mut told = std::mem::take(&mut self.relay.repeats_told);
                self.hand_over_items(now, &[item], &mut told);
                self.relay.repeats_told = told;
                self.relay.repeats.push(Repeat { item, left: REPEATS - 1 });
                self.relay.repeats_due = now.after(REPEAT_PAUSE);
            }
            Record::Report(_) | Record::Card(_) | Record::Unknown(_) => {
                self.hand_over_items(now, &[item], &mut Vec::new());
            }
        }
        let bits = self.census.bits;
        if bits < groups::DIRECT {
            self.relay.hold_urgent(now, item, bits);
        }
    }

    /// Says goodbye: all repeats at once, to different relays, and nothing held back.
    pub(super) fn hand_over_departure(&mut self, now: Timestamp, record: &Record) {
        let aged = vec![Aged { age: Age::default(), value: record.clone() }];
        let mut used = Vec::new();
        for _ in 0..REPEATS {
            self.hand_over(now, Urgency::Urgent, &aged, &mut used);
        }
        let group = groups::members(&self.census.living, self.me.id, self.census.bits).to_vec();
        for id in group.into_iter().filter(|id| *id != self.me.id) {
            self.outbox.push(now, Urgency::Urgent, Destination::Member(id), Message::Bundle { records: aged.clone() });
        }
    }

    fn hand_over_items(&mut self, now: Timestamp, items: &[Item], used: &mut Vec<NodeId>) {
        let records: Vec<Aged<Record>> = items.iter().flat_map(|item| self.news_of(now, *item)).collect();
        if !records.is_empty() {
            self.hand_over(now, Urgency::Urgent, &records, used);
        }
    }

    /// To one random living or suspect member of each group, not to one in `used` while there are others. In its
    /// own group this host is the first relay; when it says something again, another one is.
    fn hand_over(&mut self, now: Timestamp, urgency: Urgency, records: &[Aged<Record>], used: &mut Vec<NodeId>) {
        let bits = self.census.bits;
        let me = self.me.id;
        let again = !used.is_empty();
        for range in groups::ranges(&self.census.living, bits).collect::<Vec<_>>() {
            let group = &self.census.living[range];
            if !again && group.contains(&me) {
                continue;
            }
            let mut free: Vec<NodeId> = group.iter().copied().filter(|id| *id != me && !used.contains(id)).collect();
            if free.is_empty() {
                used.retain(|id| !group.contains(id));
                free = group.iter().copied().filter(|id| *id != me).collect();
            }
            if let Some(relay) = self.dice.pick(&free).copied() {
                used.push(relay);
                let message = Message::Handover { bits, urgency, records: records.to_vec() };
                self.outbox.push(now, urgency, Destination::Member(relay), message);
            }
        }
    }

    /// A first hop was refused by ICMP: another member of its group gets the report.
    pub(super) fn hand_over_elsewhere(&mut self, now: Timestamp, refused: NodeId) {
        let bits = self.census.bits;
        let Some(place) = self.relay.first_hops.iter().position(|id| *id == refused) else { return };
        self.relay.first_hops.swap_remove(place);
        if bits >= groups::DIRECT {
            return;
        }
        let group = groups::members(&self.census.living, refused, bits);
        let others: Vec<NodeId> = group.iter().copied().filter(|id| *id != refused && *id != self.me.id).collect();
        if let Some(relay) = self.dice.pick(&others).copied() {
            let message = Message::Handover { bits, urgency: Urgency::Routine, records: self.own_news(now) };
            self.outbox.push(now, Urgency::Routine, Destination::Member(relay), message);
        }
    }

    /// Takes what an origin handed over into the queue of this relay.
    pub(super) fn hold(&mut self, now: Timestamp, bits: u8, urgency: Urgency, items: &[Item]) {
        if bits >= groups::DIRECT {
            return;
        }
        // Hosts need not agree on N, but nobody makes this relay tell much more than its own group. Who sees
        // so few that it sends straight to everyone tells at most those few.
        let own = self.census.bits;
        let bits = if own >= groups::DIRECT { bits } else { bits.max(own.saturating_sub(1)) };
        for item in items {
            match urgency {
                Urgency::Urgent => self.relay.hold_urgent(now, *item, bits),
                Urgency::Routine => {
                    let interval = self.horizon_of(item.id).interval;
                    self.relay.hold_routine(item.id, bits, now.after(interval / HOLD_DIVISOR));
                }
            }
        }
    }

    /// Sends the bundles and repeats whose time has come.
    pub(super) fn run_relay(&mut self, now: Timestamp) {
        if self.relay.routine_due.is_some_and(|due| due <= now) {
            self.relay.routine_due = None;
            let mut queue = std::mem::take(&mut self.relay.routine);
            let bits = self.census.bits;
            queue.entry(self.me.id).or_insert(bits);
            let bundle: Vec<(u8, Vec<Aged<Record>>)> =
                queue.into_iter().map(|(id, bits)| (bits, self.news_about(now, id))).collect();
            self.bundle(now, Urgency::Routine, &bundle);
        }
        if self.relay.urgent_due.is_some_and(|due| due <= now) {
            self.relay.urgent_due = None;
            if self.relay.urgent_budget.take(now) {
                self.relay.told.retain(|_, told| now.since(*told) < TOLD_AGE_MAX);
                let queue = std::mem::take(&mut self.relay.urgent);
                let bundle: Vec<(u8, Vec<Aged<Record>>)> =
                    queue.into_iter().map(|(item, bits)| (bits, self.news_of(now, item))).collect();
                self.bundle(now, Urgency::Urgent, &bundle);
            } else {
                self.relay.urgent_due = Some(self.relay.urgent_budget.ready());
            }
        }
        if self.relay.repeats_due <= now && !self.relay.repeats.is_empty() {
            self.relay.repeats_due = now.after(REPEAT_PAUSE);
            let items: Vec<Item> = self.relay.repeats.iter().map(|repeat| repeat.item).collect();
            let mut told = std::mem::take(&mut self.relay.repeats_told);
            self.hand_over_items(now, &items, &mut told);
            self.relay.repeats_told = told;
            self.relay.repeats.iter_mut().for_each(|repeat| repeat.left -= 1);
            self.relay.repeats.retain(|repeat| repeat.left > 0);
        }
    }

    /// Tells each member of this host's group what is meant for it.
    fn bundle(&mut self, now: Timestamp, urgency: Urgency, queue: &[(u8, Vec<Aged<Record>>)]) {
        let Some(widest) = queue.iter().map(|(bits, _)| *bits).min() else { return };
        let group = groups::members(&self.census.living, self.me.id, widest).to_vec();
        for id in group.into_iter().filter(|id| *id != self.me.id) {
            let shared = groups::shared_bits(id, self.me.id);
            let records: Vec<Aged<Record>> = queue
                .iter()
                .filter(|(bits, _)| *bits <= shared)
                .flat_map(|(_, records)| records)
                .filter(|record| record.value.id() != id || matches!(record.value, Record::Suspicion(_)))
                .cloned()
                .collect();
            if !records.is_empty() {
                self.outbox.push(now, urgency, Destination::Member(id), Message::Bundle { records });
            }
        }
    }

    /// This host's report and whatever else it says about itself, but for the card.
    fn own_news(&self, now: Timestamp) -> Vec<Aged<Record>> {
        self.news_about(now, self.me.id)
    }

    /// The newest report of a host, and its records of kinds that this version doesn't know.
    pub(super) fn news_about(&self, now: Timestamp, id: NodeId) -> Vec<Aged<Record>> {
        let Some(host) = self.roster.get(id) else { return Vec::new() };
        let report = host.report.iter().map(|held| Aged::at(now, held.made, Record::Report(held.record.clone())));
        let unknown = host.unknown.iter().map(|held| Aged::at(now, held.made, Record::Unknown(held.record.clone())));
        report.chain(unknown).collect()
    }

    /// The newest of what `item` names.
    fn news_of(&self, now: Timestamp, item: Item) -> Vec<Aged<Record>> {
        let Some(host) = self.roster.get(item.id) else { return Vec::new() };
        let card = host.card.iter().map(|held| {
            let made = host.newest().unwrap_or(held.made);
            Aged::at(now, made, Record::Card(held.record.clone()))
        });
        let departure =
            host.departure.iter().map(|held| Aged::at(now, held.made, Record::Departure(held.record.clone())));
        const REPORT: u32 = RecordKind::Report as u32;
        const CARD: u32 = RecordKind::Card as u32;
        const DEPARTURE: u32 = RecordKind::Departure as u32;
        const SUSPICION: u32 = RecordKind::Suspicion as u32;
        match item.kind {
            CARD => card.chain(self.news_about(now, item.id)).collect(),
            DEPARTURE => departure.collect(),
            SUSPICION => self.suspicion_of(now, item.id).into_iter().collect(),
            REPORT.. => self.news_about(now, item.id),
        }
    }
}
