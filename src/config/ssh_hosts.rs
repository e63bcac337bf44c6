//! Hosts as ssh knows them: on a command line, or in a file, one a line.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::lines::{content_lines, read_text};
use crate::model::HostName;

/// Most hosts of one list: as many as a machines file has.
pub const SSH_HOSTS_MAX: usize = super::machines::MACHINES_MAX;

/// Where ssh goes: a host, and as whom if that was said. Safe to hand to `ssh`, which sees neither an option nor anything that a
/// shell would act on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SshHost {
    user: Option<String>,
    host: Host,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Host {
    Name(HostName),
    Address(IpAddr),
}

/// Why a text is no host for ssh.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SshHostError {
    /// What stands before the `@`.
    #[error("'{0}' is no user's name")]
    User(String),
    /// The rest.
    #[error("'{0}' is neither a host name nor an address")]
    Host(String),
}

/// Why a file gives no list.
#[derive(Debug, thiserror::Error)]
pub enum SshHostsError {
    /// It cannot be read.
    #[error("cannot read {} ({error})", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// A line is no host.
    #[error("{}:{line}: {error}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong with it.
        error: SshHostError,
    },
}

impl SshHost {
    /// The same, as `user` where nobody was named.
    #[must_use]
    pub fn or_as(self, user: Option<&str>) -> Self {
        Self { user: self.user.or_else(|| user.map(str::to_owned)), ..self }
    }

    /// The host alone.
    #[must_use]
    pub fn host(&self) -> String {
        match &self.host {
            Host::Name(name) => name.to_string(),
            Host::Address(address) => address.to_string(),
        }
    }
}

/// A user's name, as ssh takes it before an `@`: letters, digits and `. _ + -`, and no `-` first. A `ProxyCommand` may hand it to a
/// shell.
pub fn parse_user(text: &str) -> Result<String, SshHostError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    if text.is_empty() || text.starts_with('-') || !text.bytes().all(plain) {
        return Err(SshHostError::User(text.escape_debug().to_string()));
    }
    Ok(text.to_owned())
}

impl FromStr for SshHost {
    type Err = SshHostError;

    /// `HOST` or `USER@HOST`.
    fn from_str(text: &str) -> Result<Self, SshHostError> {
        let (user, host) = match text.rsplit_once('@') {
            Some((user, host)) => (Some(parse_user(user)?), host),
            None => (None, text),
        };
        if let Ok(address) = host.parse() {
            return Ok(Self { user, host: Host::Address(address) });
        }
        let wrong = || SshHostError::Host(host.escape_debug().to_string());
        // What ends in a number after a dot is a mistyped address (RFC 3696, 2).
        let last = host.rsplit_once('.').map(|(_, last)| last);
        if last.is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(wrong());
        }
        let name = host.parse().map_err(|_| wrong())?;
        Ok(Self { user, host: Host::Name(name) })
    }
}

impl fmt::Display for SshHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.user {
            Some(user) => write!(f, "{user}@{}", self.host()),
            None => f.write_str(&self.host()),
        }
    }
}

/// The hosts in the file at `path`, one a line; `#` begins a comment.
pub fn read(path: &Path) -> Result<Vec<SshHost>, SshHostsError> {
    let text = read_text(path).map_err(|error| SshHostsError::Unreadable { path: path.into(), error })?;
    let parse = |(line, content): (usize, &str)| {
        content.parse().map_err(|error| SshHostsError::Line { path: path.into(), line, error })
    };
    content_lines(&text).map(parse).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn hosts_are_names_or_addresses_with_or_without_a_user() {
        for text in
            ["node1", "ada@node1.cs.example.edu", "10.0.0.1", "ada@10.0.0.1", "2001:db8::1", "my_alias", "a.b+c@n"]
        {
            assert_eq!(text.parse::<SshHost>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_a_shell_or_ssh_would_act_on_is_no_host() {
        for text in [
            "",
            "-oProxyCommand=x",
            "@node1",
            "-l@node1",
            "a;b@node1",
            "$(id)@node1",
            "node1;id",
            "node 1",
            "10.0.0.300",
            "node1:22",
            "node1\n",
            "ada@",
        ] {
            assert!(text.parse::<SshHost>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_user_for_all_is_none_for_those_who_have_one() {
        let host = |text: &str| text.parse::<SshHost>().unwrap();
        assert_eq!(host("node1").or_as(Some("ada")), host("ada@node1"));
        assert_eq!(host("bob@node1").or_as(Some("ada")), host("bob@node1"));
        assert_eq!(host("node1").or_as(None), host("node1"));
    }

    #[test]
    fn a_file_has_one_host_a_line_and_a_wrong_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        fs::write(&path, "# the lab\nnode1\n\nada@node2 # her own\n").unwrap();
        let names: Vec<String> = read(&path).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["node1", "ada@node2"]);
        fs::write(&path, "node1\n-x\n").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.ends_with("hosts:2: '-x' is neither a host name nor an address"), "{error}");
        assert!(matches!(read(folder.path()), Err(SshHostsError::Unreadable { .. })));
    }
}
