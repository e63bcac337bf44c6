//! What this host says of itself: its card and its reports, early news, refutations, and rule 6: only the
//! owner raises a version, and it stays above whatever is said in its name.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::{Age, Card, Departure, Label, NodeId, Record, Report, Sample, SessionId, Timestamp, Version};

use super::budget::Budget;
use super::node::Node;
use super::roster::Held;
use super::{Event, Identity, Output};

/// The load is looked at this often between reports, so that a job start is known in seconds.
const EARLY_LOOK_MAX: Duration = Duration::from_secs(2);

/// Early news: the load moved by at least 1.0 and a quarter of the cores.
const EARLY_LOAD_HUNDREDTHS: u32 = 100;
const EARLY_CORES_PERCENT: u32 = 25;

/// Early reports: one per T, saved up to this many.
const EARLY_BURST: u32 = 3;

/// Refutations and rises above a forged version, one a second: a forger may not make a host its loudspeaker.
const REFUTATION_PAUSE: Duration = Duration::from_secs(1);

/// Hearing of itself with a higher version this often within [`TWIN_INTERVALS`] means that another host
/// speaks with this one's id.
const TWIN_RISES: usize = 3;
const TWIN_INTERVALS: u32 = 10;

/// At least this span, however short T is: of two machines with one address each is heard in turn, and one that is
/// not says nothing to anybody before it finds itself isolated.
const TWIN_SPAN_MIN: Duration = Duration::from_secs(300);

/// Why the load is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Purpose {
    Early,
    Routine,
    Refutation,
}

/// What a host knows of itself.
#[derive(Clone, Debug)]
pub(super) struct Me {
    pub id: NodeId,
    pub session: SessionId,
    pub twin: bool,
    identity: Identity,
    /// Of the newest report.
    version: Version,
    /// Of the newest card.
    card_version: Version,
    sample: Option<Sample>,
    measuring: Option<Purpose>,
    report_due: Timestamp,
    early_due: Timestamp,
    early_budget: Budget,
    refutations: Budget,
    rises: VecDeque<Timestamp>,
    session_drawn: Timestamp,
}

impl Me {
    pub fn new(now: Timestamp, identity: Identity, session: SessionId, wall_seconds: u64, interval: Duration) -> Self {
        Self {
            id: identity.endpoint.id(),
            session,
            twin: false,
            identity,
            version: Version { incarnation: wall_seconds, sequence: 0 },
            card_version: Version { incarnation: wall_seconds, sequence: 0 },
            sample: None,
            measuring: None,
            report_due: now,
            early_due: now.after(interval.min(EARLY_LOOK_MAX)),
            early_budget: Budget::new(now, EARLY_BURST, interval),
            refutations: Budget::new(now, 1, REFUTATION_PAUSE),
            rises: VecDeque::new(),
            session_drawn: now,
        }
    }

    pub fn due(&self) -> Timestamp {
        self.report_due.min(self.early_due)
    }

    /// First byte of the hash of the key that this host puts first.
    pub fn first_key(&self) -> Option<u8> {
        self.identity.key_ids.first().copied()
    }
}

impl Node {
    /// Asks for a reading where one is due.
    pub(super) fn run_own(&mut self, now: Timestamp) {
        let interval = self.settings.interval;
        if self.me.report_due <= now {
            // The first pause is anywhere in T: hosts that start together don't speak together for ever.
            let pause = match self.me.sample {
                None => self.dice.within(interval),
                Some(_) => self.dice.jitter(interval, 5),
            };
            self.me.report_due = now.after(pause);
            self.measure(Purpose::Routine);
        }
        if self.me.early_due <= now {
            self.me.early_due = now.after(interval.min(EARLY_LOOK_MAX));
            self.measure(Purpose::Early);
        }
        let quiet = (self.settings.interval * TWIN_INTERVALS).max(TWIN_SPAN_MIN);
        while self.me.rises.front().is_some_and(|rise| now.since(*rise) > quiet) {
            self.me.rises.pop_front();
        }
        if self.me.rises.is_empty() {
            self.me.twin = false;
        }
    }

    fn measure(&mut self, purpose: Purpose) {
        if self.me.measuring.is_none() {
            self.out.push(Output::Measure);
        }
        self.me.measuring = self.me.measuring.max(Some(purpose));
    }

    /// A reading came.
    pub(super) fn take_sample(&mut self, now: Timestamp, sample: Sample) {
        match self.me.measuring.take() {
            Some(Purpose::Routine) => {
                // A job start that is seen by chance in an ordinary reading is no less urgent.
                let early = self.me.sample.is_some() && self.is_early_news(&sample) && self.me.early_budget.take(now);
                self.publish(now, sample);
                if early {
                    self.hand_over_own_urgently(now);
                } else {
                    self.hand_over_report(now);
                }
            }
            Some(Purpose::Refutation) => {
                self.publish(now, sample);
                self.hand_over_own_urgently(now);
            }
            Some(Purpose::Early) if self.is_early_news(&sample) && self.me.early_budget.take(now) => {
                self.publish(now, sample);
                self.hand_over_own_urgently(now);
            }
            Some(Purpose::Early) | None => {}
        }
    }

    fn is_early_news(&self, sample: &Sample) -> bool {
        let told = self.me.sample.and_then(|told| told.load.load1_hundredths);
        let (Some(told), Some(read)) = (told, sample.load.load1_hundredths) else {
            return told != sample.load.load1_hundredths;
        };
        let cores = sample.cores.unwrap_or(1);
        told.abs_diff(read) >= EARLY_LOAD_HUNDREDTHS.max(cores.saturating_mul(EARLY_CORES_PERCENT))
    }

    fn hand_over_own_urgently(&mut self, now: Timestamp) {
        let report = self.roster.get(self.me.id).and_then(|host| host.report.as_ref());
        if let Some(record) = report.map(|held| Record::Report(held.record.clone())) {
            self.hand_over_urgent(now, &record);
        }
    }

    /// Puts a new report into the table; a new card too, where what it says has changed.
    fn publish(&mut self, now: Timestamp, sample: Sample) {
        let before = self.me.sample.replace(sample);
        let facts = |sample: &Sample| (sample.cores, sample.memory_total_mib);
        if before.as_ref().map(facts) != Some(facts(&sample)) {
            self.renew_card(now);
            if before.is_some() {
                self.announce_card(now);
            }
        }
        self.raise_report(now);
    }

    /// A new version of the last report. It is raised even when the load is unchanged: peers judge by the
    /// version that this host lives.
    fn raise_report(&mut self, now: Timestamp) {
        let Some(sample) = self.me.sample else { return };
        let Some(version) = self.me.version.next() else { return self.take_new_salt(now) };
        if version.incarnation != self.me.version.incarnation {
            self.me.version = version;
            self.renew_card(now);
        }
        self.me.version = version;
        let report = Report {
            id: self.me.id,
            version,
            card: self.me.card_version.sequence,
            load: sample.load,
            flags: 0,
            tail: Default::default(),
        };
        self.roster.put_own(self.me.id, |host| host.report = Some(Held { made: now, record: report }));
    }

    /// A new version of the card, in the life of the reports.
    pub(super) fn renew_card(&mut self, now: Timestamp) {
        let incarnation = self.me.version.incarnation;
        let sequence = if self.me.card_version.incarnation == incarnation {
            self.me.card_version.sequence.saturating_add(1)
        } else {
            1
        };
        self.me.card_version = Version { incarnation, sequence };
        let identity = &self.me.identity;
        let sample = self.me.sample.unwrap_or_default();
        let card = Card {
            id: self.me.id,
            version: self.me.card_version,
            name: identity.name.clone(),
            endpoint: identity.endpoint,
            more_addresses: identity.more_addresses.clone(),
            session: self.me.session,
            key_ids: identity.key_ids.clone(),
            cores: sample.cores,
            memory_total_mib: sample.memory_total_mib,
            labels: identity.labels.clone(),
            software: identity.software.clone(),
            interval: Age::from_duration(self.settings.interval),
            collector: self.settings.collector,
            uptime_seconds: sample.uptime_seconds,
            tail: Default::default(),
        };
        let card = Box::new(card);
        self.roster.put_own(self.me.id, |host| host.card = Some(Held { made: now, record: card }));
        self.census.outdate();
    }

    /// Tells everybody the card, in two hops.
    pub(super) fn announce_card(&mut self, now: Timestamp) {
        let card = self.roster.get(self.me.id).and_then(|host| host.card.as_ref());
        if let Some(record) = card.map(|held| Record::Card(held.record.clone())) {
            self.hand_over_urgent(now, &record);
        }
    }

    /// What others say of this host.
    pub(super) fn hear_of_myself(&mut self, now: Timestamp, made: Timestamp, record: &Record) {
        match record {
            Record::Card(card) if !self.is_my_endpoint(card) => {
                let (theirs, mine) = (&card.endpoint, &self.me.identity.endpoint);
                if (theirs.address, theirs.port) < (mine.address, mine.port) {
                    self.take_new_salt(now);
                }
            }
            Record::Card(card) => {
                let foreign = card.session != self.me.session && card.version == self.me.card_version;
                if card.version > self.me.card_version || foreign {
                    self.rise_above(now, card.version);
                }
            }
            Record::Report(report) => self.hear_own_version(now, report.version),
            Record::Unknown(unknown) => self.hear_own_version(now, unknown.version),
            Record::Departure(departure) => {
                if departure.version >= self.me.version {
                    self.rise_above(now, departure.version);
                }
            }
            Record::Suspicion(_) => {
                let newest = self.roster.get(self.me.id).and_then(|host| host.report.as_ref()).map(|held| held.made);
                if newest.is_none_or(|newest| newest <= made) && self.me.refutations.take(now) {
                    self.measure(Purpose::Refutation);
                }
            }
        }
    }

    /// A version that others hold of this host.
    pub(super) fn hear_own_version(&mut self, now: Timestamp, version: Version) {
        if version > self.me.version {
            self.rise_above(now, version);
        }
    }

    fn is_my_endpoint(&self, card: &Card) -> bool {
        card.endpoint == self.me.identity.endpoint
    }

    /// Rule 6: goes above a version that somebody has of this host (an earlier life of its own, a forger, a
    /// twin).
    fn rise_above(&mut self, now: Timestamp, version: Version) {
        if !self.me.refutations.take(now) {
            return;
        }
        let Some(above) = version.max(self.me.version).next_life() else { return self.take_new_salt(now) };
        self.me.version = Version { sequence: 0, ..above };
        self.note_rise(now);
        self.begin_life(now);
    }

    fn note_rise(&mut self, now: Timestamp) {
        self.me.rises.push_back(now);
        if self.me.rises.len() < TWIN_RISES {
            return;
        }
        if !std::mem::replace(&mut self.me.twin, true) {
            self.out.push(Output::Event(Event::Twin));
        }
        self.me.rises.truncate(TWIN_RISES);
        self.draw_session_once_an_interval(now);
    }

    /// A new session is a new card for everybody: a forger may not ask for one after the other.
    pub(super) fn draw_session_once_an_interval(&mut self, now: Timestamp) {
        if now.since(self.me.session_drawn) >= self.settings.interval {
            self.me.session_drawn = now;
            self.out.push(Output::DrawSession);
        }
    }

    /// Card and report of a new life, told at once.
    fn begin_life(&mut self, now: Timestamp) {
        self.renew_card(now);
        self.raise_report(now);
        self.announce_card(now);
    }

    /// An id that is free: the old one is taken, or its version cannot be exceeded.
    fn take_new_salt(&mut self, now: Timestamp) {
        // A new id has no past: who has come to the end of all lives begins with the first.
        if self.me.version.next_life().is_none() {
            self.me.version = Version::default();
        }
        self.me.identity.endpoint.salt = self.me.identity.endpoint.salt.wrapping_add(1);
        self.take_id(now);
    }

    /// Has come this far with its versions, as after a long life.
    #[cfg(test)]
    pub(super) fn wear_out(&mut self, version: Version) {
        self.me.version = version;
    }

    /// From now on this host is the one at `identity`.
    fn take_id(&mut self, now: Timestamp) {
        self.roster.remove(self.me.id);
        self.me.id = self.me.identity.endpoint.id();
        if self.roster.remove(self.me.id).is_some() {
            self.out.push(Output::Dismiss(self.me.id));
        }
        self.begin_life(now);
        self.begin_rounds(now);
    }

    /// The addresses of this host changed: the old host leaves, a new one joins.
    pub(super) fn take_move(&mut self, now: Timestamp, mut identity: Identity) {
        if identity.endpoint.socket() == self.me.identity.endpoint.socket() {
            identity.endpoint.salt = self.me.identity.endpoint.salt;
            self.me.identity = identity;
            self.renew_card(now);
            self.announce_card(now);
            return;
        }
        self.say_goodbye(now);
        self.me.identity = identity;
        self.take_id(now);
        // A clone that moves shares its session with the one that stays, and each would be refused for the other's
        // counters.
        self.out.push(Output::DrawSession);
    }

    /// Labels or keys were read again.
    pub(super) fn take_labels_and_keys(&mut self, now: Timestamp, labels: Vec<Label>, key_ids: Vec<u8>) {
        if (&self.me.identity.labels, &self.me.identity.key_ids) != (&labels, &key_ids) {
            self.me.identity.labels = labels;
            self.me.identity.key_ids = key_ids;
            self.renew_card(now);
            self.raise_report(now);
            self.announce_card(now);
        }
    }

    /// A new session was drawn.
    pub(super) fn take_session(&mut self, now: Timestamp, session: SessionId) {
        self.me.session = session;
        self.me.session_drawn = now;
        self.renew_card(now);
        self.raise_report(now);
        self.announce_card(now);
    }

    /// The wall clock is a hint for the next life: a machine restored from a snapshot goes above what it
    /// said after the snapshot was taken.
    pub(super) fn take_clock_jump(&mut self, now: Timestamp, wall_seconds: u64) {
        if let Some(next) = self.me.version.next_life() {
            let incarnation = next.incarnation.max(wall_seconds);
            self.me.version = Version { incarnation, sequence: 0 };
        }
        self.forget_silences(now);
        self.out.push(Output::DrawSession);
        self.begin_rounds(now);
    }

    /// Tells everybody that this host leaves.
    pub(super) fn say_goodbye(&mut self, now: Timestamp) {
        let Some(version) = self.me.version.next() else { return };
        self.me.version = version;
        let record = Record::Departure(Departure { id: self.me.id, version, tail: Default::default() });
        self.hand_over_departure(now, &record);
    }
}
