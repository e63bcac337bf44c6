//! What PeerMon 1.1's own clients read: the table as its daemon dumped it, for `--legacy-clients`.
//!
//! A native 32-bit length in bytes, then seven native 32-bit words for each host: IPv4 address in network order, port, TTL,
//! in-degree, cores, memory in KiB, load in thousandths. Nothing follows it.

use std::net::IpAddr;

use crate::model::{HostState, HostView};

/// Words of a host.
const WORDS: usize = 7;

/// What fresh data have; an interval of age takes one away.
const TTL_MAX: u64 = 10;

/// Cores and KiB of a collector: nothing that anybody would choose.
const COLLECTOR: (u32, u32) = (0, 1);

/// The hosts that those clients may choose from, and collectors. A host is left out whose data are too old, whose load or
/// cores nobody knows, or which has no IPv4 address.
#[must_use]
pub fn encode(hosts: &[HostView], interval_hundredths: u32) -> Vec<u8> {
    let rows: Vec<[u8; WORDS * 4]> = hosts.iter().filter_map(|host| row(host, interval_hundredths)).collect();
    // At most 16,384 hosts.
    let length = (rows.len() * WORDS * 4) as u32;
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(rows.as_flattened());
    bytes
}

fn row(host: &HostView, interval_hundredths: u32) -> Option<[u8; WORDS * 4]> {
    if !matches!(host.state, HostState::Fresh | HostState::Late) {
        return None;
    }
    let IpAddr::V4(address) = *host.addresses.iter().find(|address| address.is_ipv4())? else { return None };
    let intervals = host.age_hundredths / u64::from(interval_hundredths.max(1));
    let ttl = TTL_MAX.saturating_sub(intervals).max(1) as u32;
    let (cores, memory) = match host.collector {
        true => COLLECTOR,
        false => (host.cores?, host.memory_available_mib.unwrap_or(0).saturating_mul(1024)),
    };
    let load = host.load1_hundredths.map(|load| load.saturating_mul(10));
    let load = if host.collector { load.unwrap_or(0) } else { load? };
    let words = [host.port.into(), ttl, 0, cores, memory, load];
    let mut row = [0; WORDS * 4];
    row[..4].copy_from_slice(&address.octets());
    for (place, word) in row[4..].chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&u32::to_ne_bytes(word));
    }
    Some(row)
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn host() -> HostView {
        HostView {
            addresses: vec!["2001:db8::7".parse().unwrap(), "192.0.2.7".parse().unwrap()],
            port: 1288,
            state: HostState::Fresh,
            age_hundredths: 4_500,
            load1_hundredths: Some(152),
            cores: Some(16),
            memory_available_mib: Some(3),
            collector: false,
            ..samples::view()
        }
    }

    #[track_caller]
    fn check(host: HostView, words: Option<[u32; 6]>) {
        let bytes = encode(&[host], 2_000);
        let read = |place: usize| u32::from_ne_bytes(bytes[place * 4..][..4].try_into().unwrap());
        match words {
            Some(words) => {
                assert_eq!((read(0), bytes.len()), (28, 32));
                assert_eq!(bytes[4..8], [192, 0, 2, 7]);
                assert_eq!([2, 3, 4, 5, 6, 7].map(read), words);
            }
            None => assert_eq!(bytes, [0; 4]),
        }
    }

    #[test]
    fn a_host_is_seven_words() {
        check(host(), Some([1288, 8, 0, 16, 3_072, 1_520]));
        check(HostView { age_hundredths: u64::MAX, ..host() }, Some([1288, 1, 0, 16, 3_072, 1_520]));
        check(HostView { memory_available_mib: None, ..host() }, Some([1288, 8, 0, 16, 0, 1_520]));
        let large = HostView { memory_available_mib: Some(u32::MAX), load1_hundredths: Some(u32::MAX), ..host() };
        check(large, Some([1288, 8, 0, 16, u32::MAX, u32::MAX]));
    }

    #[test]
    fn a_collector_has_no_cores_and_1_kib() {
        check(HostView { collector: true, ..host() }, Some([1288, 8, 0, 0, 1, 1_520]));
        check(HostView { collector: true, cores: None, load1_hundredths: None, ..host() }, Some([1288, 8, 0, 0, 1, 0]));
    }

    #[test]
    fn who_cannot_be_chosen_or_said_is_left_out() {
        for state in [HostState::Suspect, HostState::Left, HostState::Dead] {
            check(HostView { state, ..host() }, None);
        }
        check(HostView { cores: None, ..host() }, None);
        check(HostView { load1_hundredths: None, ..host() }, None);
        check(HostView { addresses: vec!["2001:db8::7".parse().unwrap()], ..host() }, None);
    }
}
