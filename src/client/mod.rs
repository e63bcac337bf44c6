//! Ask the peermon daemon on this host which hosts there are and how busy they are.
//!
//! ```no_run
//! use peermon::client::{Client, ClientError};
//!
//! fn idle_hosts() -> Result<Vec<String>, ClientError> {
//!     let table = Client::find()?.hosts()?;
//!     let idle = table.hosts.iter().filter(|host| host.is_offered() && host.load1_hundredths < Some(50));
//!     Ok(idle.map(|host| host.name.to_string()).collect())
//! }
//! ```
//!
//! [`Client::find`] looks where `peermon query` looks and believes whom it believes: root, user `peermon`, and whoever runs
//! this process. [`Client::connect`] asks one particular daemon. A client that is going to send work somewhere says so
//! with [`Client::place`], so that the next one takes another host.
#![allow(clippy::disallowed_methods, reason = "the shell: a client has deadlines and waits")]

mod discover;

use std::io;
use std::time::Duration;

use crate::config::Environment;
use crate::config::client::{Said, read_files};
use crate::model::{Checkup, DaemonStatus, Timestamp};
use crate::os::clock;
use crate::os::peer::Peer;
use crate::wire::client::{FRAME_HEADER_LEN, FrameError, Reply, Request, decode_reply, encode_request, reply_len};

#[doc(inline)]
pub use crate::config::client::{Daemon, Place};
#[doc(inline)]
pub use crate::config::paths::Candidate;
#[doc(inline)]
pub use crate::config::values::Port;
#[doc(inline)]
pub use crate::wire::client::{HostTable, Placement};
pub use discover::{Attempt, PassedOver};

/// Longest time from the first byte of a request to the last of its answer. A daemon answers within milliseconds; on a
/// host that is out of memory or that just woke up it may take a second.
pub const EXCHANGE_PATIENCE: Duration = Duration::from_secs(2);

/// A connection to a daemon.
#[derive(Debug)]
pub struct Client {
    peer: Peer,
    daemon: Candidate,
    passed_over: Vec<Attempt>,
}

/// Why a daemon was not asked, or did not answer. After one of these, connect again.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The settings that say which daemon to ask cannot be used.
    #[error("{0}")]
    Settings(String),
    /// Nobody answers anywhere.
    #[error("no daemon answers (tried {})", discover::listed(.0))]
    NoDaemon(Vec<Attempt>),
    /// Somebody answers, but none of them runs as root, as user `peermon` or as this process's user.
    #[error("no daemon to be trusted answers (tried {})", discover::listed(.0))]
    Untrusted(Vec<Attempt>),
    /// It took longer than [`EXCHANGE_PATIENCE`].
    #[error("the daemon at {0} did not answer within {time} s", time = EXCHANGE_PATIENCE.as_secs())]
    Timeout(Candidate),
    /// The connection broke.
    #[error("the daemon at {daemon} broke off: {error}")]
    Io {
        /// Who was asked.
        daemon: Candidate,
        /// What the kernel said.
        error: io::Error,
    },
    /// What came back is no reply of a daemon of this version.
    #[error("what answers at {daemon} speaks otherwise: {error}")]
    Protocol {
        /// Who was asked.
        daemon: Candidate,
        /// What is wrong with it.
        error: FrameError,
    },
    /// The reply answers another request.
    #[error("the daemon at {0} answered another request")]
    OtherReply(Candidate),
    /// The daemon does not do what was asked.
    #[error("the daemon refuses: {0}")]
    Refused(String),
}

impl Client {
    /// Connects to the daemon that the environment (`PEERMON_SOCKET`, `PEERMON_CLIENT_PORT`) and the settings files of this
    /// process's user and of the host name, usually the one of client port 1981.
    pub fn find() -> Result<Self, ClientError> {
        let environment = Environment::of_process();
        let (settings, _) = read_files(&environment).map_err(|error| ClientError::Settings(error.to_string()))?;
        let daemon = Daemon::settle(Said::default(), &environment, &settings.client)
            .map_err(|error| ClientError::Settings(error.to_string()))?;
        Self::connect(&daemon, &environment)
    }

    /// Connects to `daemon`. `environment` says where its socket may lie.
    pub fn connect(daemon: &Daemon, environment: &Environment) -> Result<Self, ClientError> {
        discover::connect(daemon, environment, EXCHANGE_PATIENCE)
    }

    /// All hosts that the daemon knows, in every state.
    pub fn hosts(&mut self) -> Result<HostTable, ClientError> {
        match self.exchange(&Request::Hosts)? {
            Reply::Hosts(table) => Ok(table),
            other => Err(self.unexpected(other)),
        }
    }

    /// The daemon itself: whether it is well, and whom it refuses.
    pub fn status(&mut self) -> Result<DaemonStatus, ClientError> {
        match self.exchange(&Request::Status)? {
            Reply::Status(status) => Ok(*status),
            other => Err(self.unexpected(other)),
        }
    }

    /// Says that so many jobs go to these hosts, which their loads will show only later. Once a second at most.
    pub fn place(&mut self, placements: &[Placement]) -> Result<(), ClientError> {
        match self.exchange(&Request::Place(placements.to_vec()))? {
            Reply::Placed => Ok(()),
            other => Err(self.unexpected(other)),
        }
    }

    /// What the daemon stands on, and who answers it: asked for the first time in two seconds, it begins to look for
    /// others, which takes less than that; asked again, it says what came of it so far.
    pub fn checkup(&mut self) -> Result<Checkup, ClientError> {
        match self.exchange(&Request::Checkup)? {
            Reply::Checkup(checkup) => Ok(*checkup),
            other => Err(self.unexpected(other)),
        }
    }

    /// Where the daemon was found.
    #[must_use]
    pub fn daemon(&self) -> &Candidate {
        &self.daemon
    }

    /// Those that answered before it and are not trusted: somebody pretends to be the daemon.
    #[must_use]
    pub fn passed_over(&self) -> &[Attempt] {
        &self.passed_over
    }

    fn exchange(&mut self, request: &Request) -> Result<Reply, ClientError> {
        let deadline = clock::now().after(EXCHANGE_PATIENCE);
        self.peer.write(&encode_request(request), EXCHANGE_PATIENCE).map_err(|error| self.broken(error))?;
        let mut header = [0; FRAME_HEADER_LEN];
        self.fill(&mut header, deadline)?;
        let len = reply_len(header).map_err(|error| self.misunderstood(error))?;
        let mut body = vec![0; len];
        self.fill(&mut body, deadline)?;
        decode_reply(&body).map_err(|error| self.misunderstood(error))
    }

    fn fill(&mut self, mut buffer: &mut [u8], deadline: Timestamp) -> Result<(), ClientError> {
        while !buffer.is_empty() {
            let left = deadline.since(clock::now());
            if left.is_zero() {
                return Err(ClientError::Timeout(self.daemon.clone()));
            }
            match self.peer.read(buffer, left) {
                Ok(0) => return Err(self.broken(io::ErrorKind::UnexpectedEof.into())),
                Ok(read) => buffer = &mut buffer[read..],
                Err(error) => return Err(self.broken(error)),
            }
        }
        Ok(())
    }

    fn broken(&self, error: io::Error) -> ClientError {
        let daemon = self.daemon.clone();
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ClientError::Timeout(daemon),
            _ => ClientError::Io { daemon, error },
        }
    }

    fn misunderstood(&self, error: FrameError) -> ClientError {
        ClientError::Protocol { daemon: self.daemon.clone(), error }
    }

    fn unexpected(&self, reply: Reply) -> ClientError {
        match reply {
            Reply::Refused(why) => ClientError::Refused(why),
            Reply::Hosts(_) | Reply::Status(_) | Reply::Placed | Reply::Checkup(_) => {
                ClientError::OtherReply(self.daemon.clone())
            }
        }
    }
}
