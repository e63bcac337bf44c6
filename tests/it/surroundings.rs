//! Wrong surroundings for `install.sh`: each is named in one clear line with what to do, and nothing is half done.

use std::fs;

use crate::command::Outcome;
use crate::install_machine::{CHANGEABLE, check_contains};
use crate::machine::{Machine, SOURCE};

/// Runs install.sh after `before`, and checks that it says `what` and `hint` and leaves all as it was.
#[track_caller]
fn check_refused(machine: &Machine, before: &str, arguments: &str, code: i32, what: &str, hint: &str) {
    check_refused_with(
        machine,
        before,
        &format!("PEERMON_BINARY=/mnt/peermon dash '{SOURCE}/install.sh' {arguments}"),
        code,
        what,
        hint,
    );
}

#[track_caller]
fn check_refused_with(machine: &Machine, before: &str, line: &str, code: i32, what: &str, hint: &str) {
    machine.said(before);
    let found = machine.snapshot(CHANGEABLE);
    let Outcome { stdout, stderr, code: exit } = machine.shell(line);
    let lines: Vec<&str> = stderr.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("install.sh: ") && lines[1].starts_with("hint: "), "{stderr}");
    assert!(lines[0].contains(what), "expected '{what}': {stderr}");
    assert!(lines[1].contains(hint), "expected '{hint}': {stderr}");
    assert_eq!((stdout.as_str(), exit), ("", Some(code)), "{stderr}");
    assert_eq!(machine.snapshot(CHANGEABLE), found);
    assert_ne!(machine.shell("id peermon").code, Some(0), "no user was made");
}

/// A folder of programs, where there are these and what a shell script cannot do without.
fn programs(machine: &Machine, programs: &[(&str, &str)]) -> String {
    machine.said(
        "rm -rf /mnt/bin && mkdir /mnt/bin && cd /usr/bin &&
         for tool in awk cat cmp df dirname du env grep id mkdir readlink rm sed stat tr dash dpkg; do ln -s /usr/bin/$tool /mnt/bin/$tool; done",
    );
    for (name, lines) in programs {
        fs::write(machine.path("/mnt/bin").join(name), format!("#!/usr/bin/dash\n{lines}\n")).unwrap();
        machine.said(&format!("chmod 755 /mnt/bin/{name}"));
    }
    format!("PATH=/mnt/bin; export PATH; exec dash '{SOURCE}/install.sh'")
}

#[test]
fn without_rust_or_a_c_compiler_it_says_how_to_get_them() {
    let Some(machine) = Machine::of_an_administrator("ada") else { return };
    let line = programs(&machine, &[]);
    check_refused_with(
        &machine,
        "",
        &line,
        1,
        "Rust 1.87 or newer is needed to build (no cargo and rustc",
        "https://sh.rustup.rs | sh",
    );
    let line = programs(&machine, &[("cargo", "exit 1"), ("rustc", "echo 'rustc 1.87.0 (0123456789 2025-01-01)'")]);
    check_refused_with(&machine, "", &line, 1, "a C compiler is needed to link (no cc in PATH)", "apt-get install gcc");
}

#[test]
fn with_an_old_rust_it_says_how_old_it_is() {
    let Some(machine) = Machine::of_an_administrator("ada") else { return };
    let rust = [("cargo", "exit 1"), ("rustc", "echo 'rustc 1.63.0 (0123456789 2022-01-01)'"), ("cc", "")];
    let line = programs(&machine, &rust);
    check_refused_with(
        &machine,
        "",
        &line,
        1,
        "Rust 1.87 or newer is needed to build (found 1.63.0, /mnt/bin/rustc)",
        "sh.rustup.rs",
    );
}

#[test]
fn a_machine_without_rust_takes_what_was_built_before() {
    let Some(machine) = Machine::of_an_administrator("ada") else { return };
    machine.said(&format!("mkdir -p '{SOURCE}/target/release' && cp /mnt/peermon '{SOURCE}/target/release/'"));
    let outcome =
        machine.shell(&format!("PATH=/usr/sbin:/usr/bin:/sbin:/bin; export PATH; dash '{SOURCE}/install.sh'"));
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(machine.offered(), "ada\n");
}

#[test]
fn without_room_it_says_how_much_is_needed() {
    let Some(machine) = Machine::of_an_administrator("ada") else { return };
    let full = "umount /usr/local 2>/dev/null; mount -t tmpfs -o size=1m tmpfs /usr/local";
    check_refused(&machine, full, "", 1, "no room in /usr/local: 1024 KiB are free, ", "make room (df /usr/local)");
    // Where room ends on the way, which nobody can foresee, the next run goes on from there.
    machine.said("umount /usr/local; mount -t tmpfs -o size=400m,nr_inodes=12 tmpfs /usr/local");
    let outcome = machine.install_with("PEERMON_BINARY=/mnt/peermon", "");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let last: Vec<&str> = outcome.stderr.lines().rev().take(2).collect();
    assert!(last[1].starts_with("install.sh: cannot ") && last[0].starts_with("hint: "), "{outcome:?}");
    assert!(!machine.files("/usr/local").iter().any(|file| file.ends_with(".peermon-new")));
    machine.said("mount -o remount,nr_inodes=1000 /usr/local");
    machine.install("");
    assert_eq!(machine.offered(), "ada\n");
}

#[test]
fn a_foreign_program_is_not_overwritten() {
    let Some(machine) = Machine::of_an_administrator("ada") else { return };
    for path in [
        "/usr/local/bin/peermon",
        "/usr/local/bin/smarterSSH",
        "/etc/init.d/peermon",
        "/usr/local/share/man/man1/peermon.1",
    ] {
        let before = format!("mkdir -p $(dirname {path}) && echo mine >{path}");
        check_refused(&machine, &before, "", 1, &format!("{path} exists and is not ours"), "move it away");
        machine.said(&format!("rm {path}"));
    }
    let package = "Package: peermon\nStatus: install ok installed\nMaintainer: x\nArchitecture: all\nVersion: 1.1\nDescription: x\n";
    fs::write(machine.path("/mnt/package"), package).unwrap();
    let before = "{ echo; cat /mnt/package; } >>/var/lib/dpkg/status";
    check_refused(&machine, before, "", 1, "peermon is installed here as a package", "apt install ./peermon_*.deb");
}

#[test]
fn a_read_only_prefix_is_named() {
    let Some(machine) = Machine::of_an_administrator("ada") else { return };
    let before = "mount -t tmpfs -o ro tmpfs /usr/local";
    check_refused(&machine, before, "", 1, "cannot write into /usr/local", "is it mounted read-only? --prefix");
    machine.said("umount /usr/local");
    let before = "mount -t tmpfs -o ro tmpfs /opt";
    check_refused(&machine, before, "--sysconfdir /opt/etc", 1, "cannot write into /opt", "is it mounted read-only?");
}

#[test]
fn who_is_not_root_is_told_two_ways() {
    let Some(machine) = Machine::of_an_administrator("ada") else { return };
    let nobody = format!(
        "setpriv --reuid=65534 --regid=65534 --clear-groups env PEERMON_BINARY=/mnt/peermon dash '{SOURCE}/install.sh'"
    );
    let what = "only root installs for the whole machine";
    check_refused_with(&machine, "", &nobody, 2, what, "sudo ./install.sh; or ./install.sh --user");
    check_refused_with(&machine, "", &format!("{nobody} --uninstall"), 2, what, "sudo ./install.sh");
}

#[test]
fn ports_that_are_taken_are_named_with_another_choice() {
    let Some(machine) = Machine::of_an_administrator("ada") else { return };
    let other = |ports: &str| {
        format!(
            "mkdir -p /mnt/other; export XDG_CONFIG_HOME=/mnt/other XDG_RUNTIME_DIR=/mnt/other; exec >/dev/null 2>&1;
             setsid /mnt/peermon daemon --user {ports} & echo $! >/mnt/pid; sleep 1"
        )
    };
    let stop = "kill -9 $(cat /mnt/pid); sleep 0.2";
    for port in [1287, 1288, 1289] {
        let before = other(&format!("-p {port} -l 4000"));
        check_refused(&machine, &before, "", 2, "UDP port 1288 or 1289 is taken", "./install.sh --port 2288");
        machine.said(stop);
    }
    check_refused(
        &machine,
        &other("-p 3000 -l 1981"),
        "",
        2,
        "TCP port 1981 is taken",
        "./install.sh --client-port 2981",
    );
    // With the other choice it goes on.
    machine.install("--client-port 2981");
    assert_eq!(machine.offered(), "ada\n");
}

#[test]
fn a_key_file_that_others_can_read_is_refused_with_the_chmod_that_mends_it() {
    let Some(machine) = Machine::of_an_administrator("ada") else { return };
    let check =
        |before: &str, what: &str, hint: &str| check_refused(&machine, before, "--key-file /mnt/k", 1, what, hint);
    check("", "there is no key file /mnt/k", "peermon keygen /mnt/k");
    machine.said("/mnt/peermon keygen /mnt/k");
    for mode in ["644", "604", "640", "620", "660"] {
        let what = format!("/mnt/k is open to others (mode {mode})");
        check(&format!("chmod {mode} /mnt/k"), &what, "chmod 600 /mnt/k");
    }
    // What is none is not to be closed to others.
    check_refused(&machine, "", "--key-file /etc/passwd", 1, "/etc/passwd holds no key", "64 hex digits");
    check("echo short >/mnt/k; chmod 600 /mnt/k", "/mnt/k holds no key", "64 hex digits");
    check(": >/mnt/k", "/mnt/k holds no key", "64 hex digits");
    machine.said("rm /mnt/k; /mnt/peermon keygen /mnt/k");
    machine.install("--key-file /mnt/k");
    // The one that is installed too.
    machine.said("chmod 644 /etc/peermon/gossip.key");
    let outcome = machine.install_with("PEERMON_BINARY=/mnt/peermon", "");
    assert_eq!(outcome.code, Some(1));
    check_contains(&outcome.stderr, &["/etc/peermon/gossip.key is open to others (mode 644)\nhint: chmod 600 "]);
    machine.said("chgrp nogroup /etc/peermon/gossip.key && chmod 640 /etc/peermon/gossip.key");
    let outcome = machine.install_with("PEERMON_BINARY=/mnt/peermon", "");
    check_contains(&outcome.stderr, &["/etc/peermon/gossip.key is open to others (mode 640)\nhint: chmod 600 "]);
    // What that says is what helps.
    machine.said("chmod 600 /etc/peermon/gossip.key");
    machine.install("");
    assert_eq!(machine.said("stat -c %U:%G:%a /etc/peermon/gossip.key"), "root:peermon:640\n");
    check_contains(&machine.said("peermon query --status --json"), &[r#""keyed":true"#]);
}
