//! Laws that hold whatever is heard, searched for counterexamples by proptest.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use proptest::prelude::*;

use super::roster::Roster;
use super::{HOSTS_MAX, Identity, Input, Node, Output, Settings};
use crate::model::{
    Age, Aged, Card, Departure, Endpoint, HostState, Inquiry, Known, Load, Message, NetworkList, NodeId, Record,
    Report, Sample, Sender, SessionId, Suspicion, Tail, Timestamp, UnknownRecord, Urgency, Verdict, Version,
};

/// Cases per law, in CI too.
const CASES: u32 = 1_000;

/// More outputs than this no step may have: what one datagram can ask for, a burst, and the hosts that one
/// datagram can bring.
const OUTPUTS_MAX: usize = 400;

fn endpoint(host: u8) -> Endpoint {
    Endpoint { address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, host)), port: 1288, salt: 0 }
}

fn session(host: u8) -> SessionId {
    SessionId::from_entropy(u64::from(host) + 1)
}

fn identity(host: u8) -> Identity {
    Identity {
        name: format!("h{host}").parse().unwrap(),
        endpoint: endpoint(host),
        more_addresses: Vec::new(),
        labels: Vec::new(),
        software: "2".into(),
        key_ids: vec![7],
    }
}

fn card(host: u8, version: Version, tail: Tail) -> Card {
    Card {
        id: endpoint(host).id(),
        version,
        name: identity(host).name,
        endpoint: endpoint(host),
        more_addresses: Vec::new(),
        session: session(host),
        key_ids: vec![7],
        cores: Some(4),
        memory_total_mib: Some(8_192),
        labels: Vec::new(),
        software: "2".into(),
        interval: Age::from_hundredths(2_000),
        collector: false,
        uptime_seconds: Some(1),
        tail,
    }
}

fn report(host: u8, version: Version, load: u32, tail: Tail) -> Report {
    let load = Load { load1_hundredths: Some(load), memory_available_mib: Some(4_096) };
    Report { id: endpoint(host).id(), version, card: 1, load, flags: 0, tail }
}

fn versions() -> impl Strategy<Value = Version> {
    let small = (0u64..4, 0u32..4).prop_map(|(incarnation, sequence)| Version { incarnation, sequence });
    prop_oneof![8 => small, 1 => Just(Version::MAX)]
}

fn tails() -> impl Strategy<Value = Tail> {
    prop_oneof![3 => Just(Tail::default()), 1 => any::<[u8; 4]>().prop_map(|bytes| Tail(bytes.into()))]
}

/// Records about few hosts in few versions, so that they collide.
fn records(hosts: u8) -> impl Strategy<Value = Record> {
    (0..hosts, versions(), tails(), 0u32..3, 0u32..5).prop_map(move |(host, version, tail, load, kind)| {
        let id = endpoint(host).id();
        match kind {
            0 => Record::Report(report(host, version, load, tail)),
            1 => Record::Card(Box::new(card(host, version, tail))),
            2 => Record::Departure(Departure { id, version, tail }),
            3 => Record::Suspicion(Suspicion { id, version, by: endpoint(host / 2).id(), tail }),
            _ => Record::Unknown(UnknownRecord { kind: 9 + load, id, version, body: tail }),
        }
    })
}

/// Whatever a host may say, about these records and their hosts.
fn messages(hosts: u8, records_max: usize) -> impl Strategy<Value = Message> {
    let aged = (records(hosts), prop_oneof![6 => Just(0u32), 2 => 0u32..10_000, 1 => any::<u32>()])
        .prop_map(|(value, age)| Aged { age: Age::from_hundredths(age), value });
    let told = (prop::collection::vec(aged, 0..records_max), 0u8..4, any::<u8>());
    let told = told.prop_map(|(records, kind, bits)| match kind {
        0 => Message::Handover { bits: bits % 49, urgency: Urgency::Urgent, records },
        1 => Message::Handover { bits: bits % 49, urgency: Urgency::Routine, records },
        2 => Message::Bundle { records },
        _ => Message::Found { records },
    });
    let known = prop::collection::vec((0..hosts, versions()), 0..Message::ASKED_MAX);
    let asked = (known, any::<[u8; 6]>(), any::<[u8; 6]>(), any::<u64>(), 0u8..10);
    let asked = asked.prop_map(|(known, from, to, number, kind)| {
        let id = |host: u8| endpoint(host).id();
        let version = known.first().map(|(_, version)| *version).unwrap_or_default();
        let suspect = known.first().map_or(id(0), |(host, _)| id(*host));
        let known: Vec<Known> = known.into_iter().map(|(host, version)| Known { id: id(host), version }).collect();
        let token = number as u32;
        match kind {
            0 => Message::Look { known },
            1 => Message::AskCards { from: NodeId::from_bytes(from), to: NodeId::from_bytes(to), known },
            2 => Message::WantCards { ids: known.into_iter().map(|known| known.id).collect() },
            3 => Message::CardHash { hash: number, confirm: number % 2 == 0 },
            4 => Message::Buckets { hashes: vec![token; Message::BUCKETS] },
            5 => Message::YourVersion { version },
            6 => Message::Ping { token },
            7 => Message::Inquire(Inquiry { token, suspect, silence: Age::from_hundredths(token % 999) }),
            8 => Message::Answer { token, verdict: Verdict::Silent },
            _ => Message::Agree,
        }
    });
    prop_oneof![2 => told, 1 => asked]
}

fn settings(hosts_max: usize) -> Settings {
    Settings {
        interval: Duration::from_secs(20),
        collector: false,
        valid: NetworkList::default(),
        hosts_max,
        max_datagram: 1200,
    }
}

/// A node, its clock, and all that it ever wanted done.
struct Bench {
    node: Node,
    now: Timestamp,
    widest: usize,
}

impl Bench {
    fn new(hosts_max: usize) -> Self {
        let now = Timestamp::from_micros(1_000_000_000);
        let mut bench =
            Self { node: Node::new(now, settings(hosts_max), identity(200), session(200), 3, 1), now, widest: 0 };
        bench.step(Input::Tick);
        bench.step(Input::Sampled(Sample { cores: Some(2), ..Sample::default() }));
        bench
    }

    fn step(&mut self, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        self.node.step(self.now, input, &mut out);
        assert!(self.node.next_deadline() >= self.now, "a step that is overdue at once would count as a sleep");
        self.widest = self.widest.max(out.len());
        out
    }

    fn hear(&mut self, from: u8, message: Message) -> Vec<Output> {
        let member = Some(endpoint(from).id());
        let sender = Sender { address: endpoint(from).socket(), session: session(from), member };
        self.step(Input::Received { sender, lag: Duration::ZERO, message })
    }

    fn introduce(&mut self, host: u8, version: Version) {
        let card = Record::Card(Box::new(card(host, version, Tail::default())));
        let report = Record::Report(report(host, version, 0, Tail::default()));
        let records = [card, report].map(|value| Aged { age: Age::default(), value }).to_vec();
        self.hear(host, Message::Bundle { records });
    }

    /// Runs for `span`, hearing nothing.
    fn run(&mut self, span: Duration) -> Vec<Output> {
        let end = self.now.after(span);
        let mut all = Vec::new();
        while self.node.next_deadline() <= end {
            self.now = self.now.max(self.node.next_deadline());
            all.extend(self.step(Input::Tick));
            let measured = all.iter().rev().take(self.widest).any(|output| *output == Output::Measure);
            if measured {
                all.retain(|output| *output != Output::Measure);
                all.extend(self.step(Input::Sampled(Sample { cores: Some(2), ..Sample::default() })));
            }
        }
        self.now = end;
        all
    }

    fn state(&self, host: u8) -> Option<HostState> {
        let id = endpoint(host).id();
        self.node.hosts(self.now).into_iter().find(|view| view.id == id).map(|view| view.state)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merging_is_commutative_associative_and_idempotent(
        heard in prop::collection::vec((records(3), 0i64..4), 1..12),
        order in any::<u64>(),
    ) {
        let now = Timestamp::from_micros(100);
        let merge = |roster: &mut Roster, (record, made): &(Record, i64)| {
            roster.merge(now, Timestamp::from_micros(*made), record.clone());
        };
        let mut in_order = Roster::default();
        heard.iter().for_each(|one| merge(&mut in_order, one));
        let mut shuffled = heard.clone();
        crate::model::Dice::new(order).shuffle(&mut shuffled);
        let mut otherwise = Roster::default();
        // Some twice, and what the first roster holds as a whole merged in afterwards.
        shuffled.iter().chain(&shuffled[..shuffled.len() / 2]).for_each(|one| merge(&mut otherwise, one));
        prop_assert_eq!(in_order.slots(), otherwise.slots());
    }

    #[test]
    fn no_input_makes_a_host_forget_a_living_one(
        heard in prop::collection::vec((0u8..8, messages(4, 6)), 1..20),
    ) {
        let mut bench = Bench::new(6);
        for host in 0..4 {
            bench.introduce(host, Version { incarnation: 4, sequence: 1 });
        }
        for (from, message) in heard {
            bench.hear(from, message);
            bench.run(Duration::from_millis(30));
        }
        for host in 0..4 {
            prop_assert!(bench.state(host).is_some(), "host {} was forgotten", host);
            // It goes above what was said in its name, where there is an above.
            let held = bench.node.held_version(endpoint(host).id());
            if let Some(above) = held.next_life() {
                bench.introduce(host, above);
                prop_assert_eq!(bench.state(host), Some(HostState::Fresh));
            }
        }
    }

    #[test]
    fn only_the_owner_raises_its_version(
        heard in prop::collection::vec((0u8..4, records(4)), 1..30),
    ) {
        let mut bench = Bench::new(HOSTS_MAX);
        let mut highest = [Version::default(); 4];
        for (from, value) in heard {
            let owner = (0..4u8).find(|host| endpoint(*host).id() == value.id()).unwrap_or_default();
            if !matches!(value, Record::Suspicion(_)) {
                highest[usize::from(owner)] = highest[usize::from(owner)].max(value.version());
            }
            bench.hear(from, Message::Bundle { records: vec![Aged { age: Age::default(), value }] });
            bench.run(Duration::from_millis(30));
            for host in 0..4u8 {
                prop_assert!(bench.node.held_version(endpoint(host).id()) <= highest[usize::from(host)]);
            }
        }
    }

    #[test]
    fn memory_and_outputs_are_bounded(
        hosts_max in 2usize..12,
        heard in prop::collection::vec((any::<u8>(), messages(199, 40)), 1..20),
    ) {
        let mut bench = Bench::new(hosts_max);
        for (from, message) in heard {
            bench.hear(from, message);
            bench.run(Duration::from_millis(700));
            prop_assert!(bench.node.roster.len() <= hosts_max);
        }
        prop_assert!(bench.widest <= OUTPUTS_MAX, "{} outputs in one step", bench.widest);
    }

    #[test]
    fn what_an_unknown_tail_holds_comes_out_of_a_relay_unchanged(bytes in any::<[u8; 9]>(), kind in 9u32..99) {
        let mut bench = Bench::new(HOSTS_MAX);
        // Enough hosts that there are groups, and a relay for them.
        for host in 0..60 {
            bench.introduce(host, Version { incarnation: 4, sequence: 1 });
        }
        bench.run(Duration::from_millis(100));
        let (me, version) = (bench.node.id(), Version { incarnation: 4, sequence: 2 });
        let shared = |host: &u8| super::groups::shared_bits(endpoint(*host).id(), me);
        let origin = (0..60).min_by_key(shared).unwrap();
        let tail = Tail(bytes.into());
        let said = BTreeSet::from([
            Record::Report(report(origin, version, 3, tail.clone())),
            Record::Unknown(UnknownRecord { kind, id: endpoint(origin).id(), version, body: tail }),
        ]);
        let records = said.iter().map(|value| Aged { age: Age::default(), value: value.clone() }).collect();
        bench.hear(origin, Message::Handover { bits: bench.node.census.bits, urgency: Urgency::Routine, records });
        let told = bench.run(Duration::from_secs(8));
        let relayed: BTreeSet<Record> = told
            .into_iter()
            .filter_map(|output| match output {
                Output::Send { message: Message::Bundle { records }, .. } => Some(records),
                _ => None,
            })
            .flatten()
            .map(|aged| aged.value)
            .filter(|record| record.id() == endpoint(origin).id())
            .collect();
        prop_assert_eq!(relayed, said);
    }
}

#[test]
fn a_host_that_hears_of_itself_with_a_higher_version_goes_above_it() {
    let mut bench = Bench::new(HOSTS_MAX);
    bench.introduce(1, Version { incarnation: 1, sequence: 1 });
    let me = bench.node.id();
    let forged =
        Record::Report(Report { id: me, ..report(200, Version { incarnation: 900, sequence: 7 }, 0, Tail::default()) });
    bench.hear(1, Message::Bundle { records: vec![Aged { age: Age::default(), value: forged }] });
    assert_eq!(bench.node.held_version(me), Version { incarnation: 901, sequence: 1 });
}

#[test]
fn a_host_that_cannot_go_above_takes_another_id() {
    let mut bench = Bench::new(HOSTS_MAX);
    bench.introduce(1, Version { incarnation: 1, sequence: 1 });
    let before = bench.node.id();
    let forged = Record::Report(Report { id: before, ..report(200, Version::MAX, 0, Tail::default()) });
    bench.hear(1, Message::Bundle { records: vec![Aged { age: Age::default(), value: forged }] });
    assert_ne!(bench.node.id(), before);
    assert!(bench.node.hosts(bench.now).iter().any(|view| view.id == bench.node.id()));
}

#[test]
fn at_the_end_of_a_life_comes_the_next_one_and_after_the_last_another_id() {
    for incarnation in [7, u64::MAX] {
        let mut bench = Bench::new(HOSTS_MAX);
        bench.introduce(1, Version { incarnation: 1, sequence: 1 });
        let before = bench.node.id();
        bench.node.wear_out(Version { incarnation, sequence: u32::MAX - 2 });
        let mut told = Vec::new();
        for _ in 0..8 {
            bench.run(Duration::from_secs(20));
            told.push(bench.node.held_version(bench.node.id()));
        }
        if incarnation == 7 {
            assert_eq!(bench.node.id(), before);
            assert!(told.is_sorted() && told.last().is_some_and(|last| last.incarnation == 8), "{told:?}");
        } else {
            assert_ne!(bench.node.id(), before);
            assert!(told.last().is_some_and(|last| last.incarnation == 0 && last.sequence > 1), "{told:?}");
        }
        let own = bench.node.host(bench.now, bench.node.id()).expect("it knows itself");
        assert!(own.age_hundredths <= 2_100, "it goes on telling: {own:?}");
    }
}

#[test]
fn an_answer_goes_to_where_a_stranger_asked_from() {
    let mut bench = Bench::new(HOSTS_MAX);
    let address: SocketAddr = "198.51.100.7:4000".parse().unwrap();
    let sender = Sender { address, session: session(9), member: None };
    let out = bench.step(Input::Received { sender, lag: Duration::ZERO, message: Message::Ping { token: 5 } });
    let to = crate::model::Destination::Stranger { address, session: session(9) };
    assert!(out.contains(&Output::Send { to, message: Message::Pong { token: 5 } }));
}

impl Node {
    fn held_version(&self, id: NodeId) -> Version {
        self.roster.get(id).map(|host| host.version().max(host.card_version())).unwrap_or_default()
    }
}
