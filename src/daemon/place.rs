//! Where this host is: the address that others are told, and whether it changed.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::config::DaemonSettings;
use crate::gossip::Identity;
use crate::model::{Age, Card, Endpoint, HostName, Label, SessionId, Tail, Version};
use crate::os::addresses::{self, AdvertiseError, Advertised, Wish};
use crate::os::sockets::Listen;
use crate::wire::datagram::{CardError, check_card};

/// Where to listen: a loopback address that was asked for is the only one that is bound.
pub(super) fn listen(settings: &DaemonSettings) -> Listen {
    bound(settings).map_or(Listen::Everywhere, Listen::At)
}

/// The only address that is bound, where it is not all of them.
pub(super) fn bound(settings: &DaemonSettings) -> Option<IpAddr> {
    settings.advertise.filter(IpAddr::is_loopback).map(|address| address.to_canonical())
}

/// Why others cannot be told who this host is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// The address.
    #[error(transparent)]
    Advertise(#[from] AdvertiseError),
    /// The card.
    #[error(transparent)]
    Card(#[from] CardError),
}

/// Where this host is, and what is needed to look again.
#[derive(Debug)]
pub(super) struct Place {
    wish: Wish,
    interval: Duration,
    seeds: Vec<SocketAddr>,
    identity: Identity,
    /// Seen once and not yet believed: an interface that is just being set up shows addresses one by one.
    seen: Option<Identity>,
}

impl Place {
    /// Looks for the first time.
    pub fn find(
        settings: &DaemonSettings,
        seeds: Vec<SocketAddr>,
        name: HostName,
        key_ids: Vec<u8>,
    ) -> Result<Self, PlaceError> {
        let wish = match (settings.advertise, &settings.interface) {
            (Some(address), _) => Wish::Address(address.to_canonical()),
            (None, Some(interface)) => Wish::Interface(interface.clone()),
            (None, None) => Wish::Any,
        };
        let port = settings.port.get();
        let Advertised { address, more } = addresses::choose(&wish, &seeds, port)?;
        let mut identity = Identity {
            name,
            endpoint: Endpoint { address, port, salt: 0 },
            more_addresses: more,
            labels: settings.labels.clone(),
            software: env!("CARGO_PKG_VERSION").into(),
            key_ids,
        };
        let interval = settings.interval.get();
        fit(&mut identity, interval)?;
        Ok(Self { wish, interval, seeds, identity, seen: None })
    }

    /// What others are told.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The machines to start from, which show the way to the network.
    pub fn set_seeds(&mut self, seeds: Vec<SocketAddr>) {
        self.seeds = seeds;
    }

    /// What was read again, if it fits the card.
    pub fn set_labels(&mut self, labels: Vec<Label>, key_ids: Vec<u8>) -> Result<(), PlaceError> {
        let mut identity = Identity { labels, key_ids, ..self.identity.clone() };
        fit(&mut identity, self.interval)?;
        self.identity = identity;
        Ok(())
    }

    /// Looks again. Who this host is now, where its addresses changed and the last look saw the same.
    pub fn moved(&mut self) -> Option<Identity> {
        if matches!(self.wish, Wish::Address(_)) {
            return None;
        }
        // An address that is gone for a moment (a cable, a lease) is still the best that is known.
        let Advertised { address, more } =
            addresses::choose(&self.wish, &self.seeds, self.identity.endpoint.port).ok()?;
        let endpoint = Endpoint { address, ..self.identity.endpoint };
        let mut identity = Identity { endpoint, more_addresses: more, ..self.identity.clone() };
        fit(&mut identity, self.interval).ok()?;
        if identity == self.identity || address.is_loopback() {
            self.seen = None;
            return None;
        }
        if self.seen.as_ref() != Some(&identity) {
            self.seen = Some(identity);
            return None;
        }
        self.seen = None;
        self.identity = identity.clone();
        Some(identity)
    }
}

/// Leaves out as many of the other addresses as do not fit a card beside the name and the labels.
fn fit(identity: &mut Identity, interval: Duration) -> Result<(), CardError> {
    loop {
        match check_card(&card_of(identity, interval)) {
            Err(CardError::TooLong(_)) if identity.more_addresses.pop().is_some() => {}
            checked => return checked,
        }
    }
}

/// The card that others will be sent, as far as the shell knows it.
fn card_of(identity: &Identity, interval: Duration) -> Card {
    Card {
        id: identity.endpoint.id(),
        version: Version::default(),
        name: identity.name.clone(),
        endpoint: identity.endpoint,
        more_addresses: identity.more_addresses.clone(),
        session: SessionId::from_entropy(0),
        key_ids: identity.key_ids.clone(),
        cores: None,
        memory_total_mib: None,
        labels: identity.labels.clone(),
        software: identity.software.clone(),
        interval: Age::from_duration(interval),
        collector: false,
        uptime_seconds: None,
        tail: Tail::default(),
    }
}
