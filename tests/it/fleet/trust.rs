//! Who captures, replays, forges: with the key and without it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use peermon::gossip::HOSTS_MAX;
use peermon::model::{Destination, Endpoint, Known, Message, NodeId, Timestamp, Version};
use peermon::session::{Keyring, Reject, Session, new_key_file};
use peermon::sim::{Datagram, Fleet};

use super::{GLANCE, seconds, settle, settled};
use crate::forged::{invented, lies};

fn keys(numbers: &[u8]) -> Keyring {
    let key = |number: &u8| new_key_file(&std::array::from_fn(|place| number.wrapping_mul(29) ^ place as u8));
    Keyring::parse(&numbers.iter().map(key).collect::<String>()).expect("keys with different ids")
}

/// What chance decides in a test: SplitMix64, the same for one seed.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.number() % bound as u64) as usize
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        (1..items.len()).rev().for_each(|last| items.swap(last, self.below(last + 1)));
    }
}

/// A member that went mad: it has the key, knows where everybody is, and speaks from any address.
struct Forger {
    session: Session,
    turn: u32,
}

impl Forger {
    fn new(fleet: &mut Fleet) -> Self {
        let mut forger = Self { session: fleet.forger(), turn: 0 };
        forger.learn(fleet);
        forger
    }

    fn now(fleet: &Fleet) -> Timestamp {
        Timestamp::ZERO.after(fleet.elapsed())
    }

    fn learn(&mut self, fleet: &Fleet) {
        for member in fleet.living().filter_map(|host| fleet.member(host)) {
            self.session.admit(Self::now(fleet), member);
        }
    }

    /// Says `message` to a host. Each datagram comes from another address, so that no budget of one is spent.
    fn say(&mut self, fleet: &mut Fleet, host: usize, message: &Message) {
        let id = fleet.member(host).expect("it runs").id;
        let Some(sealed) = self.session.seal(Self::now(fleet), &Destination::Member(id), message) else {
            panic!("the forger does not know host {host}");
        };
        for bytes in sealed.datagrams {
            self.turn = (self.turn + 1) % 4_000;
            let from = SocketAddr::from((Ipv4Addr::from(0x0ac8_0000 + self.turn), 1289));
            fleet.inject(Datagram { from, to: sealed.to, bytes });
        }
    }

    fn say_to_all(&mut self, fleet: &mut Fleet, message: &Message) {
        self.learn(fleet);
        for host in fleet.living().collect::<Vec<_>>() {
            self.say(fleet, host, message);
        }
    }
}

/// Whether everybody shows of `host` what it says itself, and nobody offers anything else at its address.
fn is_right_about(fleet: &Fleet, host: usize, load: u32) -> bool {
    let (id, address) = (fleet.id(host), fleet.member(host).expect("it runs").address.ip());
    fleet.living().all(|who| {
        let offered: Vec<_> =
            fleet.table(who).into_iter().filter(|view| view.address == address && view.is_offered()).collect();
        let right = |view: &peermon::model::HostView| view.id == id && view.load1_hundredths == Some(load);
        offered.len() == 1 && offered.iter().all(|view| right(view) && view.cores == Some(8))
    })
}

#[test]
fn two_keys_at_a_time_are_rotated_on_50_hosts_in_any_order_and_the_old_one_then_has_no_effect() {
    let mut fleet = Fleet::new(81).interval(seconds(5.0)).keys(keys(&[1])).hosts(50);
    settle(&mut fleet);
    let mut thief = fleet.forger();
    let mut dice = Dice::new(81);
    // Added everywhere, then first everywhere, then the old one is removed.
    for held in [[1, 2].as_slice(), &[2, 1], &[2]] {
        let mut order: Vec<usize> = (0..50).collect();
        dice.shuffle(&mut order);
        for host in order {
            fleet.reload_keys(host, keys(held));
            fleet.run(seconds(0.2));
            assert_eq!(fleet.missing_pairs(), 0, "{held:?}, after host {host}");
        }
        let survey = fleet.survey(seconds(10.0), seconds(0.5));
        assert_eq!((survey.missing, survey.dead), (0, 0), "{held:?}");
        assert!((0..50).all(|host| fleet.summary(host).is_some_and(|summary| summary.lacking_first_key == 0)));
    }
    assert_eq!(fleet.suspicions_since(Duration::ZERO).count(), 0);
    let refused = |fleet: &Fleet| fleet.rejects().get(&Reject::UnknownKey).copied().unwrap_or(0);
    assert_eq!(refused(&fleet), 0, "nothing was lost on the way");

    let from = SocketAddr::from(([10, 0, 9, 9], 1289));
    let member = fleet.member(3).unwrap();
    thief.admit(Timestamp::ZERO, peermon::model::Member { key_ids: keys(&[1]).key_ids(), ..member.clone() });
    let sealed = thief.seal(Timestamp::ZERO, &Destination::Member(member.id), &Message::Heartbeat).unwrap();
    let hello = thief.hello(Timestamp::ZERO, member.address);
    fleet.capture();
    for bytes in sealed.datagrams.into_iter().chain(hello.datagrams) {
        fleet.inject(Datagram { from, to: member.address, bytes });
    }
    fleet.run(seconds(1.0));
    assert_eq!(refused(&fleet), 2);
    assert!(fleet.take_captured().iter().all(|datagram| datagram.to.ip() != from.ip()), "it gets no answer");
}

/// Refused datagrams by reason, without those for which `reasons` holds.
fn refused(fleet: &Fleet, reasons: impl Fn(Reject) -> bool) -> u64 {
    fleet.rejects().iter().filter(|(reason, _)| reasons(**reason)).map(|(_, count)| count).sum()
}

fn is_budget(reason: Reject) -> bool {
    matches!(reason, Reject::MemberBudget | Reject::StrangerBudget | Reject::HelloBudget | Reject::Crowded)
}

/// Replays all of `hour`; the hellos of it are answered at most. Nothing else opens, and no budget is spent.
#[track_caller]
fn check_replay(fleet: &mut Fleet, hour: &[Datagram], case: &str) {
    let welcomes = |fleet: &Fleet| fleet.traffic_by_kind().get("welcome").map_or(0, |(count, _)| *count);
    let tables: Vec<Vec<NodeId>> = (0..fleet.len()).map(|who| ids(fleet, who)).collect();
    let (before, answered) = (refused(fleet, |_| true), welcomes(fleet));
    for datagram in hour {
        fleet.inject(datagram.clone());
    }
    // Short enough that nothing else is refused meanwhile, and longer than the wire.
    fleet.run(seconds(0.01));
    let (refusals, answers) = (refused(fleet, |_| true) - before, welcomes(fleet) - answered);
    assert!(refusals + answers >= hour.len() as u64, "{case}: {refusals} refused, {answers} hellos answered");
    assert_eq!(refused(fleet, is_budget), 0, "{case}");
    assert_eq!((0..fleet.len()).map(|who| ids(fleet, who)).collect::<Vec<_>>(), tables, "{case}: nobody comes or goes");
    fleet.run_rounds(3);
}

/// Whom a host shows, in whatever state.
fn ids(fleet: &Fleet, who: usize) -> Vec<NodeId> {
    fleet.table(who).into_iter().map(|view| view.id).collect()
}

#[test]
fn a_captured_hour_played_again_opens_nowhere_makes_nobody_younger_and_spends_no_budget() {
    let mut fleet = Fleet::new(82).interval(seconds(20.0)).keys(keys(&[1])).hosts(8);
    fleet.capture();
    settle(&mut fleet);
    fleet.kill(5).run(seconds(30.0)).start(5);
    fleet.run(seconds(3_600.0));
    let hour = fleet.take_captured();
    assert!(hour.len() > 10_000, "{} datagrams", hour.len());
    fleet.assert_everyone_knows_everyone();

    check_replay(&mut fleet, &hour, "to those that it was for");

    let elsewhere: Vec<Datagram> = hour
        .iter()
        .filter(|datagram| datagram.bytes[2] != 1)
        .map(|datagram| {
            let IpAddr::V4(address) = datagram.to.ip() else { unreachable!("the fleet has IPv4") };
            let [.., last] = address.octets();
            let to = SocketAddr::from(([10, 0, 0, last % 8 + 1], datagram.to.port()));
            Datagram { to, ..datagram.clone() }
        })
        .collect();
    check_replay(&mut fleet, &elsewhere, "to others");

    fleet.kill(2).run(seconds(1.0)).start(2);
    fleet.run_rounds(2);
    let to_restarted: Vec<Datagram> =
        hour.iter().filter(|datagram| datagram.to.ip() == IpAddr::from([10, 0, 0, 3])).cloned().collect();
    check_replay(&mut fleet, &to_restarted, "to one that was restarted");

    // The sender is gone and forgotten.
    let gone = fleet.id(7);
    fleet.crash(7).run(seconds(70.0 * 20.0));
    assert!((0..7).all(|who| fleet.view(who, gone).is_none()));
    let of_the_gone: Vec<Datagram> =
        hour.iter().filter(|datagram| datagram.from.ip() == IpAddr::from([10, 0, 0, 8])).cloned().collect();
    check_replay(&mut fleet, &of_the_gone, "of one that is gone");
    assert!((0..7).all(|who| fleet.view(who, gone).is_none()), "it stays forgotten");

    // One that is dead, and not yet forgotten, grows no younger.
    let dead = fleet.id(6);
    fleet.crash(6).run(seconds(200.0));
    let before: Vec<_> = (0..6).map(|who| fleet.view(who, dead).map(|view| view.age_hundredths)).collect();
    let receivers: Vec<IpAddr> = fleet.living().filter_map(|host| fleet.member(host)).map(|m| m.address.ip()).collect();
    let of_the_dead: Vec<Datagram> = hour
        .iter()
        .filter(|datagram| datagram.from.ip() == IpAddr::from([10, 0, 0, 7]) && receivers.contains(&datagram.to.ip()))
        .cloned()
        .collect();
    check_replay(&mut fleet, &of_the_dead, "of one that is dead");
    let after: Vec<_> = (0..6).map(|who| fleet.view(who, dead).map(|view| view.age_hundredths)).collect();
    for (before, after) in before.into_iter().zip(after) {
        assert!(after > before, "{before:?} {after:?}");
    }
}

#[test]
fn the_owner_of_forged_records_is_right_again_everywhere_within_10_rounds() {
    let life = Version { incarnation: 1_700_000_000, sequence: 40 };
    let far = Version { incarnation: 1 << 60, sequence: 1 };
    let edge = Version { incarnation: u64::MAX - 1, sequence: u32::MAX };
    for version in [life, far, edge, Version::MAX] {
        for (interval, age) in [(5.0, 0.0), (0.2, 0.0), (300.0, 0.0), (5.0, 14.0), (5.0, 29.0), (5.0, 4_000.0)] {
            let case = format!("version {version:?}, T = {interval} s, {age} s old");
            let mut fleet = settled(83, 20, 5.0, 0);
            fleet.set_load(7, 321).run_rounds(2);
            let endpoint = Endpoint { address: IpAddr::from([10, 0, 0, 8]), port: 1288, salt: 0 };
            assert_eq!(endpoint.id(), fleet.id(7));
            let mut forger = Forger::new(&mut fleet);
            let records = lies(endpoint, version, interval, age);
            forger.say_to_all(&mut fleet, &Message::Bundle { records });
            fleet.run(seconds(0.001));
            let is_heard = age < 30.0;
            assert!(!is_heard || !is_right_about(&fleet, 7, 321), "{case}: believed at first");
            let took = fleet.run_until(seconds(50.0), GLANCE, |fleet| is_right_about(fleet, 7, 321));
            assert!(took.is_some(), "{case}: {:?}", fleet.table(0));
            fleet.run_rounds(3);
            assert!(is_right_about(&fleet, 7, 321), "{case}: and stays so");
            assert!((0..20).filter(|host| *host != 7).all(|host| fleet.offered_by(fleet.id(host)) == 20), "{case}");
        }
    }
}

/// Everything that a host says of itself is outdone for so many rounds, one after the other.
#[track_caller]
fn check_spoilt(rounds: u32, interval: f64, version: impl Fn(u32) -> Version) {
    let mut fleet = settled(87, 20, 5.0, 0);
    fleet.set_load(7, 321).run_rounds(2);
    let mut forger = Forger::new(&mut fleet);
    let address = fleet.member(7).unwrap().address;
    for round in 0..rounds {
        let salt = (0..100)
            .find(|salt| Endpoint { address: address.ip(), port: address.port(), salt: *salt }.id() == fleet.id(7))
            .expect("one of its first ids");
        let endpoint = Endpoint { address: address.ip(), port: address.port(), salt };
        forger.say_to_all(&mut fleet, &Message::Bundle { records: lies(endpoint, version(round), interval, 0.0) });
        fleet.run_rounds(1);
    }
    let took = fleet.run_until(seconds(50.0), GLANCE, |fleet| is_right_about(fleet, 7, 321));
    let case = format!("for {rounds} rounds, T = {interval} s");
    let shown = fleet.table(0).into_iter().filter(|view| view.address == address.ip()).collect::<Vec<_>>();
    assert!(took.is_some(), "{case}: {shown:?}");
    fleet.run_rounds(3);
    assert!(is_right_about(&fleet, 7, 321), "{case}: and stays so");
    assert!((0..20).filter(|host| *host != 7).all(|host| fleet.offered_by(fleet.id(host)) == 20), "{case}");
}

#[test]
fn a_host_that_is_forged_again_and_again_is_right_again_within_10_rounds_of_the_end() {
    for interval in [5.0, 300.0] {
        check_spoilt(20, interval, |round| Version { incarnation: (1 << 50) << round.min(12), sequence: 1 });
        check_spoilt(20, interval, |_| Version::MAX);
    }
}

#[track_caller]
fn check_bounded(fleet: &Fleet, hosts: usize) {
    for who in 0..hosts {
        assert!(fleet.table_size(who) <= HOSTS_MAX, "{}", fleet.table_size(who));
        let mut at: BTreeMap<IpAddr, u32> = BTreeMap::new();
        for view in fleet.table(who) {
            *at.entry(view.address).or_default() += 1;
        }
        assert!(at.values().all(|count| *count <= 8));
    }
}

#[test]
fn invented_hosts_fill_no_table_beyond_its_bounds_and_push_out_nobody_who_was_there() {
    let mut fleet = settled(84, 3, 20.0, 0);
    let mut forger = Forger::new(&mut fleet);
    for datagram in 0..6_000u32 {
        let records = invented(datagram * 4, 4, if datagram < 100 { 1_000 } else { 3 }, 20.0);
        forger.say(&mut fleet, 0, &Message::Bundle { records });
        if datagram % 100 == 99 {
            fleet.run(seconds(0.05));
            check_bounded(&fleet, 1);
            assert!((0..3).all(|about| fleet.offers(0, fleet.id(about))), "after {datagram} datagrams");
        }
    }
    assert_eq!(fleet.table_size(0), HOSTS_MAX, "it was full");
    fleet.run(seconds(1.0));
    check_bounded(&fleet, 3);
    // What was invented goes when nobody says it again.
    for _ in 0..30 {
        fleet.run_rounds(1);
        check_bounded(&fleet, 3);
        for who in 0..3 {
            assert!((0..3).all(|about| fleet.view(who, fleet.id(about)).is_some()), "nobody is pushed out");
        }
    }
    fleet.assert_everyone_knows_everyone();
}

#[test]
fn invented_hosts_with_the_shortest_and_the_longest_interval_take_no_living_host_from_the_offer() {
    for interval in [0.2, 300.0] {
        let mut fleet = settled(85, 20, 5.0, 0);
        let mut forger = Forger::new(&mut fleet);
        for turn in 0..10 {
            forger.say_to_all(&mut fleet, &Message::Bundle { records: invented(turn * 4, 4, 1, interval) });
            let survey = fleet.survey(seconds(2.0), seconds(0.5));
            assert_eq!((survey.missing, survey.dead), (0, 0), "T = {interval} s, turn {turn}");
        }
        // Forty of sixty hosts say another T, so it is the median: the living are judged by the larger.
        let survey = fleet.survey(seconds(60.0), seconds(1.0));
        assert_eq!((survey.missing, survey.dead), (0, 0), "T = {interval} s");
    }
}

/// What makes a host say much: questions about hosts that it knows.
fn question(dice: &mut Dice, ids: &[NodeId]) -> Message {
    let known = |id: &NodeId| Known { id: *id, version: Version::default() };
    match dice.below(8) {
        0 => Message::Ping { token: dice.number() as u32 },
        1 => Message::CardHash { hash: dice.number(), confirm: true },
        2 => Message::Buckets { hashes: (0..Message::BUCKETS).map(|_| dice.number() as u32).collect() },
        3 => Message::Look { known: ids.iter().map(known).collect() },
        4 => Message::WantCards { ids: ids.to_vec() },
        5 => {
            Message::AskCards { from: NodeId::from_bytes([0; 6]), to: NodeId::from_bytes([255; 6]), known: Vec::new() }
        }
        6 => Message::YourVersion { version: Version { incarnation: 5, sequence: 5 } },
        _ => Message::Heartbeat,
    }
}

#[test]
fn in_100_000_exchanges_a_host_sends_no_unproven_address_more_bytes_than_came_from_it() {
    let mut fleet = settled(86, 6, 20.0, 0);
    let ids: Vec<NodeId> = (0..6).map(|host| fleet.id(host)).collect();
    let mut forger = fleet.forger();
    let mut dice = Dice::new(86);
    // Datagrams and bytes of payload: then no headers of any network make an answer the larger one.
    let (mut came, mut went): (BTreeMap<IpAddr, [u64; 2]>, BTreeMap<IpAddr, [u64; 2]>) = Default::default();
    let count = |account: &mut BTreeMap<IpAddr, [u64; 2]>, address: IpAddr, bytes: &[u8]| {
        let [datagrams, total] = account.entry(address).or_default();
        (*datagrams, *total) = (*datagrams + 1, *total + bytes.len() as u64);
    };
    fleet.capture();
    for exchange in 0..100_000u32 {
        let now = Timestamp::ZERO.after(fleet.elapsed());
        let member = fleet.member(dice.below(6)).unwrap();
        let datagrams = if dice.below(5) == 0 {
            forger.hello(now, member.address).datagrams
        } else {
            forger.admit(now, member.clone());
            let question = question(&mut dice, &ids);
            forger.seal(now, &Destination::Member(member.id), &question).unwrap().datagrams
        };
        let from = SocketAddr::from(([10, 200, 0, dice.below(250) as u8], 1289));
        for bytes in datagrams {
            count(&mut came, from.ip(), &bytes);
            fleet.inject(Datagram { from, to: member.address, bytes });
        }
        fleet.run(Duration::from_micros(dice.below(2_000) as u64));
        for datagram in fleet.take_captured() {
            count(&mut went, datagram.to.ip(), &datagram.bytes);
        }
        let (came, went) = (came[&from.ip()], went.get(&from.ip()).copied().unwrap_or_default());
        assert!(went[0] <= came[0] && went[1] <= came[1], "exchange {exchange}: {went:?} for {came:?}");
    }
    let answered: u64 = went.iter().filter(|(to, _)| came.contains_key(to)).map(|(_, [_, bytes])| bytes).sum();
    let came: u64 = came.values().map(|[_, bytes]| bytes).sum();
    assert!(answered * 5 > came, "answers were given: {answered} of {came} bytes");
}
