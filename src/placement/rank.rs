//! The one ranking.

use super::criteria::{Criteria, LeftOut};
use super::policy::Cost;
use crate::model::{Dice, HostState, HostView};

/// An eligible host and what it costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked<'a> {
    /// The host.
    pub host: &'a HostView,
    /// By the policy asked for.
    pub cost: Cost,
}

/// All hosts, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking<'a> {
    /// Those that are eligible, best first.
    pub eligible: Vec<Ranked<'a>>,
    /// All others, with the reason; the living first, then by name.
    pub left_out: Vec<(&'a HostView, LeftOut)>,
}

/// Puts `hosts` in order. The best remaining cost is taken, all hosts within the policy's delta of it are equal,
/// one of them is drawn, and so on; hosts that are late come after the others of the same tie. One seed gives
/// one order.
#[must_use]
pub fn rank<'a>(hosts: &'a [HostView], criteria: &Criteria, seed: u64) -> Ranking<'a> {
    let mut sorted = Vec::with_capacity(hosts.len());
    let mut left_out = Vec::new();
    for host in hosts {
        match criteria.leaves_out(host) {
            None => sorted.push(Ranked { host, cost: criteria.policy.cost(host) }),
            Some(why) => left_out.push((host, why)),
        }
    }
    // The id decides where costs are the same, so that the order of the rows that came in leaves no trace.
    sorted.sort_by(|a, b| a.cost.total().total_cmp(&b.cost.total()).then(a.host.id.cmp(&b.host.id)));
    left_out
        .sort_by(|(a, _), (b, _)| (a.state, &a.name, a.address, a.port).cmp(&(b.state, &b.name, b.address, b.port)));
    Ranking { eligible: draw(&sorted, criteria.policy.delta(), &mut Dice::new(seed)), left_out }
}

/// The best `count` of `hosts`, or as many as there are.
#[must_use]
pub fn pick<'a>(hosts: &'a [HostView], criteria: &Criteria, count: usize, seed: u64) -> Vec<&'a HostView> {
    rank(hosts, criteria, seed).eligible.into_iter().take(count).map(|ranked| ranked.host).collect()
}

/// Draws from ties. `sorted` is in order of cost. The tie is a window of it: both its ends only move forward.
fn draw<'a>(sorted: &[Ranked<'a>], delta: f64, dice: &mut Dice) -> Vec<Ranked<'a>> {
    let mut drawn = vec![false; sorted.len()];
    let (mut best, mut end) = (0, 0);
    let (mut prompt, mut late) = (Vec::new(), Vec::new());
    let mut order = Vec::with_capacity(sorted.len());
    while order.len() < sorted.len() {
        while drawn[best] {
            best += 1;
        }
        let limit = sorted[best].cost.total() + delta;
        while end < sorted.len() && (end <= best || sorted[end].cost.total() <= limit) {
            match sorted[end].host.state {
                HostState::Late => late.push(end),
                HostState::Fresh | HostState::Suspect | HostState::Left | HostState::Dead => prompt.push(end),
            }
            end += 1;
        }
        let tie = if prompt.is_empty() { &mut late } else { &mut prompt };
        let next = tie.swap_remove(dice.below(tie.len()));
        drawn[next] = true;
        order.push(sorted[next]);
    }
    order
}
