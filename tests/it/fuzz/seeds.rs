//! Where a search begins: a few inputs of each kind, made from real values, so that they can be made anew when a format
//! changes.

use std::fs;
use std::net::Ipv6Addr;

use peermon::gossip::Identity;
use peermon::model::{
    Age, Aged, Card, Checkup, DaemonStatus, Departure, Destination, FileInUse, HostName, HostState, HostView, Inquiry,
    IntervalInUse, Known, Load, Message, PeerFinding, Reach, Record, RejectCount, Report, SeedFinding, SeedState,
    StateCounts, Suspicion, Tail, UnknownRecord, Urgency, Verdict, Version,
};
use peermon::session::Opened;
use peermon::wire::client::{FRAME_HEADER_LEN, HostTable, Placement, Reply, Request, encode_reply, encode_request};
use peermon::wire::datagram;
use peermon::wire::limits::PLAINTEXT_MAX;

use super::bodies::lab::{self, endpoint};
use super::bodies::{receiver, sender};
use crate::wire_golden;

/// A file of the corpus.
#[derive(Clone, Debug)]
pub struct Seed {
    pub target: &'static str,
    pub name: String,
    pub bytes: Vec<u8>,
}

/// All seeds.
pub fn all() -> Vec<Seed> {
    let targets = [
        ("sealed", sealed()),
        ("exchange", exchanges()),
        ("opened", messages().into_iter().map(|(name, message)| (name, plaintext(&message))).collect()),
        ("conversation", conversations()),
        ("request", requests()),
        ("reply", replies()),
        ("config", files()),
        ("proc", trees()),
    ];
    let named = targets.into_iter().flat_map(|(target, inputs)| {
        inputs.into_iter().map(move |(name, bytes)| Seed { target, name: name.to_owned(), bytes })
    });
    named.chain(golden()).collect()
}

/// The bytes that are kept for ever, but for sealed ones, which are for other sessions than those of the target.
fn golden() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for file in fs::read_dir(wire_golden::folder()).unwrap() {
        let path = file.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let bytes = wire_golden::bytes_of(&fs::read_to_string(&path).unwrap());
        let (target, bytes) = match stem.split('-').next() {
            Some("sealed") => continue,
            Some("request") => ("request", bytes[FRAME_HEADER_LEN..].to_vec()),
            Some("reply") => ("reply", bytes[FRAME_HEADER_LEN..].to_vec()),
            _ => ("opened", bytes),
        };
        seeds.push(Seed { target, name: format!("golden-{stem}"), bytes });
    }
    seeds
}

fn plaintext(message: &Message) -> Vec<u8> {
    datagram::encode(message, PLAINTEXT_MAX).swap_remove(0)
}

/// Newer than what the lab has told.
const NEWER: Version = Version { incarnation: 4, sequence: 2 };

/// The second life of a host.
const NEXT_LIFE: Version = Version { incarnation: 5, sequence: 1 };

fn aged(hundredths: u32, value: Record) -> Aged<Record> {
    Aged { age: Age::from_hundredths(hundredths), value }
}

fn report_of(host: u8, version: Version) -> Record {
    Record::Report(lab::report(host, version))
}

/// A card with everything on it.
fn full_card() -> Card {
    let more = [7u16, 8, 9].map(|last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last).into());
    Card {
        more_addresses: more.to_vec(),
        key_ids: vec![7, 9],
        labels: ["gpu=a100", "rack=7"].map(|label| label.parse().unwrap()).to_vec(),
        collector: true,
        tail: Tail([0x18, 0x2a, 0x63, b'n', b'e', b'w'].into()),
        ..lab::card(40, NEXT_LIFE)
    }
}

/// One message of each kind.
fn messages() -> Vec<(&'static str, Message)> {
    let known = |hosts: std::ops::RangeInclusive<u8>| -> Vec<Known> {
        let ids = lab::ids(hosts).into_iter();
        ids.map(|id| Known { id, version: Version { incarnation: 3, sequence: 9 } }).collect()
    };
    let suspicion = |host: u8, by: u8| Suspicion {
        id: endpoint(host).id(),
        version: NEWER,
        by: endpoint(by).id(),
        tail: Tail::default(),
    };
    let unread = Report { load: Load::default(), flags: 1, tail: Tail([0xf6].into()), ..lab::report(2, NEWER) };
    let ids = lab::ids(5..=8);
    vec![
        (
            "handover",
            Message::Handover { bits: 2, urgency: Urgency::Routine, records: vec![aged(0, report_of(1, NEWER))] },
        ),
        (
            "handover_urgent",
            Message::Handover {
                bits: 48,
                urgency: Urgency::Urgent,
                records: vec![
                    aged(3, Record::Card(Box::new(lab::card(1, NEXT_LIFE)))),
                    aged(3, report_of(1, NEXT_LIFE)),
                    aged(
                        0,
                        Record::Departure(Departure {
                            id: endpoint(3).id(),
                            version: NEXT_LIFE,
                            tail: Tail::default(),
                        }),
                    ),
                ],
            },
        ),
        (
            "bundle",
            Message::Bundle {
                records: (1..=12).map(|host| aged(u32::from(host) * 70, report_of(host, NEWER))).collect(),
            },
        ),
        (
            "bundle_of_all_kinds",
            Message::Bundle {
                records: vec![
                    aged(0, Record::Report(unread)),
                    aged(9, Record::Card(Box::new(full_card()))),
                    aged(25, Record::Suspicion(suspicion(4, 5))),
                    aged(
                        70_000,
                        Record::Departure(Departure { id: endpoint(6).id(), version: NEWER, tail: Tail::default() }),
                    ),
                    aged(
                        1,
                        Record::Unknown(UnknownRecord {
                            kind: 9,
                            id: endpoint(7).id(),
                            version: NEWER,
                            body: Tail([0x82, 0x01, 0x41, 0xff].into()),
                        }),
                    ),
                ],
            },
        ),
        (
            "bundle_about_the_listener",
            Message::Bundle {
                records: vec![
                    aged(0, report_of(lab::ME, Version { incarnation: 900, sequence: 7 })),
                    aged(0, Record::Suspicion(suspicion(lab::ME, 1))),
                ],
            },
        ),
        ("bundle_without_an_above", Message::Bundle { records: vec![aged(0, report_of(lab::ME, Version::MAX))] }),
        (
            "found",
            Message::Found {
                records: (31..=33)
                    .flat_map(|host| [Record::Card(Box::new(lab::card(host, NEWER))), report_of(host, NEWER)])
                    .map(|record| aged(100, record))
                    .collect(),
            },
        ),
        ("look", Message::Look { known: known(1..=6) }),
        ("card_hash", Message::CardHash { hash: 0x0123_4567_89ab_cdef, confirm: true }),
        ("agree", Message::Agree),
        ("busy", Message::Busy),
        ("buckets", Message::Buckets { hashes: (0..Message::BUCKETS as u32).collect() }),
        ("ask_cards", Message::AskCards { from: ids[0], to: ids[3], known: known(5..=8) }),
        ("want_cards", Message::WantCards { ids: lab::ids([1, 2, 60]) }),
        ("heartbeat", Message::Heartbeat),
        ("ping", Message::Ping { token: 0xdead_beef }),
        ("pong", Message::Pong { token: 0 }),
        (
            "inquire",
            Message::Inquire(Inquiry { token: 3, suspect: endpoint(9).id(), silence: Age::from_hundredths(350) }),
        ),
        ("answer", Message::Answer { token: 3, verdict: Verdict::Silent }),
        ("your_version", Message::YourVersion { version: Version { incarnation: 77, sequence: 1 } }),
    ]
}

/// Datagrams that the receiver opens.
fn sealed() -> Vec<(&'static str, Vec<u8>)> {
    let mut from = sender(1);
    let to = Destination::Member(endpoint(lab::ME).id());
    let mut seal = |message: &Message| from.seal(lab::START, &to, message).unwrap().datagrams.swap_remove(0);
    let message = |wanted: &str| messages().into_iter().find(|(name, _)| *name == wanted).unwrap().1;
    let data = ["heartbeat", "handover", "bundle_of_all_kinds", "ask_cards"].map(|name| (name, seal(&message(name))));
    let hello = sender(2).hello(lab::START, endpoint(lab::ME).socket()).datagrams;
    let welcome = {
        let (_, hellos) = receiver();
        match sender(1).open(lab::START, endpoint(lab::ME).socket(), &hellos[0]) {
            Ok(Opened::Hello { reply }) => reply,
            other => panic!("no welcome: {other:?}"),
        }
    };
    data.into_iter()
        .chain([("hello", hello[0].clone()), ("hello_of_next_key", hello[1].clone()), ("welcome", welcome)])
        .collect()
}

/// A length and bytes, as scripts read them.
fn lengthy(bytes: &[u8]) -> Vec<u8> {
    let mut out = u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    out.extend_from_slice(bytes);
    out
}

fn exchanges() -> Vec<(&'static str, Vec<u8>)> {
    let say = |host: u8| [vec![0, host - 1], lengthy(&plaintext(&Message::Ping { token: 5 }))].concat();
    let (deliver, hello, ask) = (5, 3, 4);
    vec![
        ("said_and_repeated", [say(1), say(2), vec![deliver, 0, 1, deliver, 0, 0, deliver, 0, 0]].concat()),
        ("hello_and_welcome", vec![hello, 3, deliver, 0, 0, ask, 0, deliver, 0, 2, deliver, 0, 2, 15, 0, 2]),
        ("damaged", [say(1), vec![9, 0, 0, 0, 20, 4, 9, 0, 0, 0, 9, 0, deliver, 0, 0]].concat()),
        ("from_elsewhere", [say(4), say(1), vec![8, 2, 0, 8, 3, 1]].concat()),
        (
            "another_session",
            [say(1), vec![13, 0, deliver, 0, 0, 14, 0], say(1), vec![deliver, 0, 1, 10, 0, 255, 255, deliver, 0, 1]]
                .concat(),
        ),
        ("come_and_gone", [vec![12, 0], say(1), vec![deliver, 0, 0, 11, 0], say(1), vec![deliver, 0, 1]].concat()),
        ("other_keys", [vec![15, 0, 0], say(1), vec![deliver, 0, 0, 15, 0, 1], say(2), vec![deliver, 0, 1]].concat()),
    ]
}

fn conversations() -> Vec<(&'static str, Vec<u8>)> {
    let tell =
        |host: u8, message: &Message, wait: u8| [vec![0, host], lengthy(&plaintext(message)), vec![wait]].concat();
    // What, who, how many more records; each: kind, host, version, (accuser,) age; at last the wait.
    let ping = Message::Ping { token: 1 };
    let of = |wanted: &str| messages().into_iter().find(|(name, _)| *name == wanted).unwrap().1;
    vec![
        ("pings", [tell(1, &ping, 10), tell(0, &ping, 100)].concat()),
        (
            "newcomers",
            [tell(31, &of("found"), 20), tell(31, &of("card_hash"), 200), tell(32, &of("buckets"), 20)].concat(),
        ),
        ("suspected", vec![8, 1, 1, 3, 4, 0x42, 5, 0, 3, 0, 0x51, 6, 3, 30, 9, 4, 0, 0, 4, 0x51, 0, 50]),
        ("left_and_back", vec![9, 2, 0, 2, 2, 0x43, 0, 40, 7, 2, 1, 1, 2, 0x51, 0, 0, 2, 0x52, 0, 5, 40]),
        ("poisoned", vec![9, 3, 2, 0, 0, 255, 0, 0, 5, 254, 0, 1, 6, 253, 255, 90]),
        (
            "many_cards",
            vec![
                8, 40, 7, 1, 31, 65, 0, 1, 32, 65, 0, 1, 33, 65, 1, 1, 34, 65, 2, 1, 35, 65, 0, 1, 50, 65, 9, 1, 51,
                65, 0, 1, 52, 65, 0, 60,
            ],
        ),
        (
            "refused_and_asleep",
            [vec![11, 7, 20, 13, 0, 4, 0, 100, 14, 0, 50, 15, 9, 200, 12, 5, 200], tell(5, &ping, 9)].concat(),
        ),
        (
            "watched",
            [tell(9, &of("inquire"), 60), tell(9, &of("answer"), 60), tell(3, &of("your_version"), 20)].concat(),
        ),
    ]
}

fn requests() -> Vec<(&'static str, Vec<u8>)> {
    let place = |hosts: std::ops::RangeInclusive<u8>| {
        Request::Place(hosts.map(|host| Placement { id: endpoint(host).id(), count: u32::from(host) * 30 }).collect())
    };
    let body = |request: &Request| encode_request(request).split_off(FRAME_HEADER_LEN);
    vec![
        ("hosts", body(&Request::Hosts)),
        ("status", body(&Request::Status)),
        ("checkup", body(&Request::Checkup)),
        ("place", body(&place(1..=20))),
        ("place_nowhere", body(&Request::Place(Vec::new()))),
        ("hosts_with_a_newer_field", vec![0x83, 0x01, 0x00, 0x82, 0xf5, 0x61, b'x']),
    ]
}

fn replies() -> Vec<(&'static str, Vec<u8>)> {
    let states = [HostState::Fresh, HostState::Late, HostState::Suspect, HostState::Left, HostState::Dead];
    let mut hosts: Vec<HostView> = states
        .into_iter()
        .zip(1..)
        .map(|(state, host)| HostView { state, pending_hundredths: 100, ..lab::view(host) })
        .collect();
    hosts[4].addresses.push(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 5).into());
    let unknown = HostView {
        load1_hundredths: None,
        cores: None,
        memory_available_mib: None,
        memory_total_mib: None,
        uptime_seconds: None,
        labels: Vec::new(),
        ..lab::view(6)
    };
    let extreme =
        HostView { load1_hundredths: Some(u32::MAX), cores: Some(0), age_hundredths: u64::MAX, ..lab::view(7) };
    hosts.extend([unknown, extreme]);
    hosts.sort_by_key(|host| host.id);
    let table = |hosts| {
        Reply::Hosts(HostTable {
            own: endpoint(1).id(),
            interval_hundredths: 2_000,
            isolated: false,
            up_seconds: 77,
            hosts,
        })
    };
    let Identity { name, software, endpoint, .. } = lab::identity(1);
    let status = DaemonStatus {
        name,
        software,
        pid: 4_242,
        up_seconds: 86_400,
        network: "default".into(),
        keyed: true,
        interval_hundredths: 2_000,
        port: endpoint.port,
        address: endpoint.address,
        hosts: StateCounts { fresh: 29, late: 1, suspect: 0, left: 2, dead: 300 },
        last_heard_hundredths: Some(12),
        isolated: false,
        twin: false,
        lacking_first_key: 1,
        datagrams_in: 1 << 20,
        datagrams_out: 1 << 33,
        bytes_in: 5,
        bytes_out: u64::MAX,
        kernel_drops: 0,
        send_errors: 0,
        rejects: vec![
            RejectCount { reason: "replay".into(), count: 9, last_sender: Some(endpoint.address) },
            RejectCount { reason: "malformed".into(), count: 1, last_sender: None },
        ],
    };
    let body = |reply: &Reply| encode_reply(reply).split_off(FRAME_HEADER_LEN);
    vec![
        ("hosts", body(&table(hosts))),
        ("no_hosts", body(&table(Vec::new()))),
        ("status", body(&Reply::Status(Box::new(status)))),
        ("placed", body(&Reply::Placed)),
        ("checkup", body(&Reply::Checkup(Box::new(checkup())))),
        ("refused", body(&Reply::Refused("a request of version 2, where 1 is spoken".into()))),
    ]
}

fn checkup() -> Checkup {
    let file = |path: &str, named| FileInUse { path: path.as_bytes().into(), named };
    let name: HostName = lab::identity(2).name;
    let seed = |machine: &str, state| SeedFinding { machine: machine.into(), state };
    Checkup {
        private: false,
        settings: file("/etc/peermon/peermon.toml", false),
        machines: file("/etc/peermon/machines.txt", false),
        valid_ips: file("/etc/peermon/valid_ips.txt", true),
        key: file("/etc/peermon/gossip.key", false),
        proc_root: b"/proc".as_slice().into(),
        bound: None,
        intervals: vec![IntervalInUse { hundredths: 2_000, hosts: 30, example: name.clone() }],
        examined_hundredths: 50,
        is_over: false,
        peers: vec![PeerFinding { name, address: endpoint(2).address, reach: Reach::OnlyAnswers }],
        seeds: vec![seed("node-2:1288", SeedState::Unresolved), seed("192.0.2.3:1288", SeedState::Answers)],
    }
}

fn files() -> Vec<(&'static str, Vec<u8>)> {
    let file = |name, lines: &[&str]| (name, format!("{}\n", lines.join("\n")).into_bytes());
    vec![
        file(
            "settings",
            &[
                "log = \"debug\"",
                "[gossip]",
                "port = 1300",
                "interval = 0.5",
                "machines = \"m.txt\"",
                "valid_ips = \"/v.txt\"",
                "key_file = \"k\"",
                "network = \"lab\"",
                "max_datagram = 508",
                "require_key = true",
                "[host]",
                "collector = true",
                "name = \"node-1\"",
                "advertise = \"192.0.2.1\"",
                "interface = \"eth0\"",
                "labels = [\"rack=7\"]",
                "[client]",
                "port = 1990",
                "tcp = false",
                "socket = \"/run/x.sock\"",
                "[choose]",
                "policy = \"cpu\"",
                "cpu_delta = 0.2",
                "mem_delta = \"2G\"",
                "max_age = 60",
                "exclude = [\"old\"]",
                "[ssh]",
                "program = \"ssh\"",
                "probe = false",
                "tries = 3",
                "[mpigen]",
                "format = \"mpich\"",
                "[dns]",
                "zone = \"lab.test\"",
                "count = 5",
                "ttl = 30",
                "hysteresis = 15",
                "min = 1",
            ],
        ),
        file(
            "settings_with_odd_keys",
            &["[gossip]", "intervall = 5", "'port' = \"1288\"", "[hots]", "[host]", "nam\\u0065 = 1"],
        ),
        file("settings_inline", &["gossip = { port = 1300, network = \"a\" }", "host.labels = [\"a=b\", \"c=d\"]"]),
        file(
            "machines",
            &[
                "# seeds",
                "130.58.68.76:1288",
                "130.58.68.165 # no port",
                "lab-1.example.edu:1300\r",
                "",
                "  lab-2",
                "[2001:db8::1]:1301",
                "[2001:db8::2]",
                "2001:db8::3",
                "::ffff:192.0.2.1",
                "node1:99999",
                "-oProxyCommand=x",
            ],
        ),
        file(
            "valid_ips",
            &["130.58.68", "256.256.256", "10.0.0.0/8", "2001:db8::/32 # lab", "::ffff:192.0.2.0/120", "127."],
        ),
        file(
            "key",
            &[
                "# two keys",
                "3f1c0d5f2a77b0e19c64d8e2a1b35c7f00918273645546372819a0b1c2d3e4f5",
                "A94A8FE5CCB19BA61C4C0873D391E987982FBBD3E8A7C1E5B0D2F4968776655A # next",
            ],
        ),
        file(
            "values",
            &[
                "1288",
                "0.2",
                "-5",
                "300",
                "1400",
                "512M",
                "1.5KiB",
                "1tb",
                "15%",
                "warn",
                "gpu=a100",
                "node-7.lab.test",
                "::1",
            ],
        ),
    ]
}

/// Trees as `proc` reads them.
fn trees() -> Vec<(&'static str, Vec<u8>)> {
    let tree = |name, files: &[(&str, &str)]| {
        let text: String = files.iter().map(|(file, content)| format!("> {file}\n{content}")).collect();
        (name, text.into_bytes())
    };
    let host = [
        ("proc/loadavg", "2.63 1.00 1.42 3/4280 2496732\n"),
        ("proc/meminfo", "MemTotal:        4194304 kB\nMemFree: 1 kB\nMemAvailable:    2097152 kB\n"),
        ("proc/cpuinfo", "processor\t: 0\nmodel name\t: x\n\nprocessor\t: 1\n"),
        ("proc/uptime", "12345.67 20000.00\n"),
    ];
    let two = "30 23 0:26 / ROOT/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
    let one = "30 23 0:26 /docker/ab ROOT/cgroup ro - cgroup cgroup rw,memory\n\
               31 23 0:27 /docker/ab ROOT/cgroup ro - cgroup cgroup rw,cpu,cpuacct\n";
    vec![
        tree("host", &host),
        tree(
            "host_without_cpuinfo",
            &[
                ("proc/stat", "cpu  1 2\ncpu0 1\ncpu1 1\ncpu2 1\nintr 5\n"),
                ("proc/1/status", "Name:\tinit\nCpus_allowed_list:\t0-1,3\n"),
                host[0],
            ],
        ),
        tree(
            "container_of_version_2",
            &[
                host[0],
                host[1],
                host[2],
                ("proc/self/cgroup", "0::/\n"),
                ("proc/self/mountinfo", two),
                ("cgroup/cpu.max", "150000 100000\n"),
                ("cgroup/cpuset.cpus.effective", "0-3,8\n"),
                ("cgroup/memory.max", "1073741824\n"),
                ("cgroup/memory.current", "536870912\n"),
                ("cgroup/memory.stat", "anon 1\ninactive_file 134217728\nactive_file 0\nslab_reclaimable 0\n"),
            ],
        ),
        tree(
            "container_of_version_1",
            &[
                host[1],
                host[2],
                ("proc/self/cgroup", "5:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n"),
                ("proc/self/mountinfo", one),
                ("cgroup/cpu.cfs_quota_us", "400000"),
                ("cgroup/cpu.cfs_period_us", "100000"),
                ("cgroup/memory.limit_in_bytes", "2147483648"),
                ("cgroup/memory.usage_in_bytes", "1073741824"),
                ("cgroup/memory.stat", "total_inactive_file 4096\ntotal_active_file 1\n"),
            ],
        ),
        tree(
            "slice_of_a_user",
            &[
                host[1],
                host[2],
                ("proc/self/cgroup", "0::/user.slice/user-7.slice/user@7.service/app.slice/peermon.service\n"),
                ("proc/self/mountinfo", two),
                ("cgroup/user.slice/memory.max", "max\n"),
                ("cgroup/user.slice/user-7.slice/memory.max", "1048576\n"),
                ("cgroup/user.slice/user-7.slice/cpu.max", "max 100000\n"),
            ],
        ),
        ("one_text_in_all", b"1.00 0: 3 kB\nMemTotal: 7 kB\nprocessor\n".to_vec()),
    ]
}
