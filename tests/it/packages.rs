//! What `packaging/build` makes: a .deb that is really installed, upgraded and purged, an .rpm, the source archive. The executable in
//! them is the one that is tested, so nothing is compiled here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;

use crate::command::{Outcome, binary};
use crate::install_machine::check_contains;
use crate::machine::Machine;
use crate::python_installed::check_example;
use crate::skip;

const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs `packaging/build` of the project in `source`, with a folder of its own for what it makes.
fn build(source: &Path, what: &str) -> Option<(TempDir, PathBuf)> {
    build_for(source, what, "")
}

/// The same for the machines of `target`, or for this one.
fn build_for(source: &Path, what: &str, target: &str) -> Option<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(source.join("packaging/build"));
    command.arg(what).env("CARGO_TARGET_DIR", folder.path()).env("PEERMON_BINARY", binary());
    command.env("CARGO_BUILD_TARGET", target);
    let Outcome { stdout, stderr, code } = command.output().unwrap().into();
    if code != Some(0) && stderr.contains("is needed for that") {
        skip::because(stderr.lines().next().unwrap_or_default());
        return None;
    }
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let made = PathBuf::from(stdout.strip_suffix('\n').unwrap());
    assert!(made.starts_with(folder.path()) && made.is_file(), "it prints what it made: {stdout}");
    Some((folder, made))
}

/// The package for all tests.
fn deb() -> Option<&'static Path> {
    static DEB: LazyLock<Option<(TempDir, PathBuf)>> = LazyLock::new(|| build(Path::new(PROJECT), "deb"));
    DEB.as_ref().map(|(_, made)| made.as_path()).or_else(|| {
        skip::because("no package could be built here");
        None
    })
}

fn output(program: &str, arguments: &[&str]) -> Option<Outcome> {
    match Command::new(program).args(arguments).env("LC_ALL", "C").output() {
        Ok(output) => Some(output.into()),
        Err(_) => {
            skip::because(&format!("no {program} here"));
            None
        }
    }
}

#[test]
fn the_deb_is_for_this_machine_and_has_files_where_debian_has_them() {
    let Some(deb) = deb() else { return };
    let path = deb.to_str().unwrap();
    let architecture = output("dpkg", &["--print-architecture"]).unwrap().stdout;
    let version = env!("CARGO_PKG_VERSION").replacen('-', "~", 1);
    let name = format!("debian/peermon_{version}_{}.deb", architecture.trim());
    assert!(deb.ends_with(&name), "{path} is no {name}");
    let listed = output("dpkg-deb", &["--contents", path]).unwrap().stdout;
    for file in [
        "./usr/bin/peermon",
        "./usr/bin/smarterSSH -> peermon",
        "./usr/share/man/man1/peermon.1.gz",
        "./usr/share/bash-completion/completions/peermon",
        "./usr/share/zsh/vendor-completions/_peermon",
        "./usr/share/fish/vendor_completions.d/peermon.fish",
        "./lib/systemd/system/peermon.service",
        "./etc/init.d/peermon",
        "./etc/peermon/peermon.toml",
        "./usr/share/doc/peermon/copyright",
        "./usr/share/doc/peermon/examples/client_template.py",
        "./usr/lib/python3/dist-packages/peermonlib/__init__.py",
        "./usr/lib/python3/dist-packages/peermonlib/py.typed",
    ] {
        assert!(listed.lines().any(|line| line.ends_with(&format!(" {file}"))), "{file}: {listed}");
    }
    assert!(!listed.contains("/usr/local") && !listed.contains("/installed"), "{listed}");
    assert!(listed.lines().all(|line| line.contains(" root/root ")), "{listed}");
    let conffiles = output("dpkg-deb", &["--info", path, "conffiles"]).unwrap().stdout;
    let expected =
        ["/etc/init.d/peermon", "/etc/peermon/machines.txt", "/etc/peermon/peermon.toml", "/etc/peermon/valid_ips.txt"];
    assert_eq!(conffiles.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn lintian_finds_no_error() {
    let Some(deb) = deb() else { return };
    let Some(outcome) = output("lintian", &["--allow-root", "--fail-on", "error", deb.to_str().unwrap()]) else {
        return;
    };
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(!outcome.stdout.contains("E: "), "{outcome:?}");
}

#[test]
fn the_same_source_gives_the_same_bytes() {
    let Some(deb) = deb() else { return };
    let Some((_folder, again)) = build(Path::new(PROJECT), "deb") else { return };
    assert!(fs::read(deb).unwrap() == fs::read(&again).unwrap(), "{} and {} differ", deb.display(), again.display());
}

/// The package as it may look later: a greater version, a newer program and a new default.
const LATER: &str = r"
set -e
dpkg-deb --raw-extract /mnt/peermon.deb /mnt/later
sed -i 's/^Version: .*/Version: 99/' /mnt/later/DEBIAN/control
echo newer >>/mnt/later/usr/bin/peermon
echo '# a new default' >>/mnt/later/etc/peermon/peermon.toml
dpkg-deb --root-owner-group -Znone --build /mnt/later /mnt/later.deb
";

#[test]
fn the_deb_is_installed_upgraded_and_purged_and_an_upgrade_keeps_the_key() {
    let Some(deb) = deb() else { return };
    let Some(machine) = Machine::of_an_administrator("ada") else { return };
    fs::copy(deb, machine.path("/mnt/peermon.deb")).unwrap();
    // As on a machine that init has brought up, and nothing keeps services from starting.
    machine.said(
        "cd /usr/sbin && rm -f policy-rc.d runlevel && printf '#!/bin/sh\necho N 2\n' >runlevel && chmod 755 runlevel",
    );
    let files = || -> BTreeSet<String> {
        let others = "^/etc/[a-z]*[-.]|^/var/(lib/dpkg|log|cache|lib/systemd)|^/run/(lock|log|adduser)";
        let line =
            format!("find /usr /etc /var /run /lib/systemd/ -xdev -printf '%p %M %u:%g %l\\n' | grep -vE '{others}'");
        machine.said(&line).lines().map(str::to_owned).collect()
    };
    let before = files();
    let dpkg = |arguments: &str| machine.said(&format!("dpkg --no-triggers --force-confold {arguments} 2>&1"));
    check_contains(&dpkg("--install /mnt/peermon.deb"), &["/etc/peermon/machines.txt", "peermon keygen"]);
    assert_eq!(machine.offered(), "ada\n");
    assert_eq!(machine.said("stat -c %U /run/peermon/1981.sock"), "peermon\n");
    if machine.path("/usr/bin/python3").exists() {
        check_example(&machine, "");
    }
    machine.said("peermon keygen /etc/peermon/gossip.key && echo '# mine' >>/etc/peermon/peermon.toml");
    machine.said(LATER);
    let (key, daemons) = (machine.said("cat /etc/peermon/gossip.key"), machine.daemons());
    dpkg("--install /mnt/later.deb");
    assert_eq!(machine.said("cat /etc/peermon/gossip.key"), key);
    check_contains(&machine.said("tail -n 1 /etc/peermon/peermon.toml"), &["# mine"]);
    check_contains(&machine.said("tail -n 1 /etc/peermon/peermon.toml.dpkg-dist"), &["# a new default"]);
    let now = machine.daemons();
    assert!(now.len() == 1 && now != daemons, "{daemons:?}, then {now:?}");
    check_contains(&machine.said("peermon query --status --json"), &[r#""keyed":true"#]);
    // Broken settings stop no daemon that serves.
    machine.said("cp /etc/peermon/peermon.toml /mnt/good && echo 'prot = 1' >/etc/peermon/peermon.toml");
    check_contains(&dpkg("--install /mnt/later.deb"), &["unknown key 'prot'", "peermon is not restarted"]);
    assert_eq!(machine.daemons(), now);
    machine.said("cp /mnt/good /etc/peermon/peermon.toml");
    dpkg("--remove peermon");
    assert_eq!((machine.daemons().len(), machine.said("cat /etc/peermon/gossip.key")), (0, key));
    dpkg("--purge peermon");
    let left: Vec<String> = files().difference(&before).cloned().collect();
    assert_eq!(left, Vec::<String>::new());
    assert_ne!(machine.shell("id peermon").code, Some(0));
}

#[test]
fn a_package_and_install_sh_do_not_hide_each_other() {
    let Some(deb) = deb() else { return };
    let Some(machine) = Machine::of_an_administrator("ada") else { return };
    fs::copy(deb, machine.path("/mnt/peermon.deb")).unwrap();
    machine.install("--no-start");
    let outcome = machine.shell("dpkg --no-triggers --install /mnt/peermon.deb");
    assert_ne!(outcome.code, Some(0));
    check_contains(
        &outcome.stderr,
        &["peermon is installed in /usr/local by install.sh", "hint: ./install.sh --uninstall"],
    );
    machine.install("--uninstall");
    machine.said("dpkg --no-triggers --install /mnt/peermon.deb");
    let outcome = machine.install_with("PEERMON_BINARY=/mnt/peermon", "");
    check_contains(&outcome.stderr, &["peermon is installed here as a package", "apt install ./peermon_*.deb"]);
}

#[test]
fn a_package_can_be_for_another_architecture() {
    let Some((_folder, deb)) = build_for(Path::new(PROJECT), "deb", "aarch64-unknown-linux-gnu") else { return };
    assert!(deb.to_str().unwrap().ends_with("_arm64.deb"), "{}", deb.display());
    let architecture = output("dpkg-deb", &["--field", deb.to_str().unwrap(), "Architecture"]).unwrap().stdout;
    assert_eq!(architecture, "arm64\n");
}

#[test]
fn an_architecture_that_debian_does_not_know_is_named() {
    let output = Command::new(Path::new(PROJECT).join("packaging/build"))
        .arg("deb")
        .env("CARGO_BUILD_TARGET", "sparc64-unknown-linux-gnu")
        .output()
        .unwrap();
    let Outcome { stdout, stderr, code } = output.into();
    assert_eq!((stdout.as_str(), code), ("", Some(1)));
    check_contains(&stderr, &["no Debian architecture is known for sparc64", "\nhint: "]);
}

#[test]
fn the_rpm_has_the_same_files_and_keeps_settings() {
    let Some((_folder, rpm)) = build(Path::new(PROJECT), "rpm") else { return };
    let path = rpm.to_str().unwrap();
    let listed = output("rpm", &["-qpl", path]).unwrap().stdout;
    assert!(listed.lines().any(|line| line.ends_with("/peermonlib/__init__.py")), "{listed}");
    for file in [
        "/usr/bin/peermon",
        "/usr/bin/smarterSSH",
        "/usr/lib/systemd/system/peermon.service",
        "/usr/share/man/man1/peermon.1.gz",
    ] {
        assert!(listed.lines().any(|line| line == file), "{file}: {listed}");
    }
    let settings = output("rpm", &["-qpc", path]).unwrap().stdout;
    assert_eq!(settings, "/etc/peermon/machines.txt\n/etc/peermon/peermon.toml\n/etc/peermon/valid_ips.txt\n");
    check_contains(
        &output("rpm", &["-qp", "--scripts", path]).unwrap().stdout,
        &["useradd", "systemctl enable --now peermon.service"],
    );
    check_contains(&output("rpm", &["-qp", "--requires", path]).unwrap().stdout, &["libc.so.6", "shadow-utils"]);
}

#[test]
fn the_source_archive_has_all_and_gives_itself_again() {
    let Some((folder, tar)) = build(Path::new(PROJECT), "tar") else { return };
    let version = env!("CARGO_PKG_VERSION");
    assert!(tar.ends_with(format!("source/peermon-{version}.tar.gz")), "{}", tar.display());
    let unpacked = Command::new("tar").arg("-xzf").arg(&tar).arg("-C").arg(folder.path()).status().unwrap();
    assert!(unpacked.success());
    let source = folder.path().join(format!("peermon-{version}"));
    for file in [
        "Cargo.toml",
        "Cargo.lock",
        "install.sh",
        "src/main.rs",
        "packaging/build",
        "packaging/man/peermon.1",
        "LICENSE-MIT",
    ] {
        assert!(source.join(file).is_file(), "{file}");
    }
    assert!(!source.join("target").exists() && !source.join(".git").exists());
    let Some((_folder, again)) = build(&source, "tar") else { return };
    assert!(fs::read(&tar).unwrap() == fs::read(&again).unwrap(), "what it gives is another one");
}
