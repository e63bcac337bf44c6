//! Values to bytes and back, for datagrams and for the client protocol. Pure. docs/protocol.md is the same
//! in words, byte by byte.
//!
//! Both protocols are canonical CBOR (RFC 8949) without maps, tags and floats: `cbor` reads and writes the
//! items, `pieces` the values that both protocols share, `record` what travels from host to host. Everything
//! from outside is checked here, once, against `limits`. `legacy` is what PeerMon 1.1's own clients read.

mod cbor;
mod checkup;
pub mod client;
pub mod datagram;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod laws;
pub mod legacy;
pub mod limits;
mod pieces;
mod record;
#[cfg(test)]
mod samples;
mod split;
mod status;
mod table;
