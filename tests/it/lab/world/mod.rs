//! Hosts on one machine: each a network of its own, all joined by a bridge, which can be split and made to lose.
//!
//! Nothing here needs tidying up: the networks go with the file descriptors that hold them, and daemons with the thread
//! that started them.

mod daemon;
mod host;
mod namespace;
mod wire;

use std::array;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::{Index, IndexMut};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use peermon::session::new_key_file;
use tempfile::TempDir;

pub use host::{Figures, Host, binary};
pub use namespace::Namespace;
pub use wire::{Packet, Spoofer, Wiretap, flood};

/// How often a promise is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// How many times the promised time a test waits: two noisy cores run all hosts and all other tests.
const PATIENCE: u32 = 3;

/// With more hosts than this the kernel's table of neighbours, which all networks share, would overflow (1,024 entries);
/// entries that are written by hand don't count there.
const NEIGHBOURS_MAX: usize = 20;

/// Which addresses the hosts of a lab have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Families {
    V4,
    V6,
}

/// What a host has sent.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    pub bytes: u64,
    pub packets: u64,
}

/// Hosts, and the network between them.
#[derive(Debug)]
pub struct Lab {
    hosts: Vec<Host>,
    bridge: Namespace,
    _folder: TempDir,
}

impl Lab {
    /// `count` hosts with IPv4 addresses, and no daemon yet.
    pub fn new(count: usize) -> Self {
        Self::of(count, Families::V4)
    }

    /// `count` hosts with addresses of these families, and no daemon yet.
    pub fn of(count: usize, families: Families) -> Self {
        let folder = tempfile::Builder::new().prefix("lab").tempdir().expect("a folder for temporary files");
        let bridge = Namespace::new().expect("whoever made one namespace may make more");
        let hosts = (0..count).map(|place| Self::host(place, families, &folder)).collect();
        let lab = Self { hosts, bridge, _folder: folder };
        lab.connect(families);
        lab
    }

    fn host(place: usize, families: Families, folder: &TempDir) -> Host {
        let number = u16::try_from(place + 1).expect("a lab is small");
        let network = Namespace::new().expect("whoever made one namespace may make more");
        if families == Families::V4 {
            // Routers and neighbours are not looked for: 50 hosts would be busy with that for a second.
            network.within(|| fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1")).ok();
        }
        let figures = Figures {
            load: f64::from(number) * 0.25,
            cores: 4 << (number % 4),
            memory_total_mib: 16_384,
            memory_available_mib: 1_024 + 100 * u32::from(number),
            uptime_seconds: 1_000 * u64::from(number),
        };
        let name = format!("host-{number}");
        let files = folder.path().join(&name);
        Host::new(name, address(number, families), network, files, figures)
    }

    fn connect(&self, families: Families) {
        let mut words = "link add br0 type bridge mcast_snooping 0\nlink set br0 up\n".to_owned();
        for (place, host) in self.hosts.iter().enumerate() {
            let (peer, hardware) = (host.network.path(), hardware(place));
            writeln!(words, "link add p{place} type veth peer name eth0 address {hardware} netns {peer}").unwrap();
            writeln!(words, "link set p{place} master br0 up").unwrap();
        }
        self.bridge.ip(&words);
        for host in &self.hosts {
            let mut words = "link set lo up\nlink set eth0 up\n".to_owned();
            match families {
                Families::V4 => writeln!(words, "address add {}/16 dev eth0", host.address).unwrap(),
                Families::V6 => writeln!(words, "address add {}/64 dev eth0 nodad", host.address).unwrap(),
            }
            if self.hosts.len() > NEIGHBOURS_MAX {
                for (place, other) in self.hosts.iter().enumerate().filter(|(_, other)| other.name != host.name) {
                    let (address, hardware) = (other.address, hardware(place));
                    writeln!(words, "neigh add {address} lladdr {hardware} dev eth0 nud permanent").unwrap();
                }
            }
            host.network.ip(&words);
        }
    }

    /// All hosts know the first `count` of them to start from.
    pub fn seeds(&self, count: usize) {
        let machines: String = self.hosts[..count].iter().map(|host| format!("{}\n", host.address)).collect();
        for host in &self.hosts {
            host.write_config("machines.txt", &machines);
        }
    }

    /// The host at `place` has one more interface, `eth1`, with this address and on the same bridge.
    pub fn add_interface(&self, place: usize, address: &str) {
        let peer = self[place].network.path();
        self.bridge
            .ip(&format!("link add q{place} type veth peer name eth1 netns {peer}\nlink set q{place} master br0 up\n"));
        self[place].network.ip(&format!("address add {address} dev eth1\nlink set eth1 up\n"));
    }

    /// No frame of more than `bytes` passes between the hosts.
    pub fn set_mtu(&self, bytes: u32) {
        for (place, host) in self.hosts.iter().enumerate() {
            self.bridge.ip(&format!("link set p{place} mtu {bytes}\n"));
            host.network.ip(&format!("link set eth0 mtu {bytes}\n"));
        }
    }

    /// Listens to all that passes between the hosts.
    pub fn wiretap(&self) -> Wiretap {
        Wiretap::new(&self.bridge)
    }

    /// The hosts.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The hosts, to change them.
    pub fn hosts_mut(&mut self) -> &mut [Host] {
        &mut self.hosts
    }

    /// Starts the daemons of all hosts, and says when the last one was started.
    pub fn start(&mut self) -> Instant {
        self.hosts.iter_mut().for_each(Host::start);
        Instant::now()
    }

    /// Splits the network: hosts hear only those of their own group. Who is in no group stays with the others who are in none.
    pub fn split(&self, groups: &[&[usize]]) {
        let mut words = String::new();
        for (number, group) in (1..).zip(groups) {
            writeln!(words, "link add br{number} type bridge mcast_snooping 0\nlink set br{number} up").unwrap();
            for place in *group {
                writeln!(words, "link set p{place} master br{number}").unwrap();
            }
        }
        self.bridge.ip(&words);
    }

    /// Joins what was split into `groups` groups.
    pub fn join(&self, groups: usize) {
        let mut words = String::new();
        for place in 0..self.hosts.len() {
            writeln!(words, "link set p{place} master br0").unwrap();
        }
        for number in 1..=groups {
            writeln!(words, "link del br{number}").unwrap();
        }
        self.bridge.ip(&words);
    }

    /// So many of a hundred packets get lost, wherever they go.
    pub fn lose(&self, percent: u8) {
        self.filter(&format!("meta protocol {{ ip, ip6 }} numgen random mod 100 < {percent} counter drop"));
    }

    /// Adds a rule of `nft` for what passes the bridge.
    pub fn filter(&self, rule: &str) {
        let words = format!(
            "add table bridge lab\n\
             add chain bridge lab passing {{ type filter hook forward priority 0; policy accept; }}\n\
             add rule bridge lab passing {rule}\n"
        );
        self.bridge.tell("nft", &["-f", "-"], &words);
    }

    /// How many packets the rules with a counter have counted.
    pub fn filtered(&self) -> u64 {
        let listing = self.bridge.within(|| Command::new("nft").args(["list", "ruleset"]).output()).unwrap();
        let listing = String::from_utf8(listing.stdout).unwrap();
        let counts = listing.split("counter packets ").skip(1).map(|rest| rest.split(' ').next().unwrap());
        counts.map(|count| count.parse::<u64>().unwrap()).sum()
    }

    /// What each host has sent so far, ARP and Ethernet headers included.
    pub fn sent(&self) -> Vec<Sent> {
        let listing = self.bridge.within(|| fs::read_to_string("/proc/thread-self/net/dev")).unwrap();
        let received = |place: usize| {
            let port = format!("p{place}:");
            let line = listing.lines().find_map(|line| line.trim_start().strip_prefix(&port))?;
            let mut counters = line.split_whitespace().map_while(|counter| counter.parse().ok());
            Some(Sent { bytes: counters.next()?, packets: counters.next()? })
        };
        (0..self.hosts.len()).map(|place| received(place).expect("each host has a port")).collect()
    }

    /// Waits until `holds`, at most three times as long as `promised` from `since` on. Says how long it took.
    ///
    /// # Panics
    /// When it took longer.
    #[track_caller]
    pub fn expect(
        &self,
        what: &str,
        promised: Duration,
        since: Instant,
        mut holds: impl FnMut(&Self) -> Result<(), String>,
    ) -> Duration {
        loop {
            // Taken before it is looked at: looking at fifty hosts takes its time too.
            let (took, seen) = (since.elapsed(), holds(self));
            match seen {
                Ok(()) => {
                    eprintln!("{what}: after {took:.2?}, promised within {promised:.2?}");
                    return took;
                }
                Err(why) if took > promised * PATIENCE => {
                    panic!("{what}: not after {took:.2?}, promised within {promised:.2?}: {why}")
                }
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }

    /// Whether every running daemon, asked now, offers exactly the hosts at these places.
    pub fn all_offer(&self, places: &[usize]) -> Result<(), String> {
        let wanted = places.iter().map(|place| self[*place].name.clone()).collect();
        for host in self.hosts.iter().filter(|host| host.is_running()) {
            let offered = host.offers().map_err(|error| format!("{}: {error}", host.name))?;
            if offered != wanted {
                let missing: Vec<_> = wanted.difference(&offered).collect();
                let surplus: Vec<_> = offered.difference(&wanted).collect();
                return Err(format!("{} offers not {missing:?}, and offers {surplus:?}", host.name));
            }
        }
        Ok(())
    }
}

impl Index<usize> for Lab {
    type Output = Host;

    fn index(&self, place: usize) -> &Host {
        &self.hosts[place]
    }
}

impl IndexMut<usize> for Lab {
    fn index_mut(&mut self, place: usize) -> &mut Host {
        &mut self.hosts[place]
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if thread::panicking() {
            for host in &self.hosts {
                eprintln!("--- {} said:\n{}", host.name, host.log());
            }
        }
    }
}

impl Namespace {
    /// Lets `ip` do these lines in it.
    #[track_caller]
    pub fn ip(&self, lines: &str) {
        self.tell("ip", &["-batch", "-"], lines);
    }

    #[track_caller]
    fn tell(&self, program: &str, words: &[&str], lines: &str) {
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.within(|| command.spawn()).expect("it is installed");
        child.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{program}: {}\n{lines}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Waits for a datagram again where a signal ended the wait.
pub fn through_signals<T>(mut wait: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match wait() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// The text of a key file: the same for the same `seed`.
pub fn key(seed: u8) -> String {
    let byte = |place: usize| (place as u8).wrapping_mul(37).wrapping_add(seed);
    new_key_file(&array::from_fn(byte))
}

fn address(number: u16, families: Families) -> IpAddr {
    match families {
        Families::V4 => {
            let [high, low] = number.to_be_bytes();
            Ipv4Addr::new(10, 77, high, low).into()
        }
        Families::V6 => Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, number).into(),
    }
}

fn hardware(place: usize) -> String {
    format!("02:77:00:00:{:02x}:{:02x}", place >> 8, place & 0xff)
}
