//! The files of a daemon beside its settings: machines, prefixes, key. Read at the start, and again on HUP.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use tracing::warn;

use crate::config::machines::{self, Machine};
use crate::config::paths::{DaemonPaths, Realm};
use crate::config::valid_ips::{self, ValidIpsError};
use crate::config::values::Port;
use crate::config::{DaemonSettings, DaemonSource, Finding, Source};
use crate::model::{FileInUse, NetworkList};
use crate::os::privileges;
use crate::os::secret::{self, SecretError, Trusted};
use crate::session::{KeyError, Keyring};

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The machines file that was named.
    #[error("cannot read {}: {error}", .path.display())]
    Machines {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// The accepted prefixes.
    #[error(transparent)]
    ValidIps(#[from] ValidIpsError),
    /// The key file may not be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The key file that was named is not there.
    #[error("there is no key file {}", .0.display())]
    NoKeyFile(PathBuf),
    /// The key file holds no key.
    #[error("{}: {error}", .path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: KeyError,
    },
    /// `require_key` is set.
    #[error("there is no key, and require_key is set (tried {})", .0.display())]
    KeyRequired(PathBuf),
}

/// Where the files lie that a daemon reads.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    pub private: bool,
    pub settings: FileInUse,
    pub machines: FileInUse,
    pub valid_ips: FileInUse,
    pub key: FileInUse,
}

impl Files {
    pub fn of(source: &DaemonSource, settings: &DaemonSettings) -> Self {
        let bytes = |path: &Path| path.as_os_str().as_bytes().into();
        let in_use = |source: &Source| FileInUse {
            path: bytes(source.path()),
            named: match source {
                Source::Usual(_) => false,
                Source::Named(_) => true,
            },
        };
        let usual = DaemonPaths::of(source.realm, &source.environment).map(|paths| bytes(&paths.settings));
        Self {
            private: match source.realm {
                Realm::System => false,
                Realm::User => true,
            },
            settings: FileInUse { path: usual.unwrap_or_default(), named: false },
            machines: in_use(&settings.machines),
            valid_ips: in_use(&settings.valid_ips),
            key: in_use(&settings.key),
        }
    }
}

/// A few peers to start from.
pub(super) fn read_machines(settings: &DaemonSettings) -> Result<Vec<Machine>, FilesError> {
    let (machines, findings) = machines_in(&settings.machines, settings.port)?;
    tell(&findings);
    match machines {
        Some(machines) => Ok(machines),
        None => {
            let path = settings.machines.path();
            warn!("there is no {}: this host waits until another one says hello", path.display());
            Ok(Vec::new())
        }
    }
}

/// Which addresses may take part.
pub(super) fn read_valid_ips(settings: &DaemonSettings) -> Result<NetworkList, FilesError> {
    let read = valid_ips_in(&settings.valid_ips);
    if let Err(FilesError::ValidIps(ValidIpsError::NoneValid { findings, .. })) = &read {
        tell(findings);
    }
    let (list, findings) = read?;
    tell(&findings);
    Ok(list)
}

/// The keys; without a key file those of an open network.
pub(super) fn read_keyring(settings: &DaemonSettings) -> Result<Keyring, FilesError> {
    let keyring = keyring_in(&settings.key, trusted(settings.realm, privileges::own_uid()))?;
    match keyring {
        Some(keyring) => Ok(keyring),
        None if settings.require_key => Err(FilesError::KeyRequired(settings.key.path().into())),
        None => Ok(Keyring::open(settings.network.as_str())),
    }
}

/// Whose key file a daemon of user `uid` believes.
#[must_use]
pub fn trusted(realm: Realm, uid: u32) -> Trusted {
    let gid = match realm {
        Realm::System => privileges::group(),
        // A private key is nobody else's; and whoever asks for groups loads the name service.
        Realm::User => None,
    };
    Trusted { uid, gid }
}

/// The machines of that file and its odd lines; `None`: it is not there, and need not be.
pub fn machines_in(file: &Source, port: Port) -> Result<(Option<Vec<Machine>>, Vec<Finding>), FilesError> {
    match (machines::read(file.path(), port), file) {
        (Ok((machines, findings)), _) => Ok((Some(machines), findings)),
        (Err(error), Source::Usual(_)) if error.kind() == io::ErrorKind::NotFound => Ok((None, Vec::new())),
        (Err(error), source) => Err(FilesError::Machines { path: source.path().into(), error }),
    }
}

/// The prefixes of that file and its odd lines.
pub fn valid_ips_in(file: &Source) -> Result<(NetworkList, Vec<Finding>), FilesError> {
    let read = valid_ips::read(file.path())?;
    match file {
        // A file that was named and is not there would accept everybody.
        Source::Named(path) if !path.exists() => {
            let error = io::Error::from(io::ErrorKind::NotFound);
            Err(ValidIpsError::Unreadable { path: path.clone(), error }.into())
        }
        Source::Named(_) | Source::Usual(_) => Ok(read),
    }
}

/// The keys of that file; `None`: it is not there, and need not be.
pub fn keyring_in(file: &Source, trusted: Trusted) -> Result<Option<Keyring>, FilesError> {
    let path = file.path();
    match (secret::read(path, trusted, |text| Keyring::parse(text).is_ok())?, file) {
        (Some(text), _) => {
            let keyring = Keyring::parse(&text).map_err(|error| FilesError::Key { path: path.into(), error })?;
            Ok(Some(keyring))
        }
        (None, Source::Named(path)) => Err(FilesError::NoKeyFile(path.clone())),
        (None, Source::Usual(_)) => Ok(None),
    }
}

fn tell(findings: &[Finding]) {
    for finding in findings {
        warn!("{finding}");
    }
}
