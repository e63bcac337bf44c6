//! `peermon query` as users see it: the real executable, a daemon of words.

use peermon::model::{HostState, HostView, NodeId, RejectCount};
use peermon::wire::client::Reply;

use crate::command::{Outcome, Place, ask, check_failure};
use crate::fake_daemon::{Answer, FakeDaemon, status, table};
use crate::rows::{busy, host};

/// The hosts of ranking.md's example, and three that are not offered.
fn lab() -> Vec<HostView> {
    vec![
        busy("a", 0.2, 4, 8),
        busy("b", 0.0, 2, 2),
        busy("c", 6.0, 32, 128),
        busy("d", 5.0, 32, 128),
        HostView { collector: true, ..host("watcher") },
        HostView { state: HostState::Suspect, age_hundredths: 700, ..host("shaky") },
        HostView { state: HostState::Dead, load1_hundredths: None, cores: None, ..host("gone") },
    ]
}

/// Runs against the lab and checks stdout, with nothing on stderr and success.
#[track_caller]
fn check_stdout(arguments: &str, expected: &str) {
    let outcome = ask(&FakeDaemon::knowing(lab()), arguments);
    assert_eq!(outcome.stderr, "", "{arguments}");
    assert_eq!((&*outcome.stdout, outcome.code), (expected, Some(0)), "{arguments}");
}

/// Runs against these hosts; expects this on stdout, this on stderr and this code.
#[track_caller]
fn check_shortfall(hosts: Vec<HostView>, arguments: &str, stdout: &str, code: i32, what: &str) {
    let outcome = ask(&FakeDaemon::knowing(hosts), arguments);
    assert_eq!(outcome.stdout, stdout, "{arguments}");
    check_failure(&Outcome { stdout: String::new(), ..outcome }, code, what, "");
}

#[test]
fn a_pipe_gets_names_best_first() {
    let outcome = ask(&FakeDaemon::knowing(lab()), "query");
    assert!(["c\nd\na\nb\n", "d\nc\na\nb\n"].contains(&&*outcome.stdout), "{outcome:?}");
    check_stdout("query -n 1 --exclude d", "c\n");
    check_stdout("query --n 1 --exclude d", "c\n");
    check_stdout("query --num=1 --exclude d", "c\n");
    check_stdout("query --output names -n 2 --exclude c,d", "a\nb\n");
}

#[test]
fn the_worked_example_of_the_ranking_comes_out_of_the_command() {
    // {d, c} in random order, then a, then b: both orders come, and no other.
    let daemon = FakeDaemon::knowing(lab());
    let mut orders: Vec<String> =
        (0..12).map(|seed| ask(&daemon, &format!("query --seed {seed}")).stdout.replace('\n', "")).collect();
    orders.sort();
    orders.dedup();
    assert_eq!(orders, ["cdab", "dcab"]);
    // With 6 pending on d: c first, then {d, a} in random order, then b.
    let mut hosts = lab();
    hosts[3].pending_hundredths = 600;
    daemon.set(Answer::Table(Box::new(table(hosts))));
    let mut orders: Vec<String> =
        (0..12).map(|seed| ask(&daemon, &format!("query --seed {seed}")).stdout.replace('\n', "")).collect();
    orders.sort();
    orders.dedup();
    assert_eq!(orders, ["cadb", "cdab"]);
}

#[test]
fn a_seed_repeats_the_choice() {
    let hosts: Vec<HostView> = (0..20).map(|number| host(&format!("n{number}"))).collect();
    let daemon = FakeDaemon::knowing(hosts);
    let first = ask(&daemon, "query -r --seed 7").stdout;
    assert_eq!(ask(&daemon, "query -r --seed 7").stdout, first);
    assert_ne!(ask(&daemon, "query -r --seed 8").stdout, first);
    assert_ne!(ask(&daemon, "query -r").stdout, ask(&daemon, "query -r").stdout);
}

#[test]
fn letters_and_policies_choose_the_order() {
    let names = |order: &str| order.chars().map(|name| format!("{name}\n")).collect::<String>();
    // Load per core: a 0.05, b 0, c 0.1875, d 0.156; without ties.
    check_stdout("query -c --cpu-delta 0", &names("badc"));
    check_stdout("query --policy cpu --cpu-delta 0", &names("badc"));
    check_stdout("query -m --mem-delta 0 --exclude c", &names("dab"));
    check_stdout("query -cm --cpu-delta 0", &names("dcab"));
    // classic: a 8 GiB 9 steps, cpu 0: -9e6 (8,388,608 + 500,000 over 1,000,000 is 8: -8e6); b -2e6; c cpu 1, k 134:
    // -67e6; d cpu 1: -67e6.
    check_stdout("query --policy classic --exclude c", &names("dab"));
    // cpu: a int(0.2 / 4 * 100 / 11) = 0, b 0, d int(5 / 32 * 100 / 11) = 1.
    check_stdout("query --policy classic -c --exclude b,c", &names("ad"));
}

#[test]
fn hosts_are_left_out_by_name_address_age_and_as_oneself() {
    let address = lab()[3].address;
    check_stdout(&format!("query --exclude c,{address} --exclude b"), "a\n");
    check_stdout("query --exclude-self --exclude c,d", "b\n");
    check_stdout("query --max-age 1.5 -n 1 --exclude c,d", "a\n");
    check_shortfall(
        lab(),
        "query --max-age 1.4",
        "",
        4,
        "peermon query: no host is eligible (left out: 1 collector, 4 too old, 1 suspect, 1 dead)",
    );
}

#[test]
fn all_shows_also_those_that_are_not_offered() {
    check_stdout("query --all --exclude c,d,b --output names", "a\nb\nc\nd\nwatcher\nshaky\ngone\n");
    check_stdout("query --all --count", "7\n");
    check_stdout("query --count", "4\n");
    check_stdout("query --all --count -n 5", "5\n");
}

#[test]
fn one_host_may_be_asked_for_itself() {
    check_stdout("query --self", "a\n");
    check_stdout("query --self -I", &format!("{}\n", lab()[0].address));
    let mut hosts = lab();
    hosts[0].collector = true;
    check_shortfall(
        hosts.clone(),
        "query --self",
        "",
        4,
        "this host is not offered (a collector: offers no resources)",
    );
    let outcome = ask(&FakeDaemon::knowing(hosts), "query --self --all");
    assert_eq!((&*outcome.stdout, outcome.code), ("a\n", Some(0)));
}

#[test]
fn addresses_stand_instead_of_names() {
    let hosts = lab();
    for option in ["-I", "--ip", "--IP"] {
        check_stdout(&format!("query {option} -n 1 --exclude d"), &format!("{}\n", hosts[2].address));
    }
    let outcome = ask(&FakeDaemon::knowing(hosts.clone()), "query -I --output table -n 1 --exclude d");
    assert!(outcome.stdout.contains(&format!("\n{}  ", hosts[2].address)), "{outcome:?}");
}

#[test]
fn names_fold_as_clustershell_and_slurm_read_them() {
    let names = ["node01", "node02", "node03", "node10", "gpu1.lab", "gpu2.lab", "login"];
    let outcome = ask(&FakeDaemon::knowing(names.map(host).to_vec()), "query --fold");
    assert_eq!((&*outcome.stdout, outcome.code), ("gpu[1-2].lab,login,node[01-03,10]\n", Some(0)));
}

#[test]
fn json_has_the_promised_names_in_the_promised_order() {
    let full = HostView {
        addresses: vec!["10.1.2.3".parse().unwrap(), "fd00::7".parse().unwrap()],
        address: "10.1.2.3".parse().unwrap(),
        pending_hundredths: 50,
        labels: vec!["gpu=a100".parse().unwrap(), "rack=7".parse().unwrap()],
        ..busy("a", 0.2, 4, 8)
    };
    let unknown = HostView {
        load1_hundredths: None,
        cores: None,
        memory_available_mib: None,
        memory_total_mib: None,
        uptime_seconds: None,
        collector: true,
        addresses: vec!["10.1.2.4".parse().unwrap()],
        address: "10.1.2.4".parse().unwrap(),
        ..host("b")
    };
    let expected = concat!(
        r#"{"schema":1,"self":"a","interval_seconds":20.0,"nodes":["#,
        r#"{"name":"a","address":"10.1.2.3","addresses":["10.1.2.3","fd00::7"],"port":1288,"state":"fresh","#,
        r#""age_seconds":1.5,"load1":0.2,"pending":0.5,"cores":4,"load_per_core":0.05,"#,
        r#""memory_available_bytes":8589934592,"memory_total_bytes":8589934592,"uptime_seconds":86400,"#,
        r#""collector":false,"labels":{"gpu":"a100","rack":"7"},"version":"2.0.0"},"#,
        r#"{"name":"b","address":"10.1.2.4","addresses":["10.1.2.4"],"port":1288,"state":"fresh","#,
        r#""age_seconds":1.5,"load1":null,"pending":0.0,"cores":null,"load_per_core":null,"#,
        r#""memory_available_bytes":null,"memory_total_bytes":null,"uptime_seconds":null,"#,
        r#""collector":true,"labels":{},"version":"2.0.0"}]}"#,
        "\n"
    );
    let daemon = FakeDaemon::knowing(vec![full, unknown]);
    for arguments in ["query --all --json", "query --all --output json"] {
        let outcome = ask(&daemon, arguments);
        assert_eq!(outcome, Outcome { stdout: expected.to_owned(), stderr: String::new(), code: Some(0) });
    }
    let few = ask(&daemon, "query --json --fields load1,name");
    assert_eq!(
        few.stdout,
        "{\"schema\":1,\"self\":\"a\",\"interval_seconds\":20.0,\"nodes\":[{\"load1\":0.2,\"name\":\"a\"}]}\n"
    );
}

#[test]
fn an_empty_list_is_valid_json_with_exit_code_4() {
    let nobody = vec![HostView { collector: true, ..host("a") }];
    let stdout = "{\"schema\":1,\"self\":\"a\",\"interval_seconds\":20.0,\"nodes\":[]}\n";
    check_shortfall(
        nobody.clone(),
        "query --json",
        stdout,
        4,
        "peermon query: no host is eligible (left out: 1 collector)",
    );
    check_shortfall(nobody.clone(), "query", "", 4, "no host is eligible");
    check_shortfall(nobody.clone(), "query --fold", "", 4, "no host is eligible");
    check_shortfall(nobody.clone(), "query --count", "0\n", 4, "no host is eligible");
    check_shortfall(nobody, "query --output csv --fields name", "name\n", 4, "no host is eligible");
}

#[test]
fn csv_has_a_header_and_a_line_for_each_host() {
    let labelled = HostView {
        labels: vec!["gpu=a100".parse().unwrap(), "rack=7".parse().unwrap()],
        software: "2.0.0, \"patched\"".into(),
        ..busy("a", 0.2, 4, 8)
    };
    let unknown = HostView { memory_available_mib: None, ..busy("b", 9.0, 4, 8) };
    let daemon = FakeDaemon::knowing(vec![labelled, unknown]);
    let outcome = ask(&daemon, "query --output csv --fields name,load1,memory_available_bytes,labels,version");
    assert_eq!(
        outcome.stdout,
        "name,load1,memory_available_bytes,labels,version\n\
         a,0.2,8589934592,gpu=a100 rack=7,\"2.0.0, \"\"patched\"\"\"\n\
         b,9,,,2.0.0\n"
    );
    let all = ask(&daemon, "query --output csv");
    let header = "name,address,addresses,port,state,age_seconds,load1,pending,cores,load_per_core,\
                  memory_available_bytes,memory_total_bytes,uptime_seconds,collector,labels,version\n";
    assert!(all.stdout.starts_with(header), "{all:?}");
}

#[test]
fn the_table_is_aligned_in_human_units() {
    let daemon = FakeDaemon::knowing(vec![
        HostView { pending_hundredths: 150, ..busy("a", 0.2, 4, 8) },
        HostView { state: HostState::Late, age_hundredths: 7_000, ..busy("longer.example.edu", 12.5, 128, 1500) },
        HostView { collector: true, memory_available_mib: Some(512), uptime_seconds: None, ..host("watcher") },
    ]);
    let outcome = ask(&daemon, "query --all --output table -c");
    assert_eq!(
        outcome.stdout,
        "\
NAME                STATE         AGE   LOAD  PENDING  CORES     FREE   MEMORY       UP
longer.example.edu  late       70.0 s  12.50     0.00    128  1.5 TiB  1.5 TiB  1 d 0 h
a                   fresh       1.5 s   0.20     1.50      4  8.0 GiB  8.0 GiB  1 d 0 h
watcher             collector   1.5 s   0.00     0.00      4  512 MiB  8.0 GiB        ?
"
    );
    let chosen = ask(&daemon, "query --fields name,load_per_core,labels,version");
    assert_eq!(
        chosen.stdout,
        "NAME                LOAD/CORE  LABELS  VERSION\n\
         longer.example.edu       0.10          2.0.0\n\
         a                        0.05          2.0.0\n"
    );
}

#[test]
fn fields_are_listed_and_a_misspelt_one_is_recognised() {
    let help = Place::new().run("query --fields help");
    assert_eq!((help.stdout.lines().count(), help.code), (16, Some(0)), "{help:?}");
    assert!(help.stdout.contains("age_seconds             how long ago it measured itself\n"), "{help:?}");
    check_failure(
        &Place::new().run("query --fields nmae"),
        2,
        "'nmae' is no value for --fields",
        "did you mean 'name'?",
    );
    check_failure(&Place::new().run("query --output names --fields name"), 2, "--fields does not go with", "csv");
}

#[test]
fn explain_shows_the_arithmetic_or_why_a_host_is_left_out() {
    let outcome = ask(&FakeDaemon::knowing(lab()), "query --explain --cpu-delta 0 --seed 1");
    assert_eq!(
        outcome.stdout,
        "     NAME      COST  WHY
  1  d        0.195  crowding 0.188 = (5.00 + 0.00 + 1) / 32; memory 0.008 = 1 / 128.00
  2  c        0.227  crowding 0.219 = (6.00 + 0.00 + 1) / 32; memory 0.008 = 1 / 128.00
  3  a        0.425  crowding 0.300 = (0.20 + 0.00 + 1) / 4; memory 0.125 = 1 / 8.00
  4  b        1.000  crowding 0.500 = (0.00 + 0.00 + 1) / 2; memory 0.500 = 1 / 2.00
out  watcher         a collector: offers no resources
out  shaky           suspect: it seems to have crashed
out  gone            dead: not heard of for too long

balanced: (load + pending + 1) / cores + 1 / GiB of available memory; the least is best; costs within 0 are equal: their order is drawn.
--seed 1 gives this order again.
"
    );
    for (policy, line) in [
        ("cpu", "  1  b        0.000  0.000 = (0.00 + 0.00) / 2\n"),
        ("mem --exclude c", "  1  d        -128 GiB  131072 MiB available\n"),
        (
            "classic --exclude c",
            "  1  d        -67000000  cpu 1 of load 5.00 on 32 cores; mem -134000000 of 134217728 KiB\n",
        ),
        ("random --exclude b,c,d", "  1  a           0  all hosts are equal\n"),
    ] {
        let outcome = ask(&FakeDaemon::knowing(lab()), &format!("query --explain --policy {policy} --cpu-delta 0"));
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(outcome.stdout.lines().any(|found| plain(found) == plain(line)), "{policy}: {}", outcome.stdout);
    }
}

#[test]
fn fewer_hosts_than_asked_are_an_error_only_where_that_was_said() {
    let two = || vec![busy("a", 0.0, 4, 8), busy("b", 2.0, 4, 8)];
    let outcome = ask(&FakeDaemon::knowing(two()), "query -n 5");
    assert_eq!(outcome, Outcome { stdout: "a\nb\n".to_owned(), stderr: String::new(), code: Some(0) });
    check_shortfall(two(), "query -n 5 --strict", "a\nb\n", 5, "2 hosts, fewer than -n 5");
    check_shortfall(two(), "query --min 3", "a\nb\n", 4, "2 hosts are eligible, fewer than --min 3");
    check_shortfall(two(), "query -n 5 --min 3 --strict", "a\nb\n", 4, "fewer than --min 3");
    let enough = ask(&FakeDaemon::knowing(two()), "query -n 2 --strict --min 2");
    assert_eq!(enough.code, Some(0));
}

#[test]
fn status_says_what_an_administrator_needs_on_a_bad_day() {
    let daemon = FakeDaemon::answering(Answer::Status(Box::new(status())));
    let place = Place::new();
    let outcome = Outcome::from(place.peermon("query --status --socket").arg(daemon.socket()).output().unwrap());
    assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""));
    let key = place.home.path().join(".config/peermon/gossip.key");
    let make_key = format!("              peermon keygen {}    once; copy the file to every host\n", key.display());
    for line in [
        &make_key,
        "node1:      peermon 2.0.0, process 4242, up 1 d 3 h\n",
        "network     default, OPEN: without a key whoever reaches UDP port 1288 can read it, join it and tell it lies. To close it:\n",
        "              kill -HUP 4242    here, and likewise on every other host\n",
        "address     10.0.0.1, UDP ports 1288 and 1289; tells its load every 20 s\n",
        "hosts       9 fresh, 1 late, 0 suspect, 2 left, 3 dead\n",
        "last heard  1.2 s ago\n",
        "received    12345 datagrams, 5.0 MiB\n",
        "sent        23456 datagrams, 6.0 MiB\n",
        "lost        nothing dropped by the kernel; nothing that could not be sent\n",
        "refused     nothing\n",
    ] {
        assert!(outcome.stdout.contains(line), "{line:?} is missing in\n{}", outcome.stdout);
    }
    let bad = peermon::model::DaemonStatus {
        keyed: true,
        isolated: true,
        twin: true,
        lacking_first_key: 3,
        last_heard_hundredths: None,
        kernel_drops: 5,
        send_errors: 6,
        rejects: vec![
            RejectCount { reason: "unknown_key".into(), count: 70, last_sender: Some("10.0.0.9".parse().unwrap()) },
            RejectCount { reason: "replay".into(), count: 2, last_sender: None },
        ],
        ..status()
    };
    daemon.set(Answer::Status(Box::new(bad)));
    let outcome = ask(&daemon, "query --status");
    for part in [
        "\nISOLATED     hears nobody (never another host); what it offers grows old. Do firewalls let",
        "\nTWIN         another host with this host's address and port seems to be running.",
        "\nKEY MISSING  3 members lack the key that this host puts first.",
        "\nnetwork      default, closed by a key\n",
        "\nlost         5 dropped by the kernel, because this daemon did not read in time (is the host short of CPU?); 6 that",
        "\nrefused      70 unknown_key, last from 10.0.0.9",
        "\n             2 replay",
    ] {
        assert!(outcome.stdout.contains(part), "{part:?} is missing in\n{}", outcome.stdout);
    }
}

#[test]
fn status_is_json_too() {
    let rejects =
        vec![RejectCount { reason: "replay".into(), count: 2, last_sender: Some("10.0.0.9".parse().unwrap()) }];
    let daemon = FakeDaemon::answering(Answer::Status(Box::new(peermon::model::DaemonStatus { rejects, ..status() })));
    let expected = concat!(
        r#"{"schema":1,"name":"node1","version":"2.0.0","pid":4242,"uptime_seconds":100000,"network":"default","#,
        r#""keyed":false,"interval_seconds":20.0,"address":"10.0.0.1","port":1288,"#,
        r#""hosts":{"fresh":9,"late":1,"suspect":0,"left":2,"dead":3},"last_heard_seconds":1.2,"isolated":false,"#,
        r#""twin":false,"members_lacking_first_key":0,"datagrams_in":12345,"datagrams_out":23456,"#,
        r#""bytes_in":5242880,"bytes_out":6291456,"kernel_drops":0,"send_errors":0,"#,
        r#""rejects":[{"reason":"replay","count":2,"last_sender":"10.0.0.9"}]}"#,
        "\n"
    );
    for arguments in ["query --status --json", "query --status --output json"] {
        assert_eq!(ask(&daemon, arguments).stdout, expected);
    }
    check_failure(&Place::new().run("query --status --output csv"), 2, "--status is a table or JSON", "--json");
}

#[test]
fn a_daemon_that_hears_nobody_is_warned_of() {
    let isolated = peermon::wire::client::HostTable { isolated: true, ..table(lab()) };
    let outcome = ask(&FakeDaemon::answering(Answer::Table(Box::new(isolated))), "query -n 1 --exclude d");
    assert_eq!((&*outcome.stdout, outcome.code), ("c\n", Some(0)));
    assert!(outcome.stderr.starts_with("peermon query: warning: the daemon hears no other host"), "{outcome:?}");
    assert_eq!(outcome.stderr.lines().count(), 1);
}

#[test]
fn an_answer_that_is_none_is_told_apart_in_words() {
    for (answer, code, what) in [
        (Answer::Silence, 3, "did not answer within 2 s"),
        (Answer::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()), 3, "speaks otherwise: not the client protocol"),
        (Answer::Bytes(vec![0, 0, 0, 3, 0x82, 0x18, 0x63]), 3, "speaks otherwise"),
        (Answer::Bytes(vec![0, 0, 1]), 3, "broke off"),
        (Answer::Bytes(Vec::new()), 3, "broke off"),
        (Answer::Always(Reply::Placed), 3, "answered another request"),
        (Answer::Always(Reply::Refused("too many clients".to_owned())), 6, "the daemon refuses: too many clients"),
    ] {
        let words = format!("{answer:?}");
        let outcome = ask(&FakeDaemon::answering(answer), "query");
        assert!(outcome.stderr.contains(what), "{words}: {outcome:?}");
        check_failure(&outcome, code, "peermon query: ", "");
    }
}

#[test]
fn two_hosts_of_one_name_are_two_rows() {
    let twin = HostView { id: NodeId::from_bytes([9; 6]), ..host("a") };
    let outcome = ask(&FakeDaemon::knowing(vec![host("a"), twin]), "query");
    assert_eq!(outcome.stdout, "a\na\n");
}
