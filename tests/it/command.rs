//! Running the executable as users do, apart from whatever peermon there is on this machine.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::fake_daemon::FakeDaemon;

/// A client port that no daemon has: on this machine one may run at the usual port, where every client would find it.
const NOBODYS_PORT: &str = "1";

/// The executable to test: `PEERMON_BINARY`, or what cargo built.
pub fn binary() -> PathBuf {
    env::var_os("PEERMON_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_peermon").into(), PathBuf::from)
}

/// What a command left behind.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub stdout: String,
    pub stderr: String,
    pub code: Option<i32>,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
            code: output.status.code(),
        }
    }
}

/// A place with a home of its own, where no daemon runs and no setting is made unless the test does it.
#[derive(Debug)]
pub struct Place {
    pub home: TempDir,
    /// Whether its settings say where the daemon is.
    names_daemon: bool,
}

impl Place {
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), names_daemon: false }
    }

    /// Writes the user's own peermon.toml.
    pub fn with_settings(mut self, text: &str) -> Self {
        let folder = self.home.path().join(".config/peermon");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("peermon.toml"), text).unwrap();
        self.names_daemon |= text.contains("[client]");
        self
    }

    /// `program` with arguments, in this place. Its runtime folder is `run` in the home.
    pub fn program(&self, program: impl AsRef<OsStr>, arguments: &str) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments.split_whitespace())
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("XDG_RUNTIME_DIR", self.home.path().join("run"))
            .env("LC_ALL", "C")
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        if !self.names_daemon {
            command.env("PEERMON_CLIENT_PORT", NOBODYS_PORT);
        }
        command
    }

    /// `peermon` with arguments.
    pub fn peermon(&self, arguments: &str) -> Command {
        self.program(binary(), arguments)
    }

    /// Runs `peermon` with arguments to its end.
    pub fn run(&self, arguments: &str) -> Outcome {
        self.peermon(arguments).output().unwrap().into()
    }
}

/// Runs `peermon` with arguments against `daemon`.
pub fn ask(daemon: &FakeDaemon, arguments: &str) -> Outcome {
    Place::new().peermon(arguments).arg("--socket").arg(daemon.socket()).output().unwrap().into()
}

/// Checks that a command fails with these two lines and nothing on stdout.
#[track_caller]
pub fn check_failure(outcome: &Outcome, code: i32, what: &str, hint: &str) {
    let Outcome { stdout, stderr, code: found } = outcome;
    let lines: Vec<&str> = stderr.lines().collect();
    assert!(lines.len() == 2 && lines[0].contains(what), "expected '{what}', found {outcome:?}");
    let said = lines[1].strip_prefix("hint: ").unwrap_or_else(|| panic!("no hint: {outcome:?}"));
    assert!(said.contains(hint), "expected '{hint}', found {outcome:?}");
    assert_eq!((stdout.as_str(), *found), ("", Some(code)), "{outcome:?}");
}
