//! A network's life: up, again, older programs, status, logs, one more, down.

use super::village::{Homes, Village};

/// Where everything of a user lies on a host, and what is the host's own.
const FOLDER: &str = "/home/ada/.local/share/peermon/net";
const RUNTIME: &str = "/tmp/peermon-4242";

/// Ports of user number 4242, as docs/private-network.md has them.
const PORT: u32 = 10_000 + 4_242 * 3;
const CLIENT_PORT: u32 = PORT + 2;

fn names_below(village: &Village, host: usize, folder: &str) -> String {
    village.did_on(host, &format!("cd {folder} 2>/dev/null && find . -mindepth 1 -not -path './.ssh*' | sort || true"))
}

#[test]
fn every_host_gets_the_program_and_a_daemon_that_outlives_the_session_and_sees_all_others() {
    let Some(village) = Village::new(3, Homes::Separate) else { return };
    assert!(village.types("ada", "echo ls | sftp -b - node1").code != Some(0), "no sftp is needed");
    let up = village.types("ada", "peermon net up node1 node2 node3");
    assert_eq!(up.code, Some(0), "{up:?}");
    let rows: Vec<Vec<&str>> = up.stdout.lines().map(|line| line.split_whitespace().take(2).collect()).collect();
    assert_eq!(rows[0], ["NAME", "STATE"]);
    for name in ["node1", "node2", "node3"] {
        assert!(rows.contains(&vec![name, "fresh"]), "{}", up.stdout);
    }
    assert_eq!(
        up.stderr,
        format!("peermon net: 3 hosts are up; on each of them: {FOLDER}/bin/peermon query -p {CLIENT_PORT}\n")
    );
    let key = village.did_on(1, &format!("cat {FOLDER}/peermon/gossip.key"));
    for host in 1..=3 {
        assert_eq!(village.daemons(host, "ada").len(), 1);
        // Nobody is logged in any more, and the daemon has no terminal.
        let sessions = "for exe in /proc/[0-9]*/exe; do readlink $exe; done | grep -c sshd";
        assert_eq!(village.did_on(host, sessions), "1\n");
        assert_eq!(village.did_on(host, &format!("stat -c '%a %U' {FOLDER}/peermon/gossip.key")), "600 ada\n");
        assert_eq!(village.did_on(host, &format!("cat {FOLDER}/peermon/gossip.key")), key, "one key");
        let machines = village.did_on(host, &format!("grep -v '#' {FOLDER}/peermon/machines.txt"));
        assert_eq!(machines, format!("10.9.0.1:{PORT}\n10.9.0.2:{PORT}\n10.9.0.3:{PORT}\n"));
        let line = format!("ssh node{host} {FOLDER}/bin/peermon query -p {CLIENT_PORT} --status --json");
        let status = village.does("ada", &line);
        for part in ["\"keyed\":true", &format!("\"port\":{PORT}"), "\"fresh\":3", "\"rejects\":[]"] {
            assert!(status.contains(part), "{part}: {status}");
        }
    }
}

#[test]
fn up_twice_changes_nothing_and_down_twice_is_no_error_and_leaves_nothing_running_or_lying_about() {
    let Some(village) = Village::new(2, Homes::Separate) else { return };
    village.does("ada", "peermon net up node1 node2");
    let state = |host| {
        let files = village.did_on(host, &format!("find {FOLDER} -type f -printf '%p %i %T@\n' | sort"));
        (village.daemons(host, "ada"), files)
    };
    let before = (state(1), state(2));
    // In another order, and without saying whom.
    village.does("ada", "peermon net up node2 node1 node2");
    village.does("ada", "peermon net up");
    assert_eq!((state(1), state(2)), before);

    for said in ["peermon net: 2 daemons have ended\n", "peermon net: 0 daemons have ended, 2 were down already\n"] {
        let down = village.types("ada", "peermon net down");
        assert_eq!((down.code, down.stdout.as_str(), down.stderr.as_str()), (Some(0), "", said));
        for host in [1, 2] {
            assert_eq!(village.daemons(host, "ada"), Vec::<String>::new());
            assert_eq!(village.did_on(host, "ls -A /tmp"), "");
            let kept =
                format!("{}\n", ["bin/peermon", "home", "peermon/gossip.key", "peermon/machines.txt"].join("\n"));
            assert_eq!(village.did_on(host, &format!("cd {FOLDER}; find * -type f | sort")), kept);
        }
    }
    // It comes back as it was, and goes for good.
    village.does("ada", "peermon net up");
    village.does("ada", "peermon net down --purge");
    for host in [1, 2] {
        assert_eq!(village.daemons(host, "ada"), Vec::<String>::new());
        assert_eq!(names_below(&village, host, "/home/ada").replace("./.local/share\n", ""), "./.local\n");
        assert_eq!(village.did_on(host, "ls -A /tmp"), "");
    }
    assert_eq!(village.desk.said("ls -A /home/ada/.local/share/peermon/net"), "lock\n");
    assert_eq!(village.types("ada", "peermon net down").stderr, "peermon net: there is no network\n");
}

/// Makes a host what another version of this program would have left: the program says that it is `version`, and so does the record of
/// the daemon that it started.
fn pretend(village: &Village, host: usize, version: &str) {
    let program = format!(
        "printf '#!/bin/sh\\n[ \"$1\" != -v ] || exec echo peermon {version}\\nexec /mnt/peermon \"$@\"\\n' >{FOLDER}/bin/new
        chown ada {FOLDER}/bin/new; chmod 700 {FOLDER}/bin/new; mv {FOLDER}/bin/new {FOLDER}/bin/peermon"
    );
    village.did_on(host, &program);
    let record = format!("{RUNTIME}/net");
    let noted = format!(
        "[ ! -e {record} ] || {{ text=$(awk '{{ $4 = \"{version}\"; print }}' {record}); echo $text >{record}; }}"
    );
    village.did_on(host, &noted);
    assert_eq!(village.did_on(host, &format!("{FOLDER}/bin/peermon -v")), format!("peermon {version}\n"));
}

#[test]
fn an_older_program_is_replaced_and_so_is_a_daemon_that_runs_it_and_newer_ones_stay() {
    [Homes::Separate, Homes::Shared].into_iter().for_each(check_replaced);
}

fn check_replaced(homes: Homes) {
    let Some(village) = Village::new(2, homes) else { return };
    let daemons = || [1, 2].map(|host| village.daemons(host, "ada"));
    village.does("ada", "peermon net up node1 node2");
    let first = daemons();
    [1, 2].into_iter().for_each(|host| pretend(&village, host, "1.9.0"));
    village.does("ada", "peermon net up");
    let second = daemons();
    for host in [1, 2] {
        assert!(second[host - 1].len() == 1 && first[host - 1] != second[host - 1], "{first:?} {second:?}");
        village.did_on(host, &format!("cmp /mnt/peermon {FOLDER}/bin/peermon"));
        let record = village.did_on(host, &format!("cat {RUNTIME}/net"));
        assert!(record.contains(&format!(" {} ", env!("CARGO_PKG_VERSION"))), "{record}");
    }
    [1, 2].into_iter().for_each(|host| pretend(&village, host, "99.0.0"));
    village.does("ada", "peermon net up");
    assert_eq!(daemons(), second, "what is newer stays");
    village.did_on(1, &format!("{FOLDER}/bin/peermon -v | grep 99"));

    // Where no daemon runs, too.
    village.does("ada", "peermon net down");
    pretend(&village, 2, "1.1.0");
    village.does("ada", "peermon net up");
    village.did_on(2, &format!("cmp /mnt/peermon {FOLDER}/bin/peermon"));
}

#[test]
fn status_tells_who_is_up_down_or_cannot_be_asked_and_logs_shows_what_a_daemon_said() {
    let Some(village) = Village::new(3, Homes::Separate) else { return };
    let none = village.types("ada", "peermon net status");
    assert_eq!((none.code, none.stdout.as_str()), (Some(2), ""));
    village.does("ada", "peermon net up ada@node1 node2 node3");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let status = village.does("ada", "peermon net status");
    let rows: Vec<Vec<String>> = status.lines().map(words).collect();
    assert_eq!(rows[0], ["HOST", "STATE", "VERSION", "UP", "SAYS"]);
    assert_eq!(rows[1][..3], ["ada@node1", "up", env!("CARGO_PKG_VERSION")]);
    assert_eq!(rows[1][5..], ["sees", "2", "others"], "{status}");

    let logs = village.does("ada", "peermon net logs node1");
    assert!(logs.contains("started: "), "{logs}");
    assert_eq!(village.does("ada", "peermon net logs node1 -n 1").lines().count(), 1);

    // One that is longer than what is read of a host: its end counts.
    let numbers = format!("seq -f 'a line of a long log, number %.0f' 200000 >>{RUNTIME}/{CLIENT_PORT}.log");
    village.did_on(1, &numbers);
    let logs = village.does("ada", "peermon net logs node1 -n 300000");
    assert!(logs.contains("number 200000\n") && logs.lines().count() < 200_000, "{}", logs.len());
    assert!(logs.lines().all(|line| !line.contains("peermon-net")), "no part of a line");

    // One that was killed, and one that knows nobody any more.
    village.did_on(2, "kill -9 $(cut -d' ' -f1 /tmp/peermon-4242/net)");
    village.did_on(3, "ip link set eth0 down");
    let ssh = "--ssh-arg -o --ssh-arg ConnectTimeout=1";
    let status = village.types("ada", &format!("peermon net status {ssh}"));
    assert_eq!(status.code, Some(5), "{status:?}");
    let rows: Vec<Vec<String>> = status.stdout.lines().map(words).collect();
    assert_eq!(rows[2][..3], ["node2", "down", env!("CARGO_PKG_VERSION")]);
    assert_eq!(rows[3][..4], ["node3", "?", "ssh:", "connect"], "{status:?}");
    assert!(status.stderr.contains("1 of 3 hosts are up\nhint: peermon net up"), "{status:?}");

    village.did_on(3, "ip link set eth0 up");
    village.does("ada", "peermon net up");
    village.does("ada", "peermon net down");
    let status = village.types("ada", "peermon net status");
    assert_eq!(status.code, Some(3), "no daemon answers: {status:?}");
    let logs = village.types("ada", "peermon net logs node1");
    assert_eq!((logs.code, logs.stdout.as_str()), (Some(1), ""));
    assert!(logs.stderr.contains(&format!("there is no {RUNTIME}/{CLIENT_PORT}.log")), "{logs:?}");
}

#[test]
fn one_more_host_joins_and_one_leaves_and_the_others_go_on() {
    let Some(village) = Village::new(3, Homes::Separate) else { return };
    let early = village.types("ada", "peermon net add node1");
    assert_eq!(early.code, Some(2), "{early:?}");
    village.does("ada", "peermon net up node1 node2");
    let before = (village.daemons(1, "ada"), village.daemons(2, "ada"));
    let table = village.does("ada", "peermon net add node3");
    assert_eq!(table.lines().count(), 4, "{table}");
    assert_eq!((village.daemons(1, "ada"), village.daemons(2, "ada")), before);

    village.does("ada", "peermon net down node2");
    let status = village.does("ada", "peermon net status");
    assert!(!status.contains("node2") && status.contains("node3"), "{status}");
    assert_eq!(status.matches("sees 1 other\n").count(), 2, "{status}");
    assert_eq!((village.daemons(1, "ada"), village.daemons(2, "ada")), (before.0, Vec::new()));
}

#[test]
fn flags_say_which_ports_and_a_running_daemon_moves_to_them() {
    let Some(village) = Village::new(2, Homes::Separate) else { return };
    village.does("ada", "peermon net up node1 node2");
    village.does("ada", "peermon net up -p 4000 -l 4002");
    for host in [1, 2] {
        assert_eq!(village.daemons(host, "ada").len(), 1);
        assert_eq!(village.does("ada", &format!("ssh node{host} {FOLDER}/bin/peermon query -p 4002 --count")), "2\n");
    }
    let daemons = [1, 2].map(|host| village.daemons(host, "ada"));
    // One is a port of the gossip too, one is root's, one is sshd's.
    for bad in ["-l 4001", "-p 23", "-l 22"] {
        let refused = village.types("ada", &format!("peermon net up {bad}"));
        assert_eq!(refused.code, Some(2), "{bad}: {refused:?}");
    }
    assert_eq!([1, 2].map(|host| village.daemons(host, "ada")), daemons, "they run on");
    village.does("ada", "peermon net up");
    assert_eq!([1, 2].map(|host| village.daemons(host, "ada")), daemons, "with the ports that they had");
    village.does("ada", "peermon net down");
    assert_eq!(village.did_on(1, "ls -A /tmp"), "");
}

#[test]
fn who_lost_the_key_brings_the_network_up_with_a_new_one_and_no_daemon_is_restarted() {
    let Some(village) = Village::new(2, Homes::Separate) else { return };
    village.does("ada", "peermon net up node1 node2");
    let (key, before) = (village.did_on(1, &format!("cat {FOLDER}/peermon/gossip.key")), village.daemons(1, "ada"));
    village.does("ada", "rm -r ~/.local/share/peermon; peermon net up node1 node2");
    let keys = [1, 2].map(|host| village.did_on(host, &format!("cat {FOLDER}/peermon/gossip.key")));
    assert!(keys[0] == keys[1] && keys[0] != key);
    assert_eq!(village.daemons(1, "ada"), before);
    let status = village.does("ada", "peermon net status");
    assert_eq!(status.matches("sees 1 other\n").count(), 2, "{status}");
    assert!(village.does("ada", "peermon net logs node1").contains("read again"));
}

#[test]
fn a_daemon_whose_record_was_tidied_away_is_known_again_by_its_socket_and_its_program() {
    let Some(village) = Village::new(2, Homes::Separate) else { return };
    village.does("ada", "peermon net up node1 node2");
    let before = village.daemons(1, "ada");
    let tidy = format!("rm {RUNTIME}/net {RUNTIME}/*.pid {RUNTIME}/*.log");
    village.did_on(1, &tidy);
    assert_eq!(village.does("ada", "peermon net status").matches("sees 1 other\n").count(), 2);
    village.does("ada", "peermon net up");
    assert_eq!(village.daemons(1, "ada"), before);
    assert!(village.did_on(1, &format!("cat {RUNTIME}/net")).starts_with(&before[0]), "it is written down again");
    village.did_on(1, &format!("rm {RUNTIME}/net"));
    assert_eq!(village.types("ada", "peermon net down").stderr, "peermon net: 2 daemons have ended\n");
    assert_eq!(village.did_on(1, "ls -A /tmp"), "");
}
