//! The files of a daemon beside its settings: machines, prefixes, key. Read at the start, and again on HUP.

use std::io;
use std::path::PathBuf;

use tracing::warn;

use crate::config::machines::{self, Machine};
use crate::config::paths::Realm;
use crate::config::valid_ips::{self, ValidIpsError};
use crate::config::{DaemonSettings, Finding, Source};
use crate::model::NetworkList;
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

/// A few peers to start from.
pub(super) fn read_machines(settings: &DaemonSettings) -> Result<Vec<Machine>, FilesError> {
    match (machines::read(settings.machines.path(), settings.port), &settings.machines) {
        (Ok((machines, findings)), _) => {
            tell(&findings);
            Ok(machines)
        }
        (Err(error), Source::Usual(path)) if error.kind() == io::ErrorKind::NotFound => {
            warn!("there is no {}: this host waits until another one says hello", path.display());
            Ok(Vec::new())
        }
        (Err(error), source) => Err(FilesError::Machines { path: source.path().into(), error }),
    }
}

/// Which addresses may take part.
pub(super) fn read_valid_ips(settings: &DaemonSettings) -> Result<NetworkList, FilesError> {
    match (valid_ips::read(settings.valid_ips.path()), &settings.valid_ips) {
        (Ok((list, findings)), Source::Usual(_)) => {
            tell(&findings);
            Ok(list)
        }
        // A file that was named and is not there would accept everybody.
        (Ok((list, findings)), Source::Named(path)) if path.exists() => {
            tell(&findings);
            Ok(list)
        }
        (Ok(_), Source::Named(path)) => {
            let error = io::Error::from(io::ErrorKind::NotFound);
            Err(ValidIpsError::Unreadable { path: path.clone(), error }.into())
        }
        (Err(error), _) => {
            if let ValidIpsError::NoneValid { findings, .. } = &error {
                tell(findings);
            }
            Err(error.into())
        }
    }
}

/// The keys; without a key file those of an open network.
pub(super) fn read_keyring(settings: &DaemonSettings) -> Result<Keyring, FilesError> {
    let path = settings.key.path();
    let gid = match settings.realm {
        Realm::System => privileges::group(),
        // A private key is nobody else's; and whoever asks for groups loads the name service.
        Realm::User => None,
    };
    let trusted = Trusted { uid: privileges::own_uid(), gid };
    match (secret::read(path, trusted, |text| Keyring::parse(text).is_ok())?, &settings.key) {
        (Some(text), _) => Keyring::parse(&text).map_err(|error| FilesError::Key { path: path.into(), error }),
        (None, Source::Named(path)) => Err(FilesError::NoKeyFile(path.clone())),
        (None, Source::Usual(path)) if settings.require_key => Err(FilesError::KeyRequired(path.clone())),
        (None, Source::Usual(_)) => Ok(Keyring::open(settings.network.as_str())),
    }
}

fn tell(findings: &[Finding]) {
    for finding in findings {
        warn!("{finding}");
    }
}
