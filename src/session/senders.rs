//! Who has been heard in which session, and which counters came: members, strangers, and those put aside.
//!
//! A session has one window, whoever claims it. While a member claims it, the window stays; other sessions
//! share a table, and of those that must leave it the highest counter is kept. So nothing that came once
//! opens again as long as this host's own session lasts, and a host that was away for long still opens.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::budget::{Budget, Rate};
use super::keyring::KEYS_MAX;
use super::recent::Recent;
use super::window::Window;
use crate::model::{Member, NodeId, SessionId, Timestamp};
use crate::wire::limits::HOSTS_MAX;

/// Sessions of no member whose windows are kept, the most recently heard: as many as join at once.
pub(super) const STRANGERS_MAX: usize = 1_024;

/// Sessions of which only the highest counter is kept: an hour of a large lab's restarts, in 2 MiB. When
/// there are more, this host begins a new session, for which none of what was heard opens.
pub(super) const ASIDE_MAX: usize = 65_536;

/// A member's session before its last change is still its own for so long: 2 T at the usual interval. What
/// is under way needs milliseconds; it is the owner of a forged card that needs time to speak up.
const FORMER_SPAN: Duration = Duration::from_secs(40);

/// Members that may claim one session before the rest is not asked: a cloned machine makes two.
const CLAIMS_ASKED: usize = 8;

/// Datagrams of one member. A relay of the largest network, or a newcomer's whole table from one host, is
/// a tenth of it.
const MEMBER: Rate = Rate { burst: 512, pause: Duration::from_micros(3_906) };

/// All senders.
#[derive(Clone, Debug)]
pub(super) struct Senders {
    members: BTreeMap<NodeId, Peer>,
    /// Which members say that a session is theirs.
    claims: BTreeSet<(SessionId, NodeId)>,
    /// Of sessions that are claimed.
    claimed: BTreeMap<SessionId, Window>,
    /// Of other sessions.
    strangers: Recent<SessionId, Window>,
    /// The highest counter of sessions that had to leave `strangers`.
    aside: BTreeMap<SessionId, u32>,
    /// `aside` was full: unknown sessions may have been heard before.
    is_full: bool,
}

/// A member.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub address: SocketAddr,
    pub session: SessionId,
    former: Option<Former>,
    key_ids: [u8; KEYS_MAX],
    keys: u8,
    budget: Budget,
}

/// A member's session before the last change of it.
#[derive(Clone, Copy, Debug)]
struct Former {
    session: SessionId,
    until: Timestamp,
}

impl Peer {
    /// The keys that it holds, in its order.
    pub fn key_ids(&self) -> &[u8] {
        &self.key_ids[..usize::from(self.keys)]
    }

    fn claims(&self, session: SessionId) -> bool {
        self.session == session || self.former.is_some_and(|former| former.session == session)
    }

    fn speaks_in(&self, now: Timestamp, session: SessionId) -> bool {
        self.session == session || self.former.is_some_and(|former| former.session == session && now <= former.until)
    }
}

impl Senders {
    pub fn new() -> Self {
        Self {
            members: BTreeMap::new(),
            claims: BTreeSet::new(),
            claimed: BTreeMap::new(),
            strangers: Recent::new(STRANGERS_MAX),
            aside: BTreeMap::new(),
            is_full: false,
        }
    }

    pub fn member(&self, id: NodeId) -> Option<&Peer> {
        self.members.get(&id)
    }

    /// The member that speaks in `session`. Where several claim it, the one at that address does.
    pub fn owner(&self, now: Timestamp, session: SessionId, address: IpAddr) -> Option<NodeId> {
        let claims = self.claims_on(session).take(CLAIMS_ASKED);
        let mut owners = claims.filter(|id| self.members.get(id).is_some_and(|peer| peer.speaks_in(now, session)));
        let first = owners.next()?;
        let lives_there = |id: &NodeId| {
            let address_on_card = self.members.get(id).map(|peer| peer.address.ip().to_canonical());
            address_on_card == Some(address.to_canonical())
        };
        if lives_there(&first) { Some(first) } else { owners.find(lives_there).or(Some(first)) }
    }

    /// Whether a member may say one more thing.
    pub fn take_budget(&mut self, now: Timestamp, id: NodeId) -> bool {
        self.members.get_mut(&id).is_some_and(|peer| peer.budget.take(now, MEMBER))
    }

    /// Whether `counter` came in `session` before, or may have.
    pub fn has_seen(&self, session: SessionId, counter: u32) -> bool {
        match self.claimed.get(&session).or_else(|| self.strangers.get(session)) {
            Some(window) => window.has_seen(counter),
            None => self.aside.get(&session).is_some_and(|highest| counter <= *highest),
        }
    }

    /// `counter` came in `session`, and opened. False where an unknown session can't be told from one that
    /// was forgotten: then it must be refused.
    pub fn mark(&mut self, session: SessionId, counter: u32) -> bool {
        if let Some(window) = self.claimed.get_mut(&session) {
            window.mark(counter);
        } else if let Some(window) = self.strangers.touch(session) {
            window.mark(counter);
        } else {
            let Some(mut window) = self.unclaimed_window(session) else { return false };
            window.mark(counter);
            self.keep_stranger(session, window);
        }
        true
    }

    /// `member` is one, or what its card says has changed.
    pub fn admit(&mut self, now: Timestamp, member: &Member) {
        let before = self.members.get(&member.id).copied();
        if before.is_none() && self.members.len() >= HOSTS_MAX {
            return;
        }
        let mut key_ids = [0; KEYS_MAX];
        let keys = member.key_ids.len().min(KEYS_MAX);
        key_ids[..keys].copy_from_slice(&member.key_ids[..keys]);
        let former = match before {
            Some(peer) if peer.session != member.session => {
                Some(Former { session: peer.session, until: now.after(FORMER_SPAN) })
            }
            Some(peer) => peer.former,
            None => None,
        };
        let peer = Peer {
            address: member.address,
            session: member.session,
            former,
            key_ids,
            keys: u8::try_from(keys).unwrap_or_default(),
            budget: before.map_or_else(|| Budget::full(now, MEMBER), |peer| peer.budget),
        };
        self.members.insert(member.id, peer);
        self.claim(member.session, member.id);
        let forgotten = before.and_then(|peer| peer.former).map(|former| former.session);
        if let Some(session) = forgotten.filter(|session| !peer.claims(*session)) {
            self.release(session, member.id);
        }
    }

    /// It is a member no longer.
    pub fn dismiss(&mut self, id: NodeId) {
        if let Some(peer) = self.members.remove(&id) {
            for session in peer.former.map(|former| former.session).into_iter().chain([peer.session]) {
                self.release(session, id);
            }
        }
    }

    /// This host has a new session: nothing that came before opens again, so nothing need be remembered.
    pub fn forget_heard(&mut self) {
        self.claimed = self.claims.iter().map(|(session, _)| (*session, Window::EMPTY)).collect();
        self.strangers.clear();
        self.aside.clear();
        self.is_full = false;
    }

    /// No unknown session can be taken in any more.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    fn claims_on(&self, session: SessionId) -> impl Iterator<Item = NodeId> {
        let (first, last) = (NodeId::from_bytes([0; 6]), NodeId::from_bytes([u8::MAX; 6]));
        self.claims.range((session, first)..=(session, last)).map(|(_, id)| *id)
    }

    fn claim(&mut self, session: SessionId, id: NodeId) {
        self.claims.insert((session, id));
        if !self.claimed.contains_key(&session)
            && let Some(window) = self.unclaimed_window(session)
        {
            self.claimed.insert(session, window);
        }
    }

    /// What is remembered of a session that nobody claimed, taken out of its table. `None`: whatever there
    /// was may be forgotten.
    fn unclaimed_window(&mut self, session: SessionId) -> Option<Window> {
        let known = self.strangers.remove(session).or_else(|| self.aside.remove(&session).map(Window::above));
        known.or_else(|| (!self.is_full).then_some(Window::EMPTY))
    }

    fn release(&mut self, session: SessionId, id: NodeId) {
        self.claims.remove(&(session, id));
        if self.claims_on(session).next().is_none()
            && let Some(window) = self.claimed.remove(&session)
        {
            self.keep_stranger(session, window);
        }
    }

    fn keep_stranger(&mut self, session: SessionId, window: Window) {
        if window.highest().is_none() {
            return;
        }
        let pushed_out = self.strangers.insert(session, window);
        let Some((session, Some(highest))) = pushed_out.map(|(session, window)| (session, window.highest())) else {
            return;
        };
        if self.aside.len() < ASIDE_MAX {
            self.aside.insert(session, highest);
        }
        // Once it was full, something may have been left out.
        self.is_full |= self.aside.len() >= ASIDE_MAX;
    }

    /// How much of each table is used. Just what members say of their sessions is claimed.
    #[cfg(test)]
    pub fn sizes(&self) -> [usize; 5] {
        let sessions = |peer: &Peer| peer.former.map(|former| former.session).into_iter().chain([peer.session]);
        let said = self.members.iter().flat_map(|(id, peer)| sessions(peer).map(|session| (session, *id)));
        assert_eq!(self.claims, said.collect());
        assert!(self.claimed.keys().all(|session| self.claims_on(*session).next().is_some()));
        [self.members.len(), self.claims.len(), self.claimed.len(), self.strangers.len(), self.aside.len()]
    }
}
