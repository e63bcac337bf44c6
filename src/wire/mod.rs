//! Values to bytes and back, for datagrams and for the client protocol. Pure.

pub mod client;
pub mod datagram;
pub mod limits;
