//! A test that can't run here says so by name, and counts as skipped: `return skip::because("no nft here");`

use std::io::Write;
use std::thread;

/// Set to 1 where every test must run, as in CI: there a skip is a failure.
const REQUIRED: &str = "PEERMON_TESTS_REQUIRED";

/// Says that the calling test is skipped, on the real stderr (the test runner holds back what `eprintln` writes), in the form
/// that tests/run counts.
///
/// # Panics
/// Where `PEERMON_TESTS_REQUIRED=1` is set.
pub fn because(reason: &str) {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    assert!(!is_required(), "{name} must run here ({REQUIRED}=1), but: {reason}");
    // One write, so that lines of tests that run side by side don't mix.
    let line = format!("\nskipped: {name}: {reason}\n");
    std::io::stderr().write_all(line.as_bytes()).expect("stderr takes a line");
}

fn is_required() -> bool {
    std::env::var_os(REQUIRED).is_some_and(|value| value == "1")
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Output};

    /// Set in the inner run of the test below, whose only act is to skip.
    const PROBE: &str = "PEERMON_TESTS_PROBE_SKIP";
    const NAME: &str = "skip::tests::a_test_that_cannot_run_is_named_and_fails_only_where_all_are_required";

    #[test]
    fn a_test_that_cannot_run_is_named_and_fails_only_where_all_are_required() {
        if std::env::var_os(PROBE).is_some() {
            return super::because("no nft here");
        }
        let skipped = run_myself("0");
        assert!(skipped.status.success());
        let said = String::from_utf8_lossy(&skipped.stderr);
        assert!(said.lines().any(|line| line == format!("skipped: {NAME}: no nft here")), "{said}");
        assert!(!run_myself("1").status.success());
    }

    fn run_myself(required: &str) -> Output {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME])
            .env(PROBE, "1")
            .env(super::REQUIRED, required)
            .output()
            .unwrap()
    }
}
