//! Where this host is: the address that others are told, and whether it changed.

use std::net::SocketAddr;

use crate::config::DaemonSettings;
use crate::gossip::Identity;
use crate::model::{Endpoint, HostName, Label};
use crate::os::addresses::{self, AdvertiseError, Advertised, Wish};
use crate::os::sockets::Listen;

/// Where to listen: a loopback address that was asked for is the only one that is bound.
pub(super) fn listen(settings: &DaemonSettings) -> Listen {
    match settings.advertise {
        Some(address) if address.is_loopback() => Listen::At(address.to_canonical()),
        Some(_) | None => Listen::Everywhere,
    }
}

/// Where this host is, and what is needed to look again.
#[derive(Debug)]
pub(super) struct Place {
    wish: Wish,
    seeds: Vec<SocketAddr>,
    identity: Identity,
    /// Seen once and not yet believed: an interface that is just being set up shows addresses one by one.
    seen: Option<Advertised>,
}

impl Place {
    /// Looks for the first time.
    pub fn find(
        settings: &DaemonSettings,
        seeds: Vec<SocketAddr>,
        name: HostName,
        key_ids: Vec<u8>,
    ) -> Result<Self, AdvertiseError> {
        let wish = match (settings.advertise, &settings.interface) {
            (Some(address), _) => Wish::Address(address.to_canonical()),
            (None, Some(interface)) => Wish::Interface(interface.clone()),
            (None, None) => Wish::Any,
        };
        let port = settings.port.get();
        let Advertised { address, more } = addresses::choose(&wish, &seeds, port)?;
        let identity = Identity {
            name,
            endpoint: Endpoint { address, port, salt: 0 },
            more_addresses: more,
            labels: settings.labels.clone(),
            software: env!("CARGO_PKG_VERSION").into(),
            key_ids,
        };
        Ok(Self { wish, seeds, identity, seen: None })
    }

    /// What others are told.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The machines to start from, which show the way to the network.
    pub fn set_seeds(&mut self, seeds: Vec<SocketAddr>) {
        self.seeds = seeds;
    }

    /// What was read again.
    pub fn set_labels(&mut self, labels: Vec<Label>, key_ids: Vec<u8>) {
        self.identity.labels = labels;
        self.identity.key_ids = key_ids;
    }

    /// Looks again. Who this host is now, where its addresses changed and the last look saw the same.
    pub fn moved(&mut self) -> Option<Identity> {
        if matches!(self.wish, Wish::Address(_)) {
            return None;
        }
        // An address that is gone for a moment (a cable, a lease) is still the best that is known.
        let now = addresses::choose(&self.wish, &self.seeds, self.identity.endpoint.port).ok()?;
        let told = (self.identity.endpoint.address, &self.identity.more_addresses);
        if told == (now.address, &now.more) || now.address.is_loopback() {
            self.seen = None;
            return None;
        }
        if self.seen.as_ref() != Some(&now) {
            self.seen = Some(now);
            return None;
        }
        self.seen = None;
        self.identity.endpoint.address = now.address;
        self.identity.more_addresses = now.more;
        Some(self.identity.clone())
    }
}
