//! What befalls a fleet: crashes, restarts, leaves, sleep, snapshots, clones, clocks, splits.

use std::net::SocketAddr;
use std::time::Duration;

use crate::gossip::Input;
use crate::model::{NetworkList, Timestamp};

use super::fleet::{Fleet, address_of};
use super::host::{Daemon, Host, Power};
use super::world::Happening;

/// A shell notices within this that its wall clock jumped against its boot clock.
const JUMP_NOTICED: Duration = Duration::from_secs(1);

/// A jump of the wall clock against the boot clock is one above this, in seconds (gossip.md, rule 6).
const JUMP_MIN: i64 = 10;

/// The memory of a virtual machine at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    daemon: Option<Daemon>,
    clock: Timestamp,
}

impl Fleet {
    /// Starts the daemon of a machine now; where one ran, it is killed before.
    pub fn start(&mut self, host: usize) -> &mut Self {
        self.hosts[host].end();
        self.hosts[host].start(&mut self.world);
        self
    }

    /// Starts the daemon of a machine after `span`, where none runs then.
    pub fn start_after(&mut self, host: usize, span: Duration) -> &mut Self {
        self.world.schedule(self.world.now.after(span), host, Happening::Start);
        self
    }

    /// `kill -9`: the process is gone, the machine answers that nobody listens there.
    pub fn kill(&mut self, host: usize) -> &mut Self {
        self.hosts[host].end();
        self
    }

    /// The machine is gone: power, cable. Where another one has its address too, all goes there from now on.
    pub fn crash(&mut self, host: usize) -> &mut Self {
        self.hosts[host].end();
        self.hosts[host].power = Power::Off;
        if let Some(there) = self.world.addresses.get_mut(&self.hosts[host].address.ip())
            && there.len() > 1
        {
            there.retain(|index| *index != host);
        }
        self
    }

    /// TERM: the daemon says goodbye and ends.
    pub fn leave(&mut self, host: usize) -> &mut Self {
        self.hosts[host].step(&mut self.world, Input::Leave);
        self.hosts[host].end();
        self
    }

    /// The machine is suspended; its boot clock goes on.
    pub fn suspend(&mut self, host: usize) -> &mut Self {
        self.hosts[host].power = Power::Asleep;
        self
    }

    /// SIGSTOP: datagrams wait in the socket.
    pub fn stop(&mut self, host: usize) -> &mut Self {
        self.hosts[host].stopped = true;
        self
    }

    /// The machine wakes, or the process is continued.
    pub fn go_on(&mut self, host: usize) -> &mut Self {
        self.hosts[host].power = Power::On;
        self.hosts[host].go_on(&mut self.world);
        self
    }

    /// Keeps the memory of a machine.
    #[must_use]
    pub fn snapshot(&self, host: usize) -> Snapshot {
        let machine = &self.hosts[host];
        Snapshot { daemon: machine.daemon.clone(), clock: machine.clock(self.world.now) }
    }

    /// Puts a machine back to what it was: its boot clock too; its wall clock is right again at once, and the
    /// daemon notices the jump soon.
    pub fn restore(&mut self, host: usize, snapshot: &Snapshot) -> &mut Self {
        let before = self.hosts[host].clock(self.world.now);
        let machine = &mut self.hosts[host];
        machine.end();
        machine.power = Power::On;
        machine.daemon = snapshot.daemon.clone();
        machine.boot_offset = snapshot.clock.as_micros() - self.world.now.as_micros();
        let behind = (before.as_micros() - snapshot.clock.as_micros()) / 1_000_000;
        machine.go_on(&mut self.world);
        self.notice_jump(host, behind)
    }

    /// A copy of a running machine, memory and all, with an address of its own: its daemon notices the new
    /// address and, where one jumped, the clock. Returns its number.
    pub fn clone_machine(&mut self, host: usize) -> usize {
        let copy = self.add_host();
        let machine = self.copy_into(host, copy);
        let keys = machine.plan.keyring();
        let identity = machine.identity(&keys);
        self.hosts[copy].step(&mut self.world, Input::Moved(identity));
        copy
    }

    /// A copy of a running machine that keeps the address too: the network brings what is sent there to one
    /// or the other. Returns its number.
    pub fn clone_machine_with_address(&mut self, host: usize) -> usize {
        let copy = self.add_host();
        let address = self.hosts[host].address;
        self.copy_into(host, copy);
        self.set_address(copy, address);
        self.hosts[copy].go_on(&mut self.world);
        copy
    }

    /// A second machine that was given the address of `host` by mistake, and starts. Returns its number.
    pub fn start_with_address_of(&mut self, host: usize) -> usize {
        let other = self.add_host();
        self.set_address(other, self.hosts[host].address);
        self.start(other);
        other
    }

    fn copy_into(&mut self, host: usize, copy: usize) -> &mut Host {
        let machine = self.hosts[host].clone();
        let there = &mut self.hosts[copy];
        there.become_copy_of(machine);
        there
    }

    /// The machine gets another address (DHCP), and its daemon notices.
    pub fn move_host(&mut self, host: usize) -> &mut Self {
        let spare = SocketAddr::new(address_of(self.hosts.len() + (1 << 16)), self.hosts[host].address.port());
        self.set_address(host, spare);
        let keys = self.hosts[host].plan.keyring();
        let identity = self.hosts[host].identity(&keys);
        self.hosts[host].step(&mut self.world, Input::Moved(identity));
        self
    }

    fn set_address(&mut self, host: usize, address: SocketAddr) {
        let before = self.hosts[host].address.ip();
        if let Some(there) = self.world.addresses.get_mut(&before) {
            there.retain(|index| *index != host);
        }
        self.world.addresses.entry(address.ip()).or_default().push(host);
        self.hosts[host].address = address;
    }

    /// Sets the wall clock of a machine; its boot clock goes on.
    pub fn step_wall_clock(&mut self, host: usize, seconds: i64) -> &mut Self {
        self.hosts[host].wall_offset += seconds;
        self.notice_jump(host, seconds)
    }

    fn notice_jump(&mut self, host: usize, seconds: i64) -> &mut Self {
        if seconds.abs() > JUMP_MIN {
            self.world.schedule(self.world.now.after(JUMP_NOTICED), host, Happening::ClockJump);
        }
        self
    }

    /// The load of a machine from now on, in hundredths.
    pub fn set_load(&mut self, host: usize, hundredths: u32) -> &mut Self {
        self.hosts[host].sample.load.load1_hundredths = Some(hundredths);
        self
    }

    /// A job starts on every host at some time within `span`: the load becomes this, in hundredths.
    pub fn start_job_everywhere(&mut self, span: Duration, hundredths: u32) -> &mut Self {
        for host in 0..self.hosts.len() {
            let at = self.world.now.after(self.world.dice.within(span));
            self.world.schedule(at, host, Happening::Load(hundredths));
        }
        self
    }

    /// Cores of a machine from now on.
    pub fn set_cores(&mut self, host: usize, cores: Option<u32>) -> &mut Self {
        self.hosts[host].sample.cores = cores;
        self
    }

    /// The first `count` hosts and the others no longer hear each other.
    pub fn split(&mut self, count: usize) -> &mut Self {
        for (host, island) in self.world.network.islands.iter_mut().enumerate() {
            *island = u32::from(host >= count);
        }
        self
    }

    /// Puts a host on an island: it hears only those on the same one. All begin on island 0.
    pub fn put_on_island(&mut self, host: usize, island: u32) -> &mut Self {
        self.world.network.islands[host] = island;
        self
    }

    /// Nothing parts the hosts any more.
    pub fn heal(&mut self) -> &mut Self {
        self.world.network.islands.iter_mut().for_each(|island| *island = 0);
        self.world.network.blocked.clear();
        self.world.network.deaf.clear();
        self.world.network.bad_links.clear();
        self
    }

    /// From now on nothing gets from one host to the other; the other way is open.
    pub fn block(&mut self, from: usize, to: usize) -> &mut Self {
        self.world.network.blocked.insert((from, to));
        self
    }

    /// From now on this host hears nothing.
    pub fn deafen(&mut self, host: usize) -> &mut Self {
        self.world.network.deaf.insert(host);
        self
    }

    /// From now on so many of a hundred datagrams are lost.
    pub fn lose(&mut self, percent: u32) -> &mut Self {
        self.world.network.loss = percent;
        self
    }

    /// From now on so many of a hundred datagrams to and from this host are lost besides.
    pub fn lose_at(&mut self, host: usize, percent: u32) -> &mut Self {
        self.world.network.bad_links.insert(host, percent);
        self
    }

    /// valid_ips.txt of a machine is read again.
    pub fn reload_valid(&mut self, host: usize, valid: NetworkList) -> &mut Self {
        let machine = &mut self.hosts[host];
        machine.plan.valid = valid.clone();
        let key_ids = machine.plan.keyring().key_ids();
        if let Some(daemon) = &mut machine.daemon {
            daemon.session.set_valid(valid.clone());
            machine.step(&mut self.world, Input::Reload { valid, labels: Vec::new(), key_ids });
        }
        self
    }

    /// machines.txt of a machine that is started later: these hosts.
    pub fn set_seeds(&mut self, host: usize, seeds: &[usize]) -> &mut Self {
        self.hosts[host].plan.seeds = seeds.iter().map(|seed| self.hosts[*seed].address).collect();
        self
    }
}
