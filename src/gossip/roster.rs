//! What is held about each host, and how what is heard is merged into it.
//!
//! Merging is a lattice: for each kind of record the newer version wins; of two copies of one version the
//! older age; of equal versions with different content the smaller content. So the order of datagrams and
//! their repetition don't matter. Whether a record may be taken at all (its age, the limits, valid_ips) is
//! asked before, in [`super::intake`].

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::model::{
    Card, Departure, HostState, HostView, NodeId, Record, Report, Suspicion, Timestamp, UnknownRecord, Version,
};

/// Kinds of record that this version doesn't know, per host: what newer versions may add before this one is
/// too old to take part.
const UNKNOWN_KINDS_MAX: usize = 4;

/// Hosts of one address: people run a private network beside the machine's own; a forger may not fill the
/// table from one machine.
pub(super) const HOSTS_PER_ADDRESS_MAX: usize = 8;

/// A suspicion takes a host from the offer only after this long, so that a refutation can arrive first.
pub(super) const SUSPICION_GRACE: Duration = Duration::from_millis(700);

/// A record made up to this long before a suspicion refutes it too: ages are rounded up at each hop, so a
/// refutation that came over three hops looks a little older than it is. The silence that led to the
/// suspicion is longer by far.
const SUSPICION_SLACK: Duration = Duration::from_millis(300);

/// What the ages of a host are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Horizon {
    /// The larger of the host's own interval and the median of the living.
    pub interval: Duration,
}

impl Horizon {
    /// Fresh up to this age.
    pub fn fresh(self) -> Duration {
        (self.interval * 2).max(Duration::from_secs(1))
    }

    /// Late up to this age, dead above it.
    pub fn removal(self) -> Duration {
        (self.interval * 6).max(Duration::from_secs(3))
    }

    /// A host that is not in the table enters it only when its news is younger: half the removal time, so
    /// that no sync brings back a host which others are about to drop.
    pub fn entry(self) -> Duration {
        self.removal() / 2
    }

    /// Left and dead hosts are remembered this long, to keep old copies out.
    pub fn tombstone(self) -> Duration {
        self.removal() * 10
    }
}

/// A record and when it was made, on this host's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held<R> {
    pub made: Timestamp,
    pub record: R,
}

/// All that is held about one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Host {
    pub card: Option<Held<Box<Card>>>,
    /// What the card says that is asked of every host several times a second: kept beside it, so that counting
    /// the living follows no pointers.
    facts: Facts,
    pub report: Option<Held<Report>>,
    /// When the report came here: whatever age it claims, its host is not forgotten at once.
    report_came: Option<Timestamp>,
    pub unknown: Vec<Held<UnknownRecord>>,
    pub departure: Option<Held<Departure>>,
    pub suspicion: Option<Held<Suspicion>>,
    /// When the suspicion came here: the grace counts from then.
    pub suspicion_came: Timestamp,
    /// When a datagram sealed by it opened here; `None`: never.
    pub heard: Option<Timestamp>,
    /// When something was last sent to it.
    pub told: Option<Timestamp>,
    /// The state that the log last spoke of.
    pub logged: Option<HostState>,
    /// When its card was last asked for.
    pub card_asked: Option<Timestamp>,
    /// When it was last told that a newer version of it is held.
    pub owner_told: Option<Timestamp>,
    /// Cards are not compared with it before this: the last comparisons changed nothing.
    pub sync_again: Timestamp,
    /// The pause that led there; doubles.
    pub sync_pause: Duration,
}

/// Of a card; of none at all, nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Facts {
    version: Version,
    interval: Duration,
}

/// What merging a record changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Merged {
    /// It was newer.
    News,
    /// It was known.
    Nothing,
    /// A newer one is held, of this version.
    Outdated(Version),
    /// Another one of just this version is held: two hosts speak with one id.
    Conflicting(Version),
}

impl Host {
    /// When the newest news of the host was made: of its report, or of a card of a later life.
    pub fn newest(&self) -> Option<Timestamp> {
        match (&self.report, &self.card) {
            (Some(report), Some(card)) if self.facts.version.incarnation > report.record.version.incarnation => {
                Some(card.made.max(report.made))
            }
            (Some(report), _) => Some(report.made),
            (None, Some(card)) => Some(card.made),
            (None, None) => None,
        }
    }

    /// The newest version that is held of what it says about itself.
    pub fn version(&self) -> Version {
        let report = self.report.as_ref().map(|held| held.record.version);
        let departure = self.departure.as_ref().map(|held| held.record.version);
        report.max(departure).unwrap_or_default()
    }

    /// The version of its card, or none.
    pub fn card_version(&self) -> Version {
        self.facts.version
    }

    /// T as its card says it; zero without a card.
    pub fn interval(&self) -> Duration {
        self.facts.interval
    }

    /// Whether the card belongs to the report's life and is as new as the report says.
    pub fn card_is_current(&self) -> bool {
        match (&self.card, &self.report) {
            (Some(_), Some(report)) => {
                let wanted = Version { incarnation: report.record.version.incarnation, sequence: report.record.card };
                self.facts.version >= wanted
            }
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    pub fn has_left(&self) -> bool {
        let life = self.report.as_ref().map(|held| held.record.version).unwrap_or_default();
        self.departure.as_ref().is_some_and(|held| {
            held.record.version >= life && held.record.version.incarnation >= self.card_version().incarnation
        })
    }

    /// Whether a suspicion covers the newest news.
    pub fn is_doubted(&self) -> bool {
        self.suspicion
            .as_ref()
            .is_some_and(|held| self.newest().is_none_or(|made| made <= held.made.before(SUSPICION_SLACK)))
    }

    /// When the suspicion that covers the newest news takes the host from the offer.
    pub fn grace_ends(&self) -> Option<Timestamp> {
        self.is_doubted().then(|| self.suspicion_came.after(SUSPICION_GRACE))
    }

    pub fn state(&self, now: Timestamp, horizon: Horizon) -> HostState {
        if self.has_left() {
            return HostState::Left;
        }
        let age = self.newest().map_or(Duration::MAX, |made| now.since(made));
        if age > horizon.removal() {
            HostState::Dead
        } else if self.grace_ends().is_some_and(|end| end <= now) {
            HostState::Suspect
        } else if age > horizon.fresh() {
            HostState::Late
        } else {
            HostState::Fresh
        }
    }

    /// The row that clients see; none without a card.
    pub fn view(&self, now: Timestamp, state: HostState) -> Option<HostView> {
        let Held { made, record: card } = self.card.as_ref()?;
        let load = self.report.as_ref().map(|held| held.record.load).unwrap_or_default();
        let age = now.since(self.newest().unwrap_or(*made));
        let mut addresses = vec![card.endpoint.address];
        addresses.extend(&card.more_addresses);
        Some(HostView {
            id: card.id,
            name: card.name.clone(),
            address: card.endpoint.address,
            addresses,
            port: card.endpoint.port,
            state,
            age_hundredths: u64::try_from(age.as_millis() / 10).unwrap_or(u64::MAX),
            load1_hundredths: load.load1_hundredths,
            pending_hundredths: 0,
            cores: card.cores,
            memory_available_mib: load.memory_available_mib,
            memory_total_mib: card.memory_total_mib,
            uptime_seconds: card.uptime_seconds.map(|uptime| uptime + now.since(*made).as_secs()),
            collector: card.collector,
            labels: card.labels.clone(),
            software: card.software.clone(),
        })
    }

    /// When the entry may be dropped: long after the last sign of the host; sooner where nobody ever showed
    /// its card. News of it were no older than W when they came, unless somebody lied.
    pub fn forgotten(&self, horizon: Horizon) -> Timestamp {
        let departed = self.departure.as_ref().map(|held| held.made);
        let came = self.report_came.map(|came| came.before(horizon.removal()));
        let newest = self.newest().max(departed).max(came).unwrap_or(Timestamp::from_micros(i64::MIN));
        newest.after(if self.card.is_some() { horizon.tombstone() } else { horizon.removal() })
    }

    fn note_facts(&mut self) {
        let facts = |held: &Held<Box<Card>>| Facts { version: held.record.version, interval: held.record.interval() };
        self.facts = self.card.as_ref().map(facts).unwrap_or_default();
    }

    fn merge(&mut self, now: Timestamp, made: Timestamp, record: Record) -> Merged {
        match record {
            // Slots are merged one by one, so that the order of arrival leaves no trace; whether a departure
            // outdates the rest is seen from the versions.
            Record::Report(report) => {
                let gone = self.departure.as_ref().map(|held| held.record.version);
                let outdated = gone.filter(|gone| *gone >= report.version).map(Merged::Outdated);
                let merged = merge_slot(&mut self.report, made, report, |report| report.version);
                if merged == Merged::News {
                    self.report_came = Some(now);
                }
                outdated.unwrap_or(merged)
            }
            Record::Card(card) => {
                let gone = self.departure.as_ref().map(|held| held.record.version);
                let outdated = gone.filter(|gone| gone.incarnation >= card.version.incarnation).map(Merged::Outdated);
                let merged = merge_slot(&mut self.card, made, card, |card| card.version);
                outdated.unwrap_or(merged)
            }
            Record::Departure(departure) => {
                let life = self.report.as_ref().map(|held| held.record.version);
                let outdated = life.filter(|life| *life > departure.version).map(Merged::Outdated);
                let merged = merge_slot(&mut self.departure, made, departure, |departure| departure.version);
                outdated.unwrap_or(merged)
            }
            Record::Suspicion(suspicion) => {
                // The newest doubt covers most; of two made at once one is chosen by content.
                let better = self.suspicion.as_ref().is_none_or(|held| (made, &suspicion) > (held.made, &held.record));
                if !better {
                    return Merged::Nothing;
                }
                let already_doubted = self.is_doubted();
                self.suspicion = Some(Held { made, record: suspicion });
                if !already_doubted {
                    self.suspicion_came = now;
                }
                if self.is_doubted() { Merged::News } else { Merged::Nothing }
            }
            Record::Unknown(unknown) => {
                let slot = self.unknown.iter_mut().find(|held| held.record.kind == unknown.kind);
                match slot {
                    Some(held) => {
                        let mut taken = Some(held.clone());
                        let merged = merge_slot(&mut taken, made, unknown, |unknown| unknown.version);
                        if let Some(taken) = taken {
                            *held = taken;
                        }
                        merged
                    }
                    None => {
                        let position = self.unknown.partition_point(|held| held.record.kind < unknown.kind);
                        self.unknown.insert(position, Held { made, record: unknown });
                        // The lowest kinds stay, whatever came first.
                        self.unknown.truncate(UNKNOWN_KINDS_MAX);
                        Merged::News
                    }
                }
            }
        }
    }
}

/// The lattice of one slot.
fn merge_slot<R: Ord>(
    slot: &mut Option<Held<R>>,
    made: Timestamp,
    record: R,
    version: impl Fn(&R) -> Version,
) -> Merged {
    let Some(held) = slot else {
        *slot = Some(Held { made, record });
        return Merged::News;
    };
    match version(&record).cmp(&version(&held.record)) {
        std::cmp::Ordering::Greater => {
            *held = Held { made, record };
            Merged::News
        }
        std::cmp::Ordering::Less => Merged::Outdated(version(&held.record)),
        std::cmp::Ordering::Equal => {
            held.made = held.made.min(made);
            if record == held.record {
                return Merged::Nothing;
            }
            let version = version(&record);
            if record < held.record {
                held.record = record;
            }
            Merged::Conflicting(version)
        }
    }
}

/// The table: every host that is known, this one included.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster {
    hosts: BTreeMap<NodeId, Host>,
    /// Who is known at an address: at most [`HOSTS_PER_ADDRESS_MAX`], and this host.
    per_address: BTreeMap<IpAddr, Vec<NodeId>>,
}

impl Roster {
    pub fn get(&self, id: NodeId) -> Option<&Host> {
        self.hosts.get(&id)
    }

    pub fn get_mut(&mut self, id: NodeId) -> Option<&mut Host> {
        self.hosts.get_mut(&id)
    }

    /// In order of ids.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Host)> {
        self.hosts.iter().map(|(id, host)| (*id, host))
    }

    /// Hosts between two ids, both included, in order.
    pub fn range(&self, from: NodeId, to: NodeId) -> impl Iterator<Item = (NodeId, &Host)> {
        // A range that ends before it begins, as a malformed question may have it, is empty.
        let to = to.max(from);
        self.hosts.range(from..=to).map(|(id, host)| (*id, host))
    }

    /// Changes what this host says of itself.
    pub fn put_own(&mut self, id: NodeId, put: impl FnOnce(&mut Host)) {
        let host = self.hosts.entry(id).or_default();
        put(host);
        host.note_facts();
    }

    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// The hosts that are known at `address`.
    pub fn at_address(&self, address: IpAddr) -> &[NodeId] {
        self.per_address.get(&address).map_or(&[], Vec::as_slice)
    }

    /// Merges one record, made at `made`.
    pub fn merge(&mut self, now: Timestamp, made: Timestamp, record: Record) -> Merged {
        let id = record.id();
        let host = self.hosts.entry(id).or_default();
        let before = host.card.as_ref().map(|held| held.record.endpoint.address);
        let merged = host.merge(now, made, record);
        host.note_facts();
        let after = host.card.as_ref().map(|held| held.record.endpoint.address);
        if before != after {
            self.note_address(id, before, after);
        }
        merged
    }

    pub fn remove(&mut self, id: NodeId) -> Option<Host> {
        let host = self.hosts.remove(&id)?;
        self.note_address(id, host.card.as_ref().map(|held| held.record.endpoint.address), None);
        Some(host)
    }

    /// What merging decides: all but the marks of when and how it was heard.
    #[cfg(test)]
    pub fn slots(&self) -> Vec<Host> {
        let bare = |host: &Host| Host {
            card: host.card.clone(),
            report: host.report.clone(),
            unknown: host.unknown.clone(),
            departure: host.departure.clone(),
            suspicion: host.suspicion.clone(),
            ..Host::default()
        };
        self.hosts.values().map(bare).collect()
    }

    fn note_address(&mut self, id: NodeId, before: Option<IpAddr>, after: Option<IpAddr>) {
        if let Some(address) = before
            && let Some(there) = self.per_address.get_mut(&address)
        {
            there.retain(|other| *other != id);
            if there.is_empty() {
                self.per_address.remove(&address);
            }
        }
        if let Some(address) = after {
            self.per_address.entry(address).or_default().push(id);
        }
    }
}
