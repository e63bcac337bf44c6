//! The Python library where Python finds it by itself: put there by install.sh, by the .deb, by pip. On machines of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{Outcome, Place, binary};
use crate::install_machine::check_contains;
use crate::machine::{HOME, Machine};
use crate::skip;

/// The line of the old manual's example, and what it is for.
const AS_THE_MANUAL_HAS_IT: &str = r#"
import sys
sys.path.insert(2,"/usr/sbin")  # add as 2nd element in my python library path
from peermonlib import PeermonLib
from peermonlib import PeerMonLib
lib = PeerMonLib()
print([entry.HOSTNAME for entry in lib.nodes_list])
"#;

fn package() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/python")
}

/// Whether Python is on the machine; else the test is skipped.
fn has_python(machine: &Machine) -> bool {
    let found = machine.shell("/usr/bin/python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))'").code == Some(0);
    if !found {
        skip::because("no /usr/bin/python3 here");
    }
    found
}

/// Types the manual's example in a folder where there is nothing.
#[track_caller]
pub fn check_example(machine: &Machine, before: &str) {
    fs::write(machine.path("/mnt/example.py"), AS_THE_MANUAL_HAS_IT).unwrap();
    assert_eq!(machine.said(&format!("cd /; {before} /usr/bin/python3 /mnt/example.py")), "['ada']\n");
}

#[test]
fn installed_for_the_machine_every_user_has_it_and_uninstalling_leaves_nothing() {
    let Some(machine) = Machine::of_an_administrator("ada") else { return };
    if !has_python(&machine) {
        return;
    }
    let before = machine.files("/usr/local");
    let outcome = machine.install_with("PEERMON_BINARY=/mnt/peermon", "");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{}", outcome.stdout);
    assert_eq!(machine.offered(), "ada\n");
    check_example(&machine, "setpriv --reuid=65534 --regid=65534 --clear-groups");
    // Root's Python leaves what it compiled.
    check_example(&machine, "");
    assert!(machine.files("/usr/local").iter().any(|file| file.ends_with(".pyc")));
    let template = "/usr/local/share/peermon/examples/client_template.py";
    check_contains(&machine.said(&format!("{template} -n 20 -v -i")), &["ada ", " MiB free\n"]);
    assert_eq!(machine.install_with("", "--uninstall --purge").code, Some(0));
    assert_eq!(machine.files("/usr/local"), before);
}

#[test]
fn installed_for_one_user_that_user_has_it() {
    let Some(machine) = Machine::new("ada") else { return };
    if !has_python(&machine) {
        return;
    }
    machine.install("--user");
    check_example(&machine, r#"PATH="$HOME/.local/bin:$PATH""#);
    assert_eq!(machine.install_with("", "--uninstall --user").code, Some(0));
    let left = machine.files(HOME);
    assert!(left.iter().all(|file| file == ".config" || file.starts_with(".config/peermon")), "{left:?}");
}

#[test]
fn a_library_of_somebody_else_stays_and_a_machine_without_python_goes_without() {
    let Some(machine) = Machine::of_an_administrator("ada") else { return };
    if !has_python(&machine) {
        return;
    }
    let code = "import site; print(site.getsitepackages()[0])";
    let folder = machine.said(&format!("/usr/bin/python3 -c '{code}'")).trim().to_owned();
    machine.said(&format!("mkdir -p {folder}/peermonlib && echo mine >{folder}/peermonlib/__init__.py"));
    let outcome = machine.install_with("PEERMON_BINARY=/mnt/peermon", "--no-start");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    check_contains(&outcome.stderr, &["/peermonlib is not ours and stays as it is"]);
    machine.install_with("", "--uninstall");
    assert_eq!(machine.said(&format!("cat {folder}/peermonlib/__init__.py")), "mine\n");
    machine.said(&format!("rm -r {folder}/peermonlib"));
    // One that is too old says so by its exit code.
    machine.stand_in("python3", "exit 1");
    machine.said("rm /usr/bin/python3");
    let outcome = machine.install_with("PEERMON_BINARY=/mnt/peermon", "--no-start");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(!machine.files("/usr/local").iter().any(|file| file.contains("peermonlib")));
}

#[test]
fn an_image_has_it_where_the_prefix_says() {
    let Some(machine) = Machine::new("ada") else { return };
    for (prefix, folder) in
        [("/usr", "usr/lib/python3/dist-packages"), ("/usr/local", "usr/local/share/peermon/python")]
    {
        machine.said("rm -rf /mnt/image");
        machine.install(&format!("--destdir /mnt/image --prefix {prefix}"));
        assert!(machine.files("/mnt/image").contains(&format!("{folder}/peermonlib/__init__.py")), "{prefix}");
    }
}

/// Python as it is in PATH.
fn python(arguments: &[&str]) -> Option<Outcome> {
    let output = Command::new("python3").args(arguments).env("LC_ALL", "C.UTF-8").output().ok();
    if output.is_none() {
        skip::because("no python3 here");
    }
    output.map(Outcome::from)
}

#[test]
fn python_3_8_understands_every_line() {
    let files = ["peermonlib/__init__.py", "client_template.py"].map(|file| package().join(file));
    let parse = "
import ast, sys
for path in sys.argv[1:]:
    ast.parse(open(path, encoding='utf-8').read(), path, feature_version=(3, 8))
    print(path)
";
    let paths = files.each_ref().map(|path| path.to_str().unwrap());
    let Some(parsed) = python(&[&["-c", parse][..], &paths].concat()) else { return };
    assert_eq!((parsed.stdout.lines().collect::<Vec<_>>(), parsed.code), (paths.to_vec(), Some(0)), "{parsed:?}");
    let copy = tempfile::tempdir().unwrap();
    for path in &files {
        fs::copy(path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    let compiled = python(&["-W", "error", "-m", "compileall", "-q", copy.path().to_str().unwrap()]).unwrap();
    assert_eq!((compiled.stdout.as_str(), compiled.code), ("", Some(0)), "{compiled:?}");
}

#[test]
fn it_has_the_version_of_the_program() {
    let project = fs::read_to_string(package().join("pyproject.toml")).unwrap();
    // As PEP 440 writes 2.0.0-dev.
    let version = env!("CARGO_PKG_VERSION").replace("-dev", ".dev0");
    assert!(project.contains(&format!("\nversion = \"{version}\"\n")), "{version} is not in {project}");
}

/// What pip says where it cannot get the tools that a build needs.
const NO_NETWORK: [&str; 4] = ["No matching distribution", "NewConnectionError", "Temporary failure", "ProxyError"];

#[test]
fn pip_installs_it_into_a_virtual_environment() {
    let place = Place::new();
    let home = place.home.path();
    let run = |program: &Path, arguments: &str| -> Option<Outcome> {
        place.program(program, arguments).env("PEERMON", binary()).output().ok().map(Outcome::from)
    };
    match run(Path::new("python3"), "-m venv environment") {
        Some(Outcome { code: Some(0), .. }) => {}
        Some(_) | None => return skip::because("no python3 with venv and pip here"),
    }
    // A build leaves files beside the source.
    let copied = Command::new("cp").arg("-R").arg(package()).arg(home.join("python")).status().unwrap();
    assert!(copied.success());
    let pip =
        run(&home.join("environment/bin/pip"), "install --no-input --quiet --retries 1 --timeout 20 ./python").unwrap();
    if pip.code != Some(0) && NO_NETWORK.iter().any(|words| pip.stderr.contains(words)) {
        return skip::because("pip reaches no package index");
    }
    assert_eq!(pip.code, Some(0), "{pip:?}");
    fs::write(home.join("ask.py"), "from peermonlib import PeermonLib, DaemonUnreachable\ntry:\n    PeermonLib(socket='/no.sock').nodes_list\nexcept DaemonUnreachable as error:\n    print(error.exit_code)\n").unwrap();
    let asked = run(&home.join("environment/bin/python"), "ask.py").unwrap();
    assert_eq!((asked.stdout.as_str(), asked.code), ("3\n", Some(0)), "{asked:?}");
}
