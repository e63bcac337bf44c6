//! `machines.txt`: a few peers to start from, one a line.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::str::FromStr;

use super::lines::{Finding, content_lines, read_text};
use super::values::{Port, ValueError};
use crate::model::HostName;

/// Most machines that are used: a few suffice, each is said hello to once a second at the start.
pub const MACHINES_MAX: usize = 1000;

/// Where a peer is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Machine {
    /// At this address.
    Address(SocketAddr),
    /// Wherever this name leads; it may do so only later.
    Name(HostName, u16),
}

/// Why a line names no machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MachineError {
    /// The part before the port.
    #[error("'{0}' is neither an address nor a host name")]
    Host(String),
    /// The part after it.
    #[error(transparent)]
    Port(#[from] ValueError),
}

impl Machine {
    /// `IP:port`, `name:port`, `[v6]:port`, or one of them without a port: then it is `default`.
    pub fn parse(text: &str, default: Port) -> Result<Self, MachineError> {
        if let Ok(address) = IpAddr::from_str(text) {
            return Ok(Self::Address((address.to_canonical(), default.get()).into()));
        }
        let wrong = || MachineError::Host(text.escape_debug().to_string());
        if let Some(rest) = text.strip_prefix('[') {
            let (address, port) = rest.split_once(']').ok_or_else(wrong)?;
            let address = IpAddr::V6(Ipv6Addr::from_str(address).map_err(|_| wrong())?).to_canonical();
            let port = if port.is_empty() { default } else { port.strip_prefix(':').ok_or_else(wrong)?.parse()? };
            return Ok(Self::Address((address, port.get()).into()));
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, port.parse()?),
            None => (text, default),
        };
        if let Ok(address) = IpAddr::from_str(host) {
            return Ok(Self::Address((address, port.get()).into()));
        }
        // What ends in a number is a mistyped address and never a name (RFC 3696, 2).
        let mistyped = host.rsplit('.').next().is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        match host.parse() {
            Ok(name) if !mistyped => Ok(Self::Name(name, port.get())),
            Ok(_) | Err(_) => Err(wrong()),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

/// The machines in the file at `path`, and its lines that name none. `default` is the port where none is given.
pub fn read(path: &Path, default: Port) -> io::Result<(Vec<Machine>, Vec<Finding>)> {
    Ok(parse(path, &read_text(path)?, default))
}

/// The machines in `text`, which stands in the file at `path`, and its lines that name none.
#[must_use]
pub fn parse(path: &Path, text: &str, default: Port) -> (Vec<Machine>, Vec<Finding>) {
    let mut machines = Vec::new();
    let mut findings = Vec::new();
    for (line, content) in content_lines(text) {
        let what = match Machine::parse(content, default) {
            Ok(_) if machines.len() == MACHINES_MAX => {
                format!("only the first {MACHINES_MAX} machines are used")
            }
            Ok(machine) => {
                machines.push(machine);
                continue;
            }
            Err(error) => format!("{error}; the line is passed over"),
        };
        findings.push(Finding { file: path.into(), line, what });
        if machines.len() == MACHINES_MAX {
            break;
        }
    }
    (machines, findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_names_and_ports_are_read_as_in_the_old_manual_and_beyond() {
        let text = "# seeds\n130.58.68.76:1288\n130.58.68.165 # no port\nlab-1.example.edu:1300\r\n\n  lab-2\n\
                    [2001:db8::1]:1301\n[2001:db8::2]\n2001:db8::3\n";
        let (machines, findings) = parse(Path::new("machines.txt"), text, Port::GOSSIP);
        assert_eq!(findings, []);
        let address = |text: &str| Machine::Address(text.parse().unwrap());
        let name = |text: &str, port| Machine::Name(text.parse().unwrap(), port);
        assert_eq!(
            machines,
            [
                address("130.58.68.76:1288"),
                address("130.58.68.165:1288"),
                name("lab-1.example.edu", 1300),
                name("lab-2", 1288),
                address("[2001:db8::1]:1301"),
                address("[2001:db8::2]:1288"),
                address("[2001:db8::3]:1288"),
            ]
        );
    }

    #[test]
    fn a_bad_line_is_found_with_its_number_and_the_rest_is_used() {
        let text = "256.256.256.256:1288\nnode1:99999\nnode2\n-oProxyCommand=x\n[::1\nnode3:x\n\u{fffd}\n";
        let (machines, findings) = parse(Path::new("m.txt"), text, Port::GOSSIP);
        assert_eq!(machines, [Machine::Name("node2".parse().unwrap(), 1288)]);
        assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [1, 2, 4, 5, 6, 7]);
        assert_eq!(
            findings[0].to_string(),
            "m.txt:1: '256.256.256.256:1288' is neither an address nor a host name; the line is passed over"
        );
        assert!(findings[1].to_string().contains("'99999' is not a port"), "{}", findings[1]);
    }

    #[test]
    fn an_endless_list_ends_somewhere() {
        let (machines, findings) = parse(Path::new("m.txt"), &"node\n".repeat(1002), Port::GOSSIP);
        assert_eq!((machines.len(), findings.len()), (1000, 1));
    }
}
