//! How a command ends: the codes that scripts rely on, and the two lines that a person reads.

use std::fmt;
use std::process::ExitCode;

/// The exit codes of every command; they are promises to users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Done; also: nothing to change.
    Done = 0,
    /// Any failure that has no code of its own.
    Failed = 1,
    /// Usage or configuration.
    Usage = 2,
    /// No daemon answers.
    NoDaemon = 3,
    /// No eligible host, or fewer than `--min`.
    NobodyEligible = 4,
    /// Not all that was asked for.
    NotAll = 5,
    /// Refused, or not authorised.
    Refused = 6,
    /// The network failed, or time ran out.
    Network = 7,
    /// `ssh` only: any failure of ours where ssh would have been started; ssh's own codes end at 255, and its
    /// failures are 255.
    InPlaceOfSsh = 125,
    /// `ssh` only: ssh cannot be run.
    SshNotRun = 126,
    /// `ssh` only: there is no ssh.
    SshNotFound = 127,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked: one line that says what failed and what was tried, and one that
/// says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The code that the process ends with.
    pub exit: Exit,
    /// What failed (what was tried), without the program's name.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(exit: Exit, what: impl fmt::Display, hint: impl fmt::Display) -> Self {
        Self { exit, what: what.to_string(), hint: hint.to_string() }
    }

    /// The same where ssh would have been started: one code for all, so that it can't be taken for the remote
    /// command's own.
    #[must_use]
    pub fn in_place_of_ssh(self) -> Self {
        let exit = match self.exit {
            Exit::SshNotRun | Exit::SshNotFound => self.exit,
            _ => Exit::InPlaceOfSsh,
        };
        Self { exit, ..self }
    }
}
