//! What a daemon is told: flags, environment and file, merged and checked.

use std::ffi::OsStr;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::file::{FileError, FileSettings};
use super::lines::Finding;
use super::paths::{DaemonPaths, Environment, Realm};
use super::values::{Interval, LogLevel, MaxDatagram, NetworkName, Port, ValueError};
use crate::model::{HostName, Label};

/// A file that a daemon reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Where such a file usually lies; it may be missing.
    Usual(PathBuf),
    /// Where the administrator says that it lies; it must be there.
    Named(PathBuf),
}

impl Source {
    fn of(named: Option<PathBuf>, usual: PathBuf) -> Self {
        named.map_or(Self::Usual(usual), Self::Named)
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Usual(path) | Self::Named(path) => path,
        }
    }
}

/// Everything that a daemon is told at its start.
#[derive(Clone, Debug, PartialEq)]
pub struct DaemonSettings {
    /// Whose network it belongs to.
    pub realm: Realm,
    /// Its gossip port; the one above is used too.
    pub port: Port,
    /// Its client port: names the network on this host.
    pub client_port: Port,
    /// Whether clients are served over loopback TCP too.
    pub tcp: bool,
    /// Where clients of PeerMon 1.1 are served, over loopback TCP.
    pub legacy_port: Option<Port>,
    /// T.
    pub interval: Interval,
    /// Uses the data, offers no resources.
    pub collector: bool,
    /// A few peers to start from.
    pub machines: Source,
    /// Accepted address prefixes.
    pub valid_ips: Source,
    /// The network's key.
    pub key: Source,
    /// Without a key it does not start.
    pub require_key: bool,
    /// The network's name.
    pub network: NetworkName,
    /// Largest UDP payload.
    pub max_datagram: MaxDatagram,
    /// Instead of the host name.
    pub name: Option<HostName>,
    /// The address at which others reach this host.
    pub advertise: Option<IpAddr>,
    /// The interface whose address others are told.
    pub interface: Option<String>,
    /// What its administrator says of this host, sorted.
    pub labels: Vec<Label>,
    /// How much to log.
    pub log: LogLevel,
}

/// Why there are no settings for a daemon.
#[derive(Debug, thiserror::Error)]
pub enum DaemonSettingsError {
    /// `-u` by a user without a home.
    #[error("there is no config folder for a private network (neither XDG_CONFIG_HOME nor HOME is set)")]
    NoConfigFolder,
    /// The settings file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// It has keys that no setting has; a daemon does not guess.
    #[error("{}", .0.first().map(ToString::to_string).unwrap_or_default())]
    UnknownKeys(Vec<Finding>),
    /// A variable holds no such value.
    #[error("{name}: {error}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// What is wrong with its value.
        error: ValueError,
    },
    /// More labels than a card holds.
    #[error("too many labels ({0}; at most {max} fit a card)", max = crate::model::LABELS_MAX)]
    TooManyLabels(usize),
}

/// Where the settings of a daemon come from, to read them again on HUP.
#[derive(Clone, Debug, PartialEq)]
pub struct DaemonSource {
    /// What was typed.
    pub flags: FileSettings,
    /// `-u` or not.
    pub realm: Realm,
    /// What the process was given.
    pub environment: Environment,
}

impl DaemonSource {
    /// The settings as they are now: what was typed, then the environment, then the file, then the defaults.
    pub fn read(&self) -> Result<DaemonSettings, DaemonSettingsError> {
        let paths = DaemonPaths::of(self.realm, &self.environment).ok_or(DaemonSettingsError::NoConfigFolder)?;
        let (file, unknown) = FileSettings::read(&paths.settings)?;
        if !unknown.is_empty() {
            return Err(DaemonSettingsError::UnknownKeys(unknown));
        }
        let environment = self.environment_layer()?;
        let FileSettings { gossip, host, client, log, .. } = self.flags.clone().or(environment).or(file);
        let mut labels = host.labels.unwrap_or_default();
        labels.sort();
        labels.dedup();
        if labels.len() > crate::model::LABELS_MAX {
            return Err(DaemonSettingsError::TooManyLabels(labels.len()));
        }
        // `--interface` replaces an address in the file, and the other way round.
        let flags = &self.flags.host;
        let (advertise, interface) = match (flags.advertise, &flags.interface) {
            (None, Some(interface)) => (None, Some(interface.clone())),
            (Some(address), None) => (Some(address), None),
            (None, None) | (Some(_), Some(_)) => (host.advertise, host.interface),
        };
        Ok(DaemonSettings {
            realm: self.realm,
            port: gossip.port.unwrap_or(Port::GOSSIP),
            client_port: client.port.unwrap_or(Port::CLIENT),
            tcp: client.tcp.unwrap_or(true),
            legacy_port: client.legacy_port,
            interval: gossip.interval.unwrap_or(Interval::DEFAULT),
            collector: host.collector.unwrap_or(false),
            machines: Source::of(gossip.machines, paths.machines),
            valid_ips: Source::of(gossip.valid_ips, paths.valid_ips),
            key: Source::of(gossip.key_file, paths.key),
            require_key: gossip.require_key.unwrap_or(false),
            network: gossip.network.unwrap_or_default(),
            max_datagram: gossip.max_datagram.unwrap_or(MaxDatagram::DEFAULT),
            name: host.name,
            advertise,
            interface,
            labels,
            log: log.unwrap_or_default(),
        })
    }

    fn environment_layer(&self) -> Result<FileSettings, DaemonSettingsError> {
        let log = self.environment.log.as_deref().map(OsStr::to_string_lossy);
        let wrong = |error| DaemonSettingsError::Variable { name: "PEERMON_LOG", error };
        let log = log.map(|text| text.parse()).transpose().map_err(wrong)?;
        Ok(FileSettings { log, ..FileSettings::default() })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn source(file: &str, flags: FileSettings) -> (tempfile::TempDir, DaemonSource) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("peermon")).unwrap();
        fs::write(folder.path().join("peermon/peermon.toml"), file).unwrap();
        let environment = Environment { config_folder: Some(folder.path().into()), ..Environment::default() };
        (folder, DaemonSource { flags, realm: Realm::User, environment })
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let mut flags = FileSettings::default();
        flags.gossip.port = Some("1300".parse().unwrap());
        let (folder, source) = source("[gossip]\nport = 1400\ninterval = 5\nmachines = \"m\"\n", flags);
        let settings = source.read().unwrap();
        assert_eq!(settings.port.get(), 1300);
        assert_eq!(settings.interval.get().as_secs(), 5);
        assert_eq!(settings.machines, Source::Named(folder.path().join("peermon/m")));
        assert_eq!(settings.valid_ips, Source::Usual(folder.path().join("peermon/valid_ips.txt")));
        assert_eq!(settings.client_port, Port::CLIENT);
        assert!(settings.tcp && !settings.collector && !settings.require_key);
    }

    #[test]
    fn the_environment_says_how_much_to_log_unless_a_flag_does() {
        let (_folder, mut source) = source("log = \"error\"\n", FileSettings::default());
        assert_eq!(source.read().unwrap().log, LogLevel::Error);
        source.environment.log = Some("debug".into());
        assert_eq!(source.read().unwrap().log, LogLevel::Debug);
        source.flags.log = Some(LogLevel::Warn);
        assert_eq!(source.read().unwrap().log, LogLevel::Warn);
        source.environment.log = Some("loud".into());
        assert!(source.read().unwrap_err().to_string().starts_with("PEERMON_LOG: 'loud' is not a log level"));
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let (_folder, source) = source("[gossip]\nprot = 1\n", FileSettings::default());
        let said = source.read().unwrap_err().to_string();
        assert!(said.ends_with("peermon.toml:2: unknown key 'prot' in [gossip] (did you mean 'port'?)"), "{said}");
    }

    #[test]
    fn an_interface_that_is_typed_replaces_an_address_in_the_file() {
        let mut flags = FileSettings::default();
        flags.host.interface = Some("eth1".into());
        let (_folder, source) = source("[host]\nadvertise = \"192.0.2.1\"\n", flags);
        let settings = source.read().unwrap();
        assert_eq!((settings.advertise, settings.interface.as_deref()), (None, Some("eth1")));
    }
}
