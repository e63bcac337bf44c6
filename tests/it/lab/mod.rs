//! Real daemons, each in a network namespace of its own.
//!
//! `world` makes the hosts; it needs root, or a kernel in which anybody may be root of a namespace. Times are what is
//! promised times three. What was measured is printed, and shown when a test fails or with `--nocapture`.

mod clients;
mod convergence;
mod dns;
mod doctor;
mod eavesdropping;
mod families;
mod faults;
mod flood;
mod ground;
mod life;
mod measures;
mod options;
mod placing;
mod resources;
mod sick;
mod story;
mod strangers;
mod users;
mod world;
mod wrong_input;

use std::env;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::skip;
use world::Namespace;

/// Set in a run of one test that is root of a user namespace.
const INSIDE: &str = "PEERMON_TESTS_INSIDE_NAMESPACE";

/// The tests that keep both cores busy for seconds run one after another, so that their times are honest.
static HEAVY: Mutex<()> = Mutex::new(());

/// Runs `test` where networks can be made: here, else in a process of its own that may do that, else not.
pub fn in_a_lab(test: impl FnOnce()) {
    for tool in ["ip", "setpriv", "unshare"] {
        if Command::new(tool).arg("-V").output().is_err() {
            return skip::because(&format!("no {tool} here"));
        }
    }
    match Namespace::new() {
        Ok(_) => test(),
        Err(why) if env::var_os(INSIDE).is_some() => skip::because(&why),
        Err(why) => match Command::new("unshare").args(["-Urn", "true"]).output() {
            Ok(output) if output.status.success() => again_as_root_of_a_namespace(),
            _ => skip::because(&format!("{why}, and unshare -Urn does not help")),
        },
    }
}

/// As [`in_a_lab`], and alone among its like.
pub fn alone_in_a_lab(test: impl FnOnce()) {
    let _turn = HEAVY.lock().unwrap_or_else(PoisonError::into_inner);
    in_a_lab(test);
}

/// As [`in_a_lab`], where packets can be counted and dropped.
pub fn in_a_lab_that_filters(test: impl FnOnce()) {
    match Command::new("nft").arg("-v").output() {
        Ok(_) => in_a_lab(test),
        Err(_) => skip::because("no nft here"),
    }
}

fn again_as_root_of_a_namespace() {
    let name = thread::current().name().expect("a test has a name").to_owned();
    let output = Command::new("unshare")
        .args(["-Urn", "--kill-child"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    eprintln!("{said}");
    assert!(output.status.success(), "{name} fails as root of a user namespace");
    if let Some(why) = said.lines().find_map(|line| line.strip_prefix(&format!("skipped: {name}: "))) {
        skip::because(why);
    }
}
