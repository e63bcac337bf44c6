//! What the program is made of: few crates, in versions without known advisories.

use std::collections::BTreeSet;
use std::process::Command;

/// Crates in the executable, this one included. Each is somebody's code that runs as root for a moment.
const CRATES_MAX: usize = 130;

#[test]
fn the_executable_is_made_of_fewer_than_130_crates() {
    let crates = crates_of_the_executable();
    assert!(crates.len() < CRATES_MAX, "{} crates:\n{crates:#?}", crates.len());
}

#[test]
fn no_crate_has_a_version_with_a_known_advisory() {
    let crates = crates_of_the_executable();
    for (name, least) in [("rand", [0, 10, 1]), ("crossbeam-epoch", [0, 9, 20])] {
        let versions: Vec<[u32; 3]> =
            crates.iter().filter(|(found, _)| found == name).map(|(_, version)| numbers(version)).collect();
        assert!(!versions.is_empty(), "{name} is gone: take it out of this test and of deny.toml");
        assert!(versions.iter().all(|version| *version >= least), "{name}: {versions:?}, wanted {least:?} or newer");
    }
}

/// Name and version of everything that `cargo tree -e normal` lists.
fn crates_of_the_executable() -> BTreeSet<(String, String)> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .expect("cargo prints UTF-8")
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once(" v")?;
            Some((name.to_owned(), rest.split_whitespace().next()?.to_owned()))
        })
        .collect()
}

fn numbers(version: &str) -> [u32; 3] {
    let mut parts = version.split(['.', '-', '+']).map(|part| part.parse().unwrap_or(0));
    [parts.next().unwrap_or(0), parts.next().unwrap_or(0), parts.next().unwrap_or(0)]
}
