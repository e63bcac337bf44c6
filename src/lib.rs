//! peermon: every host of a lab knows how busy all the others are, with no server.
//!
//! The public face of this library is [`client`] and the rows that it returns ([`model::HostView`]).
//! Everything else is open for the simulator, the benches and the tests, and may change at any time.
//! docs/ARCHITECTURE.md is the map.

pub mod client;
#[doc(hidden)]
pub mod cmd;
#[doc(hidden)]
pub mod config;
#[doc(hidden)]
pub mod daemon;
#[doc(hidden)]
pub mod dns;
#[doc(hidden)]
pub mod gossip;
pub mod model;
#[doc(hidden)]
pub mod os;
#[doc(hidden)]
pub mod placement;
#[doc(hidden)]
pub mod render;
#[doc(hidden)]
pub mod session;
#[doc(hidden)]
pub mod sim;
#[doc(hidden)]
pub mod wire;
