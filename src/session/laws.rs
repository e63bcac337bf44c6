//! Laws that hold whatever arrives: bounds of the tables, and of what is sent to strangers. What hosts
//! promise each other is in tests/it/sealing.rs.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use proptest::prelude::*;

use super::addresses::ADDRESSES_MAX;
use super::hellos::{ANSWERED_MAX, ASKED_MAX};
use super::senders::{ASIDE_MAX, STRANGERS_MAX};
use super::*;
use crate::model::{Age, Aged, Dice, Known, Record, Suspicion, Tail, Version};
use crate::wire::limits::HOSTS_MAX;

/// Cases per law, in CI too.
const CASES: u32 = 1_000;

const NOW: Timestamp = Timestamp::ZERO;

/// Host number `number`, who knows nobody.
fn session(number: u64) -> Session {
    let keyring = Keyring::open("lab");
    Session::new(NOW, "lab", keyring, NetworkList::default(), DATAGRAM_DEFAULT, SessionId::from_entropy(number))
}

fn address(number: u32) -> SocketAddr {
    (Ipv4Addr::from(0x0a00_0000 + number), 1288).into()
}

/// What host `number`'s card says.
fn member(number: u32, session: SessionId) -> Member {
    let key_ids = Keyring::open("lab").key_ids();
    Member { id: NodeId::derive(address(number).ip(), 1288, 0), address: address(number), session, key_ids }
}

/// One datagram that says nothing but that its sender lives, for a member.
fn heartbeat(sender: &mut Session, receiver: &Member) -> Vec<u8> {
    message_to(sender, receiver, &Message::Heartbeat)
}

fn message_to(sender: &mut Session, receiver: &Member, message: &Message) -> Vec<u8> {
    sender.admit(NOW, receiver.clone());
    let sealed = sender.seal(NOW, &Destination::Member(receiver.id), message).unwrap();
    sealed.datagrams.into_iter().next().unwrap()
}

impl Session {
    /// How much of each table is used, and what is left of no budget counts.
    fn sizes(&self) -> [usize; 7] {
        let [members, claims, claimed, strangers, aside] = self.senders.sizes();
        [members, claims, claimed, strangers, aside, self.hellos.len(), self.addresses.len()]
    }

    #[track_caller]
    fn assert_bounded(&self) {
        let members = self.sizes()[0];
        let most = [HOSTS_MAX, 2 * members, 2 * members, STRANGERS_MAX, ASIDE_MAX];
        let most = most.into_iter().chain([ASKED_MAX + ANSWERED_MAX, ADDRESSES_MAX]);
        for (place, (size, most)) in self.sizes().into_iter().zip(most).enumerate() {
            assert!(size <= most, "table {place} has {size} of {most}");
        }
    }
}

#[test]
fn a_hundred_thousand_invented_sessions_fill_no_table_and_open_no_datagram_twice() {
    let mut host = session(1);
    let here = member(1, host.id());
    let (mut friend, mut forger) = (session(2), session(3));
    host.admit(NOW, member(2, friend.id()));
    let mut first = Vec::new();
    for number in 0..100_000u32 {
        forger.begin(NOW, SessionId::from_entropy(1_000 + u64::from(number)));
        let datagram = heartbeat(&mut forger, &here);
        let opened = host.open(NOW, address(1_000 + number), &datagram);
        let expected = if (number as usize) < ASIDE_MAX + STRANGERS_MAX { Ok(()) } else { Err(Reject::Crowded) };
        assert_eq!(opened.map(|_| ()), expected, "{number}");
        if number < 3_000 {
            first.push(datagram);
        }
    }
    host.assert_bounded();
    for datagram in &first {
        assert_eq!(host.open(NOW, address(5), datagram), Err(Reject::Replay));
    }
    assert!(host.is_spent());
    let from_friend = heartbeat(&mut friend, &here);
    assert!(host.open(NOW, address(2), &from_friend).is_ok(), "members are heard all the time");

    host.begin(NOW, SessionId::from_entropy(99));
    assert!(!host.is_spent());
    let new_life = member(1, host.id());
    assert!(host.open(NOW, address(3), &heartbeat(&mut forger, &new_life)).is_ok());
    assert!(host.open(NOW, address(2), &heartbeat(&mut friend, &new_life)).is_ok());
    for datagram in first.iter().chain([&from_friend]) {
        assert_eq!(host.open(NOW, address(5), datagram), Err(Reject::DoesNotOpen));
    }
}

#[test]
fn members_and_their_sessions_come_and_go_and_leave_bounded_traces() {
    let mut host = session(1);
    let here = member(1, host.id());
    let mut guest = session(2);
    for number in 0..60_000u32 {
        guest.begin(NOW, SessionId::from_entropy(1_000 + u64::from(number)));
        // More hosts than there may be come, then a few start again and again, and every third goes.
        let who = if number < 30_000 { number } else { number % 500 };
        host.admit(NOW, member(who, guest.id()));
        let datagram = heartbeat(&mut guest, &here);
        let opened = host.open(NOW, address(who), &datagram);
        assert!(opened.is_ok() || opened == Err(Reject::Crowded), "{opened:?}");
        assert!(host.open(NOW, address(7), &datagram).is_err());
        if number.is_multiple_of(3) {
            host.dismiss(member(who, guest.id()).id);
            assert!(host.open(NOW, address(7), &datagram).is_err());
        }
    }
    assert_eq!(host.sizes()[0], HOSTS_MAX);
    host.assert_bounded();
}

#[test]
fn a_host_that_was_away_with_a_thousand_others_is_heard_again_and_its_past_is_not() {
    let mut host = session(1);
    let here = member(1, host.id());
    let mut away: Vec<Session> = (2..2_002).map(session).collect();
    let mut said = Vec::new();
    for (number, guest) in (2u32..).zip(&mut away) {
        host.admit(NOW, member(number, guest.id()));
        said.push(heartbeat(guest, &here));
        assert!(host.open(NOW, address(number), said.last().unwrap()).is_ok());
    }
    for (number, guest) in (2u32..).zip(&away) {
        host.dismiss(member(number, guest.id()).id);
    }
    for (number, datagram) in (2u32..).zip(&said) {
        assert_eq!(host.open(NOW, address(number), datagram), Err(Reject::Replay));
    }
    for (number, guest) in (2u32..).zip(&mut away) {
        assert!(host.open(NOW, address(number), &heartbeat(guest, &here)).is_ok(), "as a stranger");
        host.admit(NOW, member(number, guest.id()));
        assert!(host.open(NOW, address(number), &heartbeat(guest, &here)).is_ok(), "as a member");
    }
    for datagram in &said {
        assert_eq!(host.open(NOW, address(9), datagram), Err(Reject::Replay));
    }
    host.assert_bounded();
}

#[test]
fn a_flood_of_hellos_from_one_address_is_answered_32_times_a_second() {
    let (mut host, mut flooder) = (session(1), session(2));
    let mut answers = 0;
    for millisecond in 0..10_000u64 {
        let now = NOW.after(Duration::from_millis(millisecond));
        for _ in 0..10 {
            let hello = flooder.hello(now, address(1)).datagrams.remove(0);
            match host.open(now, address(2), &hello) {
                Ok(Opened::Hello { reply }) => {
                    assert!(reply.len() <= hello.len());
                    answers += 1;
                }
                other => assert_eq!(other, Err(Reject::HelloBudget)),
            }
        }
    }
    assert!((64 + 319..=64 + 320).contains(&answers), "{answers}");
    host.assert_bounded();
    let elsewhere = session(3).hello(NOW, address(1)).datagrams.remove(0);
    assert!(host.open(NOW, address(3), &elsewhere).is_ok(), "other addresses are not affected");
}

#[test]
fn hellos_from_invented_addresses_fill_no_table() {
    let (mut host, mut flooder) = (session(1), session(2));
    for number in 0..20_000 {
        let hello = flooder.hello(NOW, address(number)).datagrams.remove(0);
        assert!(host.open(NOW, address(number), &hello).is_ok());
    }
    host.assert_bounded();
    flooder.assert_bounded();
}

#[test]
fn a_member_that_went_mad_is_heard_256_times_a_second() {
    let (mut host, mut mad) = (session(1), session(2));
    let here = member(1, host.id());
    host.admit(NOW, member(2, mad.id()));
    let mut heard = 0;
    for millisecond in 0..10_000u64 {
        let now = NOW.after(Duration::from_millis(millisecond));
        for _ in 0..5 {
            match host.open(now, address(2), &heartbeat(&mut mad, &here)) {
                Ok(_) => heard += 1,
                Err(reason) => assert_eq!(reason, Reject::MemberBudget),
            }
        }
    }
    assert!((512 + 2_555..=512 + 2_561).contains(&heard), "{heard}");
}

/// Questions and answers of many lengths.
fn any_message(dice: &mut Dice) -> Message {
    let known = |dice: &mut Dice| Known { id: node_id(dice), version: Version::default() };
    match dice.below(7) {
        0 => Message::Heartbeat,
        1 => Message::Ping { token: dice.number() as u32 },
        2 => Message::CardHash { hash: dice.number(), confirm: true },
        3 => Message::Buckets { hashes: (0..Message::BUCKETS).map(|_| dice.number() as u32).collect() },
        4 => Message::Look { known: (0..dice.below(200)).map(|_| known(dice)).collect() },
        5 => Message::WantCards { ids: (0..dice.below(64)).map(|_| node_id(dice)).collect() },
        _ => Message::Found { records: (0..dice.below(200)).map(|_| any_record(dice)).collect() },
    }
}

fn any_record(dice: &mut Dice) -> Aged<Record> {
    let (id, by) = (node_id(dice), node_id(dice));
    let value = Record::Suspicion(Suspicion { id, version: Version::default(), by, tail: Tail::default() });
    Aged { age: Age::default(), value }
}

fn node_id(dice: &mut Dice) -> NodeId {
    let mut bytes = [0; 6];
    bytes.copy_from_slice(&dice.number().to_be_bytes()[..6]);
    NodeId::from_bytes(bytes)
}

#[test]
fn in_100_000_exchanges_no_unproven_address_gets_more_bytes_than_came_from_it() {
    let mut dice = Dice::new(1);
    let mut host = session(1);
    let here = member(1, host.id());
    let mut askers: Vec<Session> = (2..40).map(session).collect();
    let mut now = NOW;
    let (mut came, mut went): (BTreeMap<IpAddr, usize>, BTreeMap<IpAddr, usize>) = Default::default();
    for _ in 0..100_000 {
        now = now.after(Duration::from_micros(dice.below(2_000) as u64));
        let asker = &mut askers[dice.below(38)];
        let from = address(100 + dice.below(10) as u32);
        let question = match dice.below(4) {
            0 => asker.hello(now, here.address).datagrams.remove(0),
            _ => message_to(asker, &here, &any_message(&mut dice)),
        };
        *came.entry(from.ip()).or_default() += question.len();
        match host.open(now, from, &question) {
            Ok(Opened::Hello { reply }) => *went.entry(from.ip()).or_default() += reply.len(),
            Ok(Opened::Message { sender, .. }) => {
                let to = Destination::Stranger { address: sender.address, session: sender.session };
                for _ in 0..dice.below(4) {
                    let answer = host.seal(now, &to, &any_message(&mut dice));
                    let bytes: usize = answer.iter().flat_map(|sealed| &sealed.datagrams).map(Vec::len).sum();
                    *went.entry(from.ip()).or_default() += bytes;
                }
            }
            Ok(Opened::Welcome { .. }) => unreachable!("nobody was asked"),
            Err(_) => {}
        }
        assert!(went.get(&from.ip()).unwrap_or(&0) <= &came[&from.ip()]);
    }
    let (came, went): (usize, usize) = (came.values().sum(), went.values().sum());
    assert!(went * 4 > came, "answers were given: {went} of {came} bytes");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn random_bytes_are_refused_and_leave_no_trace(
        bytes in proptest::collection::vec(any::<u8>(), 0..1_500),
        header in proptest::option::weighted(0.7, (1u8..4, any::<bool>(), 0u64..4, any::<u32>())),
        from in any::<[u8; 16]>(),
    ) {
        let mut host = session(1);
        host.admit(NOW, member(2, SessionId::from_entropy(2)));
        host.hello(NOW, address(3));
        let before = host.sizes();
        let mut bytes = bytes;
        if let Some((kind, our_key, session, counter)) = header
            && bytes.len() >= 16
        {
            bytes[..3].copy_from_slice(&[0xb5, 1, kind]);
            bytes[3] = if our_key { host.keyring.key_ids()[0] } else { bytes[3] };
            bytes[4..12].copy_from_slice(&session.to_be_bytes());
            bytes[12..16].copy_from_slice(&counter.to_be_bytes());
        }
        let from = SocketAddr::from((from, 1288));
        prop_assert!(host.open(NOW, from, &bytes).is_err());
        prop_assert_eq!(host.sizes(), before);
        prop_assert_eq!(host.rejects().len(), 1);
        prop_assert_eq!(host.rejects()[0].last_sender, Some(from.ip()));
    }

    #[test]
    fn what_opens_and_is_no_message_is_refused_and_marked(
        text in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        prop_assume!(datagram::decode(&text).is_err());
        let (mut host, mut mad) = (session(1), session(2));
        host.admit(NOW, member(2, mad.id()));
        let key = mad.keyring.keys()[0].clone();
        let bytes = mad.sealer.seal(&key, Kind::Data, host.id().get(), &text).unwrap();
        let refused = host.open(NOW, address(2), &bytes);
        prop_assert!(matches!(refused, Err(Reject::Malformed | Reject::NewerMessage)), "{:?}", refused);
        prop_assert_eq!(host.open(NOW, address(2), &bytes), Err(Reject::Replay));
    }
}
