//! Where things lie. Everything is computed from an [`Environment`], which the rim takes once.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::values::Port;

/// Settings, machines, prefixes and key of the host's own network, unless `PEERMON_CONFIG_DIR` names another folder.
pub const SYSTEM_CONFIG_FOLDER: &str = "/etc/peermon";

/// Sockets of the host's own network.
const SYSTEM_RUNTIME_FOLDER: &str = "/run/peermon";

/// What the process was given by whoever started it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// The XDG config folder (`~/.config`).
    pub config_folder: Option<PathBuf>,
    /// The XDG runtime folder (`/run/user/UID`), gone at logout.
    pub runtime_folder: Option<PathBuf>,
    /// `PEERMON_CONFIG_DIR`, in place of `/etc/peermon`: set by units and init scripts of an installation that has it elsewhere.
    pub system_config_folder: Option<PathBuf>,
    /// `PEERMON_CLIENT_PORT`
    pub client_port: Option<OsString>,
    /// `PEERMON_SOCKET`
    pub socket: Option<OsString>,
    /// `PEERMON_POLICY`
    pub policy: Option<OsString>,
    /// `PEERMON_SSH`
    pub ssh: Option<OsString>,
    /// `PEERMON_LOG`
    pub log: Option<OsString>,
}

impl Environment {
    /// This process's own. A variable that is set to nothing counts as not set.
    #[must_use]
    pub fn of_process() -> Self {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
        Self {
            config_folder: dirs::config_dir(),
            runtime_folder: dirs::runtime_dir(),
            system_config_folder: variable("PEERMON_CONFIG_DIR").map(PathBuf::from).filter(|path| path.is_absolute()),
            client_port: variable("PEERMON_CLIENT_PORT"),
            socket: variable("PEERMON_SOCKET"),
            policy: variable("PEERMON_POLICY"),
            ssh: variable("PEERMON_SSH"),
            log: variable("PEERMON_LOG"),
        }
    }

    /// The user's own `peermon` folder of settings.
    fn user_config_folder(&self) -> Option<PathBuf> {
        self.config_folder.as_ref().map(|folder| folder.join("peermon"))
    }

    /// The host's own folder of settings.
    #[must_use]
    pub fn system_config_folder(&self) -> PathBuf {
        self.system_config_folder.clone().unwrap_or_else(|| SYSTEM_CONFIG_FOLDER.into())
    }
}

/// Whose network a daemon belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Realm {
    /// The host's: started by root or systemd, files in `/etc/peermon`.
    System,
    /// Somebody's own (`-u`): files in the config folder, never those in `/etc`.
    User,
}

/// The files of a daemon, where no setting says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonPaths {
    /// `peermon.toml`
    pub settings: PathBuf,
    /// A few peers to start from.
    pub machines: PathBuf,
    /// Accepted address prefixes.
    pub valid_ips: PathBuf,
    /// The network's key.
    pub key: PathBuf,
}

impl DaemonPaths {
    /// Those of a daemon of `realm`. `None`: a user without a home has no config folder.
    #[must_use]
    pub fn of(realm: Realm, environment: &Environment) -> Option<Self> {
        let folder = match realm {
            Realm::System => environment.system_config_folder(),
            Realm::User => environment.user_config_folder()?,
        };
        Some(Self {
            settings: folder.join("peermon.toml"),
            machines: folder.join("machines.txt"),
            valid_ips: folder.join("valid_ips.txt"),
            key: folder.join("gossip.key"),
        })
    }
}

/// The settings files that a client reads; what the first one says counts.
#[must_use]
pub fn client_settings(environment: &Environment) -> Vec<PathBuf> {
    let user = environment.user_config_folder();
    user.into_iter().chain([environment.system_config_folder()]).map(|folder| folder.join("peermon.toml")).collect()
}

/// The folders in which sockets lie, one for each way to run a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeFolders {
    /// A user's daemon that runs in the foreground or under `systemd --user`.
    pub session: Option<PathBuf>,
    /// A user's detached daemon, which outlives the session.
    pub detached: PathBuf,
    /// The host's daemon.
    pub system: PathBuf,
}

impl RuntimeFolders {
    /// Those that concern user `uid`.
    #[must_use]
    pub fn of(environment: &Environment, uid: u32) -> Self {
        Self {
            session: environment.runtime_folder.as_ref().map(|folder| folder.join("peermon")),
            detached: PathBuf::from(format!("/tmp/peermon-{uid}")),
            system: SYSTEM_RUNTIME_FOLDER.into(),
        }
    }
}

/// The name of the socket in its folder.
#[must_use]
pub fn socket_in(folder: &Path, client_port: Port) -> PathBuf {
    folder.join(format!("{client_port}.sock"))
}

/// A place where a daemon may answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Candidate {
    /// A Unix socket.
    Unix(PathBuf),
    /// TCP.
    Tcp(SocketAddr),
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => path.display().fmt(f),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

/// Where clients of user `uid` look for the daemon of `client_port`, in this order.
#[must_use]
pub fn candidates(environment: &Environment, uid: u32, client_port: Port) -> Vec<Candidate> {
    let RuntimeFolders { session, detached, system } = RuntimeFolders::of(environment, uid);
    let folders = session.into_iter().chain([detached, system]);
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, client_port.get()));
    folders.map(|folder| Candidate::Unix(socket_in(&folder, client_port))).chain([Candidate::Tcp(loopback)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        Environment {
            config_folder: Some("/home/ada/.config".into()),
            runtime_folder: Some("/run/user/7".into()),
            ..Environment::default()
        }
    }

    #[test]
    fn a_client_looks_for_its_own_daemon_before_the_hosts_and_for_sockets_before_tcp() {
        let unix = |path: &str| Candidate::Unix(path.into());
        let tcp = Candidate::Tcp("127.0.0.1:1981".parse().unwrap());
        assert_eq!(
            candidates(&environment(), 7, Port::CLIENT),
            [
                unix("/run/user/7/peermon/1981.sock"),
                unix("/tmp/peermon-7/1981.sock"),
                unix("/run/peermon/1981.sock"),
                tcp.clone()
            ]
        );
        assert_eq!(
            candidates(&Environment::default(), 0, Port::CLIENT),
            [unix("/tmp/peermon-0/1981.sock"), unix("/run/peermon/1981.sock"), tcp]
        );
    }

    #[test]
    fn a_private_network_never_takes_its_files_from_etc() {
        let paths = DaemonPaths::of(Realm::User, &environment()).unwrap();
        assert_eq!(paths.machines, Path::new("/home/ada/.config/peermon/machines.txt"));
        assert_eq!(paths.key, Path::new("/home/ada/.config/peermon/gossip.key"));
        assert_eq!(DaemonPaths::of(Realm::User, &Environment::default()), None);
        let paths = DaemonPaths::of(Realm::System, &environment()).unwrap();
        assert_eq!(paths.settings, Path::new("/etc/peermon/peermon.toml"));
    }

    #[test]
    fn the_hosts_files_can_lie_elsewhere() {
        let environment = Environment { system_config_folder: Some("/opt/etc/peermon".into()), ..environment() };
        let paths = DaemonPaths::of(Realm::System, &environment).unwrap();
        assert_eq!(paths.key, Path::new("/opt/etc/peermon/gossip.key"));
        assert_eq!(client_settings(&environment)[1], Path::new("/opt/etc/peermon/peermon.toml"));
        // Never those of a private network.
        assert_eq!(
            DaemonPaths::of(Realm::User, &environment).unwrap().key,
            Path::new("/home/ada/.config/peermon/gossip.key")
        );
    }

    #[test]
    fn a_client_reads_the_users_settings_before_the_hosts() {
        let files = client_settings(&environment());
        assert_eq!(files, ["/home/ada/.config/peermon/peermon.toml", "/etc/peermon/peermon.toml"].map(PathBuf::from));
    }
}
