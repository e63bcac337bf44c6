//! Several users: whose key file is read, by whom, and that the way back to root is closed.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::chown;

use super::in_a_lab;
use super::life::{USER, is_real_root, make_system_daemon};
use super::world::{Lab, key};
use crate::skip;

const SECOND: Duration = Duration::from_secs(1);

/// Users of the tests; no machine has accounts with these numbers.
const ONE: u32 = 64_331;
const OTHER: u32 = 64_332;

#[test]
fn a_key_file_of_another_user_is_refused_with_what_mends_it() {
    if !is_real_root() {
        return skip::because("only root can become somebody else");
    }
    in_a_lab(|| {
        let mut lab = Lab::new(1);
        for folder in [lab[0].folder.parent().unwrap(), &lab[0].folder] {
            fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
        }
        let user = ONE.to_string();
        lab[0].wrapper = ["setpriv", "--reuid", &user, "--regid", &user, "--clear-groups"].map(str::to_owned).to_vec();
        lab[0].write_config("gossip.key", &key(1));
        let file = lab[0].config("gossip.key");
        let cases = [
            (OTHER, ONE, 0o640, format!("belongs to user {OTHER}, not to root or user {ONE}"), "chown"),
            (OTHER, OTHER, 0o600, "Permission denied".to_owned(), "chown"),
            (ONE, ONE, 0o644, "is open to others (mode 0644)".to_owned(), "chmod 600"),
            (ONE, ONE, 0o620, "is open to others (mode 0620)".to_owned(), "chmod 600"),
            (0, ONE, 0o660, "is open to others (mode 0660)".to_owned(), "chmod 600"),
        ];
        for (owner, group, mode, why, hint) in cases {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            chown(&file, Some(owner.into()), Some(group.into())).unwrap();
            let output = lab[0].run_daemon();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{mode:o}: {said}");
            assert!(said.contains(&why) && said.contains("hint: ") && said.contains(hint), "{mode:o}: {said}");
            assert!(!said.contains(&key(1).lines().last().unwrap()[..8]), "no key is ever shown: {said}");
        }
    });
}

/// A file of root that group peermon may read, or not.
pub fn lend(file: &Path, text: &str, mode: u32) {
    fs::write(file, text).unwrap();
    chown(file, Some(0.into()), Some(USER.into())).unwrap();
    fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_daemon_that_gave_up_root_reads_the_key_that_root_lends_on_hup_and_keeps_the_old_ones_where_it_may_not() {
    if !is_real_root() {
        return skip::because("only root can become somebody else");
    }
    in_a_lab(|| {
        let mut lab = Lab::new(1);
        make_system_daemon(&mut lab[0], true);
        let file = lab[0].folder.join("etc/peermon/gossip.key");
        lab[0].start();
        let says = |lab: &mut Lab, what: &str, times: usize| {
            lab.expect(what, SECOND * 2, Instant::now(), |lab| {
                let log = lab[0].log();
                let count = log.lines().filter(|line| line.contains(what)).count();
                if count == times { Ok(()) } else { Err(format!("{count} times")) }
            });
        };
        says(&mut lab, "started: ", 1);
        assert!(lab[0].log().contains(", open"), "{}", lab[0].log());
        // The key comes later, and then another one: the group is what lets the daemon read it.
        for (turn, keys) in [key(1), key(1) + &key(2)].into_iter().enumerate() {
            lend(&file, &keys, 0o640);
            lab[0].daemon().signal(Signal::SIGHUP);
            says(&mut lab, "read again: ", turn + 1);
        }
        // Root keeps it for itself: one line, and nothing changes.
        lend(&file, &key(3), 0o600);
        lab[0].daemon().signal(Signal::SIGHUP);
        says(&mut lab, "HUP changes nothing: ", 1);
        let log = lab[0].log();
        assert_eq!(log.lines().filter(|line| line.contains("ERROR")).count(), 1, "{log}");
        assert!(log.contains("Permission denied"), "{log}");
        // And it could not have become root to read it.
        let pid = lab[0].daemon().pid();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let user = format!("Uid:\t{USER}\t{USER}\t{USER}\t{USER}\n");
        for wanted in [user.as_str(), "CapPrm:\t0000000000000000\n", "NoNewPrivs:\t1\n"] {
            assert!(status.contains(wanted), "{wanted}: {status}");
        }
    });
}
