//! The operator's story: what the log says, and where it goes.
//!
//! Nobody outside may make it long: refused datagrams are counted, and told of once a minute at most.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing::{info, warn};
use tracing_subscriber::fmt::MakeWriter;

use crate::config::values::LogLevel;
use crate::gossip::Event;
use crate::model::RejectCount;

/// A detached daemon's log is set aside as `PORT.log.old` when it is this long: a year of an operator's story.
const FILE_MAX: u64 = 4 << 20;

/// Where the log goes: to stderr, until a detached daemon turns to a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Arc<Mutex<Target>>);

#[derive(Debug, Default)]
enum Target {
    #[default]
    Stderr,
    File(LogFile),
}

#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Log {
    /// From now on everything that is traced in this process goes here. `stamped`: with the time, where nobody
    /// else adds it.
    pub fn start(level: LogLevel, stamped: bool) -> Self {
        let log = Self::default();
        let level = match level {
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
        };
        let lines = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_target(false)
            .with_ansi(false)
            .log_internal_errors(false)
            .with_writer(log.clone());
        // Only a test that starts two daemons in one process finds a log there already; it stays.
        let _ = if stamped { lines.try_init() } else { lines.without_time().try_init() };
        log
    }

    /// A detached daemon writes to a file beside its socket: nobody reads its stderr.
    pub fn turn_to(&self, path: &Path) -> io::Result<()> {
        let file = LogFile::open(path)?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Target::File(file);
        Ok(())
    }
}

impl LogFile {
    fn open(path: &Path) -> io::Result<Self> {
        let _ = fs::rename(path, old(path));
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        Ok(Self { path: path.into(), file, length: 0 })
    }
}

fn old(path: &Path) -> PathBuf {
    path.with_extension("log.old")
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Target::Stderr => io::stderr().write(bytes),
            Target::File(log) => {
                if log.length > FILE_MAX {
                    *log = LogFile::open(&log.path)?;
                }
                log.length += bytes.len() as u64;
                log.file.write(bytes)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Tells what happened to the network, as far as this host knows.
pub(super) fn tell(event: &Event) {
    match event {
        Event::Joined { name, address } => info!("joined: {name} ({address})"),
        Event::Left { name, address } => info!("left: {name} ({address})"),
        Event::Suspected { name, address, by } => info!("suspected: {name} ({address}), silent to its watcher {by}"),
        Event::Recovered { name, address } => info!("recovered: {name} ({address}) was suspected and lives"),
        Event::Lost { name, address } => info!("lost: {name} ({address}), not heard of for six intervals"),
        Event::Isolated => {
            warn!("isolated: nothing heard from anybody for 10 s; the table ages until somebody is heard")
        }
        Event::Reconnected => info!("reconnected: others are heard again"),
        Event::Twin => warn!(
            "twin: another daemon speaks with this host's address and port; was this machine cloned? \
             hint: give one of them another address"
        ),
    }
}

/// Sums up what was refused since it was last asked.
#[derive(Debug, Default)]
pub(super) struct RejectSummary {
    before: Vec<RejectCount>,
}

impl RejectSummary {
    /// One line for all that came to `rejects` since the last call, or none.
    pub fn tell(&mut self, rejects: Vec<RejectCount>) {
        let counted = |reason: &str| self.before.iter().find(|one| one.reason == reason).map_or(0, |one| one.count);
        let mut parts = Vec::new();
        for now in &rejects {
            let new = now.count.saturating_sub(counted(&now.reason));
            if new > 0 {
                let from = now.last_sender.map_or(String::new(), |sender| format!(" (last from {sender})"));
                parts.push(format!("{new} {}{from}", now.reason));
            }
        }
        if !parts.is_empty() {
            info!("refused datagrams since the last such line: {}", parts.join(", "));
        }
        self.before = rejects;
    }
}
