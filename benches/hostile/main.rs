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

use rows::Part;

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

/// Takes an hour.
const ONLY_BY_NAME: &[&str] = &["day"];

fn main() -> ExitCode {
    rows::run(PARTS, ONLY_BY_NAME)
}
