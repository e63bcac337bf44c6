//! What a daemon stands on: ports and a folder, taken while that is still allowed; then all else, as the user
//! that it will be from then on. What can't be read on HUP is so found missing at the start.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::gethostname;
use tracing::warn;

use super::files::{FilesError, read_keyring, read_machines, read_valid_ips};
use super::log::Log;
use super::place::{self, Place, PlaceError};
use super::{Start, runtime_folder, seeds};
use crate::config::DaemonSettings;
use crate::config::machines::Machine;
use crate::config::paths::Realm;
use crate::config::values::Port;
use crate::model::{HostName, HostNameError, NetworkList};
use crate::os::privileges::{self, Account, DropError};
use crate::os::runtime::{self, Access, ClaimError, ClientSocket, PidFile};
use crate::os::sockets::{BindError, GossipSockets};
use crate::session::Keyring;

/// Files that a daemon with its most clients has open.
const FILES_WANTED: u64 = 2_048;

/// Why a daemon did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Root without `-u`, and nobody to become.
    #[error("there is no user {}, as whom the host's own daemon runs", privileges::USER)]
    NoUser,
    /// Neither root nor `peermon`, without `-u`.
    #[error("only root or user {} may start the host's own daemon", privileges::USER)]
    NotRoot,
    /// Root's privileges could not be given up.
    #[error(transparent)]
    Drop(#[from] DropError),
    /// This host's name cannot be told to others.
    #[error("this host's name '{name}' cannot be used: {error}")]
    Name {
        /// As the kernel has it, escaped.
        name: String,
        /// What is wrong with it.
        error: HostNameError,
    },
    /// A gossip port cannot be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A port for clients cannot be had.
    #[error("cannot listen on TCP port {port} of 127.0.0.1: {error}")]
    ClientPort {
        /// Which.
        port: Port,
        /// What the kernel said.
        error: io::Error,
    },
    /// The client socket cannot be had.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// Others cannot be told who and where this host is.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// A file cannot be used.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The kernel refused what every process needs.
    #[error("cannot {what}: {error}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
}

/// What a daemon stands on.
#[derive(Debug)]
pub(super) struct Ground {
    pub name: HostName,
    pub sockets: GossipSockets,
    pub doors: Doors,
    pub machines: Vec<Machine>,
    pub valid: NetworkList,
    pub keyring: Keyring,
    pub place: Place,
    /// How many files this process may have open.
    pub files: u64,
}

/// Where clients come in, as long as the value lives.
#[derive(Debug)]
pub(super) struct Doors {
    pub unix: Option<ClientSocket>,
    pub tcp: Option<TcpListener>,
    pub legacy: Option<TcpListener>,
    _pid: Option<PidFile>,
}

impl Ground {
    pub fn take(start: &Start, log: &Log) -> Result<Self, StartError> {
        let settings = &start.settings;
        let files = raise_file_limit();
        let becomes = whom_to_become(settings.realm)?;
        let name = host_name(settings)?;
        let sockets = GossipSockets::bind(place::listen(settings), settings.port.get())?;
        let tcp = if settings.tcp { Some(listen_tcp(settings.client_port)?) } else { None };
        let legacy = settings.legacy_port.map(listen_tcp).transpose()?;
        let folder = runtime_folder(&start.source, start.detached);
        let folder_made = runtime::make_folder(&folder, access(settings.realm), becomes);
        if let Some(account) = becomes {
            privileges::drop_to(account)?;
        }

        let Papers { machines, valid, keyring, place } = Papers::read(settings, name.clone())?;
        let claimed = folder_made.and_then(|()| claim(settings, &folder));
        let doors = Doors { legacy, ..Doors::open(start, log, claimed, tcp)? };
        Ok(Self { name, sockets, doors, machines, valid, keyring, place, files })
    }
}

/// What a daemon reads before it starts, and the address that follows from it.
struct Papers {
    machines: Vec<Machine>,
    valid: NetworkList,
    keyring: Keyring,
    place: Place,
}

impl Papers {
    fn read(settings: &DaemonSettings, name: HostName) -> Result<Self, StartError> {
        let machines = read_machines(settings)?;
        let valid = read_valid_ips(settings)?;
        let keyring = read_keyring(settings)?;
        let place = Place::find(settings, seeds::numeric(&machines), name, keyring.key_ids())?;
        Ok(Self { machines, valid, keyring, place })
    }
}

/// Reads what a daemon would read, as the user that it would be. Ports and folders, which another one may have, are not tried.
pub(super) fn check(settings: &DaemonSettings) -> Result<(), StartError> {
    let becomes = whom_to_become(settings.realm)?;
    let name = host_name(settings)?;
    if let Some(account) = becomes {
        privileges::drop_to(account)?;
    }
    Papers::read(settings, name).map(drop)
}

impl Doors {
    /// A socket that can't be made is no reason not to tell one's load, as long as clients find another way.
    fn open(
        start: &Start,
        log: &Log,
        claimed: Result<ClientSocket, ClaimError>,
        tcp: Option<TcpListener>,
    ) -> Result<Self, StartError> {
        let unix = match claimed {
            Ok(socket) => Some(socket),
            Err(ClaimError::Io { path, error }) if tcp.is_some() => {
                let port = start.settings.client_port;
                warn!("no client socket (cannot make {}: {error}): clients use 127.0.0.1:{port}", path.display());
                None
            }
            Err(error) => return Err(error.into()),
        };
        let mut pid = None;
        if let (true, Some(socket)) = (start.detached, &unix) {
            pid = PidFile::beside(socket).inspect_err(|error| warn!("no pid file: {error}")).ok();
            let path = socket.path().with_extension("log");
            if let Err(error) = log.turn_to(&path) {
                warn!("no log file {}: {error}", path.display());
            }
        }
        Ok(Self { unix, tcp, legacy: None, _pid: pid })
    }
}

/// Whom root becomes; `None`: nobody else.
fn whom_to_become(realm: Realm) -> Result<Option<Account>, StartError> {
    let own = privileges::own_uid();
    match (realm, own) {
        (Realm::User, _) => Ok(None),
        (Realm::System, 0) => privileges::account().ok_or(StartError::NoUser).map(Some),
        (Realm::System, uid) if privileges::account().is_some_and(|account| account.uid == uid) => Ok(None),
        (Realm::System, _) => Err(StartError::NotRoot),
    }
}

fn host_name(settings: &DaemonSettings) -> Result<HostName, StartError> {
    if let Some(name) = &settings.name {
        return Ok(name.clone());
    }
    let name = gethostname().map_err(|errno| StartError::System { what: "read the host name", error: errno.into() })?;
    let name = name.to_string_lossy().into_owned();
    name.parse().map_err(|error| StartError::Name { name: name.escape_debug().to_string(), error })
}

fn listen_tcp(port: Port) -> Result<TcpListener, StartError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.get()));
    runtime::listen_tcp(address).map_err(|error| StartError::ClientPort { port, error })
}

fn access(realm: Realm) -> Access {
    match realm {
        Realm::System => Access::Everybody,
        Realm::User => Access::Private,
    }
}

fn claim(settings: &DaemonSettings, folder: &Path) -> Result<ClientSocket, ClaimError> {
    ClientSocket::claim(folder, &settings.client_port.to_string(), access(settings.realm))
}

/// As many files as are wanted, or as many as are allowed.
fn raise_file_limit() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return FILES_WANTED };
    let wanted = FILES_WANTED.min(hard);
    if soft >= wanted {
        return soft;
    }
    if setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok() { wanted } else { soft }
}
