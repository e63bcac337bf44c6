//! Which daemon a client asks, and the files that say so: the same for all commands.

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::file::{self, FileError, FileSettings};
use super::lines::Finding;
use super::machines::Machine;
use super::paths::{self, Environment};
use super::values::{Port, ValueError};

/// Which daemon a client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Daemon {
    /// That of this client port, wherever on this host it is found, if its user is trusted.
    OfPort(Port),
    /// Exactly this one, whoever it is.
    At(Place),
}

impl Default for Daemon {
    fn default() -> Self {
        Self::OfPort(Port::CLIENT)
    }
}

/// Where somebody said that a daemon is: `PATH` or `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A Unix socket.
    Socket(PathBuf),
    /// A host and its TCP port.
    Tcp(Machine),
}

impl FromStr for Place {
    type Err = ValueError;

    /// What has a slash in it is a path, what has a colon in it is a host and a port, all else is a path.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() {
            return Err(ValueError::of(text, "the path of a socket or HOST:PORT"));
        }
        if text.contains('/') || !text.contains(':') {
            return Ok(Self::Socket(text.into()));
        }
        let machine = Machine::parse(text, Port::CLIENT);
        machine.map(Self::Tcp).map_err(|error| ValueError::because(&error))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => path.display().fmt(f),
            Self::Tcp(machine) => machine.fmt(f),
        }
    }
}

/// What one source of settings says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Its client port.
    pub port: Option<Port>,
    /// Exactly where it is; counts before the port.
    pub socket: Option<Place>,
}

impl Said {
    fn daemon(self) -> Option<Daemon> {
        self.socket.map(Daemon::At).or(self.port.map(Daemon::OfPort))
    }
}

/// An environment variable holds no value of its setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error} ({variable})")]
pub struct VariableError {
    /// Its name.
    pub variable: &'static str,
    /// What is wrong with it.
    pub error: ValueError,
}

/// The value in an environment variable.
pub(super) fn variable<T: FromStr<Err = ValueError>>(
    variable: &'static str,
    value: Option<&OsStr>,
) -> Result<Option<T>, VariableError> {
    let parse = |value: &OsStr| value.to_string_lossy().parse().map_err(|error| VariableError { variable, error });
    value.map(parse).transpose()
}

impl Daemon {
    /// What the flags say; where they say nothing, the environment; then the files; then the default.
    pub fn settle(flags: Said, environment: &Environment, files: &file::Client) -> Result<Self, VariableError> {
        if let Some(daemon) = flags.daemon() {
            return Ok(daemon);
        }
        let environment = Said {
            port: variable("PEERMON_CLIENT_PORT", environment.client_port.as_deref())?,
            socket: variable("PEERMON_SOCKET", environment.socket.as_deref())?,
        };
        let files = Said { port: files.port, socket: files.socket.clone() };
        Ok(environment.daemon().or(files.daemon()).unwrap_or_default())
    }
}

/// What the settings files of a client say, the user's before the host's, and their unknown keys.
pub fn read_files(environment: &Environment) -> Result<(FileSettings, Vec<Finding>), FileError> {
    let mut settings = FileSettings::default();
    let mut findings = Vec::new();
    for path in paths::client_settings(environment) {
        let (more, found) = FileSettings::read(&path)?;
        settings = settings.or(more);
        findings.extend(found);
    }
    Ok((settings, findings))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(number: &str) -> Option<Port> {
        Some(number.parse().unwrap())
    }

    fn socket(text: &str) -> Option<Place> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn the_first_source_that_says_anything_counts() {
        let flags =
            [Said::default(), Said { port: port("1"), socket: None }, Said { port: port("1"), socket: socket("/f") }];
        let environments = [
            Environment::default(),
            Environment { client_port: Some("2".into()), ..Environment::default() },
            Environment { client_port: Some("2".into()), socket: Some("/e".into()), ..Environment::default() },
        ];
        let files = [
            file::Client::default(),
            file::Client { port: port("3"), ..file::Client::default() },
            file::Client { port: port("3"), socket: socket("/s"), ..file::Client::default() },
        ];
        let said = |letter: &str, number: &str| {
            [None, Some(Daemon::OfPort(number.parse().unwrap())), Some(Daemon::At(letter.parse().unwrap()))]
        };
        let (by_flag, by_environment, by_file) = (said("/f", "1"), said("/e", "2"), said("/s", "3"));
        for (flags, by_flag) in flags.iter().zip(&by_flag) {
            for (environment, by_environment) in environments.iter().zip(&by_environment) {
                for (files, by_file) in files.iter().zip(&by_file) {
                    let expected = by_flag.clone().or(by_environment.clone()).or(by_file.clone()).unwrap_or_default();
                    assert_eq!(Daemon::settle(flags.clone(), environment, files), Ok(expected));
                }
            }
        }
    }

    #[test]
    fn a_variable_that_holds_no_value_of_its_setting_is_named() {
        let environment = Environment { client_port: Some("70000".into()), ..Environment::default() };
        let error = Daemon::settle(Said::default(), &environment, &file::Client::default()).expect_err("no port");
        assert_eq!(error.to_string(), "'70000' is not a port (1 to 65534) (PEERMON_CLIENT_PORT)");
        // What counts less is not even looked at.
        let flags = Said { port: port("1990"), socket: None };
        assert!(Daemon::settle(flags, &environment, &file::Client::default()).is_ok());
    }

    #[test]
    fn a_socket_is_a_path_or_a_host_and_port() {
        let path = |text: &str| Place::Socket(text.into());
        assert_eq!("/run/a:b.sock".parse(), Ok(path("/run/a:b.sock")));
        assert_eq!("1981.sock".parse(), Ok(path("1981.sock")));
        for (text, shown) in [
            ("127.0.0.1:1981", "127.0.0.1:1981"),
            ("[::1]:7", "[::1]:7"),
            ("::1", "[::1]:1981"),
            ("node1:1990", "node1:1990"),
        ] {
            let place: Place = text.parse().unwrap();
            assert!(matches!(place, Place::Tcp(_)) && place.to_string() == shown, "{place}");
        }
        for text in ["", "node1:0", "-x:1981", "node1:x", "a b:1"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
