//! What is typed: lists, users, arguments for ssh, and mistakes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::{Duration, Instant};

use crate::command::{Place, check_failure};
use crate::readme::{blocks, check_links, check_mentioned};

use super::village::{Homes, Village};

#[test]
fn a_list_without_hosts_and_hosts_that_are_none_are_refused_before_ssh_is_run() {
    let place = Place::new();
    fs::write(place.home.path().join("empty"), "# nobody\n\n").unwrap();
    fs::write(place.home.path().join("odd"), "node1\n-oProxyCommand=touch ran\n").unwrap();
    let run = |arguments: &str| place.peermon(arguments).env("PEERMON_SSH", "touch").output().unwrap().into();
    let how = "peermon net up node1 node2, or -f FILE with one host a line";
    check_failure(&run("net up"), 2, "peermon net: no hosts are given, and there is no network yet", how);
    check_failure(&run("net up -f empty"), 2, "peermon net: the list of hosts is empty", how);
    check_failure(
        &run("net up -f odd"),
        2,
        "peermon net: odd:2: '-oProxyCommand=touch ran' is neither a host name nor an address",
        "one host a line: node1, or ada@node1",
    );
    check_failure(
        &run("net up -f missing"),
        2,
        "peermon net: cannot read missing (No such file or directory (os error 2))",
        "one host a line: node1, or ada@node1",
    );
    for typed in
        ["net up a;b", "net up node1 -u a$b", "net up 10.0.0.300", "net add", "net logs", "net up node1 -j 0", "net"]
    {
        let outcome: crate::command::Outcome = run(typed);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{typed}: {outcome:?}");
    }
    let outcome: crate::command::Outcome = run("net up -- -oProxyCommand=x");
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(!place.home.path().join("ran").exists());
}

#[test]
fn where_there_is_no_ssh_that_is_said() {
    let place = Place::new();
    let outcome: crate::command::Outcome =
        place.peermon("net up node1 node2").env("PEERMON_SSH", "no-such-ssh").output().unwrap().into();
    // Once, however many hosts there are.
    check_failure(&outcome, 1, "peermon net: cannot run no-such-ssh (", "install the OpenSSH client");
}

#[test]
fn two_that_take_hosts_out_at_the_same_time_take_out_both() {
    let place = Place::new();
    let folder = place.home.path().join(".local/share/peermon/net");
    fs::create_dir_all(&folder).unwrap();
    let network = r#"{"hosts": ["node1", "node2", "node3"], "port": 13000, "client_port": 13002, "ssh_args": []}"#;
    fs::write(folder.join("network.json"), network).unwrap();
    // node1 takes its time.
    let ssh = place.home.path().join("ssh");
    let lines = "cat >/dev/null
        case $* in *' -- node1 '*) touch began; for try in $(seq 300); do [ -e go ] && break; sleep 0.1; done ;; esac
        echo peermon-net ended; echo peermon-net done";
    fs::write(&ssh, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    let down = |host: &str| place.peermon(&format!("net down {host}")).env("PEERMON_SSH", &ssh).spawn().unwrap();

    let first = down("node1");
    let begin = Instant::now();
    while !place.home.path().join("began").exists() {
        assert!(begin.elapsed() < Duration::from_secs(30));
        thread::sleep(Duration::from_millis(10));
    }
    let second = down("node2");
    // It waits for its turn by then.
    thread::sleep(Duration::from_millis(500));
    fs::write(place.home.path().join("go"), "").unwrap();
    for mut child in [first, second] {
        assert!(child.wait().unwrap().success());
    }
    let left = fs::read_to_string(folder.join("network.json")).unwrap();
    assert!(left.contains("node3") && !left.contains("node1") && !left.contains("node2"), "{left}");
}

#[test]
fn a_list_in_a_file_a_user_for_all_and_arguments_for_ssh_reach_ssh_and_the_last_are_remembered() {
    let Some(village) = Village::new(2, Homes::Separate) else { return };
    // Ada may log in as bob too, with a key that her settings do not name.
    village
        .does("ada", "mv ~/.ssh/id_ed25519 ~/.ssh/other; printf '# lab\\nnode1\\nada@node2\\nnode1 # twice\\n' >~/lab");
    village.desk.said("cat /mnt/lab/ada.pub >>/mnt/lab/bob.pub");
    let denied = village.types("ada", "peermon net up -f ~/lab -u bob");
    assert_eq!(denied.code, Some(7), "{denied:?}");
    village.does("ada", "peermon net up -f ~/lab -u bob --ssh-arg -i --ssh-arg ~/.ssh/other -j 1");
    assert_eq!((village.daemons(1, "bob").len(), village.daemons(1, "ada").len()), (1, 0));
    assert_eq!((village.daemons(2, "bob").len(), village.daemons(2, "ada").len()), (0, 1));
    let status = village.does("ada", "peermon net status");
    assert!(status.contains("bob@node1") && status.contains("ada@node2"), "{status}");
    assert!(village.does("ada", "peermon net logs node1").contains("started: "));
    let down = village.types("ada", "peermon net down");
    assert_eq!(down.stderr, "peermon net: 2 daemons have ended\n");
}

#[test]
fn what_the_page_on_private_networks_says_can_be_typed() {
    let text = include_str!("../../../docs/private-network.md");
    assert!(check_mentioned(text) > 7);
    check_links(text, "docs");
    let Some(village) = Village::new(4, Homes::Separate) else { return };
    for block in blocks(text) {
        assert_eq!(block.kind, "sh", "nothing checks a block of another kind");
        village.does("ada", &format!("set -e; cd\n{}", block.lines.join("\n")));
    }
    assert_eq!(village.daemons(1, "ada").len(), 0, "it ends with down");
}

#[test]
fn a_terminal_sees_how_far_it_is_and_a_pipe_sees_only_what_counts() {
    let Some(village) = Village::new(2, Homes::Separate) else { return };
    let seen = village.does("ada", "TERM=xterm script -qec 'peermon net up node1 node2' /dev/null");
    for step in ["asking: 1 of 2", "starting: 2 of 2", "waiting until all see each other: 2 of 2"] {
        assert!(seen.contains(step), "{step}: {seen:?}");
    }
    let up = village.types("ada", "peermon net up");
    assert!(!up.stderr.contains(" of 2") && !up.stdout.contains('\r'), "{up:?}");
}
