//! What fails on some hosts is said of these, and the others come up.

use crate::command::Outcome;

use super::village::{Homes, Village};

/// Checks that `host` is said to have failed in these words, with such a hint.
#[track_caller]
fn check_failed(outcome: &Outcome, host: &str, what: &str, hint: &str) {
    let mut lines = outcome.stderr.lines().skip_while(|line| !line.starts_with(&format!("peermon net: {host}: ")));
    let (said, hinted) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    assert!(said.contains(what), "{host}: {outcome:?}");
    assert!(hinted.starts_with("hint: ") && hinted.contains(hint), "{host}: {hinted}");
}

#[test]
fn each_host_that_ssh_does_not_reach_is_named_with_sshs_last_line_and_the_rest_comes_up() {
    let Some(village) = Village::new(4, Homes::Separate) else { return };
    // Nobody knows node2's key; node3 shows another one than before; the desk has no sshd; root lets nobody in.
    let known = "cd ~/.ssh; sed -i '/^node2 /d; /^node3 /d' known_hosts; sed -n 's/^node1 /node3 /p' known_hosts >more; cat more >>known_hosts";
    village.does("ada", known);
    let up = village.types("ada", "peermon net up nosuch node1 node2 node3 desk root@node1 node4");
    assert_eq!(up.code, Some(5), "{up:?}");
    check_failed(&up, "nosuch", "ssh: Could not resolve hostname nosuch", "getent hosts nosuch");
    check_failed(&up, "desk", "ssh: connect to host desk port 22: Connection refused", "does sshd run there");
    check_failed(&up, "node2", "Host key verification failed.", "ssh node2 shows it");
    check_failed(&up, "node3", "Host key verification failed.", "ssh-keygen -R node3");
    check_failed(&up, "root@node1", "Permission denied (", "ssh-copy-id root@node1");
    assert!(up.stderr.contains("5 of 7 hosts failed: nosuch, node2, node3, desk, root@node1\nhint: "), "{up:?}");
    assert_eq!(up.stdout.lines().count(), 3, "two of them: {}", up.stdout);
    // Who came up is in the network, and nobody else.
    let status = village.does("ada", "peermon net status");
    assert_eq!(status.matches("sees 1 other\n").count(), 2, "{status}");

    let none = village.types("bob", "peermon net up nosuch desk");
    assert_eq!((none.code, none.stdout.as_str()), (Some(7), ""), "{none:?}");
    assert!(!village.desk.path("/home/bob/.local/share/peermon/net/network.json").exists());
}

#[test]
fn a_remote_command_of_the_users_ssh_settings_is_said_with_what_leaves_it_out() {
    let Some(village) = Village::new(1, Homes::Separate) else { return };
    village.does("ada", "printf 'Host node1\nRemoteCommand uptime\n' >>~/.ssh/config");
    let up = village.types("ada", "peermon net up node1");
    assert_eq!(up.code, Some(7), "{up:?}");
    let how = "--ssh-arg -o --ssh-arg RemoteCommand=none";
    check_failed(&up, "node1", "Cannot execute command-line and remote command", how);
    village.does("ada", &format!("peermon net up node1 {how}"));
    // It is remembered.
    village.does("ada", "peermon net status");

    village.does("ada", "printf 'Host node1\nStdinNull yes\n' >>~/.ssh/config");
    let status = village.types("ada", "peermon net logs node1");
    check_failed(&status, "node1", "nothing was said", "StdinNull");
}

#[test]
fn a_mistake_in_the_settings_of_the_users_other_network_is_none_in_this_one() {
    let Some(village) = Village::new(1, Homes::Separate) else { return };
    village.does("ada", "ssh node1 'mkdir -p ~/.config/peermon; echo nonsense = [ >~/.config/peermon/peermon.toml'");
    village.does("ada", "peermon net up node1");
    assert_eq!(village.daemons(1, "ada").len(), 1);
    assert_eq!(village.does("ada", "peermon net status").matches(" up ").count(), 1);
    let down = village.types("ada", "peermon net down");
    assert_eq!(down.stderr, "peermon net: 1 daemon has ended\n");
}

#[test]
fn a_full_disk_a_noexec_home_and_another_processor_are_told_apart_and_leave_nothing_half_made() {
    let Some(village) = Village::new(4, Homes::Separate) else { return };
    village.did_on(1, "mount -t tmpfs -o size=600k,mode=700,uid=4242,gid=4242 tmpfs /home/ada");
    village.did_on(2, "mount -t tmpfs -o noexec,mode=700,uid=4242,gid=4242 tmpfs /home/ada");
    let uname = "printf '#!/bin/sh\\necho Linux aarch64\\n' >/tmp/uname; chmod 755 /tmp/uname; mount --bind /tmp/uname /usr/bin/uname";
    village.did_on(3, uname);
    let up = village.types("ada", "peermon net up node1 node2 node3 node4");
    assert_eq!(up.code, Some(5), "{up:?}");
    check_failed(&up, "node1", "No space left on device", "make room in your home");
    check_failed(&up, "node2", "does not run there (", "noexec");
    let system = village.desk.said("uname -sm");
    check_failed(
        &up,
        "node3",
        &format!("it is Linux aarch64, and this program is for {}", system.trim()),
        "build peermon",
    );
    for host in 1..=3 {
        assert_eq!(village.did_on(host, "cd /home/ada/.local/share/peermon/net; find * -type f"), "home\n");
        assert_eq!(village.daemons(host, "ada").len(), 0);
    }
    assert_eq!(village.daemons(4, "ada").len(), 1);

    // Mended, the same command brings them up too.
    village.did_on(1, "mount -o remount,size=200m /home/ada");
    village.did_on(2, "mount -o remount,exec /home/ada");
    village.did_on(3, "umount /usr/bin/uname");
    village.does("ada", "peermon net up node1 node2 node3 node4");
    assert_eq!(village.does("ada", "peermon net status").matches("sees 3 others\n").count(), 4);
}

#[test]
fn a_tmp_that_is_noexec_is_no_obstacle() {
    let Some(village) = Village::new(1, Homes::Separate) else { return };
    village.did_on(1, "mount -o remount,noexec /tmp");
    village.does("ada", "peermon net up node1");
}

#[test]
fn a_port_that_somebody_else_has_is_passed_over_and_where_it_was_asked_for_it_is_said() {
    let Some(village) = Village::new(2, Homes::Separate) else { return };
    let python = "import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((\"\", 22726)); time.sleep(600)";
    if village.desk.shell("python3 -V").code != Some(0) {
        return crate::skip::because("no python3 here");
    }
    village.did_on(2, &format!("setsid python3 -c '{python}' >/dev/null 2>&1 &"));
    village.did_on(2, "for try in $(seq 100); do grep -q :58C6 /proc/net/udp && break; sleep 0.05; done");
    let up = village.types("ada", "peermon net up node1 node2 -p 22726");
    assert_eq!(up.code, Some(5), "{up:?}");
    check_failed(&up, "node2", "22726", "peermon net up -p PORT");
    village.does("ada", "peermon net down --purge");
    village.does("ada", "peermon net up node1 node2");
    let network = village.does("ada", "cat ~/.local/share/peermon/net/network.json");
    assert!(network.contains("\"port\": 25717"), "the next place: {network}");
}

#[test]
fn a_firewall_between_two_hosts_is_said_after_a_while_and_who_does_not_see_whom() {
    let Some(village) = Village::new(2, Homes::Separate) else { return };
    if village.desk.shell("nft -v").code != Some(0) {
        return crate::skip::because("no nft here");
    }
    let drop = "nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; add rule ip t c udp dport 20000-30000 drop'";
    village.did_on(2, drop);
    let up = village.types("ada", "peermon net up node1 node2");
    assert_eq!(up.code, Some(5), "{up:?}");
    assert!(up.stderr.contains("is not seen by node"), "{up:?}");
    assert!(up.stderr.contains("do firewalls let UDP ports 22726 and 22727 pass"), "{up:?}");
    let status = village.types("ada", "peermon net status");
    assert!(status.code == Some(5) && status.stderr.contains("see no other"), "{status:?}");
    village.did_on(2, "nft delete table ip t");
    village.does("ada", "peermon net up");
}

#[test]
fn any_login_shell_and_whatever_it_prints_will_do() {
    let Some(village) = Village::new(1, Homes::Separate) else { return };
    village.did_on(
        1,
        "printf '#!/bin/bash\\necho Welcome to node1; echo peermon is nice >&2\\nexec /bin/bash \"$@\"\\n' >/mnt/lab/chatty; chmod 755 /mnt/lab/chatty
        sed 's|:/home/ada:/bin/sh|:/home/ada:/mnt/lab/chatty|' /etc/passwd >/mnt/lab/passwd1; mount --bind /mnt/lab/passwd1 /etc/passwd",
    );
    village.does("ada", "peermon net up node1");
    village.does("ada", "peermon net down");
    if !std::fs::exists("/bin/tcsh").unwrap() {
        return crate::skip::because("no tcsh here");
    }
    village.did_on(1, "umount /etc/passwd; sed 's|:/home/ada:/bin/sh|:/home/ada:/bin/tcsh|' /etc/passwd >/mnt/lab/passwd2; mount --bind /mnt/lab/passwd2 /etc/passwd");
    assert!(village.does("ada", "ssh node1 'echo $shell'").contains("tcsh"));
    village.does("ada", "peermon net up node1");
}

#[test]
fn a_program_that_arrives_in_part_is_not_taken_and_nothing_of_it_stays() {
    let Some(village) = Village::new(1, Homes::Separate) else { return };
    village.desk.stand_in("cut-ssh", "head -c 500000 | ssh \"$@\"\n");
    let up = village.types("ada", "PEERMON_SSH=cut-ssh peermon net up node1");
    assert_eq!(up.code, Some(5), "{up:?}");
    check_failed(&up, "node1", "bytes of the program arrived", "the same command again");
    assert_eq!(village.did_on(1, "cd /home/ada/.local/share/peermon/net; find * -type f"), "home\n");
    village.does("ada", "peermon net up node1");
}
