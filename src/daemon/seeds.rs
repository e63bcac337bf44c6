//! The lines of machines.txt, as addresses. A thread of its own: a name service that hangs holds nothing up, and
//! names that don't resolve yet are tried again.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender};
use tracing::{debug, info};

use super::shared::Command;
use crate::config::machines::Machine;
use crate::os::addresses;
use crate::os::sockets::Listen;

/// A name that does not resolve is tried again after this, then after twice as long, and so on.
const RETRY_MIN: Duration = Duration::from_secs(2);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// Names that resolve are looked up again after this: machines move.
const REFRESH: Duration = Duration::from_secs(300);

/// Addresses that are used of one name: a machine has a few in both families.
const ADDRESSES_PER_NAME_MAX: usize = 4;

/// The lines that need no name service.
pub(super) fn numeric(machines: &[Machine]) -> Vec<SocketAddr> {
    let address = |machine: &Machine| match machine {
        Machine::Address(address) => Some(*address),
        Machine::Name(..) => None,
    };
    machines.iter().filter_map(address).collect()
}

/// A line of machines.txt, and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub machine: Machine,
    /// None: the name does not resolve (yet).
    pub addresses: Vec<SocketAddr>,
    /// One of the addresses is this host's.
    pub is_own: bool,
}

/// Which machine is this host itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    pub listen: Listen,
    pub port: u16,
}

impl Own {
    fn is_at(self, seed: SocketAddr) -> bool {
        match self.listen {
            Listen::Everywhere => addresses::is_me(seed, self.port),
            // Many daemons share the loopback network, an address each.
            Listen::At(address) => seed == SocketAddr::new(address, self.port),
        }
    }

    fn line(self, machine: &Machine, addresses: Vec<SocketAddr>) -> Line {
        let is_own = addresses.iter().any(|address| self.is_at(*address));
        Line { machine: machine.clone(), addresses, is_own }
    }

    fn left_out_of(self, lines: &[Line]) -> Vec<SocketAddr> {
        let mut seeds: Vec<SocketAddr> = lines.iter().flat_map(|line| line.addresses.iter().copied()).collect();
        seeds.retain(|seed| !self.is_at(*seed));
        seeds.sort_unstable();
        seeds.dedup();
        seeds
    }
}

/// Resolves lists of machines until nobody sends one any more. This host itself is left out. `tell` hears of each
/// line where it leads.
pub(super) fn resolve(lists: &Receiver<Vec<Machine>>, commands: &Sender<Command>, own: Own, tell: impl Fn(Vec<Line>)) {
    let Ok(mut machines) = lists.recv() else { return };
    let mut retry = RETRY_MIN;
    let mut told = Vec::new();
    let mut was_missing = false;
    loop {
        // Whoever needs no name service need not wait for it.
        if told.is_empty() {
            let plain = |machine: &Machine| own.line(machine, numeric(std::slice::from_ref(machine)));
            let lines: Vec<Line> = machines.iter().map(plain).collect();
            let seeds = own.left_out_of(&lines);
            tell(lines);
            if commands.send(Command::Seeds(seeds)).is_err() {
                return;
            }
        }
        let lines: Vec<Line> = machines.iter().map(|machine| own.line(machine, look_up(machine))).collect();
        let missing = lines.iter().any(|line| line.addresses.is_empty());
        let seeds = own.left_out_of(&lines);
        tell(lines);
        if missing && !was_missing {
            info!("some names in the machines file do not resolve yet; they are tried again");
        }
        was_missing = missing;
        if seeds != told && commands.send(Command::Seeds(seeds.clone())).is_err() {
            return;
        }
        told = seeds;
        let names = machines.iter().any(|machine| matches!(machine, Machine::Name(..)));
        let pause = match (missing, names) {
            (true, _) => retry,
            (false, true) => REFRESH,
            (false, false) => Duration::MAX,
        };
        retry = if missing { (retry * 2).min(RETRY_MAX) } else { RETRY_MIN };
        let received = match pause {
            Duration::MAX => lists.recv().map_err(|_| RecvTimeoutError::Disconnected),
            pause => lists.recv_timeout(pause),
        };
        match received {
            Ok(list) => {
                machines = list;
                told.clear();
                retry = RETRY_MIN;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Where it leads; nowhere, where the name does not resolve.
fn look_up(machine: &Machine) -> Vec<SocketAddr> {
    match machine {
        Machine::Address(address) => vec![*address],
        Machine::Name(name, port) => match (name.as_str(), *port).to_socket_addrs() {
            Ok(found) => found.take(ADDRESSES_PER_NAME_MAX).collect(),
            Err(error) => {
                debug!("{name} does not resolve: {error}");
                Vec::new()
            }
        },
    }
}
