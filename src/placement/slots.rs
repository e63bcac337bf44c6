//! How many processes go to each of the chosen hosts: `mpigen`'s `-n`, `-s`, `-q`, `-x`.

use super::rank::Ranked;
use crate::model::HostView;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// So many hosts.
    Hosts(usize),
    /// Hosts that have so many processors together; the last one may have more than are missing.
    Cpus(u32),
    /// The same, and the last host gets only what is missing.
    CpusExactly(u32),
}

/// What is said of each host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slots {
    /// Nothing.
    Unsaid,
    /// So many (`-s`).
    Each(u32),
    /// As many as it has processors (`-q`).
    PerCpu,
}

/// A chosen host.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share<'a> {
    /// The host.
    pub host: &'a HostView,
    /// How many processes go there; `None`: nothing is said of it.
    pub slots: Option<u32>,
}

impl Share<'_> {
    /// How many jobs that means for the host: the slots, or its cores where nothing is said.
    #[must_use]
    pub fn jobs(&self) -> u32 {
        self.slots.or(self.host.cores).unwrap_or(1)
    }
}

/// The chosen hosts.
#[derive(Clone, Debug, PartialEq)]
pub struct Shares<'a> {
    /// Best first.
    pub shares: Vec<Share<'a>>,
    /// Hosts or processors that were asked for and are not there.
    pub missing: u32,
}

/// Takes the best of `ranked` until there is what is `wanted`.
#[must_use]
pub fn share<'a>(ranked: &[Ranked<'a>], wanted: Wanted, slots: Slots) -> Shares<'a> {
    let of = |host: &'a HostView| Share {
        host,
        slots: match slots {
            Slots::Unsaid => None,
            Slots::Each(slots) => Some(slots),
            Slots::PerCpu => host.cores,
        },
    };
    let (cpus, exact) = match wanted {
        Wanted::Hosts(count) => {
            let shares: Vec<Share<'a>> = ranked.iter().take(count).map(|ranked| of(ranked.host)).collect();
            let missing = u32::try_from(count - shares.len()).unwrap_or(u32::MAX);
            return Shares { shares, missing };
        }
        Wanted::Cpus(cpus) => (cpus, false),
        Wanted::CpusExactly(cpus) => (cpus, true),
    };
    let mut missing = cpus;
    let mut shares = Vec::new();
    for ranked in ranked {
        // Zero processors help nobody.
        let cores = ranked.host.cores.unwrap_or(0);
        if missing == 0 {
            break;
        }
        if cores > 0 {
            let taken = if exact { cores.min(missing) } else { cores };
            shares.push(Share { slots: Some(taken), ..of(ranked.host) });
            missing = missing.saturating_sub(cores);
        }
    }
    Shares { shares, missing }
}
