//! Two or three hosts, each with its gossip and its sealing, and datagrams that are carried by hand.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use peermon::gossip::{HOSTS_MAX, Identity, Input, Node, Output, Settings};
use peermon::model::{Endpoint, HostState, Load, NetworkList, Sample, SessionId, Timestamp};
use peermon::session::{DATAGRAM_DEFAULT, DATAGRAM_MIN, Keyring, Opened, Session, new_key_file};

const PORT: u16 = 1288;

/// One host, as the daemon puts it together.
struct Host {
    node: Node,
    session: Session,
    address: IpAddr,
}

/// What is under way: from where, to where, what.
type Datagram = (SocketAddr, SocketAddr, Vec<u8>);

/// A few hosts and the wires between them.
struct Lab {
    now: Timestamp,
    hosts: Vec<Host>,
    flying: BTreeMap<(Timestamp, u64), Datagram>,
    sent: u64,
    /// Every datagram that was delivered.
    captured: Vec<Datagram>,
    max_datagram: usize,
    /// Every second datagram takes so much longer.
    detour: Duration,
    sessions: u64,
}

impl Lab {
    fn new() -> Self {
        Self {
            now: Timestamp::from_micros(1_000_000_000),
            hosts: Vec::new(),
            flying: BTreeMap::new(),
            sent: 0,
            captured: Vec::new(),
            max_datagram: DATAGRAM_DEFAULT,
            detour: Duration::ZERO,
            sessions: 0x5e55_1000_0000_0000,
        }
    }

    /// Starts a host, or starts it again; it looks for the hosts numbered `seeds`.
    fn start(&mut self, number: u8, seeds: &[u8]) {
        let address = IpAddr::from([192, 0, 2, number]);
        let keyring = Keyring::parse(&new_key_file(&std::array::from_fn(|place| place as u8))).unwrap();
        let identity = Identity {
            name: format!("h{number}").parse().unwrap(),
            endpoint: Endpoint { address, port: PORT, salt: 0 },
            more_addresses: Vec::new(),
            labels: Vec::new(),
            software: "2".into(),
            key_ids: keyring.key_ids(),
        };
        let settings = Settings {
            interval: Duration::from_secs(5),
            collector: false,
            valid: NetworkList::default(),
            hosts_max: HOSTS_MAX,
            max_datagram: self.max_datagram,
        };
        let session = self.draw_session();
        let wall_seconds = 1_790_000_000 + self.now.as_micros().unsigned_abs() / 1_000_000;
        let node = Node::new(self.now, settings, identity, session, wall_seconds, u64::from(number));
        let session = Session::new(self.now, "lab", keyring, NetworkList::default(), self.max_datagram, session);
        self.hosts.retain(|host| host.address != address);
        self.hosts.push(Host { node, session, address });
        let seeds = seeds.iter().map(|seed| SocketAddr::from(([192, 0, 2, *seed], PORT))).collect();
        self.step(self.hosts.len() - 1, Input::Seeds(seeds));
    }

    fn draw_session(&mut self) -> SessionId {
        self.sessions += 1;
        SessionId::new(self.sessions).unwrap()
    }

    /// One input, and whatever follows from it at this moment.
    fn step(&mut self, host: usize, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let mut outputs = Vec::new();
            self.hosts[host].node.step(self.now, input, &mut outputs);
            for output in outputs {
                inputs.extend(self.carry_out(host, output));
            }
        }
    }

    fn carry_out(&mut self, host: usize, output: Output) -> Option<Input> {
        let now = self.now;
        let session = &mut self.hosts[host].session;
        match output {
            Output::Send { to, message } => {
                let port = if message.is_answer() { PORT } else { PORT + 1 };
                let sealed = session.seal(now, &to, &message)?;
                sealed.datagrams.into_iter().for_each(|datagram| self.fly(host, port, sealed.to, datagram));
            }
            Output::Hello { to } => {
                let sealed = session.hello(now, to);
                sealed.datagrams.into_iter().for_each(|datagram| self.fly(host, PORT + 1, to, datagram));
            }
            Output::Admit(member) => session.admit(now, member),
            Output::Dismiss(id) => session.dismiss(id),
            Output::Measure => {
                let load = Load { load1_hundredths: Some(25), memory_available_mib: Some(1_000) };
                let sample = Sample { load, cores: Some(4), memory_total_mib: Some(2_000), uptime_seconds: Some(9) };
                return Some(Input::Sampled(sample));
            }
            Output::DrawSession => {
                let drawn = self.draw_session();
                self.hosts[host].session.begin(now, drawn);
                return Some(Input::SessionDrawn(drawn));
            }
            Output::Event(_) => {}
        }
        None
    }

    fn fly(&mut self, host: usize, port: u16, to: SocketAddr, datagram: Vec<u8>) {
        assert!(datagram.len() <= self.max_datagram);
        self.sent += 1;
        let detour = if self.sent.is_multiple_of(2) { self.detour } else { Duration::ZERO };
        let arrival = self.now.after(Duration::from_millis(1) + detour);
        let from = SocketAddr::new(self.hosts[host].address, port);
        self.flying.insert((arrival, self.sent), (from, to, datagram));
    }

    fn deliver(&mut self, (from, to, datagram): Datagram) {
        let now = self.now;
        let Some(host) = self.hosts.iter().position(|host| host.address == to.ip()) else { return };
        let opened = self.hosts[host].session.open(now, from, &datagram);
        self.captured.push((from, to, datagram));
        match opened {
            Ok(Opened::Message { sender, message }) => {
                self.step(host, Input::Received { sender, lag: Duration::ZERO, message });
            }
            Ok(Opened::Hello { reply }) => self.fly(host, to.port(), from, reply),
            Ok(Opened::Welcome { address, session }) => self.step(host, Input::Welcomed { address, session }),
            Err(_) => {}
        }
        if self.hosts[host].session.is_spent() {
            self.step(host, Input::SessionSpent);
        }
    }

    fn run(&mut self, span: Duration) {
        let end = self.now.after(span);
        loop {
            let tick = self.hosts.iter().map(|host| host.node.next_deadline()).min().unwrap();
            let arrival = self.flying.first_key_value().map(|((arrival, _), _)| *arrival);
            let next = arrival.map_or(tick, |arrival| arrival.min(tick)).max(self.now);
            if next > end {
                self.now = end;
                return;
            }
            self.now = next;
            if arrival.is_some_and(|arrival| arrival <= next) {
                let (_, datagram) = self.flying.pop_first().unwrap();
                self.deliver(datagram);
            } else {
                let due = self.hosts.iter().position(|host| host.node.next_deadline() <= next).unwrap();
                self.step(due, Input::Tick);
            }
        }
    }

    /// Whether every host knows all of them, fresh.
    fn is_whole(&self) -> bool {
        self.hosts.iter().all(|host| {
            let rows = host.node.hosts(self.now);
            let fresh = rows.iter().filter(|row| row.state == HostState::Fresh && row.cores.is_some());
            fresh.count() == self.hosts.len() && rows.len() == self.hosts.len()
        })
    }

    /// Table and counters of a host, without what grows by itself.
    fn table(&self, host: usize) -> Vec<(String, Timestamp)> {
        let rows = self.hosts[host].node.hosts(self.now);
        let made = |hundredths: u64| self.now.before(Duration::from_millis(hundredths * 10));
        rows.into_iter().map(|row| (row.name.to_string(), made(row.age_hundredths))).collect()
    }
}

#[track_caller]
fn check_whole(lab: &mut Lab, within: Duration) {
    lab.run(within);
    assert!(lab.is_whole(), "{:?}", lab.hosts.iter().map(|host| host.session.rejects()).collect::<Vec<_>>());
}

#[test]
fn two_hosts_of_which_one_knows_where_the_other_is_know_each_other_in_a_second() {
    for max_datagram in [DATAGRAM_MIN, DATAGRAM_DEFAULT] {
        let mut lab = Lab { max_datagram, ..Lab::new() };
        lab.start(1, &[]);
        lab.run(Duration::from_secs(30));
        lab.start(2, &[1, 2]);
        check_whole(&mut lab, Duration::from_secs(1));
        // Nobody was refused but the newcomer's own hello to itself.
        let rejects = |host: usize| lab.hosts[host].session.rejects().into_iter().map(|r| r.reason);
        assert_eq!(rejects(0).count(), 0);
        assert!(rejects(1).all(|reason| reason == "own_session"));
    }
}

#[test]
fn hosts_find_each_other_where_the_network_swaps_their_datagrams() {
    let mut lab = Lab { detour: Duration::from_millis(30), ..Lab::new() };
    lab.start(1, &[]);
    lab.start(2, &[1]);
    lab.start(3, &[1]);
    check_whole(&mut lab, Duration::from_secs(3));
    lab.run(Duration::from_secs(60));
    assert!(lab.is_whole());
}

#[test]
fn a_host_that_was_killed_and_started_again_is_known_again_in_a_second() {
    let mut lab = Lab::new();
    lab.start(1, &[]);
    lab.start(2, &[1]);
    check_whole(&mut lab, Duration::from_secs(20));
    lab.start(2, &[1]);
    check_whole(&mut lab, Duration::from_secs(1));
}

#[test]
fn a_host_whose_counters_come_to_their_end_goes_on_in_a_new_session_and_nobody_misses_it() {
    let mut lab = Lab::new();
    (1..=3).for_each(|number| lab.start(number, &[1]));
    check_whole(&mut lab, Duration::from_secs(20));
    let before = lab.hosts[0].session.id();
    lab.hosts[0].session.skip_to_counter(u32::MAX - 1_000);
    for _ in 0..30 {
        lab.run(Duration::from_secs(1));
        assert!(lab.is_whole());
    }
    assert_ne!(lab.hosts[0].session.id(), before);
    let refused = lab.hosts[0].session.rejects().iter().map(|reject| reject.count).sum::<u64>();
    assert!(refused < 20, "what was under way is lost, and little more: {refused}");
}

#[test]
fn an_hour_played_again_changes_no_row_of_any_table_before_or_after_a_restart() {
    let mut lab = Lab::new();
    (1..=3).for_each(|number| lab.start(number, &[1]));
    check_whole(&mut lab, Duration::from_secs(3_600));
    lab.start(2, &[1]);
    check_whole(&mut lab, Duration::from_secs(2));
    // The third host is gone for good, and nobody remembers it.
    lab.hosts.retain(|host| host.address != IpAddr::from([192, 0, 2, 3]));
    lab.run(Duration::from_secs(3_600));
    assert!(lab.is_whole());

    let tables: Vec<_> = (0..lab.hosts.len()).map(|host| lab.table(host)).collect();
    for datagram in std::mem::take(&mut lab.captured) {
        lab.flying.clear();
        lab.deliver(datagram);
    }
    assert_eq!((0..lab.hosts.len()).map(|host| lab.table(host)).collect::<Vec<_>>(), tables);
}
