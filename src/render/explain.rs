//! Why the ranking is as it is: each host's cost with its terms, or why it is left out.

use super::names::Naming;
use super::table::{Cell, Side, Tone, lines};
use super::{Style, units};
use crate::model::HostView;
use crate::placement::{ClassicKey, Cost, Policy, Ranked, Ranking};

/// All hosts, best first, then those that are left out, then the rule and the seed that gives this order again.
#[must_use]
pub fn ranking(ranking: &Ranking<'_>, policy: &Policy, seed: u64, naming: Naming, style: Style) -> String {
    let heading = |text: &str| Cell { text: text.to_owned(), tone: Tone::Heading };
    let mut rows = vec![["", "NAME", "COST", "WHY"].map(heading).to_vec()];
    for (place, ranked) in ranking.eligible.iter().enumerate() {
        let Ranked { host, cost } = ranked;
        rows.push(vec![
            (place + 1).to_string().into(),
            naming.of(host).into(),
            number(cost).into(),
            terms(host, cost, policy).into(),
        ]);
    }
    for (host, why) in &ranking.left_out {
        let out = Cell { text: "out".to_owned(), tone: Tone::Faint };
        rows.push(vec![out, naming.of(host).into(), String::new().into(), why.as_str().to_owned().into()]);
    }
    let table = lines(&rows, &[Side::Right, Side::Left, Side::Right, Side::Left], style);
    format!("{table}\n{}\n--seed {seed} gives this order again.\n", rule(policy))
}

/// The cost as it is compared, in the unit in which people think.
fn number(cost: &Cost) -> String {
    match cost {
        Cost::Balanced { .. } | Cost::Cpu { .. } => format!("{:.3}", cost.total()),
        Cost::Memory { available_mib } => format!("-{}", units::memory(*available_mib)),
        Cost::Random => "0".to_owned(),
        Cost::Classic { .. } => cost.total().to_string(),
    }
}

/// The arithmetic, with the host's own figures.
fn terms(host: &HostView, cost: &Cost, policy: &Policy) -> String {
    let load = host.load1_hundredths.map_or("?".to_owned(), units::hundredths);
    let pending = units::hundredths(host.pending_hundredths);
    let cores = host.cores.unwrap_or(0);
    let memory = host.memory_available_mib;
    match *cost {
        Cost::Balanced { crowding, scarcity } => {
            let gib =
                memory.map_or("memory unknown: 1".to_owned(), |mib| format!("1 / {:.2}", f64::from(mib) / 1024.0));
            format!("crowding {crowding:.3} = ({load} + {pending} + 1) / {cores}; memory {scarcity:.3} = {gib}")
        }
        Cost::Cpu { load_per_core } => format!("{load_per_core:.3} = ({load} + {pending}) / {cores}"),
        Cost::Memory { .. } => memory.map_or("memory unknown".to_owned(), |mib| format!("{mib} MiB available")),
        Cost::Random => "all hosts are equal".to_owned(),
        Cost::Classic { cpu, memory: steps, .. } => {
            let Policy::Classic { key, .. } = policy else { return String::new() };
            let cpu = format!("cpu {cpu} of load {load} on {cores} cores");
            let memory = format!("mem {steps} of {} KiB", u64::from(memory.unwrap_or(0)) * 1024);
            match key {
                ClassicKey::Cpu => cpu,
                ClassicKey::Memory => memory,
                ClassicKey::Both => format!("{cpu}; {memory}"),
            }
        }
    }
}

/// What is compared, in one line.
fn rule(policy: &Policy) -> String {
    let equal = "are equal: their order is drawn";
    match *policy {
        Policy::Balanced { delta } => format!(
            "balanced: (load + pending + 1) / cores + 1 / GiB of available memory; the least is best; costs within {delta} {equal}."
        ),
        Policy::Cpu { delta } => {
            format!("cpu: (load + pending) / cores; the least is best; costs within {delta} {equal}.")
        }
        Policy::Memory { delta_bytes } => {
            let delta = units::data(delta_bytes);
            format!("mem: available memory; the most is best; amounts within {delta} {equal}.")
        }
        Policy::Random => format!("random: all hosts {equal}."),
        Policy::Classic { key, .. } => {
            let key = match key {
                ClassicKey::Cpu => "cpu",
                ClassicKey::Memory => "mem",
                ClassicKey::Both => "floor(mem / (1 + cpu))",
            };
            format!("classic: {key}, as PeerMon 1.1; the least is best; the same costs {equal}.")
        }
    }
}
