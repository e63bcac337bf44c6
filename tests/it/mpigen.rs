//! `autoMPIgen` as users see it: the real executable, a daemon of words, the file that comes of it.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use peermon::model::HostView;
use peermon::wire::client::{HostTable, Placement};

use crate::command::{Outcome, Place, ask, binary, check_failure};
use crate::fake_daemon::{Answer, FakeDaemon, table};
use crate::rows::busy;

/// Best first, with 16, 8 and 4 cores.
fn lab() -> Vec<HostView> {
    vec![busy("node1", 0.0, 16, 64), busy("node2", 2.0, 8, 64), busy("node3", 3.0, 4, 64)]
}

/// Runs with `-` as the file; checks what the file would hold.
#[track_caller]
fn check_file(arguments: &str, expected: &str) {
    let outcome = ask(&FakeDaemon::knowing(lab()), &format!("mpigen {arguments} -"));
    assert_eq!((outcome.stdout.as_str(), outcome.code), (expected, Some(0)), "{arguments}: {outcome:?}");
}

#[test]
fn the_manuals_examples_work_as_they_are_written() {
    let place = Place::new();
    let daemon = FakeDaemon::knowing(lab());
    symlink(binary(), place.home.path().join("autoMPIgen")).unwrap();
    let run = |arguments: &str| {
        let mut command = place.program(place.home.path().join("autoMPIgen"), arguments);
        let outcome: Outcome = command.env("PEERMON_SOCKET", daemon.socket()).output().unwrap().into();
        assert_eq!((outcome.stdout.as_str(), outcome.code), ("", Some(0)), "{arguments}: {outcome:?}");
        fs::read_to_string(place.home.path().join(arguments.rsplit(' ').next().unwrap())).unwrap()
    };
    assert_eq!(run("-n 20 myhostfile"), "node1\nnode2\nnode3\n");
    assert_eq!(run("-n 20 -c myhostfile"), "node1\nnode2\nnode3\n");
    let addresses: String = lab().iter().map(|host| format!("{} slots=4\n", host.address)).collect();
    assert_eq!(run("-n 20 -I -s 4 mhostfile"), addresses);
}

#[test]
fn option_n_counts_hosts_and_is_one_by_default() {
    check_file("", "node1\n");
    check_file("-n 2", "node1\nnode2\n");
    check_file("--num 2", "node1\nnode2\n");
}

#[test]
fn option_capital_i_writes_addresses() {
    check_file("-I -n 2", &lab()[..2].iter().map(|host| format!("{}\n", host.address)).collect::<String>());
    let six = HostView { address: "fd77::1".parse().unwrap(), ..busy("six", 0.0, 4, 8) };
    let daemon = FakeDaemon::knowing(vec![six]);
    assert_eq!(ask(&daemon, "mpigen -I -q -").stdout, "fd77::1 slots=4\n");
    check_failure(&ask(&daemon, "mpigen -I -q --format mpich -"), 2, "cannot hold the IPv6 address", "--format");
}

#[test]
fn option_p_is_the_daemons_client_port() {
    check_failure(&Place::new().run("mpigen -p 1 -"), 3, "127.0.0.1:1", "-l");
}

#[test]
fn option_h_helps() {
    let outcome = Place::new().run("mpigen -h");
    assert!(outcome.stdout.contains("HOSTFILE") && outcome.code == Some(0), "{outcome:?}");
}

#[test]
fn with_nobody_eligible_or_known_yet_the_file_stays_as_it_was() {
    let place = Place::new();
    let file = place.home.path().join("hosts");
    fs::write(&file, "old").unwrap();
    let run = |daemon: &FakeDaemon| -> Outcome {
        place.peermon("mpigen hosts --socket").arg(daemon.socket()).output().unwrap().into()
    };
    let watcher = FakeDaemon::knowing(vec![HostView { collector: true, ..busy("watcher", 0.0, 4, 8) }]);
    check_failure(&run(&watcher), 4, "no host is eligible (left out: 1 ", "--explain");
    let own = HostView { load1_hundredths: None, ..busy("node1", 0.0, 4, 8) };
    let new = HostTable { up_seconds: 1, ..table(vec![own]) };
    let daemon = FakeDaemon::answering(Answer::Table(Box::new(new)));
    check_failure(&run(&daemon), 4, "no host is eligible", "the daemon started 1 s ago and knows nobody yet");
    assert_eq!(fs::read_to_string(&file).unwrap(), "old");
}

#[test]
fn option_s_says_how_many_slots() {
    check_file("-n 2 -s 3", "node1 slots=3\nnode2 slots=3\n");
}

#[test]
fn option_q_says_as_many_slots_as_cores() {
    check_file("-n 2 -q", "node1 slots=16\nnode2 slots=8\n");
}

#[test]
fn option_x_counts_cpus_and_exact_trims_the_last_host() {
    check_file("-n 20 -q -x", "node1 slots=16\nnode2 slots=8\n");
    check_file("-n 20 -q -x --exact", "node1 slots=16\nnode2 slots=4\n");
    check_file("-n 16 -q -x", "node1 slots=16\n");
}

/// What is written with these options, of a host that is idle and one that has memory.
fn written(options: &str) -> String {
    let hosts = vec![busy("idle", 0.0, 8, 2), busy("roomy", 7.0, 8, 64)];
    ask(&FakeDaemon::knowing(hosts), &format!("mpigen {options} -")).stdout
}

#[test]
fn option_c_chooses_by_load() {
    assert_eq!(written("-c"), "idle\n");
}

#[test]
fn option_m_chooses_by_memory() {
    assert_eq!(written("-m"), "roomy\n");
}

#[test]
fn option_r_chooses_by_chance() {
    let drawn: BTreeSet<String> = (0..16).map(|seed| written(&format!("-r --seed {seed}"))).collect();
    assert_eq!(drawn.into_iter().collect::<Vec<_>>(), ["idle\n", "roomy\n"]);
}

#[test]
fn every_launchers_format_is_written() {
    check_file("-n 2 -q --format openmpi", "node1 slots=16\nnode2 slots=8\n");
    check_file("-n 2 -q --format mpich", "node1:16\nnode2:8\n");
    check_file("-n 2 -q --format intel", "node1:16\nnode2:8\n");
    check_file("-n 2 -s 2 --format slurm", "node1\nnode1\nnode2\nnode2\n");
    check_file("-n 2 -s 2 --format pbs", "node1\nnode1\nnode2\nnode2\n");
    check_file("-n 2 -s 2 --format hosts", "node1\nnode2\n");
    check_file("-n 2 --format mpich", "node1\nnode2\n");
}

#[test]
fn the_format_can_stand_in_the_settings() {
    let place = Place::new().with_settings("[mpigen]\nformat = \"mpich\"\n");
    let daemon = FakeDaemon::knowing(lab());
    let run = |place: &Place| -> Outcome {
        place.peermon("mpigen -q - --socket").arg(daemon.socket()).output().unwrap().into()
    };
    assert_eq!(run(&place).stdout, "node1:16\n");
    let place = Place::new().with_settings("[mpigen]\nformat = \"lam\"\n");
    check_failure(&run(&place), 2, "'lam' is not a host file format", "--format");
}

#[test]
fn option_i_shows_what_the_file_would_hold_and_writes_none() {
    let place = Place::new();
    let daemon = FakeDaemon::knowing(lab());
    let run = |arguments: &str| -> Outcome {
        place.peermon(arguments).arg("--socket").arg(daemon.socket()).output().unwrap().into()
    };
    assert_eq!(run("mpigen -i -q -n 2").stdout, "node1 slots=16\nnode2 slots=8\n");
    assert!(run("mpigen -i -v -n 2 hosts").stdout.starts_with("NAME"));
    assert!(!place.home.path().join("hosts").exists());
    assert_eq!(daemon.placed(), []);
}

#[test]
fn option_v_alone_shows_the_table_and_writes_the_file() {
    let outcome = ask(&FakeDaemon::knowing(lab()), "mpigen -v -n 2 -");
    assert!(outcome.stderr.starts_with("NAME"), "{outcome:?}");
    assert_eq!(outcome.stdout, "node1\nnode2\n");
}

#[test]
fn what_is_written_is_placed_in_slots_or_in_cores() {
    let ids = lab().into_iter().map(|host| host.id).collect::<Vec<_>>();
    let placed = |arguments: &str| {
        let daemon = FakeDaemon::knowing(lab());
        ask(&daemon, arguments);
        daemon.placed()
    };
    let counts = |counts: &[u32]| {
        ids.iter().zip(counts).map(|(id, count)| Placement { id: *id, count: *count }).collect::<Vec<_>>()
    };
    assert_eq!(placed("mpigen -n 2 -s 3 -"), counts(&[3, 3]));
    assert_eq!(placed("mpigen -n 2 -"), counts(&[16, 8]));
    assert_eq!(placed("mpigen -n 2 --no-pending -"), []);
}

#[test]
fn fewer_hosts_than_asked_for_are_written_with_a_warning_or_not_at_all_when_strict() {
    let place = Place::new();
    let daemon = FakeDaemon::knowing(lab());
    let run = |arguments: &str| -> Outcome {
        place.peermon(arguments).arg("--socket").arg(daemon.socket()).output().unwrap().into()
    };
    let file = place.home.path().join("hosts");
    let outcome = run("mpigen -n 9 hosts");
    assert!(outcome.stderr.contains("warning: only 3 of 9 hosts are there"), "{outcome:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "node1\nnode2\nnode3\n");
    fs::write(&file, "old").unwrap();
    check_failure(&run("mpigen -n 9 --strict hosts"), 5, "3 hosts, fewer than -n 9", "--strict");
    check_failure(&run("mpigen -n 90 -q -x --strict hosts"), 5, "only 28 of 90 CPUs", "--strict");
    assert_eq!(fs::read_to_string(&file).unwrap(), "old");
}

#[test]
fn wrong_usage_leaves_the_file_as_it_was() {
    let place = Place::new();
    let file = place.home.path().join("hosts");
    fs::write(&file, "old").unwrap();
    for (arguments, what) in [
        ("mpigen", "HOSTFILE"),
        ("mpigen -n 0 hosts", "whole number from 1 up"),
        ("mpigen -n -3 hosts", "whole number from 1 up"),
        ("mpigen -n x hosts", "whole number from 1 up"),
        ("mpigen -s 0 hosts", "whole number from 1 up"),
        ("mpigen -s 100000 hosts", "more than 65536"),
        ("mpigen -q -s 2 hosts", "does not go with"),
        ("mpigen -x hosts", "-x lets -n count CPUs, so it goes with both -n and -q"),
        ("mpigen -x -n 4 hosts", "it goes with both -n and -q"),
        ("mpigen --exact hosts", "missing"),
        ("mpigen --format lam hosts", "'lam'"),
        ("mpigen --policy cpu -m hosts", "--policy"),
    ] {
        check_failure(&place.run(arguments), 2, what, "");
        assert_eq!(fs::read_to_string(&file).unwrap(), "old", "{arguments}");
    }
    check_failure(&place.run("mpigen hosts"), 3, "no daemon answers", "");
    assert_eq!(fs::read_to_string(&file).unwrap(), "old");
}

#[test]
fn the_file_is_replaced_whole_with_its_mode_and_through_its_link() {
    let place = Place::new();
    let daemon = FakeDaemon::knowing(lab());
    let run = |file: &Path| -> Outcome {
        place.peermon("mpigen --socket").arg(daemon.socket()).arg(file).output().unwrap().into()
    };
    let (file, link) = (place.home.path().join("hosts"), place.home.path().join("link"));
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o664)).unwrap();
    symlink(&file, &link).unwrap();
    assert_eq!(run(&link).code, Some(0));
    assert_eq!(fs::read_to_string(&file).unwrap(), "node1\n");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o664);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    check_failure(&run(place.home.path()), 1, "cannot write", "name a file in it");
    check_failure(&run(&place.home.path().join("no/such")), 1, "cannot write", "mkdir -p");
    check_failure(&run(Path::new("/dev/full")), 1, "cannot write /dev/full", "");
}

#[test]
fn a_pipe_is_written_straight() {
    let place = Place::new();
    let daemon = FakeDaemon::knowing(lab());
    let pipe = place.home.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut writer = place.peermon("mpigen --socket").arg(daemon.socket()).arg(&pipe).spawn().unwrap();
    assert_eq!(fs::read_to_string(&pipe).unwrap(), "node1\n");
    assert!(writer.wait().unwrap().success());
}
