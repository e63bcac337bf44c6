//! docs/dns.md: its commands work, its settings are settings, and what it says of frozen zones holds.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use peermon::config::FileSettings;

use super::server::{Server, free_port, is_installed};
use super::{SECRET, Updater, addresses, check_changed, key_block, lab};
use crate::command::{Outcome, binary, check_failure};
use crate::skip;

/// The blocks of the page that begin with ```` ```KIND ````.
fn blocks(kind: &str) -> Vec<String> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/dns.md")).unwrap();
    let mut parts = page.split("\n```");
    let mut blocks = Vec::new();
    parts.next();
    while let (Some(block), Some(_)) = (parts.next(), parts.next()) {
        let (found, text) = block.split_once('\n').unwrap();
        if found == kind {
            blocks.push(text.to_owned() + "\n");
        }
    }
    blocks
}

#[test]
fn the_commands_of_the_page_lead_to_a_name_with_five_addresses() {
    if !is_installed("tsig-keygen") {
        return skip::because("no tsig-keygen here");
    }
    let zone = "zone \"cs.example.edu\" { type primary; file \"{D}/cs.example.edu.db\"; \
                update-policy { grant peermon-key name peermon.cs.example.edu. A AAAA; }; };";
    let configuration = key_block("peermon-key", "hmac-sha256", SECRET) + zone;
    let Some(server) = Server::bind(&configuration, &["cs.example.edu"]) else { return skip::because("no named here") };
    let updater = Updater::knowing(lab());
    let home = updater.place.home.path().to_owned();
    fs::rename(updater.key("peermon-key", "hmac-sha256", SECRET), home.join("dns.key")).unwrap();
    std::os::unix::fs::symlink(binary(), home.join("peermon")).unwrap();
    let socket = updater.daemon.socket();
    let settings = format!("[client]\nsocket = \"{}\"\n[dns]\nserver = \"{}\"\n", socket.display(), server.address());
    let updater = Updater { place: updater.place.with_settings(&settings), ..updater };
    let script = blocks("sh").concat();
    assert!(script.lines().count() >= 4, "{script}");
    let path = std::env::var("PATH").unwrap();
    let mut shell = updater.place.program("sh", "-ec");
    let outcome: Outcome =
        shell.arg(&script).env("PATH", format!("{}:{path}:/usr/sbin", home.display())).output().unwrap().into();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.contains("update add peermon.cs.example.edu. 30 A 10.0.0.1\n"), "{outcome:?}");
    check_changed(&Outcome { stdout: String::new(), ..outcome }, "peermon.cs.example.edu: added 10.0.0.1 (node1)");
    assert_eq!(server.set("peermon.cs.example.edu A"), addresses(&[1, 2, 3, 4, 5]));

    // The key of the page is one that is taken.
    let text = fs::read_to_string(home.join("peermon.key")).unwrap();
    let made = updater.private_file("made", &text);
    let outcome = updater.run(&format!("--zone cs.example.edu --key-file {}", made.display()));
    check_failure(&outcome, 6, "(BADSIG)", "copy the key file from the server again");
    let said = blocks("text").concat();
    let like = outcome.stderr.replace(&server.port.to_string(), "53");
    assert!(said.contains(&like), "{like} in {said}");
}

#[test]
fn the_settings_of_the_page_are_settings() {
    let settings = blocks("toml").concat();
    let (found, findings) = FileSettings::parse(Path::new("peermon.toml"), &settings).unwrap();
    assert_eq!(findings, []);
    assert_eq!(found.dns.zone.as_deref(), Some("cs.example.edu"));
}

#[test]
fn while_a_zone_is_frozen_runs_fail_and_after_the_thaw_they_go_on() {
    if !is_installed("rndc") {
        return skip::because("no rndc here");
    }
    let (key, port) = (key_block("k", "hmac-sha256", SECRET), free_port());
    let configuration = format!(
        "{key} zone \"open.test\" {{ type primary; file \"{{D}}/open.test.db\"; allow-update {{ 127.0.0.1; }}; }};\n\
         controls {{ inet 127.0.0.1 port {port} allow {{ 127.0.0.1; }} keys {{ k; }}; }};"
    );
    let Some(server) = Server::bind(&configuration, &["open.test"]) else { return skip::because("no named here") };
    let updater = Updater::knowing(lab());
    let rndc = updater.private_file("rndc.conf", &format!("{key} options {{ default-key k; }};\n"));
    let rndc = |word: &str| {
        let arguments = ["-s", "127.0.0.1", "-p", &port.to_string(), "-c", rndc.to_str().unwrap(), word, "open.test"];
        assert!(Command::new("rndc").args(arguments).output().unwrap().status.success(), "{word}");
    };
    let run = || updater.run(&format!("--zone open.test --server {}", server.address()));
    check_changed(&run(), "added 10.0.0.1");
    rndc("freeze");
    check_quiet_and_refused(&run, &updater);
    let file = server.path("open.test.db");
    // What freezing wrote, a moment later.
    let begin = Instant::now();
    let text = loop {
        let text = fs::read_to_string(&file).unwrap();
        if text.contains("10.0.0.1") && text.contains("; serial") {
            break text;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{text}");
        thread::sleep(Duration::from_millis(20));
    };
    let (head, tail) = text.split_once("; serial").unwrap();
    let head = head.trim_end().trim_end_matches(|letter: char| letter.is_ascii_digit());
    fs::write(&file, format!("{head}1000 ; serial{tail}\nby-hand.open.test. IN A 192.0.2.9\n")).unwrap();
    // BIND looks at whole seconds.
    fs::File::open(&file).unwrap().set_modified(SystemTime::now() + Duration::from_secs(5)).unwrap();
    rndc("thaw");
    let begin = Instant::now();
    while server.set("by-hand.open.test A").is_empty() && begin.elapsed() < Duration::from_secs(20) {
        thread::sleep(Duration::from_millis(20));
    }
    check_changed(&run(), "removed 10.0.0.1");
    assert_eq!(server.set("by-hand.open.test A"), ["192.0.2.9".to_owned()].into());
    assert_eq!(server.set("peermon.open.test A"), addresses(&[6, 7, 8, 9, 10]));
}

/// Quiet where nothing is to be changed, and refused where something is.
fn check_quiet_and_refused(run: &dyn Fn() -> Outcome, updater: &Updater) {
    super::check_quiet(&run());
    updater.now_knowing(lab().split_off(5));
    check_failure(&run(), 6, "refuses (REFUSED)", "frozen");
}
