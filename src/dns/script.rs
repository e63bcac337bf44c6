//! An update in the words of nsupdate(1).

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use super::message::Change;

/// What real nsupdate makes the same change from, at `server`. The key is not in it: `nsupdate -k FILE` has it.
#[must_use]
pub fn nsupdate(change: &Change, server: SocketAddr) -> String {
    let Change { owner, before, after, ttl } = change;
    let mut lines = format!("server {} {}\nzone {}.\n", server.ip(), server.port(), owner.zone());
    let mut line = |text: String| writeln!(lines, "{text}").expect("a String takes all");
    line(format!("prereq nxrrset {owner}. CNAME"));
    for (rtype, is_of_it) in SETS {
        if !before.iter().any(is_of_it) {
            line(format!("prereq nxrrset {owner}. {rtype}"));
        }
        for address in of(before, is_of_it) {
            line(format!("prereq yxrrset {owner}. {rtype} {address}"));
        }
    }
    for (rtype, is_of_it) in SETS {
        line(format!("update delete {owner}. {rtype}"));
        for address in of(after, is_of_it) {
            line(format!("update add {owner}. {ttl} {rtype} {address}"));
        }
    }
    line("send".to_owned());
    lines
}

type IsOfIt = fn(&IpAddr) -> bool;

const SETS: [(&str, IsOfIt); 2] = [("A", IpAddr::is_ipv4), ("AAAA", IpAddr::is_ipv6)];

fn of(addresses: &BTreeSet<IpAddr>, is_of_it: IsOfIt) -> impl Iterator<Item = &IpAddr> {
    addresses.iter().filter(move |address| is_of_it(address))
}
