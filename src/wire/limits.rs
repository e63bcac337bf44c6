//! Every bound of both protocols, in one place, each with its reason.

/// Largest UDP payload unless `--max-datagram` says otherwise. Fits the IPv6 minimum MTU of 1280 after all
/// headers, so it is never fragmented; a lost fragment would lose every record in it.
pub const DATAGRAM_DEFAULT: usize = 1200;

/// Smallest choice for `--max-datagram`: what every IPv4 host must take (RFC 791, 576 bytes less headers).
pub const DATAGRAM_MIN: usize = 508;

/// Largest choice for `--max-datagram`, and the most that is ever read: an Ethernet frame with room for
/// tunnels.
pub const DATAGRAM_MAX: usize = 1400;
