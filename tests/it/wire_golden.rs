//! Bytes of version 1 that every later version of this program must read for ever: tests/data/wire/v1, one file each.
//!
//! `PEERMON_BLESS=1` writes files that are missing, never over one that is there: what was released stays as it is. To
//! change one before its release, delete it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use peermon::model::{
    Age, Aged, Card, Checkup, DaemonStatus, Departure, Destination, Endpoint, FileInUse, HostName, HostState, HostView,
    Inquiry, IntervalInUse, Known, Load, Member, Message, NetworkList, NodeId, PeerFinding, Reach, Record, RejectCount,
    Report, SeedFinding, SeedState, Sender, SessionId, StateCounts, Suspicion, Tail, Timestamp, UnknownRecord, Urgency,
    Verdict, Version,
};
use peermon::session::{Keyring, Opened, Session};
use peermon::wire::client::{
    FRAME_HEADER_LEN, HostTable, Placement, Reply, Request, decode_reply, decode_request, encode_reply, encode_request,
    reply_len, request_len,
};
use peermon::wire::datagram::{decode, encode};
use peermon::wire::limits::{DATAGRAM_DEFAULT, PLAINTEXT_MIN};

#[test]
fn plaintexts_of_version_1_are_read_for_ever() {
    let mut kinds = BTreeSet::new();
    for (name, message) in messages() {
        let bytes = golden(name, &encode(&message, PLAINTEXT_MIN).concat());
        assert_eq!(decode(&bytes), Ok(message.clone()), "{name}");
        kinds.insert(bytes[1]);
        assert_eq!(encode(&message, PLAINTEXT_MIN), [bytes], "{name}");
    }
    assert_eq!(kinds, (0..16).collect(), "one of every kind");
}

#[test]
fn sealed_datagrams_of_version_1_are_opened_for_ever() {
    for (name, sealed) in sealed() {
        let bytes = golden(name, &sealed.datagram);
        assert_eq!(sealed.datagram, bytes, "{name}: sealed again");
        let (mut receiver, from) = (sealed.receiver, endpoint_of(7).socket());
        assert_eq!(receiver.open(Timestamp::ZERO, from, &bytes), Ok(sealed.opened), "{name}");
    }
}

#[test]
fn requests_of_version_1_are_read_for_ever() {
    let mut kinds = BTreeSet::new();
    for (name, request) in requests() {
        let frame = golden(name, &encode_request(&request));
        let (header, body) = frame.split_first_chunk::<FRAME_HEADER_LEN>().unwrap();
        assert_eq!(request_len(*header), Ok(body.len()), "{name}");
        assert_eq!(decode_request(body), Ok(request.clone()), "{name}");
        assert_eq!(encode_request(&request), frame, "{name}");
        kinds.insert(body[2]);
    }
    assert_eq!(kinds, (0..4).collect(), "one of every kind");
}

#[test]
fn replies_of_version_1_are_read_for_ever() {
    let mut kinds = BTreeSet::new();
    for (name, reply) in replies() {
        let frame = golden(name, &encode_reply(&reply));
        let (header, body) = frame.split_first_chunk::<FRAME_HEADER_LEN>().unwrap();
        assert_eq!(reply_len(*header), Ok(body.len()), "{name}");
        assert_eq!(decode_reply(body), Ok(reply.clone()), "{name}");
        assert_eq!(encode_reply(&reply), frame, "{name}");
        kinds.insert(body[2]);
    }
    assert_eq!(kinds, (0..5).collect(), "one of every kind");
}

#[test]
fn every_golden_file_has_a_test() {
    let tested = messages().into_iter().map(|(name, _)| name).chain(requests().into_iter().map(|(name, _)| name));
    let tested =
        tested.chain(replies().into_iter().map(|(name, _)| name)).chain(sealed().into_iter().map(|(name, _)| name));
    let tested: BTreeSet<String> = tested.map(|name| format!("{name}.hex")).collect();
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(files.collect::<BTreeSet<_>>(), tested);
}

/// The bytes of a golden file; written first, where it is missing and that was asked for.
fn golden(name: &str, now: &[u8]) -> Vec<u8> {
    let path = folder().join(name).with_extension("hex");
    if std::env::var_os("PEERMON_BLESS").is_some_and(|bless| bless == "1") && !path.exists() {
        let lines = now.chunks(32).map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n");
        fs::write(&path, lines.collect::<String>()).unwrap();
    }
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error} (PEERMON_BLESS=1?)", path.display()));
    bytes_of(&text)
}

/// Where the golden files lie.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/wire/v1")
}

/// Bytes from hexadecimal digits; white space between them does not count.
pub fn bytes_of(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter(|char| !char.is_whitespace()).map(|digit| digit.to_digit(16).unwrap() as u8).collect();
    assert_eq!(digits.len() % 2, 0, "whole bytes");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn endpoint_of(host: u8) -> Endpoint {
    Endpoint { address: [192, 0, 2, host].into(), port: 1288, salt: 0 }
}

fn id(host: u8) -> NodeId {
    endpoint_of(host).id()
}

fn version(sequence: u32) -> Version {
    Version { incarnation: 1_784_000_000, sequence }
}

fn aged(hundredths: u32, value: Record) -> Aged<Record> {
    Aged { age: Age::from_hundredths(hundredths), value }
}

fn report(host: u8) -> Report {
    let load = Load { load1_hundredths: Some(152), memory_available_mib: Some(31_000) };
    Report { id: id(host), version: version(4_320), card: 2, load, flags: 0, tail: Tail::default() }
}

fn card(host: u8) -> Card {
    Card {
        id: id(host),
        version: version(2),
        name: "node-7.example.edu".parse().unwrap(),
        endpoint: endpoint_of(host),
        more_addresses: vec!["192.0.2.107".parse().unwrap(), "2001:db8::7".parse().unwrap()],
        session: SessionId::from_entropy(0x0123_4567_89ab_cdef),
        key_ids: vec![0x5c, 0x1f],
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

/// Of every kind of message at least one; of every kind of record, with and without a tail.
fn messages() -> Vec<(&'static str, Message)> {
    let unread = Report { load: Load::default(), ..report(8) };
    // What a newer version may add: a number, and an array of a text and of nothing.
    let tail = Tail(bytes_of("18 2a 82 63 677075 f6").into());
    let newer = Report { flags: 1, tail: tail.clone(), ..report(9) };
    let plain_card = Card {
        more_addresses: Vec::new(),
        key_ids: vec![0x5c],
        cores: None,
        memory_total_mib: None,
        labels: Vec::new(),
        collector: true,
        uptime_seconds: None,
        tail: tail.clone(),
        ..card(9)
    };
    let departure = |tail| Record::Departure(Departure { id: id(8), version: version(4_321), tail });
    let suspicion = |tail| Record::Suspicion(Suspicion { id: id(8), version: version(4_320), by: id(7), tail });
    let unknown = |kind, body| Record::Unknown(UnknownRecord { kind, id: id(7), version: version(3), body });
    let known = |host, sequence| Known { id: id(host), version: version(sequence) };
    let mut listed = vec![known(7, 2), known(8, 1), Known { id: id(9), version: Version::MAX }];
    listed.sort_unstable();
    let (from, to) = (NodeId::from_bytes([0; 6]), NodeId::from_bytes([0xff; 6]));
    vec![
        (
            "handover",
            Message::Handover { bits: 4, urgency: Urgency::Routine, records: vec![aged(0, Record::Report(report(7)))] },
        ),
        (
            "handover-urgent",
            Message::Handover {
                bits: 48,
                urgency: Urgency::Urgent,
                records: vec![aged(12, suspicion(Tail::default()))],
            },
        ),
        (
            "bundle",
            Message::Bundle {
                records: vec![
                    aged(667, Record::Report(report(7))),
                    aged(1_300, Record::Report(unread)),
                    aged(70_000, departure(Tail::default())),
                ],
            },
        ),
        (
            "bundle-newer",
            Message::Bundle {
                records: vec![
                    aged(5, Record::Report(newer)),
                    aged(6, departure(tail.clone())),
                    aged(7, suspicion(tail.clone())),
                    aged(8, unknown(4, tail)),
                    aged(9, unknown(u32::MAX, Tail::default())),
                ],
            },
        ),
        ("found", Message::Found { records: vec![aged(30_000, Record::Card(Box::new(card(7))))] }),
        ("found-newer", Message::Found { records: vec![aged(1, Record::Card(Box::new(plain_card)))] }),
        ("look", Message::Look { known: vec![known(9, 4_300), Known { id: id(7), version: Version::default() }] }),
        ("card-hash", Message::CardHash { hash: 0xfedc_ba98_7654_3210, confirm: true }),
        ("agree", Message::Agree),
        ("busy", Message::Busy),
        ("buckets", Message::Buckets { hashes: (0..64).map(|bucket| bucket * 0x0101_0101).collect() }),
        ("ask-cards", Message::AskCards { from, to, known: listed }),
        ("want-cards", Message::WantCards { ids: vec![id(9), id(7)] }),
        ("heartbeat", Message::Heartbeat),
        ("ping", Message::Ping { token: 7 }),
        ("pong", Message::Pong { token: u32::MAX }),
        ("inquire", Message::Inquire(Inquiry { token: 300, suspect: id(8), silence: Age::from_hundredths(350) })),
        ("answer", Message::Answer { token: 300, verdict: Verdict::Silent }),
        ("answer-alive", Message::Answer { token: 301, verdict: Verdict::Alive }),
        ("your-version", Message::YourVersion { version: version(4_320) }),
    ]
}

struct SealedDatagram {
    datagram: Vec<u8>,
    receiver: Session,
    opened: Opened,
}

/// Host 7, in session 0x0123456789abcdef, speaks to host 8, in session 0xfedcba9876543210.
fn sealed() -> Vec<(&'static str, SealedDatagram)> {
    const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    let now = Timestamp::ZERO;
    let [seven, eight] = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210].map(SessionId::from_entropy);
    let host = |keyring: &Keyring, session| {
        Session::new(now, "lab", keyring.clone(), NetworkList::default(), DATAGRAM_DEFAULT, session)
    };
    let data = |keyring: Keyring| {
        let (mut sender, mut receiver) = (host(&keyring, seven), host(&keyring, eight));
        let member = |number, session| {
            let (id, address) = (id(number), endpoint_of(number).socket());
            Member { id, address, session, key_ids: keyring.key_ids() }
        };
        sender.admit(now, member(8, eight));
        receiver.admit(now, member(7, seven));
        let message = Message::Ping { token: 7 };
        let datagram = sender.seal(now, &Destination::Member(id(8)), &message).unwrap().datagrams.remove(0);
        let sender = Sender { address: endpoint_of(7).socket(), session: seven, member: Some(id(7)) };
        SealedDatagram { datagram, receiver, opened: Opened::Message { sender, message } }
    };
    let keyed = Keyring::parse(KEY).unwrap();
    let hello = || host(&keyed, seven).hello(now, endpoint_of(8).socket()).datagrams.remove(0);
    let welcome = || match host(&keyed, eight).open(now, endpoint_of(7).socket(), &hello()) {
        Ok(Opened::Hello { reply }) => reply,
        other => panic!("a hello: {other:?}"),
    };
    // The other way round: host 7 answers the hello of host 8.
    let mut asker = host(&keyed, eight);
    let question = asker.hello(now, endpoint_of(7).socket()).datagrams.remove(0);
    let Ok(Opened::Hello { reply }) = host(&keyed, seven).open(now, endpoint_of(8).socket(), &question) else {
        panic!("a hello")
    };
    let welcomed = Opened::Welcome { address: endpoint_of(7).socket(), session: seven };
    vec![
        ("sealed-data", data(keyed.clone())),
        ("sealed-data-open-network", data(Keyring::open("lab"))),
        (
            "sealed-hello",
            SealedDatagram {
                datagram: hello(),
                receiver: host(&keyed, eight),
                opened: Opened::Hello { reply: welcome() },
            },
        ),
        ("sealed-welcome", SealedDatagram { datagram: reply, receiver: asker, opened: welcomed }),
    ]
}

fn requests() -> Vec<(&'static str, Request)> {
    let placements = vec![Placement { id: id(7), count: 1 }, Placement { id: id(8), count: 64 }];
    vec![
        ("request-hosts", Request::Hosts),
        ("request-status", Request::Status),
        ("request-place", Request::Place(placements)),
        ("request-checkup", Request::Checkup),
    ]
}

fn replies() -> Vec<(&'static str, Reply)> {
    vec![
        ("reply-refused", Reply::Refused("one placement request a second per client".to_owned())),
        ("reply-hosts", Reply::Hosts(table())),
        ("reply-status", Reply::Status(Box::new(status()))),
        ("reply-placed", Reply::Placed),
        ("reply-checkup", Reply::Checkup(Box::new(checkup()))),
    ]
}

fn checkup() -> Checkup {
    let file = |path: &str, named| FileInUse { path: path.as_bytes().into(), named };
    let name: HostName = "node-8".parse().unwrap();
    let seed = |machine: &str, state| SeedFinding { machine: machine.into(), state };
    Checkup {
        private: false,
        settings: file("/etc/peermon/peermon.toml", false),
        machines: file("/etc/peermon/machines.txt", false),
        valid_ips: file("/etc/peermon/valid_ips.txt", false),
        key: file("/srv/key", true),
        proc_root: b"/proc".as_slice().into(),
        bound: None,
        intervals: vec![IntervalInUse { hundredths: 2_000, hosts: 102, example: name.clone() }],
        examined_hundredths: 31,
        is_over: true,
        peers: vec![PeerFinding { name, address: endpoint_of(8).address, reach: Reach::Reaches }],
        seeds: vec![seed("192.0.2.8:1288", SeedState::Answers), seed("node-9:1288", SeedState::Unresolved)],
    }
}

fn table() -> HostTable {
    let Card { name, endpoint, more_addresses, labels, software, .. } = card(7);
    let known = HostView {
        id: id(7),
        name,
        address: endpoint.address,
        addresses: [vec![endpoint.address], more_addresses].concat(),
        port: endpoint.port,
        state: HostState::Fresh,
        age_hundredths: 1_300,
        load1_hundredths: Some(152),
        pending_hundredths: 100,
        cores: Some(16),
        memory_available_mib: Some(31_000),
        memory_total_mib: Some(64_000),
        uptime_seconds: Some(1_000_013),
        collector: false,
        labels,
        software: software.clone(),
    };
    let unknown = HostView {
        id: id(8),
        name: "node-8".parse().unwrap(),
        address: endpoint_of(8).address,
        addresses: vec![endpoint_of(8).address],
        port: 1288,
        state: HostState::Dead,
        age_hundredths: 90_000,
        load1_hundredths: None,
        pending_hundredths: 0,
        cores: None,
        memory_available_mib: None,
        memory_total_mib: None,
        uptime_seconds: None,
        collector: true,
        labels: Vec::new(),
        software,
    };
    let mut hosts = vec![known, unknown];
    hosts.sort_by_key(|host| host.id);
    HostTable { own: id(7), interval_hundredths: 2_000, isolated: false, up_seconds: 3_600, hosts }
}

fn status() -> DaemonStatus {
    let reject = |reason: &str, count, last_sender| RejectCount { reason: reason.to_owned(), count, last_sender };
    DaemonStatus {
        name: "node-7.example.edu".parse().unwrap(),
        software: "2.0.0".into(),
        pid: 4_242,
        up_seconds: 3_600,
        network: "lab".to_owned(),
        keyed: true,
        interval_hundredths: 2_000,
        port: 1288,
        address: [192, 0, 2, 7].into(),
        hosts: StateCounts { fresh: 100, late: 1, suspect: 2, left: 3, dead: 4 },
        last_heard_hundredths: Some(31),
        isolated: false,
        twin: false,
        lacking_first_key: 5,
        datagrams_in: 123_456,
        datagrams_out: 120_000,
        bytes_in: 98_765_432,
        bytes_out: 90_000_000,
        kernel_drops: 0,
        send_errors: 1,
        rejects: vec![reject("replay", 12, Some("2001:db8::9".parse().unwrap())), reject("not-ours", 1, None)],
    }
}
