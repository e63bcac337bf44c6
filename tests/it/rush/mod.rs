//! Fifty users at once: they spread nearly as well as if one scheduler sent them.

pub mod fleet;

use fleet::{Outcome, Rule, choose};

/// The fleets that are looked at.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=20;

#[test]
fn fifty_users_of_one_daemon_cost_hardly_more_than_a_scheduler_that_knows_all_and_do_not_pile_up() {
    for seed in SEEDS {
        let (best, ours) = (choose(Rule::Greedy, seed), choose(Rule::OneDaemon, seed));
        assert!(ours.mean_cost <= best.mean_cost * 1.15, "seed {seed}: {ours:?} beside {best:?}");
        assert!(ours.most <= best.most * 2, "seed {seed}: {ours:?} beside {best:?}");
    }
}

#[test]
fn peermon_1_1_sends_nearly_all_of_them_to_one_host() {
    let most = |seed| choose(Rule::Classic, seed).most;
    let piles: Vec<u32> = SEEDS.map(most).collect();
    assert!(piles.iter().filter(|most| **most > 40).count() > 10, "{piles:?}");
    let Outcome { most, .. } = choose(Rule::Uniform, 1);
    assert!(most < 10);
}

#[test]
fn fifty_daemons_that_know_nothing_of_each_other_still_choose_far_better_than_it_or_than_chance() {
    let cost = |rule| SEEDS.map(|seed| choose(rule, seed).mean_cost).sum::<f64>();
    let ours = cost(Rule::OwnDaemons);
    assert!(ours * 2.0 < cost(Rule::Classic) && ours * 2.0 < cost(Rule::Uniform), "{ours}");
}
