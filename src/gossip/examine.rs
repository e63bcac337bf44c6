//! An examination, for `peermon doctor`: does a peer reach this host, and who answers among the seeds?
//!
//! A peer is asked with the question of rule 5, whether it reaches a host that was silent: this one. It pings from its
//! side, as whoever was never asked, so that what drops such datagrams here shows: the ping does not come, while the
//! peer's welcome does. (A member's answers go to the port that its card names, so they tell nothing of that; a welcome
//! comes back to where the hello left from.) A newcomer's hello tells of the seeds. Nothing here changes what this host
//! believes of others.

use std::net::SocketAddr;
use std::time::Duration;

use crate::model::{Age, Destination, Examination, Inquiry, Message, NodeId, Reach, SeedState, Sender, Timestamp};

use super::Output;
use super::node::Node;

/// An examination at most this often: whoever may ask a daemon does not make it a source of datagrams.
const PAUSE: Duration = Duration::from_secs(2);

/// Nothing more is expected after this.
const SPAN: Duration = Duration::from_millis(1_600);

/// Peers that are asked: one may be about to crash, two may be behind the same firewall.
const PEERS: usize = 3;

/// Seeds that are said hello to: many more than anybody needs.
const SEEDS_MAX: usize = 128;

/// Hellos that leave together, and the pause after them: no socket on the way is flooded.
const HELLOS_AT_ONCE: usize = 12;
const HELLO_PAUSE: Duration = Duration::from_millis(50);

/// How often and after how long a question is asked again: the first may have got lost. A peer pings for half a second
/// before it says no.
const TRIES: u8 = 2;
const RETRY: Duration = Duration::from_millis(700);

/// The last examination.
#[derive(Clone, Debug, Default)]
pub(super) struct Examining {
    began: Option<Timestamp>,
    next: Option<Timestamp>,
    peers: Vec<Asked>,
    seeds: Vec<Called>,
}

#[derive(Clone, Debug)]
struct Asked {
    id: NodeId,
    address: SocketAddr,
    /// Of the first question; the one after it belongs to the second.
    token: u32,
    tries: u8,
    due: Timestamp,
    reach: Reach,
}

#[derive(Clone, Debug)]
struct Called {
    address: SocketAddr,
    tries: u8,
    due: Timestamp,
    state: SeedState,
}

impl Asked {
    fn is_due(&self, now: Timestamp) -> bool {
        self.reach != Reach::Reaches && self.tries < TRIES && self.due <= now
    }
}

impl Called {
    fn is_settled(&self) -> bool {
        matches!(self.state, SeedState::Answers | SeedState::Refuses)
    }

    fn is_due(&self, now: Timestamp) -> bool {
        !self.is_settled() && self.tries < TRIES && self.due <= now
    }
}

impl Examining {
    pub fn due(&self) -> Option<Timestamp> {
        self.next
    }

    fn is_over(&self, now: Timestamp) -> bool {
        let is_settled =
            self.peers.iter().all(|peer| peer.reach == Reach::Reaches) && self.seeds.iter().all(Called::is_settled);
        is_settled || self.began.is_none_or(|began| now.since(began) >= SPAN)
    }

    /// Something unasked came from a peer that was asked to send just that.
    fn pinged(&mut self, id: NodeId, token: u32) {
        for peer in self.peers.iter_mut().filter(|peer| peer.id == id) {
            if token.wrapping_sub(peer.token) < u32::from(TRIES) {
                peer.reach = Reach::Reaches;
            }
        }
    }

    /// A hello was answered there. A peer's ping may come after its welcome.
    fn welcomed(&mut self, address: SocketAddr) {
        for peer in self.peers.iter_mut().filter(|peer| peer.address == address) {
            peer.reach = peer.reach.min(Reach::OnlyAnswers);
        }
        self.settle(address, SeedState::Answers);
    }

    fn settle(&mut self, address: SocketAddr, state: SeedState) {
        for seed in self.seeds.iter_mut().filter(|seed| seed.address == address && !seed.is_settled()) {
            seed.state = state;
        }
    }
}

impl Node {
    /// Begins an examination, unless the last one began a moment ago.
    pub(super) fn examine(&mut self, now: Timestamp) {
        if self.examining.began.is_some_and(|began| now.since(began) < PAUSE) {
            return;
        }
        let mut ids: Vec<NodeId> = self.census.ring.iter().copied().filter(|id| *id != self.me.id).collect();
        self.dice.shuffle(&mut ids);
        ids.truncate(PEERS);
        let mut peers = Vec::with_capacity(ids.len());
        for id in ids {
            let token = self.dice.number() as u32;
            let asked = |address| Asked { id, address, token, tries: 0, due: now, reach: Reach::Silent };
            peers.extend(self.socket_of(id).map(asked));
        }
        let call = |address: &SocketAddr| Called { address: *address, tries: 0, due: now, state: SeedState::Silent };
        let seeds = self.join.seeds().iter().take(SEEDS_MAX).map(call).collect();
        self.examining = Examining { began: Some(now), next: Some(now), peers, seeds };
        self.run_examination(now);
    }

    pub(super) fn run_examination(&mut self, now: Timestamp) {
        if self.examining.next.is_none_or(|next| next > now) {
            return;
        }
        if self.examining.is_over(now) {
            self.examining.next = None;
            return;
        }
        let mut questions = Vec::new();
        for peer in self.examining.peers.iter_mut().filter(|peer| peer.is_due(now)) {
            questions.push((peer.id, peer.address, peer.token.wrapping_add(peer.tries.into())));
            peer.tries += 1;
            peer.due = now.after(RETRY);
        }
        for (id, to, token) in questions {
            let inquiry = Inquiry { token, suspect: self.me.id, silence: Age::default() };
            self.send(now, Destination::Member(id), Message::Inquire(inquiry));
            self.out.push(Output::Hello { to });
        }
        for seed in self.examining.seeds.iter_mut().filter(|seed| seed.is_due(now)).take(HELLOS_AT_ONCE) {
            seed.tries += 1;
            seed.due = now.after(RETRY);
            self.out.push(Output::Hello { to: seed.address });
        }
        let more = self.examining.seeds.iter().any(|seed| seed.is_due(now));
        self.examining.next = Some(now.after(if more { HELLO_PAUSE } else { RETRY / 2 }));
    }

    /// What came of the last examination so far; `None`: there was none.
    #[must_use]
    pub fn examination(&self, now: Timestamp) -> Option<Examination> {
        let Examining { began, peers, seeds, .. } = &self.examining;
        Some(Examination {
            age_hundredths: u64::try_from(now.since((*began)?).as_millis() / 10).unwrap_or(u64::MAX),
            is_over: self.examining.is_over(now),
            peers: peers.iter().map(|peer| (peer.id, peer.reach)).collect(),
            seeds: seeds.iter().map(|seed| (seed.address, seed.state)).collect(),
        })
    }

    /// A ping came.
    pub(super) fn note_ping(&mut self, sender: &Sender, token: u32) {
        if let Some(id) = sender.member {
            self.examining.pinged(id, token);
        }
    }

    /// A hello was answered.
    pub(super) fn note_welcome(&mut self, address: SocketAddr) {
        self.examining.welcomed(address);
    }

    /// Nobody listens there.
    pub(super) fn note_refusal(&mut self, address: SocketAddr) {
        self.examining.settle(address, SeedState::Refuses);
    }
}
