//! What each fuzz target does with its input. libFuzzer (`fuzz_targets`) and the stable test runner
//! (tests/it/fuzz.rs) share it.
//!
//! A target takes any bytes. It panics where a promise is broken, and says whether the bytes were what it
//! reads: a corpus of which nothing is taken tests little.

mod cbor;
mod client;
mod config;
mod gossip;
pub mod lab;
mod proc;
mod script;
mod sealed;
mod words;

pub use client::{reply, request};
pub use config::config;
pub use gossip::{conversation, opened};
pub use proc::proc;
pub use sealed::{exchange, receiver, sealed, sender};

/// What is fuzzed.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As in `fuzz_targets` and `corpus`.
    pub name: &'static str,
    /// What is done with an input, and whether it was taken.
    pub body: fn(&[u8]) -> bool,
}

/// All targets.
pub const TARGETS: [Target; 8] = [
    Target { name: "sealed", body: sealed },
    Target { name: "exchange", body: exchange },
    Target { name: "opened", body: opened },
    Target { name: "conversation", body: conversation },
    Target { name: "request", body: request },
    Target { name: "reply", body: reply },
    Target { name: "config", body: config },
    Target { name: "proc", body: proc },
];
