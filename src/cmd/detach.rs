//! `peermon daemon --detach`, for init scripts of old: the daemon starts itself again in the background, and the
//! one that was typed returns when that one answers, or with its exit code.

use std::env;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::{chdir, setsid};

use super::exit::{Exit, Failure};
use crate::client::{Client, Daemon, Place};
use crate::config::DaemonSource;
use crate::config::machines::Machine;
use crate::config::paths::socket_in;
use crate::config::values::Port;
use crate::daemon;

/// Says to a daemon that it is the one in the background.
const DETACHED: &str = "PEERMON_DETACHED";

/// A daemon answers within a second; a machine that swaps takes longer.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How often it is asked.
const ASK_PAUSE: Duration = Duration::from_millis(20);

/// Whether this process is the one in the background. If so, it leaves the terminal.
pub(super) fn is_detached() -> bool {
    if env::var_os(DETACHED).is_none() {
        return false;
    }
    // Fails only where this process leads a group already, and then no terminal's signals reach it either.
    let _ = setsid();
    let _ = chdir("/");
    true
}

/// Starts the daemon in the background and waits until it answers.
pub(super) fn run(source: &DaemonSource, client_port: Port) -> Result<Exit, Failure> {
    let failed = |error: io::Error| {
        Failure::new(
            Exit::Failed,
            format!("cannot start in the background: {error}"),
            "peermon daemon without --detach",
        )
    };
    let typed = env::args_os().skip(1).filter(|argument| argument != "--detach");
    let mut daemon = Command::new(env::current_exe().map_err(failed)?)
        .args(typed)
        .env(DETACHED, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let words = daemon.stderr.take();
    let relay = thread::spawn(move || words.map(relay_words));
    let socket = socket_in(&daemon::runtime_folder(source, true), client_port);
    let tcp = Machine::Address(([127, 0, 0, 1], client_port.get()).into());
    let places = [Daemon::At(Place::Socket(socket)), Daemon::At(Place::Tcp(tcp))];
    let patience = Instant::now();
    loop {
        if let Some(status) = daemon.try_wait().map_err(failed)? {
            // What it said is its own account of why.
            let _ = relay.join();
            let code = status.code().unwrap_or(128 + status.signal().unwrap_or(0));
            std::process::exit(code);
        }
        if answers(&places, source, &daemon) {
            return Ok(Exit::Done);
        }
        if patience.elapsed() > ANSWER_MAX {
            let what =
                format!("the daemon (process {}) does not answer within {} s", daemon.id(), ANSWER_MAX.as_secs());
            return Err(Failure::new(Exit::NoDaemon, what, "peermon query --status asks it again"));
        }
        thread::sleep(ASK_PAUSE);
    }
}

fn answers(places: &[Daemon], source: &DaemonSource, daemon: &Child) -> bool {
    places.iter().any(|place| {
        let status = Client::connect(place, &source.environment).and_then(|mut client| client.status());
        status.is_ok_and(|status| status.pid == daemon.id())
    })
}

/// Hands on what the daemon says while it starts; later it writes to its log.
fn relay_words(words: std::process::ChildStderr) {
    for line in BufReader::new(words).lines().map_while(Result::ok) {
        eprintln!("{line}");
    }
}
