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

    fn left_out_of(self, mut seeds: Vec<SocketAddr>) -> Vec<SocketAddr> {
        seeds.retain(|seed| !self.is_at(*seed));
        seeds.sort_unstable();
        seeds.dedup();
        seeds
    }
}

/// Resolves lists of machines until nobody sends one any more. This host itself is left out.
pub(super) fn resolve(lists: &Receiver<Vec<Machine>>, commands: &Sender<Command>, own: Own) {
    let Ok(mut machines) = lists.recv() else { return };
    let mut retry = RETRY_MIN;
    let mut told = Vec::new();
    let mut was_missing = false;
    loop {
        // Whoever needs no name service need not wait for it.
        let plain = numeric(&machines);
        if told.is_empty() && commands.send(Command::Seeds(own.left_out_of(plain))).is_err() {
            return;
        }
        let (seeds, missing) = look_up(&machines);
        let seeds = own.left_out_of(seeds);
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

/// The addresses, and whether some name did not resolve.
fn look_up(machines: &[Machine]) -> (Vec<SocketAddr>, bool) {
    let mut seeds = Vec::new();
    let mut missing = false;
    for machine in machines {
        match machine {
            Machine::Address(address) => seeds.push(*address),
            Machine::Name(name, port) => match (name.as_str(), *port).to_socket_addrs() {
                Ok(found) => seeds.extend(found.take(ADDRESSES_PER_NAME_MAX)),
                Err(error) => {
                    debug!("{name} does not resolve: {error}");
                    missing = true;
                }
            },
        }
    }
    (seeds, missing)
}
