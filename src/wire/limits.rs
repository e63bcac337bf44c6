//! Every bound of both protocols, in one place, each with its reason.

/// Largest UDP payload unless `--max-datagram` says otherwise. Fits the IPv6 minimum MTU of 1280 after all
/// headers, so it is never fragmented; a lost fragment would lose every record in it.
pub const DATAGRAM_DEFAULT: usize = 1200;

/// Smallest choice for `--max-datagram`: what every IPv4 host must take (RFC 791, 576 bytes less headers).
pub const DATAGRAM_MIN: usize = 508;

/// Largest choice for `--max-datagram`, and the most that is ever read: an Ethernet frame with room for
/// tunnels.
pub const DATAGRAM_MAX: usize = 1400;

/// What sealing adds to a plaintext: 16 bytes of header, 16 of tag.
pub const SEAL_OVERHEAD: usize = 32;

/// Room for a message in the smallest datagram. Holds the largest record and the largest buckets; a test
/// sees to it.
pub const PLAINTEXT_MIN: usize = DATAGRAM_MIN - SEAL_OVERHEAD;

/// Longest plaintext that is decoded. It also bounds every list: no element is shorter than 7 bytes.
pub const PLAINTEXT_MAX: usize = DATAGRAM_MAX - SEAL_OVERHEAD;

/// Longest report, departure and suspicion, in bytes behind its age. They are many and travel every
/// interval: what newer versions add to them must stay small.
pub const REPORT_MAX: usize = 64;

/// Longest card and longest record of a kind that is not known, in bytes behind its age. One fits the
/// smallest datagram, and a full table stays below 64 MiB. (The age is left out because it grows on the way:
/// what one host may send, the next must be able to relay.)
pub const CARD_MAX: usize = 400;

/// How deep arrays may nest in what a newer version added: deeper than anyone needs, and no stack grows.
pub const NESTING_MAX: usize = 4;

/// Keys in a key file, and so their ids on a card: two for a rotation, and a second rotation that begins
/// before the first is done.
pub const KEY_IDS_MAX: usize = 4;

/// Longest version of the software on a card: "2.10.3-rc.1+0123456789abcdef" and a little.
pub const SOFTWARE_MAX: usize = 32;

/// Most processors of one host: eight times what Linux can be built for. A host file may have a line for each,
/// so more would fill the memory of whoever writes it.
pub const CORES_MAX: u32 = 65_536;

/// Shortest T, in hundredths of a second: below, datagrams would be most of a small host's work.
pub const INTERVAL_MIN_HUNDREDTHS: u32 = 20;

/// Longest T, in hundredths of a second: above, a host is believed dead too late to be of use.
pub const INTERVAL_MAX_HUNDREDTHS: u32 = 30_000;

/// Bits in an id, and so the most that can name a group.
pub const GROUP_BITS_MAX: u8 = 48;

/// Largest gossip port: unsolicited datagrams leave from the one above.
pub const PORT_MAX: u16 = 65_534;

/// Version of the client protocol, in every frame.
pub const CLIENT_VERSION: u64 = 1;

/// Longest body of a request: 300 placements. Whoever sends more is not a client of ours.
pub const REQUEST_MAX: usize = 4_096;

/// Most hosts in one request to place jobs: 13 bytes each at the most, so that they fit [`REQUEST_MAX`].
pub const PLACEMENTS_MAX: usize = 300;

/// Most hosts in a table: `gossip::HOSTS_MAX`.
pub const HOSTS_MAX: usize = 16_384;

/// Longest body of a reply: [`HOSTS_MAX`] rows of at most 512 bytes (what a card of [`CARD_MAX`] bytes and a
/// report can make of it).
pub const REPLY_MAX: usize = HOSTS_MAX * 512;

/// Longest name of a network, as in the configuration.
pub const NETWORK_NAME_MAX: usize = 64;

/// Most reasons for refused datagrams: several times as many as there are.
pub const REJECTS_MAX: usize = 64;

/// Longest name of such a reason.
pub const REASON_MAX: usize = 64;

/// Longest text that says why a request was refused: three lines of a terminal.
pub const REFUSAL_MAX: usize = 240;

/// Longest path of a file that a daemon tells of: the kernel's own limit.
pub const PATH_MAX: usize = 4_096;

/// Longest line of a machines file that is told of: a name, a colon, a port.
pub const MACHINE_MAX: usize = 260;

/// Most seeds, peers and intervals each that a daemon tells of: `config::machines::MACHINES_MAX`.
pub const FINDINGS_MAX: usize = 1_000;
