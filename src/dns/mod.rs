//! One DNS name: its addresses are read from a server, and replaced there by one update (RFC 2136) that is signed
//! (TSIG, RFC 8945) and holds only while the addresses are still those that were read.
//!
//! [`Zone`] and [`Owner`] are names that may stand in an update, [`TsigKey`] what signs it. `message` builds what is asked
//! and reads what is answered, and is pure; [`Talk`] sends it, and believes only an answer that belongs to what was asked.
#![allow(clippy::disallowed_methods, reason = "the shell: a signature has a time, and an answer is waited for")]

mod error;
mod exchange;
mod key;
mod message;
mod name;
mod script;

pub use error::DnsError;
pub use exchange::{Server, Talk};
pub use key::{KeyError, TsigKey};
pub use message::{AddressSets, Change};
pub use name::{NameError, Owner, Zone};
pub use script::nsupdate;
