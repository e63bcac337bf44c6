//! What is packaged for systemd and cron: right for systemd, shut tight, and it publishes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::server::Server;
use super::{SECRET, Updater, check_changed, key_block, lab};
use crate::command::{Outcome, binary};
use crate::skip;

/// How much `systemd-analyze security` may find open.
const EXPOSURE_MAX: f64 = 1.2;

fn packaging(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(file)
}

fn text(file: &str) -> String {
    fs::read_to_string(packaging(file)).unwrap()
}

/// The standard output and error of `systemd-analyze`; `None`: there is none here.
fn analyze(arguments: &[&str], folder: &Path) -> Option<(bool, String)> {
    let output = Command::new("systemd-analyze").args(arguments).current_dir(folder).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Some((output.status.success(), said))
}

#[test]
fn systemd_takes_the_units_and_finds_little_open() {
    let folder = tempfile::tempdir().unwrap();
    let installed = text("systemd/peermon-dns.service").replace("/usr/bin/peermon", binary().to_str().unwrap());
    fs::write(folder.path().join("peermon-dns.service"), installed).unwrap();
    fs::write(folder.path().join("peermon-dns.timer"), text("systemd/peermon-dns.timer")).unwrap();
    let units = ["verify", "--man=no", "./peermon-dns.service", "./peermon-dns.timer"];
    let Some((is_good, said)) = analyze(&units, folder.path()) else { return skip::because("no systemd-analyze here") };
    let about_ours: Vec<&str> = said.lines().filter(|line| line.contains("peermon-dns")).collect();
    assert!(is_good && about_ours.is_empty(), "{said}");
    let (_, said) = analyze(&["security", "--offline=true", "./peermon-dns.service"], folder.path()).unwrap();
    let level = said.lines().find_map(|line| line.split("exposure level for peermon-dns.service: ").nth(1));
    let level: f64 = level.and_then(|rest| rest.split(' ').next()).and_then(|level| level.parse().ok()).expect(&said);
    assert!(level <= EXPOSURE_MAX, "{said}");
}

#[test]
fn the_unit_does_not_lock_out_what_it_needs() {
    let unit = text("systemd/peermon-dns.service");
    let lines: Vec<&str> = unit.lines().filter(|line| !line.starts_with('#')).collect();
    // Another user namespace hides whose daemon it is; a /proc of processes only, whose a TCP port is.
    for setting in
        ["PrivateUsers", "ProcSubset", "IPAddressDeny", "PrivateNetwork", "CPUQuota", "AllowedCPUs", "MemoryMax"]
    {
        assert!(!lines.iter().any(|line| line.starts_with(setting)), "{setting}");
    }
    assert!(lines.contains(&"RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6"));
    assert!(
        lines.contains(&"Environment=XDG_RUNTIME_DIR=/run/peermon-dns")
            && lines.contains(&"RuntimeDirectory=peermon-dns")
    );
}

#[test]
fn what_the_timer_and_cron_start_publishes_by_the_settings_file_alone() {
    let zone = "zone \"cs.example.edu\" { type primary; file \"{D}/cs.example.edu.db\"; \
                update-policy { grant peermon-key name peermon.cs.example.edu. A AAAA; }; };";
    let configuration = key_block("peermon-key", "hmac-sha256", SECRET) + zone;
    let Some(server) = Server::bind(&configuration, &["cs.example.edu"]) else { return skip::because("no named here") };
    let updater = Updater::knowing(lab());
    updater.key("peermon-key", "hmac-sha256", SECRET);
    let home = updater.place.home.path().to_owned();
    let settings = format!(
        "[client]\nsocket = \"{}\"\n[dns]\nzone = \"cs.example.edu\"\ncount = 2\nserver = \"{}\"\nkey_file = \"{}/peermon-key.key\"\n",
        updater.daemon.socket().display(),
        server.address(),
        home.display()
    );
    let updater = Updater { place: updater.place.with_settings(&settings), ..updater };
    let unit = text("systemd/peermon-dns.service");
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/peermon ")).unwrap();
    check_changed(&updater.place.run(start), "peermon.cs.example.edu: added 10.0.0.1 (node1), 10.0.0.2 (node2)");

    // Minute, hour, day, month, weekday, user: the rest is for the shell. The log is a file here.
    updater.now_knowing(lab().split_off(5));
    let cron = text("cron/peermon-dns");
    let line = cron.lines().find(|line| line.starts_with('*')).unwrap();
    let mut words = line.splitn(7, ' ');
    assert_eq!(words.nth(5), Some("peermon-dns"));
    let tools = home.join("tools");
    fs::create_dir(&tools).unwrap();
    std::os::unix::fs::symlink(binary(), tools.join("peermon")).unwrap();
    fs::write(tools.join("logger"), "#!/bin/sh\n{ echo \"$@\"; cat; } >> \"$HOME/log\"\n").unwrap();
    fs::set_permissions(tools.join("logger"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut shell = updater.place.program("sh", "-c");
    shell.arg(words.next().unwrap()).env("PATH", format!("{}:/usr/bin:/bin", tools.display()));
    let outcome: Outcome = shell.output().unwrap().into();
    super::check_quiet(&outcome);
    let log = fs::read_to_string(home.join("log")).unwrap();
    assert!(log.starts_with("-t peermon-dns\npeermon dns-update: peermon.cs.example.edu: added 10.0.0.6"), "{log}");
    assert_eq!(server.set("peermon.cs.example.edu A"), super::addresses(&[6, 7]));
}
