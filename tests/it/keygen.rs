//! `peermon keygen`: keys that the daemon takes, for nobody else's eyes.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::MetadataExt;

use peermon::session::Keyring;

use crate::command::{Outcome, Place, binary, check_failure};
use crate::skip;

#[test]
fn a_new_key_is_one_that_a_daemon_takes_and_each_is_another() {
    let [first, second] = [(); 2].map(|()| Place::new().run("keygen"));
    for Outcome { stdout, stderr, code } in [&first, &second] {
        assert_eq!((&**stderr, *code), ("", Some(0)));
        assert!(Keyring::parse(stdout).unwrap().is_keyed());
    }
    assert_ne!(first.stdout, second.stdout);
    assert_eq!(Place::new().run("keygen -").stdout.lines().count(), first.stdout.lines().count());
    // A second key is added to the file that hosts share: both open.
    let ring = Keyring::parse(&(first.stdout + &second.stdout)).unwrap();
    assert_eq!(ring.key_ids().len(), 2);
}

#[test]
fn a_key_file_is_its_owners_alone_and_nothing_is_said() {
    let place = Place::new();
    let outcome = place.run("keygen gossip.key");
    assert_eq!(outcome, Outcome { stdout: String::new(), stderr: String::new(), code: Some(0) });
    let path = place.home.path().join("gossip.key");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    assert!(Keyring::parse(&fs::read_to_string(path).unwrap()).is_ok());
}

#[test]
fn a_key_is_never_written_over_an_existing_file() {
    let place = Place::new();
    fs::write(place.home.path().join("gossip.key"), "precious").unwrap();
    let what = "peermon keygen: gossip.key exists already, and stays as it is";
    check_failure(&place.run("keygen gossip.key"), 1, what, "peermon keygen >> gossip.key");
    assert_eq!(fs::read_to_string(place.home.path().join("gossip.key")).unwrap(), "precious");
    check_failure(&place.run("keygen ."), 1, "cannot write .", "");
    fs::create_dir(place.home.path().join("keys")).unwrap();
    check_failure(&place.run("keygen keys"), 1, "cannot write keys (it is a folder)", "keys/gossip.key");
    check_failure(&place.run("keygen no/such/key"), 1, "cannot write no/such/key (No such file", "mkdir -p");
}

#[test]
fn a_key_into_a_full_stdout_is_an_error() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let outcome = Place::new().peermon("keygen").stdout(full).output().unwrap().into();
    check_failure(&outcome, 1, "cannot write the output", "make room");
}

#[test]
fn a_full_disk_leaves_no_half_written_key() {
    if !nix::unistd::getuid().is_root() {
        return skip::because("needs root, to mount a small file system");
    }
    let place = Place::new();
    let script = r#"mount -t tmpfs -o size=4k none "$0" && cd "$0" || exit 77
        head -c 4096 /dev/zero >filler
        "$1" keygen gossip.key; echo "exit $?"; ls -A"#;
    let mut command = place.program("unshare", "--mount sh -c");
    let output = command.arg(script).arg(place.home.path()).arg(binary()).output();
    let outcome: Outcome = match output {
        Ok(output) if output.status.code() != Some(77) => output.into(),
        Ok(_) | Err(_) => return skip::because("root here may not mount"),
    };
    assert_eq!(outcome.stdout, "exit 1\nfiller\n", "{outcome:?}");
    let failure = Outcome { stdout: String::new(), code: Some(1), ..outcome };
    check_failure(&failure, 1, "cannot write gossip.key (No space left on device", "name a file elsewhere");
}
