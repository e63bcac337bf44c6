//! One test binary: modules by capability.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "tests stand outside: they start daemons, wait for them, and say what they skipped"
)]

mod crates;
mod joining;
mod layering;
mod ranking;
mod rows;
mod sealing;
mod skip;
