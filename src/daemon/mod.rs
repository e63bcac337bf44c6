//! Threads and sockets around one `Mutex<Node>` and one `Mutex<Session>`.
//!
//! [`run`] takes ports, drops privileges and reads the files (`ground`), starts the threads (`threads`) and waits
//! for signals. `sender` samples and ticks, `listener` receives, `clients` answers; a fourth, `seeds`, waits for
//! the name service so that nobody else has to. A lock is held for pure calls only: no I/O and no logging under
//! it. Nothing that a peer or a client says ends a daemon; a panic ends the whole process, so that it is never
//! half alive.
#![allow(clippy::disallowed_methods, reason = "the shell: here the threads are started")]

mod answers;
mod clients;
mod files;
mod ground;
mod listener;
mod log;
mod notify;
mod place;
mod seeds;
mod sender;
mod shared;
mod threads;

use std::io;
use std::panic;
use std::path::PathBuf;
use std::process;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing::{error, info, warn};

use crate::config::paths::{Realm, RuntimeFolders};
use crate::config::{DaemonSettings, DaemonSource};
use crate::os::privileges;

pub use files::{FilesError, keyring_in, machines_in, trusted, valid_ips_in};
pub use ground::StartError;
pub use place::PlaceError;

use ground::Ground;
use log::Log;
use threads::Threads;

/// How a daemon is started.
#[derive(Debug)]
pub struct Start {
    /// Where its settings come from, to read them again on HUP.
    pub source: DaemonSource,
    /// What they are now.
    pub settings: DaemonSettings,
    /// Where this host's figures are read, usually `/proc`.
    pub proc_root: PathBuf,
    /// Whether it runs in the background, with its pid and its log beside its socket.
    pub detached: bool,
    /// Whether somebody else (systemd's journal) adds the time to each line of the log.
    pub journal: bool,
}

/// Where the client socket of a daemon lies that is started like this.
#[must_use]
pub fn runtime_folder(source: &DaemonSource, detached: bool) -> PathBuf {
    let folders = RuntimeFolders::of(&source.environment, privileges::own_uid());
    match (source.realm, folders.session) {
        (Realm::System, _) => folders.system,
        (Realm::User, Some(session)) if !detached => session,
        (Realm::User, _) => folders.detached,
    }
}

/// Runs a daemon until TERM or INT.
pub fn run(start: Start) -> Result<(), StartError> {
    let log = Log::start(start.settings.log, !start.journal);
    let ground = Ground::take(&start, &log)?;
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])
        .map_err(|error| StartError::System { what: "wait for signals", error })?;
    end_the_process_on_panic();
    let (network, keyed) = (start.settings.network.clone(), ground.keyring.is_keyed());
    let (interval, realm) = (start.settings.interval.get(), start.settings.realm);
    let (name, endpoint) = (ground.name.clone(), ground.place.identity().endpoint.socket());
    let threads = Threads::start(start, ground)?;
    info!(
        "started: {name} at {endpoint}, network {}, interval {} s, {}",
        network.as_str(),
        interval.as_secs_f64(),
        if keyed { "closed by a key" } else { "open" },
    );
    if !keyed {
        warn_of_an_open_network(realm);
    }
    notify::ready();
    wait_for_the_end(&mut signals, &threads);
    notify::stopping();
    info!("stopping");
    threads.stop();
    Ok(())
}

/// Reads all that a daemon with these settings would read at its start, as the user that it would be, and starts none. What
/// would be warned of is.
pub fn check(settings: &DaemonSettings) -> Result<(), StartError> {
    let _log = Log::start(settings.log, false);
    ground::check(settings)
}

fn wait_for_the_end(signals: &mut Signals, threads: &Threads) {
    for signal in signals.forever() {
        match signal {
            SIGHUP => threads.reload(),
            _ => return,
        }
    }
}

/// An open network has no secret, and says so.
fn warn_of_an_open_network(realm: Realm) {
    let key = match realm {
        Realm::System => "/etc/peermon/gossip.key",
        Realm::User => "~/.config/peermon/gossip.key",
    };
    warn!(
        "this network is open: whoever can send datagrams here can join it and say anything. \
         To close it: peermon keygen {key}, copy that file to every host, then restart or HUP each daemon"
    );
}

/// A daemon without one of its threads would look alive and not be it.
fn end_the_process_on_panic() {
    panic::set_hook(Box::new(|panic| {
        error!("a bug: {panic}");
        process::abort();
    }));
}

/// What every process may need and a kernel may refuse.
fn system(what: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |error| StartError::System { what, error }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Set in the inner run of the test below, in which a thread panics.
    const PROBE: &str = "PEERMON_TESTS_PROBE_PANIC";
    const NAME: &str = "daemon::tests::a_panic_in_any_thread_ends_the_whole_process";

    /// `SIGABRT`, as which systemd sees a process that aborts.
    const ABORTED: i32 = 6;

    #[test]
    fn a_panic_in_any_thread_ends_the_whole_process() {
        if env::var_os(PROBE).is_some() {
            end_the_process_on_panic();
            // Without the hook this test would end well, since nobody asks how the thread ended.
            let _ = thread::spawn(|| panic!("a thread of a daemon")).join();
            thread::sleep(Duration::from_secs(1));
            return;
        }
        let inner = Command::new(env::current_exe().unwrap()).args(["--exact", NAME]).env(PROBE, "1").output().unwrap();
        assert_eq!(inner.status.signal(), Some(ABORTED), "{inner:?}");
    }
}
