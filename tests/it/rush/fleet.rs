//! A hundred hosts at one moment, and fifty users who choose one after another. Shared with the bench.

use std::collections::BTreeMap;
use std::time::Duration;

use peermon::model::{HostView, NodeId, Timestamp};
use peermon::placement::pending::{Client, Pending, Placed};
use peermon::placement::{ClassicKey, Criteria, Policy, rank};

use crate::rows::busy;

/// How many choose.
pub const USERS: u32 = 50;

/// From one user to the next: all of them come within two seconds.
const PAUSE: Duration = Duration::from_millis(40);

const BALANCED: Policy = Policy::Balanced { delta: Policy::CPU_DELTA };

/// How a user comes to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A scheduler that knows every placement takes the cheapest.
    Greedy,
    /// All ask one daemon and tell it where they go.
    OneDaemon,
    /// Each asks a daemon of its own, which knows of no other user.
    OwnDaemons,
    /// PeerMon 1.1's rule.
    Classic,
    /// Any host.
    Uniform,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// What the hosts that were taken cost, each with all who had gone there before.
    pub mean_cost: f64,
    /// Most users on one host.
    pub most: u32,
}

/// A hundred hosts: 2 to 64 cores, a load per core of 0 to 1.5, 4 to 256 GiB. The same for the same `seed`.
pub fn fleet(seed: u64) -> Vec<HostView> {
    let mut dice = Dice(seed);
    (0..100)
        .map(|number| {
            let cores = 2 << dice.below(6);
            let load = f64::from(cores) * dice.below(15_001) as f64 / 10_000.0;
            let memory_gib = 4 + dice.below(253) as u32;
            busy(&format!("node{number}"), load, cores, memory_gib)
        })
        .collect()
}

/// All users choose by `rule`, on the fleet of this seed.
pub fn choose(rule: Rule, seed: u64) -> Outcome {
    let mut hosts = fleet(seed);
    let mut pending = Pending::default();
    let mut taken: BTreeMap<NodeId, u32> = BTreeMap::new();
    let mut cost = 0.0;
    for user in 0..USERS {
        let now = Timestamp::ZERO.after(PAUSE * user);
        let draw = seed << 32 | u64::from(user);
        for host in &mut hosts {
            host.pending_hundredths = match rule {
                Rule::Greedy => taken.get(&host.id).copied().unwrap_or(0) * 100,
                Rule::OneDaemon => pending.hundredths(now, host.id),
                Rule::OwnDaemons | Rule::Classic | Rule::Uniform => 0,
            };
        }
        let policy = match rule {
            Rule::Greedy => Policy::Balanced { delta: 0.0 },
            Rule::OneDaemon | Rule::OwnDaemons => BALANCED,
            Rule::Classic => {
                Policy::Classic { key: ClassicKey::Both, memory_step_kib: Policy::CLASSIC_MEMORY_STEP_KIB }
            }
            Rule::Uniform => Policy::Random,
        };
        let best = rank(&hosts, &Criteria::all(policy), draw).eligible[0].host.clone();
        let before = taken.entry(best.id).or_default();
        let as_it_is = HostView { pending_hundredths: *before * 100, ..best.clone() };
        cost += BALANCED.cost(&as_it_is).total();
        *before += 1;
        let placed = Placed { id: best.id, count: 1, cores: best.cores };
        pending.place(now, Client(u64::from(user)), [placed]).expect("each user is a client of its own");
    }
    Outcome { mean_cost: cost / f64::from(USERS), most: taken.into_values().max().unwrap_or(0) }
}

/// SplitMix64 (Steele, Lea and Flood 2014): the fleet of a seed stays the same whatever generator peermon uses.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(word ^ (word >> 31)) * u128::from(bound)) >> 64) as u64
    }
}
