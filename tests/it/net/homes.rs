//! Homes that all hosts share, as by NFS.

use super::village::{Homes, Village};

const FOLDER: &str = "/home/ada/.local/share/peermon/net";

#[test]
fn hosts_that_share_a_home_have_one_program_and_one_key_and_a_daemon_each() {
    let Some(village) = Village::new(3, Homes::Shared) else { return };
    let up = village.types("ada", "peermon net up node1 node2 node3");
    assert_eq!(up.code, Some(0), "{up:?}");
    let files = village.did_on(1, &format!("cd {FOLDER}; find * -type f | sort"));
    assert_eq!(files, "bin/peermon\nhome\nlock\nnetwork.json\npeermon/gossip.key\npeermon/machines.txt\n");
    let mut daemons = Vec::new();
    for host in 1..=3 {
        assert_eq!(village.daemons(host, "ada").len(), 1);
        assert_eq!(
            village.did_on(host, "ls /tmp/peermon-4242 | grep -c ."),
            "5\n",
            "its own socket, lock, pid, log, record"
        );
        daemons.push(village.daemons(host, "ada"));
    }
    let file = village.did_on(1, &format!("stat -c '%i %Y' {FOLDER}/bin/peermon"));
    village.does("ada", "peermon net up");
    assert_eq!(village.did_on(2, &format!("stat -c '%i %Y' {FOLDER}/bin/peermon")), file);
    assert_eq!((1..=3).map(|host| village.daemons(host, "ada")).collect::<Vec<_>>(), daemons);

    // Each host can see to all: the list is theirs too.
    let home = "cd; ssh -o BatchMode=yes node1";
    village.does("ada", &format!("{home} {FOLDER}/bin/peermon net down node3"));
    assert_eq!(village.does("ada", "peermon net status").lines().count(), 3);
    village.does("ada", "peermon net down --purge");
    assert_eq!(village.desk.said(&format!("ls -A {FOLDER}")), "lock\n");
}

#[test]
fn however_many_bring_it_up_at_the_same_time_there_is_one_key_and_one_daemon_a_host() {
    let Some(village) = Village::new(2, Homes::Shared) else { return };
    // The program on the hosts, so that they can type too.
    village.does("ada", "cd; mkdir bin; cp /mnt/peermon bin/peermon");
    let lines = [
        "peermon net up node1 node2".to_owned(),
        "ssh node1 bin/peermon net up node1 node2".to_owned(),
        "ssh node2 bin/peermon net up node2 node1".to_owned(),
        "peermon net up -j 1 node2 node1".to_owned(),
    ];
    let running: Vec<_> =
        lines.iter().map(|line| village.as_user("ada", &format!("cd; {line}")).spawn().unwrap()).collect();
    for (child, line) in running.into_iter().zip(&lines) {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
    }
    for host in 1..=2 {
        assert_eq!(village.daemons(host, "ada").len(), 1);
    }
    let status = village.does("ada", "peermon net status");
    assert_eq!(status.matches("sees 1 other\n").count(), 2, "{status}");
    assert_eq!(village.did_on(1, &format!("find {FOLDER} -name '.*' | wc -l")), "0\n", "nothing half-made is left");
    assert_eq!(village.did_on(1, &format!("grep -vc '#' {FOLDER}/peermon/gossip.key")), "1\n");
}

#[test]
fn twenty_hosts_come_up_and_go_down() {
    let Some(village) = Village::new(20, Homes::Shared) else { return };
    let names = village.names();
    let up = village.types("ada", &format!("peermon net up {names}"));
    assert_eq!(up.code, Some(0), "{up:?}");
    assert_eq!(up.stdout.lines().count(), 21, "{}", up.stdout);
    let status = village.does("ada", "peermon net status");
    assert_eq!(status.matches("sees 19 others\n").count(), 20, "{status}");
    let down = village.types("ada", "peermon net down");
    assert_eq!(down.stderr, "peermon net: 20 daemons have ended\n");
}
