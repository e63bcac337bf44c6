//! As whom somebody listens on a TCP port of this host: `/proc/net/tcp` and `/proc/net/tcp6`.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// `TCP_LISTEN` in the column `st`.
const LISTENING: &str = "0A";

/// The users whose sockets would accept a connection to `address`. Usually one; none where the kernel shows none to
/// us.
pub fn uids(address: SocketAddr) -> io::Result<Vec<u32>> {
    let tcp = fs::read_to_string("/proc/net/tcp")?;
    let tcp6 = match fs::read_to_string("/proc/net/tcp6") {
        // A kernel without IPv6.
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        result => result?,
    };
    Ok(uids_in(&[&tcp, &tcp6], address))
}

/// The same, from the text of the tables. Only the listener's own line tells its user: a connection that it has
/// not accepted yet is root's there.
#[must_use]
pub fn uids_in(tables: &[&str], address: SocketAddr) -> Vec<u32> {
    let listeners: Vec<(Reach, u32)> =
        tables.iter().flat_map(|table| table.lines().skip(1)).filter_map(|line| listener_in(line, address)).collect();
    let nearest = listeners.iter().map(|(reach, _)| *reach).min();
    listeners.iter().filter(|(reach, _)| Some(*reach) == nearest).map(|(_, uid)| *uid).collect()
}

/// Which addresses a listener takes. Of several the kernel gives a connection to the first in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// The one that was asked for.
    Exactly,
    /// All of IPv4.
    AllOfV4,
    /// All there are; or all of IPv6, which the table does not tell apart.
    All,
}

impl Reach {
    /// That of a listener at `local`, where it takes connections to `wanted`.
    fn of(local: IpAddr, wanted: IpAddr) -> Option<Self> {
        let wanted = wanted.to_canonical();
        match local {
            _ if local == wanted => Some(Self::Exactly),
            IpAddr::V4(v4) if v4.is_unspecified() && wanted.is_ipv4() => Some(Self::AllOfV4),
            IpAddr::V6(v6) if v6.is_unspecified() => Some(Self::All),
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        }
    }
}

/// `sl local_address rem_address st tx:rx tr:when retrnsmt uid …`
fn listener_in(line: &str, address: SocketAddr) -> Option<(Reach, u32)> {
    let columns: Vec<&str> = line.split_ascii_whitespace().take(8).collect();
    let [_, local, _, LISTENING, _, _, _, uid] = columns[..] else { return None };
    let (ip, port) = local.split_once(':')?;
    if u16::from_str_radix(port, 16).ok()? != address.port() {
        return None;
    }
    Some((Reach::of(ip_of(ip)?, address.ip())?, uid.parse().ok()?))
}

/// Eight digits, or four times eight: each the number that a word of the address is in this machine's order.
pub(super) fn ip_of(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    match hex.len() {
        8 => Some(IpAddr::from(word(0)?)),
        32 => {
            let mut octets = [0; 16];
            for (part, at) in octets.chunks_exact_mut(4).zip([0, 8, 16, 24]) {
                part.copy_from_slice(&word(at)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(octets)).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use proptest::prelude::*;

    use super::*;
    use crate::os::privileges::own_uid;

    /// As a kernel printed them: user 1000 listens at 127.0.0.1:1981, root at *:1982 and at [::1]:1983, user 1001 at
    /// [::]:1984 and [::]:1981, user 1002 at [::ffff:127.0.0.1]:1986. The line in state 01 is a connection to 127.0.0.1:1985 that
    /// nobody accepted yet.
    const TCP: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     
   0: 0100007F:07BD 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 528 1 00000000bac99f86 100 0 0 10 0                       
   1: 00000000:07BE 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 529 1 00000000bac99f87 100 0 0 10 0                       
   2: 0100007F:07C1 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 0 1 00000000bac99f88 20 4 30 10 -1                         
";
    const TCP6: &str = "\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:07BF 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 601 1 00000000bac99f8a 100 0 0 10 0
   1: 00000000000000000000000000000000:07C0 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 602 1 00000000bac99f8b 100 0 0 10 0
   2: 0000000000000000FFFF00000100007F:07C2 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1002        0 603 1 00000000bac99f8c 100 0 0 10 0
   3: 00000000000000000000000000000000:07BD 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 604 1 00000000bac99f8d 100 0 0 10 0
";

    #[track_caller]
    fn check_uids(address: &str, expected: &[u32]) {
        assert_eq!(uids_in(&[TCP, TCP6], address.parse().unwrap()), expected, "{address}");
    }

    #[test]
    fn a_listener_is_found_at_its_own_address_and_at_all_addresses() {
        check_uids("127.0.0.1:1982", &[0]);
        check_uids("127.0.0.9:1982", &[0]);
        check_uids("[::1]:1982", &[]);
        check_uids("[::1]:1983", &[0]);
        check_uids("127.0.0.1:1984", &[1001]);
        check_uids("[::1]:1984", &[1001]);
        check_uids("127.0.0.1:1986", &[1002]);
        check_uids("127.0.0.1:1987", &[]);
    }

    #[test]
    fn whoever_listens_at_all_addresses_does_not_hide_the_listener_that_the_kernel_prefers() {
        check_uids("127.0.0.1:1981", &[1000]);
        check_uids("127.0.0.2:1981", &[1001]);
    }

    #[test]
    fn a_connection_that_nobody_has_accepted_tells_nothing_of_the_listener() {
        check_uids("127.0.0.1:1985", &[]);
    }

    #[test]
    fn the_kernel_tells_as_whom_this_test_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(uids(listener.local_addr().unwrap()).unwrap(), [own_uid()]);
    }

    proptest! {
        #[test]
        fn whatever_the_table_holds_nobody_panics(table in "(.{0,40}[ 0-9A-F:]{0,60}\n){0,4}") {
            let _ = uids_in(&[&table], "127.0.0.1:1981".parse().unwrap());
        }
    }
}
