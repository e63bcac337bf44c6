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
pub const EXAMINATION_PAUSE: Duration = Duration::from_secs(2);

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
        if self.examining.began.is_some_and(|began| now.since(began) < EXAMINATION_PAUSE) {
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

#[cfg(test)]
mod tests {
    use super::super::{Identity, Input, Settings};
    use super::*;
    use crate::model::{Endpoint, NetworkList};

    fn at(millis: u64) -> Timestamp {
        Timestamp::ZERO.after(Duration::from_millis(millis))
    }

    fn endpoint(host: u8) -> Endpoint {
        Endpoint { address: [192, 0, 2, host].into(), port: 1288, salt: 0 }
    }

    fn node() -> Node {
        let settings = Settings {
            interval: Duration::from_secs(20),
            collector: false,
            valid: NetworkList::default(),
            hosts_max: 100,
            max_datagram: 1200,
        };
        let identity = Identity {
            name: "me".parse().unwrap(),
            endpoint: endpoint(1),
            more_addresses: Vec::new(),
            labels: Vec::new(),
            software: "2".into(),
            key_ids: vec![7],
        };
        Node::new(at(0), settings, identity, crate::model::SessionId::from_entropy(1), 1, 1)
    }

    /// To whom hellos go when all that is due until `until` is done, examined every 100 ms from `from` on.
    fn hellos(node: &mut Node, from: u64, until: u64, examine: bool) -> usize {
        let mut out = Vec::new();
        for millis in (from..until).step_by(10) {
            if examine && millis % 100 == 0 {
                node.step(at(millis), Input::Examine, &mut out);
            }
            node.step(at(millis), Input::Tick, &mut out);
        }
        out.iter().filter(|output| matches!(output, Output::Hello { .. })).count()
    }

    #[test]
    fn however_often_it_is_asked_a_host_looks_for_others_once_in_two_seconds() {
        let seeds: Vec<SocketAddr> = (10..40).map(|host| endpoint(host).socket()).collect();
        let with = |examine: bool| {
            let mut node = node();
            node.step(at(0), Input::Seeds(seeds.clone()), &mut Vec::new());
            hellos(&mut node, 0, 6_000, examine)
        };
        // A host that knows nobody says hello to its seeds by itself, too.
        let more = with(true) - with(false);
        assert_eq!(more, 3 * usize::from(TRIES) * seeds.len());
    }

    #[test]
    fn what_answers_and_what_refuses_is_told_and_an_examination_ends() {
        let mut node = node();
        let seeds: Vec<SocketAddr> = (10..13).map(|host| endpoint(host).socket()).collect();
        let step = |node: &mut Node, millis, input| node.step(at(millis), input, &mut Vec::new());
        assert_eq!(node.examination(at(0)), None);
        step(&mut node, 0, Input::Seeds(seeds.clone()));
        step(&mut node, 0, Input::Examine);
        step(&mut node, 10, Input::Refused { address: seeds[1] });
        let session = crate::model::SessionId::from_entropy(9);
        step(&mut node, 20, Input::Welcomed { address: seeds[0], session });
        // What answered once is not silent because a second hello was refused.
        step(&mut node, 30, Input::Refused { address: seeds[0] });
        let found = node.examination(at(40)).unwrap();
        let states = [SeedState::Answers, SeedState::Refuses, SeedState::Silent];
        assert_eq!(found.seeds, seeds.iter().copied().zip(states).collect::<Vec<_>>());
        assert_eq!((found.is_over, found.age_hundredths), (false, 4));
        step(&mut node, 50, Input::Welcomed { address: seeds[2], session });
        assert!(node.examination(at(50)).unwrap().is_over);
        step(&mut node, 2_100, Input::Examine);
        assert!(!node.examination(at(2_100)).unwrap().is_over);
        assert!(node.examination(at(2_100 + 1_600)).unwrap().is_over);
    }
}
