//! Somebody on the wire who is no host: captures what passes, and says what it likes under any address. With the
//! key it is a member gone mad, without it a neighbour.

use std::net::SocketAddr;
use std::time::Duration;

use crate::gossip::Input;
use crate::model::{Member, NetworkList, NodeId, SessionId};
use crate::session::{Keyring, Session};

use super::fleet::Fleet;
use super::world::Happening;

/// What an outsider says arrives after this; nothing of it is lost.
const DELAY: Duration = Duration::from_micros(200);

/// One datagram and the addresses on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Where it says that it comes from.
    pub from: SocketAddr,
    /// Where it goes.
    pub to: SocketAddr,
    /// What UDP carries.
    pub bytes: Vec<u8>,
}

impl Fleet {
    /// The hosts to come hold these keys; those of the open network unless said.
    #[must_use]
    pub fn keys(mut self, keys: Keyring) -> Self {
        self.plan.keys = Some(keys);
        self
    }

    /// The key file of a running host is read again.
    pub fn reload_keys(&mut self, host: usize, keys: Keyring) -> &mut Self {
        let machine = &mut self.hosts[host];
        machine.plan.keys = Some(keys.clone());
        if let Some(daemon) = &mut machine.daemon {
            daemon.session.set_keyring(keys.clone());
            let (valid, key_ids) = (machine.plan.valid.clone(), keys.key_ids());
            machine.step(&mut self.world, Input::Reload { valid, labels: Vec::new(), key_ids });
        }
        self
    }

    /// From now on all that is sent is kept, also what no machine would receive.
    pub fn capture(&mut self) -> &mut Self {
        self.world.captured.get_or_insert_default();
        self
    }

    /// What was captured since the last time that this was asked.
    pub fn take_captured(&mut self) -> Vec<Datagram> {
        self.world.captured.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Puts a datagram on the wire, as if it came from `datagram.from`. It is in nobody's account.
    pub fn inject(&mut self, datagram: Datagram) -> &mut Self {
        let Datagram { from, to, bytes } = datagram;
        if let Some(host) = self.world.addresses.get(&to.ip()).and_then(|there| there.first()).copied() {
            let at = self.world.now.after(DELAY);
            self.world.schedule(at, host, Happening::Arrival { from, to, bytes });
        }
        self
    }

    /// A session that seals for the network of these hosts with the keys of the hosts to come: what somebody has who
    /// stole the key. It knows no host yet.
    #[must_use]
    pub fn forger(&mut self) -> Session {
        let id = SessionId::from_entropy(self.world.dice.number());
        let plan = &self.plan;
        Session::new(self.world.now, &plan.network, plan.keyring(), NetworkList::default(), plan.max_datagram, id)
    }

    /// What sealing must know to reach a host; an outsider with the key learns it from cards. `None`: it does not run.
    #[must_use]
    pub fn member(&self, host: usize) -> Option<Member> {
        let machine = &self.hosts[host];
        let daemon = machine.daemon.as_ref()?;
        let key_ids = machine.plan.keyring().key_ids();
        Some(Member { id: daemon.node.id(), address: machine.address, session: daemon.session.id(), key_ids })
    }

    /// Brings the counter of a host near to the end of its session, as a long life does.
    pub fn skip_to_counter(&mut self, host: usize, counter: u32) -> &mut Self {
        if let Some(daemon) = &mut self.hosts[host].daemon {
            daemon.session.skip_to_counter(counter);
        }
        self
    }

    /// How many entries the table of a host has, those without a card too.
    #[must_use]
    pub fn table_size(&self, host: usize) -> usize {
        self.hosts[host].daemon.as_ref().map_or(0, |daemon| daemon.node.table_size())
    }

    /// The id under which a host is known that listens at `address`.
    #[must_use]
    pub fn id_at(address: SocketAddr) -> NodeId {
        NodeId::derive(address.ip(), address.port(), 0)
    }
}
