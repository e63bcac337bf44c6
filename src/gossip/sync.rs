//! Rule 4, the cards: hosts compare a hash of all their cards, then of 64 stretches of the ring, then ask
//! for what they lack. Nothing is pushed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{Aged, Destination, HostState, Known, Message, NodeId, Record, Sender, Timestamp, Version};

use super::budget::Budget;
use super::join::AGREEMENTS;
use super::node::Node;
use super::roster::Host;
use super::walk::Walk;

/// Comparisons per T of a settled host.
const SYNCS_PER_INTERVAL: u32 = 4;

/// But no more often than this: what a comparison mends is seldom broken, whatever T is.
const SYNC_PAUSE_MIN: Duration = Duration::from_secs(2);

/// More than this share of the buckets different: something large happened (a partition healed), and both
/// hosts compare on with others as newcomers do.
const DIFFERENT_SHARE: usize = 8;

/// Hosts that a newcomer spreads its questions over, so that nobody sends it the whole table.
const ASKED_HOSTS: usize = 32;

/// Cards in the answer to one question: about four datagrams.
const ANSWER_MAX: usize = 28;

/// Cards in an answer to who is no member, or when many ask at once: about one datagram.
const ANSWER_SMALL: usize = 7;

/// Full answers: so many at once, then one each pause; small ones likewise. Who asks more is told to ask
/// elsewhere. Small ones are not paced further: when a whole lab starts, everybody waits for a seed's first
/// answer. At 500 a second they are 600 kB.
const SERVED_BURST: u32 = 8;
const SERVED_PAUSE: Duration = Duration::from_millis(50);
const SMALL_BURST: u32 = 40;
const SMALL_PAUSE: Duration = Duration::from_millis(2);

/// What else a newcomer gets that knows nobody: this host's card and those of as many others, whom to ask next.
/// So a lab that starts spreads over its hosts instead of standing in line at its seeds.
const REFERRALS: usize = 2;
const REFERRED_BURST: u32 = 500;
const REFERRED_PAUSE: Duration = Duration::from_millis(1);

/// Ids that are remembered as refused (by valid_ips or for want of room).
const REFUSED_MAX: usize = 1_024;

/// Peers with which comparing changed nothing are left alone for at most this many intervals.
const PAUSE_INTERVALS_MAX: u32 = 6;

/// Of an answer to a question for cards.
#[derive(Clone, Copy, Debug)]
enum Size {
    Full,
    Small,
}

impl Size {
    fn cards(self) -> usize {
        match self {
            Self::Full => ANSWER_MAX,
            Self::Small => ANSWER_SMALL,
        }
    }
}

/// Timers, walk and budgets of the comparisons.
#[derive(Clone, Debug)]
pub(super) struct Sync {
    pub walk: Walk,
    pub due: Timestamp,
    full: Budget,
    small: Budget,
    referred: Budget,
    refused: BTreeMap<NodeId, Timestamp>,
}

impl Sync {
    pub fn new(now: Timestamp) -> Self {
        Self {
            walk: Walk::default(),
            due: now,
            full: Budget::new(now, SERVED_BURST, SERVED_PAUSE),
            small: Budget::new(now, SMALL_BURST, SMALL_PAUSE),
            referred: Budget::new(now, REFERRED_BURST, REFERRED_PAUSE),
            refused: BTreeMap::new(),
        }
    }

    /// `id` may not enter the table; it is not asked for again before `until`.
    pub fn refuse(&mut self, id: NodeId, until: Timestamp) {
        if self.refused.len() < REFUSED_MAX || self.refused.contains_key(&id) {
            self.refused.insert(id, until);
        }
    }

    pub fn refuses(&self, id: NodeId, now: Timestamp) -> bool {
        self.refused.get(&id).is_some_and(|until| *until > now)
    }

    /// valid_ips was read again.
    pub fn forget_refused(&mut self) {
        self.refused.clear();
    }
}

/// The bucket of an id: its first six bits.
fn bucket(id: NodeId) -> usize {
    usize::from(id.as_bytes()[0] >> 2)
}

/// First and last id of a bucket.
fn stretch(bucket: usize) -> (NodeId, NodeId) {
    let first = u8::try_from(bucket << 2).unwrap_or(u8::MAX);
    let (mut from, mut to) = ([0; 6], [0xff; 6]);
    from[0] = first;
    to[0] = first | 3;
    (NodeId::from_bytes(from), NodeId::from_bytes(to))
}

/// What one card adds to the hash of its bucket. Sums don't depend on the order. Not a cryptographic hash: a
/// member that wants two tables to look alike only harms what it could harm anyway.
fn card_digest(id: NodeId, version: Version) -> u64 {
    // The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
    let mix = |number: u64| {
        let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    };
    mix(mix(mix(id.as_u64()) ^ version.incarnation) ^ u64::from(version.sequence))
}

impl Node {
    pub(super) fn run_sync(&mut self, now: Timestamp) {
        if self.sync.due > now {
            return;
        }
        let pause = (self.settings.interval / SYNCS_PER_INTERVAL).max(SYNC_PAUSE_MIN);
        let pause = self.dice.jitter(pause, 5);
        self.sync.due = now.after(pause);
        self.sync.refused.retain(|_, until| *until > now);
        if self.join.is_newcomer() {
            return;
        }
        for _ in 0..8 {
            let Some(peer) = self.sync.walk.next(&mut self.dice) else { return };
            if self.roster.get(peer).is_some_and(|host| host.sync_again <= now) {
                let hash = self.card_hash(now);
                self.send(now, Destination::Member(peer), Message::CardHash { hash, confirm: false });
                return;
            }
        }
    }

    /// Whether a host's card counts when cards are compared.
    fn card_counts(&self, now: Timestamp, id: NodeId, host: &Host) -> bool {
        host.card.is_some()
            && !host.is_doubted()
            && matches!(self.state_of(now, id, host), HostState::Fresh | HostState::Late)
    }

    fn bucket_hashes(&self, now: Timestamp) -> [u64; Message::BUCKETS] {
        let mut hashes = [0u64; Message::BUCKETS];
        for (id, host) in self.roster.iter() {
            if self.card_counts(now, id, host) {
                let hash = &mut hashes[bucket(id)];
                *hash = hash.wrapping_add(card_digest(id, host.card_version()));
            }
        }
        hashes
    }

    pub(super) fn card_hash(&self, now: Timestamp) -> u64 {
        one_hash(&self.bucket_hashes(now))
    }

    pub(super) fn take_card_hash(&mut self, now: Timestamp, sender: &Sender, hash: u64, confirm: bool) {
        let to = self.reply_to(sender);
        let own = self.bucket_hashes(now);
        if one_hash(&own) != hash {
            self.send(now, to, Message::Buckets { hashes: short_hashes(&own) });
        } else if confirm {
            self.send(now, to, Message::Agree);
        }
    }

    pub(super) fn take_buckets(&mut self, now: Timestamp, sender: &Sender, hashes: &[u32]) {
        let own = short_hashes(&self.bucket_hashes(now));
        let different: Vec<usize> = (0..Message::BUCKETS).filter(|i| hashes.get(*i) != own.get(*i)).collect();
        if different.is_empty() {
            return self.count_agreement(now);
        }
        if different.len() > Message::BUCKETS / DIFFERENT_SHARE {
            self.begin_rounds(now);
        }
        let answerer = self.reply_to(sender);
        self.pause_comparing(now, sender.member);
        let unasked = self.join.not_asked_in_this_round(different);
        let questions = self.questions(now, &unasked);
        // Many questions are spread over many hosts; who answered gets the first.
        let others = if questions.len() > AGREEMENTS as usize { self.newcomers_peers(ASKED_HOSTS) } else { Vec::new() };
        let mut asked = std::iter::once(answerer).chain(others.into_iter().map(Destination::Member)).cycle();
        for question in questions {
            match asked.next() {
                Some(to) if self.join.is_newcomer() => self.introduce_and_ask(now, to, question),
                Some(to) => self.send(now, to, question),
                None => {}
            }
        }
    }

    /// The next comparison with `peer` waits, longer each time, unless this one brings something.
    fn pause_comparing(&mut self, now: Timestamp, peer: Option<NodeId>) {
        let (least, most) = (self.settings.interval, self.settings.interval * PAUSE_INTERVALS_MAX);
        if let Some(host) = peer.and_then(|id| self.roster.get_mut(id)) {
            host.sync_pause = (host.sync_pause * 2).clamp(least, most);
            host.sync_again = now.after(host.sync_pause);
        }
    }

    /// What to ask for, in stretches of the ring that each fit a datagram. Neighbouring stretches are joined
    /// where they fit together, with what lies between them.
    fn questions(&mut self, now: Timestamp, different: &[usize]) -> Vec<Message> {
        let mut questions = Vec::new();
        let mut open: Option<(NodeId, NodeId, Vec<Known>)> = None;
        for place in different {
            let (from, to) = stretch(*place);
            if let Some((begin, end, known)) = &mut open {
                let joined = self.known_between(now, *begin, to);
                if joined.len() <= Message::ASKED_MAX {
                    (*end, *known) = (to, joined);
                    continue;
                }
            }
            questions.extend(open.take());
            let mut pieces = split_stretch(from, to, self.known_between(now, from, to));
            open = pieces.pop();
            questions.extend(pieces);
        }
        questions.extend(open);
        questions.into_iter().map(|(from, to, known)| Message::AskCards { from, to, known }).collect()
    }

    /// The cards that are held between two ids, and the hosts that are not wanted.
    fn known_between(&self, now: Timestamp, from: NodeId, to: NodeId) -> Vec<Known> {
        let held = self.roster.range(from, to).filter(|(_, host)| host.card.is_some());
        let mut known: Vec<Known> = held
            .filter(|(id, host)| self.card_counts(now, *id, host) || host.has_left())
            .map(|(id, host)| Known { id, version: host.card_version() })
            .collect();
        let refused = self.sync.refused.range(from..=to).filter(|(_, until)| **until > now);
        known.extend(refused.map(|(id, _)| Known { id: *id, version: Version::MAX }));
        known.sort_unstable();
        known.dedup_by_key(|known| known.id);
        known
    }

    /// Answers with the cards that the asker lacks, asks for those that are newer there.
    pub(super) fn answer_cards(&mut self, now: Timestamp, sender: &Sender, from: NodeId, to: NodeId, known: &[Known]) {
        let asker = self.reply_to(sender);
        let Some(size) = self.may_answer(now, asker) else {
            let is_lost = known.iter().all(|known| known.id != self.me.id);
            return if is_lost { self.refer(now, asker) } else { self.send(now, asker, Message::Busy) };
        };
        let most = size.cards();
        let theirs: BTreeMap<NodeId, Version> = known.iter().map(|known| (known.id, known.version)).collect();
        let mut lacking = Vec::new();
        let mut gone = Vec::new();
        for (id, host) in self.roster.range(from, to) {
            let held = theirs.get(&id).copied().unwrap_or_default();
            if host.has_left() && theirs.contains_key(&id) {
                gone.extend(self.departure_of(now, id));
            } else if host.is_doubted() && theirs.contains_key(&id) {
                gone.extend(self.suspicion_of(now, id));
            } else if host.card_version() > held && self.card_counts(now, id, host) && Some(id) != sender.member {
                lacking.push(id);
            }
        }
        let newer_there: Vec<NodeId> = known
            .iter()
            .filter(|known| known.version != Version::MAX && known.id != self.me.id)
            .filter(|known| self.roster.get(known.id).is_none_or(|host| host.card_version() < known.version))
            .filter(|known| !self.sync.refuses(known.id, now))
            .map(|known| known.id)
            .take(ANSWER_MAX)
            .collect();
        if !newer_there.is_empty() {
            self.send(now, asker, Message::WantCards { ids: newer_there });
        }
        if lacking.len() > most {
            self.dice.shuffle(&mut lacking);
            lacking.truncate(most);
            // A newcomer that can't be served whole goes on with this host, which it must know for that.
            if !theirs.contains_key(&self.me.id) && !lacking.contains(&self.me.id) {
                lacking[0] = self.me.id;
            }
        }
        let mut records = self.cards_of(now, lacking);
        records.extend(gone);
        self.send_answer(now, asker, size, records);
    }

    /// How much an answer to `asker` may hold now; `None`: too many ask.
    fn may_answer(&mut self, now: Timestamp, asker: Destination) -> Option<Size> {
        let is_member = matches!(asker, Destination::Member(_));
        if is_member && self.sync.full.take(now) {
            Some(Size::Full)
        } else {
            self.sync.small.take(now).then_some(Size::Small)
        }
    }

    /// Full answers wait for their burst.
    fn send_answer(&mut self, now: Timestamp, asker: Destination, size: Size, records: Vec<Aged<Record>>) {
        if records.is_empty() {
            return;
        }
        match size {
            Size::Full => self.send_found(now, asker, records),
            Size::Small => self.send(now, asker, Message::Found { records }),
        }
    }

    /// A newcomer that knows nobody gets to know this host, and a few whom it can ask instead.
    fn refer(&mut self, now: Timestamp, asker: Destination) {
        if !self.sync.referred.take(now) {
            return;
        }
        let mut told = BTreeSet::from([self.me.id]);
        told.extend((0..REFERRALS).filter_map(|_| self.dice.pick(&self.census.living).copied()));
        if let Destination::Member(id) = asker {
            told.remove(&id);
        }
        let records = self.cards_of(now, told);
        self.send(now, asker, Message::Found { records });
    }

    /// Cards, each with the report that belongs to it.
    pub(super) fn cards_of(&self, now: Timestamp, ids: impl IntoIterator<Item = NodeId>) -> Vec<Aged<Record>> {
        let mut records = Vec::new();
        for id in ids {
            if let Some(held) = self.roster.get(id).and_then(|host| host.card.as_ref()) {
                records.push(Aged::at(now, held.made, Record::Card(held.record.clone())));
                records.extend(self.news_about(now, id));
            }
        }
        records
    }

    /// Somebody asks for the cards of these hosts.
    pub(super) fn answer_wanted(&mut self, now: Timestamp, sender: &Sender, ids: &[NodeId]) {
        let asker = self.reply_to(sender);
        let Some(size) = self.may_answer(now, asker) else { return };
        let records = self.cards_of(now, ids.iter().copied().take(size.cards()));
        self.send_answer(now, asker, size, records);
    }

    /// What came of a question.
    pub(super) fn count_found(&mut self, now: Timestamp, sender: &Sender, new_cards: usize) {
        if new_cards >= ANSWER_SMALL / 2 {
            self.hasten_rounds(now);
        }
        if new_cards > 0 {
            self.count_difference();
            if let Some(host) = sender.member.and_then(|id| self.roster.get_mut(id)) {
                host.sync_pause = Duration::ZERO;
                host.sync_again = Timestamp::default();
            }
        }
    }
}

/// All buckets in one number.
fn one_hash(buckets: &[u64]) -> u64 {
    buckets.iter().fold(0, |sum, hash| sum.wrapping_mul(31).wrapping_add(*hash))
}

/// Each bucket in half of its bits.
fn short_hashes(buckets: &[u64]) -> Vec<u32> {
    buckets.iter().map(|hash| (hash >> 32) as u32).collect()
}

/// A stretch of the ring in pieces that list at most [`Message::ASKED_MAX`] hosts each.
fn split_stretch(from: NodeId, to: NodeId, known: Vec<Known>) -> Vec<(NodeId, NodeId, Vec<Known>)> {
    let mut pieces = Vec::new();
    let mut start = from;
    let mut rest = known.as_slice();
    while rest.len() > Message::ASKED_MAX {
        let (piece, later) = rest.split_at(Message::ASKED_MAX);
        // A piece ends at its last host; the next begins there too, and finds that one known.
        let end = piece[Message::ASKED_MAX - 1].id;
        pieces.push((start, end, piece.to_vec()));
        start = end;
        rest = if later.is_empty() { later } else { &rest[Message::ASKED_MAX - 1..] };
    }
    pieces.push((start, to, rest.to_vec()));
    pieces
}
