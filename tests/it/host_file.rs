//! The host file under `kill -9`, on a full disk, in a folder where nothing can be written: the old one or the new one, never
//! a part of one.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::process::{Command, Output};

use nix::unistd::geteuid;
use peermon::model::HostView;

use crate::command::{Outcome, Place, binary, check_failure};
use crate::fake_daemon::FakeDaemon;
use crate::rows::busy;
use crate::skip;

const OLD: &str = "old-host-1 slots=1\nold-host-2 slots=2\n";

fn lab() -> FakeDaemon {
    FakeDaemon::knowing((1..=20).map(|number| busy(&format!("node{number}"), 0.0, 8, 64)).collect::<Vec<HostView>>())
}

/// `mpigen` under strace, which is given these options. Its host file, which held [`OLD`], is `hosts`.
fn traced(place: &Place, daemon: &FakeDaemon, options: &[&str]) -> Output {
    fs::write(place.home.path().join("hosts"), OLD).unwrap();
    let mut strace = place.program("strace", "-o trace");
    strace.args(options).arg(binary()).args(["mpigen", "-n", "20", "-q", "--seed", "1", "hosts", "--socket"]);
    strace.arg(daemon.socket()).output().unwrap()
}

#[test]
fn killed_at_any_step_it_leaves_the_old_file_or_the_new_one() {
    if Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success()) {
        check_killed_at_any_step();
    } else {
        skip::because("no strace here, or it may not trace");
    }
}

fn check_killed_at_any_step() {
    let (place, daemon) = (Place::new(), lab());
    let file = place.home.path().join("hosts");
    assert!(traced(&place, &daemon, &[]).status.success());
    let new = fs::read_to_string(&file).unwrap();
    assert_eq!(new.lines().count(), 20, "{new}");

    // Each system call from the first one that has to do with the file on, by its name and how often it was there before.
    let trace = fs::read_to_string(place.home.path().join("trace")).unwrap();
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    let mut steps = Vec::new();
    for line in trace.lines() {
        let Some((call, _)) = line.split_once('(') else { continue };
        let count = seen.entry(call).or_default();
        *count += 1;
        if !steps.is_empty() || line.contains("hosts\"") && call != "execve" {
            steps.push((call, *count));
        }
    }
    let names: Vec<&str> = steps.iter().map(|(call, _)| *call).collect();
    assert!(["write", "fsync", "rename"].iter().all(|call| names.contains(call)), "{names:?}");

    let mut kept = 0;
    for (call, count) in steps {
        let killed = traced(&place, &daemon, &["-e", &format!("inject={call}:signal=KILL:when={count}")]);
        assert!(!killed.status.success() || call == "exit_group", "{call} {count}: {killed:?}");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text == OLD || text == new, "killed at {call} {count}: {text}");
        kept += u32::from(text == OLD);
    }
    assert!(kept >= 3, "some of the kills came before the new file was there");
}

/// What `mpigen` says and leaves in the file, in `folder` of a mount namespace of its own, in which `mounts` was done before.
fn in_a_folder_of_its_own(mounts: &str) -> Option<(Outcome, String)> {
    let (place, daemon) = (Place::new(), lab());
    fs::create_dir(place.home.path().join("folder")).unwrap();
    // Somebody else must get at all of it too.
    let (program, socket) = (place.home.path().join("peermon"), daemon.socket());
    fs::copy(binary(), &program).unwrap();
    for (path, mode) in [(place.home.path(), 0o755), (socket.parent().unwrap(), 0o755), (&socket, 0o666)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    let script = format!(
        "set -e; mount -t tmpfs -o size=16k tmpfs folder; printf '{}' >folder/hosts; {mounts}\n\
         set +e; \"$@\"; code=$?; cp folder/hosts after; exit $code",
        OLD.replace('\n', "\\n")
    );
    let mut unshare = place.program("unshare", if geteuid().is_root() { "--mount" } else { "--mount --map-root-user" });
    unshare.args(["sh", "-c", &script, "sh"]).arg(program).args(["mpigen", "-n", "20", "folder/hosts", "--socket"]);
    let outcome: Outcome = unshare.arg(socket).output().unwrap().into();
    if outcome.stderr.contains("unshare:") || outcome.stderr.contains("mount:") {
        skip::because(&format!("no mounts of its own: {}", outcome.stderr));
        return None;
    }
    Some((outcome, fs::read_to_string(place.home.path().join("after")).unwrap()))
}

#[test]
fn on_a_full_disk_the_old_file_stays_and_the_error_says_so() {
    let fill = "dd if=/dev/zero of=folder/full bs=1k 2>/dev/null || true";
    let Some((outcome, after)) = in_a_folder_of_its_own(fill) else { return };
    check_failure(&outcome, 1, "cannot write folder/hosts (No space left on device", "the old file is as it was");
    assert_eq!(after, OLD);
}

#[test]
fn in_a_read_only_folder_the_old_file_stays_and_the_error_says_so() {
    let Some((outcome, after)) = in_a_folder_of_its_own("mount -o remount,ro folder") else { return };
    check_failure(&outcome, 1, "cannot write folder/hosts (Read-only file system", "name a file where you may write");
    assert_eq!(after, OLD);
}

#[test]
fn where_others_may_not_write_the_old_file_stays_and_the_error_says_so() {
    if !geteuid().is_root() {
        return skip::because("only root can be somebody else");
    }
    let nobody = "chmod 755 folder; chmod 644 folder/hosts; \
                  set -- setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs -- \"$@\"";
    let Some((outcome, after)) = in_a_folder_of_its_own(nobody) else { return };
    check_failure(&outcome, 1, "cannot write folder/hosts (Permission denied", "name a file where you may write");
    assert_eq!(after, OLD);
}

#[test]
fn in_a_folder_for_all_a_link_of_somebody_else_is_not_followed() {
    if !geteuid().is_root() {
        return skip::because("only root can be somebody else");
    }
    let (place, daemon) = (Place::new(), lab());
    let [shared, precious, link] = ["shared", "precious", "shared/hosts"].map(|name| place.home.path().join(name));
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, Permissions::from_mode(0o1777)).unwrap();
    fs::write(&precious, OLD).unwrap();
    symlink(&precious, &link).unwrap();
    let write = || -> Outcome {
        let mut command = place.peermon("mpigen -n 20 -q shared/hosts --socket");
        command.arg(daemon.socket()).output().unwrap().into()
    };
    lchown(&link, Some(65534), Some(65534)).unwrap();
    check_failure(&write(), 1, "cannot write shared/hosts (", "name a file where you may write");
    assert_eq!(fs::read_to_string(&precious).unwrap(), OLD);
    // One's own is.
    lchown(&link, Some(0), Some(0)).unwrap();
    assert_eq!(write().code, Some(0));
    assert_eq!(fs::read_to_string(&precious).unwrap().lines().count(), 20);
}
