//! Fifty smarterSSH within two seconds, with a demo's real daemons.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use peermon::client::{Client, Daemon, HostTable, Place};
use peermon::config::Environment;
use peermon::placement::{Criteria, Policy, rank};

use super::filled::binary;

const HOSTS: usize = 16;
const USERS: u32 = 50;

/// From one start to the next.
const PAUSE: Duration = Duration::from_millis(35);

struct Demo {
    child: Child,
    socket: PathBuf,
}

impl Demo {
    /// Sixteen hosts and the one that is typed on, which offers nothing.
    fn start() -> Self {
        let mut child =
            Command::new(binary()).args(["demo", &(HOSTS + 1).to_string()]).stdout(Stdio::piped()).spawn().unwrap();
        let mut socket = PathBuf::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap) {
            if let Some((_, path)) = line.split_once("export PEERMON_SOCKET=") {
                socket = path.trim_matches('\'').into();
            }
            if line.starts_with("Ctrl-C") {
                break;
            }
        }
        Self { child, socket }
    }

    fn table(&self) -> HostTable {
        let daemon = Daemon::At(Place::Socket(self.socket.clone()));
        Client::connect(&daemon, &Environment::default()).unwrap().hosts().unwrap()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // As Ctrl-C does, so that its daemons and folders go too.
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT);
        let _ = self.child.wait();
    }
}

/// Most on one host, where a scheduler that knows all sends them.
fn best_possible(table: &HostTable) -> u32 {
    let mut hosts = table.hosts.clone();
    for _ in 0..USERS {
        let best = rank(&hosts, &Criteria::all(Policy::Balanced { delta: 0.0 }), 1).eligible[0].host.id;
        hosts.iter_mut().find(|host| host.id == best).unwrap().pending_hundredths += 100;
    }
    hosts.iter().map(|host| host.pending_hundredths / 100).max().unwrap()
}

pub fn fifty_at_once() -> bool {
    let demo = Demo::start();
    let begin = Instant::now();
    while demo.table().hosts.iter().filter(|host| host.is_offered()).count() < HOSTS {
        assert!(begin.elapsed() < Duration::from_secs(30), "the demo is not whole");
        std::thread::sleep(Duration::from_millis(50));
    }
    let optimum = best_possible(&demo.table());
    let begin = Instant::now();
    let running: Vec<Child> = (0..USERS)
        .map(|user| {
            std::thread::sleep((begin + PAUSE * user).saturating_duration_since(Instant::now()));
            let mut command = Command::new(binary());
            command.args(["ssh", "--no-probe", "--", "x"]).env("PEERMON_SOCKET", &demo.socket);
            command.env("PEERMON_SSH", "/bin/echo").stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut taken: BTreeMap<String, u32> = BTreeMap::new();
    for child in running {
        let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        let host = output.rsplit(' ').nth(1).unwrap().to_owned();
        *taken.entry(host).or_default() += 1;
    }
    let (span, most) = (begin.elapsed().as_secs_f64(), taken.values().max().unwrap());
    let spread: Vec<String> = taken.iter().map(|(host, count)| format!("{host} {count}")).collect();
    println!("fifty smarterSSH in {span:.1} s, sixteen real daemons with loads that move:");
    println!("  most on one host: {most}; a scheduler that knows all: {optimum}\n  {}\n", spread.join(", "));
    true
}
