//! `cargo bench --bench ssh`: how well many users spread, and how long smarterSSH, autoMPIgen and `ssh lab` take.
//!
//!     cargo bench --bench ssh                    everything, a minute
//!     cargo bench --bench ssh -- --rows rush     only parts whose name contains a word: rush, real, speed, net
//!
//! rush: fifty users, one after another, on pinned fleets of a hundred hosts with seeds 1 to 20, beside a scheduler that knows
//! every placement, PeerMon 1.1's rule and any host at all. real: fifty smarterSSH at once, beside sixteen real daemons.
//! speed: whole processes beside `ssh -V`, the floor. net: `peermon net up` of twenty hosts with an sshd each (as root). Exits 1
//! above a MUST.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, clippy::unwrap_used, reason = "a bench measures")]

#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/it/command.rs"]
mod command;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/it/fake_daemon.rs"]
mod fake_daemon;
#[allow(dead_code, reason = "shared with the bench of queries")]
#[path = "../filled/mod.rs"]
mod filled;
#[path = "../../tests/it/rush/fleet.rs"]
mod fleet;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/it/machine.rs"]
mod machine;
mod net;
mod real;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/it/rows.rs"]
mod rows;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/it/skip.rs"]
mod skip;
mod speed;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/it/net/village.rs"]
mod village;

use std::process::ExitCode;

use fleet::{Outcome, Rule, choose};

const SEEDS: std::ops::RangeInclusive<u64> = 1..=20;

const RULES: [(Rule, &str); 5] = [
    (Rule::Greedy, "knows every placement"),
    (Rule::OneDaemon, "one daemon"),
    (Rule::OwnDaemons, "fifty daemons"),
    (Rule::Classic, "PeerMon 1.1's rule"),
    (Rule::Uniform, "any host"),
];

/// A part of the run: its name, and what measures it and says whether each MUST is kept.
type Part = (&'static str, fn() -> bool);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rows = arguments.iter().position(|argument| argument == "--rows").map(|place| &arguments[place + 1..]);
    let wanted = |name: &str| rows.is_none_or(|rows| rows.iter().any(|row| name.contains(row.as_str())));
    let parts: [Part; 4] =
        [("rush", rush), ("real", real::fifty_at_once), ("speed", speed::processes), ("net", net::up_of_twenty)];
    let mut kept = true;
    for (_, part) in parts.iter().filter(|(name, _)| wanted(name)) {
        kept &= part();
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Each rule beside the scheduler, over all seeds.
fn rush() -> bool {
    println!("fifty users on a hundred hosts, seeds 1 to 20: cost beside the scheduler's, most users on one host");
    println!("{:<22} {:>10} {:>10} {:>10} {:>10}   MUST", "", "mean", "worst", "most", "of best");
    let greedy: Vec<Outcome> = SEEDS.map(|seed| choose(Rule::Greedy, seed)).collect();
    let mut kept = true;
    for (rule, name) in RULES {
        let outcomes: Vec<Outcome> = SEEDS.map(|seed| choose(rule, seed)).collect();
        let ratios: Vec<f64> =
            outcomes.iter().zip(&greedy).map(|(ours, best)| ours.mean_cost / best.mean_cost).collect();
        let piles = outcomes.iter().zip(&greedy).map(|(ours, best)| f64::from(ours.most) / f64::from(best.most));
        let (mean, worst) =
            (ratios.iter().sum::<f64>() / ratios.len() as f64, ratios.iter().copied().fold(0.0, f64::max));
        let (most, pile) = (outcomes.iter().map(|ours| ours.most).max().unwrap(), piles.fold(0.0, f64::max));
        let promise = match rule {
            Rule::OneDaemon => {
                let is_kept = worst <= 1.15 && pile <= 2.0;
                kept &= is_kept;
                if is_kept { "1.15, 2: kept" } else { "1.15, 2: NOT kept" }
            }
            Rule::OwnDaemons => "goal 1.40, 4",
            Rule::Greedy | Rule::Classic | Rule::Uniform => "",
        };
        println!("{name:<22} {mean:>10.3} {worst:>10.3} {most:>10} {pile:>10.2}   {promise}");
    }
    println!();
    kept
}
