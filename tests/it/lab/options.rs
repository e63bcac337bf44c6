//! One test for each option of `peermon daemon`, named after it: the flag, the key in peermon.toml, and that without
//! them it is otherwise.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use peermon::model::{NetworkList, SessionId, Timestamp};
use peermon::session::{DATAGRAM_DEFAULT, Keyring, Opened, Session};

use super::world::{Host, Lab, key, through_signals};
use super::{in_a_lab, in_a_lab_that_filters};

const SECOND: Duration = Duration::from_secs(1);

/// Two hosts of which the second knows the first, and `holds` of the first only when it is given `flags`, or has
/// `settings` in its peermon.toml.
fn check(flags: &[&str], settings: &str, holds: impl Fn(&Lab) -> bool) {
    check_prepared(|_| {}, flags, settings, holds);
}

fn check_prepared(prepare: impl Fn(&mut Lab), flags: &[&str], settings: &str, holds: impl Fn(&Lab) -> bool) {
    let lab_with = |flags: &[&str], settings: &str| {
        let mut lab = Lab::new(2);
        let first = lab[0].address;
        lab[1].write_config("machines.txt", &format!("{first}\n"));
        prepare(&mut lab);
        lab[0].give(flags);
        lab[0].write_config("peermon.toml", settings);
        lab[1].start();
        lab[0].start();
        lab
    };
    let answers = |lab: &Lab| lab[0].run(&["query", "--status"]).status.success();
    let wait = |lab: &Lab, what: &str, is: &dyn Fn(&Lab) -> bool| {
        lab.expect(what, SECOND, Instant::now(), |lab| if is(lab) { Ok(()) } else { Err("not so".to_owned()) });
    };
    let flagged = lab_with(flags, "");
    wait(&flagged, &format!("with {flags:?}"), &holds);
    let set = lab_with(&[], settings);
    wait(&set, settings, &holds);
    let plain = lab_with(&[], "");
    wait(&plain, "a daemon answers", &answers);
    assert!(!holds(&plain), "without {flags:?} it is the same");
}

/// The ports of `protocol` (as in `/proc/net/PROTOCOL`) that something listens at, with the addresses, as the kernel
/// shows them: `0100007F:07BD`.
fn listening(host: &Host, protocol: &str) -> BTreeSet<String> {
    let text = host.network.within(|| fs::read_to_string(format!("/proc/thread-self/net/{protocol}"))).unwrap();
    let rows = text.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    // 07: an unconnected UDP socket. 0A: a listening TCP socket.
    rows.filter(|row| ["07", "0A"].contains(&row[3])).map(|row| row[1].to_owned()).collect()
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn option_port_is_where_a_daemon_listens_and_the_one_above_where_it_speaks_from() {
    in_a_lab(|| {
        check(&["-p", "1300"], "[gossip]\nport = 1300\n", |lab| {
            listening(&lab[0], "udp") == set(&["00000000:0514", "00000000:0515"])
                && lab[0].status().is_ok_and(|status| status.port == 1300)
        });
        // Others find it there, and are told so.
        let mut lab = Lab::new(2);
        let (first, second) = (lab[0].address, lab[1].address);
        lab[1].write_config("machines.txt", &format!("{first}:1300\n"));
        lab[0].give(&["--port", "1300"]);
        let started = lab.start();
        lab.expect("they find each other", SECOND, started, |lab| lab.all_offer(&[0, 1]));
        assert_eq!(lab[1].view_of("host-1").map(|view| view.port), Some(1300));

        // A stranger's hello is answered from the port that it asked; hellos of its own leave from the one above.
        let socket = lab[1].network.within(|| UdpSocket::bind((second, 4000))).unwrap();
        socket.set_read_timeout(Some(SECOND * 3)).unwrap();
        let answer = hello(&socket, &format!("{first}:1300"));
        assert_eq!(answer.port(), 1300);
        lab[0].write_config("machines.txt", &format!("{second}:4000\n"));
        lab[0].kill();
        lab[0].start();
        let (_, from) = through_signals(|| socket.recv_from(&mut [0; 2000])).unwrap();
        assert_eq!(from.port(), 1301);
    });
}

/// Says hello to `to`; who welcomed.
pub fn hello(socket: &UdpSocket, to: &str) -> SocketAddr {
    // Each time as somebody else: a hello that is repeated is refused.
    static STRANGERS: AtomicU64 = AtomicU64::new(4711);
    let (now, id) = (Timestamp::default(), SessionId::from_entropy(STRANGERS.fetch_add(1, Ordering::Relaxed)));
    let keyring = Keyring::open("default");
    let mut session = Session::new(now, "default", keyring, NetworkList::default(), DATAGRAM_DEFAULT, id);
    for datagram in session.hello(now, to.parse().unwrap()).datagrams {
        socket.send_to(&datagram, to).unwrap();
    }
    let mut bytes = [0; 2000];
    let (length, from) = through_signals(|| socket.recv_from(&mut bytes)).unwrap();
    let opened = session.open(now, from, &bytes[..length]);
    assert!(matches!(opened, Ok(Opened::Welcome { .. })), "{opened:?}");
    from
}

#[test]
fn option_collector_offers_no_resources() {
    in_a_lab(|| {
        for flag in ["-c", "--collector"] {
            check(&[flag], "[host]\ncollector = true\n", |lab| {
                lab[1].view_of("host-1").is_some_and(|view| view.collector)
            });
        }
    });
}

#[test]
fn option_machines_names_the_file_of_peers_to_start_from() {
    in_a_lab(|| {
        for flag in ["-f", "--machines"] {
            let prepare = |lab: &mut Lab| {
                lab[1].write_config("machines.txt", "");
                lab[0].write_config("peers", "10.77.0.2 # the other one\n");
            };
            check_prepared(prepare, &[flag, "config/peermon/peers"], "[gossip]\nmachines = \"peers\"\n", |lab| {
                lab.all_offer(&[0, 1]).is_ok()
            });
        }
    });
}

#[test]
fn option_valid_ips_names_the_file_of_accepted_prefixes() {
    in_a_lab(|| {
        for flag in ["-i", "--valid-ips"] {
            let prepare = |lab: &mut Lab| lab[0].write_config("prefixes", "10.77.0.1\n");
            check_prepared(
                prepare,
                &[flag, "config/peermon/prefixes"],
                "[gossip]\nvalid_ips = \"prefixes\"\n",
                |lab| lab[0].refused("address") == Some(lab[1].address),
            );
        }
    });
}

#[test]
fn option_client_port_is_where_clients_find_the_daemon() {
    in_a_lab(|| {
        for flag in ["-l", "--client-port"] {
            check(&[flag, "1990"], "[client]\nport = 1990\n", |lab| {
                lab[0].run(&["query", "-p", "1990"]).status.success()
                    && lab[0].socket().with_file_name("1990.sock").exists()
                    && listening(&lab[0], "tcp") == set(&["0100007F:07C6"])
            });
        }
    });
}

#[test]
fn option_no_tcp_serves_the_unix_socket_only() {
    in_a_lab(|| {
        check(&["--no-tcp"], "[client]\ntcp = false\n", |lab| {
            lab[0].status().is_ok() && listening(&lab[0], "tcp").is_empty()
        });
    });
}

/// The dump of PeerMon 1.1, read from its layout: for each host its address and the six words behind it.
fn read_legacy(host: &Host, port: u16) -> Option<Vec<(Ipv4Addr, [u32; 6])>> {
    let mut stream = host.network.within(|| TcpStream::connect(("127.0.0.1", port))).ok()?;
    stream.set_read_timeout(Some(3 * SECOND)).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let word = |bytes: &[u8]| u32::from_ne_bytes(bytes.try_into().unwrap());
    let (length, rows) = bytes.split_at(4);
    assert_eq!(word(length) as usize, rows.len());
    let rows = rows.chunks_exact(28).map(|row| {
        let mut words = row.chunks_exact(4);
        let address: [u8; 4] = words.next().unwrap().try_into().unwrap();
        (address.into(), std::array::from_fn(|_| word(words.next().unwrap())))
    });
    Some(rows.collect())
}

#[test]
fn option_legacy_clients_is_where_clients_of_peermon_1_1_find_the_table_as_it_was() {
    in_a_lab(|| {
        let served =
            |lab: &Lab| lab[0].status().is_ok() && read_legacy(&lab[0], 1990).is_some_and(|rows| !rows.is_empty());
        check(&["--legacy-clients", "1990"], "[client]\nlegacy_port = 1990\n", served);

        let mut lab = Lab::new(3);
        lab.seeds(1);
        lab[0].give(&["--legacy-clients", "1990"]);
        lab[1].give(&["-c"]);
        let started = lab.start();
        lab.expect("all know all", SECOND, started, |lab| match read_legacy(&lab[0], 1990) {
            Some(rows) if rows.len() == 3 => Ok(()),
            other => Err(format!("{other:?}")),
        });
        let rows = read_legacy(&lab[0], 1990).unwrap();
        let IpAddr::V4(collector) = lab[1].address else { unreachable!("a lab of IPv4") };
        let table = lab[0].table().unwrap();
        for (address, [port, ttl, in_degree, its_cores, memory, load]) in rows {
            assert_eq!((port, in_degree), (1288, 0));
            assert!((1..=10).contains(&ttl), "{ttl}");
            match address == collector {
                true => assert_eq!((its_cores, memory), (0, 1)),
                false => {
                    let host = table.hosts.iter().find(|host| host.address == address).unwrap();
                    assert_eq!((Some(its_cores), Some(memory / 1024)), (host.cores, host.memory_available_mib));
                    assert_eq!(Some(load / 10), host.load1_hundredths);
                }
            }
        }
    });
}

#[test]
fn option_interval_is_how_often_the_load_is_told() {
    in_a_lab(|| {
        let by_default = |lab: &mut Lab| lab[0].take("-n");
        let is =
            |hundredths| move |lab: &Lab| lab[0].table().is_ok_and(|table| table.interval_hundredths == hundredths);
        check_prepared(by_default, &["-n", "0.25"], "[gossip]\ninterval = 0.25\n", is(25));
        check_prepared(by_default, &["--interval", "300"], "[gossip]\ninterval = 300\n", is(30_000));
    });
}

#[test]
fn option_user_is_a_private_network_with_its_socket_in_the_runtime_folder() {
    in_a_lab(|| {
        let mut lab = Lab::new(1);
        assert_eq!(lab[0].arguments.remove(0), "-u");
        lab[0].give(&["--user"]);
        let started = lab.start();
        lab.expect("it answers", SECOND, started, |lab| lab.all_offer(&[0]));
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&lab[0].socket()), 0o600);
        assert_eq!(mode(lab[0].socket().parent().unwrap()), 0o700);
    });
}

#[test]
fn option_check_says_what_a_daemon_would_say_of_its_files_and_starts_none() {
    in_a_lab(|| {
        let mut lab = Lab::new(2);
        lab[0].write_config("machines.txt", "nobody:1\n");
        lab[0].write_config("gossip.key", &key(1));
        fs::set_permissions(lab[0].config("gossip.key"), PermissionsExt::from_mode(0o600)).unwrap();
        lab[0].start();
        let answers = |lab: &Lab| match lab[0].run(&["query", "--status"]).status.success() {
            true => Ok(()),
            false => Err("it does not".to_owned()),
        };
        lab.expect("it answers", SECOND, Instant::now(), answers);
        // Beside the daemon, whose ports and socket it leaves alone.
        lab[0].give(&["--check"]);
        let output = lab[0].run_daemon();
        assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
        answers(&lab).unwrap();

        for (file, text) in
            [("peermon.toml", "[gossip]\nprot = 1\n"), ("valid_ips.txt", "256.256.256\n"), ("gossip.key", "short\n")]
        {
            let says = |flags: &[&str]| {
                let mut lab = Lab::new(1);
                lab[0].write_config("machines.txt", "");
                lab[0].write_config(file, text);
                fs::set_permissions(lab[0].config(file), PermissionsExt::from_mode(0o600)).unwrap();
                lab[0].give(flags);
                let output = lab[0].run_daemon();
                let said = String::from_utf8(output.stderr).unwrap();
                let folder = lab[0].config("").display().to_string();
                let errors: Vec<String> =
                    said.lines().filter(|line| !line.contains("WARN")).map(|line| line.replace(&folder, "")).collect();
                (output.status.code(), errors)
            };
            assert_eq!(says(&["--check"]), says(&[]), "{file}");
            assert_eq!(says(&["--check"]).0, Some(2), "{file}");
        }
    });
}

#[test]
fn option_help_and_option_version_are_printed_on_stdout_by_flags_alone() {
    in_a_lab(|| {
        let lab = Lab::new(1);
        for words in [&["daemon", "-h"][..], &["daemon", "--help"]] {
            let output = lab[0].run(words);
            let said = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success() && output.stderr.is_empty());
            for option in [
                "--port",
                "--collector",
                "--machines",
                "--valid-ips",
                "--client-port",
                "--no-tcp",
                "--legacy-clients",
                "--interval",
                "--user",
                "--advertise",
                "--interface",
                "--name",
                "--label",
                "--key-file",
                "--network",
                "--max-datagram",
                "--detach",
                "--check",
                "--proc-root",
                "--log",
                "--version",
            ] {
                assert!(said.contains(option), "{option} is missing in\n{said}");
            }
        }
        for words in [&["daemon", "-v"][..], &["daemon", "--version"], &["--version"], &["-v"], &["-V"]] {
            let output = lab[0].run(words);
            let said = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success() && output.stderr.is_empty(), "{words:?}");
            assert!(said.starts_with("peermon") && said.trim_end().ends_with(env!("CARGO_PKG_VERSION")), "{said}");
        }
    });
}

#[test]
fn options_without_a_command_are_the_daemons_as_of_old() {
    in_a_lab(|| {
        let mut lab = Lab::new(2);
        lab.seeds(1);
        for host in lab.hosts_mut() {
            host.command = None;
        }
        lab[1].give(&["-c"]);
        let started = lab.start();
        lab.expect("they know each other", SECOND, started, |lab| lab.all_offer(&[0]));
        lab.expect("and the collector", SECOND, started, |lab| {
            lab[0].view_of("host-2").filter(|view| view.collector).map(|_| ()).ok_or("is not known".to_owned())
        });
    });
}

#[test]
fn option_advertise_is_the_address_at_which_others_reach_the_host() {
    in_a_lab(|| {
        let second_address = |lab: &mut Lab| lab[0].network.ip("address add 10.77.9.1/16 dev eth0\n");
        let flags = ["--advertise", "10.77.9.1"];
        check_prepared(second_address, &flags, "[host]\nadvertise = \"10.77.9.1\"\n", |lab| {
            lab[1].view_of("host-1").is_some_and(|view| view.address.to_string() == "10.77.9.1")
        });
        // A loopback address is also the only one that is bound.
        check(&["--advertise", "127.0.0.5"], "[host]\nadvertise = \"127.0.0.5\"\n", |lab| {
            listening(&lab[0], "udp") == set(&["0500007F:0508", "0500007F:0509"])
        });
    });
}

#[test]
fn option_interface_is_the_one_whose_address_others_are_told() {
    in_a_lab(|| {
        let second_interface = |lab: &mut Lab| lab.add_interface(0, "10.78.0.1/16");
        check_prepared(second_interface, &["--interface", "eth1"], "[host]\ninterface = \"eth1\"\n", |lab| {
            lab[0].view_of("host-1").is_some_and(|view| view.address.to_string() == "10.78.0.1")
        });
    });
}

#[test]
fn option_name_is_what_the_host_is_called() {
    in_a_lab(|| {
        let own_name = |lab: &mut Lab| lab[0].take("--name");
        check_prepared(own_name, &["--name", "walter"], "[host]\nname = \"walter\"\n", |lab| {
            lab[1].view_of("walter").is_some()
        });
        // Otherwise it is called what the machine is called.
        let mut lab = Lab::new(1);
        lab[0].take("--name");
        let started = lab.start();
        let name = nix::unistd::gethostname().unwrap().into_string().unwrap();
        lab.expect("it has the machine's name", SECOND, started, |lab| {
            lab[0].view_of(&name).map(|_| ()).ok_or(format!("nobody is called {name}"))
        });
    });
}

#[test]
fn option_label_is_told_to_all() {
    in_a_lab(|| {
        let flags = ["--label", "rack=7", "--label", "gpu=a100"];
        check(&flags, "[host]\nlabels = [\"rack=7\", \"gpu=a100\"]\n", |lab| {
            let labels = lab[1].view_of("host-1").map(|view| view.labels);
            labels.is_some_and(|labels| labels == ["gpu=a100", "rack=7"].map(|label| label.parse().unwrap()))
        });
    });
}

#[test]
fn option_key_file_closes_the_network() {
    in_a_lab(|| {
        let write_key = |lab: &mut Lab| lab[0].write_secret("other.key", &key(7));
        let flags = ["--key-file", "config/peermon/other.key"];
        check_prepared(write_key, &flags, "[gossip]\nkey_file = \"other.key\"\n", |lab| {
            lab[0].status().is_ok_and(|status| status.keyed)
        });
    });
}

#[test]
fn option_network_is_a_name_that_keeps_networks_apart() {
    in_a_lab(|| {
        check(&["--network", "lab-7"], "[gossip]\nnetwork = \"lab-7\"\n", |lab| {
            lab[0].status().is_ok_and(|status| status.network == "lab-7") && lab[0].refused("unknown_key").is_some()
        });
    });
}

#[test]
fn option_max_datagram_is_the_largest_payload_that_is_sent() {
    in_a_lab_that_filters(|| {
        // Cards of 300 bytes, so that nine of them fill any datagram.
        let labels: Vec<String> = (0..5).map(|number| format!("label-{number}={}", "x".repeat(30))).collect();
        let larger_than_508 = |settings: &str, flags: &[&str]| {
            let mut lab = Lab::new(10);
            lab.seeds(1);
            lab.filter("ether type ip udp length > 516 counter");
            for host in lab.hosts_mut() {
                labels.iter().for_each(|label| host.give(&["--label", label]));
                host.give(flags);
                host.write_config("peermon.toml", settings);
            }
            let started = lab.start();
            let all: Vec<usize> = (0..10).collect();
            lab.expect("everybody knows everybody", SECOND, started, |lab| lab.all_offer(&all));
            lab.filtered()
        };
        assert_eq!(larger_than_508("", &["--max-datagram", "508"]), 0);
        assert_eq!(larger_than_508("[gossip]\nmax_datagram = 508\n", &[]), 0);
        assert_ne!(larger_than_508("", &[]), 0);
    });
}

#[test]
fn option_proc_root_is_where_figures_are_read() {
    in_a_lab(|| {
        let mut lab = Lab::new(1);
        lab[0].set_load(123.45);
        let started = lab.start();
        lab.expect("it tells what stands there", SECOND, started, |lab| {
            let load = lab[0].view_of("host-1").and_then(|view| view.load1_hundredths);
            if load == Some(12_345) { Ok(()) } else { Err(format!("{load:?}")) }
        });
    });
}

#[test]
fn option_log_says_how_much_is_logged_and_so_does_the_environment() {
    in_a_lab(|| {
        let quiet = |lab: &Lab| lab[0].status().is_ok() && !lab[0].log().contains("started: host-1");
        check(&["--log", "error"], "log = \"error\"\n", quiet);
        let mut lab = Lab::new(1);
        lab[0].variables.push(("PEERMON_LOG".to_owned(), "warn".to_owned()));
        let started = lab.start();
        lab.expect("it runs", SECOND, started, |lab| lab.all_offer(&[0]));
        // Said after the threads have started, so a client may be answered before.
        lab.expect("it warns", SECOND, started, |lab| {
            if lab[0].log().contains("this network is open") { Ok(()) } else { Err(lab[0].log()) }
        });
        assert!(quiet(&lab), "{}", lab[0].log());
    });
}
