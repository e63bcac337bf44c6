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

use rows::Part;

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
    rows::run(PARTS, &[])
}
