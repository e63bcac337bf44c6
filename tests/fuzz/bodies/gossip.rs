//! Opened datagrams: decoded, and told to a host that lives among others.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use peermon::gossip::{Input, Node, Output, Settings};
use peermon::model::{
    Age, Aged, Departure, HostState, Load, Message, NetworkList, NodeId, Record, Sample, Sender, SessionId, Suspicion,
    Tail, Timestamp, UnknownRecord, Urgency, Version,
};
use peermon::wire::datagram;
use peermon::wire::limits::{DATAGRAM_DEFAULT, PLAINTEXT_MAX, SEAL_OVERHEAD};

use super::cbor::check_canonical;
use super::lab;
use super::script::Script;

/// More outputs no step may have: what one datagram can ask for, a burst, and the hosts that it can bring.
const OUTPUTS_MAX: usize = 400;

/// More steps nobody may ask for in a second, or it spins: three hosts that are pinged each 0.12 s, looks,
/// bundles and what is urgent.
const STEPS_PER_SECOND_MAX: u64 = 200;

/// Most hosts in the table of a conversation: few more than are there, so that the limit is met.
const HOSTS_MAX: usize = lab::HOSTS as usize + 10;

/// Most things that happen in one conversation: enough for many states, and it ends soon.
const TURNS_MAX: usize = 30;

/// A wait is so many of these as the square of a byte: mostly short, 26 s at most. The longest conversation
/// takes 13 minutes: who says nothing meanwhile is dead, and not yet forgotten.
const WAIT_UNIT: Duration = Duration::from_micros(400);

/// The plaintext in one datagram.
///
/// Decoding consumes everything and has one form only. Whoever hears the message, from a member and from a
/// stranger, goes on: see [`Listener`].
pub fn opened(bytes: &[u8]) -> bool {
    let Ok(message) = datagram::decode(bytes) else { return false };
    assert_eq!(datagram::encode(&message, PLAINTEXT_MAX), [bytes]);
    check_canonical(bytes);
    let mut listener = Listener::new();
    listener.hear(Some(1), message.clone());
    listener.hear(None, message);
    listener.run(Duration::from_secs(8));
    listener.check();
    true
}

/// Some of what happens to a host in its life: plaintexts, records of every kind about hosts that are there
/// and hosts that are not, refused ports, jumps of the clock.
pub fn conversation(bytes: &[u8]) -> bool {
    let mut script = Script::new(bytes);
    let mut listener = Listener::new();
    let mut is_heard = false;
    for _ in 0..TURNS_MAX {
        if script.is_empty() {
            break;
        }
        is_heard |= listener.take_turn(&mut script);
        listener.run(WAIT_UNIT * u32::from(script.byte()).pow(2));
    }
    listener.run(Duration::from_secs(1));
    listener.check();
    is_heard
}

/// A host that knows [`lab::HOSTS`] others, its clock, and the promises that it keeps whatever it hears.
#[derive(Clone)]
struct Listener {
    node: Node,
    now: Timestamp,
    admitted: BTreeSet<NodeId>,
    sessions: u64,
}

impl Listener {
    fn new() -> Self {
        static SETTLED: LazyLock<Listener> = LazyLock::new(Listener::settle);
        SETTLED.clone()
    }

    fn settle() -> Self {
        let settings = Settings {
            interval: Duration::from_secs(20),
            collector: false,
            valid: NetworkList::default(),
            hosts_max: HOSTS_MAX,
            max_datagram: DATAGRAM_DEFAULT,
        };
        let (session, now) = (lab::session(lab::ME), lab::START);
        let node = Node::new(now, settings, lab::identity(lab::ME), session, 3, 1);
        let mut listener = Self { node, now, admitted: BTreeSet::new(), sessions: 0 };
        listener.step(Input::Tick);
        let version = Version { incarnation: 4, sequence: 1 };
        for host in 1..=lab::HOSTS {
            let records = vec![
                Aged { age: Age::default(), value: Record::Card(Box::new(lab::card(host, version))) },
                Aged { age: Age::default(), value: Record::Report(lab::report(host, version)) },
            ];
            listener.hear(Some(host), Message::Bundle { records });
        }
        listener.run(Duration::from_millis(500));
        listener
    }

    /// Something happens. Whether it was a message.
    fn take_turn(&mut self, script: &mut Script<'_>) -> bool {
        let what = script.byte() % 16;
        let host = script.byte() % (lab::HOSTS + 20);
        let member = (host > 0).then_some(host);
        match what {
            0..=5 => {
                let Ok(message) = datagram::decode(script.bytes()) else { return false };
                self.hear(member, message);
                return true;
            }
            6..=10 => {
                let records = (0..=script.byte() % 8).map(|_| record(script)).collect();
                let message = match what {
                    6 => Message::Handover { bits: script.byte() % 49, urgency: Urgency::Routine, records },
                    7 => Message::Handover { bits: script.byte() % 49, urgency: Urgency::Urgent, records },
                    8 => Message::Found { records },
                    _ => Message::Bundle { records },
                };
                self.hear(member, message);
                return true;
            }
            11 => self.step(Input::Refused { address: lab::endpoint(host).socket() }),
            12 => self.step(Input::Welcomed { address: lab::stranger(), session: lab::session(host) }),
            13 => self.step(Input::ClockJumped { wall_seconds: u64::from(script.short()) }),
            14 => self.step(Input::SessionSpent),
            _ => {
                self.step(Input::Seeds(vec![lab::endpoint(host).socket(), lab::stranger()]));
                self.step(Input::Examine);
            }
        }
        false
    }

    /// `host`, or a stranger, says `message`.
    fn hear(&mut self, host: Option<u8>, message: Message) {
        let sender = match host {
            Some(host) => {
                let endpoint = lab::endpoint(host);
                Sender { address: endpoint.socket(), session: lab::session(host), member: Some(endpoint.id()) }
            }
            None => Sender { address: lab::stranger(), session: lab::session(0), member: None },
        };
        self.step(Input::Received { sender, lag: Duration::from_micros(50), message });
    }

    fn step(&mut self, input: Input) {
        let mut out = Vec::new();
        self.node.step(self.now, input, &mut out);
        assert!(out.len() <= OUTPUTS_MAX, "{} outputs of one step", out.len());
        for output in out {
            match output {
                Output::Send { message, .. } => check_sent(&message),
                Output::Measure => self.step(Input::Sampled(sample())),
                Output::DrawSession => {
                    self.sessions += 1;
                    self.step(Input::SessionDrawn(SessionId::from_entropy(self.sessions)));
                }
                Output::Admit(member) => {
                    self.admitted.insert(member.id);
                }
                Output::Dismiss(id) => {
                    self.admitted.remove(&id);
                }
                Output::Hello { .. } | Output::Event(_) => {}
            }
        }
        assert!(self.admitted.len() <= HOSTS_MAX, "{} members", self.admitted.len());
    }

    /// Time goes by.
    fn run(&mut self, span: Duration) {
        let end = self.now.after(span);
        let steps_max = STEPS_PER_SECOND_MAX * (span.as_secs() + 1);
        let mut steps = 0;
        while self.node.next_deadline() <= end {
            self.now = self.now.max(self.node.next_deadline());
            self.step(Input::Tick);
            steps += 1;
            assert!(steps <= steps_max, "{steps} steps in {span:?}");
        }
        self.now = end;
    }

    /// Whatever was heard: it still tells its own load, has forgotten nobody, and its table is bounded.
    fn check(&self) {
        let hosts = self.node.hosts(self.now);
        assert!(hosts.len() <= HOSTS_MAX, "{} hosts", hosts.len());
        let own = hosts.iter().find(|view| view.id == self.node.id());
        assert_eq!(own.map(|view| view.state), Some(HostState::Fresh), "its own entry");
        for id in lab::ids(1..=lab::HOSTS) {
            let is_known = hosts.iter().any(|view| view.id == id);
            assert!(is_known, "{id} was forgotten");
        }
    }
}

fn sample() -> Sample {
    Sample {
        load: Load { load1_hundredths: Some(25), memory_available_mib: Some(2_048) },
        cores: Some(4),
        memory_total_mib: Some(4_096),
        uptime_seconds: Some(9),
    }
}

/// What a host says, others understand.
fn check_sent(message: &Message) {
    let max = DATAGRAM_DEFAULT - SEAL_OVERHEAD;
    let plaintexts = datagram::encode(message, max);
    assert!(!plaintexts.is_empty(), "nothing is left of {message:?}");
    for plaintext in plaintexts {
        assert!(plaintext.len() <= max, "{} bytes of {message:?}", plaintext.len());
        if let Err(error) = datagram::decode(&plaintext) {
            panic!("{error}: {message:?}");
        }
    }
}

/// A record about one of the hosts: those of the lab, some others, and the listener itself.
fn record(script: &mut Script<'_>) -> Aged<Record> {
    let (kind, host) = (script.byte(), script.byte() % (lab::HOSTS + 30));
    let host = if host == 0 { lab::ME } else { host };
    let id = lab::endpoint(host).id();
    let version = version(script);
    let value = match kind % 5 {
        0 => Record::Report(lab::report(host, version)),
        1 => Record::Card(Box::new(lab::card(host, version))),
        2 => Record::Departure(Departure { id, version, tail: Tail::default() }),
        3 => {
            let by = lab::endpoint(script.byte() % lab::HOSTS).id();
            Record::Suspicion(Suspicion { id, version, by, tail: Tail::default() })
        }
        _ => Record::Unknown(UnknownRecord { kind: 9, id, version, body: Tail([kind % 24].into()) }),
    };
    // Mostly young: what is old is hardly ever news.
    let age = match script.byte() {
        old @ 250.. => u32::MAX >> (255 - old),
        young => u32::from(young),
    };
    Aged { age: Age::from_hundredths(age), value }
}

/// Few versions, so that they collide, and those behind which there is nothing.
fn version(script: &mut Script<'_>) -> Version {
    match script.byte() {
        255 => Version::MAX,
        254 => Version { incarnation: u64::MAX, sequence: 0 },
        253 => Version { incarnation: 4, sequence: u32::MAX },
        byte => Version { incarnation: u64::from(byte >> 4), sequence: u32::from(byte & 15) },
    }
}
