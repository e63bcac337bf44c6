//! Which addresses a name should have: those of the best hosts, and those that it has already and that are still good
//! enough. Pure; `peermon dns-update` carries it out.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::criteria::LeftOut;
use super::policy::Policy;
use super::rank::{Ranked, Ranking};
use crate::model::{HostState, HostView, NetworkList, NodeId};

/// Which families of addresses are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Families {
    /// A only.
    V4,
    /// AAAA only.
    V6,
    /// What each host has.
    #[default]
    Both,
}

/// What is to be published.
#[derive(Clone, Debug, PartialEq)]
pub struct Publishing {
    /// How many hosts.
    pub count: usize,
    /// A published host stays while its cost is above that of a host equal to the worst newcomer by no more than this
    /// part of it.
    pub hysteresis: f64,
    /// Which addresses.
    pub families: Families,
    /// Only addresses in these networks; empty: all.
    pub networks: NetworkList,
}

impl Publishing {
    /// `--hysteresis` where nothing is said: 15 %.
    pub const HYSTERESIS: f64 = 0.15;

    /// The addresses of `host` that are published: at most one of each family, the first that is good for it. The
    /// advertised one is the first; a host's others may be those of bridges within it.
    #[must_use]
    pub fn addresses(&self, host: &HostView) -> Vec<IpAddr> {
        let good: Vec<IpAddr> = std::iter::once(host.address)
            .chain(host.addresses.iter().copied())
            .map(|address| address.to_canonical())
            .filter(|address| is_public(*address) && self.networks.accepts(*address))
            .collect();
        let first = |is_wanted: fn(&IpAddr) -> bool| good.iter().copied().find(is_wanted);
        let (v4, v6) = match self.families {
            Families::V4 => (first(IpAddr::is_ipv4), None),
            Families::V6 => (None, first(IpAddr::is_ipv6)),
            Families::Both => (first(IpAddr::is_ipv4), first(IpAddr::is_ipv6)),
        };
        v4.into_iter().chain(v6).collect()
    }

    /// Moves hosts without an address to publish to those that are left out.
    pub fn sift(&self, ranking: &mut Ranking<'_>) {
        let Ranking { eligible, left_out } = ranking;
        eligible.retain(|ranked| {
            let has_one = !self.addresses(ranked.host).is_empty();
            if !has_one {
                left_out.push((ranked.host, LeftOut::NoAddress));
            }
            has_one
        });
    }

    /// The hosts whose addresses the name should have, where it has `published` now. Of hosts that share their addresses
    /// one is taken.
    #[must_use]
    pub fn choose<'a>(
        &self,
        policy: &Policy,
        eligible: &[Ranked<'a>],
        published: &BTreeSet<IpAddr>,
    ) -> Vec<Ranked<'a>> {
        let mut seen = BTreeSet::new();
        let distinct: Vec<Ranked<'a>> = eligible
            .iter()
            .filter(|ranked| {
                let before = seen.len();
                seen.extend(self.addresses(ranked.host));
                seen.len() > before
            })
            .copied()
            .collect();
        let is_published = |ranked: &Ranked<'_>| {
            ranked.host.addresses.iter().chain([&ranked.host.address]).any(|address| published.contains(address))
        };
        let (best, rest) = distinct.split_at(self.count.min(distinct.len()));
        let (mut chosen, mut newcomers): (Vec<_>, Vec<_>) = best.iter().copied().partition(is_published);
        let mut leavers: Vec<Ranked<'a>> = rest.iter().copied().filter(is_published).collect();
        let by_cost = |a: &Ranked<'_>, b: &Ranked<'_>| a.cost.total().total_cmp(&b.cost.total());
        newcomers.sort_by(by_cost);
        leavers.sort_by(by_cost);
        for leaver in leavers {
            match newcomers.last() {
                Some(worst) if self.stays(policy, leaver.cost.total(), worst.cost.total()) => {
                    newcomers.pop();
                    chosen.push(leaver);
                }
                Some(_) | None => break,
            }
        }
        chosen.extend(newcomers);
        chosen
    }

    /// Whether a published host of `cost` is still good enough beside a newcomer's.
    fn stays(&self, policy: &Policy, cost: f64, newcomer: f64) -> bool {
        let equal = newcomer + policy.delta();
        match policy {
            // The best of many hosts cost little, and 15 % of little is less than a load moves in a minute: without the
            // delta the name would change with most runs (docs/measurements.md).
            Policy::Balanced { .. } => cost <= equal * (1.0 + self.hysteresis),
            // Its costs are negative where memory counts.
            Policy::Classic { .. } => cost <= equal + equal.abs() * self.hysteresis,
            Policy::Cpu { .. } | Policy::Memory { .. } => cost <= equal,
            Policy::Random => true,
        }
    }
}

/// Whether another host could reach `address`. Nobody is sent to himself, and nothing is published that means another
/// machine on each network.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            !v4.is_loopback()
                && !v4.is_link_local()
                && !v4.is_multicast()
                && !v4.is_broadcast()
                // 0.0.0.0/8 is "this network" (RFC 1122, 3.2.1.3).
                && v4.octets()[0] != 0
        }
        IpAddr::V6(v6) => {
            !v6.is_loopback() && !v6.is_unicast_link_local() && !v6.is_multicast() && v6 != Ipv6Addr::UNSPECIFIED
        }
    }
}

/// What a daemon says of itself, as far as it bears on whether its table is to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Its own host.
    pub own: NodeId,
    /// Hears nobody.
    pub isolated: bool,
    /// Since it started.
    pub up: Duration,
    /// T.
    pub interval: Duration,
}

/// Why a table is not good enough to publish from: what it lacks may be alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// The figures grow old.
    #[error("the daemon hears no other host")]
    Isolated,
    /// It may not have heard of all yet.
    #[error("the daemon started {} s ago, and knows all hosts after {} s", .up.as_secs(), .wanted.as_secs_f64())]
    Young {
        /// Since it started.
        up: Duration,
        /// 2 T.
        wanted: Duration,
    },
    /// No host has been heard of for 2 T.
    #[error("all that the daemon knows is late")]
    OnlyLate,
}

impl Witness {
    /// Why its table, of which `eligible` would be published, is not good enough; `None`: it is.
    #[must_use]
    pub fn doubt(&self, eligible: &[Ranked<'_>]) -> Option<Doubt> {
        let wanted = self.interval * 2;
        if self.isolated {
            return Some(Doubt::Isolated);
        }
        if self.up < wanted {
            return Some(Doubt::Young { up: self.up, wanted });
        }
        // A daemon's own figures are always fresh, and say nothing of what it hears.
        let mut others = eligible.iter().filter(|ranked| ranked.host.id != self.own).peekable();
        let only_late = others.peek().is_some() && others.all(|ranked| ranked.host.state == HostState::Late);
        only_late.then_some(Doubt::OnlyLate)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::placement::{Criteria, rank};

    const POLICY: Policy = Policy::Balanced { delta: Policy::CPU_DELTA };

    fn publishing(count: usize) -> Publishing {
        Publishing {
            count,
            hysteresis: Publishing::HYSTERESIS,
            families: Families::Both,
            networks: NetworkList::default(),
        }
    }

    /// One core and no scarcity: the balanced cost is 1 + load.
    fn host(number: u8, load: f64) -> HostView {
        let address: IpAddr = [192, 0, 2, number].into();
        HostView {
            id: NodeId::derive(address, 1288, 0),
            name: format!("h{number}").parse().unwrap(),
            address,
            addresses: vec![address],
            port: 1288,
            state: HostState::Fresh,
            age_hundredths: 0,
            load1_hundredths: Some((load * 100.0).round() as u32),
            pending_hundredths: 0,
            cores: Some(1),
            memory_available_mib: Some(u32::MAX),
            memory_total_mib: None,
            uptime_seconds: None,
            collector: false,
            labels: Vec::new(),
            software: "2".into(),
        }
    }

    fn names(chosen: &[Ranked<'_>]) -> BTreeSet<String> {
        chosen.iter().map(|ranked| ranked.host.name.to_string()).collect()
    }

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// Of `loads` (host 1, host 2 and so on) and `published` (their numbers) `count` are chosen: `expected`.
    #[track_caller]
    fn check(policy: Policy, loads: &[f64], published: &[u8], count: usize, expected: &[u8]) {
        let hosts: Vec<HostView> = (1..).zip(loads).map(|(number, load)| host(number, *load)).collect();
        let ranking = rank(&hosts, &Criteria::all(policy), 1);
        let published = published.iter().map(|number| IpAddr::from([192, 0, 2, *number])).collect();
        let chosen = publishing(count).choose(&policy, &ranking.eligible, &published);
        let expected = expected.iter().map(|number| format!("h{number}")).collect();
        assert_eq!(names(&chosen), expected, "{loads:?} {published:?}");
    }

    #[test]
    fn a_published_host_stays_while_its_cost_is_within_15_percent_of_the_worst_newcomers() {
        let balanced = Policy::Balanced { delta: 0.0 };
        // Costs 2, 2.2, 2.3, 3: what is published may cost up to 2.3 beside host 1, and up to 2.53 beside host 2.
        check(balanced, &[1.0, 1.2, 1.3, 2.0], &[], 1, &[1]);
        check(balanced, &[1.0, 1.2, 1.3, 2.0], &[2], 1, &[2]);
        check(balanced, &[1.0, 1.2, 1.3, 2.0], &[3], 1, &[3]);
        check(balanced, &[1.0, 1.2, 1.31, 2.0], &[3], 1, &[1]);
        check(balanced, &[1.0, 1.2, 1.3, 2.0], &[4], 1, &[1]);
        // The worst newcomer goes first, and the best of the published stays first.
        check(balanced, &[1.0, 1.2, 1.3, 1.5], &[3, 4], 2, &[1, 3]);
        check(balanced, &[1.0, 1.2, 1.3, 1.5], &[1, 4], 2, &[1, 4]);
        check(balanced, &[1.0, 1.2, 1.3, 2.0], &[1, 4], 2, &[1, 2]);
        // What is published beyond the number asked for goes.
        check(balanced, &[1.0, 1.2, 1.3, 1.5], &[1, 2, 3, 4], 2, &[1, 2]);
    }

    #[test]
    fn under_other_policies_their_own_difference_counts() {
        check(Policy::Cpu { delta: 0.5 }, &[1.0, 1.5], &[2], 1, &[2]);
        check(Policy::Cpu { delta: 0.5 }, &[1.0, 1.51], &[2], 1, &[1]);
        check(Policy::Random, &[1.0, 1.5, 100.0], &[3], 1, &[3]);
    }

    #[test]
    fn of_each_host_one_good_address_of_each_family_is_published_the_advertised_one_first() {
        let all = ["10.0.0.7", "10.0.0.1", "2001:db8::2", "2001:db8::1", "fe80::1", "169.254.0.1"];
        let bad =
            ["127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "::1", "ff02::1", "fe80::2", "0.1.2.3"];
        let check = |families, networks: &[&str], tells: &[&str], expected: &[&str]| {
            let networks = networks.iter().map(|text| NetworkList::parse_line(text).unwrap()).collect();
            let tells = addresses(tells);
            let host = HostView { address: tells[0], addresses: tells, ..host(1, 0.0) };
            let rules = Publishing { families, networks: NetworkList::new(networks), ..publishing(1) };
            assert_eq!(rules.addresses(&host), addresses(expected));
        };
        check(Families::Both, &[], &all, &["10.0.0.7", "2001:db8::2"]);
        check(Families::V4, &[], &all, &["10.0.0.7"]);
        check(Families::V6, &[], &all, &["2001:db8::2"]);
        check(Families::Both, &["10.0.0.0/29", "2001:db8::1"], &all, &["10.0.0.7", "2001:db8::1"]);
        check(Families::Both, &["10.0.0.0/30"], &all, &["10.0.0.1"]);
        check(Families::Both, &["192.0.2"], &all, &[]);
        check(Families::Both, &[], &bad, &[]);
        check(Families::V6, &[], &["::ffff:10.0.0.1"], &[]);
    }

    #[test]
    fn a_host_without_an_address_to_publish_is_left_out_with_that_reason() {
        let loopback = addresses(&["127.0.0.1"]);
        let hosts = [host(1, 1.0), HostView { address: loopback[0], addresses: loopback, ..host(2, 0.0) }];
        let mut ranking = rank(&hosts, &Criteria::all(POLICY), 1);
        publishing(2).sift(&mut ranking);
        assert_eq!(names(&ranking.eligible), ["h1".to_owned()].into());
        assert_eq!(ranking.left_out, [(&hosts[1], LeftOut::NoAddress)]);
    }

    #[test]
    fn daemons_that_share_an_address_count_as_one_host() {
        let second = HostView { name: "twin".parse().unwrap(), port: 1300, ..host(1, 0.0) };
        let hosts = [host(1, 0.0), second, host(2, 1.0), host(3, 2.0)];
        let ranking = rank(&hosts, &Criteria::all(Policy::Balanced { delta: 0.0 }), 1);
        let chosen = publishing(2).choose(&POLICY, &ranking.eligible, &BTreeSet::new());
        let chosen: BTreeSet<IpAddr> = chosen.iter().map(|ranked| ranked.host.address).collect();
        assert_eq!(Vec::from_iter(chosen), addresses(&["192.0.2.1", "192.0.2.2"]));
    }

    #[test]
    fn a_table_that_may_lack_the_living_is_doubted() {
        let late = |number| HostView { state: HostState::Late, ..host(number, 0.0) };
        let witness = Witness {
            own: host(9, 0.0).id,
            isolated: false,
            up: Duration::from_secs(40),
            interval: Duration::from_secs(20),
        };
        let doubt =
            |witness: Witness, hosts: &[HostView]| witness.doubt(&rank(hosts, &Criteria::all(POLICY), 1).eligible);
        assert_eq!(doubt(witness, &[host(1, 0.0), late(2)]), None);
        assert_eq!(doubt(Witness { isolated: true, ..witness }, &[host(1, 0.0)]), Some(Doubt::Isolated));
        let (up, wanted) = (Duration::from_secs(39), Duration::from_secs(40));
        assert_eq!(doubt(Witness { up, ..witness }, &[host(1, 0.0)]), Some(Doubt::Young { up, wanted }));
        assert_eq!(doubt(witness, &[late(1), late(2)]), Some(Doubt::OnlyLate));
        // Its own figures are always fresh.
        assert_eq!(doubt(witness, &[late(1), host(9, 0.0)]), Some(Doubt::OnlyLate));
        assert_eq!(doubt(witness, &[host(9, 0.0)]), None);
        assert_eq!(doubt(witness, &[]), None);
    }

    proptest! {
        #[test]
        fn whatever_is_published_the_choice_is_made_of_eligible_hosts_as_many_as_asked_for_and_is_settled(
            loads in proptest::collection::vec(0.0f64..4.0, 0..30),
            published in proptest::collection::btree_set(1u8..40, 0..12),
            count in 1usize..8,
            delta in 0.0f64..0.5,
            hysteresis in 0.0f64..0.5,
            seed in any::<u64>(),
        ) {
            let policy = Policy::Balanced { delta };
            let rules = Publishing { hysteresis, ..publishing(count) };
            let hosts: Vec<HostView> = (1..).zip(&loads).map(|(number, load)| host(number, *load)).collect();
            let ranking = rank(&hosts, &Criteria::all(policy), seed);
            let published: BTreeSet<IpAddr> = published.iter().map(|number| [192, 0, 2, *number].into()).collect();
            let chosen = rules.choose(&policy, &ranking.eligible, &published);
            prop_assert_eq!(chosen.len(), count.min(hosts.len()));
            prop_assert_eq!(names(&chosen).len(), chosen.len());

            // Each host that came is better by more than the hysteresis than each that went.
            let (stayed, came): (Vec<&Ranked<'_>>, Vec<&Ranked<'_>>) =
                chosen.iter().partition(|ranked| published.contains(&ranked.host.address));
            let went = ranking.eligible.iter().filter(|ranked| {
                published.contains(&ranked.host.address) && !stayed.iter().any(|other| other.host.id == ranked.host.id)
            });
            let worst = came.iter().map(|ranked| ranked.cost.total()).fold(0.0, f64::max);
            for gone in went {
                prop_assert!(came.is_empty() || gone.cost.total() > (worst + delta) * (1.0 + hysteresis) - 1e-9);
            }

            // The next run with the same figures and draw changes nothing.
            let now = chosen.iter().map(|ranked| ranked.host.address).collect();
            prop_assert_eq!(names(&rules.choose(&policy, &ranking.eligible, &now)), names(&chosen));
        }
    }
}
