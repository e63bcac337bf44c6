//! Man pages and completions: made from the parser's definitions, checked in, and the same as what is made now.
//! `PEERMON_BLESS=1 cargo test generated_files` writes them anew.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap_complete::{Shell, generate};
use clap_mangen::Man;
use peermon::cmd::invocation::Program;
use peermon::cmd::manual::{self, Page};
use peermon::config::FileSettings;

/// Set to 1 where the files are to be written.
const BLESS: &str = "PEERMON_BLESS";

#[test]
fn man_pages_are_what_the_parser_says() {
    let mut pages = BTreeMap::new();
    for program in Program::ALL {
        let mut command = program.command();
        command.build();
        let subcommands: Vec<clap::Command> = command.get_subcommands().cloned().collect();
        for subcommand in subcommands {
            let name = format!("peermon-{}", subcommand.get_name());
            for action in subcommand.get_subcommands().filter(|action| !action.is_hide_set()) {
                let name = format!("{name}-{}", action.get_name());
                pages.insert(format!("{name}.1"), man_page(action.clone().display_name(&name), &name));
            }
            pages.insert(format!("{name}.1"), man_page(subcommand.display_name(&name), &name));
        }
        pages.insert(format!("{}.1", program.name()), man_page(command, program.name()));
    }
    let described: Vec<String> = manual::PAGES.iter().map(|page| format!("{}.1", page.name)).collect();
    assert_eq!(pages.len(), described.len(), "{described:?} describe {:?}", pages.keys());
    check_files("packaging/man", &pages);
}

#[test]
fn completions_are_what_the_parser_says() {
    let mut completions = BTreeMap::new();
    for program in Program::ALL {
        let name = program.name();
        for (shell, file) in [
            (Shell::Bash, format!("{name}.bash")),
            (Shell::Zsh, format!("_{name}")),
            (Shell::Fish, format!("{name}.fish")),
        ] {
            let mut text = Vec::new();
            generate(shell, &mut program.command(), name, &mut text);
            completions.insert(file, String::from_utf8(text).unwrap());
        }
    }
    check_files("completions", &completions);
}

#[test]
fn bash_completes_commands_options_and_values() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions/peermon.bash");
    let complete = r#"source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); word=${COMP_WORDS[COMP_CWORD]}
        _peermon "$1" "$word" "${COMP_WORDS[COMP_CWORD - 1]}"; echo "${COMPREPLY[@]}""#;
    for (typed, expected) in [
        ("peermon que", "query"),
        ("peermon query --exc", "--exclude --exclude-self"),
        ("peermon query --policy c", "cpu classic"),
        ("peermon query --output j", "json"),
    ] {
        let mut bash = Command::new("bash");
        let output = bash.arg("-c").arg(complete).arg(&file).args(typed.split(' ')).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), expected, "{typed}: {output:?}");
    }
}

#[test]
fn the_daemons_page_names_every_key_of_the_settings() {
    let page = manual::page("peermon-daemon").unwrap();
    let settings = page.sections.iter().find(|section| section.title == "SETTINGS").unwrap();
    for (table, key) in FileSettings::keys() {
        let tag = if table.is_empty() { key.to_owned() } else { format!("[{table}]") };
        let (_, text) = settings.items.iter().find(|(name, _)| *name == tag).unwrap_or_else(|| panic!("{tag}"));
        assert!(tag == key || text.split([' ', ',', ':', '.']).any(|word| word == key), "{tag} {key}");
    }
}

/// Checks that `folder` holds exactly these files, or writes them.
#[track_caller]
fn check_files(folder: &str, files: &BTreeMap<String, String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    if env::var_os(BLESS).is_some_and(|value| value == "1") {
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    let there: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|item| item.unwrap().path()).collect();
    let stray: Vec<&PathBuf> =
        there.iter().filter(|path| !files.contains_key(path.file_name().unwrap().to_str().unwrap())).collect();
    assert!(stray.is_empty(), "nothing makes these any more: {stray:?}");
    let drifted: Vec<&String> = files
        .iter()
        .filter(|(name, text)| fs::read_to_string(folder.join(name)).ok().as_ref() != Some(text))
        .map(|(name, _)| name)
        .collect();
    assert!(drifted.is_empty(), "{drifted:?} drifted: {BLESS}=1 cargo test generated_files writes them anew");
}

/// The page of one command: what clap_mangen makes of its definitions, and what src/cmd/manual.rs says.
fn man_page(command: clap::Command, name: &str) -> String {
    let page = manual::page(name).unwrap_or_else(|| panic!("src/cmd/manual.rs has no page {name}"));
    let mut usage = command.clone();
    let usage = usage.render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").expect("clap's usage").to_owned();
    let (has_options, has_subcommands) = (command.get_arguments().next().is_some(), command.has_subcommands());
    let version = env!("CARGO_PKG_VERSION");
    let man = Man::new(command).title(name).source(format!("peermon {version}")).manual("peermon");
    let mut text = Vec::new();
    man.render_title(&mut text).unwrap();
    man.render_name_section(&mut text).unwrap();
    text.extend(format!(".SH SYNOPSIS\n{}\n", roff(&usage)).into_bytes());
    man.render_description_section(&mut text).unwrap();
    for paragraph in page.description {
        text.extend(format!(".PP\n{}\n", roff(paragraph)).into_bytes());
    }
    if has_options {
        man.render_options_section(&mut text).unwrap();
    }
    if has_subcommands {
        man.render_subcommands_section(&mut text).unwrap();
    }
    text.extend(sections(page).into_bytes());
    String::from_utf8(text).unwrap()
}

fn sections(page: &Page) -> String {
    let mut text = String::new();
    for section in page.sections {
        text += &format!(".SH \"{}\"\n", section.title);
        for (tag, about) in section.items {
            text += &format!(".TP\n\\fB{}\\fR\n{}\n", roff(tag), roff(about));
        }
    }
    if !page.see_also.is_empty() {
        let pages: Vec<String> = page.see_also.iter().map(|page| bold_name(page)).collect();
        text += &format!(".SH \"SEE ALSO\"\n{}\n", pages.join(", "));
    }
    text
}

/// `name(1)` with the name set off.
fn bold_name(page: &str) -> String {
    let (name, section) = page.split_once('(').expect("name(section)");
    format!("\\fB{}\\fR({section}", roff(name))
}

/// Text in which roff sees nothing to do. A hyphen is what a user types, not a place to break.
fn roff(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-");
    if escaped.starts_with(['.', '\'']) { format!("\\&{escaped}") } else { escaped }
}
