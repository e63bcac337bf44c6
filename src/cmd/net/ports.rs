//! Which ports a private network has. Two users of one lab have different ones, without a word between them.

use super::facts::Facts;
use crate::config::values::Port;

/// Three ports for each user: gossip, the one above it, clients. Below those that the kernel lends to outgoing connections
/// (from 32768), above those of known services.
const FIRST: u32 = 10_000;
const EACH: u32 = 3;
const PLACES: u32 = 7_000;

/// Users whose numbers differ by [`PLACES`] begin at the same place, as does a network that `install.sh --user` made. Then, and
/// where another program has one of the ports, the next place is taken, so far away that it is hardly anybody's first.
const STRIDE: u32 = 997;

/// How many places are looked at. Where as many are taken, something else is wrong.
const TRIES: u32 = 8;

/// Those that a user without root may not have, as Linux is set up.
const PRIVILEGED_BELOW: u16 = 1_024;

/// Of one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    /// UDP, and the one above it.
    pub gossip: Port,
    /// Names the network on each host.
    pub client: Port,
}

/// As the script takes the client port of a network that may have none yet.
pub(super) fn client_port(ports: Option<Ports>) -> String {
    ports.map_or_else(|| "0".to_owned(), |ports| ports.client.to_string())
}

/// What is said before any is picked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wish {
    /// `-p`
    pub gossip: Option<Port>,
    /// `-l`
    pub client: Option<Port>,
}

impl Ports {
    /// As wished, else as the network has them already, else the first place of user `uid` that is free on all `hosts`. `None`:
    /// there is none.
    pub fn settle(wish: Wish, known: Option<Self>, hosts: &[&Facts]) -> Option<Self> {
        let running = || {
            let daemon = hosts.iter().find_map(|facts| facts.daemon.as_ref())?;
            Some(Self { gossip: daemon.port, client: daemon.client_port })
        };
        let fitted = |ports: Self| Self {
            gossip: wish.gossip.unwrap_or(ports.gossip),
            client: wish.client.unwrap_or(ports.client),
        };
        if let Some(ports) = known.or_else(running) {
            return Some(fitted(ports));
        }
        let uid = hosts.first().map_or(0, |facts| facts.uid);
        let will_do = |ports: &Self| !ports.clash() && hosts.iter().all(|facts| ports.are_free_on(facts, wish));
        (0..TRIES).map(|place| fitted(Self::of(uid, place))).find(will_do)
    }

    /// Those of user `uid`, at that place of those that are looked at.
    fn of(uid: u32, place: u32) -> Self {
        let gossip = FIRST + (uid % PLACES + place * STRIDE) % PLACES * EACH;
        let port = |number: u32| number.to_string().parse().expect("FIRST + PLACES * EACH is below 32768");
        Self { gossip: port(gossip), client: port(gossip + 2) }
    }

    /// Whether the client port is one of the gossip's. It is no UDP port, but one number for two things confuses.
    pub fn clash(&self) -> bool {
        [self.gossip.get(), self.gossip.above()].contains(&self.client.get())
    }

    /// Why the daemon that runs on a host could not go on with these ports, if it has others.
    pub fn bar_move(&self, facts: &Facts) -> Option<String> {
        let daemon = facts.daemon.as_ref()?;
        let own = [daemon.port.get(), daemon.port.above()];
        let wanted = [self.gossip.get(), self.gossip.above()];
        if let Some(port) = wanted.iter().find(|port| !own.contains(port) && facts.udp.contains(port)) {
            Some(format!("UDP port {port} is taken"))
        } else if self.client != daemon.client_port && facts.tcp.contains(&self.client.get()) {
            Some(format!("TCP port {} is taken", self.client))
        } else if self.gossip != daemon.port && self.gossip.get() < PRIVILEGED_BELOW && facts.uid != 0 {
            Some(format!("only root may have UDP port {}", self.gossip))
        } else {
            None
        }
    }

    /// Of what was asked for the daemon itself will say that it is taken.
    fn are_free_on(&self, facts: &Facts, asked_for: Wish) -> bool {
        let gossip_is_free = || [self.gossip.get(), self.gossip.above()].iter().all(|port| !facts.udp.contains(port));
        (asked_for.gossip.is_some() || gossip_is_free())
            && (asked_for.client.is_some() || !facts.tcp.contains(&self.client.get()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::facts::Running;
    use super::*;

    fn facts(uid: u32, udp: &[u16], tcp: &[u16]) -> Facts {
        Facts {
            system: String::new(),
            uid,
            place: None,
            folder: String::new(),
            home: None,
            version: None,
            daemon: None,
            saying: None,
            udp: udp.iter().copied().collect(),
            tcp: tcp.iter().copied().collect(),
        }
    }

    fn settled(wish: Wish, known: Option<Ports>, hosts: &[Facts]) -> Option<(u16, u16)> {
        let settled = Ports::settle(wish, known, &hosts.iter().collect::<Vec<_>>());
        settled.map(|ports| (ports.gossip.get(), ports.client.get()))
    }

    #[test]
    fn the_ports_of_two_users_differ_and_are_nobody_elses() {
        let mut all = BTreeSet::new();
        for uid in 0..7_000 {
            let Ports { gossip, client } = Ports::of(uid, 0);
            for port in [gossip.get(), gossip.above(), client.get()] {
                assert!((10_000..32_768).contains(&port) && all.insert(port), "{uid}: {port}");
            }
        }
        // As docs/private-network.md says.
        assert_eq!(settled(Wish::default(), None, &[facts(1000, &[], &[])]), Some((13_000, 13_002)));
    }

    #[test]
    fn where_a_port_is_taken_on_any_host_the_next_place_is_picked() {
        let free = facts(1000, &[], &[]);
        for taken in [facts(1000, &[13_000], &[]), facts(1000, &[13_001], &[]), facts(1000, &[], &[13_002])] {
            assert_eq!(settled(Wish::default(), None, &[free.clone(), taken]), Some((15_991, 15_993)));
        }
        // A client port is TCP, the others are UDP.
        assert_eq!(settled(Wish::default(), None, &[facts(1000, &[13_002], &[13_000])]), Some((13_000, 13_002)));
        let all: Vec<u16> = (10_000..32_768).collect();
        assert_eq!(settled(Wish::default(), None, &[facts(1000, &all, &[])]), None);
    }

    #[test]
    fn flags_win_over_what_the_network_has_and_that_over_what_is_picked() {
        let port = |number: &str| number.parse().unwrap();
        let known = Some(Ports { gossip: port("4000"), client: port("4002") });
        let wish =
            |gossip: Option<&str>, client: Option<&str>| Wish { gossip: gossip.map(port), client: client.map(port) };
        let mut runs = facts(1000, &[5_000, 5_001], &[5_002]);
        let (version, files) = (String::new(), String::new());
        runs.daemon = Some(Running { version, port: port("5000"), client_port: port("5002"), files });
        let hosts = [facts(1000, &[], &[]), runs];
        assert_eq!(settled(Wish::default(), known, &hosts), Some((4_000, 4_002)));
        assert_eq!(settled(Wish::default(), None, &hosts), Some((5_000, 5_002)));
        assert_eq!(settled(wish(Some("6000"), None), known, &hosts), Some((6_000, 4_002)));
        assert_eq!(settled(wish(Some("6000"), Some("6002")), None, &[]), Some((6_000, 6_002)));
        // Whether they are taken or not: the daemon says so. What is picked beside them is free and another one.
        let free = [facts(1000, &[6_000], &[6_002, 13_002])];
        assert_eq!(settled(wish(Some("6000"), Some("6002")), None, &free), Some((6_000, 6_002)));
        assert_eq!(settled(wish(Some("6000"), None), None, &free), Some((6_000, 15_993)));
        assert_eq!(settled(wish(Some("15992"), None), None, &free), Some((15_992, 18_984)));
    }

    #[test]
    fn a_daemon_goes_on_with_other_ports_only_where_it_can_have_them() {
        let port = |number: &str| number.parse().unwrap();
        let ports = |gossip, client| Ports { gossip: port(gossip), client: port(client) };
        // Its own, another program's, and root's.
        let mut runs = facts(1000, &[5_000, 5_001, 6_001], &[5_002, 7_000]);
        assert_eq!(ports("6000", "6002").bar_move(&runs), None, "where none runs, the daemon says so itself");
        let (version, files) = (String::new(), String::new());
        runs.daemon = Some(Running { version, port: port("5000"), client_port: port("5002"), files });
        for free in [ports("5000", "5002"), ports("5001", "5003"), ports("4000", "4002")] {
            assert_eq!(free.bar_move(&runs), None, "{free:?}");
        }
        for (barred, why) in [
            (ports("6000", "6003"), "UDP port 6001 is taken"),
            (ports("4000", "7000"), "TCP port 7000 is taken"),
            (ports("23", "4002"), "only root may have UDP port 23"),
        ] {
            assert_eq!(barred.bar_move(&runs).as_deref(), Some(why));
        }
        runs.uid = 0;
        assert_eq!(ports("23", "4002").bar_move(&runs), None);
    }
}
