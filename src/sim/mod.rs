//! A fleet in virtual time, through the real codec and the real sessions. Pure.
//!
//! [`Fleet`] runs any number of hosts in one thread: each has the state machine and the sealing of a daemon
//! and carries out what they answer, as the daemon does. `network` is what lies between them; it loses,
//! delays, doubles and parts. Nothing here knows the real time: a run follows from its seed alone, so any
//! failure can be replayed, and a run that is done twice has one [`Fleet::fingerprint`].
//!
//! ```
//! use std::time::Duration;
//! use peermon::sim::Fleet;
//!
//! let mut fleet = Fleet::new(7).interval(Duration::from_secs(5)).hosts(12).loss(10);
//! fleet.run_rounds(4);
//! fleet.split(6).run_rounds(10);
//! fleet.heal().run_rounds(3);
//! fleet.assert_everyone_knows_everyone();
//! ```
//!
//! - `fleet`: hosts are added, started and run.
//! - `faults`: what befalls hosts and network on the way.
//! - `host`: one machine, its clocks, its socket and its daemon.
//! - `outsider`: who captures, replays and forges.
//! - `measure`: what the fleet is asked: who offers whom, ages, traffic.
//! - `crowd`: a few whole hosts among thousands of stand-ins.
//! - `original`: a model of the PeerMon of the paper, for comparison.

mod crowd;
mod faults;
mod fleet;
mod host;
mod measure;
mod network;
pub mod original;
mod outsider;
mod world;

pub use crowd::Crowd;
pub use faults::Snapshot;
pub use fleet::Fleet;
pub use measure::Survey;
pub use network::{FRAMING, Traffic};
pub use outsider::Datagram;
