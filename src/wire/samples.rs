//! Values to test with: examples, and whatever proptest draws.

use std::net::IpAddr;

use ciborium::Value;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::client::{HostTable, Placement, Reply, Request};
use super::limits::{CARD_MAX, CORES_MAX, INTERVAL_MAX_HUNDREDTHS, INTERVAL_MIN_HUNDREDTHS, PLACEMENTS_MAX, PORT_MAX};
use crate::model::{
    Age, Aged, Card, Checkup, DaemonStatus, Departure, Endpoint, FileInUse, HostName, HostState, HostView, Inquiry,
    IntervalInUse, Known, LABELS_MAX, Label, Load, Message, NETWORK_ADDRESSES_MAX, NodeId, PeerFinding, Reach, Record,
    RejectCount, Report, SeedFinding, SeedState, SessionId, StateCounts, Suspicion, Tail, UnknownRecord, Urgency,
    Verdict, Version,
};

/// Bytes of a tail that fits behind the longest report.
pub const TAIL_MAX: usize = 20;

/// A report as a host in a lab makes it after a day.
pub fn report() -> Report {
    let load = Load { load1_hundredths: Some(5), memory_available_mib: Some(31_000) };
    Report { id: endpoint().id(), version: version(), card: 2, load, flags: 0, tail: Tail::default() }
}

/// A card as most are.
pub fn card() -> Card {
    Card {
        id: endpoint().id(),
        version: version(),
        name: "node-7.cs.example.edu".parse().unwrap(),
        endpoint: endpoint(),
        more_addresses: vec!["192.0.2.107".parse().unwrap(), "2001:db8::7".parse().unwrap()],
        session: SessionId::from_entropy(0x0123_4567_89ab_cdef),
        key_ids: vec![0x5c],
        cores: Some(16),
        memory_total_mib: Some(64_000),
        labels: vec!["gpu=a100".parse().unwrap(), "rack=7".parse().unwrap()],
        software: "2.0.0".into(),
        interval: Age::from_hundredths(2_000),
        collector: false,
        uptime_seconds: Some(1_000_000),
        tail: Tail::default(),
    }
}

/// The same host as a client sees it.
pub fn view() -> HostView {
    let card = card();
    HostView {
        id: card.id,
        name: card.name,
        address: card.endpoint.address,
        addresses: [vec![card.endpoint.address], card.more_addresses].concat(),
        port: card.endpoint.port,
        state: HostState::Fresh,
        age_hundredths: 1_300,
        load1_hundredths: Some(5),
        pending_hundredths: 0,
        cores: card.cores,
        memory_available_mib: Some(31_000),
        memory_total_mib: card.memory_total_mib,
        uptime_seconds: card.uptime_seconds,
        collector: card.collector,
        labels: card.labels,
        software: card.software,
    }
}

fn endpoint() -> Endpoint {
    Endpoint { address: [192, 0, 2, 7].into(), port: 1288, salt: 0 }
}

fn version() -> Version {
    Version { incarnation: 1_784_000_000, sequence: 4_320 }
}

/// Numbers of every length on the wire.
pub fn u32s() -> impl Strategy<Value = u32> {
    (any::<u32>(), 0u32..32).prop_map(|(number, shift)| number >> shift)
}

pub fn u64s() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0u32..64).prop_map(|(number, shift)| number >> shift)
}

fn maybe<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    prop::option::weighted(0.8, strategy)
}

pub fn ids() -> impl Strategy<Value = NodeId> {
    any::<[u8; 6]>().prop_map(NodeId::from_bytes)
}

pub fn ages() -> impl Strategy<Value = Age> {
    u32s().prop_map(Age::from_hundredths)
}

pub fn versions() -> impl Strategy<Value = Version> {
    (u64s(), u32s()).prop_map(|(incarnation, sequence)| Version { incarnation, sequence })
}

pub fn addresses() -> impl Strategy<Value = IpAddr> {
    let v4 = any::<[u8; 4]>().prop_map(IpAddr::from);
    let v6 = any::<[u8; 16]>().prop_map(IpAddr::from);
    prop_oneof![v4, v6].prop_map(|address| match address.to_canonical() {
        IpAddr::V4(v4) if v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast() => [192, 0, 2, 1].into(),
        IpAddr::V6(v6) if v6.is_unspecified() || v6.is_multicast() => IpAddr::from([0x20; 16]),
        address => address,
    })
}

fn names() -> impl Strategy<Value = HostName> {
    "[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,40}".prop_map(|name| name.parse().unwrap())
}

fn labels() -> impl Strategy<Value = Vec<Label>> {
    let label = "[a-z0-9_.-]{1,6}=[a-zA-Z0-9_./:+@%-]{0,6}".prop_map(|text| text.parse().unwrap());
    btree_set(label, 0..=LABELS_MAX).prop_map(|labels| labels.into_iter().collect())
}

/// One item that some later version may add, written by a codec that is not ours.
pub fn items() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        u64s().prop_map(Value::from),
        i64::arbitrary().prop_map(Value::from),
        vec(any::<u8>(), 0..6).prop_map(Value::Bytes),
        "\\PC{0,4}".prop_map(Value::Text),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
    ];
    // Three levels here, and one less than may be in all.
    leaf.prop_recursive(3, 12, 4, |inner| vec(inner, 0..4).prop_map(Value::Array))
}

pub fn bytes_of(items: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    items.iter().for_each(|item| ciborium::into_writer(item, &mut bytes).unwrap());
    bytes
}

pub fn tails(max: usize) -> impl Strategy<Value = Tail> {
    let some = vec(items(), 1..4).prop_map(move |mut items| {
        while bytes_of(&items).len() > max {
            items.pop();
        }
        Tail(bytes_of(&items).into())
    });
    prop_oneof![Just(Tail::default()), some]
}

pub fn cards() -> impl Strategy<Value = Card> {
    let who = (names(), addresses(), 1..=PORT_MAX, u32s(), u64s(), vec(any::<u8>(), 0..=4));
    let what = (
        maybe(0..=CORES_MAX),
        maybe(u32s()),
        labels(),
        "[!-~]{0,12}",
        any::<bool>(),
        maybe(u32s().prop_map(u64::from)),
    );
    let interval = INTERVAL_MIN_HUNDREDTHS..=INTERVAL_MAX_HUNDREDTHS;
    let more = btree_set(addresses(), 0..=NETWORK_ADDRESSES_MAX);
    (versions(), who, what, interval, more, tails(TAIL_MAX)).prop_map(
        |(version, (name, address, port, salt, session, key_ids), what, interval, more, tail)| {
            let (cores, memory_total_mib, labels, software, collector, uptime_seconds) = what;
            let endpoint = Endpoint { address, port, salt };
            Card {
                id: endpoint.id(),
                version,
                name,
                endpoint,
                more_addresses: more.into_iter().filter(|other| *other != address).collect(),
                session: SessionId::from_entropy(session),
                key_ids,
                cores,
                memory_total_mib,
                labels,
                software: software.into(),
                interval: Age::from_hundredths(interval),
                collector,
                uptime_seconds,
                tail,
            }
        },
    )
}

fn loads() -> impl Strategy<Value = Load> {
    (maybe(u32s()), maybe(u32s()))
        .prop_map(|(load1_hundredths, memory_available_mib)| Load { load1_hundredths, memory_available_mib })
}

pub fn records() -> impl Strategy<Value = Record> {
    let flags = prop_oneof![3 => Just(0), 1 => u32s()];
    let report = (ids(), versions(), u32s(), loads(), flags, tails(TAIL_MAX)).prop_map(
        |(id, version, card, load, flags, tail)| Record::Report(Report { id, version, card, load, flags, tail }),
    );
    let departure = (ids(), versions(), tails(TAIL_MAX))
        .prop_map(|(id, version, tail)| Record::Departure(Departure { id, version, tail }));
    let suspicion = (ids(), versions(), ids(), tails(TAIL_MAX))
        .prop_map(|(id, version, by, tail)| Record::Suspicion(Suspicion { id, version, by, tail }));
    let unknown = (4..u32::MAX, ids(), versions(), tails(CARD_MAX / 2))
        .prop_map(|(kind, id, version, body)| Record::Unknown(UnknownRecord { kind, id, version, body }));
    let card = cards().prop_map(|card| Record::Card(Box::new(card)));
    prop_oneof![4 => report, 2 => card, 1 => departure, 1 => suspicion, 2 => unknown]
}

fn aged() -> impl Strategy<Value = Vec<Aged<Record>>> {
    vec((ages(), records()).prop_map(|(age, value)| Aged { age, value }), 0..30)
}

pub fn known() -> impl Strategy<Value = Vec<Known>> {
    prop::collection::btree_map(ids(), versions(), 0..150)
        .prop_map(|known| known.into_iter().map(|(id, version)| Known { id, version }).collect())
}

fn stretches() -> impl Strategy<Value = Message> {
    (ids(), ids(), known()).prop_map(|(from, to, mut known)| {
        let (from, to) = (from.min(to), from.max(to));
        known.retain(|known| (from..=to).contains(&known.id));
        Message::AskCards { from, to, known }
    })
}

pub fn messages() -> impl Strategy<Value = Message> {
    let handover = (0u8..=48, any::<bool>(), aged()).prop_map(|(bits, urgent, records)| {
        let urgency = if urgent { Urgency::Urgent } else { Urgency::Routine };
        Message::Handover { bits, urgency, records }
    });
    let lists = prop_oneof![
        aged().prop_map(|records| Message::Bundle { records }),
        aged().prop_map(|records| Message::Found { records }),
        known().prop_shuffle().prop_map(|known| Message::Look { known }),
        btree_set(ids(), 0..300).prop_map(|ids| Message::WantCards { ids: ids.into_iter().rev().collect() }),
        stretches(),
    ];
    let cards = prop_oneof![
        (u64s(), any::<bool>()).prop_map(|(hash, confirm)| Message::CardHash { hash, confirm }),
        Just(Message::Agree),
        Just(Message::Busy),
        vec(any::<u32>(), Message::BUCKETS).prop_map(|hashes| Message::Buckets { hashes }),
    ];
    let verdict = prop_oneof![Just(Verdict::Alive), Just(Verdict::Silent)];
    let watch = prop_oneof![
        Just(Message::Heartbeat),
        u32s().prop_map(|token| Message::Ping { token }),
        u32s().prop_map(|token| Message::Pong { token }),
        (u32s(), ids(), ages()).prop_map(|(token, suspect, silence)| Message::Inquire(Inquiry {
            token,
            suspect,
            silence
        })),
        (u32s(), verdict).prop_map(|(token, verdict)| Message::Answer { token, verdict }),
        versions().prop_map(|version| Message::YourVersion { version }),
    ];
    prop_oneof![2 => handover, 5 => lists, 2 => cards, 3 => watch]
}

fn views() -> impl Strategy<Value = HostView> {
    let states = [HostState::Fresh, HostState::Late, HostState::Suspect, HostState::Left, HostState::Dead];
    let state = prop::sample::select(states.to_vec());
    (cards(), loads(), state, u64s(), u32s()).prop_map(|(card, load, state, age_hundredths, pending_hundredths)| {
        HostView {
            id: card.id,
            name: card.name,
            address: card.endpoint.address,
            addresses: std::iter::once(card.endpoint.address).chain(card.more_addresses).collect(),
            port: card.endpoint.port,
            state,
            age_hundredths,
            load1_hundredths: load.load1_hundredths,
            pending_hundredths,
            cores: card.cores,
            memory_available_mib: load.memory_available_mib,
            memory_total_mib: card.memory_total_mib,
            uptime_seconds: card.uptime_seconds,
            collector: card.collector,
            labels: card.labels,
            software: card.software,
        }
    })
}

fn statuses() -> impl Strategy<Value = DaemonStatus> {
    let reject = ("[ -~]{0,20}", u64s(), maybe(addresses())).prop_map(|(reason, count, last_sender)| RejectCount {
        reason,
        count,
        last_sender,
    });
    let counts = any::<[u32; 5]>().prop_map(|[fresh, late, suspect, left, dead]| StateCounts {
        fresh,
        late,
        suspect,
        left,
        dead,
    });
    let numbers = (any::<[u32; 3]>(), any::<[u64; 7]>(), maybe(u64s()), any::<[bool; 3]>());
    (cards(), "[!-~]{1,64}", numbers, counts, vec(reject, 0..9)).prop_map(
        |(card, network, (small, large, last_heard_hundredths, truths), hosts, rejects)| DaemonStatus {
            name: card.name,
            software: card.software,
            pid: small[0],
            up_seconds: large[0],
            network,
            keyed: truths[0],
            interval_hundredths: small[1],
            port: card.endpoint.port,
            address: card.endpoint.address,
            hosts,
            last_heard_hundredths,
            isolated: truths[1],
            twin: truths[2],
            lacking_first_key: small[2],
            datagrams_in: large[1],
            datagrams_out: large[2],
            bytes_in: large[3],
            bytes_out: large[4],
            kernel_drops: large[5],
            send_errors: large[6],
            rejects,
        },
    )
}

pub fn requests() -> impl Strategy<Value = Request> {
    let places = btree_set(ids(), 0..=PLACEMENTS_MAX).prop_flat_map(|ids| {
        let count = ids.len();
        (Just(ids), vec(u32s(), count))
    });
    prop_oneof![
        1 => Just(Request::Hosts),
        1 => Just(Request::Status),
        1 => Just(Request::Checkup),
        2 => places.prop_map(|(ids, counts)| {
            Request::Place(ids.into_iter().zip(counts).map(|(id, count)| Placement { id, count }).collect())
        }),
    ]
}

pub fn replies() -> impl Strategy<Value = Reply> {
    let hosts = (ids(), u32s(), any::<bool>(), u64s(), vec(views(), 0..12)).prop_map(
        |(own, interval_hundredths, isolated, up_seconds, mut hosts)| {
            hosts.sort_by_key(|host| host.id);
            Reply::Hosts(HostTable { own, interval_hundredths, isolated, up_seconds, hosts })
        },
    );
    prop_oneof![
        2 => hosts,
        1 => statuses().prop_map(|status| Reply::Status(Box::new(status))),
        1 => Just(Reply::Placed),
        1 => checkups().prop_map(|checkup| Reply::Checkup(Box::new(checkup))),
        1 => "[ -~]{0,80}".prop_map(Reply::Refused),
    ]
}

pub fn checkups() -> impl Strategy<Value = Checkup> {
    let file = || (vec(any::<u8>(), 0..40), any::<bool>());
    let files = (file(), file(), file(), file(), vec(any::<u8>(), 0..9), any::<bool>(), any::<bool>());
    let reach = || prop_oneof![Just(Reach::Reaches), Just(Reach::OnlyAnswers), Just(Reach::Silent)];
    let state = || {
        use SeedState::{Answers, NotAsked, Own, Refuses, Silent, Unresolved};
        prop::sample::select(&[Answers, Own, NotAsked, Refuses, Silent, Unresolved][..])
    };
    let found = (
        vec((u32s(), u32s()), 0..3),
        vec(reach(), 0..4),
        vec(("[ -~]{0,260}", state()), 0..4),
        u64s(),
        prop::option::of(cards().prop_map(|card| card.endpoint.address)),
    );
    (files, found, cards()).prop_map(|(files, (intervals, peers, seeds, examined_hundredths, bound), card)| {
        let file = |(path, named): (Vec<u8>, bool)| FileInUse { path: path.into(), named };
        let (settings, machines, valid_ips, key, proc_root, private, is_over) = files;
        let interval = |(hundredths, hosts)| IntervalInUse { hundredths, hosts, example: card.name.clone() };
        let peer = |reach| PeerFinding { name: card.name.clone(), address: card.endpoint.address, reach };
        Checkup {
            private,
            settings: file(settings),
            machines: file(machines),
            valid_ips: file(valid_ips),
            key: file(key),
            proc_root: proc_root.into(),
            bound,
            intervals: intervals.into_iter().map(interval).collect(),
            examined_hundredths,
            is_over,
            peers: peers.into_iter().map(peer).collect(),
            seeds: seeds.into_iter().map(|(machine, state)| SeedFinding { machine, state }).collect(),
        }
    })
}

/// A bundle of fresh records.
pub fn bundle(values: Vec<Record>) -> Message {
    Message::Bundle { records: values.into_iter().map(|value| Aged { age: Age::default(), value }).collect() }
}

/// The id with this number.
pub fn id(number: u64) -> NodeId {
    let mut bytes = [0; 6];
    bytes.copy_from_slice(&number.to_be_bytes()[2..]);
    NodeId::from_bytes(bytes)
}

/// Hosts with these ids, as known as can be.
pub fn known_ids(ids: impl IntoIterator<Item = u64>) -> Vec<Known> {
    ids.into_iter().map(|number| Known { id: id(number), version: Version::MAX }).collect()
}

/// Bytes from hexadecimal digits; white space between them does not count.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> =
        text.split_whitespace().flat_map(str::chars).map(|digit| digit.to_digit(16).unwrap()).collect();
    assert_eq!(digits.len() % 2, 0, "{text}");
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}
