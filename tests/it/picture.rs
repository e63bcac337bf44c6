//! docs/picture.svg, which the README shows: what was recorded, drawn by docs/picture/make, and no other than what comes today.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{Outcome, binary};
use crate::demo::Demo;
use crate::skip;

fn path(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(of)
}

fn read(of: &str) -> String {
    fs::read_to_string(path(of)).unwrap()
}

/// Runs Python; `None` where there is none.
fn python(arguments: &[&str]) -> Option<Outcome> {
    let output = Command::new("python3").arg("-B").args(arguments).env("LC_ALL", "C.UTF-8").output().ok();
    if output.is_none() {
        skip::because("no python3 here");
    }
    output.map(Outcome::from)
}

/// Without the colours of a terminal.
fn plain(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').expect("only colours are recorded").1)
}

/// The words at the heads of the columns, in all tables of `text`.
fn headings(text: &str) -> Vec<Vec<&str>> {
    text.lines().filter(|line| line.starts_with("NAME ")).map(|line| line.split_whitespace().collect()).collect()
}

#[test]
fn the_picture_is_what_was_recorded() {
    let Some(drawn) = python(&[path("picture/make").to_str().unwrap(), "--redraw"]) else { return };
    assert_eq!((drawn.stderr.as_str(), drawn.code), ("", Some(0)));
    assert!(drawn.stdout == read("picture.svg"), "docs/picture/make draws another picture than docs/picture.svg");
}

#[test]
fn the_picture_is_well_formed_and_needs_nothing_from_elsewhere() {
    let code = "
import sys
from xml.etree import ElementTree
root = ElementTree.parse(sys.argv[1]).getroot()
print(root.tag)
for element in root.iter():
    if element.tag.endswith('}text'):
        print(''.join(element.itertext()))
";
    let Some(said) = python(&["-c", code, path("picture.svg").to_str().unwrap()]) else { return };
    let recorded = plain(&read("picture/session.txt"));
    assert_eq!((said.stdout, said.stderr), (format!("{{http://www.w3.org/2000/svg}}svg\n{recorded}"), String::new()));
    let picture = read("picture.svg");
    assert_eq!(picture.matches("://").count(), 1, "only the name of the format");
    for word in ["<script", "<image", "href", "@import", "@font-face", "url("] {
        assert!(!picture.contains(word), "{word}");
    }
    assert!(picture.contains("@media (prefers-color-scheme: dark)"));
}

#[test]
fn what_the_picture_shows_looks_as_it_does_today() {
    let recorded = plain(&read("picture/session.txt"));
    let demo = Demo::start(3);
    let today = demo.query(&["--output", "table"]);
    let shown = headings(&recorded);
    assert_eq!((shown.len(), headings(&today).len()), (2, 1), "{today}");
    assert!(shown.iter().all(|heading| heading == &headings(&today)[0]), "{shown:?}, but today:\n{today}");
    demo.end();
    let typed: Vec<&str> = recorded.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
    assert!(typed[0] == "peermon query" && typed.iter().any(|line| line.starts_with("kill -9 ")), "{typed:?}");
    assert!(recorded.lines().any(|line| line.starts_with("node1 ") && line.contains(" dead ")), "{recorded}");
}

#[test]
fn the_picture_can_be_recorded_again() {
    // Elsewhere, so that the one that is checked in stays.
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("docs/picture");
    fs::create_dir_all(&own).unwrap();
    fs::copy(path("picture/make"), own.join("make")).unwrap();
    let output = Command::new("python3").arg("-B").arg(own.join("make")).env("PEERMON", binary()).output();
    let Ok(output) = output else { return skip::because("no python3 here") };
    let Outcome { stdout, stderr, code } = output.into();
    let made = folder.path().join("docs/picture.svg");
    assert_eq!((stdout.trim(), stderr.as_str(), code), (made.to_str().unwrap(), "", Some(0)));
    let recorded = plain(&fs::read_to_string(own.join("session.txt")).unwrap());
    assert_eq!(headings(&recorded).len(), 2, "{recorded}");
    assert!(fs::read_to_string(made).unwrap().contains("</svg>"));
}
