//! What a host says of itself, and whether the program there is older than this one.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::remote::Answer;
use super::status::Saying;
use super::trouble::Trouble;
use crate::config::values::Port;
use crate::model::HostName;

/// A host, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// `uname -sm`
    pub system: String,
    /// Of the user there.
    pub uid: u32,
    /// Where others may find it: the address at which it was reached from here, else its name.
    pub place: Option<Place>,
    /// The folder of `peermon net` there.
    pub folder: String,
    /// Hosts that say the same share that folder.
    pub home: Option<String>,
    /// Of the program that lies there.
    pub version: Option<String>,
    /// The daemon of the network.
    pub daemon: Option<Running>,
    /// What it says.
    pub saying: Option<Saying>,
    /// Ports in use, whoever uses them.
    pub udp: BTreeSet<u16>,
    /// Ports at which somebody listens.
    pub tcp: BTreeSet<u16>,
}

/// Where others may find a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Address(IpAddr),
    Name(HostName),
}

/// A daemon of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Running {
    pub version: String,
    pub port: Port,
    pub client_port: Port,
    /// The mark of the key and the machines that it has read; empty where that is not known.
    pub files: String,
}

impl Facts {
    /// From what it says.
    pub fn read(answer: &Answer) -> Result<Self, Trouble> {
        Self::said(answer).ok_or(Trouble::Odd("what it says of itself makes no sense"))
    }

    fn said(answer: &Answer) -> Option<Self> {
        Some(Self {
            system: answer.get("system")?.to_owned(),
            uid: answer.get("uid")?.parse().ok()?,
            place: place(answer.get("reached"), answer.get("name")),
            folder: answer.get("folder")?.to_owned(),
            home: answer.get("home").map(str::to_owned),
            version: answer.get("version").and_then(|said| said.strip_prefix("peermon ")).map(str::to_owned),
            daemon: answer.get("daemon").and_then(running),
            saying: Saying::of(answer),
            udp: ports(answer.get("udp")),
            tcp: ports(answer.get("tcp")),
        })
    }
}

impl Place {
    /// A line of a machines file.
    pub fn machine(&self, port: Port) -> String {
        match self {
            Self::Address(IpAddr::V6(address)) => format!("[{address}]:{port}"),
            Self::Address(IpAddr::V4(address)) => format!("{address}:{port}"),
            Self::Name(name) => format!("{name}:{port}"),
        }
    }
}

/// `SSH_CONNECTION` ends in the address and port that were reached. Others cannot reach a loopback address, nor one that means
/// something only with an interface.
fn place(reached: Option<&str>, name: Option<&str>) -> Option<Place> {
    let address = reached.and_then(|reached| reached.split(' ').nth(2)?.parse::<IpAddr>().ok());
    let address = address.map(|address| address.to_canonical()).filter(|address| !address.is_loopback());
    address.map(Place::Address).or_else(|| Some(Place::Name(name?.parse().ok()?)))
}

/// `PID VERSION PORT CLIENT_PORT FILES`
fn running(said: &str) -> Option<Running> {
    let mut words = said.split(' ').skip(1);
    let version = words.next()?.to_owned();
    let (port, client_port) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some(Running { version, port, client_port, files: words.next().unwrap_or_default().to_owned() })
}

fn ports(said: Option<&str>) -> BTreeSet<u16> {
    said.unwrap_or_default().split_whitespace().filter_map(|port| u16::from_str_radix(port, 16).ok()).collect()
}

/// Whether `there` comes before `here`. What is no version of ours does.
pub(super) fn is_older(there: &str, here: &str) -> bool {
    parts(there) < parts(here)
}

/// Three numbers, and what stands behind a `-`, which comes before the version without it (Semantic Versioning, 11).
fn parts(version: &str) -> Option<([u64; 3], bool, &str)> {
    let (numbers, suffix) = version.split_once('-').unwrap_or((version, ""));
    let mut numbers = numbers.split('.').map(|number| number.parse().ok());
    let three = [numbers.next()??, numbers.next()??, numbers.next()??];
    Some((three, suffix.is_empty(), suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_version_is_known_by_its_numbers_and_what_is_none_is_older() {
        for (there, here) in [
            ("1.9.0", "2.0.0"),
            ("2.0.0-dev", "2.0.0"),
            ("2.9.0", "2.10.0"),
            ("2.0.0-dev", "2.0.1-dev"),
            ("", "2.0.0-dev"),
            ("two", "2.0.0-dev"),
        ] {
            assert!(is_older(there, here) && !is_older(here, there), "{there} {here}");
        }
        assert!(!is_older("2.0.0-dev", "2.0.0-dev"));
    }

    #[test]
    fn a_daemon_at_ports_that_no_daemon_can_have_is_none() {
        assert_eq!(running("77 2.0.0 13000 13002 ab").map(|daemon| daemon.port.above()), Some(13_001));
        for said in ["77 2.0.0 65535 13002 ab", "77 2.0.0 13000 0", "77 2.0.0 13000", "77 2.0.0 99999 1", ""] {
            assert_eq!(running(said), None, "{said}");
        }
    }

    #[test]
    fn others_find_a_host_where_it_was_reached_unless_that_is_only_for_itself() {
        let place = |reached: &str| place(Some(reached), Some("node1")).unwrap().machine("13000".parse().unwrap());
        assert_eq!(place("10.9.0.254 50000 10.9.0.1 22"), "10.9.0.1:13000");
        assert_eq!(place("::1 50000 2001:db8::1 22"), "[2001:db8::1]:13000");
        for own in ["127.0.0.1 1 127.0.0.1 22", "::1 1 ::1 22", "fe80::2%eth0 1 fe80::1%eth0 22", "", "x"] {
            assert_eq!(place(own), "node1:13000", "{own}");
        }
    }
}
