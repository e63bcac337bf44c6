//! One name or address a line, for scripts.

use crate::model::HostView;

/// What stands for a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// Its name.
    Names,
    /// The address that it tells others (`-I`).
    Addresses,
}

impl Naming {
    /// What stands for `host`.
    #[must_use]
    pub fn of(self, host: &HostView) -> String {
        match self {
            Self::Names => host.name.to_string(),
            Self::Addresses => host.address.to_string(),
        }
    }
}

/// `hosts`, a line each.
#[must_use]
pub fn hosts(hosts: &[&HostView], naming: Naming) -> String {
    hosts.iter().map(|host| naming.of(host) + "\n").collect()
}
