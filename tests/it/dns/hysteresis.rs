//! How often a name changes in a day, in virtual time.

use std::collections::BTreeSet;
use std::net::IpAddr;

use peermon::model::HostView;
use peermon::placement::publish::{Families, Publishing};
use peermon::placement::{Criteria, Policy, rank};
use rand::Rng;
use rand_pcg::Pcg64Mcg;

use super::lab_host;

/// One run a minute, for a day.
const RUNS: u64 = 1_440;

/// Loads per core that walk: each minute a step, and a pull to the mean (AR(1)).
struct Walk {
    dice: Pcg64Mcg,
    loads: Vec<f64>,
    cores: Vec<u32>,
}

/// What a walk's load tends to, its longest step in a minute, and how much of the distance from the mean is left after one.
const MEAN: f64 = 0.6;
const STEP: f64 = 0.1;
const LEFT: f64 = 0.98;

/// Of which the hosts have one each.
const CORES: [u32; 6] = [2, 4, 8, 16, 32, 64];

impl Walk {
    fn new(seed: u64) -> Self {
        let mut dice = Pcg64Mcg::new(u128::from(seed) << 64 | 0x2b99_2ddf_a232_49d7);
        let cores = (0..100).map(|_| CORES[dice.next_u32() as usize % CORES.len()]).collect();
        let mut walk = Self { dice, loads: vec![MEAN; 100], cores };
        // Three hours to get where it tends to.
        (0..180).for_each(|_| walk.step());
        walk
    }

    fn step(&mut self) {
        for load in &mut self.loads {
            let step = (f64::from(self.dice.next_u32()) / f64::from(u32::MAX) * 2.0 - 1.0) * STEP;
            *load = (MEAN + (*load - MEAN) * LEFT + step).max(0.0);
        }
    }

    fn hosts(&self) -> Vec<HostView> {
        let host = |(number, (load, cores)): (u8, (&f64, &u32))| HostView {
            cores: Some(*cores),
            ..lab_host(number, load * f64::from(*cores))
        };
        (1..).zip(self.loads.iter().zip(&self.cores)).map(host).collect()
    }
}

const POLICY: Policy = Policy::Balanced { delta: Policy::CPU_DELTA };

/// What came of a day.
struct Day {
    /// Runs that changed the name.
    changes: u32,
    /// Hosts that came.
    came: usize,
    /// The mean of what the published cost.
    cost: f64,
}

/// A day in which published hosts stay by `stays`; `None`: by nothing.
fn day(seed: u64, stays: Option<Policy>) -> Day {
    let rules = Publishing {
        count: 5,
        hysteresis: Publishing::HYSTERESIS,
        families: Families::Both,
        networks: Default::default(),
    };
    let mut walk = Walk::new(seed);
    let mut published: BTreeSet<IpAddr> = BTreeSet::new();
    let mut day = Day { changes: 0, came: 0, cost: 0.0 };
    for run in 0..RUNS {
        walk.step();
        let hosts = walk.hosts();
        let ranking = rank(&hosts, &Criteria::all(POLICY), run);
        let chosen = match &stays {
            Some(policy) => rules.choose(policy, &ranking.eligible, &published),
            None => rules.choose(&POLICY, &ranking.eligible, &BTreeSet::new()),
        };
        day.cost += chosen.iter().map(|ranked| ranked.cost.total()).sum::<f64>() / chosen.len() as f64 / RUNS as f64;
        let now: BTreeSet<IpAddr> = chosen.iter().map(|ranked| ranked.host.address).collect();
        day.changes += u32::from(now != published);
        day.came += now.difference(&published).count();
        published = now;
    }
    day
}

#[test]
fn with_hysteresis_a_name_changes_less_than_a_third_as_often_and_its_hosts_are_hardly_worse() {
    for seed in 1..=5 {
        let without = day(seed, None);
        let print = |what: &str, day: &Day| {
            let worse = (day.cost / without.cost - 1.0) * 100.0;
            let Day { changes, came, cost } = day;
            eprintln!("seed {seed}, {what}: {changes} changes, {came} newcomers, mean cost {cost:.3} ({worse:+.1} %)");
        };
        print("no hysteresis", &without);
        print("15 % of the cost alone", &day(seed, Some(Policy::Balanced { delta: 0.0 })));
        let with = day(seed, Some(POLICY));
        print("15 % above equals", &with);
        assert!(with.changes * 3 < without.changes, "seed {seed}: {} of {}", with.changes, without.changes);
        assert!(with.came * 3 < without.came, "seed {seed}: {} of {}", with.came, without.came);
        assert!(with.cost < without.cost * 1.1, "seed {seed}: {} after {}", with.cost, without.cost);
    }
}
