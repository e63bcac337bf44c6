//! Finding the daemon, and whether to believe it.
//!
//! While a daemon is down anybody on the host may bind its port and serve lies. So who answers is believed only if it
//! runs as root, as user `peermon` or as whoever asks; others are named and passed over.

use std::fmt;
use std::io;
use std::net::ToSocketAddrs;
use std::time::Duration;

use super::{Client, ClientError};
use crate::config::Environment;
use crate::config::client::{Daemon, Place};
use crate::config::machines::Machine;
use crate::config::paths::{Candidate, candidates};
use crate::os::peer::Peer;
use crate::os::privileges;

/// A place where no daemon was found.
#[derive(Debug)]
pub struct Attempt {
    /// Where.
    pub at: Candidate,
    /// Why not.
    pub why: PassedOver,
}

/// Why whoever may be there was not asked.
#[derive(Debug)]
pub enum PassedOver {
    /// Nobody answers.
    Io(io::Error),
    /// This user answers, and is not trusted.
    Stranger {
        /// Its number.
        uid: u32,
    },
    /// The kernel does not say who answers.
    Unknown,
}

impl PassedOver {
    /// Whether somebody answered, and is not trusted.
    #[must_use]
    pub fn is_untrusted(&self) -> bool {
        match self {
            Self::Io(_) => false,
            Self::Stranger { .. } | Self::Unknown => true,
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.fmt(f)?;
        match &self.why {
            // What everybody expects where no daemon runs.
            PassedOver::Io(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                Ok(())
            }
            PassedOver::Io(error) => write!(f, ": {error}"),
            PassedOver::Stranger { uid } => write!(f, " which belongs to user {uid}"),
            PassedOver::Unknown => write!(f, " whose user the kernel does not tell"),
        }
    }
}

/// All of them in one line.
pub(super) fn listed(attempts: &[Attempt]) -> String {
    let texts: Vec<String> = attempts.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// Connects to `daemon`, waiting for each place no longer than `patience`.
pub(super) fn connect(daemon: &Daemon, environment: &Environment, patience: Duration) -> Result<Client, ClientError> {
    match daemon {
        Daemon::OfPort(port) => search(candidates(environment, privileges::own_uid(), *port), patience),
        Daemon::At(place) => take(place, patience),
    }
}

/// The first candidate that answers and is trusted.
fn search(candidates: Vec<Candidate>, patience: Duration) -> Result<Client, ClientError> {
    let mut attempts = Vec::new();
    for at in candidates {
        match dial(&at, patience).and_then(|peer| Ok((judge(&peer.uids()?), peer))) {
            Ok((Ok(()), peer)) => {
                attempts.retain(|attempt: &Attempt| attempt.why.is_untrusted());
                return Ok(Client { peer, daemon: at, passed_over: attempts });
            }
            Ok((Err(why), _)) => attempts.push(Attempt { at, why }),
            Err(error) => attempts.push(Attempt { at, why: PassedOver::Io(error) }),
        }
    }
    if attempts.iter().any(|attempt| attempt.why.is_untrusted()) {
        Err(ClientError::Untrusted(attempts))
    } else {
        Err(ClientError::NoDaemon(attempts))
    }
}

/// Exactly the daemon at `place`, whoever it is.
fn take(place: &Place, patience: Duration) -> Result<Client, ClientError> {
    let candidates = match place {
        Place::Socket(path) => vec![Candidate::Unix(path.clone())],
        Place::Tcp(Machine::Address(address)) => vec![Candidate::Tcp(*address)],
        Place::Tcp(Machine::Name(name, port)) => {
            let resolved = (name.as_str(), *port).to_socket_addrs();
            resolved.map_err(|error| ClientError::Settings(format!("{name}: {error}")))?.map(Candidate::Tcp).collect()
        }
    };
    let mut attempts = Vec::new();
    for at in candidates {
        match dial(&at, patience) {
            Ok(peer) => return Ok(Client { peer, daemon: at, passed_over: Vec::new() }),
            Err(error) => attempts.push(Attempt { at, why: PassedOver::Io(error) }),
        }
    }
    Err(ClientError::NoDaemon(attempts))
}

fn dial(at: &Candidate, patience: Duration) -> io::Result<Peer> {
    match at {
        Candidate::Unix(path) => Peer::at_path(path, patience),
        Candidate::Tcp(address) => Peer::at_address(*address, patience),
    }
}

/// Whether whoever runs as one of `uids` is believed. User `peermon` is looked up only where it matters: name services
/// may take their time.
fn judge(uids: &[u32]) -> Result<(), PassedOver> {
    let known = |uid: &u32| *uid == 0 || *uid == privileges::own_uid();
    let peermon = |uid: u32| privileges::account().is_some_and(|account| account.uid == uid);
    match uids.iter().copied().find(|uid| !known(uid) && !peermon(*uid)) {
        Some(uid) => Err(PassedOver::Stranger { uid }),
        None if uids.is_empty() => Err(PassedOver::Unknown),
        None => Ok(()),
    }
}
