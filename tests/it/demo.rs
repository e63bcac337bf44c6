//! `peermon demo`: real daemons with invented loads, of which nothing is left behind.
//!
//! Each demo has a folder for temporary files of its own; its processes are found by that folder's name, which all of them
//! have on their command lines.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::command::binary;

/// A crashed host is offered by nobody after this (docs/gossip.md, targets).
const CRASH: Duration = Duration::from_secs(6);

/// Two noisy cores run all other tests beside this one.
const PATIENCE: u32 = 3;

/// A demo in a pipe.
#[derive(Debug)]
pub struct Demo {
    child: Child,
    folder: TempDir,
    lines: Receiver<String>,
    /// What it printed first: the table and what to type.
    pub picture: Vec<String>,
}

impl Demo {
    /// Starts a demo of `count` daemons and reads until it has said how it ends.
    pub fn start(count: usize) -> Self {
        Self::of(Command::new(binary()).args(["demo", &count.to_string()]))
    }

    fn of(command: &mut Command) -> Self {
        let folder = tempfile::Builder::new().prefix("demo ").tempdir().unwrap();
        let mut child =
            command.env("TMPDIR", folder.path()).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut demo = Self { child, folder, lines, picture: Vec::new() };
        while demo.picture.last().is_none_or(|line| !line.starts_with("Ctrl-C")) {
            let line = demo.lines.recv_timeout(Duration::from_secs(60)).expect("a demo shows a table and what to type");
            demo.picture.push(line);
        }
        demo
    }

    /// The lines that it says can be typed.
    pub fn commands(&self) -> Vec<&str> {
        self.picture.iter().filter_map(|line| line.strip_prefix("    ")).collect()
    }

    /// Where the daemon that it names listens.
    pub fn socket(&self) -> PathBuf {
        let line = self.commands().into_iter().find_map(|line| line.strip_prefix("export PEERMON_SOCKET="));
        line.unwrap().trim_matches('\'').into()
    }

    /// Types `line` in a second terminal, with what the demo says must be typed before.
    pub fn shell(&self, line: &str) -> Output {
        let export = self.commands()[0];
        Command::new("sh").args(["-c", &format!("{export}\n{line}")]).env("HOME", self.folder.path()).output().unwrap()
    }

    /// What `peermon query` prints with these arguments, and nothing else.
    pub fn query(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(binary());
        command.arg("query").args(arguments).env("HOME", self.folder.path()).env("PEERMON_SOCKET", self.socket());
        let output = command.output().unwrap();
        assert!(output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn victim(&self) -> Pid {
        let pid = self.commands().into_iter().find_map(|line| line.strip_prefix("kill -9 ")).unwrap();
        Pid::from_raw(pid.parse().unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Ends it as Ctrl-C does, and checks that nothing is left behind.
    #[track_caller]
    pub fn end(mut self) {
        self.signal(Signal::SIGINT);
        assert_eq!(self.ended().code(), Some(0));
        self.check_nothing_left_behind();
    }

    #[track_caller]
    fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the demo ends", Duration::from_secs(3), || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    #[track_caller]
    fn check_nothing_left_behind(&self) {
        check_nothing_left_in(self.folder.path());
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn wait_until(what: &str, promised: Duration, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < promised * PATIENCE, "not after {:?}: {what}", begin.elapsed());
        thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn check_nothing_left_in(folder: &Path) {
    let left = || (processes_of(folder), fs::read_dir(folder).unwrap().map(Result::unwrap).collect::<Vec<_>>());
    let is_clean = || matches!(left(), (processes, files) if processes.is_empty() && files.is_empty());
    wait_until(&format!("nothing is left behind, {:?}", left()), Duration::from_secs(3), is_clean);
}

/// The processes that have `folder` on their command line.
fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let processes = fs::read_dir("/proc").unwrap().map_while(Result::ok);
    let lines = processes.filter_map(|process| {
        let line = String::from_utf8(fs::read(process.path().join("cmdline")).ok()?).ok()?;
        line.contains(folder).then(|| format!("{} {}", process.file_name().display(), line.replace('\0', " ")))
    });
    lines.collect()
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split_whitespace().collect()
}

#[test]
fn a_demo_of_twelve_shows_a_whole_table_and_says_that_it_is_invented() {
    let demo = Demo::start(12);
    let names: Vec<&str> = demo.picture[3..15].iter().map(|line| line.split(' ').next().unwrap()).collect();
    let nodes = (1..=11).map(|number| format!("node{number}"));
    assert_eq!(names, ["login".to_owned()].into_iter().chain(nodes).collect::<Vec<_>>());
    assert!(demo.picture[0].contains("12 real daemons") && demo.picture[0].contains("invented"), "{:?}", demo.picture);
    assert_eq!(demo.query(&["--count", "--all"]), "12\n");
    assert_eq!(demo.query(&["--count"]), "11\n");
    assert_eq!(
        demo.query(&["--self", "--all", "--fields", "name,collector", "--output", "csv"]),
        "name,collector\nlogin,true\n"
    );
    let addresses: BTreeSet<String> = (1..=12).map(|last| format!("127.0.0.{last}")).collect();
    let found = demo.query(&["--all", "-I"]);
    assert_eq!(words(&found), addresses.iter().map(String::as_str).collect());
    demo.end();
}

#[test]
fn the_loads_of_a_demo_move_and_arrive_everywhere() {
    let demo = Demo::start(4);
    let loads = || demo.query(&["--all", "--output", "csv", "--fields", "name,load1"]);
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (before, mut moved) = (lines(&loads()), BTreeSet::new());
    wait_until("all four loads differ from what they were", Duration::from_secs(45), || {
        moved.extend(lines(&loads()).difference(&before).map(|line| line.split(',').next().unwrap().to_owned()));
        moved.len() == 4
    });
    demo.end();
}

#[test]
fn what_a_demo_says_can_be_typed_works_when_it_is_pasted() {
    let demo = Demo::start(4);
    let commands = demo.commands();
    assert_eq!(commands.len(), 4, "{commands:?}");
    let said = |line: &str| {
        let Output { status, stdout, stderr } = demo.shell(line);
        assert!(status.success() && stderr.is_empty(), "{line}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    };
    assert_eq!(words(&said(commands[1])), ["node1", "node2", "node3"].into());
    let explained = said(commands[2]);
    assert!(["login", "collector", "node1"].iter().all(|word| explained.contains(word)), "{explained}");
    assert_eq!(said(commands[3]), "");
    demo.end();
}

#[test]
fn a_demo_goes_on_when_one_of_its_daemons_is_killed() {
    let mut demo = Demo::start(4);
    assert!(words(&demo.query(&[])).contains("node1"));
    kill(demo.victim(), Signal::SIGKILL).unwrap();
    wait_until("the killed host is offered by nobody", CRASH, || !words(&demo.query(&[])).contains("node1"));
    assert_eq!(words(&demo.query(&[])), ["node2", "node3"].into());
    assert_eq!(demo.child.try_wait().unwrap(), None);
    demo.end();
}

#[test]
fn a_demo_whose_daemons_are_all_gone_says_so() {
    let mut demo = Demo::start(1);
    let pid: i32 = processes_of(demo.folder.path())
        .iter()
        .find(|line| line.contains(" daemon "))
        .and_then(|line| line.split(' ').next()?.parse().ok())
        .unwrap();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    assert_eq!(demo.ended().code(), Some(1));
    demo.check_nothing_left_behind();
}

#[track_caller]
fn check_end(signal: Signal, code: Option<i32>) {
    let mut demo = Demo::start(3);
    // Three daemons, and the broom.
    assert_eq!(processes_of(demo.folder.path()).len(), 4, "{:?}", processes_of(demo.folder.path()));
    demo.signal(signal);
    assert_eq!(demo.ended().code(), code, "{signal}");
    demo.check_nothing_left_behind();
}

#[test]
fn nothing_of_a_demo_is_left_behind_however_it_ends() {
    check_end(Signal::SIGINT, Some(0));
    check_end(Signal::SIGTERM, Some(0));
    check_end(Signal::SIGHUP, Some(0));
    check_end(Signal::SIGKILL, None);
}

#[test]
fn nothing_of_a_demo_is_left_behind_when_a_daemon_does_not_end() {
    let demo = Demo::start(3);
    kill(demo.victim(), Signal::SIGSTOP).unwrap();
    demo.end();
}

#[test]
fn nothing_of_a_demo_is_left_behind_when_nobody_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!("'{}' demo 2 | head -n 1", binary().display());
    let output = Command::new("sh").args(["-c", &line]).env("TMPDIR", folder.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1);
    assert!(output.stderr.is_empty(), "{output:?}");
    check_nothing_left_in(folder.path());
}

#[test]
fn a_demo_on_a_terminal_is_drawn_over_and_over_until_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!("stty rows 24 cols 80; exec '{}' demo 12", binary().display());
    let mut terminal = Command::new("script")
        .args(["-qefc", &line, "/dev/null"])
        .env("TMPDIR", folder.path())
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(terminal.stdout.take().unwrap());
    let mut lines = Vec::new();
    let is_drawn_thrice = |lines: &[String]| lines.iter().filter(|line| line.contains("Ctrl-C")).count() == 3;
    while !is_drawn_thrice(&lines) {
        let mut line = String::new();
        assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "{lines:?}");
        lines.push(line);
    }
    let text = lines.concat();
    assert_eq!(text.matches("\x1b[H").count(), 3, "one picture after another: {lines:?}");
    assert!(!text.contains("more)") && text.contains("node11"), "all twelve fit a terminal of 24 lines: {lines:?}");
    terminal.stdin.take().unwrap().write_all(b"\x03").unwrap();
    assert!(terminal.wait().unwrap().success());
    check_nothing_left_in(folder.path());
}

#[test]
fn two_demos_and_the_users_own_settings_do_not_meet() {
    let home = tempfile::tempdir().unwrap();
    let settings = home.path().join(".config/peermon");
    fs::create_dir_all(&settings).unwrap();
    fs::write(settings.join("peermon.toml"), "[gossip]\nnonsense = 1\n").unwrap();
    let mut command = Command::new(binary());
    let first = Demo::of(command.args(["demo", "2"]).env("HOME", home.path()).env("PEERMON_SOCKET", "/nowhere"));
    let second = Demo::start(3);
    // Whoever knew of each other would do so within the time that a newcomer takes.
    thread::sleep(Duration::from_secs(3));
    assert_eq!((first.query(&["--count", "--all"]), second.query(&["--count", "--all"])), ("2\n".into(), "3\n".into()));
    first.end();
    second.end();
}

#[track_caller]
fn check_no_demo(folder: &Path, what: &str, hint: &str) {
    let Output { status, stdout, stderr } =
        Command::new(binary()).args(["demo", "3"]).env("TMPDIR", folder).output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!((status.code(), stdout.as_slice()), (Some(1), [].as_slice()), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines.len() == 2 && lines[0].contains(what) && lines[1].contains(hint), "{said}");
}

#[test]
fn a_folder_in_which_there_can_be_no_demo_is_named() {
    let folder = tempfile::tempdir().unwrap();
    check_no_demo(&folder.path().join("missing"), "cannot make a folder for the demo", "hint: TMPDIR=");
    // No socket has so long a name.
    let long = folder.path().join("x".repeat(100));
    fs::create_dir(&long).unwrap();
    check_no_demo(&long, "the daemon of login ended at once: peermon daemon: cannot make", "hint: those are its own");
    check_nothing_left_in(&long);
}

#[track_caller]
fn check_refused(count: &str) {
    let Output { status, stdout, stderr } = Command::new(binary()).args(["demo", count]).output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!((status.code(), stdout.as_slice()), (Some(2), [].as_slice()), "{count}");
    let expected = format!("peermon demo: '{count}' is not a number of daemons (1 to 60) ([N])");
    assert!(said.lines().next() == Some(&expected) && said.lines().count() == 2, "{said}");
}

#[test]
fn a_number_of_daemons_that_cannot_be_is_refused() {
    for count in ["0", "x", "100000", "61", "-1", "1.5", "99999999999999999999999"] {
        check_refused(count);
    }
}
