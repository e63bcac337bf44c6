//! The checks by their names, and how each says what it found.

use crate::render::doctor::{Finding, Verdict};

/// A check. docs/doctor.md has a row for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// A daemon answers.
    Daemon,
    /// Its files can be read, say something, and nobody else can change them.
    Files,
    /// The address that others are told is this host's, and accepted.
    Address,
    /// A peer reaches this host.
    Reached,
    /// The machines to start from answer.
    Seeds,
    /// No two hosts are taken for one, and none is there twice.
    Twins,
    /// All hosts have one version and one interval.
    Mixture,
    /// The kernel takes all datagrams.
    Drops,
    /// Load, cores and memory are known and plausible.
    Figures,
    /// sshd takes connections.
    Sshd,
    /// A key closes the network.
    Key,
    /// Nobody else listens where clients look for the daemon.
    ClientPort,
}

impl Check {
    /// All of them, in the order in which they are printed: what others depend on first.
    pub const ALL: [Self; 12] = [
        Self::Daemon,
        Self::Files,
        Self::Address,
        Self::Reached,
        Self::Seeds,
        Self::Twins,
        Self::Mixture,
        Self::Drops,
        Self::Figures,
        Self::Sshd,
        Self::Key,
        Self::ClientPort,
    ];

    /// Its name, in JSON too: it stays as it is.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Daemon => "daemon",
            Self::Files => "files",
            Self::Address => "address",
            Self::Reached => "reached",
            Self::Seeds => "seeds",
            Self::Twins => "twins",
            Self::Mixture => "mixture",
            Self::Drops => "drops",
            Self::Figures => "figures",
            Self::Sshd => "sshd",
            Self::Key => "key",
            Self::ClientPort => "client-port",
        }
    }

    pub(super) fn ok(self, says: impl Into<String>) -> Finding {
        Finding { check: self.name(), verdict: Verdict::Ok, says: says.into(), fix: None }
    }

    pub(super) fn skip(self, why: impl Into<String>) -> Finding {
        Finding { check: self.name(), verdict: Verdict::Skip, says: why.into(), fix: None }
    }

    pub(super) fn warn(self, says: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding { check: self.name(), verdict: Verdict::Warn, says: says.into(), fix: Some(fix.into()) }
    }

    pub(super) fn fail(self, says: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding { check: self.name(), verdict: Verdict::Fail, says: says.into(), fix: Some(fix.into()) }
    }
}
