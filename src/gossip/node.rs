//! One host's part in the gossip: [`Node::step`] takes what the world says and answers what should happen.

use std::net::SocketAddr;
use std::time::Duration;

use crate::model::{Aged, Destination, HostView, Message, NodeId, Record, Sender, SessionId, Timestamp, Urgency};

use super::census::Census;
use super::examine::Examining;
use super::join::Join;
use super::look::Looks;
use super::outbox::Outbox;
use super::own::Me;
use super::relay::Relay;
use super::roster::Roster;
use super::sync::Sync;
use super::watch::Watch;
use super::{Identity, Input, Output, Settings, Summary};
use crate::model::Dice;

/// A step this much later than it was asked for: the process was stopped, or the machine slept. What others
/// did not say meanwhile says nothing about them.
const LATE_STEP: Duration = Duration::from_millis(500);

/// One host's part in the gossip.
#[derive(Clone, Debug)]
pub struct Node {
    pub(super) settings: Settings,
    pub(super) dice: Dice,
    pub(super) me: Me,
    pub(super) roster: Roster,
    pub(super) census: Census,
    pub(super) outbox: Outbox,
    pub(super) relay: Relay,
    pub(super) looks: Looks,
    pub(super) sync: Sync,
    pub(super) join: Join,
    pub(super) watch: Watch,
    pub(super) examining: Examining,
    /// What the step at hand wants done.
    pub(super) out: Vec<Output>,
    deadline: Timestamp,
}

impl Node {
    /// A host that knows nobody. `wall_seconds`: seconds since 1970, a hint for the incarnation. `seed`:
    /// drawn by the shell from the system's entropy.
    #[must_use]
    pub fn new(
        now: Timestamp,
        settings: Settings,
        identity: Identity,
        session: SessionId,
        wall_seconds: u64,
        seed: u64,
    ) -> Self {
        let interval = settings.interval;
        let mut node = Self {
            settings,
            dice: Dice::new(seed),
            me: Me::new(now, identity, session, wall_seconds, interval),
            roster: Roster::default(),
            census: Census::new(now, interval),
            outbox: Outbox::default(),
            relay: Relay::new(now),
            looks: Looks::new(now),
            sync: Sync::new(now),
            join: Join::new(now, interval),
            watch: Watch::default(),
            examining: Examining::default(),
            out: Vec::new(),
            deadline: now,
        };
        node.renew_card(now);
        node
    }

    /// Takes one input at `now`, pushes what should happen. Cannot fail, never blocks.
    pub fn step(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>) {
        if now.since(self.deadline) > LATE_STEP {
            self.forget_silences(now);
            self.join.wake(now);
        }
        self.take_census(now);
        match input {
            Input::Tick => self.tick(now),
            Input::Sampled(sample) => self.take_sample(now, sample),
            Input::Received { sender, lag, message } => self.receive(now, &sender, lag, message),
            Input::Welcomed { address, session } => {
                self.note_welcome(address);
                self.take_welcome(now, address, session);
            }
            Input::Refused { address } => self.refused(now, address),
            Input::Seeds(seeds) => self.join.set_seeds(seeds, now),
            Input::Reload { valid, labels, key_ids } => {
                self.settings.valid = valid;
                self.sync.forget_refused();
                self.drop_invalid();
                self.take_labels_and_keys(now, labels, key_ids);
            }
            Input::Moved(identity) => self.take_move(now, identity),
            Input::ClockJumped { wall_seconds } => self.take_clock_jump(now, wall_seconds),
            Input::SessionSpent => self.draw_session_once_an_interval(now),
            Input::SessionDrawn(session) => self.take_session(now, session),
            Input::Examine => self.examine(now),
            Input::Leave => {
                self.recount(now);
                self.say_goodbye(now);
                for (to, message) in self.outbox.take_all(now) {
                    self.send(now, to, message);
                }
            }
        }
        for (to, message) in self.outbox.take_due(now) {
            self.send(now, to, message);
        }
        // Never in the past: who is woken at once for something overdue is not late.
        self.deadline = self.earliest_deadline().max(now);
        out.append(&mut self.out);
    }

    /// When the next [`Input::Tick`] is wanted.
    #[must_use]
    pub fn next_deadline(&self) -> Timestamp {
        self.deadline
    }

    /// This host's id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.me.id
    }

    /// All hosts, this one included, in order of ids. `pending_hundredths` is zero: the daemon fills it in.
    #[must_use]
    pub fn hosts(&self, now: Timestamp) -> Vec<HostView> {
        self.roster.iter().filter_map(|(id, host)| host.view(now, self.state_of(now, id, host))).collect()
    }

    /// Whether it still compares its cards as a newcomer does (rule 4).
    #[must_use]
    pub fn is_newcomer(&self) -> bool {
        self.join.is_newcomer()
    }

    /// One host, as [`Node::hosts`] shows it.
    #[must_use]
    pub fn host(&self, now: Timestamp, id: NodeId) -> Option<HostView> {
        let host = self.roster.get(id)?;
        host.view(now, self.state_of(now, id, host))
    }

    /// How many hosts something is held about, shown or not: at most [`super::HOSTS_MAX`].
    #[must_use]
    pub fn table_size(&self) -> usize {
        self.roster.len()
    }

    /// What `--status` shows of it.
    #[must_use]
    pub fn summary(&self, now: Timestamp) -> Summary {
        let first_key = self.me.first_key();
        let lacks = |id: &&NodeId| {
            let card = self.roster.get(**id).and_then(|host| host.card.as_ref());
            card.is_some_and(|held| first_key.is_some_and(|key| !held.record.key_ids.contains(&key)))
        };
        let lacking = self.census.living.iter().filter(lacks).count();
        Summary {
            hosts: self.census.counts,
            last_heard: self.join.heard().map(|heard| now.since(heard)),
            isolated: self.join.is_isolated(),
            twin: self.me.twin,
            lacking_first_key: u32::try_from(lacking).unwrap_or(u32::MAX),
        }
    }

    fn tick(&mut self, now: Timestamp) {
        self.run_own(now);
        self.run_watch(now);
        self.run_relay(now);
        self.run_join(now);
        self.run_looks(now);
        self.run_sync(now);
        self.run_examination(now);
    }

    fn earliest_deadline(&self) -> Timestamp {
        let always = [self.me.due(), self.looks.due, self.sync.due, self.join.due(), self.census.due()];
        let sometimes = [self.outbox.due(), self.relay.due(), self.watch_due(), self.examining.due()];
        always.into_iter().chain(sometimes.into_iter().flatten()).min().unwrap_or_default()
    }

    fn receive(&mut self, now: Timestamp, sender: &Sender, lag: Duration, message: Message) {
        if let Some(id) = sender.member {
            self.heard_a_member(now);
            self.heard_from(now, id);
        }
        match message {
            Message::Handover { bits, urgency, records } => {
                let taken = self.take(now, sender, lag, records);
                self.hold(now, bits, urgency, &taken.origins);
            }
            Message::Bundle { records } => {
                self.take(now, sender, lag, records);
            }
            Message::Found { records } => {
                let taken = self.take(now, sender, lag, records);
                self.count_found(now, sender, taken.new_cards);
            }
            Message::Look { known } => self.answer_look(now, self.reply_to(sender), &known),
            Message::CardHash { hash, confirm } => self.take_card_hash(now, sender, hash, confirm),
            Message::Agree => self.count_agreement(now),
            Message::Busy => self.count_difference(),
            Message::Buckets { hashes } => self.take_buckets(now, sender, &hashes),
            Message::AskCards { from, to, known } => self.answer_cards(now, sender, from, to, &known),
            Message::WantCards { ids } => self.answer_wanted(now, sender, &ids),
            Message::Heartbeat | Message::Pong { .. } => {}
            Message::Ping { token } => {
                self.note_ping(sender, token);
                self.send(now, self.reply_to(sender), Message::Pong { token });
            }
            Message::Inquire(inquiry) => self.take_inquiry(now, self.reply_to(sender), inquiry),
            Message::Answer { token, verdict } => self.take_answer(now, sender.member, token, verdict),
            Message::YourVersion { version } => self.hear_own_version(now, version),
        }
    }

    fn refused(&mut self, now: Timestamp, address: SocketAddr) {
        self.note_refusal(address);
        if let Some(id) = self.living_at(address) {
            self.hand_over_elsewhere(now, id);
            self.watched_is_refused(now, id);
        }
    }

    /// Hosts that valid_ips no longer accepts leave the table.
    fn drop_invalid(&mut self) {
        let outside = |address| !self.settings.valid.accepts(address);
        let gone: Vec<NodeId> = self
            .roster
            .iter()
            .filter(|(id, _)| *id != self.me.id)
            .filter(|(_, host)| host.card.as_ref().is_some_and(|held| outside(held.record.endpoint.address)))
            .map(|(id, _)| id)
            .collect();
        for id in gone {
            self.forget(id);
        }
        self.census.outdate();
    }

    /// Sends now: what is small, or an answer that somebody waits for.
    pub(super) fn send(&mut self, now: Timestamp, to: Destination, message: Message) {
        if let Destination::Member(id) = to
            && let Some(host) = self.roster.get_mut(id)
        {
            host.told = Some(now);
        }
        self.out.push(Output::Send { to, message });
    }

    /// Sends when there is room: answers with many records.
    pub(super) fn send_found(&mut self, now: Timestamp, to: Destination, records: Vec<Aged<Record>>) {
        self.outbox.push(now, Urgency::Urgent, to, Message::Found { records });
    }
}
