//! Rule 5: watch. Three hosts watch each host; a silent one is pinged, third hosts are asked, and only then
//! a suspicion goes out.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{Age, Aged, Destination, Inquiry, Message, NodeId, Record, Suspicion, Timestamp, Verdict};

use super::Output;
use super::node::Node;
use super::roster::Host;

/// How many hosts watch each host: the chance that a crash takes all of a host's watchers with it, where a
/// tenth of all crash at once, is 1 in 1,000.
const WATCHERS: usize = 3;

/// A heartbeat's pause H follows T within these bounds: not a flood for short T, a crash seen in time for
/// long T.
const HEARTBEAT_MIN: Duration = Duration::from_millis(500);
const HEARTBEAT_MAX: Duration = Duration::from_secs(3);

/// Silence beyond H before the first ping: a heartbeat may be this late.
const GRACE: Duration = Duration::from_millis(500);

/// Pings in a row and their distance: at 30 % loss eight answers are all lost once in 200 times.
const PINGS: u8 = 8;
const PING_PAUSE: Duration = Duration::from_millis(120);

/// A third host pings this often before it says no, soon enough for the watcher's last ping.
const HELPER_PINGS: u8 = 5;
const HELPER_PAUSE: Duration = Duration::from_millis(100);

/// Third hosts that are asked.
const HELPERS: usize = 3;

/// Inquiries that are worked on at once; more come only from a forger.
const HELPING_MAX: usize = 64;

/// How long a helper's finding is remembered, for inquiries that are repeated.
const FINDING_AGE_MAX: Duration = Duration::from_secs(2);

/// After this many intervals a watcher's patience halves.
const PATIENCE_INTERVALS: u32 = 10;

/// Watchers and the watched, probes and inquiries.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    watched: Vec<Watched>,
    watchers: Vec<NodeId>,
    helping: Vec<Helping>,
    patience: BTreeMap<NodeId, Patience>,
    /// When to look next, at the earliest. What is heard and told meanwhile only puts it off, so it is not
    /// reckoned at every step.
    due: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Watched {
    id: NodeId,
    /// Silence counts from here at the earliest.
    since: Timestamp,
    probe: Option<Probe>,
}

/// The pings of a watcher.
#[derive(Clone, Debug)]
struct Probe {
    started: Timestamp,
    token: u32,
    sent: u8,
    next: Timestamp,
    refused: bool,
    helpers: Vec<NodeId>,
    denied: bool,
}

/// A third host's pings.
#[derive(Clone, Debug)]
struct Helping {
    asker: Destination,
    inquiry: Inquiry,
    started: Timestamp,
    sent: u8,
    next: Timestamp,
    finding: Option<Verdict>,
}

/// Doublings of the silence that a watcher bears, after suspicions that were refuted.
#[derive(Clone, Copy, Debug)]
struct Patience {
    doublings: u32,
    changed: Timestamp,
}

/// The pause between two heartbeats of a host with this interval.
fn heartbeat(interval: Duration) -> Duration {
    interval.clamp(HEARTBEAT_MIN, HEARTBEAT_MAX)
}

impl Node {
    /// Whom this host watches, and who watches it: neighbours on the ring of ids.
    pub(super) fn follow_ring(&mut self, now: Timestamp) {
        let ring = &self.census.ring;
        let place = ring.partition_point(|id| *id < self.me.id);
        let others = ring.len().saturating_sub(usize::from(ring.get(place) == Some(&self.me.id)));
        let count = others.min(WATCHERS);
        let after = |steps: usize| ring[(place + steps) % ring.len()];
        self.watch.watchers = (1..=count).map(after).collect();
        let watched: Vec<NodeId> = (1..=count).map(|steps| after(ring.len() - steps)).collect();
        let mut before = std::mem::take(&mut self.watch.watched);
        for id in watched {
            let kept = before.iter().position(|watched| watched.id == id).map(|place| before.swap_remove(place));
            self.watch.watched.push(kept.unwrap_or(Watched { id, since: now, probe: None }));
        }
        let removal = self.census.median * PATIENCE_INTERVALS;
        self.watch.patience.retain(|_, patience| now.since(patience.changed) < removal * (patience.doublings + 1));
        self.reckon_watch_due();
    }

    /// All silences start anew: this host was stopped for a while, or its clock jumped.
    pub(super) fn forget_silences(&mut self, now: Timestamp) {
        for watched in &mut self.watch.watched {
            watched.since = now;
            watched.probe = None;
        }
        self.watch.helping.clear();
    }

    pub(super) fn watch_due(&self) -> Option<Timestamp> {
        self.watch.due
    }

    fn reckon_watch_due(&mut self) {
        let pause = heartbeat(self.settings.interval);
        let heartbeats = self.watch.watchers.iter().map(|id| self.told(*id).after(pause));
        let probes = self.watch.watched.iter().map(|watched| match &watched.probe {
            Some(probe) => probe.next,
            None => self.patience_ends(watched),
        });
        let helping = self.watch.helping.iter().map(|helping| helping.next);
        self.watch.due = heartbeats.chain(probes).chain(helping).min();
    }

    fn told(&self, id: NodeId) -> Timestamp {
        self.roster.get(id).and_then(|host| host.told).unwrap_or_default()
    }

    fn heard(&self, watched: &Watched) -> Timestamp {
        self.roster.get(watched.id).and_then(|host| host.heard).map_or(watched.since, |heard| heard.max(watched.since))
    }

    /// When the silence of a watched host has lasted too long.
    fn patience_ends(&self, watched: &Watched) -> Timestamp {
        let interval = self.roster.get(watched.id).map_or(self.settings.interval, Host::interval);
        let silence = heartbeat(interval) + GRACE;
        let doublings = self.watch.patience.get(&watched.id).map_or(0, |patience| patience.doublings);
        let most = interval.max(HEARTBEAT_MAX + GRACE);
        self.heard(watched).after((silence * 2u32.saturating_pow(doublings)).min(most))
    }

    pub(super) fn run_watch(&mut self, now: Timestamp) {
        let pause = heartbeat(self.settings.interval);
        for id in self.watch.watchers.clone() {
            if self.told(id).after(pause) <= now {
                self.send(now, Destination::Member(id), Message::Heartbeat);
            }
        }
        let mut watched = std::mem::take(&mut self.watch.watched);
        for one in &mut watched {
            self.watch_one(now, one);
        }
        self.watch.watched = watched;
        self.run_inquiries(now);
        self.reckon_watch_due();
    }

    fn watch_one(&mut self, now: Timestamp, watched: &mut Watched) {
        if watched.probe.as_ref().is_some_and(|probe| self.heard(watched) > probe.started) {
            watched.probe = None;
        }
        if watched.probe.is_none() && self.patience_ends(watched) <= now {
            watched.probe = Some(self.new_probe(now));
        }
        let Some(probe) = &mut watched.probe else { return };
        if probe.next > now {
            return;
        }
        if probe.sent < PINGS && !probe.refused {
            probe.sent += 1;
            probe.next = now.after(PING_PAUSE);
            self.send(now, Destination::Member(watched.id), Message::Ping { token: probe.token });
            match probe.sent {
                2 => {
                    probe.helpers = self.helpers(watched.id);
                    self.inquire(now, watched.id, probe);
                }
                // The host may have a new session, for which no ping is sealed.
                3 => self.out.extend(self.socket_of(watched.id).map(|to| Output::Hello { to })),
                4 | 6 => self.inquire(now, watched.id, probe),
                _ => {}
            }
            return;
        }
        let alone = self.census.ring.iter().all(|id| *id == self.me.id || *id == watched.id);
        if probe.denied || alone {
            watched.probe = None;
            watched.since = now;
            self.suspect(now, watched.id);
        } else if probe.sent < PINGS {
            // Its port refuses us; one third host must say no before it is suspected.
            if probe.helpers.is_empty() {
                probe.helpers = self.helpers(watched.id);
            }
            probe.sent += 1;
            probe.next = now.after(PING_PAUSE);
            self.inquire(now, watched.id, probe);
        } else {
            // Nobody said anything: other third hosts are asked.
            watched.probe = Some(self.new_probe(now));
        }
    }

    fn new_probe(&mut self, now: Timestamp) -> Probe {
        Probe {
            started: now,
            token: self.dice.number() as u32,
            sent: 0,
            next: now,
            refused: false,
            helpers: Vec::new(),
            denied: false,
        }
    }

    fn helpers(&mut self, suspect: NodeId) -> Vec<NodeId> {
        let (me, ring) = (self.me.id, &self.census.ring);
        let mut helpers = Vec::with_capacity(HELPERS);
        for _ in 0..4 * HELPERS {
            match self.dice.pick(ring) {
                Some(id) if *id != me && *id != suspect && !helpers.contains(id) => helpers.push(*id),
                Some(_) | None => {}
            }
            if helpers.len() == HELPERS {
                break;
            }
        }
        helpers
    }

    fn inquire(&mut self, now: Timestamp, suspect: NodeId, probe: &Probe) {
        // Only what a third host heard since the first ping says more than the watcher knows: two that heard the
        // host's last word together would assure each other for ever.
        let silence = Age::at(now, probe.started);
        for helper in probe.helpers.clone() {
            let inquiry = Inquiry { token: probe.token, suspect, silence };
            self.send(now, Destination::Member(helper), Message::Inquire(inquiry));
        }
    }

    /// No answer of its own, a third host's no and no yes.
    fn suspect(&mut self, now: Timestamp, id: NodeId) {
        let Some(host) = self.roster.get(id) else { return };
        if self.join.is_isolated() || host.is_doubted() {
            return;
        }
        let suspicion = Suspicion { id, version: host.version(), by: self.me.id, tail: Default::default() };
        let record = Record::Suspicion(suspicion);
        self.roster.merge(now, now, record.clone());
        self.census.outdate();
        let told = vec![Aged { age: Age::default(), value: record.clone() }];
        self.send(now, Destination::Member(id), Message::Bundle { records: told });
        self.hand_over_urgent(now, &record);
    }

    /// A suspicion of this host's was wrong: more patience with that host.
    pub(super) fn was_refuted(&mut self, now: Timestamp, id: NodeId) {
        let patience = self.watch.patience.entry(id).or_insert(Patience { doublings: 0, changed: now });
        patience.doublings = (patience.doublings + 1).min(16);
        patience.changed = now;
    }

    /// Nobody listens at the port of `id`.
    pub(super) fn watched_is_refused(&mut self, now: Timestamp, id: NodeId) {
        let probe = self.new_probe(now);
        if let Some(watched) = self.watch.watched.iter_mut().find(|watched| watched.id == id) {
            watched.probe.get_or_insert(probe).refused = true;
            self.watch.due = Some(now);
        }
    }

    /// A hello of a probe was answered by the life that is known here.
    pub(super) fn is_probed(&self, id: NodeId) -> bool {
        self.watch.watched.iter().any(|watched| watched.id == id && watched.probe.is_some())
    }

    /// A third host found something out.
    pub(super) fn take_answer(&mut self, now: Timestamp, from: Option<NodeId>, token: u32, verdict: Verdict) {
        let Some(from) = from else { return };
        for watched in &mut self.watch.watched {
            let Some(probe) = &mut watched.probe else { continue };
            if probe.token != token || !probe.helpers.contains(&from) {
                continue;
            }
            match verdict {
                Verdict::Alive => {
                    watched.probe = None;
                    watched.since = now;
                }
                Verdict::Silent => probe.denied = true,
            }
        }
    }

    /// A watcher asks.
    pub(super) fn take_inquiry(&mut self, now: Timestamp, asker: Destination, inquiry: Inquiry) {
        let Some(host) = self.roster.get(inquiry.suspect).filter(|host| host.card.is_some()) else { return };
        if host.heard.is_some_and(|heard| now.since(heard) < inquiry.silence.as_duration()) {
            self.send(now, asker, Message::Answer { token: inquiry.token, verdict: Verdict::Alive });
            return;
        }
        let known =
            self.watch.helping.iter().find(|helping| helping.asker == asker && helping.inquiry.token == inquiry.token);
        if let Some(known) = known {
            if let Some(verdict) = known.finding {
                self.send(now, asker, Message::Answer { token: inquiry.token, verdict });
            }
        } else if self.watch.helping.len() < HELPING_MAX {
            let helping = Helping { asker, inquiry, started: now, sent: 0, next: now, finding: None };
            self.watch.helping.push(helping);
            self.run_inquiries(now);
        }
    }

    fn run_inquiries(&mut self, now: Timestamp) {
        let mut inquiries = std::mem::take(&mut self.watch.helping);
        inquiries.retain(|helping| now.since(helping.started) < FINDING_AGE_MAX);
        for helping in &mut inquiries {
            let heard = self.roster.get(helping.inquiry.suspect).and_then(|host| host.heard);
            if helping.finding.is_none() && heard.is_some_and(|heard| heard > helping.started) {
                helping.finding = Some(Verdict::Alive);
            } else if helping.next > now {
                continue;
            } else if helping.finding.is_none() && helping.sent < HELPER_PINGS {
                helping.sent += 1;
                helping.next = now.after(HELPER_PAUSE);
                let ping = Message::Ping { token: helping.inquiry.token };
                self.send(now, Destination::Member(helping.inquiry.suspect), ping);
                continue;
            } else if helping.finding.is_none() {
                helping.finding = Some(Verdict::Silent);
            } else {
                helping.next = helping.started.after(FINDING_AGE_MAX);
                continue;
            }
            helping.next = helping.started.after(FINDING_AGE_MAX);
            if let Some(verdict) = helping.finding {
                self.send(now, helping.asker, Message::Answer { token: helping.inquiry.token, verdict });
            }
        }
        self.watch.helping = inquiries;
        let next = self.watch.helping.iter().map(|helping| helping.next).min();
        self.watch.due = self.watch.due.into_iter().chain(next).min();
    }

    /// Something from `id` opened: watchers and helpers that wait for it need not wait on.
    pub(super) fn heard_from(&mut self, now: Timestamp, id: NodeId) {
        if let Some(host) = self.roster.get_mut(id) {
            host.heard = Some(now);
        }
        if self.watch.helping.iter().any(|helping| helping.inquiry.suspect == id && helping.finding.is_none()) {
            self.run_inquiries(now);
        }
    }
}
