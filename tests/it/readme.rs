//! README.md: every command in it works, every output in it looks like what comes today, every link leads somewhere.
//!
//! A block ```` ```sh ```` is run; ```` ```sh not run ```` only has to be right: programs and options that exist. ```` ```console ```` is a transcript:
//! what follows `$ ` is typed on a terminal; ```` ```console not run ```` is one that takes several machines. All of it happens on a machine of its own, with a demo to ask. No command stands outside such a block.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use clap::error::ErrorKind;
use peermon::cmd::invocation::Invocation;

use crate::machine::{Machine, SOURCE};

/// What its readers see: without comments.
fn readme() -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let mut parts = text.split("<!--");
    let seen = parts.next().unwrap_or_default().to_owned();
    parts.fold(seen, |seen, part| seen + part.split_once("-->").expect("a comment ends").1)
}

/// What stands behind the opening fence, and the lines of the block.
pub struct Block {
    pub kind: String,
    pub lines: Vec<String>,
}

impl Block {
    /// What is typed: all lines, or in a transcript those with a prompt.
    fn commands(self) -> Vec<String> {
        let is_transcript = self.kind.starts_with("console");
        let typed = |line: String| match line.strip_prefix("$ ") {
            Some(typed) => Some(typed.to_owned()),
            None if is_transcript => None,
            None => Some(line),
        };
        self.lines.into_iter().filter_map(typed).collect()
    }
}

pub fn blocks(text: &str) -> Vec<Block> {
    let (mut blocks, mut open) = (Vec::new(), None::<(usize, Block)>);
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(kind), None) => open = Some((indent, Block { kind: kind.to_owned(), lines: Vec::new() })),
            (Some(_), Some(_)) => blocks.extend(open.take().map(|(_, block)| block)),
            (None, Some((indent, block))) => block.lines.push(line.get(*indent..).unwrap_or_default().to_owned()),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// A command of a transcript, and what the README says came of it.
fn typed(block: &Block) -> Vec<(&str, Vec<&str>)> {
    let mut typed = Vec::new();
    for line in &block.lines {
        match (line.strip_prefix("$ "), typed.last_mut()) {
            (Some(command), _) => typed.push((command, Vec::new())),
            (None, Some((_, output))) => output.push(line.as_str()),
            (None, None) => panic!("a transcript begins with a command, not with '{line}'"),
        }
    }
    typed
}

/// How the lines begin, whatever the numbers are: of hosts, and of places in an order.
fn beginnings<'a>(lines: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let first = |line: &'a str| line.split_whitespace().next();
    let unnumbered = |word: &str| word.trim_end_matches(|char: char| char.is_ascii_digit()).to_owned() + "#";
    lines.into_iter().filter_map(first).map(unnumbered).collect()
}

/// The machine of the reader, where peermon is installed and a demo runs.
struct Reader {
    machine: Machine,
    demo: String,
}

impl Reader {
    fn new() -> Option<Self> {
        let machine = Machine::new("ada")?;
        machine.install("--user");
        machine.peermon("demo >/tmp/demo 2>&1 &");
        let begin = Instant::now();
        let demo = loop {
            let demo = fs::read_to_string(machine.path("/tmp/demo")).unwrap();
            if demo.contains("Ctrl-C") {
                break demo;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "no demo: {demo}");
            thread::sleep(Duration::from_millis(100));
        };
        Some(Self { machine, demo })
    }

    /// What `lines` print, typed one after another in the folder of this project.
    #[track_caller]
    fn said(&self, lines: &str) -> String {
        let socket = self.demo.lines().find(|line| line.contains("export PEERMON_SOCKET=")).unwrap();
        let before = r#"export PATH="$HOME/.local/bin:$PATH" PEERMON_BINARY=/mnt/peermon TERM=dumb"#;
        self.machine.said(&format!("set -e\ncd '{SOURCE}'\n{before}\n{socket}\n{lines}"))
    }

    #[track_caller]
    fn check_transcript(&self, command: &str, output: Vec<&str>) {
        let real = match command {
            "peermon demo" => self.demo.clone(),
            command => self.said(&format!("script -qec '{command}' /dev/null")),
        };
        let missing: Vec<String> = beginnings(output).difference(&beginnings(real.lines())).cloned().collect();
        assert!(missing.is_empty(), "{command}: nothing begins with {missing:?} in\n{real}");
    }
}

#[test]
fn every_command_works_and_what_it_prints_looks_as_shown() {
    let Some(reader) = Reader::new() else { return };
    let mut run = 0;
    for block in blocks(&readme()) {
        match block.kind.as_str() {
            "sh" => {
                assert_ne!(reader.said(&block.lines.join("\n")), "", "{:?}", block.lines);
                run += 1;
            }
            "console" => typed(&block).into_iter().for_each(|(command, output)| {
                reader.check_transcript(command, output);
                run += 1;
            }),
            "sh not run" | "console not run" => {}
            other => panic!("a block of kind '{other}', which nothing checks"),
        }
    }
    assert!(run >= 6, "the README shows how it is used: {run} blocks were run");
}

/// Whatever stands as `peermon …`, `smarterSSH …` or `autoMPIgen …` in the text or first on a line of a block.
fn mentioned(text: &str) -> Vec<String> {
    let in_text = text.split('`').skip(1).step_by(2).map(str::to_owned);
    let in_blocks = blocks(text).into_iter().flat_map(|block| block.commands());
    let is_command = |line: &String| {
        let is_ours = ["peermon ", "smarterSSH ", "autoMPIgen "].iter().any(|name| line.starts_with(name));
        is_ours && !line.contains(['"', '|', '\n', '>', '&', '…'])
    };
    let without_comment = |line: String| line.split(" #").next().unwrap_or_default().trim().to_owned();
    in_text.chain(in_blocks).filter(is_command).map(without_comment).collect()
}

/// Checks a line of a block that is not run, as far as that goes without running it.
#[track_caller]
fn check_not_run(line: &str, options_of_install: &str) {
    let line = line.split(" #").next().unwrap_or_default();
    let mut words = line.split_whitespace().skip_while(|word| *word == "sudo");
    match words.next() {
        Some("./install.sh") => {
            for option in words.filter(|word| word.starts_with('-')) {
                assert!(options_of_install.contains(&format!("{option} ")), "{line}: no option {option}");
            }
        }
        // Each is parsed by another test.
        Some("peermon" | "smarterSSH" | "autoMPIgen") => {}
        Some("cargo") if words.next() == Some("bench") => {
            let bench = words.nth(1).unwrap_or_default();
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches").join(bench);
            assert!(path.is_dir() || path.with_extension("rs").is_file(), "{line}: no bench {bench}");
        }
        // Of others, in the table of installations.
        Some("apt" | "dnf" | "pip" | "cargo") => {}
        Some(path) if path.contains('/') => {
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(path).is_file(), "{line}: no {path}");
        }
        Some(other) => assert!(other.starts_with('#'), "{line}: '{other}' is not known here"),
        None => {}
    }
}

#[test]
fn every_command_is_run_or_marked_as_not_run_and_then_one_that_exists() {
    let install = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh")).unwrap();
    let text = readme();
    let mut checked = 0;
    let is_not_run = |block: &Block| block.kind.ends_with(" not run");
    for line in blocks(&text).into_iter().filter(is_not_run).flat_map(Block::commands) {
        check_not_run(&line, &install);
        checked += 1;
    }
    assert!(checked > 5, "{checked}");
    // Those in the running text too.
    let begin = ["./", "sudo ", "cargo ", "pip ", "packaging/build ", "benches/"];
    let in_text = text.split('`').skip(1).step_by(2).filter(|code| begin.iter().any(|word| code.starts_with(word)));
    assert!(in_text.inspect(|line| check_not_run(line, &install)).count() > 15);
    // A block without a fence would be neither.
    let mut is_fenced = false;
    for line in text.lines() {
        is_fenced ^= line.starts_with("```");
        assert!(is_fenced || !line.starts_with("    "), "a command outside of a block: {line}");
    }
}

#[test]
fn every_command_line_that_is_mentioned_is_one_that_peermon_takes() {
    assert!(check_mentioned(&readme()) > 15);
}

/// Checks each command line in `text`. How many there are.
#[track_caller]
pub fn check_mentioned(text: &str) -> usize {
    let mentioned = mentioned(text);
    for line in &mentioned {
        let parsed = Invocation::of(line.split_whitespace().map(OsString::from)).parse().map_err(|error| error.kind());
        // The text calls commands by their names alone, which is not all that some of them want.
        let wants_more = [ErrorKind::MissingRequiredArgument, ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand];
        let is_name =
            line.split_whitespace().count() == 2 && parsed.as_ref().is_err_and(|kind| wants_more.contains(kind));
        assert!(parsed.is_ok() || is_name, "{line}: {parsed:?}");
    }
    mentioned.len()
}

#[test]
fn every_link_to_a_file_leads_somewhere() {
    assert!(check_links(&readme(), "") > 5);
}

/// Checks each link of `text`, which lies in `folder`. How many there are.
#[track_caller]
pub fn check_links(text: &str, folder: &str) -> usize {
    let links: Vec<&str> = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    for link in links.iter().filter(|link| !link.contains("://")) {
        let (path, heading) = link.split_once('#').unwrap_or((link, ""));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(path);
        assert!(path.exists(), "{link}");
        if !heading.is_empty() {
            let page = fs::read_to_string(&path).unwrap();
            let headings: Vec<String> = page.lines().filter_map(|line| line.strip_prefix("## ")).map(anchor).collect();
            assert!(headings.iter().any(|known| known == heading), "{link}: {headings:?}");
        }
    }
    links.len()
}

/// What a heading is called in a link.
fn anchor(heading: &str) -> String {
    heading.to_lowercase().replace(' ', "-").replace(|char: char| !char.is_alphanumeric() && char != '-', "")
}
