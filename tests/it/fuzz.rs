//! Whatever comes from outside, as bytes: the bodies of the fuzz targets over their corpus and over inputs that are nearly
//! right. tests/fuzz/README.md says how libFuzzer runs the same for hours.

#[path = "../fuzz/bodies/mod.rs"]
mod bodies;
#[path = "fuzz/mutator.rs"]
mod mutator;
#[path = "fuzz/seeds.rs"]
mod seeds;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use bodies::{TARGETS, Target};
use mutator::Mutator;

/// Inputs per target, beside those of the corpus.
const INPUTS: usize = 10_000;

/// Where the generator begins, so that each run is the same.
const SEED: u64 = 1;

/// So many of the inputs at least must be taken, and so many refused, or the search is in a place where nothing is found.
const TAKEN_MIN: usize = INPUTS / 1_000;

/// Everybody who clones the sources gets the corpus.
const CORPUS_MAX: u64 = 300 << 10;

/// Set to write the seeds anew, where a format has changed.
const BLESS: &str = "PEERMON_BLESS";

#[test]
fn nothing_that_anybody_sends_breaks_a_session() {
    check_target("sealed");
}

#[test]
fn what_is_repeated_damaged_or_late_never_opens() {
    check_target("exchange");
}

#[test]
fn nothing_that_a_member_says_breaks_a_host() {
    check_target("opened");
}

#[test]
fn no_conversation_makes_a_host_forget_itself_or_others() {
    check_target("conversation");
}

#[test]
fn nothing_that_a_client_asks_breaks_the_daemon() {
    check_target("request");
}

#[test]
fn nothing_that_a_daemon_answers_breaks_a_client() {
    check_target("reply");
}

#[test]
fn nothing_that_stands_in_a_settings_file_breaks_who_reads_it() {
    check_target("config");
}

#[test]
fn nothing_that_stands_in_proc_breaks_who_reads_it() {
    check_target("proc");
}

#[test]
fn a_broken_promise_is_told_with_seed_and_input() {
    let target = Target { name: "planted", body: |bytes| bytes != b"\x07\xff" || panic!("broken") };
    assert!(run(target, b"\x07", "whole"));
    let panic = catch_unwind(|| run(target, b"\x07\xff", "input 3 of seed 1")).unwrap_err();
    let said = panic.downcast_ref::<String>().unwrap();
    assert!(said.contains("planted") && said.contains("input 3 of seed 1") && said.contains(" 07ff "), "{said}");
}

#[test]
fn one_seed_gives_one_row_of_inputs() {
    let corpus = [b"[1, 2]".to_vec(), b"port = 1288\n".to_vec()];
    let row = |seed| {
        let mut mutator = Mutator::new(seed, &corpus);
        (0..100).map(|_| mutator.next_input()).collect::<Vec<_>>()
    };
    assert_eq!(row(1), row(1));
    assert_ne!(row(1), row(2));
}

#[test]
fn seeds_are_those_of_the_formats_of_today() {
    for seed in seeds::all() {
        let path = corpus_folder(seed.target).join(&seed.name);
        if std::env::var_os(BLESS).is_some_and(|value| value == "1") {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &seed.bytes).unwrap();
        }
        let found = fs::read(&path).unwrap_or_default();
        assert!(found == seed.bytes, "{} is of another format: {BLESS}=1 writes it anew", path.display());
        let target = TARGETS.into_iter().find(|target| target.name == seed.target).unwrap();
        assert!(run(target, &seed.bytes, &seed.name), "{} is not taken", path.display());
    }
}

#[test]
fn the_corpus_stays_small() {
    let folders = TARGETS.iter().map(|target| corpus_folder(target.name));
    let sizes =
        folders.flat_map(|folder| fs::read_dir(folder).unwrap()).map(|file| file.unwrap().metadata().unwrap().len());
    let size: u64 = sizes.sum();
    assert!(size <= CORPUS_MAX, "{size} bytes: `cargo fuzz cmin` keeps what is needed");
}

#[test]
fn libfuzzer_has_the_same_targets() {
    let folder = fuzz_folder();
    let stems = |folder: &str, extension: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(fuzz_folder().join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter_map(|name| name.strip_suffix(extension).map(str::to_owned)).collect()
    };
    let names: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(stems("fuzz_targets", ".rs"), names);
    assert_eq!(stems("corpus", ""), names);
    let (manifest, readme) =
        ["Cargo.toml", "README.md"].map(|file| fs::read_to_string(folder.join(file)).unwrap()).into();
    for name in names {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name} is not in Cargo.toml");
        assert!(readme.contains(&format!("| `{name}` |")), "{name} is not in README.md");
        let source = fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(source.contains(&format!("peermon_fuzz::{name}(")), "{source}");
    }
}

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}

fn corpus_folder(target: &str) -> PathBuf {
    fuzz_folder().join("corpus").join(target)
}

/// The corpus of `target` and what is made of it.
#[track_caller]
fn check_target(name: &str) {
    let target = TARGETS.into_iter().find(|target| target.name == name).unwrap();
    let mut files: Vec<PathBuf> = fs::read_dir(corpus_folder(name)).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let corpus: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    for (file, input) in files.iter().zip(&corpus) {
        run(target, input, &file.display().to_string());
    }
    let mut mutator = Mutator::new(SEED, &corpus);
    let inputs =
        (0..INPUTS).map(|number| run(target, &mutator.next_input(), &format!("input {number} of seed {SEED}")));
    let taken = inputs.filter(|is_taken| *is_taken).count();
    assert!((TAKEN_MIN..=INPUTS - TAKEN_MIN).contains(&taken), "{taken} of {INPUTS} inputs were taken");
}

/// Whether `input` was taken. Where a promise is broken, says by which input, in a form that can be kept.
#[track_caller]
fn run(target: Target, input: &[u8], what: &str) -> bool {
    catch_unwind(AssertUnwindSafe(|| (target.body)(input))).unwrap_or_else(|_| {
        let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = target.name;
        panic!("target {name}, {what}: echo {hex} | xxd -r -p > tests/fuzz/corpus/{name}/what_it_shows")
    })
}
