//! The promises of docs/faults.md that are figures: floods, crowds of clients, invented hosts, churn, storms.
//!
//!     cargo bench --bench hostile                     everything, about ten minutes; needs root
//!     cargo bench --bench hostile -- --quick          small samples, two minutes
//!     cargo bench --bench hostile -- --rows churn     only parts whose name contains a word
//!     cargo bench --bench hostile -- --rows day       a simulated day of churn, which takes an hour
//!
//! Exits 1 when a measured value is above a MUST. Parts with real daemons make network namespaces.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a bench stands outside: it starts daemons, prints, and takes its time"
)]

#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/it/forged.rs"]
mod forged;
#[path = "../shared/plaintexts.rs"]
mod plaintexts;
#[allow(dead_code, reason = "shared with the bench of the gossip")]
#[path = "../gossip/rows.rs"]
mod rows;
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../../tests/it/lab/world/mod.rs"]
mod world;

mod daemons;
mod fleets;

use std::process::ExitCode;
use std::time::Instant;

use rows::{Effort, Report};

/// A part of the run: its name, and what measures it.
type Part = (&'static str, fn(&mut Report, Effort));

const PARTS: &[Part] = &[
    ("garbage", daemons::garbage),
    ("clients", daemons::clients),
    ("invented", daemons::invented),
    ("restarts", daemons::restarts),
    ("decode", fleets::decode),
    ("job", fleets::job_start),
    ("tenth", fleets::a_tenth_crashes),
    ("start", fleets::all_start),
    ("watcher", fleets::lossy_watcher),
    ("churn", fleets::churn),
    ("day", fleets::a_day_of_churn),
];

/// Only where it is asked for by name.
const LONG: &str = "day";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let effort = if arguments.iter().any(|argument| argument == "--quick") { Effort::Quick } else { Effort::Whole };
    let rows = arguments.iter().position(|argument| argument == "--rows").map(|place| &arguments[place + 1..]);
    let wanted = |name: &str| match rows {
        Some(rows) => rows.iter().any(|row| name.contains(row.as_str())),
        None => name != LONG,
    };
    let mut report = Report::default();
    println!("{:<74} {:>9} {:>9} {:>9}", "", "MUST", "GOAL", "measured");
    for (name, part) in PARTS.iter().filter(|(name, _)| wanted(name)) {
        let start = Instant::now();
        part(&mut report, effort);
        println!("  [{name}: {:.0} s]", start.elapsed().as_secs_f64());
    }
    report.end()
}
