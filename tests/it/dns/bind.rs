//! BIND 9.18.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use peermon::model::HostView;

use super::server::{Server, is_installed};
use super::{SECRET, Updater, addresses, check_changed, check_quiet, key_block, lab, lab_host};
use crate::command::check_failure;
use crate::skip;

const NO_BIND: &str = "no named here";

/// Zones of all the ways in which BIND lets somebody update, and one where it does not.
fn bind() -> Option<Server> {
    let configuration = key_block("peermon-key", "hmac-sha256", SECRET)
        + &key_block("key-384", "hmac-sha384", SECRET)
        + &key_block("key-512", "hmac-sha512", SECRET)
        + &snippet()
        + r#"
        zone "key.test" { type primary; file "{D}/key.test.db"; allow-update { key peermon-key; key key-384; key key-512; }; };
        zone "local.test" { type primary; file "{D}/local.test.db"; update-policy local; };
        zone "open.test" { type primary; file "{D}/open.test.db"; allow-update { 127.0.0.1; ::1; }; };
        zone "closed.test" { type primary; file "{D}/closed.test.db"; allow-update { 192.0.2.1; }; };
        "#;
    Server::bind(&configuration, &["cs.example.edu", "key.test", "local.test", "open.test", "closed.test"])
}

/// What is packaged for named.conf, with the test's folders.
fn snippet() -> String {
    include_str!("../../../packaging/dns/named.conf")
        .replace("include \"/etc/bind/peermon.key\";", "")
        .replace("/var/lib/bind", "{D}")
}

/// A zone that takes what comes from here, and who updates it. `None`: there is no BIND.
fn open_zone(hosts: Vec<HostView>) -> Option<(Server, Updater)> {
    let server = Server::bind(
        r#"zone "open.test" { type primary; file "{D}/open.test.db"; allow-update { 127.0.0.1; ::1; }; };"#,
        &["open.test"],
    )?;
    Some((server, Updater::knowing(hosts)))
}

/// What a run in that zone needs.
fn of(server: &Server) -> String {
    format!("--zone open.test --server {}", server.address())
}

#[test]
fn each_way_in_which_bind_lets_somebody_update_leads_from_nothing_to_the_best_hosts() {
    let Some(server) = bind() else { return skip::because(NO_BIND) };
    let updater = Updater::knowing(lab());
    let key = updater.key("peermon-key", "hmac-sha256", SECRET);
    let by_key = format!("--key-file {}", key.display());
    super::check_life(&server, &updater, "key.test", &by_key);
    super::check_life(&server, &updater, "cs.example.edu", &by_key);
    let local = format!("--local-key={}", server.path("session.key").display());
    super::check_life(&server, &updater, "local.test", &local);
    super::check_life(&server, &updater, "open.test", "");
}

#[test]
fn bind_refuses_a_wrong_key_another_name_and_an_address_that_is_not_allowed_and_nothing_changes() {
    let Some(server) = bind() else { return skip::because(NO_BIND) };
    let updater = Updater::knowing(lab());
    let right = updater.key("peermon-key", "hmac-sha256", SECRET);
    let wrong = updater.private_file("wrong", &key_block("peermon-key", "hmac-sha256", &SECRET.replace('c', "d")));
    let unknown = updater.key("unknown", "hmac-sha256", SECRET);
    for (zone, arguments, code, what) in [
        (
            "key.test",
            format!("--key-file {}", wrong.display()),
            6,
            "has another secret for the key 'peermon-key' (BADSIG)",
        ),
        ("key.test", format!("--key-file {}", unknown.display()), 6, "does not know the key 'unknown' (BADKEY)"),
        ("key.test", String::new(), 6, "refuses (REFUSED)"),
        ("cs.example.edu", format!("--name other --key-file {}", right.display()), 6, "refuses (REFUSED)"),
        ("closed.test", String::new(), 6, "refuses (REFUSED)"),
        ("none.test", format!("--key-file {}", right.display()), 6, "refuses (REFUSED)"),
        // Of a zone that the server has, a part that is none.
        (
            "sub.key.test",
            format!("--key-file {}", right.display()),
            6,
            "is not authoritative for the zone sub.key.test",
        ),
    ] {
        let before = if zone.ends_with("key.test") { server.records("key.test") } else { server.records(zone) };
        let outcome = updater.run(&format!("--zone {zone} --server {} {arguments}", server.address()));
        check_failure(&outcome, code, what, "");
        let after = if zone.ends_with("key.test") { server.records("key.test") } else { server.records(zone) };
        assert_eq!(before, after, "{zone} {arguments}");
    }
}

#[test]
fn keys_of_all_strong_algorithms_and_of_both_forms_sign_updates() {
    let Some(server) = bind() else { return skip::because(NO_BIND) };
    let updater = Updater::knowing(lab());
    let line = |name: &str, algorithm: &str| format!("{algorithm}:{name}:{SECRET}\n");
    for (turn, (name, algorithm)) in
        [("key-384", "hmac-sha384"), ("key-512", "hmac-sha512"), ("peermon-key", "hmac-sha256")].into_iter().enumerate()
    {
        for key in [updater.key(name, algorithm, SECRET), updater.private_file(name, &line(name, algorithm))] {
            let name = format!("n{turn}-{}", key.extension().is_some());
            let arguments = format!("--zone key.test --name {name} --server {}", server.address());
            check_changed(&updater.run(&format!("{arguments} --key-file {}", key.display())), "added 10.0.0.1");
            assert_eq!(server.set(&format!("{name}.key.test A")), addresses(&[1, 2, 3, 4, 5]));
        }
    }
}

#[test]
fn the_addresses_of_both_families_the_time_to_live_and_the_name_are_as_asked_for() {
    let both = |number: u8| {
        let host = lab_host(number, f64::from(number) * 2.0);
        let v6 = format!("2001:db8::{number}").parse().unwrap();
        HostView { addresses: vec![host.address, v6], ..host }
    };
    let Some((server, updater)) = open_zone((1..=9).map(both).collect()) else { return skip::because(NO_BIND) };
    let check = |arguments: &str, name: &str, v4: &[&str], v6: &[&str], ttl: u32| {
        let outcome = updater.run(&format!("{} {arguments}", of(&server)));
        check_changed(&outcome, &format!("{name}.open.test: "));
        let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(server.set(&format!("{name}.open.test A")), set(v4), "{arguments}");
        assert_eq!(server.set(&format!("{name}.open.test AAAA")), set(v6), "{arguments}");
        let records = server.records("open.test");
        let mut ours =
            records.iter().filter(|line| line.starts_with(&format!("{name}.open.test. ")) && line.contains("A 10.0"));
        assert!(ours.all(|line| line.contains(&format!(" {ttl} IN A "))), "{records:?}");
    };
    check("-n 2", "peermon", &["10.0.0.1", "10.0.0.2"], &["2001:db8::1", "2001:db8::2"], 30);
    check("-n 2 --ttl 60", "peermon", &["10.0.0.1", "10.0.0.2"], &["2001:db8::1", "2001:db8::2"], 60);
    check("-n 2 --family 4 --ttl 0", "peermon", &["10.0.0.1", "10.0.0.2"], &[], 0);
    check("--n 2 --family 6", "peermon", &[], &["2001:db8::1", "2001:db8::2"], 30);
    check("--num 1 --family both", "peermon", &["10.0.0.1"], &["2001:db8::1"], 30);
    check("-n 1 --only-network 10.0.0.2/31,2001:db8::9", "peermon", &["10.0.0.2"], &[], 30);
    check("-n 1 --name CSlab --exclude node1 --family 4", "cslab", &["10.0.0.2"], &[], 30);
    check("-n 1 --name a.b.open.test. --family 4", "a.b", &["10.0.0.1"], &[], 30);
    check("-n 1 --name by-cpu -c --family 4", "by-cpu", &["10.0.0.1"], &[], 30);
    check(
        "--name five",
        "five",
        &["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"],
        &["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4", "2001:db8::5"],
        30,
    );
}

#[test]
fn the_settings_file_says_what_the_command_line_does_not() {
    let Some((server, updater)) = open_zone(lab()) else { return skip::because(NO_BIND) };
    let settings = format!(
        "[dns]\nzone = \"open.test\"\nname = \"cslab\"\ncount = 2\nttl = 45\nserver = \"{}\"\nhysteresis = 0\nmin = 3\n",
        server.address()
    );
    let updater = Updater { place: updater.place.with_settings(&settings), ..updater };
    check_changed(&updater.run(""), "cslab.open.test: added 10.0.0.1 (node1), 10.0.0.2 (node2)");
    assert!(server.records("open.test").contains("cslab.open.test. 45 IN A 10.0.0.1"));
    updater.now_knowing(lab()[..2].to_vec());
    check_failure(&updater.run(""), 4, "2 hosts are eligible, fewer than --min 3", "--explain");
    check_quiet(&updater.run("--min 2"));
    check_changed(&updater.run("--name peermon --min 1 --ttl 30 -n 1"), "peermon.open.test: added 10.0.0.1");
}

#[test]
fn ipv6_servers_and_names_of_servers_are_asked_too() {
    let Some((server, updater)) = open_zone(lab()) else { return skip::because(NO_BIND) };
    let port = server.port;
    check_changed(&updater.run(&format!("--zone open.test --server [::1]:{port} --name six")), "six.open.test: added");
    check_changed(&updater.run(&format!("--zone open.test --server localhost:{port} --name n")), "n.open.test: added");
}

#[test]
fn a_published_host_that_is_still_good_enough_stays_and_hysteresis_says_how_good() {
    let with = |load| (1..=3).map(|number| lab_host(number, if number == 1 { load } else { 8.0 })).collect::<Vec<_>>();
    let Some((server, updater)) = open_zone(with(0.0)) else { return skip::because(NO_BIND) };
    let run = |arguments: &str| updater.run(&format!("{} -n 1 --cpu-delta 0 {arguments}", of(&server)));
    check_changed(&run(""), "added 10.0.0.1 (node1)");
    // (8 + 1) / 8 + 1/64 = 1.14 for the others; node1 stays up to 1.31: load 9.36.
    updater.now_knowing(with(9.3));
    check_quiet(&run(""));
    check_quiet(&run("--hysteresis 14.9%"));
    check_changed(&run("--hysteresis 10"), "removed 10.0.0.1 (node1)");
    let outcome = run("--name fresh");
    check_changed(&outcome, "fresh.open.test: added 10.0.0.");
    assert!(!outcome.stderr.contains("10.0.0.1 "), "{outcome:?}");
}

#[test]
fn dry_run_changes_nothing_and_prints_what_real_nsupdate_makes_the_same_zone_from() {
    let Some((server, updater)) = open_zone(lab()) else { return skip::because(NO_BIND) };
    if !is_installed("nsupdate") {
        return skip::because("no nsupdate here");
    }
    for hosts in [lab(), lab().split_off(2)] {
        updater.now_knowing(hosts);
        let before = server.records("open.test");
        let dry = updater.run(&format!("{} -n 3 --dry-run", of(&server)));
        assert_eq!((dry.stderr.as_str(), dry.code), ("", Some(0)), "{dry:?}");
        assert_eq!(server.records("open.test"), before);
        let script = dry.stdout.replace("peermon.open.test.", "script.open.test.");
        check_changed(&updater.run(&format!("{} -n 3", of(&server))), "peermon.open.test: added");

        let mut nsupdate = Command::new("nsupdate").stdin(Stdio::piped()).spawn().unwrap();
        nsupdate.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(nsupdate.wait().unwrap().success(), "{script}");
        let of_name = |name: &str| {
            let records = server.records("open.test").into_iter();
            let ours = records.filter(|line| line.starts_with(&format!("{name}.")) && line.contains(" A "));
            ours.map(|line| line.replace(name, "")).collect::<BTreeSet<_>>()
        };
        assert_eq!(of_name("script"), of_name("peermon"));
        assert_eq!(of_name("script").len(), 3);
    }
    let dry = updater.run(&format!("{} -n 3 --dry-run", of(&server)));
    check_quiet(&dry);
}

#[test]
fn an_alias_is_an_error_and_addresses_from_a_wildcard_are_no_obstacle() {
    let Some((server, updater)) = open_zone(lab()) else { return skip::because(NO_BIND) };
    let before = server.records("open.test");
    let outcome = updater.run(&format!("{} --name alias", of(&server)));
    check_failure(&outcome, 2, "alias.open.test is an alias (CNAME) for ns.open.test", "take the CNAME out");
    assert_eq!(server.records("open.test"), before);
    // What a wildcard says of a name is not at the name.
    let outcome = updater.run(&format!("{} -n 1 --name x.wild2.open.test", of(&server)));
    check_changed(&outcome, "added 10.0.0.1 (node1); removed 192.0.2.8");
    assert_eq!(server.set("x.wild2.open.test A"), addresses(&[1]));
    assert_eq!(server.set("y.wild2.open.test A"), ["192.0.2.8".to_owned()].into());
}

#[test]
fn a_server_that_is_killed_in_between_is_no_answer_and_the_next_run_goes_on_where_it_was() {
    let Some((mut server, updater)) = open_zone(lab()) else { return skip::because(NO_BIND) };
    check_changed(&updater.run(&of(&server)), "added 10.0.0.1");
    server.kill();
    updater.now_knowing(lab().split_off(3));
    let outcome = updater.run(&format!("{} --timeout 3", of(&server)));
    check_failure(&outcome, 7, "no answer from 127.0.0.1", "does the zone's primary server run there?");
    server.start_again();
    assert_eq!(server.set("peermon.open.test A"), addresses(&[1, 2, 3, 4, 5]));
    check_changed(&updater.run(&of(&server)), "removed 10.0.0.1");
    assert_eq!(server.set("peermon.open.test A"), addresses(&[4, 5, 6, 7, 8]));
}

#[test]
fn a_server_that_is_killed_at_any_moment_of_a_run_has_the_old_set_or_the_new_one() {
    let Some((mut server, updater)) = open_zone(lab()) else { return skip::because(NO_BIND) };
    check_changed(&updater.run(&of(&server)), "added 10.0.0.1");
    let choices = [addresses(&[1, 2, 3, 4, 5]), addresses(&[6, 7, 8, 9, 10])];
    for turn in 0..6 {
        updater.now_knowing(if turn % 2 == 0 { lab().split_off(5) } else { lab() });
        let mut command =
            updater.place.peermon(&format!("dns-update {} --hysteresis 0 --cpu-delta 0 --timeout 1", of(&server)));
        command.arg("--socket").arg(updater.daemon.socket()).stderr(Stdio::piped());
        let run = command.spawn().unwrap();
        // A run takes about 10 ms where nothing else does.
        thread::sleep(Duration::from_millis(4 * turn));
        server.kill();
        let outcome = run.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&outcome.stderr);
        assert!(matches!(outcome.status.code(), Some(0 | 7)), "turn {turn}: {said}");
        server.start_again();
        let set = server.set("peermon.open.test A");
        assert!(choices.contains(&set), "turn {turn}: {set:?}: {said}");
    }
}

#[test]
fn the_set_is_never_emptied_whatever_the_daemon_lacks() {
    let Some((server, updater)) = open_zone(lab()) else { return skip::because(NO_BIND) };
    check_changed(&updater.run(&of(&server)), "added 10.0.0.1");
    let before = server.records("open.test");
    super::check_never_emptied(&updater, &of(&server), || assert_eq!(server.records("open.test"), before));
}

#[test]
fn a_second_run_at_the_same_time_says_so_and_does_nothing() {
    let Some((server, updater)) = open_zone(lab()) else { return skip::because(NO_BIND) };
    check_changed(&updater.run(&of(&server)), "added 10.0.0.1");
    let before = server.records("open.test");
    let lock = File::open(updater.place.home.path().join("run/peermon/dns-peermon.open.test.lock")).unwrap();
    let held = Flock::lock(lock, FlockArg::LockExclusiveNonblock).unwrap();
    updater.now_knowing(lab().split_off(3));
    check_changed(&updater.run(&of(&server)), "another run is at peermon.open.test just now");
    assert_eq!(server.records("open.test"), before);
    // Another name has a lock of its own, and looking needs none.
    check_changed(&updater.run(&format!("{} --name cslab", of(&server))), "cslab.open.test: added");
    assert!(updater.run(&format!("{} --dry-run", of(&server))).stdout.contains("update add peermon.open.test."));
    drop(held);
    check_changed(&updater.run(&of(&server)), "removed 10.0.0.1");
}

#[test]
fn of_two_runs_at_once_on_two_hosts_one_wins_wholly() {
    let Some((server, first)) = open_zone(lab()) else { return skip::because(NO_BIND) };
    let second = Updater::knowing(Vec::from_iter((11..=15).map(|number| lab_host(number, 0.0))));
    let choices = [addresses(&[1, 2, 3, 4, 5]), addresses(&[11, 12, 13, 14, 15])];
    let mut lost = 0;
    for turn in 0..50 {
        let arguments = format!("dns-update {} --name r{} --timeout 10", of(&server), turn % 5);
        let begin = |updater: &Updater| {
            let mut command = updater.place.peermon(&arguments);
            command.arg("--socket").arg(updater.daemon.socket()).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        };
        let outcomes = [begin(&first), begin(&second)].map(|run| run.wait_with_output().unwrap());
        for outcome in &outcomes {
            let said = String::from_utf8_lossy(&outcome.stderr);
            assert!(matches!(outcome.status.code(), Some(0 | 1)), "{said}");
            lost += usize::from(outcome.status.code() == Some(1));
        }
        let set = server.set(&format!("r{}.open.test A", turn % 5));
        assert!(choices.contains(&set), "turn {turn}: {set:?}");
    }
    eprintln!("{lost} of 100 runs lost twice");
}
