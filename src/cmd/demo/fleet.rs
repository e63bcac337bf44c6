//! The daemons of a demo: real processes, each at a loopback address of its own, all in one folder.
//!
//! Nothing of it outlives the demo, however that ends: each daemon ends when the pipe to it closes, and a broom waits
//! to take the folder away. The kernel closes pipes for whoever cannot do it any more.

use std::env;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::machines::Machine;
use crate::client::{Client, ClientError, Daemon, HostTable, Place};
use crate::config::Environment;
use crate::config::paths::socket_in;
use crate::config::values::{Daemons, Port};
use crate::model::Dice;
use crate::os::{entropy, new_file};
use crate::session::new_key_file;

/// T of the daemons in seconds: whoever looks on wants to see things happen.
const INTERVAL_SECONDS: &str = "1";

/// Daemons that are told to end do so within a second; one that was stopped (SIGSTOP) never does.
const END_MAX: Duration = Duration::from_secs(2);

/// How often it is looked whether they have ended.
const END_PAUSE: Duration = Duration::from_millis(5);

/// Pairs of ports that are tried. One of two is free on any machine that is not full.
const PORT_TRIES: usize = 64;

/// Most machines that a newcomer starts from.
const SEEDS: usize = 3;

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// No place for its files.
    #[error("cannot make a folder for the demo (tried {}: {error})", .folder.display())]
    Folder {
        /// What was tried.
        folder: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// Every pair that was tried is used at one of the addresses.
    #[error("no UDP port is free, with the next one, at all of 127.0.0.1 to 127.0.0.{0}")]
    NoPorts(usize),
    /// The kernel refused to start a process.
    #[error("cannot start a daemon: {0}")]
    Start(io::Error),
    /// A daemon ended by itself.
    #[error("the daemon of {name} ended at once: {said}")]
    Ended {
        /// Which.
        name: String,
        /// Its own last words.
        said: String,
    },
}

/// Daemons that end with this value.
#[derive(Debug)]
pub struct Fleet {
    members: Vec<Member>,
    dice: Dice,
    // Dropped last: by then nobody uses the folder any more.
    folder: Folder,
}

/// One daemon, and the machine that it believes to run on.
#[derive(Debug)]
pub struct Member {
    /// What others call it.
    pub name: String,
    /// Where clients find it.
    pub socket: PathBuf,
    machine: Machine,
    proc_root: PathBuf,
    log: PathBuf,
    daemon: Child,
    is_alive: bool,
}

impl Fleet {
    /// Starts `count` daemons. They will know each other within a second or two.
    pub fn start(Daemons(count): Daemons) -> Result<Self, FleetError> {
        let folder = Folder::make()?;
        let port = free_port(count)?;
        let mut fleet = Self { members: Vec::with_capacity(count), dice: Dice::new(entropy::draw()), folder };
        fleet.write_settings(count).map_err(|error| fleet.folder.failed(error))?;
        for number in 0..count {
            let member = fleet.start_member(number, port, count)?;
            fleet.members.push(member);
        }
        Ok(fleet)
    }

    /// The key closes the network: neither daemons of this machine's own nor another demo can get into it.
    fn write_settings(&self, count: usize) -> io::Result<()> {
        let settings = self.folder.config().join("peermon");
        make_folder(&self.folder.config())?;
        make_folder(&settings)?;
        make_folder(&self.folder.path.join("log"))?;
        new_file::create(&settings.join("gossip.key"), &new_key_file(&entropy::draw_bytes()), None)?;
        let seeds: String = (0..count.min(SEEDS)).map(|number| format!("{}\n", address(number))).collect();
        fs::write(settings.join("machines.txt"), seeds)
    }

    fn start_member(&mut self, number: usize, port: Port, count: usize) -> Result<Member, FleetError> {
        // Nobody sits at a host that is alone.
        let is_collector = number == 0 && count > 1;
        let name = if is_collector { "login".to_owned() } else { format!("node{}", number.max(1)) };
        let machine = Machine::invent(number, &mut self.dice);
        let proc_root = self.folder.path.join(&name);
        let failed = |error| self.folder.failed(error);
        make_folder(&proc_root).map_err(failed)?;
        write_files(&proc_root, machine.lasting_files()).map_err(failed)?;
        write_files(&proc_root, machine.moving_files()).map_err(failed)?;
        let log = self.folder.path.join("log").join(&name);
        // The client port is a name only: daemons of a demo serve no TCP.
        let client_port: Port = (number + 1).to_string().parse().expect("a demo is small");
        let daemon = Command::new(env::current_exe().map_err(FleetError::Start)?)
            .args(["daemon", "--user", "--no-tcp", "--interval", INTERVAL_SECONDS])
            .args(["--port", &port.to_string(), "--client-port", &client_port.to_string()])
            .args(["--advertise", &address(number).to_string(), "--name", &name])
            .args(["--label", &format!("room={}", machine.room()), "--log", "warn"])
            .args(is_collector.then_some("--collector"))
            .arg("--proc-root")
            .arg(&proc_root)
            // Nothing of the user's own reaches it.
            .env_clear()
            .env("XDG_CONFIG_HOME", self.folder.config())
            .env("XDG_RUNTIME_DIR", &self.folder.path)
            .env(crate::cmd::daemon::ENDS_WITH_STDIN, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(&log).map_err(failed)?)
            // Ctrl-C is for the demo, which then ends its daemons.
            .process_group(0)
            .spawn()
            .map_err(FleetError::Start)?;
        let socket = socket_in(&self.folder.path.join("peermon"), client_port);
        Ok(Member { name, socket, machine, proc_root, log, daemon, is_alive: true })
    }

    /// All daemons that were started.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The daemon that is asked: the first that lives.
    pub fn asked(&self) -> Option<&Member> {
        self.members.iter().find(|member| member.is_alive)
    }

    /// The next one that may crash: any that lives and is not asked.
    pub fn victim(&self) -> Option<&Member> {
        self.members.iter().filter(|member| member.is_alive).nth(1)
    }

    /// What the daemon that is asked knows. `None`: none lives.
    pub fn table(&self) -> Option<Result<HostTable, ClientError>> {
        let place = Daemon::At(Place::Socket(self.asked()?.socket.clone()));
        Some(Client::connect(&place, &Environment::default()).and_then(|mut client| client.hosts()))
    }

    /// Lets time pass on all machines, and sees which daemons have ended.
    pub fn pass(&mut self, span: Duration) -> Result<(), FleetError> {
        for member in &mut self.members {
            if !member.look() {
                continue;
            }
            member.machine.pass(span, &mut self.dice);
            write_files(&member.proc_root, member.machine.moving_files()).map_err(|error| self.folder.failed(error))?;
        }
        Ok(())
    }

    /// `Err`: a daemon ended that nobody could have ended yet.
    pub fn expect_all(&mut self) -> Result<(), FleetError> {
        match self.members.iter_mut().find_map(|member| (!member.look()).then_some(member)) {
            None => Ok(()),
            Some(member) => {
                let log = fs::read_to_string(&member.log).unwrap_or_default();
                let said = log.lines().find(|line| !line.starts_with("hint:")).unwrap_or("it said nothing").to_owned();
                Err(FleetError::Ended { name: member.name.clone(), said })
            }
        }
    }
}

impl Drop for Fleet {
    /// All are told, then all are waited for.
    fn drop(&mut self) {
        self.members.iter_mut().for_each(|member| drop(member.daemon.stdin.take()));
        let begin = Instant::now();
        while self.members.iter_mut().any(Member::look) && begin.elapsed() < END_MAX {
            thread::sleep(END_PAUSE);
        }
        for member in &mut self.members {
            let _ = member.daemon.kill();
            let _ = member.daemon.wait();
        }
    }
}

impl Member {
    /// The process id of its daemon.
    pub fn pid(&self) -> u32 {
        self.daemon.id()
    }

    /// Looks whether its daemon lives.
    fn look(&mut self) -> bool {
        self.is_alive = self.is_alive && matches!(self.daemon.try_wait(), Ok(None));
        self.is_alive
    }
}

/// A folder that is gone when this process is.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    broom: Child,
}

impl Folder {
    fn make() -> Result<Self, FleetError> {
        let path = env::temp_dir().join(format!("peermon-demo-{:08x}", entropy::draw() >> 32));
        // Folders of the environment count only where they are absolute.
        let path = std::path::absolute(&path).unwrap_or(path);
        let failed = |error| FleetError::Folder { folder: path.clone(), error };
        make_folder(&path).map_err(failed)?;
        // Daemons that are just ending may be in its way: it sweeps twice.
        let broom = Command::new("/bin/sh")
            .args(["-c", r#"cat >/dev/null; rm -rf -- "$0" || { sleep 2; rm -rf -- "$0"; }"#])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match broom {
            Ok(broom) => Ok(Self { path, broom }),
            Err(error) => {
                let _ = fs::remove_dir(&path);
                Err(FleetError::Start(error))
            }
        }
    }

    fn config(&self) -> PathBuf {
        self.path.join("config")
    }

    fn failed(&self, error: io::Error) -> FleetError {
        FleetError::Folder { folder: self.path.clone(), error }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.broom.stdin.take());
        let _ = self.broom.wait();
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Each in one step: a daemon that reads at the same time sees the old figures or the new ones.
fn write_files<const N: usize>(folder: &Path, files: [(&'static str, String); N]) -> io::Result<()> {
    for (name, text) in files {
        let new = folder.join("new");
        fs::write(&new, text)?;
        fs::rename(&new, folder.join(name))?;
    }
    Ok(())
}

fn address(number: usize) -> Ipv4Addr {
    let last = u8::try_from(number + 1).expect("a demo is small");
    Ipv4Addr::new(127, 0, 0, last)
}

/// A port that is free, with the one above, at the addresses of `count` daemons.
fn free_port(count: usize) -> Result<Port, FleetError> {
    let is_free = |port: u16| (0..count).all(|number| UdpSocket::bind((address(number), port)).is_ok());
    let candidate = || UdpSocket::bind((address(0), 0)).and_then(|socket| socket.local_addr());
    for _ in 0..PORT_TRIES {
        // Whatever the kernel gives out, so that two demos hardly ever try the same.
        let Ok(found) = candidate() else { continue };
        let Ok(port) = found.port().to_string().parse::<Port>() else { continue };
        if is_free(port.get()) && is_free(port.above()) {
            return Ok(port);
        }
    }
    Err(FleetError::NoPorts(count))
}
