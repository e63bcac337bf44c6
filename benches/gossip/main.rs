//! The targets of the gossip, measured in virtual time through the real codec and the real sessions, beside a model
//! of the original and the limit N r / T.
//!
//!     cargo bench --bench gossip                     everything, about half an hour on two cores
//!     cargo bench --bench gossip -- --quick          small samples, under three minutes
//!     cargo bench --bench gossip -- --rows crash     only rows whose name contains a word
//!
//! Exits 1 when a measured value is above a MUST.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a bench stands outside: it prints, and takes its time"
)]

mod compare;
mod events;
mod quiet;
mod rows;

use std::process::ExitCode;
use std::time::Instant;

use rows::{Effort, Report};

/// A part of the run: its name, and what measures it.
type Part = (&'static str, fn(&mut Report, Effort));

const PARTS: &[Part] = &[
    ("compare", compare::designs),
    ("quiet", quiet::bytes_and_ages),
    ("looks", quiet::looks),
    ("even", quiet::evenness),
    ("mixed", quiet::mixed_intervals),
    ("job", quiet::job_start),
    ("crash", events::crash),
    ("tenth", events::a_tenth_crashes),
    ("leave", events::leave),
    ("newcomer", events::newcomer),
    ("cold", events::cold_start),
    ("partition", events::partition),
    ("thousands", quiet::ten_thousand),
    ("cost", quiet::cost),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` says `--bench`, `cargo test --benches` does not.
    let effort = if arguments.iter().any(|argument| argument == "--quick") { Effort::Quick } else { Effort::Whole };
    let rows = arguments.iter().position(|argument| argument == "--rows").map(|place| &arguments[place + 1..]);
    let wanted = |name: &str| rows.is_none_or(|rows| rows.iter().any(|row| name.contains(row.as_str())));
    let mut report = Report::default();
    println!("{:<74} {:>9} {:>9} {:>9}", "", "MUST", "GOAL", "measured");
    for (name, part) in PARTS.iter().filter(|(name, _)| wanted(name)) {
        let start = Instant::now();
        part(&mut report, effort);
        println!("  [{name}: {:.0} s]", start.elapsed().as_secs_f64());
    }
    report.end()
}
