//! What ssh's own settings say, as `ssh -G` shows them: the port, and whether the way goes through something else.

use std::ffi::{OsStr, OsString};
use std::process::{Command, Stdio};

/// Where sshd listens unless something is said (RFC 4250, 4.1).
const SSH_PORT: u16 = 22;

/// What of ssh's settings concerns a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Effective {
    /// The port that ssh will use.
    pub port: u16,
    /// What the connection goes through, where it is not direct: then a probe from here proves nothing.
    pub way: Option<&'static str>,
}

impl Effective {
    /// Asks `program` once, with these options, for the host `name`.
    pub fn ask(program: &OsStr, options: Vec<OsString>, name: &str) -> Self {
        Self::said_by(Command::new(program).arg("-G").args(options).arg("--").arg(name))
    }

    /// What `command` says, which is `ssh -G` with something more. Where it cannot be run nothing is said.
    pub fn said_by(command: &mut Command) -> Self {
        let asked = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
        asked.map_or_else(|_| Self::read(""), |output| Self::read(&String::from_utf8_lossy(&output.stdout)))
    }

    /// From lines of `keyword value`. What makes no sense says nothing.
    fn read(text: &str) -> Self {
        let value = |keyword: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(keyword)?.strip_prefix(' '));
            line.map(str::trim).filter(|value| !value.is_empty() && *value != "none")
        };
        let port = value("port").and_then(|port| port.parse().ok()).filter(|port| *port != 0);
        let way = match (value("proxyjump"), value("proxycommand")) {
            (Some(_), _) => Some("ProxyJump"),
            (None, Some(_)) => Some("ProxyCommand"),
            (None, None) => None,
        };
        Self { port: port.unwrap_or(SSH_PORT), way }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, port: u16, way: Option<&'static str>) {
        assert_eq!(Effective::read(text), Effective { port, way }, "{text:?}");
    }

    #[test]
    fn the_port_and_the_way_are_ssh_s_own() {
        check("user ada\nhostname node1\nport 2222\nproxycommand none\n", 2222, None);
        check("port 22\nproxyjump gate.example.edu\n", 22, Some("ProxyJump"));
        check("proxycommand nc -X 5 %h %p\nport 23\n", 23, Some("ProxyCommand"));
    }

    #[test]
    fn what_makes_no_sense_means_port_22() {
        for text in ["", "-G -- node1", "port", "port x", "port 70000", "port 0", "portable 7"] {
            check(text, 22, None);
        }
    }
}
