//! Rule 4, joining and healing: hellos to seeds and to the dead, the rounds of a newcomer, isolation.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use crate::model::{Aged, Destination, Message, NodeId, Record, SessionId, Timestamp};

use super::node::Node;
use super::{Event, Output};

/// Who knows nobody says hello to its seeds this often. At first sooner, doubling: when a whole lab starts, a
/// seed may be a moment behind.
const HELLO_PAUSE: Duration = Duration::from_secs(1);
const HELLO_PAUSE_FIRST: Duration = Duration::from_millis(125);

/// After this long without anybody, hellos become rarer.
const HELLO_PATIENCE: Duration = Duration::from_secs(60);
const HELLO_PAUSE_LATER: Duration = Duration::from_secs(10);

/// The pause between two rounds of a newcomer.
const ROUND_PAUSE: Duration = Duration::from_millis(500);

/// The pause after an answer that held many new cards: as long as there is much to learn, it is learned quickly.
const ROUND_PAUSE_LEARNING: Duration = Duration::from_millis(100);

/// A newcomer asks at most this many rounds, those that taught it much not counted.
const ROUNDS_MAX: u8 = 20;

/// Hosts that a newcomer compares its cards with in a round, and how many in a row must agree.
const PEERS: usize = 3;
pub(super) const AGREEMENTS: u8 = 3;

/// What is asked of a host that does not know this one yet follows its introduction by this: where the question
/// overtook it, the answer would be one for a stranger, and cut to almost nothing.
const INTRODUCTION_LEAD: Duration = Duration::from_millis(5);

/// Questions that wait for their introductions to arrive: those of a round to all whom it asks.
const LATER_MAX: usize = 256;

/// Hosts that a newcomer learned of last, and goes on with.
const LEARNED_MAX: usize = 256;

/// Addresses of the dead that healing tries: some for each host of a large lab that lost its network.
const GRAVES_MAX: usize = 1_024;

/// A host that has heard no member for this long is isolated.
const ISOLATED_AFTER: Duration = Duration::from_secs(10);

/// Joining, healing, isolation.
#[derive(Clone, Debug)]
pub(super) struct Join {
    seeds: Vec<SocketAddr>,
    graves: VecDeque<SocketAddr>,
    learned: Vec<NodeId>,
    /// Who answered a hello, and when: it has something to do, and is left alone for [`HELLO_PAUSE`].
    welcomed: BTreeMap<SocketAddr, Timestamp>,
    rounds: Option<Rounds>,
    /// To whom this host introduced itself in this round.
    introduced: BTreeSet<NodeId>,
    /// What follows the introductions.
    later: VecDeque<(Timestamp, Destination, Message)>,
    hello_due: Timestamp,
    heal_due: Timestamp,
    heal_turn: u64,
    /// When a datagram of a member last opened; its start for a host that heard nobody yet.
    heard: Timestamp,
    heard_anybody: bool,
    isolated: bool,
}

/// What a newcomer still has to do.
#[derive(Clone, Copy, Debug)]
struct Rounds {
    left: u8,
    agreed: u8,
    next: Timestamp,
    /// The buckets of cards that were asked for in this round, a bit each.
    asked: u64,
}

impl Join {
    pub fn new(now: Timestamp, interval: Duration) -> Self {
        Self {
            seeds: Vec::new(),
            graves: VecDeque::new(),
            learned: Vec::new(),
            welcomed: BTreeMap::new(),
            rounds: Some(Rounds { left: ROUNDS_MAX, agreed: 0, next: now, asked: 0 }),
            introduced: BTreeSet::new(),
            later: VecDeque::new(),
            hello_due: now,
            heal_due: now.after(interval),
            heal_turn: 0,
            heard: now,
            heard_anybody: false,
            isolated: false,
        }
    }

    pub fn is_isolated(&self) -> bool {
        self.isolated
    }

    /// When a member was last heard.
    pub fn heard(&self) -> Option<Timestamp> {
        self.heard_anybody.then_some(self.heard)
    }

    pub fn due(&self) -> Timestamp {
        let rounds = self.rounds.map(|rounds| rounds.next);
        let alone = if self.isolated { self.hello_due } else { self.heard.after(ISOLATED_AFTER).max(self.hello_due) };
        let later = self.later.front().map(|(due, ..)| *due);
        let sometimes = rounds.into_iter().chain(later);
        sometimes.fold(self.heal_due.min(self.hello_due).min(alone), Timestamp::min)
    }

    /// A host is gone: healing will try its address.
    pub fn bury(&mut self, address: SocketAddr) {
        self.graves.retain(|grave| *grave != address);
        if self.graves.len() >= GRAVES_MAX {
            self.graves.pop_front();
        }
        self.graves.push_back(address);
    }

    /// A card came: a newcomer goes on with that host.
    pub fn learned(&mut self, id: NodeId) {
        if self.rounds.is_some() {
            if self.learned.len() >= LEARNED_MAX {
                self.learned.remove(0);
            }
            self.learned.push(id);
        }
    }

    /// Of these buckets, those that a newcomer has not asked for in this round: it compares with several hosts
    /// at once, and would ask each for the same.
    pub fn not_asked_in_this_round(&mut self, mut buckets: Vec<usize>) -> Vec<usize> {
        if let Some(rounds) = &mut self.rounds {
            buckets.retain(|bucket| rounds.asked & 1 << bucket == 0);
            rounds.asked |= buckets.iter().fold(0, |asked, bucket| asked | 1 << bucket);
        }
        buckets
    }

    pub fn is_newcomer(&self) -> bool {
        self.rounds.is_some()
    }

    /// Where to look for the network.
    pub fn seeds(&self) -> &[SocketAddr] {
        &self.seeds
    }

    pub fn set_seeds(&mut self, seeds: Vec<SocketAddr>, now: Timestamp) {
        if seeds != self.seeds {
            self.hello_due = now;
        }
        self.seeds = seeds;
    }

    /// This host slept: that it heard nobody meanwhile says nothing.
    pub fn wake(&mut self, now: Timestamp) {
        self.heard = now;
    }
}

impl Node {
    /// This host compares its cards with others until they agree.
    pub(super) fn begin_rounds(&mut self, now: Timestamp) {
        if self.join.rounds.is_none() {
            self.join.rounds = Some(Rounds { left: ROUNDS_MAX, agreed: 0, next: now, asked: 0 });
        }
    }

    pub(super) fn run_join(&mut self, now: Timestamp) {
        self.notice_isolation(now);
        while self.join.later.front().is_some_and(|(due, ..)| *due <= now) {
            if let Some((_, to, message)) = self.join.later.pop_front() {
                self.send(now, to, message);
            }
        }
        let others = self.census.living.iter().any(|id| *id != self.me.id);
        if self.join.hello_due <= now {
            let alone_for = now.since(self.join.heard);
            let pause = if alone_for > HELLO_PATIENCE {
                HELLO_PAUSE_LATER
            } else if others {
                HELLO_PAUSE
            } else {
                alone_for.clamp(HELLO_PAUSE_FIRST, HELLO_PAUSE)
            };
            self.join.hello_due = now.after(pause);
            if !others || self.join.isolated {
                self.greet_anybody(now);
            }
        }
        if self.join.heal_due <= now {
            self.join.heal_due = now.after(self.dice.jitter(self.settings.interval, 5));
            self.heal();
        }
        if let Some(rounds) = self.join.rounds
            && rounds.next <= now
        {
            self.join.rounds = Some(Rounds { next: now.after(ROUND_PAUSE), asked: 0, ..rounds });
            self.join.introduced.clear();
            if others {
                self.run_round(now);
            }
        }
    }

    fn notice_isolation(&mut self, now: Timestamp) {
        let knows_where = !self.join.seeds.is_empty() || self.roster.len() > 1;
        let isolated = knows_where && now.since(self.join.heard) >= ISOLATED_AFTER;
        if isolated && !self.join.isolated {
            self.out.push(Output::Event(Event::Isolated));
        }
        self.join.isolated = isolated;
    }

    /// A datagram of a member opened.
    pub(super) fn heard_a_member(&mut self, now: Timestamp) {
        self.join.heard = now;
        self.join.heard_anybody = true;
        if std::mem::replace(&mut self.join.isolated, false) {
            self.out.push(Output::Event(Event::Reconnected));
            self.begin_rounds(now);
        }
    }

    /// Hellos to all seeds, and to any other address that is known.
    fn greet_anybody(&mut self, now: Timestamp) {
        let mut addresses = self.join.seeds.clone();
        addresses.extend(self.any_grave());
        let hosts = self.roster.len();
        let any = self.roster.iter().nth(self.dice.below(hosts)).map(|(id, _)| id);
        addresses.extend(any.filter(|id| *id != self.me.id).and_then(|id| self.socket_of(id)));
        addresses.dedup();
        let welcomed = &self.join.welcomed;
        addresses.retain(|address| welcomed.get(address).is_none_or(|came| now.since(*came) >= HELLO_PAUSE));
        self.out.extend(addresses.into_iter().map(|to| Output::Hello { to }));
    }

    fn any_grave(&mut self) -> Option<SocketAddr> {
        let place = self.dice.below(self.join.graves.len());
        self.join.graves.get(place).copied()
    }

    /// Once per T: a hello to a seed that is not among the living, and one to a dead host, at every second
    /// turn to the one that died last.
    fn heal(&mut self) {
        self.join.heal_turn += 1;
        let absent: Vec<SocketAddr> =
            self.join.seeds.iter().copied().filter(|seed| self.living_at(*seed).is_none()).collect();
        let mut graves = std::mem::take(&mut self.join.graves);
        graves.retain(|grave| self.living_at(*grave).is_none());
        self.join.graves = graves;
        let dead =
            if self.join.heal_turn.is_multiple_of(2) { self.join.graves.back().copied() } else { self.any_grave() };
        let seed = self.dice.pick(&absent).copied();
        self.out.extend(seed.into_iter().chain(dead).map(|to| Output::Hello { to }));
    }

    /// Compares cards with a few hosts, those that were learned last first.
    fn run_round(&mut self, now: Timestamp) {
        let Some(rounds) = &mut self.join.rounds else { return };
        if rounds.left == 0 {
            return self.end_rounds(now);
        }
        rounds.left -= 1;
        let hash = self.card_hash(now);
        for peer in self.newcomers_peers(PEERS) {
            self.introduce_and_ask(now, Destination::Member(peer), Message::CardHash { hash, confirm: true });
        }
    }

    /// Asks a host something that may not know this one: once a round it is told who asks, and then what.
    pub(super) fn introduce_and_ask(&mut self, now: Timestamp, to: Destination, question: Message) {
        let is_introduced = match to {
            Destination::Member(id) => !self.join.introduced.insert(id),
            Destination::Stranger { .. } => false,
        };
        if !is_introduced {
            let records = self.introduction(now);
            self.send(now, to, Message::Bundle { records });
        }
        if self.join.later.len() < LATER_MAX {
            self.join.later.push_back((now.after(INTRODUCTION_LEAD), to, question));
        }
    }

    /// Different members, half of them learned a moment ago where there are such.
    pub(super) fn newcomers_peers(&mut self, count: usize) -> Vec<NodeId> {
        let mut peers = Vec::with_capacity(count);
        for turn in 0..4 * count {
            let from =
                if turn % 2 == 0 && !self.join.learned.is_empty() { &self.join.learned } else { &self.census.living };
            match self.dice.pick(from) {
                Some(id) if *id != self.me.id && !peers.contains(id) && self.census.is_living(*id) => peers.push(*id),
                Some(_) | None => {}
            }
            if peers.len() == count {
                break;
            }
        }
        peers
    }

    /// This host's card and report.
    pub(super) fn introduction(&self, now: Timestamp) -> Vec<Aged<Record>> {
        self.cards_of(now, [self.me.id])
    }

    /// A member holds nothing that this newcomer lacks.
    pub(super) fn count_agreement(&mut self, now: Timestamp) {
        if self.join.rounds.is_none() {
            return;
        }
        // On a LAN the first agreement comes less than a millisecond after the first cards.
        self.recount(now);
        let others = self.census.living.len().saturating_sub(1);
        let enough = u8::try_from(others).unwrap_or(u8::MAX).min(AGREEMENTS);
        let Some(rounds) = &mut self.join.rounds else { return };
        rounds.agreed += 1;
        if rounds.agreed >= enough {
            self.end_rounds(now);
        }
    }

    /// A member held much that was new: the next round comes soon.
    pub(super) fn hasten_rounds(&mut self, now: Timestamp) {
        if let Some(rounds) = &mut self.join.rounds
            && rounds.next > now.after(ROUND_PAUSE_LEARNING)
        {
            rounds.next = now.after(ROUND_PAUSE_LEARNING);
            rounds.left = (rounds.left + 1).min(ROUNDS_MAX);
        }
    }

    /// A member held something new.
    pub(super) fn count_difference(&mut self) {
        if let Some(rounds) = &mut self.join.rounds {
            rounds.agreed = 0;
        }
    }

    /// The newcomer knows everybody; now everybody may know it.
    fn end_rounds(&mut self, now: Timestamp) {
        self.join.rounds = None;
        self.join.learned.clear();
        self.join.introduced.clear();
        self.recount(now);
        self.announce_card(now);
    }

    /// A hello of ours was answered.
    pub(super) fn take_welcome(&mut self, now: Timestamp, address: SocketAddr, session: SessionId) {
        let known = self.living_at(address).filter(|id| self.session_of(*id) == Some(session));
        if let Some(id) = known {
            if self.is_probed(id) {
                self.heard_from(now, id);
            }
            if !self.join.isolated {
                return;
            }
        }
        self.join.welcomed.retain(|_, came| now.since(*came) < HELLO_PAUSE);
        self.join.welcomed.insert(address, now);
        // A stranger, a new life of somebody, or somebody who may take another for this host, as long as nothing of
        // it opens here: introduce ourselves, compare cards.
        let to = Destination::Stranger { address, session };
        let hash = self.card_hash(now);
        self.introduce_and_ask(now, to, Message::CardHash { hash, confirm: true });
    }

    fn session_of(&self, id: NodeId) -> Option<SessionId> {
        self.roster.get(id)?.card.as_ref().map(|held| held.record.session)
    }
}
