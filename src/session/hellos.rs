//! Hellos: those that this host sent and waits for, and those that it has answered.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use crate::model::{SessionId, Timestamp};

/// A welcome counts this long after its hello: a slow network and a busy host, and not somebody who kept it.
const WELCOME_WAIT: Duration = Duration::from_secs(5);

/// Hellos that wait for their welcome: one with each of four keys to a thousand seeds.
pub(super) const ASKED_MAX: usize = 4_096;

/// Hellos of others that are remembered, so that copies are refused. Who copies more than that gets answers
/// no longer than the copies, for a session that opens them no more.
pub(super) const ANSWERED_MAX: usize = 4_096;

/// Both lists.
#[derive(Clone, Debug, Default)]
pub(super) struct Hellos {
    /// By our counter, which rises with the time.
    asked: BTreeMap<u32, Asked>,
    answered: BTreeSet<(SessionId, u32)>,
    order: VecDeque<(SessionId, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    to: SocketAddr,
    at: Timestamp,
}

impl Hellos {
    /// A hello with `counter` leaves.
    pub fn ask(&mut self, now: Timestamp, counter: u32, to: SocketAddr) {
        while let Some(oldest) = self.asked.first_entry()
            && (now.since(oldest.get().at) > WELCOME_WAIT || self.asked.len() >= ASKED_MAX)
        {
            self.asked.pop_first();
        }
        self.asked.insert(counter, Asked { to, at: now });
    }

    /// A welcome to the hello with `counter` came from `from`: where that hello went, if it waits.
    pub fn take_welcome(&mut self, now: Timestamp, counter: u32, from: SocketAddr) -> Option<SocketAddr> {
        let asked = self.asked.get(&counter)?;
        let place = |address: SocketAddr| (address.ip().to_canonical(), address.port());
        if place(asked.to) != place(from) || now.since(asked.at) > WELCOME_WAIT {
            return None;
        }
        self.asked.remove(&counter).map(|asked| asked.to)
    }

    /// This host has a new session: welcomes to the old one open no more.
    pub fn forget_asked(&mut self) {
        self.asked.clear();
    }

    /// Whether this hello came before.
    pub fn has_answered(&self, session: SessionId, counter: u32) -> bool {
        self.answered.contains(&(session, counter))
    }

    /// A hello opened.
    pub fn remember(&mut self, session: SessionId, counter: u32) {
        if self.order.len() >= ANSWERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.answered.remove(&oldest);
        }
        if self.answered.insert((session, counter)) {
            self.order.push_back((session, counter));
        }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        assert_eq!(self.answered.len(), self.order.len());
        self.asked.len() + self.order.len()
    }
}
