//! The fleet: hosts are added, started and run. What befalls them is in [`super::faults`], what they are
//! asked in [`super::measure`].

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::model::Timestamp;

use super::host::{Host, Plan};
use super::world::{Happening, World};

/// The port of all hosts.
pub(super) const PORT: u16 = 1288;

/// Boot clocks of two machines differ by up to this: nothing may compare them.
const BOOT_SPREAD: Duration = Duration::from_secs(30 * 86_400);

/// Hosts in virtual time, and the network between them.
///
/// Hosts are numbered from 0 in the order in which they were added. Whatever is said of hosts to come
/// ([`Fleet::interval`], [`Fleet::seeds`], …) is said before [`Fleet::hosts`].
#[derive(Clone, Debug)]
pub struct Fleet {
    pub(super) world: World,
    pub(super) hosts: Vec<Host>,
    pub(super) plan: Plan,
    pub(super) seeds: usize,
    start_within: Duration,
    seed: u64,
}

impl Fleet {
    /// A fleet without hosts; all its randomness comes from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            world: World::new(seed),
            hosts: Vec::new(),
            plan: Plan::new(),
            seeds: 3,
            start_within: Duration::from_secs(1),
            seed,
        }
    }

    /// T of the hosts to come; 20 s unless said.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.plan.interval = interval;
        self
    }

    /// So many hosts, the first ones, are in everybody's machines.txt; 3 unless said.
    #[must_use]
    pub fn seeds(mut self, count: usize) -> Self {
        self.seeds = count;
        self
    }

    /// The hosts to come are started at any time within `span`; a second unless said.
    #[must_use]
    pub fn start_within(mut self, span: Duration) -> Self {
        self.start_within = span;
        self
    }

    /// The hosts to come belong to this network.
    #[must_use]
    pub fn network(mut self, name: &str) -> Self {
        name.clone_into(&mut self.plan.network);
        self
    }

    /// The hosts to come send datagrams of at most so many bytes.
    #[must_use]
    pub fn max_datagram(mut self, bytes: usize) -> Self {
        self.plan.max_datagram = bytes;
        self
    }

    /// Adds hosts and starts them.
    #[must_use]
    pub fn hosts(mut self, count: usize) -> Self {
        for _ in 0..count {
            let index = self.add_host();
            let at = self.world.now.after(self.world.dice.within(self.start_within));
            self.world.schedule(at, index, Happening::Start);
        }
        self
    }

    /// Adds collectors, as [`Fleet::hosts`] does.
    #[must_use]
    pub fn collectors(mut self, count: usize) -> Self {
        self.plan.collector = true;
        self = self.hosts(count);
        self.plan.collector = false;
        self
    }

    /// Adds hosts of a newer version, which say things that the others do not understand.
    #[must_use]
    pub fn newer_hosts(mut self, count: usize) -> Self {
        self.plan.newer = true;
        self = self.hosts(count);
        self.plan.newer = false;
        self
    }

    /// Of a hundred datagrams so many are lost.
    #[must_use]
    pub fn loss(mut self, percent: u32) -> Self {
        self.world.network.loss = percent;
        self
    }

    /// Every datagram takes a time between these two; 0.1 to 0.5 ms unless said.
    #[must_use]
    pub fn delay(mut self, least: Duration, most: Duration) -> Self {
        self.world.network.delay = (least, most);
        self
    }

    /// Of a hundred datagrams so many come twice.
    #[must_use]
    pub fn duplicates(mut self, percent: u32) -> Self {
        self.world.network.duplicates = percent;
        self
    }

    /// Of a hundred datagrams so many are overtaken by others.
    #[must_use]
    pub fn reordering(mut self, percent: u32) -> Self {
        self.world.network.reordered = percent;
        self
    }

    /// Adds a machine on which nothing runs yet, and returns its number.
    pub fn add_host(&mut self) -> usize {
        let index = self.hosts.len();
        let address = SocketAddr::new(address_of(index), PORT);
        let boot_offset = self.world.dice.within(BOOT_SPREAD).as_micros() as i64;
        let mut plan = self.plan.clone();
        plan.seeds = (0..self.seeds).map(|seed| SocketAddr::new(address_of(seed), PORT)).collect();
        self.hosts.push(Host::new(index, address, plan, boot_offset));
        self.world.traffic.push(Default::default());
        self.world.network.islands.push(0);
        self.world.addresses.entry(address.ip()).or_default().push(index);
        index
    }

    /// Lets `span` pass.
    pub fn run(&mut self, span: Duration) -> &mut Self {
        let end = self.world.now.after(span);
        while let Some((host, what)) = self.world.next_until(end) {
            self.hosts[host].happen(&mut self.world, what);
        }
        self.world.now = end;
        self
    }

    /// Lets so many T pass (the T that was last said).
    pub fn run_rounds(&mut self, rounds: u32) -> &mut Self {
        self.run(self.plan.interval * rounds)
    }

    /// Lets time pass until `reached` holds, asking every `step`; how long it took. `None`: not within `limit`.
    pub fn run_until(
        &mut self,
        limit: Duration,
        step: Duration,
        mut reached: impl FnMut(&Self) -> bool,
    ) -> Option<Duration> {
        let start = self.world.now;
        loop {
            if reached(self) {
                return Some(self.world.now.since(start));
            }
            if self.world.now.since(start) >= limit {
                return None;
            }
            self.run(step);
        }
    }

    /// T of the hosts that were added last.
    #[must_use]
    pub fn round(&self) -> Duration {
        self.plan.interval
    }

    /// Virtual time since the beginning.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.world.now.since(Timestamp::ZERO)
    }

    /// The seed of this run.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// One number for all that has happened: every datagram with its bytes and its time. Equal for equal runs.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.world.fingerprint()
    }
}

/// The address of a machine: 10.0.0.1 and on.
pub(super) fn address_of(index: usize) -> IpAddr {
    let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
    IpAddr::V4(Ipv4Addr::from(0x0a00_0000 | number))
}
