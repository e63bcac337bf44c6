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

/// A day with this hysteresis: runs that changed the name, hosts that came, and the mean cost of the published.
fn day(seed: u64, hysteresis: Option<f64>) -> (u32, usize, f64) {
    let policy = Policy::Balanced { delta: Policy::CPU_DELTA };
    let rules = Publishing {
        count: 5,
        hysteresis: hysteresis.unwrap_or_default(),
        families: Families::Both,
        networks: Default::default(),
    };
    let mut walk = Walk::new(seed);
    let mut published: BTreeSet<IpAddr> = BTreeSet::new();
    let (mut changes, mut came, mut cost) = (0, 0, 0.0);
    for run in 0..RUNS {
        walk.step();
        let hosts = walk.hosts();
        let ranking = rank(&hosts, &Criteria::all(policy), run);
        let known = if hysteresis.is_some() { published.clone() } else { BTreeSet::new() };
        let chosen = rules.choose(&policy, &ranking.eligible, &known);
        cost += chosen.iter().map(|ranked| ranked.cost.total()).sum::<f64>() / chosen.len() as f64;
        let now: BTreeSet<IpAddr> = chosen.iter().map(|ranked| ranked.host.address).collect();
        changes += u32::from(now != published);
        came += now.difference(&published).count();
        published = now;
    }
    (changes, came, cost / RUNS as f64)
}

#[test]
fn with_hysteresis_a_name_changes_less_than_a_third_as_often_and_its_hosts_are_hardly_worse() {
    for seed in 1..=5 {
        let (changes, came, cost) = day(seed, Some(Publishing::HYSTERESIS));
        let (changes_without, came_without, cost_without) = day(seed, None);
        let worse = (cost / cost_without - 1.0) * 100.0;
        eprintln!(
            "seed {seed}: {changes} changes of {changes_without}, {came} newcomers of {came_without}, \
             mean cost {cost:.3} after {cost_without:.3} ({worse:+.1} %)"
        );
        assert!(changes * 3 < changes_without, "seed {seed}: {changes} changes, {changes_without} without hysteresis");
        assert!(came * 3 < came_without, "seed {seed}: {came} newcomers, {came_without} without hysteresis");
        assert!(worse < 10.0, "seed {seed}: mean cost {cost}, {cost_without} without hysteresis");
    }
}
