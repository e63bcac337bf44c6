//! What may come from an address, and how much may go there, before a member's card vouches for it.

use std::net::IpAddr;
use std::time::Duration;

use super::budget::{Budget, Rate};
use super::recent::Recent;
use crate::model::Timestamp;
use crate::wire::limits::DATAGRAM_MAX;

/// Addresses that are remembered: as many as may join a large network at once. Who is forgotten has its
/// budgets again, and must ask again before anything is sent there.
pub(super) const ADDRESSES_MAX: usize = 4_096;

/// Hellos of one address: eight hosts there, one a second with each of four keys; twice that at once.
const HELLOS: Rate = Rate { burst: 64, pause: Duration::from_micros(31_250) };

/// Datagrams of strangers at one address. A host is a stranger for the few datagrams until its card is here.
const QUESTIONS: Rate = Rate { burst: 128, pause: Duration::from_micros(15_625) };

/// Most that an address can save up.
const CREDIT_MAX: Credit = Credit { datagrams: 128, bytes: 64 << 10 };

/// What may go to an address that answered a hello of ours: our card, our hash, one question. The welcome
/// shows that who is there receives what is sent there, and asked for it.
const WELCOME_CREDIT: Credit = Credit { datagrams: 4, bytes: 2 * DATAGRAM_MAX };

/// All addresses from which something opened that came from no member.
#[derive(Clone, Debug)]
pub(super) struct Addresses(Recent<IpAddr, Place>);

/// What came and was not answered. Both are counted, so that no answer outweighs its question, whatever headers
/// a network adds to each datagram.
#[derive(Clone, Copy, Debug, Default)]
struct Credit {
    datagrams: usize,
    /// Of payload.
    bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    hellos: Budget,
    questions: Budget,
    credit: Credit,
    /// Id of the key that opened the last of them: who is there holds it.
    key_id: u8,
}

impl Addresses {
    pub fn new() -> Self {
        Self(Recent::new(ADDRESSES_MAX))
    }

    /// Whether a hello from there may be answered.
    pub fn take_hello(&mut self, now: Timestamp, address: IpAddr) -> bool {
        self.place(now, address).hellos.take(now, HELLOS)
    }

    /// Whether a stranger there may say something.
    pub fn take_question(&mut self, now: Timestamp, address: IpAddr) -> bool {
        self.place(now, address).questions.take(now, QUESTIONS)
    }

    /// So many bytes of a stranger came from there, in one datagram.
    pub fn receive(&mut self, now: Timestamp, address: IpAddr, bytes: usize, key_id: u8) {
        let place = self.place(now, address);
        let Credit { datagrams, bytes: saved } = place.credit;
        place.credit = Credit {
            datagrams: (datagrams + 1).min(CREDIT_MAX.datagrams),
            bytes: (saved + bytes).min(CREDIT_MAX.bytes),
        };
        place.key_id = key_id;
    }

    /// A hello of ours was answered from there.
    pub fn welcome(&mut self, now: Timestamp, address: IpAddr, key_id: u8) {
        let place = self.place(now, address);
        place.credit = Credit {
            datagrams: place.credit.datagrams.max(WELCOME_CREDIT.datagrams),
            bytes: place.credit.bytes.max(WELCOME_CREDIT.bytes),
        };
        place.key_id = key_id;
    }

    /// Whether a datagram of so many bytes may go there; then it counts as gone.
    pub fn spend(&mut self, address: IpAddr, bytes: usize) -> bool {
        let Some(place) = self.0.touch(address.to_canonical()) else { return false };
        let Credit { datagrams, bytes: saved } = place.credit;
        let (Some(datagrams), Some(bytes)) = (datagrams.checked_sub(1), saved.checked_sub(bytes)) else { return false };
        place.credit = Credit { datagrams, bytes };
        true
    }

    /// The key that who is there holds.
    pub fn key_id(&self, address: IpAddr) -> Option<u8> {
        self.0.get(address.to_canonical()).map(|place| place.key_id)
    }

    fn place(&mut self, now: Timestamp, address: IpAddr) -> &mut Place {
        let address = address.to_canonical();
        if self.0.get(address).is_none() {
            let new = Place {
                hellos: Budget::full(now, HELLOS),
                questions: Budget::full(now, QUESTIONS),
                credit: Credit::default(),
                key_id: 0,
            };
            self.0.insert(address, new);
        }
        self.0.touch(address).expect("inserted where it was missing")
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}
