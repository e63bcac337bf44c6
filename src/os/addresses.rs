//! Which addresses this host has, and which one it should tell others.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use crate::model::NETWORK_ADDRESSES_MAX;

/// An address of an interface that is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalAddress {
    /// The interface's name.
    pub interface: String,
    /// One of its addresses.
    pub address: IpAddr,
}

impl LocalAddress {
    /// Whether another host could use it: neither loopback nor bound to one link.
    fn is_public(&self) -> bool {
        match self.address {
            IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local() && !v4.is_unspecified(),
            IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local() && !v6.is_unspecified(),
        }
    }
}

/// What the administrator wishes to be told to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// `--advertise`
    Address(IpAddr),
    /// `--interface`
    Interface(String),
    /// Whatever is best.
    Any,
}

/// What others are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// Where they reach this host.
    pub address: IpAddr,
    /// Its other addresses, sorted, as many as a card holds.
    pub more: Vec<IpAddr>,
}

/// Why a wish cannot be met.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdvertiseError {
    /// `--advertise`
    #[error("no interface has the address {0}")]
    NoSuchAddress(IpAddr),
    /// `--interface`
    #[error("there is no interface '{0}' that is up")]
    NoSuchInterface(String),
    /// `--interface`
    #[error("interface '{0}' has no address that others could use")]
    NoAddress(String),
}

/// All addresses of interfaces that are up, in the kernel's order.
#[must_use]
pub fn local() -> Vec<LocalAddress> {
    let Ok(all) = getifaddrs() else { return Vec::new() };
    all.filter(|entry| entry.flags.contains(InterfaceFlags::IFF_UP))
        .filter_map(|entry| {
            let storage = entry.address?;
            let v4 = storage.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            let address = v4.or_else(|| Some(IpAddr::V6(storage.as_sockaddr_in6()?.ip())))?;
            Some(LocalAddress { interface: entry.interface_name, address })
        })
        .collect()
}

/// Whether this host can be reached at `address`. Asks the kernel, since all of 127.0.0.0/8 is here and only one
/// address of it is listed.
#[must_use]
pub fn is_here(address: IpAddr) -> bool {
    match UdpSocket::bind((address, 0)) {
        Ok(_) => !address.is_unspecified(),
        Err(error) => !matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported),
    }
}

/// The address from which datagrams to `peer` would leave.
#[must_use]
pub fn source_towards(peer: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr =
        if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { std::net::Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(peer).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|address| !address.is_unspecified())
}

/// What to tell others, where this host listens on `port` and `peers` are the machines that it knows of.
pub fn choose(wish: &Wish, peers: &[SocketAddr], port: u16) -> Result<Advertised, AdvertiseError> {
    let locals = local();
    let address = match wish {
        Wish::Address(address) if is_here(*address) => *address,
        Wish::Address(address) => return Err(AdvertiseError::NoSuchAddress(*address)),
        Wish::Interface(name) => of_interface(&locals, name)?,
        Wish::Any => any(&locals, peers.iter().filter(|peer| !is_me(**peer, port)), source_towards),
    };
    Ok(Advertised { address, more: others(&locals, address) })
}

/// Whether a datagram to `peer` would come back to this host's own `port`.
#[must_use]
pub fn is_me(peer: SocketAddr, port: u16) -> bool {
    peer.port() == port && is_here(peer.ip())
}

fn of_interface(locals: &[LocalAddress], name: &str) -> Result<IpAddr, AdvertiseError> {
    let own: Vec<&LocalAddress> = locals.iter().filter(|local| local.interface == name).collect();
    if own.is_empty() {
        return Err(AdvertiseError::NoSuchInterface(name.to_owned()));
    }
    let mut usable = own.iter().filter(|local| local.is_public() || local.address.is_loopback());
    let first = usable.clone().find(|local| local.address.is_ipv4()).or_else(|| usable.next());
    first.map(|local| local.address).ok_or_else(|| AdvertiseError::NoAddress(name.to_owned()))
}

/// An address of the documentation (RFC 5737, RFC 3849): nobody's neighbour, so it shows the default route.
const FAR_AWAY: [&str; 2] = ["192.0.2.1:9", "[2001:db8::1]:9"];

fn any<'a>(
    locals: &[LocalAddress],
    mut peers: impl Iterator<Item = &'a SocketAddr>,
    source: impl Fn(SocketAddr) -> Option<IpAddr>,
) -> IpAddr {
    let far_away = FAR_AWAY.iter().filter_map(|text| text.parse().ok());
    peers
        .find_map(|peer| source(*peer))
        .or_else(|| far_away.filter_map(&source).find(|address| !address.is_loopback()))
        .or_else(|| locals.iter().find(|local| local.is_public()).map(|local| local.address))
        .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

fn others(locals: &[LocalAddress], advertised: IpAddr) -> Vec<IpAddr> {
    if advertised.is_loopback() {
        return Vec::new(); // Only that one is bound.
    }
    let public = locals.iter().filter(|local| local.is_public() && local.address != advertised);
    let mut more: Vec<IpAddr> = public.map(|local| local.address).collect();
    more.sort();
    more.dedup();
    more.truncate(NETWORK_ADDRESSES_MAX);
    more
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locals(addresses: &[(&str, &str)]) -> Vec<LocalAddress> {
        let local = |(interface, address): &(&str, &str)| LocalAddress {
            interface: (*interface).to_owned(),
            address: address.parse().unwrap(),
        };
        addresses.iter().map(local).collect()
    }

    const LAB: &[(&str, &str)] =
        &[("lo", "127.0.0.1"), ("eth0", "10.0.0.5"), ("eth0", "fe80::1"), ("eth1", "fd00::5"), ("eth1", "10.1.0.5")];

    #[track_caller]
    fn check_any(routes: &[(&str, &str)], peers: &[&str], locals_: &[(&str, &str)], expected: &str) {
        let peers: Vec<SocketAddr> = peers.iter().map(|peer| peer.parse().unwrap()).collect();
        let source = |peer: SocketAddr| {
            let route = routes.iter().find(|(to, _)| peer.to_string().starts_with(to));
            route.map(|(_, from)| from.parse().unwrap())
        };
        assert_eq!(any(&locals(locals_), peers.iter(), source), expected.parse::<IpAddr>().unwrap());
    }

    #[test]
    fn others_are_told_the_address_that_reaches_the_first_peer_then_the_one_of_the_default_route() {
        let routes = [("10.1.", "10.1.0.5"), ("192.0.2.", "10.0.0.5")];
        check_any(&routes, &["172.16.0.1:1288", "10.1.0.9:1288"], LAB, "10.1.0.5");
        check_any(&routes, &[], LAB, "10.0.0.5");
        check_any(&[], &["10.1.0.9:1288"], LAB, "10.0.0.5");
        check_any(&[], &[], &[("lo", "127.0.0.1")], "127.0.0.1");
        check_any(&[], &[], &[("lo", "::1"), ("eth0", "fe80::1"), ("eth0", "fd00::7")], "fd00::7");
    }

    #[test]
    fn an_interface_is_known_by_the_first_address_that_others_can_use() {
        assert_eq!(of_interface(&locals(LAB), "eth1"), Ok("10.1.0.5".parse().unwrap()));
        assert_eq!(of_interface(&locals(LAB), "eth7"), Err(AdvertiseError::NoSuchInterface("eth7".into())));
        let link_local = locals(&[("eth0", "fe80::1")]);
        assert_eq!(of_interface(&link_local, "eth0"), Err(AdvertiseError::NoAddress("eth0".into())));
    }

    #[test]
    fn other_addresses_are_told_too_but_not_those_that_nobody_can_use() {
        let more = others(&locals(LAB), "10.0.0.5".parse().unwrap());
        assert_eq!(more, ["10.1.0.5", "fd00::5"].map(|text| text.parse::<IpAddr>().unwrap()));
        assert_eq!(others(&locals(LAB), "127.0.0.3".parse().unwrap()), Vec::<IpAddr>::new());
    }

    #[test]
    fn all_of_the_loopback_network_is_here_and_an_address_of_the_documentation_is_not() {
        for (address, here) in [("127.0.0.1", true), ("127.9.9.9", true), ("192.0.2.1", false), ("0.0.0.0", false)] {
            assert_eq!(is_here(address.parse().unwrap()), here, "{address}");
        }
        assert!(is_me("127.0.0.1:1288".parse().unwrap(), 1288));
        assert!(!is_me("127.0.0.1:1288".parse().unwrap(), 1290));
        assert!(local().iter().any(|local| local.interface == "lo"));
    }
}
