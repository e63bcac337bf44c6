//! The arrows between modules: who may import whom. docs/ARCHITECTURE.md draws the same table.
//!
//! The sources are read as tokens (comments and literals are dropped), `use` trees are expanded and `super` is followed, so
//! that a path counts however it is spelled. A new module of the library must be entered here before anybody can import it.

use std::fs;
use std::path::{Path, PathBuf};

/// Each module and what it may name of ours, as `module` or `module::part`.
const ARROWS: &[(&str, Kind, &[&str])] = &[
    ("model", Kind::Pure, &[]),
    ("gossip", Kind::Pure, &["model"]),
    ("wire", Kind::Pure, &["model"]),
    ("session", Kind::Pure, &["model", "wire"]),
    ("placement", Kind::Pure, &["model"]),
    ("sim", Kind::Pure, &["model", "gossip", "session", "wire"]),
    ("render", Kind::Pure, &["model", "placement"]),
    ("os", Kind::Shell, &["model"]),
    ("config", Kind::Shell, &["model", "gossip", "session", "placement"]),
    ("client", Kind::Shell, &["model", "wire", "os", "config"]),
    ("dns", Kind::Shell, &["model"]),
    ("daemon", Kind::Shell, &["model", "gossip", "wire", "session", "placement::pending", "os", "config"]),
    (
        "cmd",
        Kind::Shell,
        &[
            "model",
            "gossip",
            "wire",
            "session",
            "placement",
            "sim",
            "render",
            "os",
            "config",
            "client",
            "dns",
            "daemon",
        ],
    ),
];

/// What a pure module never names: the ways to the world outside. Clippy's lists (clippy.toml) catch calls, this catches
/// the import.
const OUTSIDE: &[&str] = &[
    "dirs",
    "nix",
    "procfs",
    "rand::random",
    "rand::rng",
    "rand::rngs",
    "sd_notify",
    "signal_hook",
    "socket2",
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::env",
    "std::fs",
    "std::io::stderr",
    "std::io::stdin",
    "std::io::stdout",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "tracing",
    "tracing_subscriber",
];

/// Whether a module decides or does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Values in, values out.
    Pure,
    /// Reads the world and carries out what the pure modules answer.
    Shell,
}

#[test]
fn modules_import_only_along_the_arrows() {
    let violations = violations(&sources());
    assert!(violations.is_empty(), "forbidden imports:\n{}", violations.join("\n"));
}

#[test]
fn an_arrow_that_is_added_is_found() {
    check_planted("gossip/mod.rs", "use crate::wire::datagram;", "gossip -> wire");
    check_planted("gossip/mod.rs", "use crate::{model::NodeId as _, os};", "gossip -> os");
    check_planted("gossip/node.rs", "fn now() -> u64 { crate::os::clock::now() }", "gossip -> os");
    check_planted("gossip/node.rs", "use super::super::daemon;", "gossip -> daemon");
    check_planted("model/node.rs", "mod inner { use super::super::super::gossip::Node; }", "model -> gossip");
    check_planted("daemon/mod.rs", "use crate::placement::rank;", "daemon -> placement::rank");
    check_planted("os/mod.rs", "use crate as everything;", "os -> everything at once");
    check_planted("os/mod.rs", "use crate::*;", "os -> everything at once");
    check_planted("main.rs", "use peermon::daemon;", "main -> daemon");
    check_planted("lib.rs", "pub mod util;", "util: a module that the table does not know");
}

#[test]
fn a_way_to_the_world_outside_in_a_pure_module_is_found() {
    check_planted("gossip/mod.rs", "use std::{fmt, time::{Duration, Instant}};", "gossip names std::time::Instant");
    check_planted("wire/mod.rs", "fn f() { std::thread::yield_now() }", "wire names std::thread::yield_now");
    check_planted("placement/mod.rs", "use std::collections::HashMap;", "placement names std::collections::HashMap");
    check_planted("session/mod.rs", "use tracing::info;", "session names tracing::info");
    check_planted(
        "sim/mod.rs",
        "#![allow(clippy::disallowed_methods)]",
        "sim lifts clippy's list: only a shell module may",
    );
}

#[test]
fn comments_and_strings_are_no_imports() {
    let planted = "// use crate::os::clock;\n/* crate::daemon /* nested */ crate::os */\n\
                   /// [`crate::cmd`]\nconst A: &str = \"crate::os \\\" crate::os\"; const B: &str = r#\"crate::os\"#; const C: char = '\"';\n\
                   pub(crate) fn life<'a>(a: &'a str) -> &'a str { a }";
    let sources = planted_copy("gossip/mod.rs", planted);
    assert_eq!(violations(sources.path()), Vec::<String>::new());
}

#[test]
fn no_source_file_is_longer_than_600_lines() {
    let long: Vec<String> = rust_files(&sources())
        .into_iter()
        .map(|file| (fs::read_to_string(&file).expect("a source file").lines().count(), file))
        .filter(|(lines, _)| *lines > 600)
        .map(|(lines, file)| format!("{} has {lines} lines", file.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Copies the sources, adds `line` to `file`, and expects exactly this one violation.
fn check_planted(file: &str, line: &str, expected: &str) {
    let sources = planted_copy(file, line);
    let found = violations(sources.path());
    assert!(
        found.len() == 1 && found[0].contains(expected) && found[0].contains(file),
        "`{line}` in {file}: expected `{expected}`, found {found:?}"
    );
}

fn planted_copy(file: &str, line: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a temporary folder");
    for source in rust_files(&sources()) {
        let target = copy.path().join(source.strip_prefix(sources()).expect("below src"));
        fs::create_dir_all(target.parent().expect("has a folder")).expect("a folder of the copy");
        fs::copy(&source, &target).expect("a copy");
    }
    let target = copy.path().join(file);
    let text = fs::read_to_string(&target).unwrap_or_else(|error| panic!("{file}: {error}"));
    fs::write(&target, format!("{text}\n{line}\n")).expect("a planted line");
    copy
}

/// Every forbidden import below `sources`, one line each.
fn violations(sources: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in rust_files(sources) {
        let text = fs::read_to_string(&file).expect("a source file");
        let place = file.strip_prefix(sources).expect("below the sources").to_path_buf();
        for complaint in check_file(&place, &text) {
            found.push(format!("{}: {complaint}", place.display()));
        }
    }
    found
}

fn check_file(place: &Path, text: &str) -> Vec<String> {
    let home = module_path(place);
    let tokens = tokens(text);
    let paths = paths(&tokens, &home);
    let Some(module) = home.first() else {
        return check_root(place, &tokens, &paths);
    };
    let Some((_, kind, allowed)) = ARROWS.iter().find(|(name, ..)| name == module) else {
        return vec![format!("{module}: a module that the table does not know")];
    };
    let mut complaints = Vec::new();
    for path in &paths {
        if path[0] == "crate" {
            let target = path.get(1).map_or("*", String::as_str);
            if target == "*" {
                complaints.push(format!("{module} -> everything at once"));
            } else if target != module && !may_name(allowed, &path[1..]) {
                complaints.push(format!("{module} -> {}", path[1..].join("::")));
            }
        } else if *kind == Kind::Pure && OUTSIDE.iter().any(|banned| starts_with(path, banned)) {
            complaints.push(format!("{module} names {}", path.join("::")));
        } else if *kind == Kind::Pure && path.join("::").starts_with("clippy::disallowed_") {
            complaints.push(format!("{module} lifts clippy's list: only a shell module may"));
        }
    }
    complaints
}

/// lib.rs lists the modules and does nothing else; main.rs knows only `cmd`.
fn check_root(place: &Path, tokens: &[String], paths: &[Vec<String>]) -> Vec<String> {
    let mut complaints = Vec::new();
    if place == Path::new("main.rs") {
        for path in paths.iter().filter(|path| path[0] == "peermon" && path[1] != "cmd") {
            complaints.push(format!("main -> {}", path[1..].join("::")));
        }
        return complaints;
    }
    for declaration in tokens.windows(2).filter(|pair| pair[0] == "mod") {
        if !ARROWS.iter().any(|(name, ..)| *name == declaration[1]) {
            complaints.push(format!("{}: a module that the table does not know", declaration[1]));
        }
    }
    complaints
}

fn may_name(allowed: &[&str], path: &[String]) -> bool {
    allowed.iter().any(|arrow| starts_with(path, arrow))
}

fn starts_with(path: &[String], prefix: &str) -> bool {
    let mut segments = path.iter();
    prefix.split("::").all(|wanted| segments.next().is_some_and(|segment| segment == wanted))
}

/// `gossip/node.rs` is `["gossip", "node"]`, `gossip/mod.rs` is `["gossip"]`, `lib.rs` and `main.rs` are `[]`.
fn module_path(place: &Path) -> Vec<String> {
    let mut path: Vec<String> =
        place.with_extension("").iter().map(|part| part.to_str().expect("UTF-8 file names").to_owned()).collect();
    if path.last().is_some_and(|last| last == "mod")
        || matches!(path.as_slice(), [root] if root == "lib" || root == "main")
    {
        path.pop();
    }
    path
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(&folder).expect("a readable source folder") {
            let path = item.expect("a readable source folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Identifiers, `::` and single characters; comments, strings, characters and lifetimes are gone.
fn tokens(text: &str) -> Vec<String> {
    let text: Vec<char> = text.chars().collect();
    let at = |index: usize| text.get(index).copied().unwrap_or('\0');
    let mut tokens = Vec::new();
    let mut here = 0;
    while here < text.len() {
        let char = text[here];
        if char.is_whitespace() {
            here += 1;
        } else if char == '/' && at(here + 1) == '/' {
            while here < text.len() && text[here] != '\n' {
                here += 1;
            }
        } else if char == '/' && at(here + 1) == '*' {
            let mut depth = 0;
            loop {
                match (at(here), at(here + 1)) {
                    ('/', '*') => (depth, here) = (depth + 1, here + 2),
                    ('*', '/') => (depth, here) = (depth - 1, here + 2),
                    _ => here += 1,
                }
                if depth == 0 || here >= text.len() {
                    break;
                }
            }
        } else if char == '"' {
            here = after_string(&text, here + 1);
        } else if char == '\'' {
            // A character literal closes after one character or an escape; a lifetime does not close.
            if at(here + 1) == '\\' {
                here += 3;
                while here < text.len() && text[here] != '\'' {
                    here += 1;
                }
                here += 1;
            } else if at(here + 2) == '\'' {
                here += 3;
            } else {
                here += 1;
                while at(here).is_alphanumeric() || at(here) == '_' {
                    here += 1;
                }
            }
        } else if char.is_alphabetic() || char == '_' {
            let start = here;
            while at(here).is_alphanumeric() || at(here) == '_' {
                here += 1;
            }
            let word: String = text[start..here].iter().collect();
            let hashes = text[here..].iter().take_while(|char| **char == '#').count();
            if matches!(word.as_str(), "r" | "br" | "cr") && at(here + hashes) == '"' {
                here = after_raw_string(&text, here + hashes + 1, hashes);
            } else if !matches!(word.as_str(), "b" | "c") || at(here) != '"' {
                tokens.push(word);
            }
        } else if char == ':' && at(here + 1) == ':' {
            tokens.push("::".to_owned());
            here += 2;
        } else {
            tokens.push(char.to_string());
            here += 1;
        }
    }
    tokens
}

fn after_string(text: &[char], mut here: usize) -> usize {
    while here < text.len() && text[here] != '"' {
        here += if text[here] == '\\' { 2 } else { 1 };
    }
    here + 1
}

fn after_raw_string(text: &[char], mut here: usize, hashes: usize) -> usize {
    while here < text.len() {
        if text[here] == '"' && text[here + 1..].iter().take(hashes).filter(|char| **char == '#').count() == hashes {
            return here + 1 + hashes;
        }
        here += 1;
    }
    here
}

/// All paths of two segments or more, `use` trees expanded; those of ours begin with `crate`.
fn paths(tokens: &[String], home: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut inline_modules: Vec<(String, usize)> = Vec::new();
    let mut depth = 0;
    for (here, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "{" => {
                depth += 1;
                if here >= 2 && tokens[here - 2] == "mod" {
                    inline_modules.push((tokens[here - 1].clone(), depth));
                }
            }
            "}" => {
                if inline_modules.last().is_some_and(|(_, opened_at)| *opened_at == depth) {
                    inline_modules.pop();
                }
                depth -= 1;
            }
            "crate" if next_is(tokens, here, "as") => found.push(vec!["crate".to_owned()]),
            word if is_identifier(word) && next_is(tokens, here, "::") && !follows_path(tokens, here) => {
                let mut module: Vec<String> = home.to_vec();
                module.extend(inline_modules.iter().map(|(name, _)| name.clone()));
                for leaf in expand(tokens, here).0 {
                    found.push(resolve(&module, leaf));
                }
            }
            _ => {}
        }
    }
    found
}

fn next_is(tokens: &[String], here: usize, wanted: &str) -> bool {
    tokens.get(here + 1).is_some_and(|token| token == wanted)
}

/// `a` in `x::a`; but the first segment of `::a` and the inside of a `use` tree's braces are read with their head.
fn follows_path(tokens: &[String], here: usize) -> bool {
    here >= 2 && tokens[here - 1] == "::" && is_identifier(&tokens[here - 2])
}

fn is_identifier(token: &str) -> bool {
    token.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_')
}

/// The leaves of the path or `use` tree that begins at `here`, and where it ends.
fn expand(tokens: &[String], mut here: usize) -> (Vec<Vec<String>>, usize) {
    let mut path: Vec<String> = Vec::new();
    while let Some(token) = tokens.get(here) {
        match token.as_str() {
            "::" => here += 1,
            "{" => {
                let mut leaves = Vec::new();
                here += 1;
                while tokens.get(here).is_some_and(|token| token != "}") {
                    let (below, end) = expand(tokens, here);
                    leaves.extend(below.into_iter().map(|leaf| [path.clone(), leaf].concat()));
                    here = end.max(here + 1);
                }
                return (leaves, here + 1);
            }
            "*" => {
                path.push("*".to_owned());
                return (vec![path], here + 1);
            }
            word if is_identifier(word) => {
                path.push(word.to_owned());
                here += 1;
                if tokens.get(here).is_none_or(|token| token != "::") {
                    break;
                }
                // A path in an expression ends before a turbofish: `Vec::<u8>`.
                if tokens.get(here + 1).is_none_or(|token| !is_identifier(token) && token != "{" && token != "*") {
                    break;
                }
            }
            _ => break,
        }
    }
    if tokens.get(here).is_some_and(|token| token == "as") {
        here += 2;
    }
    (if path.is_empty() { Vec::new() } else { vec![path] }, here)
}

/// Follows `self` and `super` from `module`.
fn resolve(module: &[String], path: Vec<String>) -> Vec<String> {
    if !matches!(path[0].as_str(), "self" | "super") {
        return path;
    }
    let mut base = module.to_vec();
    let mut rest = path.into_iter().peekable();
    while let Some(step) = rest.next_if(|segment| segment == "self" || segment == "super") {
        if step == "super" {
            base.pop();
        }
    }
    ["crate".to_owned()].into_iter().chain(base).chain(rest).collect()
}
