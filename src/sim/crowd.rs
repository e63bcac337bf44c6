//! A network too large to be run whole: some whole hosts among stand-ins that send them what hosts send.
//!
//! A stand-in has a real session, a card and reports, but no table. It does what whole hosts would notice:
//! - each T it hands a report to one member of each group. A whole relay gets a sealed datagram; a stand-in relay
//!   queues it, and after T / 4 bundles its queue to the whole members of its group;
//! - it relays what whole hosts hand to it in the same way;
//! - it sends its whole watchers a heartbeat every H, and answers pings, inquiries and looks.
//!
//! What stand-ins would say to each other is left out, and so are their comparisons of cards: all tables are
//! alike. Nothing is lost, nobody dies.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::gossip::Input;
use crate::model::{
    Age, Aged, Card, Destination, Endpoint, Load, Member, Message, NodeId, Record, Report, Sender, SessionId,
    Timestamp, Urgency, Verdict, Version,
};
use crate::session::{Keyring, Opened, Session};

use super::fleet::{Fleet, PORT, address_of};
use super::host::source;
use super::measure::Survey;
use super::network::Traffic;
use super::world::{Happening, World};

/// A relay's hold, and what a heartbeat's pause is at T >= 3 s: as in `gossip`.
const HOLD_DIVISOR: u32 = 4;
const HEARTBEAT: Duration = Duration::from_secs(3);
const WATCHERS: usize = 3;

/// Cards in one message of those that whole hosts are given at the start.
const GIVEN_AT_ONCE: usize = 100;

/// Whole hosts and stand-ins. Whole hosts have the low numbers.
#[derive(Debug)]
pub struct Crowd {
    fleet: Fleet,
    standins: Vec<StandIn>,
    place: Place,
}

/// Who is where on the ring.
#[derive(Debug)]
struct Place {
    interval: Duration,
    bits: u8,
    /// The members of each group that has a whole member: their numbers.
    groups: Vec<Group>,
    group_of: BTreeMap<usize, usize>,
    ids: Vec<NodeId>,
    number_of: BTreeMap<NodeId, usize>,
    /// Of whole hosts, as their relays heard them.
    heard: BTreeMap<NodeId, (Report, Timestamp)>,
    /// Of stand-ins, in order of numbers.
    said: Vec<(Report, Timestamp)>,
    whole: usize,
}

#[derive(Debug, Default)]
struct Group {
    members: Vec<usize>,
    whole: Vec<usize>,
}

#[derive(Debug)]
struct StandIn {
    number: usize,
    address: SocketAddr,
    session: Session,
    report_due: Timestamp,
    bundle_due: Option<Timestamp>,
    queue: Vec<NodeId>,
    whole_watchers: Vec<NodeId>,
    heartbeat_due: Timestamp,
    /// The earliest deadline event that is on its way.
    scheduled: Option<Timestamp>,
}

impl Crowd {
    /// `whole` whole hosts that know each other and `standins` stand-ins. `bits` name a group.
    #[must_use]
    pub fn new(seed: u64, whole: usize, standins: usize, interval: Duration, bits: u8) -> Self {
        let mut fleet = Fleet::new(seed).interval(interval).hosts(whole);
        fleet.run(Duration::from_secs(15));
        let ids: Vec<NodeId> =
            (0..whole + standins).map(|number| NodeId::derive(address_of(number), PORT, 0)).collect();
        let mut place = Place {
            interval,
            bits,
            groups: Vec::new(),
            group_of: BTreeMap::new(),
            heard: BTreeMap::new(),
            said: Vec::new(),
            whole,
            number_of: ids.iter().enumerate().map(|(number, id)| (*id, number)).collect(),
            ids,
        };
        place.form_groups();
        let mut crowd = Self { fleet, standins: Vec::with_capacity(standins), place };
        let members: Vec<Member> = (0..whole).filter_map(|host| crowd.fleet.member(host)).collect();
        let mut cards = Vec::with_capacity(standins);
        for number in whole..whole + standins {
            let card = crowd.add_standin(number, &members);
            cards.push(card);
        }
        crowd.introduce(&cards);
        crowd
    }

    fn add_standin(&mut self, number: usize, members: &[Member]) -> Card {
        let world = &mut self.fleet.world;
        let address = SocketAddr::new(address_of(number), PORT);
        let id = SessionId::from_entropy(world.dice.number());
        let keys = Keyring::open("peermon");
        let key_ids = keys.key_ids();
        let mut session = Session::new(world.now, "peermon", keys, Default::default(), 1_200, id);
        members.iter().for_each(|member| session.admit(world.now, member.clone()));
        world.addresses.entry(address.ip()).or_default().push(number);
        world.traffic.push(Traffic::default());
        world.network.islands.push(0);
        let report_due = world.now.after(world.dice.within(self.place.interval));
        world.schedule(report_due, number, Happening::Deadline);
        let version = Version { incarnation: 1_700_000_000, sequence: 1 };
        self.place.said.push((report(self.place.ids[number], version), world.now));
        let standin = StandIn {
            number,
            address,
            session,
            report_due,
            bundle_due: None,
            queue: Vec::new(),
            whole_watchers: self.place.whole_watchers(number),
            heartbeat_due: report_due,
            scheduled: Some(report_due),
        };
        self.standins.push(standin);
        Card {
            id: self.place.ids[number],
            version,
            name: format!("stand-in-{number}").parse().expect("letters, hyphens and digits"),
            endpoint: Endpoint { address: address.ip(), port: PORT, salt: 0 },
            more_addresses: Vec::new(),
            session: id,
            key_ids,
            cores: Some(8),
            memory_total_mib: Some(15_900),
            labels: Vec::new(),
            software: "2.0.0".into(),
            interval: Age::from_duration(self.place.interval),
            collector: false,
            uptime_seconds: Some(86_400),
            tail: Default::default(),
        }
    }

    /// Gives all cards and first reports to the whole hosts.
    fn introduce(&mut self, cards: &[Card]) {
        let Some(first) = cards.first() else { return };
        let sender = Sender { address: first.endpoint.socket(), session: first.session, member: None };
        let now = self.fleet.world.now;
        for host in 0..self.place.whole {
            for given in cards.chunks(GIVEN_AT_ONCE) {
                let mut records = Vec::with_capacity(2 * given.len());
                for card in given {
                    let version = card.version;
                    records.push(Aged::at(now, now, Record::Card(Box::new(card.clone()))));
                    records.push(Aged::at(now, now, Record::Report(report(card.id, version))));
                }
                let input = Input::Received { sender, lag: Duration::ZERO, message: Message::Found { records } };
                self.fleet.hosts[host].step(&mut self.fleet.world, input);
            }
        }
    }

    /// Lets `span` pass.
    pub fn run(&mut self, span: Duration) {
        let end = self.fleet.world.now.after(span);
        while let Some((host, what)) = self.fleet.world.next_until(end) {
            match host.checked_sub(self.place.whole) {
                None => self.fleet.hosts[host].happen(&mut self.fleet.world, what),
                Some(nth) => self.happen(nth, what),
            }
        }
        self.fleet.world.now = end;
    }

    /// Looks into the tables of the whole hosts: all of their entries, in T.
    pub fn look(&self, survey: &mut Survey) {
        let living = self.place.ids.iter().copied().map(|id| (id, false)).collect();
        survey.look_for(&self.fleet, self.place.interval, &living);
    }

    /// Datagrams and bytes of the whole hosts together.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        (0..self.place.whole).map(|host| self.fleet.traffic(host)).fold(Traffic::default(), |sum, one| sum.plus(&one))
    }

    /// The whole hosts.
    #[must_use]
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    fn happen(&mut self, nth: usize, what: Happening) {
        let (standins, world, place) = (&mut self.standins, &mut self.fleet.world, &mut self.place);
        match what {
            Happening::Arrival { from, to, bytes } => {
                let standin = &mut standins[nth];
                match standin.session.open(world.now, from, &bytes) {
                    Ok(Opened::Message { sender, message }) => standin.receive(world, place, &sender, message),
                    Ok(Opened::Hello { reply }) => world.send(standin.number, "welcome", to, from, reply),
                    Ok(Opened::Welcome { .. }) | Err(_) => {}
                }
            }
            Happening::Deadline => {
                if standins[nth].scheduled.is_some_and(|due| due <= world.now) {
                    standins[nth].scheduled = None;
                }
                if standins[nth].report_due <= world.now {
                    tell(standins, nth, world, place);
                }
                standins[nth].run(world, place);
            }
            Happening::Refusal { .. } | Happening::Start | Happening::ClockJump | Happening::Load(_) => {}
        }
    }
}

/// A stand-in's report: to whole relays as it is, to the queues of others.
fn tell(standins: &mut [StandIn], nth: usize, world: &mut World, place: &mut Place) {
    let number = standins[nth].number;
    let (said, made) = &mut place.said[nth];
    *said = Report { version: said.version.next().unwrap_or_default(), ..said.clone() };
    *made = world.now;
    let id = said.id;
    let record = Aged { age: Age::default(), value: Record::Report(said.clone()) };
    standins[nth].report_due = world.now.after(world.dice.jitter(place.interval, 5));
    let own = place.group_of.get(&number).copied();
    for group in 0..place.groups.len() {
        let relay = match own == Some(group) {
            true => number,
            false => world.dice.pick(&place.groups[group].members).copied().unwrap_or(number),
        };
        match relay.checked_sub(place.whole) {
            Some(relay) => standins[relay].queue(world, place, id),
            None => {
                let message =
                    Message::Handover { bits: place.bits, urgency: Urgency::Routine, records: vec![record.clone()] };
                standins[nth].send(world, Destination::Member(place.ids[relay]), &message);
            }
        }
    }
}

impl StandIn {
    fn queue(&mut self, world: &mut World, place: &Place, id: NodeId) {
        self.queue.push(id);
        if self.bundle_due.is_none() {
            self.bundle_due = Some(world.now.after(place.interval / HOLD_DIVISOR));
            self.schedule(world);
        }
    }

    fn run(&mut self, world: &mut World, place: &Place) {
        if self.bundle_due.is_some_and(|due| due <= world.now) {
            self.bundle_due = None;
            let mut ids = std::mem::take(&mut self.queue);
            ids.push(place.ids[self.number]);
            ids.sort_unstable();
            ids.dedup();
            let records: Vec<Aged<Record>> = ids.iter().filter_map(|id| place.newest(world.now, *id)).collect();
            let whole = place.group_of.get(&self.number).map(|group| place.groups[*group].whole.clone());
            for host in whole.unwrap_or_default() {
                self.send(world, Destination::Member(place.ids[host]), &Message::Bundle { records: records.clone() });
            }
        }
        if self.heartbeat_due <= world.now && !self.whole_watchers.is_empty() {
            self.heartbeat_due = world.now.after(HEARTBEAT);
            for watcher in self.whole_watchers.clone() {
                self.send(world, Destination::Member(watcher), &Message::Heartbeat);
            }
        }
        self.schedule(world);
    }

    fn schedule(&mut self, world: &mut World) {
        let heartbeat = (!self.whole_watchers.is_empty()).then_some(self.heartbeat_due);
        let due = [self.bundle_due, heartbeat].into_iter().flatten().fold(self.report_due, Timestamp::min);
        let due = due.max(world.now);
        if self.scheduled.is_none_or(|scheduled| due < scheduled) {
            self.scheduled = Some(due);
            world.schedule(due, self.number, Happening::Deadline);
        }
    }

    fn receive(&mut self, world: &mut World, place: &mut Place, sender: &Sender, message: Message) {
        let Some(id) = sender.member else { return };
        let to = Destination::Member(id);
        match message {
            Message::Handover { records, .. } => {
                for Aged { age, value } in records {
                    if let Record::Report(report) = value {
                        let made = world.now.before(age.as_duration());
                        let id = report.id;
                        place.heard.insert(id, (report, made));
                        self.queue(world, place, id);
                    }
                }
            }
            Message::Ping { token } => self.send(world, to, &Message::Pong { token }),
            Message::Inquire(inquiry) => {
                let answer = Message::Answer { token: inquiry.token, verdict: Verdict::Alive };
                self.send(world, to, &answer);
            }
            Message::Look { known } => {
                let newer = known.iter().filter_map(|known| {
                    let newest = place.newest(world.now, known.id)?;
                    // What was said a moment ago is not known everywhere yet.
                    let spread = newest.age.as_duration() > place.interval / 2;
                    (newest.value.version() > known.version && spread).then_some(newest)
                });
                let records: Vec<Aged<Record>> = newer.collect();
                if !records.is_empty() {
                    self.send(world, to, &Message::Found { records });
                }
            }
            Message::Bundle { .. }
            | Message::Found { .. }
            | Message::CardHash { .. }
            | Message::Agree
            | Message::Busy
            | Message::Buckets { .. }
            | Message::AskCards { .. }
            | Message::WantCards { .. }
            | Message::Heartbeat
            | Message::Pong { .. }
            | Message::Answer { .. }
            | Message::YourVersion { .. } => {}
        }
    }

    fn send(&mut self, world: &mut World, to: Destination, message: &Message) {
        let Some(sealed) = self.session.seal(world.now, &to, message) else { return };
        let from = source(self.address, message.is_answer());
        for bytes in sealed.datagrams {
            world.send(self.number, "of stand-ins", from, sealed.to, bytes);
        }
    }
}

impl Place {
    fn form_groups(&mut self) {
        let mut by_prefix: BTreeMap<u64, Group> = BTreeMap::new();
        for (number, id) in self.ids.iter().enumerate() {
            let group = by_prefix.entry(id.as_u64() >> (48 - self.bits)).or_default();
            group.members.push(number);
            if number < self.whole {
                group.whole.push(number);
            }
        }
        self.groups = by_prefix.into_values().filter(|group| !group.whole.is_empty()).collect();
        for (place, group) in self.groups.iter().enumerate() {
            self.group_of.extend(group.members.iter().map(|member| (*member, place)));
        }
    }

    /// The whole ones among the next three on the ring.
    fn whole_watchers(&self, number: usize) -> Vec<NodeId> {
        let distance = |id: NodeId| id.as_u64().wrapping_sub(self.ids[number].as_u64()) & ((1 << 48) - 1);
        let mut nearest: Vec<(u64, usize)> = self
            .ids
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != number)
            .map(|(other, id)| (distance(*id), other))
            .collect();
        nearest.select_nth_unstable(WATCHERS);
        nearest.truncate(WATCHERS);
        nearest.into_iter().filter(|(_, other)| *other < self.whole).map(|(_, other)| self.ids[other]).collect()
    }

    fn newest(&self, now: Timestamp, id: NodeId) -> Option<Aged<Record>> {
        let (report, made) = match self.heard.get(&id) {
            Some(heard) => heard,
            None => self.said.get(self.number_of.get(&id)?.checked_sub(self.whole)?)?,
        };
        Some(Aged::at(now, *made, Record::Report(report.clone())))
    }
}

fn report(id: NodeId, version: Version) -> Report {
    let load = Load { load1_hundredths: Some(50), memory_available_mib: Some(12_000) };
    Report { id, version, card: 1, load, flags: 0, tail: Default::default() }
}
