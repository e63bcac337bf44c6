//! Which addresses may take part: the lines of `valid_ips.txt`.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// Accepted address prefixes. Empty: everybody is accepted.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct NetworkList(Vec<IpNet>);

/// Why a line of `valid_ips.txt` is no prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is neither an address, a prefix like 130.58.68, nor CIDR like 10.0.0.0/8")]
pub struct NetworkListError(pub String);

impl NetworkList {
    /// From prefixes that were parsed by [`NetworkList::parse_line`].
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// One line, comment and white space removed: whole components as PeerMon 1.1 had them (`130.58.68`),
    /// CIDR, or one address of either family.
    pub fn parse_line(text: &str) -> Result<IpNet, NetworkListError> {
        let error = || NetworkListError(text.escape_default().to_string());
        if let Ok(net) = IpNet::from_str(text) {
            return Ok(canonical(net.trunc()));
        }
        if let Ok(address) = IpAddr::from_str(text) {
            return Ok(IpNet::from(address.to_canonical()));
        }
        let parts: Vec<&str> = text.strip_suffix('.').unwrap_or(text).split('.').collect();
        if parts.len() > 4 {
            return Err(error());
        }
        let mut octets = [0u8; 4];
        for (octet, part) in octets.iter_mut().zip(&parts) {
            let plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            *octet = part.parse().ok().filter(|_| plain).ok_or_else(error)?;
        }
        let bits = u8::try_from(parts.len() * 8).map_err(|_| error())?;
        Ipv4Net::new(Ipv4Addr::from(octets), bits).map(IpNet::V4).map_err(|_| error())
    }

    /// Whether `address` may take part. IPv4-mapped IPv6 addresses count as the IPv4 address in them.
    #[must_use]
    pub fn accepts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.is_empty() || self.0.iter().any(|net| net.contains(&address))
    }

    /// Whether everybody is accepted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A net of IPv4-mapped IPv6 addresses is the IPv4 net in it: so are the addresses that are compared with it.
fn canonical(net: IpNet) -> IpNet {
    match (net.network().to_canonical(), net.prefix_len().checked_sub(128 - 32)) {
        (IpAddr::V4(v4), Some(bits)) if net.network().is_ipv6() => Ipv4Net::new(v4, bits).map_or(net, IpNet::V4),
        _ => net,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_accepts(lines: &[&str], inside: &[&str], outside: &[&str]) {
        let list = NetworkList::new(lines.iter().map(|line| NetworkList::parse_line(line).unwrap()).collect());
        for address in inside {
            assert!(list.accepts(address.parse().unwrap()), "{address} is inside {lines:?}");
        }
        for address in outside {
            assert!(!list.accepts(address.parse().unwrap()), "{address} is outside {lines:?}");
        }
    }

    #[test]
    fn prefixes_are_whole_components_as_of_old_or_cidr() {
        check_accepts(&["130.58.68"], &["130.58.68.1", "::ffff:130.58.68.255"], &["130.58.6.8", "130.58.69.1", "::1"]);
        check_accepts(&["10.0.0.0/8", "2001:db8::/32"], &["10.9.9.9", "2001:db8::7"], &["11.0.0.1", "2001:db9::"]);
        check_accepts(&["192.0.2.7"], &["192.0.2.7"], &["192.0.2.70"]);
        check_accepts(&["::ffff:192.0.2.0/120"], &["192.0.2.7", "::ffff:192.0.2.8"], &["192.0.3.7", "::1"]);
        check_accepts(&[], &["192.0.2.7", "::1"], &[]);
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        for line in ["256.256.256", "1.2.3.4.5", "lab", "", "1..2", "+1.2", "10.0.0.0/33", "1.2.3.0x4"] {
            assert!(NetworkList::parse_line(line).is_err(), "{line:?}");
        }
    }
}
