//! One machine: its clocks, its socket, and the daemon on it, which carries out what the state machine
//! answers in the way the real daemon does.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use crate::gossip::{Event, HOSTS_MAX, Identity, Input, Node, Output, Settings};
use crate::model::{
    Age, Aged, Endpoint, Load, Message, NetworkList, NodeId, Record, Sample, SessionId, Tail, Timestamp, UnknownRecord,
    Version,
};
use crate::session::{DATAGRAM_DEFAULT, Keyring, Opened, Session};

use super::world::{Happening, World};

/// Datagrams that a socket holds while its process is stopped: Linux's default buffer of 208 KiB, at what a
/// small datagram is charged there.
const SOCKET_MAX: usize = 256;

/// What lay in the socket for longer is dropped, as the daemon does.
const LAG_MAX: Duration = Duration::from_secs(1);

/// Wall clocks begin here, in seconds since 1970.
const WALL_START: i64 = 1_700_000_000;

/// What a newer version of peermon says besides: one unknown field at the end of its records, and a record of
/// an unknown kind.
pub(super) const NEWER_KIND: u32 = 77;
/// Canonical CBOR: an array of one text.
pub(super) const NEWER_TAIL: &[u8] = &[0x81, 0x63, b'n', b'e', b'w'];

/// What a machine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Power {
    /// It runs.
    On,
    /// It is suspended: its clock goes on, datagrams are lost.
    Asleep,
    /// It is gone: what is sent there is lost, and no ICMP comes back.
    Off,
}

/// How a daemon is started.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub interval: Duration,
    pub collector: bool,
    /// Says things that this version does not understand.
    pub newer: bool,
    pub seeds: Vec<SocketAddr>,
    pub valid: NetworkList,
    pub network: String,
    /// `None`: those of an open network.
    pub keys: Option<Keyring>,
    pub max_datagram: usize,
}

/// A process.
#[derive(Clone, Debug)]
pub(super) struct Daemon {
    pub node: Node,
    pub session: Session,
}

/// What a newer host read of the newer things of another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Newer {
    /// Of its report, as it came through somebody else: version and unknown field.
    pub report: Option<(Version, Tail)>,
    /// The record of the unknown kind, likewise.
    pub unknown: Option<(Version, Tail)>,
}

/// One machine.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub index: usize,
    pub address: SocketAddr,
    pub plan: Plan,
    pub daemon: Option<Daemon>,
    pub power: Power,
    /// Its process is stopped (SIGSTOP): datagrams wait in the socket.
    pub stopped: bool,
    pub sample: Sample,
    /// This machine's clocks against the virtual time.
    pub boot_offset: i64,
    pub wall_offset: i64,
    /// What it read of newer hosts, where it is one.
    pub newer: BTreeMap<NodeId, Newer>,
    socket: VecDeque<(Timestamp, SocketAddr, SocketAddr, Vec<u8>)>,
    /// The earliest deadline event that is on its way.
    scheduled: Option<Timestamp>,
}

impl Host {
    pub fn new(index: usize, address: SocketAddr, plan: Plan, boot_offset: i64) -> Self {
        let sample = Sample {
            load: Load { load1_hundredths: Some(50), memory_available_mib: Some(12_000) },
            cores: Some(8),
            memory_total_mib: Some(15_900),
            uptime_seconds: Some(86_400),
        };
        Self {
            index,
            address,
            plan,
            daemon: None,
            power: Power::On,
            stopped: false,
            sample,
            boot_offset,
            wall_offset: 0,
            newer: BTreeMap::new(),
            socket: VecDeque::new(),
            scheduled: None,
        }
    }

    /// Memory, settings and clocks of another machine; number and address stay.
    pub fn become_copy_of(&mut self, machine: Self) {
        *self = Self { index: self.index, address: self.address, socket: VecDeque::new(), scheduled: None, ..machine };
    }

    /// Whether its daemon runs and could speak.
    pub fn is_up(&self) -> bool {
        self.daemon.is_some() && self.power == Power::On && !self.stopped
    }

    /// This machine's clock.
    pub fn clock(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_micros(now.as_micros() + self.boot_offset)
    }

    /// This machine's wall clock, in seconds since 1970.
    pub fn wall_seconds(&self, now: Timestamp) -> u64 {
        u64::try_from(WALL_START + now.as_micros() / 1_000_000 + self.wall_offset).unwrap_or(0)
    }

    pub fn identity(&self, keys: &Keyring) -> Identity {
        Identity {
            name: format!("host-{}", self.index).parse().expect("letters, a hyphen and digits"),
            endpoint: Endpoint { address: self.address.ip(), port: self.address.port(), salt: 0 },
            more_addresses: Vec::new(),
            labels: Vec::new(),
            software: "2.0.0".into(),
            key_ids: keys.key_ids(),
        }
    }

    /// Starts a daemon: a new life, a new session.
    pub fn start(&mut self, world: &mut World) {
        let now = self.clock(world.now);
        let id = SessionId::from_entropy(world.dice.number());
        let keys = self.plan.keyring();
        let settings = Settings {
            interval: self.plan.interval,
            collector: self.plan.collector,
            valid: self.plan.valid.clone(),
            hosts_max: HOSTS_MAX,
            max_datagram: self.plan.max_datagram,
        };
        let (identity, wall) = (self.identity(&keys), self.wall_seconds(world.now));
        let session = Session::new(now, &self.plan.network, keys, self.plan.valid.clone(), self.plan.max_datagram, id);
        let node = Node::new(now, settings, identity, id, wall, world.dice.number());
        self.power = Power::On;
        self.stopped = false;
        self.daemon = Some(Daemon { node, session });
        let seeds = self.plan.seeds.iter().copied().filter(|seed| *seed != self.address).collect();
        self.step(world, Input::Seeds(seeds));
        self.step(world, Input::Tick);
    }

    /// The process is gone.
    pub fn end(&mut self) {
        self.daemon = None;
        self.socket.clear();
        self.stopped = false;
    }

    /// Something happens to it.
    pub fn happen(&mut self, world: &mut World, what: Happening) {
        match what {
            Happening::Arrival { from, to, bytes } => self.arrive(world, from, to, bytes),
            Happening::Refusal { by } => {
                if self.is_up() {
                    self.step(world, Input::Refused { address: by });
                }
            }
            Happening::Deadline => self.wake(world),
            Happening::Start => {
                if self.daemon.is_none() {
                    self.start(world);
                }
            }
            Happening::ClockJump => {
                if self.is_up() {
                    let wall_seconds = self.wall_seconds(world.now);
                    self.step(world, Input::ClockJumped { wall_seconds });
                }
            }
            Happening::Load(hundredths) => self.sample.load.load1_hundredths = Some(hundredths),
        }
    }

    fn wake(&mut self, world: &mut World) {
        if self.scheduled.is_some_and(|due| due <= world.now) {
            self.scheduled = None;
        }
        if !self.is_up() {
            return;
        }
        let now = self.clock(world.now);
        if self.daemon.as_ref().is_some_and(|daemon| daemon.node.next_deadline() <= now) {
            self.step(world, Input::Tick);
        } else {
            self.schedule(world);
        }
    }

    fn arrive(&mut self, world: &mut World, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        if self.power != Power::On || to.ip() != self.address.ip() {
            return;
        }
        if self.daemon.is_none() {
            return world.refuse(self.index, from, to);
        }
        let traffic = &mut world.traffic[self.index];
        traffic.received += 1;
        traffic.received_bytes += bytes.len() as u64 + super::network::FRAMING;
        if !self.stopped {
            self.open(world, from, to, &bytes, Duration::ZERO);
        } else if self.socket.len() < SOCKET_MAX {
            self.socket.push_back((world.now, from, to, bytes));
        }
    }

    /// The process goes on: it reads its socket empty before it looks at its timers.
    pub fn go_on(&mut self, world: &mut World) {
        self.stopped = false;
        for (arrived, from, to, bytes) in std::mem::take(&mut self.socket) {
            let lag = world.now.since(arrived);
            if lag <= LAG_MAX {
                self.open(world, from, to, &bytes, lag);
            }
        }
        if self.is_up() {
            self.step(world, Input::Tick);
        }
    }

    fn open(&mut self, world: &mut World, from: SocketAddr, to: SocketAddr, bytes: &[u8], lag: Duration) {
        let now = self.clock(world.now);
        let Some(daemon) = &mut self.daemon else { return };
        let (opened, spent) = (daemon.session.open(now, from, bytes), daemon.session.is_spent());
        match opened {
            Ok(Opened::Message { sender, message }) => {
                if self.plan.newer {
                    self.read_newer(sender.member, &message);
                }
                self.step(world, Input::Received { sender, lag, message });
            }
            Ok(Opened::Hello { reply }) => world.send(self.index, "welcome", to, from, reply),
            Ok(Opened::Welcome { address, session }) => self.step(world, Input::Welcomed { address, session }),
            Err(reason) => *world.rejects.entry(reason).or_default() += 1,
        }
        if spent {
            self.step(world, Input::SessionSpent);
        }
    }

    /// One step of the state machine, and all that it wants done.
    pub fn step(&mut self, world: &mut World, input: Input) {
        let now = self.clock(world.now);
        let mut inputs = VecDeque::from([input]);
        let mut outputs = Vec::new();
        while let Some(input) = inputs.pop_front() {
            let Some(daemon) = &mut self.daemon else { return };
            daemon.node.step(now, input, &mut outputs);
            for output in outputs.drain(..) {
                let Some(daemon) = &mut self.daemon else { return };
                match output {
                    Output::Send { to, message } => {
                        let own = daemon.node.id();
                        note_suspicions(world, self.index, own, &message);
                        let message = if self.plan.newer { say_more(own, message) } else { message };
                        let Some(sealed) = daemon.session.seal(now, &to, &message) else { continue };
                        let from = source(self.address, message.is_answer());
                        for bytes in sealed.datagrams {
                            world.send(self.index, kind_of(&message), from, sealed.to, bytes);
                        }
                    }
                    Output::Hello { to } => {
                        let sealed = daemon.session.hello(now, to);
                        for bytes in sealed.datagrams {
                            world.send(self.index, "hello", source(self.address, false), sealed.to, bytes);
                        }
                    }
                    Output::Admit(member) => daemon.session.admit(now, member),
                    Output::Dismiss(id) => daemon.session.dismiss(id),
                    Output::Measure => inputs.push_back(Input::Sampled(self.sample)),
                    Output::DrawSession => {
                        let id = SessionId::from_entropy(world.dice.number());
                        daemon.session.begin(now, id);
                        inputs.push_back(Input::SessionDrawn(id));
                    }
                    Output::Event(event) => self.note(world, event),
                }
            }
        }
        self.schedule(world);
    }

    fn note(&self, world: &mut World, event: Event) {
        world.events.push((world.now, self.index, event));
    }

    fn schedule(&mut self, world: &mut World) {
        let Some(daemon) = &self.daemon else { return };
        let due = Timestamp::from_micros(daemon.node.next_deadline().as_micros().saturating_sub(self.boot_offset));
        let due = due.max(world.now);
        if self.scheduled.is_none_or(|scheduled| due < scheduled) {
            self.scheduled = Some(due);
            world.schedule(due, self.index, Happening::Deadline);
        }
    }

    /// What a newer version would make of what only it understands; only what came through others counts.
    fn read_newer(&mut self, sender: Option<NodeId>, message: &Message) {
        for Aged { value, .. } in message.records() {
            if sender == Some(value.id()) {
                continue;
            }
            match value {
                Record::Report(report) if !report.tail.is_empty() => {
                    self.newer.entry(report.id).or_default().report = Some((report.version, report.tail.clone()));
                }
                Record::Unknown(unknown) if unknown.kind == NEWER_KIND => {
                    self.newer.entry(unknown.id).or_default().unknown = Some((unknown.version, unknown.body.clone()));
                }
                Record::Report(_)
                | Record::Unknown(_)
                | Record::Card(_)
                | Record::Departure(_)
                | Record::Suspicion(_) => {}
            }
        }
    }
}

/// The port that a datagram leaves from: an answer's is the one that was asked, all others' the one above.
pub(super) fn source(address: SocketAddr, answer: bool) -> SocketAddr {
    SocketAddr::new(address.ip(), if answer { address.port() } else { address.port() + 1 })
}

/// The name under which a message is counted.
fn kind_of(message: &Message) -> &'static str {
    match message {
        Message::Handover { urgency: crate::model::Urgency::Routine, .. } => "handover",
        Message::Handover { urgency: crate::model::Urgency::Urgent, .. } => "urgent handover",
        Message::Bundle { .. } => "bundle",
        Message::Found { .. } => "found",
        Message::Look { .. } => "look",
        Message::CardHash { .. } => "card hash",
        Message::Agree => "agree",
        Message::Busy => "busy",
        Message::Buckets { .. } => "buckets",
        Message::AskCards { .. } => "ask cards",
        Message::WantCards { .. } => "want cards",
        Message::Heartbeat => "heartbeat",
        Message::Ping { .. } => "ping",
        Message::Pong { .. } => "pong",
        Message::Inquire(_) => "inquire",
        Message::Answer { .. } => "answer",
        Message::YourVersion { .. } => "your version",
    }
}

/// Keeps account of the suspicions that `host` raises itself.
fn note_suspicions(world: &mut World, host: usize, own: NodeId, message: &Message) {
    for Aged { age, value } in message.records() {
        if let Record::Suspicion(suspicion) = value
            && suspicion.by == own
            && *age == Age::default()
        {
            world.suspicions.insert((world.now, host, suspicion.id));
        }
    }
}

/// What a newer version adds to what it says of itself.
fn say_more(own: NodeId, mut message: Message) -> Message {
    let Some(records) = message.records_mut() else { return message };
    let mut more = Vec::new();
    for Aged { age, value } in records.iter_mut().filter(|record| record.value.id() == own) {
        match value {
            Record::Report(report) => {
                report.tail = Tail(NEWER_TAIL.into());
                let body = Tail(NEWER_TAIL.into());
                let unknown = UnknownRecord { kind: NEWER_KIND, id: own, version: report.version, body };
                more.push(Aged { age: *age, value: Record::Unknown(unknown) });
            }
            Record::Card(card) => card.tail = Tail(NEWER_TAIL.into()),
            Record::Departure(_) | Record::Suspicion(_) | Record::Unknown(_) => {}
        }
    }
    records.extend(more);
    message
}

impl Plan {
    pub fn new() -> Self {
        Self {
            interval: Duration::from_secs(20),
            collector: false,
            newer: false,
            seeds: Vec::new(),
            valid: NetworkList::default(),
            network: "peermon".to_owned(),
            keys: None,
            max_datagram: DATAGRAM_DEFAULT,
        }
    }

    pub fn keyring(&self) -> Keyring {
        self.keys.clone().unwrap_or_else(|| Keyring::open(&self.network))
    }
}
