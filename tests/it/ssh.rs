//! `smarterSSH` as users see it: the real executable, a daemon of words, and a program in the place of ssh that says
//! how it was called.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use peermon::model::{HostState, HostView};
use peermon::wire::client::{HostTable, Placement, Reply, encode_reply};

use crate::command::{Outcome, Place, ask, binary, check_failure};
use crate::fake_daemon::{Answer, FakeDaemon, table};
use crate::rows::{busy, host};

/// Best first: idle, half busy, busy.
fn lab() -> Vec<HostView> {
    vec![local("node1", 1, 0.0), local("node2", 2, 4.0), local("node3", 3, 16.0)]
}

/// A host on the loopback network, with 8 cores.
fn local(name: &str, last: u8, load: f64) -> HostView {
    let address = [127, 0, 0, last].into();
    HostView { address, addresses: vec![address], ..busy(name, load, 8, 64) }
}

/// A program that answers `-G` with `port` and says all other arguments, one a line.
fn ssh_of_words(place: &Place, port: u16) -> PathBuf {
    let path = place.home.path().join("ssh");
    let text = format!("#!/bin/sh\nif [ \"$1\" = -G ]; then echo port {port}; else printf '%s\\n' \"$@\"; fi\n");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path
}

/// `smarterSSH` with arguments against `daemon`, with the program of words as ssh.
fn smarter_ssh(daemon: &FakeDaemon, port: u16, arguments: &[&str]) -> Outcome {
    let place = Place::new();
    let ssh = ssh_of_words(&place, port);
    let mut command = called(&place);
    command.arg("--socket").arg(daemon.socket()).args(arguments).env("PEERMON_SSH", ssh);
    command.output().unwrap().into()
}

/// The executable under its other name.
fn called(place: &Place) -> Command {
    let link = place.home.path().join("smarterSSH");
    symlink(binary(), &link).unwrap();
    place.program(link, "")
}

/// Runs with `--no-probe`; checks what ssh was given, behind the words that say where the host is.
#[track_caller]
fn check_ssh(arguments: &[&str], expected: &str) {
    let daemon = FakeDaemon::knowing(lab());
    let outcome = smarter_ssh(&daemon, 22, &[&["--no-probe"], arguments].concat());
    let words: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!((words.join(" ").as_str(), outcome.code), (expected, Some(0)), "{arguments:?}: {outcome:?}");
}

/// These names lead nowhere, so ssh is told the address, and whose key to expect.
const TO_NODE1: &str = "-o HostName=127.0.0.1 -o HostKeyAlias=node1 -- node1";

#[test]
fn bare_it_becomes_ssh_to_the_best_host() {
    check_ssh(&[], TO_NODE1);
}

#[test]
fn a_user_and_a_command_go_where_ssh_expects_them() {
    check_ssh(
        &["alice@", "--", "make", "-j8", "all targets"],
        "-o HostName=127.0.0.1 -o HostKeyAlias=node1 -- alice@node1 make -j8 all targets",
    );
    check_ssh(&["--", "-n"], &format!("{TO_NODE1} -n"));
}

#[test]
fn options_of_ssh_go_on_to_it() {
    check_ssh(
        &["-X", "-l", "ada", "-o", "BatchMode=yes", "-tt"],
        &format!("-X -t -t -l ada -o BatchMode=yes {TO_NODE1}"),
    );
    check_ssh(&["-4", "-A", "-C", "-N", "-f", "-T", "-Y"], &format!("-A -Y -T -N -f -C -4 {TO_NODE1}"));
    let forwards = ["-L", "1:h:2", "-R", "3:h:4", "-D", "5", "-J", "gate", "-F", "config", "-E", "log", "-6"];
    check_ssh(&forwards, &format!("-6 -J gate -F config -E log -L 1:h:2 -R 3:h:4 -D 5 {TO_NODE1}"));
    check_ssh(&["--ssh-arg", "-v", "--ssh-arg=-q"], &format!("-v -q {TO_NODE1}"));
}

#[test]
fn the_manuals_examples_work_as_they_are_written() {
    let daemon = FakeDaemon::knowing(lab());
    let listed = smarter_ssh(&daemon, 22, &["-v", "-i", "-n", "20"]);
    let names: Vec<&str> = listed.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!((names, listed.code), (vec!["NAME", "node1", "node2", "node3"], Some(0)), "{listed:?}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connected = smarter_ssh(&daemon, port, &["-c"]);
    assert_eq!((connected.stdout.lines().last(), connected.code), (Some("node1"), Some(0)), "{connected:?}");
}

#[test]
fn option_i_lists_the_best_host_and_goes_nowhere() {
    let daemon = FakeDaemon::knowing(lab());
    let outcome = smarter_ssh(&daemon, 22, &["-i"]);
    assert_eq!((outcome.stdout.as_str(), outcome.code), ("node1\n", Some(0)));
    assert_eq!(daemon.placed(), []);
}

#[test]
fn option_n_says_how_many_are_listed_and_how_many_are_tried() {
    let daemon = FakeDaemon::knowing(lab());
    assert_eq!(smarter_ssh(&daemon, 22, &["-i", "-n", "2"]).stdout, "node1\nnode2\n");
    assert_eq!(smarter_ssh(&daemon, 22, &["-i", "--n", "20"]).stdout, "node1\nnode2\nnode3\n");
    let port = closed_port();
    let outcome = smarter_ssh(&daemon, port, &["-n", "2"]);
    assert!(outcome.stderr.contains("none of the 2 best hosts takes ssh connections"), "{outcome:?}");
}

#[test]
fn option_v_shows_a_table() {
    let daemon = FakeDaemon::knowing(lab());
    let listed = smarter_ssh(&daemon, 22, &["-v", "-i", "-n", "20"]);
    assert!(listed.stdout.starts_with("NAME") && listed.stdout.lines().count() == 4, "{listed:?}");
    let connected = smarter_ssh(&daemon, 22, &["-v", "--no-probe"]);
    assert!(connected.stderr.starts_with("NAME"), "{connected:?}");
    assert!(connected.stderr.ends_with("smarterSSH: connecting to node1\n"), "{connected:?}");
}

#[test]
fn option_capital_i_means_addresses_and_keeps_the_names_host_key() {
    let daemon = FakeDaemon::knowing(lab());
    assert_eq!(smarter_ssh(&daemon, 22, &["-i", "-I"]).stdout, "127.0.0.1\n");
    assert_eq!(smarter_ssh(&daemon, 22, &["-ips", "-n", "2"]).stdout, "127.0.0.1\n127.0.0.2\n");
    check_ssh(&["-I"], "-o HostKeyAlias=node1 -- 127.0.0.1");
}

/// What `-i` with these options lists, of a host that is idle and one that has memory.
fn listed(options: &[&str]) -> String {
    let hosts = vec![
        HostView { memory_available_mib: Some(1 << 10), ..local("idle", 1, 0.0) },
        HostView { memory_available_mib: Some(64 << 10), ..local("roomy", 2, 8.0) },
    ];
    smarter_ssh(&FakeDaemon::knowing(hosts), 22, &[&["-i"], options].concat()).stdout
}

#[test]
fn option_c_chooses_by_load() {
    assert_eq!(listed(&["-c"]), "idle\n");
}

#[test]
fn option_m_chooses_by_memory() {
    assert_eq!(listed(&["-m"]), "roomy\n");
}

#[test]
fn option_r_chooses_by_chance() {
    let drawn: BTreeSet<String> = (0..16).map(|seed| listed(&["-r", "--seed", &seed.to_string()])).collect();
    assert_eq!(drawn.into_iter().collect::<Vec<_>>(), ["idle\n", "roomy\n"]);
}

#[test]
fn option_p_is_the_daemons_client_port() {
    let place = Place::new();
    let outcome: Outcome = called(&place).args(["-i", "-p", "1"]).output().unwrap().into();
    check_failure(&outcome, 3, "127.0.0.1:1", "-l");
}

#[test]
fn option_h_helps() {
    let place = Place::new();
    let outcome: Outcome = called(&place).arg("-h").output().unwrap().into();
    assert!(outcome.stdout.contains("smarterSSH") && outcome.code == Some(0), "{outcome:?}");
}

#[test]
fn print_shows_the_command_as_a_shell_takes_it_and_places_nothing() {
    let daemon = FakeDaemon::knowing(lab());
    let outcome = smarter_ssh(&daemon, 22, &["--no-probe", "--print", "--", "echo", "it's", "$HOME"]);
    assert!(outcome.stdout.ends_with(&format!("ssh {TO_NODE1} echo 'it'\\''s' '$HOME'\n")), "{outcome:?}");
    assert_eq!((outcome.code, daemon.placed()), (Some(0), vec![]));
}

#[test]
fn who_goes_there_is_placed_there_unless_it_is_told_not_to() {
    let hosts = lab();
    let best = hosts[0].id;
    let daemon = FakeDaemon::knowing(hosts);
    smarter_ssh(&daemon, 22, &["--no-probe"]);
    assert_eq!(daemon.placed(), [Placement { id: best, count: 1 }]);
    let daemon = FakeDaemon::knowing(lab());
    smarter_ssh(&daemon, 22, &["--no-probe", "--no-pending"]);
    assert_eq!(daemon.placed(), []);
}

#[test]
fn a_better_host_that_refuses_is_named_and_the_next_one_taken() {
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let outcome = smarter_ssh(&FakeDaemon::knowing(lab()), port, &[]);
    assert!(outcome.stderr.contains(&format!("passed over node1: it refuses port {port}")), "{outcome:?}");
    assert!(outcome.stdout.ends_with("--\nnode2\n"), "{outcome:?}");
}

#[test]
fn the_banner_is_for_people_only() {
    let outcome = smarter_ssh(&FakeDaemon::knowing(lab()), 22, &["--no-probe"]);
    assert_eq!(outcome.stderr, "");
}

#[test]
fn on_a_terminal_one_line_says_where_it_goes() {
    let place = Place::new();
    let (ssh, daemon) = (ssh_of_words(&place, 22), FakeDaemon::knowing(lab()));
    let line = format!("'{}' ssh --no-probe --socket '{}'", binary().display(), daemon.socket().display());
    let outcome: Outcome =
        place.program("script", "-qec").args([&line, "/dev/null"]).env("PEERMON_SSH", ssh).output().unwrap().into();
    let lines: Vec<&str> = outcome.stdout.lines().map(str::trim_end).collect();
    assert_eq!(lines.first(), Some(&"peermon ssh: connecting to node1"), "{outcome:?}");
    assert_eq!(lines.iter().filter(|line| line.contains("connecting")).count(), 1);
}

#[test]
fn ssh_is_asked_for_its_settings_once_and_not_once_a_host() {
    let place = Place::new();
    let ssh = ssh_of_words(&place, closed_port());
    let counted = fs::read_to_string(&ssh).unwrap().replace("= -G ]; then", "= -G ]; then echo asked >>asked;");
    fs::write(&ssh, counted).unwrap();
    let daemon = FakeDaemon::knowing(lab());
    let mut command = called(&place);
    command.arg("--socket").arg(daemon.socket()).env("PEERMON_SSH", &ssh);
    assert_eq!(command.status().unwrap().code(), Some(125));
    assert_eq!(fs::read_to_string(place.home.path().join("asked")).unwrap(), "asked\n");
}

#[test]
fn where_the_way_is_not_direct_nothing_is_probed() {
    let place = Place::new();
    let ssh = ssh_of_words(&place, closed_port());
    let daemon = FakeDaemon::knowing(lab());
    for (says, way) in [("proxyjump gate", "ProxyJump"), ("proxycommand nc %h 22", "ProxyCommand")] {
        fs::write(&ssh, format!("#!/bin/sh\n[ \"$1\" = -G ] && echo '{says}' || echo went\n")).unwrap();
        let mut command = place.peermon("ssh -v --socket");
        let outcome: Outcome = command.arg(daemon.socket()).env("PEERMON_SSH", &ssh).output().unwrap().into();
        assert!(outcome.stderr.contains(&format!("no probe: the way goes through {way}\n")), "{outcome:?}");
        assert_eq!(outcome.stdout, "went\n");
    }
}

/// Names as long as `node1-abc`, in whose place they are sent.
const HOSTILE: [&[u8; 9]; 6] =
    [b"-oProxy=x", b"$(reboot)", b"a\x1b[31mabc", b"a\nHost *x", b"a\xff\xfe bcdef", b"a\xe2\x80\xaebcdef"];

#[test]
fn a_hostile_name_reaches_no_command_line_no_host_file_and_no_terminal() {
    let host = HostView { name: "node1-abc".parse().unwrap(), ..local("node1", 1, 0.0) };
    let honest = encode_reply(&Reply::Hosts(table(vec![host])));
    for name in HOSTILE {
        let place = honest.windows(9).position(|window| window == b"node1-abc").unwrap();
        let mut bytes = honest.clone();
        bytes[place..place + name.len()].copy_from_slice(name);
        let daemon = FakeDaemon::answering(Answer::Bytes(bytes));
        check_failure(&smarter_ssh(&daemon, 22, &["--no-probe"]), 125, "speaks otherwise", "");
        check_failure(&smarter_ssh(&daemon, 22, &["-i"]), 3, "speaks otherwise", "");
        check_failure(&ask(&daemon, "mpigen -"), 3, "speaks otherwise", "");
    }
}

#[test]
fn the_exit_code_is_sshs_own() {
    let place = Place::new();
    let ssh = place.home.path().join("ssh");
    fs::write(&ssh, "#!/bin/sh\nexit 42\n").unwrap();
    fs::set_permissions(&ssh, Permissions::from_mode(0o755)).unwrap();
    let daemon = FakeDaemon::knowing(lab());
    let mut command = called(&place);
    command.arg("--no-probe").arg("--socket").arg(daemon.socket()).env("PEERMON_SSH", &ssh);
    assert_eq!(command.status().unwrap().code(), Some(42));
}

#[test]
fn another_ssh_can_be_named_in_the_settings() {
    let place = Place::new().with_settings("[ssh]\nprogram = \"/bin/echo\"\nprobe = false\n");
    let daemon = FakeDaemon::knowing(lab());
    let outcome: Outcome = called(&place).arg("--socket").arg(daemon.socket()).output().unwrap().into();
    assert_eq!(outcome.stdout, format!("{TO_NODE1}\n"));
}

#[test]
fn without_a_daemon_it_says_so_with_sshs_code_or_its_own() {
    let place = Place::new();
    let outcome: Outcome = called(&place).output().unwrap().into();
    check_failure(&outcome, 125, "no daemon answers", "peermon daemon");
    check_failure(&Place::new().run("ssh -i"), 3, "no daemon answers", "peermon daemon");
    check_failure(&Place::new().run("ssh --print"), 3, "no daemon answers", "peermon daemon");
}

#[test]
fn with_nobody_eligible_it_says_why() {
    let hosts =
        vec![HostView { collector: true, ..host("watcher") }, HostView { state: HostState::Dead, ..host("gone") }];
    let daemon = FakeDaemon::knowing(hosts);
    check_failure(&smarter_ssh(&daemon, 22, &[]), 125, "no host is eligible (left out: ", "--explain");
    check_failure(&smarter_ssh(&daemon, 22, &["-i"]), 4, "no host is eligible (left out: ", "--explain");
}

#[test]
fn where_all_refuse_ssh_each_is_named() {
    let port = closed_port();
    let outcome = smarter_ssh(&FakeDaemon::knowing(lab()), port, &[]);
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(lines.len(), 5, "{outcome:?}");
    assert!(lines[3].contains("none of the 3 best hosts takes ssh connections"), "{outcome:?}");
    assert_eq!(outcome.code, Some(125));
}

#[test]
fn a_daemon_that_just_started_is_said_to_know_nobody_yet() {
    let own = HostView { load1_hundredths: None, ..host("node1") };
    let new = HostTable { up_seconds: 1, ..table(vec![own]) };
    let daemon = FakeDaemon::answering(Answer::Table(Box::new(new)));
    check_failure(&smarter_ssh(&daemon, 22, &[]), 125, "no host is eligible", "the daemon started 1 s ago");
}

#[test]
fn a_missing_ssh_and_one_that_cannot_run_have_codes_of_their_own() {
    let place = Place::new();
    let daemon = FakeDaemon::knowing(lab());
    let run = |ssh: &str| -> Outcome {
        let mut command = place.peermon("ssh --no-probe --socket");
        command.arg(daemon.socket()).env("PEERMON_SSH", ssh).output().unwrap().into()
    };
    check_failure(&run("/no/such/ssh"), 127, "there is no ssh client (tried /no/such/ssh)", "openssh-client");
    check_failure(&run("/etc/passwd"), 126, "cannot run /etc/passwd", "PEERMON_SSH");
}

#[test]
fn wrong_usage_has_sshs_code_where_ssh_would_have_been_started() {
    for (arguments, code, what) in [
        ("ssh -n 0", 125, "whole number from 1 up"),
        ("ssh -n -3", 125, "whole number from 1 up"),
        ("ssh -n x", 125, "whole number from 1 up"),
        ("ssh -i -n 0", 2, "whole number from 1 up"),
        ("ssh --policy cpu -m", 125, "--policy"),
        ("ssh --nope", 125, "unknown option"),
        ("ssh make", 125, "USER@"),
    ] {
        check_failure(&Place::new().run(arguments), code, what, "");
    }
}

#[test]
fn fewer_hosts_than_asked_for_are_an_error_only_when_strict() {
    let daemon = FakeDaemon::knowing(lab());
    assert_eq!(ask(&daemon, "ssh -i -n 9").code, Some(0));
    check_failure(&ask(&daemon, "ssh -i -n 9 --strict"), 5, "3 hosts, fewer than -n 9", "--strict");
}

/// A port where nobody listens on any loopback address.
fn closed_port() -> u16 {
    TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}
