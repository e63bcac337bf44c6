//! Which host: rows, policy and seed to an order. Pure.
//!
//! One ranking serves every command, so they can't disagree: [`rank()`] puts the eligible hosts in order and says
//! of each other one why it is left out; [`pick`] takes the first few. [`Policy`] is what makes a host good,
//! [`Criteria`] who may be chosen at all, [`pending`] the daemon's memory of who is on the way, [`publish`] which of the best
//! a DNS name should lead to. Randomness comes from a seed that is passed in.

mod criteria;
pub mod pending;
mod policy;
pub mod publish;
mod rank;
mod slots;

pub use criteria::{Criteria, HostPattern, LeftOut};
pub use policy::{ClassicKey, Cost, Policy};
pub use rank::{Ranked, Ranking, pick, rank};
pub use slots::{Share, Shares, Slots, Wanted, share};
