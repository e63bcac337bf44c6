//! A machine of a test's own: a process with namespaces of its own (network, processes, mounts, host name), so nothing of this
//! one is seen or changed, and all that was started there ends with it. `/proc/PID/root` shows its files.
//!
//! It has this project in [`SOURCE`] and the executable that is tested in `/mnt/peermon`. The folders' names have spaces in
//! them.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::geteuid;

use crate::command::{Outcome, binary};
use crate::skip;

/// As seen on the machine.
pub const HOME: &str = "/mnt/home of ada";
pub const SOURCE: &str = "/mnt/the source";
/// Programs that stand in for others; first in the machine's PATH.
pub const STAND_INS: &str = "/mnt/stand-ins";
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A daemon measures when it starts; a machine that is busy with other tests takes longer.
const FIRST_FIGURES_MAX: Duration = Duration::from_secs(10);

/// What makes the machine: its name, this project and the executable are given.
const SET_UP: &str = r#"
set -e
hostname "$1"
ip link set lo up
mount -t tmpfs tmpfs /mnt
for folder in $4; do
    mkdir -p "/mnt/own$folder/upper" "/mnt/own$folder/work"
    mount -t overlay -o "lowerdir=$folder,upperdir=/mnt/own$folder/upper,workdir=/mnt/own$folder/work" overlay "$folder"
done
mkdir "/mnt/home of ada" "/mnt/the source" /mnt/stand-ins
cd "$2"
for part in install.sh packaging completions docs Cargo.toml *.md LICENSE-*; do
    [ ! -e "$part" ] || cp -R "$part" "/mnt/the source/"
done
cp "$3" /mnt/peermon
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs tmpfs /run
echo ready
exec cat
"#;

/// Ends with this value.
pub struct Machine {
    keeper: Child,
    own_folders: &'static str,
}

/// Folders that can be changed without changing those of this machine, beside the usual ones.
const OF_A_USER: &str = "";
const OF_AN_ADMINISTRATOR: &str = "/etc /usr /var";

impl Machine {
    /// A machine that nothing connects to another one. `None`: the test is skipped, since none can be made here.
    pub fn new(name: &str) -> Option<Self> {
        let root = if geteuid().is_root() { None } else { Some("--map-root-user") };
        let mut unshare = Command::new("unshare");
        unshare.args(root);
        Self::or_skip(Self::start(unshare, name, OF_A_USER))
    }

    /// One for its administrator: what is changed in /etc, /usr and /var is changed there only. Nothing is in /usr/local, and no
    /// peermon is installed.
    pub fn of_an_administrator(name: &str) -> Option<Self> {
        if !geteuid().is_root() {
            skip::because("only root can make users, on whatever machine");
            return None;
        }
        Self::or_skip(Self::start(Command::new("unshare"), name, OF_AN_ADMINISTRATOR))
    }

    fn or_skip(machine: Result<Self, String>) -> Option<Self> {
        machine.map_err(|why| skip::because(&format!("no machine of its own: {why}"))).ok()
    }

    /// Another one, which can be connected to this one.
    pub fn beside(&self, name: &str) -> Self {
        let mut command = Command::new("nsenter");
        command.args(self.user()).args(["--", "unshare"]);
        Self::start(command, name, self.own_folders).unwrap()
    }

    /// Lays a cable between the two, and gives them the first two addresses of 10.9.0.0/24.
    #[track_caller]
    pub fn connect(&self, other: &Self) {
        let peer = other.id().to_string();
        let line = ["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", &peer];
        let joined =
            Command::new("nsenter").args(self.user()).args(["--net", "--"]).args(line).env("PATH", PATH).output();
        assert!(joined.as_ref().is_ok_and(|output| output.status.success()), "{joined:?}");
        for (machine, address) in [(self, "10.9.0.1/24"), (other, "10.9.0.2/24")] {
            machine.said(&format!("ip address add {address} dev eth0 && ip link set eth0 up"));
        }
    }

    fn start(mut unshare: Command, name: &str, own_folders: &'static str) -> Result<Self, String> {
        let mut keeper = unshare
            .args(["--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"])
            .args(["sh", "-c", SET_UP, "sh", name, env!("CARGO_MANIFEST_DIR")])
            .arg(binary())
            .arg(own_folders)
            .env("PATH", PATH)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut said = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let machine = Self { keeper, own_folders };
        if said == "ready\n" { Ok(machine) } else { Err(machine.last_words()) }
    }

    /// The process that keeps its namespaces.
    pub fn id(&self) -> u32 {
        self.keeper.id()
    }

    fn last_words(mut self) -> String {
        let said = self.keeper.stderr.take().map(BufReader::new);
        said.into_iter().flat_map(|said| said.lines().map_while(Result::ok)).collect::<Vec<_>>().join("; ")
    }

    /// Where another process finds its users, as arguments of `nsenter`.
    pub fn user(&self) -> Vec<String> {
        let target = format!("--target={}", self.id());
        let user = ["--user", "--preserve-credentials"].map(str::to_owned);
        if geteuid().is_root() { vec![target] } else { [target].into_iter().chain(user).collect() }
    }

    /// `program` on this machine, by a user with a fresh environment.
    pub fn command(&self, program: &str) -> Command {
        let processes = format!("--pid=/proc/{}/ns/pid_for_children", self.id());
        let mut command = Command::new("nsenter");
        command.args(self.user()).args(["--net", "--mount", "--uts", &processes, "--"]).args(["env", "-i"]);
        command.args([format!("PATH={STAND_INS}:{PATH}"), format!("HOME={HOME}"), "LC_ALL=C".into()]);
        // Variables that a test adds come as NAME=VALUE before the program.
        command.stdin(Stdio::null()).env("LC_ALL", "C");
        command.arg("sh").args(["-c", r#"exec "$@""#, "sh", program]);
        command
    }

    /// Types `line` into a shell there.
    pub fn shell(&self, line: &str) -> Outcome {
        self.command("sh").args(["-c", line]).output().unwrap().into()
    }

    /// What `line` prints, where it goes well.
    #[track_caller]
    pub fn said(&self, line: &str) -> String {
        let outcome = self.shell(line);
        assert_eq!(outcome.code, Some(0), "{line}: {outcome:?}");
        outcome.stdout
    }

    /// Runs install.sh with these variables before it, as a shell has them.
    pub fn install_with(&self, variables: &str, arguments: &str) -> Outcome {
        self.shell(&format!("{variables} dash '{SOURCE}/install.sh' {arguments}"))
    }

    /// Installs the executable that is tested.
    #[track_caller]
    pub fn install(&self, arguments: &str) -> String {
        let outcome = self.install_with("PEERMON_BINARY=/mnt/peermon", arguments);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        outcome.stdout
    }

    /// Asks as the user would, once ~/.local/bin is in the PATH.
    #[track_caller]
    pub fn peermon(&self, arguments: &str) -> String {
        self.said(&format!(r#"PATH="$HOME/.local/bin:$PATH"; peermon {arguments}"#))
    }

    /// Whom the machine's own daemon offers, once it knows its first figures.
    #[track_caller]
    pub fn offered(&self) -> String {
        let begin = Instant::now();
        loop {
            let outcome = self.shell("peermon query");
            match outcome.code {
                Some(0) => return outcome.stdout,
                // Nobody yet.
                Some(4) if begin.elapsed() < FIRST_FIGURES_MAX => thread::sleep(Duration::from_millis(50)),
                _ => panic!("{outcome:?}"),
            }
        }
    }

    pub fn daemon(&self) -> String {
        self.peermon("query --status --json")
    }

    /// `path` of this machine, as this process sees it.
    pub fn path(&self, path: &str) -> PathBuf {
        // The keeper itself has the machine's mounts, though not its processes.
        Path::new(&format!("/proc/{}/root", self.id())).join(path.trim_start_matches('/'))
    }

    pub fn home(&self, path: &str) -> PathBuf {
        self.path(HOME).join(path)
    }

    /// All files and folders below `path`, from there.
    pub fn files(&self, path: &str) -> BTreeSet<String> {
        let root = self.path(path);
        let mut found = BTreeSet::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                found.insert(entry.path().strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        found
    }

    /// A program that stands in for another one: these lines of shell.
    pub fn stand_in(&self, name: &str, lines: &str) {
        let path = self.path(STAND_INS).join(name);
        fs::write(&path, format!("#!/bin/sh\n{lines}")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }

    /// Whatever lies below these folders: names, modes, owners, times and sizes.
    pub fn snapshot(&self, folders: &str) -> BTreeSet<String> {
        let line = format!(r"find {folders} -printf '%p %M %u:%g %s %T@ %l\n' | sort");
        self.said(&line).lines().map(str::to_owned).collect()
    }

    /// Process ids of all daemons there.
    pub fn daemons(&self) -> Vec<String> {
        let line =
            r#"for exe in /proc/[0-9]*/exe; do case $(readlink "$exe") in */peermon*) echo "$exe" ;; esac; done"#;
        self.said(line).lines().map(str::to_owned).collect()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
