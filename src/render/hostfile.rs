//! Host files of MPI launchers.

use std::fmt;
use std::str::FromStr;

use super::names::Naming;
use crate::placement::Share;

/// Whose host file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum HostfileFormat {
    /// `name slots=N`, or the name alone, as PeerMon 1.1 wrote it.
    #[default]
    OpenMpi,
    /// `name:N` (the hydra launcher's).
    Mpich,
    /// `name:N` (a machine file).
    Intel,
    /// A line for each process, for `SLURM_HOSTFILE`.
    Slurm,
    /// A line for each process, as `PBS_NODEFILE`.
    Pbs,
    /// Names alone.
    Hosts,
}

/// A name that no format has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a host file format (openmpi, mpich, intel, slurm, pbs, hosts)")]
pub struct NoSuchFormat;

impl HostfileFormat {
    /// All there are.
    pub const ALL: [Self; 6] = [Self::OpenMpi, Self::Mpich, Self::Intel, Self::Slurm, Self::Pbs, Self::Hosts];

    /// As it is typed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenMpi => "openmpi",
            Self::Mpich => "mpich",
            Self::Intel => "intel",
            Self::Slurm => "slurm",
            Self::Pbs => "pbs",
            Self::Hosts => "hosts",
        }
    }

    /// Whether a colon sets a number off, so that an IPv6 address can't stand before it.
    #[must_use]
    pub fn has_colons(self) -> bool {
        matches!(self, Self::Mpich | Self::Intel)
    }
}

impl FromStr for HostfileFormat {
    type Err = NoSuchFormat;

    fn from_str(text: &str) -> Result<Self, NoSuchFormat> {
        Self::ALL.into_iter().find(|format| format.as_str() == text).ok_or(NoSuchFormat)
    }
}

impl fmt::Display for HostfileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// `shares` as `format` has them.
#[must_use]
pub fn hosts(shares: &[Share<'_>], format: HostfileFormat, naming: Naming) -> String {
    let line = |share: &Share<'_>| {
        let name = naming.of(share.host);
        match (format, share.slots) {
            (HostfileFormat::OpenMpi, Some(slots)) => format!("{name} slots={slots}\n"),
            (HostfileFormat::Mpich | HostfileFormat::Intel, Some(slots)) => format!("{name}:{slots}\n"),
            (HostfileFormat::Slurm | HostfileFormat::Pbs, Some(slots)) => format!("{name}\n").repeat(slots as usize),
            (_, None) | (HostfileFormat::Hosts, Some(_)) => format!("{name}\n"),
        }
    };
    shares.iter().map(line).collect()
}
