//! Beside other users and other processes: nobody else's is ever taken for ours, and the key stays ours.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::village::{Homes, Village};

#[test]
fn two_users_at_once_on_the_same_hosts_have_networks_that_do_not_see_each_other() {
    let Some(village) = Village::new(2, Homes::Separate) else { return };
    let line = "peermon net up node1 node2";
    let both = ["ada", "bob"].map(|user| village.as_user(user, line).spawn().unwrap());
    for child in both {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    // A third one, whose number begins at the ports of the first.
    let carol = village.types("carol", line);
    assert_eq!(carol.code, Some(0), "{carol:?}");
    for user in ["ada", "bob", "carol"] {
        let status = village.does(user, "peermon net status");
        assert_eq!(status.matches("sees 1 other\n").count(), 2, "{status}");
        assert_eq!(village.daemons(1, user).len(), 1);
    }
    village.does("bob", "peermon net down");
    for (user, left) in [("ada", 1), ("bob", 0), ("carol", 1)] {
        assert_eq!(village.daemons(2, user).len(), left, "{user}");
    }
    for user in ["ada", "carol"] {
        assert_eq!(village.does(user, "peermon net status").matches("sees 1 other\n").count(), 2);
    }
}

#[test]
fn down_ends_only_the_daemon_that_up_started_by_its_number_and_moment() {
    let Some(village) = Village::new(1, Homes::Separate) else { return };
    village.does("ada", "peermon net up node1");
    // Another daemon of the same user and the same program, and a process that gets the number that was the daemon's.
    let program = "/home/ada/.local/share/peermon/net/bin/peermon";
    village.does("ada", &format!("ssh node1 {program} daemon -u --detach -p 5000 -l 5002"));
    assert_eq!(village.daemons(1, "ada").len(), 2);
    let bystander = village.does("ada", "ssh node1 'sleep 1000 >/dev/null 2>&1 & echo $!'");
    let record = "/tmp/peermon-4242/net";
    let was = village.did_on(1, &format!("cat {record}"));
    village.did_on(1, &format!("sed -i 's/^[0-9]*/{}/' {record}", bystander.trim()));
    let down = village.types("ada", "peermon net down");
    assert!(down.stderr.contains("1 was down already"), "{down:?}");
    assert_eq!(village.daemons(1, "ada").len(), 2);
    village.did_on(1, &format!("kill -0 {}", bystander.trim()));

    // As it was, it ends that one, also where somebody has stopped it.
    village.did_on(1, &format!("echo '{}' >{record}; chown ada {record}", was.trim()));
    village.did_on(1, &format!("kill -STOP {}", was.split(' ').next().unwrap()));
    let down = village.types("ada", "peermon net down");
    assert!(down.stderr.contains("1 daemon has ended"), "{down:?}");
    assert_eq!(village.daemons(1, "ada").len(), 1);
    assert_eq!(village.did_on(1, "ls /tmp/peermon-4242"), "5002.lock\n5002.log\n5002.pid\n5002.sock\n");
    village.did_on(1, &format!("kill -0 {}", bystander.trim()));
}

/// Programs that write down their arguments first, and a shell in which `printf` is one of them, as in mksh; its `sleep` knows only
/// whole seconds. (A bash that sshd started reads BASH_ENV only where it is not the first shell.)
const RECORDERS: &str = r#"
set -e
mkdir /mnt/lab/recorders
cd /mnt/lab/recorders
touch ../seen
chmod 666 ../seen
echo 'enable -n printf' >../no-printf
for name in awk cat chmod date dd dirname find head id ln mkdir mv printf readlink rm rmdir sed sh sleep sort tail tr uname wc; do
    case $name in
    sh) run='exec env SHLVL=2 BASH_ENV=/mnt/lab/no-printf /bin/bash "$@"' ;;
    sleep) run='case $1 in *.*) exit 1 ;; esac; exec /bin/sleep "$@"' ;;
    *) run='exec /usr/bin/'$name' "$@"' ;;
    esac
    cat >$name <<END
#!/bin/dash
printf '%s\\n' "\$0 \$*" >>/mnt/lab/seen
$run
END
    chmod 755 $name
done
mount --bind . /usr/local/bin
"#;

#[test]
fn the_key_is_in_no_argument_and_ssh_is_told_to_ask_nothing() {
    let Some(village) = Village::new(1, Homes::Separate) else { return };
    for shell in ["/bin/dash", "/bin/bash"] {
        if !fs::exists(shell).unwrap() {
            return crate::skip::because(&format!("no {shell} here"));
        }
    }
    let log = village.desk.path("/mnt/lab/arguments");
    fs::write(&log, "").unwrap();
    fs::set_permissions(&log, fs::Permissions::from_mode(0o666)).unwrap();
    village.desk.stand_in("logged-ssh", "printf '%s\\n' \"$*\" >>/mnt/lab/arguments\nexec ssh \"$@\"\n");
    village.did_on(1, RECORDERS);
    village.does("ada", "PEERMON_SSH=logged-ssh peermon net up node1");
    village.did_on(1, "umount /usr/local/bin");
    let key = village.did_on(1, "grep -v '#' /home/ada/.local/share/peermon/net/peermon/gossip.key");
    let arguments = fs::read_to_string(&log).unwrap();
    let seen = String::from_utf8_lossy(&fs::read(village.desk.path("/mnt/lab/seen")).unwrap()).into_owned();
    assert_eq!(arguments.lines().count(), 3, "a session for each step: {arguments}");
    // Where a host wants nothing the step is left out.
    village.does("ada", "PEERMON_SSH=logged-ssh peermon net up");
    assert_eq!(fs::read_to_string(&log).unwrap().lines().count(), 5);
    for line in arguments.lines() {
        assert!(line.starts_with("-T -x -a -o BatchMode=yes ") && line.contains(" -- node1 sh -c 'eval "), "{line}");
    }
    for program in ["sh -c eval ", "printf ", "sed ", "mv ", "cat "] {
        assert!(seen.contains(&format!("/usr/local/bin/{program}")), "{program}: {seen}");
    }
    assert_eq!(key.trim().len(), 64);
    assert!(!arguments.contains(key.trim()) && !seen.contains(key.trim()));
}

#[test]
fn where_somebody_else_has_taken_the_folder_in_tmp_that_is_said_and_nothing_is_left_running() {
    let Some(village) = Village::new(2, Homes::Separate) else { return };
    village.did_on(1, "mkdir -m 777 /tmp/peermon-4242; chown bob /tmp/peermon-4242");
    let up = village.types("ada", "peermon net up node1 node2");
    assert_eq!(up.code, Some(5), "{up:?}");
    assert!(up.stderr.contains("/tmp/peermon-4242 belongs to somebody else"), "{up:?}");
    assert_eq!((village.daemons(1, "ada").len(), village.daemons(2, "ada").len()), (0, 1));
    assert_eq!(village.did_on(1, "ls -A /tmp/peermon-4242"), "");
}
