//! docs/faults.md names a test for each promise: the names are those of tests, and no way of showing is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = include_str!("../../docs/faults.md");

/// In which ways each promise must be shown.
const LETTERS: &[(u32, &str)] = &[
    (1, "UF"),
    (2, "U"),
    (3, "UD"),
    (4, "NU"),
    (5, "UND"),
    (6, "D"),
    (7, "DU"),
    (8, "ND"),
    (9, "F"),
    (10, "N"),
    (11, "DU"),
    (12, "DN"),
    (13, "DN"),
    (14, "DN"),
    (15, "DU"),
    (16, "DU"),
    (17, "N"),
    (18, "ND"),
    (19, "UD"),
    (20, "DU"),
    (21, "UF"),
    (22, "U"),
    (23, "U"),
    (24, "U"),
    (25, "U"),
    (26, "U"),
    (27, "DU"),
    (28, "U"),
    (29, "UF"),
    (30, "R"),
    (31, "UF"),
    (32, "N"),
    (33, "N"),
    (34, "RU"),
    (35, "RU"),
    (36, "U"),
    (37, "UN"),
    (38, "U"),
];

/// What a file with a test of this letter must have in it or be called; U is anything.
fn can_show(letter: char, path: &Path, text: &str) -> bool {
    let path = path.to_string_lossy();
    match letter {
        'N' => path.contains("/lab/") || path.ends_with("/real_ssh.rs"),
        'D' => path.contains("/fleet/") || path.ends_with("/joining.rs"),
        'F' => text.contains("proptest!") || path.ends_with("/fuzz.rs"),
        'R' => text.contains("skip::because(\"only root") || text.contains("skip::because(\"needs root"),
        'U' => true,
        _ => false,
    }
}

/// Each test of the sources, by name: the file it stands in.
fn tests() -> BTreeMap<String, PathBuf> {
    let mut tests = BTreeMap::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src"), root.join("tests/it")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                tests.extend(tests_in(&text).map(|name| (name, path.clone())));
            }
        }
    }
    tests
}

fn tests_in(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split("#[test]").skip(1).filter_map(|rest| {
        let (_, rest) = rest.split_once("fn ")?;
        Some(rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect())
    })
}

/// The rows of the page: the number, and the names behind each letter.
fn rows() -> BTreeMap<u32, Vec<(char, String)>> {
    let mut rows = BTreeMap::new();
    for line in PAGE.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, number, _, _, shown, _] = cells[..] else { continue };
        let Ok(number) = number.parse() else { continue };
        let mut names = Vec::new();
        for part in shown.split('·') {
            let letter = part.trim().chars().next().unwrap_or(' ');
            // What is still to come stands in brackets.
            let named = if letter == '(' { "" } else { part };
            names.extend(quoted(named).map(|name| (letter, name)));
        }
        assert!(rows.insert(number, names).is_none(), "row {number} stands there twice");
    }
    rows
}

/// What stands between backquotes.
fn quoted(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}

#[test]
fn every_test_that_the_page_names_exists_and_can_show_what_it_says() {
    let tests = tests();
    assert!(tests.contains_key("every_test_that_the_page_names_exists_and_can_show_what_it_says"));
    for (number, names) in rows() {
        for (letter, name) in names {
            let path = tests.get(&name).unwrap_or_else(|| panic!("row {number}: there is no test {name}"));
            let text = fs::read_to_string(path).unwrap();
            assert!(can_show(letter, path, &text), "row {number}: {letter} is not shown by {name}");
        }
    }
    // Beside the rows too: whatever looks like the name of a test.
    let looks_so = |name: &String| name.matches('_').count() >= 3 && !name.contains([' ', '/', '-']);
    for name in quoted(PAGE).filter(looks_so) {
        assert!(tests.contains_key(&name), "there is no test {name}");
    }
}

#[test]
fn every_promise_has_a_test_for_each_way_in_which_it_must_be_shown() {
    let rows = rows();
    assert_eq!(rows.keys().copied().collect::<Vec<_>>(), (1..=38).collect::<Vec<_>>());
    for (number, letters) in LETTERS {
        let shown: BTreeSet<char> = rows[number].iter().map(|(letter, _)| *letter).collect();
        for letter in letters.chars() {
            assert!(shown.contains(&letter), "row {number} has no test for {letter}");
        }
    }
}
