//! Who may be chosen at all.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use super::policy::Policy;
use crate::model::{HostName, HostNameError, HostState, HostView, NodeId};

/// A host as somebody typed it: an address, a full name, or a name without its domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// One of the host's addresses.
    Address(IpAddr),
    /// Its name, or what stands before the first dot of it.
    Name(HostName),
}

impl HostPattern {
    /// Whether `host` is meant.
    #[must_use]
    pub fn matches(&self, host: &HostView) -> bool {
        match self {
            Self::Address(address) => host.address == *address || host.addresses.contains(address),
            Self::Name(name) => {
                let typed = name.as_str();
                host.name.as_str().eq_ignore_ascii_case(typed) || host.name.short().eq_ignore_ascii_case(typed)
            }
        }
    }
}

impl FromStr for HostPattern {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, HostNameError> {
        match text.parse() {
            Ok(address) => Ok(Self::Address(address)),
            Err(_) => text.parse().map(Self::Name),
        }
    }
}

/// Which hosts, and which of them are the best.
#[derive(Clone, Debug, PartialEq)]
pub struct Criteria {
    /// What makes a host good.
    pub policy: Policy,
    /// Hosts to leave out.
    pub exclude: Vec<HostPattern>,
    /// This host, where it is to be left out.
    pub exclude_self: Option<NodeId>,
    /// Hosts whose figures are older are left out.
    pub max_age: Option<Duration>,
}

impl Criteria {
    /// All hosts that are offered, by `policy`.
    #[must_use]
    pub fn all(policy: Policy) -> Self {
        Self { policy, exclude: Vec::new(), exclude_self: None, max_age: None }
    }

    /// Why `host` is not eligible; `None`: it is.
    #[must_use]
    pub fn leaves_out(&self, host: &HostView) -> Option<LeftOut> {
        match host.state {
            HostState::Fresh | HostState::Late => {}
            HostState::Suspect => return Some(LeftOut::Suspect),
            HostState::Left => return Some(LeftOut::Left),
            HostState::Dead => return Some(LeftOut::Dead),
        }
        if host.collector {
            return Some(LeftOut::Collector);
        }
        if host.load1_hundredths.is_none() {
            return Some(LeftOut::LoadUnknown);
        }
        if host.cores.is_none() {
            return Some(LeftOut::CoresUnknown);
        }
        if self.exclude_self == Some(host.id) {
            return Some(LeftOut::Own);
        }
        if self.exclude.iter().any(|pattern| pattern.matches(host)) {
            return Some(LeftOut::Excluded);
        }
        if self.max_age.is_some_and(|max| Duration::from_millis(host.age_hundredths.saturating_mul(10)) > max) {
            return Some(LeftOut::TooOld);
        }
        None
    }
}

/// Why a host is not eligible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// It uses the data and offers no resources.
    Collector,
    /// Its load could not be read.
    LoadUnknown,
    /// Its cores could not be read.
    CoresUnknown,
    /// `--exclude-self`
    Own,
    /// `--exclude`
    Excluded,
    /// `--max-age`
    TooOld,
    /// A watcher believes that it has crashed.
    Suspect,
    /// It said that it leaves.
    Left,
    /// Nothing was heard of it for long.
    Dead,
    /// `dns-update` only: none of its addresses can be published.
    NoAddress,
}

impl LeftOut {
    /// All reasons.
    pub const ALL: [Self; 10] = [
        Self::Collector,
        Self::LoadUnknown,
        Self::CoresUnknown,
        Self::Own,
        Self::Excluded,
        Self::TooOld,
        Self::Suspect,
        Self::Left,
        Self::Dead,
        Self::NoAddress,
    ];

    /// For people who count them.
    #[must_use]
    pub fn short(self) -> &'static str {
        match self {
            Self::Collector => "collector",
            Self::LoadUnknown => "of unknown load",
            Self::CoresUnknown => "of unknown cores",
            Self::Own => "this host",
            Self::Excluded => "excluded",
            Self::TooOld => "too old",
            Self::Suspect => "suspect",
            Self::Left => "left",
            Self::Dead => "dead",
            Self::NoAddress => "without an address to publish",
        }
    }

    /// For people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Collector => "a collector: offers no resources",
            Self::LoadUnknown => "its load is unknown",
            Self::CoresUnknown => "its cores are unknown",
            Self::Own => "this host (--exclude-self)",
            Self::Excluded => "excluded (--exclude)",
            Self::TooOld => "older than --max-age",
            Self::Suspect => "suspect: it seems to have crashed",
            Self::Left => "left",
            Self::Dead => "dead: not heard of for too long",
            Self::NoAddress => "none of its addresses can be published",
        }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
