//! `peermon.toml`: every table and key, checked.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::de::DeTable;

use super::choose::PolicyName;
use super::client::Place;
use super::lines::{Finding, line_of, read_text};
use super::nearest;
use super::values::{
    Count, Delta, Interval, LogLevel, MaxDatagram, NetworkName, Percent, Port, Seconds, Size, Ttl, parsed, parsed_list,
};
use crate::model::{HostName, Label};
use crate::placement::HostPattern;

/// One table of the file: every key may be missing, and each is named once, here.
macro_rules! table {
    ($(#[$about:meta])* $table:ident { $($(#[$about_key:meta])* $key:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq, Deserialize)]
        #[serde(default)]
        pub struct $table { $($(#[$about_key])* pub $key: Option<$type>,)* }

        impl $table {
            const KEYS: &[&str] = &[$(stringify!($key)),*];

            fn or(self, other: Self) -> Self {
                Self { $($key: self.$key.or(other.$key),)* }
            }
        }
    };
}

table! {
    /// `[gossip]`: how daemons speak to each other.
    Gossip {
        /// UDP port; the one above is used too.
        #[serde(deserialize_with = "parsed")]
        port: Port,
        /// T.
        #[serde(deserialize_with = "parsed")]
        interval: Interval,
        /// A few peers to start from.
        machines: PathBuf,
        /// Accepted address prefixes.
        valid_ips: PathBuf,
        /// The network's key.
        key_file: PathBuf,
        /// The network's name.
        #[serde(deserialize_with = "parsed")]
        network: NetworkName,
        /// Largest UDP payload.
        #[serde(deserialize_with = "parsed")]
        max_datagram: MaxDatagram,
        /// Without a key the daemon does not start.
        require_key: bool,
    }
}

table! {
    /// `[host]`: what is said of this host.
    Host {
        /// Uses the data, offers no resources.
        collector: bool,
        /// Instead of the host name.
        #[serde(deserialize_with = "parsed")]
        name: HostName,
        /// The address at which others reach it.
        #[serde(deserialize_with = "parsed")]
        advertise: IpAddr,
        /// The interface whose address others are told.
        interface: String,
        /// `KEY=VALUE`, each.
        #[serde(deserialize_with = "parsed_list")]
        labels: Vec<Label>,
    }
}

table! {
    /// `[client]`: how daemon and clients of one host meet.
    Client {
        /// Names the network on this host.
        #[serde(deserialize_with = "parsed")]
        port: Port,
        /// Whether the daemon listens on loopback TCP too.
        tcp: bool,
        /// Where the daemon serves clients of PeerMon 1.1.
        #[serde(deserialize_with = "parsed")]
        legacy_port: Port,
        /// Exactly this daemon: a socket's path, or `HOST:PORT`.
        #[serde(deserialize_with = "parsed")]
        socket: Place,
    }
}

table! {
    /// `[choose]`: which hosts are good.
    Choose {
        /// The policy's name.
        #[serde(deserialize_with = "parsed")]
        policy: PolicyName,
        /// Differences of cost below this do not count.
        #[serde(deserialize_with = "parsed")]
        cpu_delta: Delta,
        /// Differences of memory below this do not count.
        #[serde(deserialize_with = "parsed")]
        mem_delta: Size,
        /// Older figures are left out.
        #[serde(deserialize_with = "parsed")]
        max_age: Seconds,
        /// Hosts to leave out.
        #[serde(deserialize_with = "parsed_list")]
        exclude: Vec<HostPattern>,
    }
}

table! {
    /// `[ssh]`: how `peermon ssh` connects.
    Ssh {
        /// What is executed.
        program: PathBuf,
        /// Whether a candidate's ssh port is tried first.
        probe: bool,
        /// How many hosts are tried in turn.
        #[serde(deserialize_with = "parsed")]
        tries: Count,
    }
}

table! {
    /// `[mpigen]`: what `peermon mpigen` writes.
    Mpigen {
        /// The host file's format.
        format: String,
    }
}

table! {
    /// `[dns]`: what `peermon dns-update` publishes.
    Dns {
        /// The zone.
        zone: String,
        /// The name in it.
        name: String,
        /// How many hosts.
        #[serde(deserialize_with = "parsed")]
        count: Count,
        /// Time to live, in seconds.
        #[serde(deserialize_with = "parsed")]
        ttl: Ttl,
        /// Where updates are sent.
        server: String,
        /// The key that signs them.
        key_file: PathBuf,
        /// How much better a host must be to replace a published one.
        #[serde(deserialize_with = "parsed")]
        hysteresis: Percent,
        /// With fewer eligible hosts nothing is changed.
        #[serde(deserialize_with = "parsed")]
        min: Count,
    }
}

/// All that a `peermon.toml` says.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct FileSettings {
    /// `[gossip]`
    pub gossip: Gossip,
    /// `[host]`
    pub host: Host,
    /// `[client]`
    pub client: Client,
    /// `[choose]`
    pub choose: Choose,
    /// `[ssh]`
    pub ssh: Ssh,
    /// `[mpigen]`
    pub mpigen: Mpigen,
    /// `[dns]`
    pub dns: Dns,
    /// How much a daemon logs.
    #[serde(deserialize_with = "parsed")]
    pub log: Option<LogLevel>,
}

/// The tables and their keys.
const TABLES: &[(&str, &[&str])] = &[
    ("gossip", Gossip::KEYS),
    ("host", Host::KEYS),
    ("client", Client::KEYS),
    ("choose", Choose::KEYS),
    ("ssh", Ssh::KEYS),
    ("mpigen", Mpigen::KEYS),
    ("dns", Dns::KEYS),
];

/// The keys outside of all tables.
const ROOT_KEYS: &[&str] = &["log"];

/// Why a settings file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is there and cannot be read.
    #[error("cannot read {}: {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// It is no TOML, or a value is out of range.
    #[error("{0}")]
    Wrong(Finding),
}

impl FileSettings {
    /// The settings in the file at `path` and its unknown keys, which a daemon refuses and a client warns of.
    /// A missing file says nothing. Relative paths in it begin at the folder that it lies in.
    pub fn read(path: &Path) -> Result<(Self, Vec<Finding>), FileError> {
        match read_text(path) {
            Ok(text) => {
                let (mut settings, findings) = Self::parse(path, &text).map_err(FileError::Wrong)?;
                settings.resolve_paths(path.parent().unwrap_or(Path::new("/")));
                Ok((settings, findings))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((Self::default(), Vec::new())),
            Err(error) => Err(FileError::Unreadable { path: path.into(), error }),
        }
    }

    /// The settings in `text`, which stands in the file at `path`, and its unknown keys.
    pub fn parse(path: &Path, text: &str) -> Result<(Self, Vec<Finding>), Finding> {
        let finding = |offset, what| Finding { file: path.into(), line: line_of(text, offset), what };
        let wrong = |error: toml::de::Error| {
            finding(error.span().map_or(0, |span| span.start), error.message().replace('\n', ", "))
        };
        let settings = toml::from_str(text).map_err(wrong)?;
        let unknown = unknown_keys(&DeTable::parse(text).map_err(wrong)?.into_inner());
        Ok((settings, unknown.into_iter().map(|(offset, what)| finding(offset, what)).collect()))
    }

    /// What is set here, and where nothing is, what is set in `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            gossip: self.gossip.or(other.gossip),
            host: self.host.or(other.host),
            client: self.client.or(other.client),
            choose: self.choose.or(other.choose),
            ssh: self.ssh.or(other.ssh),
            mpigen: self.mpigen.or(other.mpigen),
            dns: self.dns.or(other.dns),
            log: self.log.or(other.log),
        }
    }

    /// All keys that a file may have: the table (empty: outside of all) and the key.
    pub fn keys() -> impl Iterator<Item = (&'static str, &'static str)> {
        let in_tables = TABLES.iter().flat_map(|(table, keys)| keys.iter().map(|key| (*table, *key)));
        in_tables.chain(ROOT_KEYS.iter().map(|key| ("", *key)))
    }

    fn resolve_paths(&mut self, folder: &Path) {
        let Self { gossip, dns, client, .. } = self;
        if let Some(Place::Socket(path)) = &mut client.socket {
            *path = folder.join(&path);
        }
        for path in [&mut gossip.machines, &mut gossip.valid_ips, &mut gossip.key_file, &mut dns.key_file] {
            *path = path.take().map(|path| folder.join(path));
        }
    }
}

/// The keys that no setting has: where they stand and what to say of them.
fn unknown_keys(root: &DeTable<'_>) -> Vec<(usize, String)> {
    let mut unknown = Vec::new();
    let mut find = |offset: usize, what: String, known: &[&str], key: &str| {
        let meant = nearest(key, known).map_or(String::new(), |name| format!(" (did you mean '{name}'?)"));
        unknown.push((offset, format!("{what}{meant}")));
    };
    let table_names: Vec<&str> = TABLES.iter().map(|(name, _)| *name).collect();
    for (key, value) in root {
        let name = key.get_ref().as_ref();
        let known = TABLES.iter().find(|(table, _)| *table == name).map(|(_, keys)| *keys);
        match (known, value.get_ref().as_table()) {
            (Some(known), Some(table)) => {
                for key in table.keys() {
                    let inner = key.get_ref().as_ref();
                    if !known.contains(&inner) {
                        let what = format!("unknown key '{}' in [{name}]", inner.escape_debug());
                        find(key.span().start, what, known, inner);
                    }
                }
            }
            (None, Some(_)) => {
                find(key.span().start, format!("unknown table [{}]", name.escape_debug()), &table_names, name);
            }
            (_, None) if !ROOT_KEYS.contains(&name) => {
                find(key.span().start, format!("unknown key '{}'", name.escape_debug()), ROOT_KEYS, name);
            }
            (_, None) => {}
        }
    }
    unknown.sort_by_key(|(offset, _)| *offset);
    unknown
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn parse(text: &str) -> Result<(FileSettings, Vec<Finding>), Finding> {
        FileSettings::parse(Path::new("peermon.toml"), text)
    }

    #[test]
    fn every_key_of_the_settings_table_is_taken() {
        let text = r#"
            log = "debug"
            [gossip]
            port = 1300
            interval = 0.5
            machines = "m.txt"
            valid_ips = "/v.txt"
            key_file = "k"
            network = "lab"
            max_datagram = 508
            require_key = true
            [host]
            collector = true
            name = "node-1"
            advertise = "192.0.2.1"
            interface = "eth0"
            labels = ["rack=7"]
            [client]
            port = 1990
            tcp = false
            legacy_port = 1991
            socket = "/run/x.sock"
            [choose]
            policy = "cpu"
            cpu_delta = 0.2
            mem_delta = "2G"
            max_age = 60
            exclude = ["old"]
            [ssh]
            program = "ssh"
            probe = false
            tries = 3
            [mpigen]
            format = "mpich"
            [dns]
            zone = "lab.test"
            name = "best"
            count = 5
            ttl = 30
            server = "127.0.0.1"
            key_file = "dns.key"
            hysteresis = 15
            min = 1
        "#;
        let (settings, findings) = parse(text).unwrap();
        assert_eq!(findings, []);
        assert_eq!(settings.gossip.interval.unwrap().get(), Duration::from_millis(500));
        assert_eq!(settings.host.labels, Some(vec!["rack=7".parse().unwrap()]));
        assert_eq!(settings.choose.mem_delta, Some(Size(2 << 30)));
        assert_eq!(settings.clone().or(FileSettings::default()), settings);
        assert_eq!(FileSettings::default().or(settings.clone()), settings);
        assert_eq!(FileSettings::keys().count(), text.matches('=').count() - 1, "all keys are in the text above");
    }

    #[test]
    fn an_unknown_key_is_found_with_its_line_and_the_nearest_name() {
        let (settings, findings) = parse("[gossip]\nport = 1300\nintervall = 5\n\n[hots]\n[zzz]\n").unwrap();
        assert_eq!(settings.gossip.port.unwrap().get(), 1300);
        let said: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "peermon.toml:3: unknown key 'intervall' in [gossip] (did you mean 'interval'?)",
                "peermon.toml:5: unknown table [hots] (did you mean 'host'?)",
                "peermon.toml:6: unknown table [zzz]",
            ]
        );
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_its_line_in_the_words_of_the_flag() {
        for (text, said) in [
            ("[gossip]\nport = 70000\n", "peermon.toml:2: '70000' is not a port (1 to 65534)"),
            ("[gossip]\n\ninterval = \"x\"\n", "peermon.toml:3: 'x' is not an interval"),
            ("log = 7", "peermon.toml:1: '7' is not a log level"),
            ("[host]\nlabels = [\"rack\"]\n", "peermon.toml:2: a label is KEY=VALUE"),
            ("[choose]\npolicy = \"best\"\n", "peermon.toml:2: 'best' is not a policy"),
            ("[choose]\nexclude = [\"-x\"]\n", "peermon.toml:2: a host name begins with a letter or a digit"),
            ("[host]\ncollector = 1\n", "peermon.toml:2: invalid type"),
            ("[gossip\n", "peermon.toml:1: "),
        ] {
            let finding = parse(text).expect_err(text).to_string();
            assert!(finding.starts_with(said) && !finding.contains('\n'), "{finding}");
        }
    }

    #[test]
    fn relative_paths_begin_at_the_folder_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peermon.toml");
        std::fs::write(&path, "[gossip]\nmachines = \"m.txt\"\nkey_file = \"/k\"\n[client]\nsocket = \"s\"\n").unwrap();
        let (settings, _) = FileSettings::read(&path).unwrap();
        assert_eq!(settings.gossip.machines, Some(folder.path().join("m.txt")));
        assert_eq!(settings.gossip.key_file, Some("/k".into()));
        assert_eq!(settings.client.socket, Some(Place::Socket(folder.path().join("s"))));
    }

    #[test]
    fn a_missing_file_says_nothing_and_an_unreadable_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(FileSettings::read(&folder.path().join("none.toml")).unwrap(), Default::default());
        assert!(matches!(FileSettings::read(folder.path()), Err(FileError::Unreadable { .. })));
    }
}
