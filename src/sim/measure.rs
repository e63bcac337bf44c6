//! What a fleet is asked: who offers whom, how old what they hold is, what it costs.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::gossip::{Event, Summary};
use crate::model::{HostState, HostView, NodeId, Tail, Timestamp, Version};
use crate::session::Reject;

use super::fleet::Fleet;
use super::network::Traffic;

/// Ages are counted in hundredths of T up to this many; older ones count as this old.
const AGES_MAX: usize = 2_000;

/// What looking into tables has found: every look is at one pair, (who believes, about whom), both living.
#[derive(Clone, Debug)]
pub struct Survey {
    /// How many pairs were looked at.
    pub looks: u64,
    /// Pairs in which a living host, no collector, was not offered.
    pub missing: u64,
    /// Pairs in which the entry was there and was dead or left.
    pub dead: u64,
    /// Pairs by age, in hundredths of T.
    ages: Vec<u64>,
}

impl Default for Survey {
    fn default() -> Self {
        Self { looks: 0, missing: 0, dead: 0, ages: vec![0; AGES_MAX + 1] }
    }
}

impl Survey {
    /// Looks at every pair of the fleet's living hosts. `interval`: what ages are counted in.
    pub fn look(&mut self, fleet: &Fleet, interval: Duration) {
        let living = fleet.living().map(|host| (fleet.id(host), fleet.is_collector(host))).collect();
        self.look_for(fleet, interval, &living);
    }

    /// As [`Survey::look`], for these hosts; true: it is a collector.
    pub(super) fn look_for(&mut self, fleet: &Fleet, interval: Duration, living: &BTreeMap<NodeId, bool>) {
        let unit = (interval.as_millis() / 10).max(1) as f64 / 100.0;
        for host in fleet.living() {
            let own = fleet.id(host);
            let mut seen = 0;
            for view in fleet.table(host) {
                let Some(collector) = living.get(&view.id).filter(|_| view.id != own) else { continue };
                seen += 1;
                let age = (view.age_hundredths as f64 / unit).ceil() as usize;
                self.ages[age.min(AGES_MAX)] += 1;
                self.missing += u64::from(!view.is_offered() && !collector);
                self.dead += u64::from(matches!(view.state, HostState::Dead | HostState::Left));
            }
            let others = living.len() as u64 - 1;
            self.looks += others;
            self.missing += others - seen;
        }
    }

    /// Mean age, in T.
    #[must_use]
    pub fn mean_age(&self) -> f64 {
        let sum: u64 = self.ages.iter().enumerate().map(|(age, count)| age as u64 * count).sum();
        sum as f64 / self.seen().max(1) as f64 / 100.0
    }

    /// The age that `percent` of the pairs don't exceed, in T.
    #[must_use]
    pub fn age_percentile(&self, percent: f64) -> f64 {
        let rank = (self.seen() as f64 * percent / 100.0).ceil() as u64;
        let mut below = 0;
        let age = self.ages.iter().position(|count| {
            below += count;
            below >= rank
        });
        age.unwrap_or(AGES_MAX) as f64 / 100.0
    }

    fn seen(&self) -> u64 {
        self.ages.iter().sum()
    }
}

impl Fleet {
    /// How many machines there are, whatever runs on them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// What stands at the end of what newer hosts say.
    #[must_use]
    pub fn newer_tail() -> Tail {
        Tail(super::host::NEWER_TAIL.into())
    }

    /// The hosts whose daemons run and are awake.
    pub fn living(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        self.hosts.iter().filter(|host| host.is_up()).map(|host| host.index)
    }

    /// The id of a running host.
    ///
    /// # Panics
    /// Where no daemon runs on it.
    #[must_use]
    pub fn id(&self, host: usize) -> NodeId {
        self.hosts[host].daemon.as_ref().expect("asked of a host whose daemon runs").node.id()
    }

    /// The id of the host that has an address and port, as long as no salt was drawn.
    #[must_use]
    pub fn id_at_start(&self, host: usize) -> NodeId {
        let address = self.hosts[host].address;
        NodeId::derive(address.ip(), address.port(), 0)
    }

    fn is_collector(&self, host: usize) -> bool {
        self.hosts[host].plan.collector
    }

    /// What a client of this host is shown.
    #[must_use]
    pub fn table(&self, host: usize) -> Vec<HostView> {
        let machine = &self.hosts[host];
        let now = machine.clock(self.world.now);
        machine.daemon.as_ref().map(|daemon| daemon.node.hosts(now)).unwrap_or_default()
    }

    /// What `who` shows of the host with this id.
    #[must_use]
    pub fn view(&self, who: usize, about: NodeId) -> Option<HostView> {
        let machine = &self.hosts[who];
        machine.daemon.as_ref()?.node.host(machine.clock(self.world.now), about)
    }

    /// What `--status` shows of a host.
    #[must_use]
    pub fn summary(&self, host: usize) -> Option<Summary> {
        let machine = &self.hosts[host];
        Some(machine.daemon.as_ref()?.node.summary(machine.clock(self.world.now)))
    }

    /// Whether `who` offers the host with this id.
    #[must_use]
    pub fn offers(&self, who: usize, about: NodeId) -> bool {
        self.view(who, about).is_some_and(|view| view.is_offered())
    }

    /// How many living hosts offer the host with this id.
    #[must_use]
    pub fn offered_by(&self, about: NodeId) -> usize {
        self.living().filter(|who| self.offers(*who, about)).count()
    }

    /// How many pairs of living hosts lack each other: no entry, or one that no client would be offered
    /// (a collector's entry: one that is dead or left).
    #[must_use]
    pub fn missing_pairs(&self) -> u64 {
        let mut survey = Survey::default();
        survey.look(self, Duration::from_secs(1));
        survey.missing
    }

    /// Whether every living host offers every living host.
    #[must_use]
    pub fn everyone_knows_everyone(&self) -> bool {
        let living: Vec<NodeId> = self.living().map(|host| self.id(host)).collect();
        // The tables of those that were started last are the last to be whole.
        self.living().collect::<Vec<_>>().into_iter().rev().all(|who| {
            living.iter().enumerate().all(|(place, about)| {
                self.view(who, *about).is_some_and(|view| {
                    view.is_offered()
                        || view.state.is_offered()
                            && self.living().nth(place).is_some_and(|host| self.is_collector(host))
                })
            })
        })
    }

    /// # Panics
    /// Where a living host is not offered by another one; names some of them, and the seed.
    #[track_caller]
    pub fn assert_everyone_knows_everyone(&self) {
        let missing: Vec<String> = self
            .living()
            .flat_map(|who| self.living().map(move |about| (who, about)))
            .filter_map(|(who, about)| {
                let view = self.view(who, self.id(about));
                let known = view.as_ref().is_some_and(|view| view.state.is_offered());
                (!known).then(|| format!("{who} about {about}: {:?}", view.map(|view| view.state)))
            })
            .take(8)
            .collect();
        assert!(missing.is_empty(), "seed {}, at {:?}: {missing:?}", self.seed(), self.elapsed());
    }

    /// Runs for `span` and looks at all pairs every `pause`. Ages are counted in [`Fleet::round`].
    pub fn survey(&mut self, span: Duration, pause: Duration) -> Survey {
        let mut survey = Survey::default();
        let end = self.elapsed() + span;
        while self.elapsed() < end {
            self.run(pause);
            survey.look(self, self.round());
        }
        survey
    }

    /// Datagrams and bytes of one host since it was added.
    #[must_use]
    pub fn traffic(&self, host: usize) -> Traffic {
        self.world.traffic[host]
    }

    /// Of all hosts together.
    #[must_use]
    pub fn total_traffic(&self) -> Traffic {
        self.world.traffic.iter().fold(Traffic::default(), |sum, one| sum.plus(one))
    }

    /// Datagrams and bytes sent by all, by kind of message.
    #[must_use]
    pub fn traffic_by_kind(&self) -> &BTreeMap<&'static str, (u64, u64)> {
        &self.world.by_kind
    }

    /// How many hosts still compare their cards as newcomers do.
    #[must_use]
    pub fn newcomers(&self) -> usize {
        self.hosts.iter().filter_map(|host| host.daemon.as_ref()).filter(|daemon| daemon.node.is_newcomer()).count()
    }

    /// Datagrams that did not open, of all hosts.
    #[must_use]
    pub fn rejects(&self) -> &BTreeMap<Reject, u64> {
        &self.world.rejects
    }

    /// What operators read: when, on which host, what.
    #[must_use]
    pub fn events(&self) -> &[(Timestamp, usize, Event)] {
        &self.world.events
    }

    /// Forgets what was told so far, for runs that last days.
    pub fn forget_events(&mut self) {
        self.world.events.clear();
        self.world.suspicions.clear();
    }

    /// Suspicions that were raised since `after`: by whom, about whom.
    pub fn suspicions_since(&self, after: Duration) -> impl Iterator<Item = (usize, NodeId)> + '_ {
        let after = Timestamp::ZERO.after(after);
        self.world.suspicions.iter().filter(move |(at, ..)| *at >= after).map(|(_, who, about)| (*who, *about))
    }

    /// What a host of a newer version read, through others, of what only it understands of another one's
    /// words: the version of the report with an unknown field, and of the record of an unknown kind.
    #[must_use]
    pub fn newer_things(&self, who: usize, about: NodeId) -> Option<[(Version, Tail); 2]> {
        let newer = self.hosts[who].newer.get(&about)?.clone();
        Some([newer.report?, newer.unknown?])
    }
}
