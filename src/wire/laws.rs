//! Laws of both protocols, searched for counterexamples by proptest.

use std::net::IpAddr;

use ciborium::Value;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::client::{self, HostTable, Placement, Reply, Request};
use super::datagram::{decode, encode};
use super::limits::{
    CARD_MAX, INTERVAL_MAX_HUNDREDTHS, INTERVAL_MIN_HUNDREDTHS, PLACEMENTS_MAX, PLAINTEXT_MAX, PLAINTEXT_MIN, PORT_MAX,
    REQUEST_MAX,
};
use crate::model::{
    Age, Aged, Card, DaemonStatus, Departure, Endpoint, HostName, HostState, HostView, Inquiry, Known, LABELS_MAX,
    Label, Load, Message, NETWORK_ADDRESSES_MAX, NodeId, Record, RejectCount, Report, SessionId, StateCounts,
    Suspicion, Tail, UnknownRecord, Urgency, Verdict, Version,
};

/// Cases per law, in CI too.
const CASES: u32 = 1_000;

/// Bytes of a tail that fits behind the longest report.
const TAIL_MAX: usize = 20;

// ---- what is drawn -------------------------------------------------------------------------------------

/// Numbers of every length on the wire.
fn u32s() -> impl Strategy<Value = u32> {
    (any::<u32>(), 0u32..32).prop_map(|(number, shift)| number >> shift)
}

fn u64s() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0u32..64).prop_map(|(number, shift)| number >> shift)
}

fn maybe<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    prop::option::weighted(0.8, strategy)
}

fn ids() -> impl Strategy<Value = NodeId> {
    any::<[u8; 6]>().prop_map(NodeId::from_bytes)
}

fn ages() -> impl Strategy<Value = Age> {
    u32s().prop_map(Age::from_hundredths)
}

fn versions() -> impl Strategy<Value = Version> {
    (u64s(), u32s()).prop_map(|(incarnation, sequence)| Version { incarnation, sequence })
}

fn addresses() -> impl Strategy<Value = IpAddr> {
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
fn items() -> impl Strategy<Value = Value> {
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

fn bytes_of(items: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    items.iter().for_each(|item| ciborium::into_writer(item, &mut bytes).unwrap());
    bytes
}

fn tails(max: usize) -> impl Strategy<Value = Tail> {
    let some = vec(items(), 1..4).prop_map(move |mut items| {
        while bytes_of(&items).len() > max {
            items.pop();
        }
        Tail(bytes_of(&items).into())
    });
    prop_oneof![Just(Tail::default()), some]
}

fn cards() -> impl Strategy<Value = Card> {
    let who = (names(), addresses(), 1..=PORT_MAX, u32s(), u64s(), vec(any::<u8>(), 0..=4));
    let what = (maybe(u32s()), maybe(u32s()), labels(), "[!-~]{0,12}", any::<bool>(), maybe(u64s()));
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

fn records() -> impl Strategy<Value = Record> {
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

fn known() -> impl Strategy<Value = Vec<Known>> {
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

fn messages() -> impl Strategy<Value = Message> {
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

fn requests() -> impl Strategy<Value = Request> {
    let places = btree_set(ids(), 0..=PLACEMENTS_MAX).prop_flat_map(|ids| {
        let count = ids.len();
        (Just(ids), vec(u32s(), count))
    });
    prop_oneof![
        1 => Just(Request::Hosts),
        1 => Just(Request::Status),
        2 => places.prop_map(|(ids, counts)| {
            Request::Place(ids.into_iter().zip(counts).map(|(id, count)| Placement { id, count }).collect())
        }),
    ]
}

fn replies() -> impl Strategy<Value = Reply> {
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
        1 => "[ -~]{0,80}".prop_map(Reply::Refused),
    ]
}

// ---- the laws ------------------------------------------------------------------------------------------

/// The message that pieces of one message say together.
fn joined(pieces: Vec<Message>) -> Message {
    let mut pieces = pieces.into_iter();
    let mut whole = pieces.next().unwrap();
    for piece in pieces {
        match (&mut whole, piece) {
            (
                Message::Handover { bits, urgency, records },
                Message::Handover { bits: b, urgency: u, records: more },
            ) if (*bits, *urgency) == (b, u) => {
                records.extend(more);
            }
            (Message::Bundle { records }, Message::Bundle { records: more })
            | (Message::Found { records }, Message::Found { records: more }) => records.extend(more),
            (Message::Look { known }, Message::Look { known: more }) => known.extend(more),
            (Message::WantCards { ids }, Message::WantCards { ids: more }) => ids.extend(more),
            (Message::AskCards { to, known, .. }, Message::AskCards { from, to: end, known: more }) => {
                assert_eq!(from.as_u64(), to.as_u64() + 1, "stretches touch, and do not overlap");
                *to = end;
                known.extend(more);
            }
            (whole, piece) => panic!("{piece:?} does not continue {whole:?}"),
        }
    }
    whole
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_encoded_is_decoded_the_same(message in messages(), max in PLAINTEXT_MIN..=PLAINTEXT_MAX) {
        let plaintexts = encode(&message, max);
        prop_assert!(plaintexts.iter().all(|plaintext| plaintext.len() <= max));
        let pieces = plaintexts.iter().map(|plaintext| decode(plaintext)).collect::<Result<Vec<_>, _>>();
        prop_assert_eq!(pieces.map(joined), Ok(message));
    }

    #[test]
    fn requests_are_decoded_as_they_were_encoded(request in requests()) {
        let frame = client::encode_request(&request);
        let len = client::request_len(frame[..4].try_into().unwrap());
        prop_assert_eq!(len, Ok(frame.len() - 4));
        prop_assert!(frame.len() - 4 <= REQUEST_MAX);
        prop_assert_eq!(client::decode_request(&frame[4..]), Ok(request));
    }

    #[test]
    fn replies_are_decoded_as_they_were_encoded(reply in replies()) {
        let frame = client::encode_reply(&reply);
        let len = client::reply_len(frame[..4].try_into().unwrap());
        prop_assert_eq!(len, Ok(frame.len() - 4));
        prop_assert_eq!(client::decode_reply(&frame[4..]), Ok(reply));
    }
}
