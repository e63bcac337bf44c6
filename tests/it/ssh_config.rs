//! `peermon ssh-config`: what becomes of `~/.ssh`, and what the real ssh makes of it, with a daemon of words.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use peermon::model::HostView;
use peermon::wire::client::Placement;

use crate::command::{Outcome, Place, check_failure};
use crate::fake_daemon::FakeDaemon;
use crate::rows::{busy, host};
use crate::skip;

/// The home of somebody who uses ssh.
struct Home {
    place: Place,
}

impl Home {
    fn new() -> Self {
        Self { place: Place::new() }
    }

    /// With this `~/.ssh/config`.
    fn with_config(text: &[u8]) -> Self {
        let home = Self::new();
        fs::create_dir(home.ssh("")).unwrap();
        fs::write(home.config(), text).unwrap();
        fs::set_permissions(home.config(), Permissions::from_mode(0o640)).unwrap();
        home
    }

    fn ssh(&self, path: &str) -> PathBuf {
        self.place.home.path().join(".ssh").join(path)
    }

    fn config(&self) -> PathBuf {
        self.ssh("config")
    }

    #[track_caller]
    fn run(&self, arguments: &str) {
        let outcome = self.place.run(&format!("ssh-config {arguments}"));
        let quiet = Outcome { stdout: String::new(), stderr: String::new(), code: Some(0) };
        assert_eq!(outcome, quiet, "{arguments}");
    }

    /// `ssh` with the settings of this home. It takes no home but that of the user's account.
    fn real_ssh(&self, daemon: &FakeDaemon, arguments: &str) -> Command {
        let mut ssh = self.place.program("ssh", "-F");
        ssh.arg(self.config()).args(arguments.split(' ')).env("PEERMON_SOCKET", daemon.socket());
        ssh
    }

    /// All files in `~/.ssh`, with what is in them.
    fn files(&self) -> BTreeSet<(PathBuf, Vec<u8>)> {
        let (mut files, mut folders) = (BTreeSet::new(), vec![self.ssh("")]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    files.insert((entry.path(), fs::read(entry.path()).unwrap()));
                }
            }
        }
        files
    }
}

/// What of `ssh -G` says where it goes: the address and the name of the key.
fn leads(output: &str) -> (String, String) {
    let value = |keyword: &str| {
        let found = output.lines().find_map(|line| line.strip_prefix(keyword)?.strip_prefix(' '));
        found.unwrap_or_default().to_owned()
    };
    (value("hostname"), value("hostkeyalias"))
}

fn has_ssh() -> bool {
    let has = Command::new("ssh").arg("-V").stderr(Stdio::null()).status().is_ok();
    if !has {
        skip::because("no ssh here");
    }
    has
}

#[test]
fn installing_adds_one_line_at_the_top_and_a_second_time_changes_nothing() {
    let text = b"# my settings\n\nHost old\xe9\n    Port 7\n";
    let home = Home::with_config(text);
    home.run("install --name lab -c");
    let config = fs::read(home.config()).unwrap();
    let end = config.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    assert_eq!((&config[end..], fs::metadata(home.config()).unwrap().mode() & 0o7777), (&text[..], 0o640));
    assert!(config.starts_with(b"Include \"") && config[..end].ends_with(b"/.ssh/peermon/*.conf\"\n"), "{config:?}");
    assert_eq!(fs::read(home.ssh("config.before-peermon")).unwrap(), text);
    let drop_in = fs::read_to_string(home.ssh("peermon/lab.conf")).unwrap();
    assert!(drop_in.contains("\nMatch originalhost lab exec \"exec '/") && drop_in.contains(" '-c'\"\n"), "{drop_in}");

    let (files, times) = (home.files(), fs::metadata(home.config()).unwrap().ctime_nsec());
    home.run("install --name lab -c");
    assert_eq!((home.files(), fs::metadata(home.config()).unwrap().ctime_nsec()), (files, times));
    home.run("install --name lab -m");
    assert_eq!(fs::read(home.config()).unwrap(), config);
    assert!(fs::read_to_string(home.ssh("peermon/lab.conf")).unwrap().contains(" '-m'\"\n"));
}

/// Installs and removes; what was there before must be there again, and nothing else.
#[track_caller]
fn check_undone(home: &Home, install: &[&str], remove: &[&str]) {
    let before = home.files();
    for line in install {
        home.run(line);
    }
    assert_ne!(home.files(), before);
    for line in remove {
        home.run(line);
    }
    assert_eq!(home.files(), before);
    assert!(!home.ssh("peermon").exists());
}

#[test]
fn removing_undoes_installing() {
    check_undone(&Home::new(), &["install"], &["remove"]);
    check_undone(&Home::with_config(b"Host *\n  User ada"), &["install"], &["remove", "remove"]);
    let two = ["install", "install --name bigmem -m"];
    check_undone(&Home::with_config(b"Host *\n"), &two, &["remove --name lab", "remove --name bigmem"]);
    check_undone(&Home::with_config(b"Host *\n"), &two, &["remove"]);
}

#[test]
fn one_name_is_removed_and_the_other_one_stays() {
    let home = Home::new();
    home.run("install");
    home.run("install --name bigmem -m");
    home.run("remove --name lab");
    assert!(home.ssh("peermon/bigmem.conf").exists() && !home.ssh("peermon/lab.conf").exists());
    assert!(fs::read_to_string(home.config()).unwrap().starts_with("Include "));
}

#[test]
fn what_was_changed_after_installing_is_kept_when_it_is_removed() {
    let home = Home::with_config(b"Host *\n");
    home.run("install");
    let mut text = fs::read_to_string(home.config()).unwrap();
    text += "    User ada\n";
    fs::write(home.config(), text).unwrap();
    home.run("remove");
    assert_eq!(fs::read_to_string(home.config()).unwrap(), "Host *\n    User ada\n");
    assert_eq!(fs::read_to_string(home.ssh("config.before-peermon")).unwrap(), "Host *\n");
}

#[test]
fn a_config_that_is_a_link_stays_one() {
    let home = Home::new();
    fs::create_dir(home.ssh("")).unwrap();
    let dotfile = home.place.home.path().join("dotfile");
    fs::write(&dotfile, "Host *\n").unwrap();
    symlink(&dotfile, home.config()).unwrap();
    home.run("install");
    assert!(fs::read_to_string(&dotfile).unwrap().starts_with("Include "));
    home.run("remove");
    assert_eq!(fs::read_to_string(&dotfile).unwrap(), "Host *\n");
    assert!(fs::symlink_metadata(home.config()).unwrap().is_symlink());
}

#[test]
fn what_ssh_reads_is_the_users_alone() {
    let home = Home::new();
    home.run("install");
    for (path, mode) in [("", 0o700), ("config", 0o600), ("peermon", 0o700), ("peermon/picks", 0o700)] {
        assert_eq!(fs::metadata(home.ssh(path)).unwrap().mode() & 0o777, mode, "{path}");
    }
    assert_eq!(fs::metadata(home.ssh("peermon/lab.conf")).unwrap().mode() & 0o022, 0);
}

#[test]
fn what_cannot_work_is_refused_and_changes_nothing() {
    for (arguments, code, what) in [
        ("install --name -x", 2, "'-x'"),
        ("install --name *", 2, "only letters, digits"),
        ("install --policy cpu -m", 2, "--policy"),
        ("install --explain", 2, "--explain shows"),
        ("install --socket here.sock", 2, "means something else in each folder"),
        ("install --socket /run/a%b.sock", 2, "cannot stand in an ssh_config"),
        ("install -n 0", 2, "whole number from 1 up"),
    ] {
        let home = Home::with_config(b"Host *\n");
        let before = home.files();
        check_failure(&home.place.run(&format!("ssh-config {arguments}")), code, what, "");
        assert_eq!(home.files(), before, "{arguments}");
    }
    let home = Home::new();
    fs::create_dir_all(home.config()).unwrap();
    check_failure(&home.place.run("ssh-config install"), 1, "cannot change", "ssh goes on as before");
}

#[test]
fn ssh_goes_to_the_best_host_by_its_address_and_its_names_key() {
    if !has_ssh() {
        return;
    }
    let home = Home::with_config(b"Host lab\n    User bob\n");
    home.run("install --no-probe");
    let daemon = FakeDaemon::knowing(vec![busy("idle", 0.0, 8, 64), busy("crowded", 24.0, 8, 64)]);
    let outcome: Outcome = home.real_ssh(&daemon, "-G lab").output().unwrap().into();
    assert_eq!(leads(&outcome.stdout), (host("idle").address.to_string(), "idle".to_owned()), "{outcome:?}");
    assert!(outcome.stdout.contains("\nuser bob\n"), "what else is said of the name still counts: {outcome:?}");
    let outcome: Outcome = home.real_ssh(&daemon, "-G other").output().unwrap().into();
    assert_eq!(leads(&outcome.stdout), ("other".to_owned(), String::new()));
    assert_eq!(daemon.placed(), [], "who only looks goes nowhere");
}

#[test]
fn who_goes_there_is_placed_there_once() {
    if !has_ssh() {
        return;
    }
    let home = Home::new();
    home.run("install --no-probe");
    // ssh reads its settings twice where names are made whole. Nobody listens there.
    let row = HostView { address: [127, 0, 0, 1].into(), ..busy("idle", 0.0, 8, 64) };
    let daemon = FakeDaemon::knowing(vec![row.clone()]);
    let words = "-o CanonicalizeHostname=always -o BatchMode=yes -p 1 lab true";
    let outcome: Outcome = home.real_ssh(&daemon, words).output().unwrap().into();
    assert!(outcome.stderr.contains("connect to host 127.0.0.1 port 1"), "{outcome:?}");
    assert_eq!(daemon.placed(), [Placement { id: row.id, count: 1 }]);
}

#[test]
fn without_a_daemon_ssh_goes_on_with_the_plain_name_and_it_is_said() {
    if !has_ssh() {
        return;
    }
    let home = Home::new();
    home.run("install");
    let daemon = FakeDaemon::knowing(vec![host("idle")]);
    let mut ssh = home.real_ssh(&daemon, "-G lab");
    let outcome: Outcome = ssh.env("PEERMON_SOCKET", "/nowhere").output().unwrap().into();
    assert_eq!((leads(&outcome.stdout), outcome.code), (("lab".to_owned(), String::new()), Some(0)));
    assert!(outcome.stderr.contains("no daemon answers"), "{outcome:?}");
    assert!(outcome.stderr.contains("; ssh goes on with the plain name lab\n"), "{outcome:?}");
    let nobody = FakeDaemon::knowing(vec![HostView { collector: true, ..host("watcher") }]);
    let outcome: Outcome = home.real_ssh(&nobody, "-G lab").output().unwrap().into();
    assert_eq!((leads(&outcome.stdout).0.as_str(), outcome.code), ("lab", Some(0)));
    assert!(outcome.stderr.contains("no host is eligible"), "{outcome:?}");
}

#[test]
fn many_ssh_at_once_never_mix_their_picks() {
    if !has_ssh() {
        return;
    }
    let home = Home::new();
    home.run("install -r --no-probe");
    let rows: Vec<HostView> = (0..40).map(|number| host(&format!("node{number}"))).collect();
    let pairs: BTreeSet<_> = rows.iter().map(|row| (row.address.to_string(), row.name.to_string())).collect();
    let daemon = FakeDaemon::knowing(rows);
    let start = |_| home.real_ssh(&daemon, "-G lab").stdout(Stdio::piped()).spawn().unwrap();
    let running: Vec<_> = (0..16).map(start).collect();
    let mut taken = BTreeSet::new();
    for ssh in running {
        let outcome: Outcome = ssh.wait_with_output().unwrap().into();
        let pair = leads(&outcome.stdout);
        assert!(pairs.contains(&pair), "{pair:?} are not one host's: {outcome:?}");
        taken.insert(pair);
    }
    assert!(taken.len() > 4, "each picks for itself: {taken:?}");
}

#[test]
fn picks_are_taken_away_when_nobody_reads_them_any_more() {
    if !has_ssh() {
        return;
    }
    let home = Home::new();
    home.run("install --no-probe");
    let daemon = FakeDaemon::knowing(vec![host("idle")]);
    let old = home.ssh("peermon/picks/lab:another-machine:1.1");
    fs::write(&old, "").unwrap();
    fs::set_permissions(&old, Permissions::from_mode(0o600)).unwrap();
    let touch = |ago: &str| Command::new("touch").args(["-d", ago]).arg(&old).status().unwrap();
    touch("now");
    home.real_ssh(&daemon, "-G lab").output().unwrap();
    assert!(old.exists(), "whoever it belongs to may still read it");
    touch("10 seconds ago");
    home.real_ssh(&daemon, "-G lab").output().unwrap();
    assert!(!old.exists());
    home.real_ssh(&daemon, "-G lab").output().unwrap();
    let left = fs::read_dir(home.ssh("peermon/picks")).unwrap().count();
    assert_eq!(left, 1, "that of an ssh which has ended costs the next one nothing");
}

#[test]
fn a_pick_of_another_process_does_not_count() {
    if !has_ssh() {
        return;
    }
    let home = Home::new();
    home.run("install --no-probe");
    let stale = "Match originalhost lab exec \"exec sh -c 'read s </proc/$PPID/stat; set -- $s; shift 21; test $PPID.$1 = 1.1'\"\n    HostName 192.0.2.1\n";
    let path: &Path = &home.ssh("peermon/picks/lab:1.1");
    fs::write(path, stale).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    let daemon = FakeDaemon::knowing(vec![HostView { collector: true, ..host("watcher") }]);
    let outcome: Outcome = home.real_ssh(&daemon, "-G lab").output().unwrap().into();
    assert_eq!(leads(&outcome.stdout).0, "lab", "{outcome:?}");
}
