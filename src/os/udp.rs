//! UDP as the kernel counts it: who has a port, what it dropped (`/proc/net/udp`, `/proc/net/udp6`), and what went
//! wrong on the whole host (`/proc/net/snmp`).

use std::fs;
use std::net::IpAddr;

use super::listeners::ip_of;

/// A socket at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpSocket {
    /// Where it is bound.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// Whose it is.
    pub uid: u32,
    /// By which its process is found.
    pub inode: u64,
    /// Datagrams that it lost because it was full.
    pub drops: u64,
}

/// All sockets of this network namespace. None where the kernel shows none to us.
#[must_use]
pub fn sockets() -> Vec<UdpSocket> {
    let tables = ["/proc/net/udp", "/proc/net/udp6"].map(|file| fs::read_to_string(file).unwrap_or_default());
    tables.iter().flat_map(|table| sockets_in(table)).collect()
}

/// The same, from the text of a table.
pub fn sockets_in(table: &str) -> impl Iterator<Item = UdpSocket> {
    table.lines().skip(1).filter_map(socket_in)
}

/// `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode ref pointer drops`
fn socket_in(line: &str) -> Option<UdpSocket> {
    let columns: Vec<&str> = line.split_ascii_whitespace().take(13).collect();
    let [_, local, _, _, _, _, _, uid, _, inode, _, _, drops] = columns[..] else { return None };
    let (ip, port) = local.split_once(':')?;
    Some(UdpSocket {
        address: ip_of(ip)?,
        port: u16::from_str_radix(port, 16).ok()?,
        uid: uid.parse().ok()?,
        inode: inode.parse().ok()?,
        drops: drops.parse().ok()?,
    })
}

/// What went wrong with UDP over IPv4 on this host since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UdpCounters {
    /// Datagrams that arrived and were taken.
    pub received: u64,
    /// That found a socket full, whosever it was.
    pub overflowed: u64,
    /// That were damaged.
    pub damaged: u64,
}

/// The counters of this network namespace.
#[must_use]
pub fn counters() -> UdpCounters {
    counters_in(&fs::read_to_string("/proc/net/snmp").unwrap_or_default())
}

/// The same, from the text of the file: a line of names and a line of numbers for each protocol. What is missing is
/// zero.
#[must_use]
pub fn counters_in(text: &str) -> UdpCounters {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Udp:"));
    let (Some(names), Some(numbers)) = (lines.next(), lines.next()) else { return UdpCounters::default() };
    let value = |name: &str| {
        let place = names.split_ascii_whitespace().position(|one| one == name)?;
        numbers.split_ascii_whitespace().nth(place)?.parse().ok()
    };
    UdpCounters {
        received: value("InDatagrams").unwrap_or(0),
        overflowed: value("RcvbufErrors").unwrap_or(0),
        damaged: value("InCsumErrors").unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket as Socket;

    use proptest::prelude::*;

    use super::*;
    use crate::os::privileges::own_uid;

    #[test]
    fn the_kernel_tells_whose_a_port_is_and_what_it_dropped() {
        let socket = Socket::bind("127.0.0.1:0").unwrap();
        // However much this machine gives a socket.
        socket2::SockRef::from(&socket).set_recv_buffer_size(4_096).unwrap();
        let address = socket.local_addr().unwrap();
        let flood = Socket::bind("127.0.0.1:0").unwrap();
        let seen = || sockets().into_iter().find(|seen| (seen.address, seen.port) == (address.ip(), address.port()));
        assert_eq!(seen().map(|seen| (seen.uid, seen.drops)), Some((own_uid(), 0)));
        for _ in 0..100 {
            flood.send_to(&[0; 1_000], address).unwrap();
        }
        assert!(seen().unwrap().drops > 0);
        assert!(counters().overflowed > 0);
    }

    #[test]
    fn the_counters_are_found_by_their_names() {
        let text = "Tcp: InErrs InCsumErrors\nTcp: 7 7\n\
                    Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors\n\
                    Udp: 1000 2 3 4 5 6 8\nUdpLite: InDatagrams\nUdpLite: 9\n";
        assert_eq!(counters_in(text), UdpCounters { received: 1000, overflowed: 5, damaged: 8 });
        assert_eq!(counters_in("Udp: InDatagrams\n"), UdpCounters::default());
    }

    proptest! {
        #[test]
        fn whatever_the_files_hold_nobody_panics(text in "((Udp:)?.{0,40}[ 0-9A-F:]{0,90}\n){0,4}") {
            let _ = (sockets_in(&text).count(), counters_in(&text));
        }
    }
}
