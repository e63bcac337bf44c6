//! What somebody mistypes: two lines on stderr, nothing on stdout, an exit code, and no update is sent.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use nix::unistd::getuid;

use super::fake_server::{FakeServer, Manners};
use super::{SECRET, Updater, key_block, lab};
use crate::command::{Place, check_failure};

/// Checks that a run with these arguments, beside a good server, fails with these words, and sends no update.
#[track_caller]
fn check(updater: &Updater, arguments: &str, code: i32, what: &str, hint: &str) {
    let server = FakeServer::with(Manners::good());
    let outcome = updater.run(&format!("--server {} --timeout 0.5 {arguments}", server.address));
    check_failure(&outcome, code, what, hint);
    assert_eq!(server.came().1, 0, "{arguments}");
}

#[test]
fn a_zone_that_is_missing_or_is_no_name_is_refused() {
    let updater = Updater::knowing(lab());
    check(&updater, "", 2, "--zone is missing", "[dns] zone in peermon.toml");
    for zone in ["a..b", "ä.test", "*.test", "a/b", &"a".repeat(64), &["a"; 200].join(".")] {
        check(&updater, &format!("--zone={zone}"), 2, "a DNS name", "--help");
    }
    check(&updater, "--zone", 2, "a value is missing after --zone", "--help");
    let place = updater.place.with_settings("[dns]\nzone = \"a b\"\n");
    fs::create_dir_all(place.home.path().join("run")).unwrap();
    let updater = Updater { place, ..Updater::knowing(lab()) };
    check(&updater, "", 2, "[dns] zone: 'a b' is not a DNS name", "peermon.toml");
}

#[test]
fn numbers_out_of_range_are_refused() {
    let updater = Updater::knowing(lab());
    for (arguments, what) in [
        ("--n 0", "'0' is not a whole number from 1 up"),
        ("-n -1", "'-1' is not a whole number from 1 up"),
        ("--num 1.5", "'1.5' is not a whole number from 1 up"),
        ("-n 501", "-n: '501' is more than 500"),
        ("--ttl 86401", "'86401' is not a time to live in seconds (0 to 86400)"),
        ("--ttl 1h", "'1h' is not a time to live"),
        ("--hysteresis -5", "'-5' is not a percentage"),
        ("--min 0", "'0' is not a whole number from 1 up"),
        ("--family 5", "'5' is no value for --family"),
        ("--only-network 10.0.0.0/33", "is neither an address, a prefix"),
    ] {
        check(&updater, &format!("--zone lab.test {arguments}"), 2, what, "");
    }
    let server = FakeServer::with(Manners::good());
    for (arguments, what) in [("--timeout 0", "'0' is not a time to wait"), ("--timeout 61", "(0.1 to 60)")] {
        let outcome = updater.run(&format!("--zone lab.test --server {} {arguments}", server.address));
        check_failure(&outcome, 2, what, "");
    }
    assert_eq!(server.came(), (0, 0));
}

#[test]
fn names_outside_of_the_zone_at_its_top_or_too_long_are_refused() {
    let updater = Updater::knowing(lab());
    let name = |name: &str, what: &str, hint: &str| {
        check(&updater, &format!("--zone lab.test --name {name}"), 2, what, hint);
    };
    name("www.example.org", "--name: 'www.example.org' is not in the zone lab.test", "a full name in the zone");
    name("peermon.", "--name: 'peermon.' is not in the zone lab.test", "a full name in the zone");
    name("@", "--name: '@' is the zone lab.test itself", "a name below it");
    name("lab.test", "--name: 'lab.test' is the zone lab.test itself", "a name below it");
    name(&"a".repeat(300), "a label has at most 63 characters", "a label");
    name("*", "--name: '*' is not a DNS name", "a label");
}

#[test]
fn keys_that_are_weak_or_no_keys_are_refused_and_never_shown() {
    let updater = Updater::knowing(lab());
    let key = |text: &str, what: &str, hint: &str| {
        let path = updater.private_file("key", text);
        check(&updater, &format!("--zone lab.test --key-file {}", path.display()), 2, what, hint);
    };
    let good = "tsig-keygen -a hmac-sha256";
    key(&key_block("k", "hmac-sha1", SECRET), "has a key of hmac-sha1, which is too weak", good);
    key(&key_block("k", "hmac-md5", SECRET), "has a key of hmac-md5, which is too weak", good);
    key(&key_block("k", "hmac-sha42", SECRET), "has a key of the unknown algorithm 'hmac-sha42'", good);
    key(&format!("k:{SECRET}"), "holds no key block", good);
    key("", "holds no key block", good);

    // Who gives the key itself does not find it in the log.
    let secret = format!("hmac-sha256:k:{SECRET}");
    let outcome = updater.run(&format!("--zone lab.test --key-file {secret}"));
    check_failure(&outcome, 2, "--key-file takes the name of a file, not the key", "only you can read");
    assert!(!outcome.stderr.contains(&SECRET[..8]), "{outcome:?}");
    for arguments in ["--key-file a --local-key", "--local-key=a --key-file b"] {
        check(&updater, &format!("--zone lab.test {arguments}"), 2, "does not go with", "");
    }
}

#[test]
fn key_files_that_are_missing_no_files_open_to_others_or_somebody_elses_are_refused() {
    let updater = Updater::knowing(lab());
    let home = updater.place.home.path().to_owned();
    let with = |path: &str, what: &str, hint: &str| {
        check(&updater, &format!("--zone lab.test --key-file {path}"), 2, what, hint);
    };
    with("none.key", "there is no key file none.key", "tsig-keygen");
    with(home.to_str().unwrap(), "is not a regular file", "mode 0600");
    let path = updater.key("k", "hmac-sha256", SECRET);
    for mode in [0o644, 0o640, 0o604] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        with("k.key", "is open to others", "chmod 600 k.key");
    }
    symlink(&path, home.join("link")).unwrap();
    with("link", "is a symbolic link", "the file itself");
    if getuid().is_root() {
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        chown(&path, Some(12_345), None).unwrap();
        with("k.key", "belongs to user 12345", "chown 0 k.key");
    }
    let none = "--zone lab.test --local-key=no/session.key";
    check(&updater, none, 2, "there is no key file no/session.key", "update-policy local");
}

/// Root reads everything, so this one is somebody else.
#[test]
fn a_key_file_that_cannot_be_read_is_refused() {
    if !getuid().is_root() {
        return crate::skip::because("only root can become somebody else");
    }
    let place = Place::new();
    let key = place.home.path().join("k.key");
    fs::write(&key, key_block("k", "hmac-sha256", SECRET)).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(place.home.path(), Permissions::from_mode(0o755)).unwrap();
    let mut command = place.program("setpriv", "--reuid 12345 --regid 12345 --clear-groups --");
    command.arg(crate::command::binary()).args(["dns-update", "--zone", "lab.test", "--key-file"]).arg(&key);
    let outcome = command.output().unwrap().into();
    check_failure(&outcome, 2, "cannot read", "chown 12345");
}

#[test]
fn without_a_daemon_nobody_is_asked() {
    let server = FakeServer::with(Manners::good());
    let place = Place::new();
    let outcome = place.run(&format!("dns-update --zone lab.test --server {} --socket none.sock", server.address));
    check_failure(&outcome, 3, "no daemon answers", "without --socket");
    assert_eq!(server.came(), (0, 0));
}

#[test]
fn servers_that_are_not_there_have_no_address_or_are_no_servers_are_told_apart() {
    let updater = Updater::knowing(lab());
    let with = |server: &str, code: i32, what: &str, hint: &str| {
        let outcome = updater.run(&format!("--zone lab.test --timeout 1.5 --server {server}"));
        check_failure(&outcome, code, what, hint);
    };
    with("127.0.0.1:9", 7, "no answer from 127.0.0.1:9 (Connection refused", "does the zone's primary server run");
    with("no-such-host.invalid", 7, "the server's name 'no-such-host.invalid' does not resolve", "an address instead");
    with("127.0.0.1:x", 2, "--server: 'x' is not a port", "127.0.0.1");
    with("-x", 2, "", "");
    with("a..b/c", 2, "--server: 'a..b/c' is neither an address nor a host name", "127.0.0.1");
}
