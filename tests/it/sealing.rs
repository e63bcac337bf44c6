//! The sealed datagram between hosts: what opens where, and what never does.

use std::net::SocketAddr;
use std::time::Duration;

use peermon::model::{
    Age, Aged, Destination, Known, Load, Member, Message, NetworkList, NodeId, Record, Report, SessionId, Tail,
    Timestamp, Urgency, Version,
};
use peermon::session::{DATAGRAM_DEFAULT, Keyring, Opened, Reject, Session, new_key_file};
use peermon::wire::datagram;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// Cases per law, in CI too.
const CASES: u32 = 1_000;

const NOW: Timestamp = Timestamp::ZERO;

/// A host and what its card says.
struct Host {
    session: Session,
    card: Member,
}

/// Key number `number`.
fn key(number: u8) -> String {
    new_key_file(&std::array::from_fn(|place| number.wrapping_mul(31).wrapping_add(place as u8)))
}

fn ring(keys: &[u8]) -> Keyring {
    Keyring::parse(&keys.iter().map(|number| key(*number)).collect::<String>()).expect("keys with different ids")
}

impl Host {
    fn new(number: u8, session: u64) -> Self {
        Self::of("lab", ring(&[1]), number, session)
    }

    fn of(network: &str, keyring: Keyring, number: u8, session: u64) -> Self {
        let address = SocketAddr::from(([192, 0, 2, number], 1288));
        let session = SessionId::new(session).unwrap();
        let id = NodeId::derive(address.ip(), address.port(), 0);
        let card = Member { id, address, session, key_ids: keyring.key_ids() };
        let valid = NetworkList::default();
        Self { session: Session::new(NOW, network, keyring, valid, DATAGRAM_DEFAULT, session), card }
    }

    fn knows(mut self, other: &Self) -> Self {
        self.session.admit(NOW, other.card.clone());
        self
    }

    /// One datagram, from a host that has the card of `to`.
    fn says(&mut self, to: &Member, message: &Message) -> Vec<u8> {
        self.session.admit(NOW, to.clone());
        let sealed = self.session.seal(NOW, &Destination::Member(to.id), message).unwrap();
        assert_eq!(sealed.to, to.address);
        sealed.datagrams.into_iter().next().unwrap()
    }

    fn hello(&mut self, to: &Member) -> Vec<u8> {
        self.session.hello(NOW, to.address).datagrams.remove(0)
    }

    fn hears(&mut self, from: &Member, datagram: &[u8]) -> Result<Opened, Reject> {
        self.session.open(NOW, from.address, datagram)
    }

    fn welcomes(&mut self, from: &Member, hello: &[u8]) -> Vec<u8> {
        match self.hears(from, hello) {
            Ok(Opened::Hello { reply }) => reply,
            other => panic!("no hello: {other:?}"),
        }
    }
}

/// Two hosts that have each other's card.
fn pair() -> (Host, Host) {
    let (a, b) = (Host::new(1, 0xa), Host::new(2, 0xb));
    let b = b.knows(&a);
    (a.knows(&b), b)
}

fn report(number: u32) -> Aged<Record> {
    let id = NodeId::from_bytes([number as u8; 6]);
    let version = Version { incarnation: 1_790_000_000, sequence: number };
    let load = Load { load1_hundredths: Some(number), memory_available_mib: None };
    let report = Report { id, version, card: 1, load, flags: 0, tail: Tail::default() };
    Aged { age: Age::from_hundredths(number), value: Record::Report(report) }
}

fn messages() -> impl Strategy<Value = Message> {
    let reports = |most: u32| (0..most).prop_map(|count| (0..count).map(report).collect::<Vec<_>>());
    let known = |number: u8| Known { id: NodeId::from_bytes([number; 6]), version: Version::default() };
    prop_oneof![
        Just(Message::Heartbeat),
        any::<u32>().prop_map(|token| Message::Ping { token }),
        any::<u64>().prop_map(|hash| Message::CardHash { hash, confirm: true }),
        (0u8..40).prop_map(move |count| Message::Look { known: (0..count).map(known).collect() }),
        reports(30).prop_map(|records| Message::Bundle { records }),
        reports(3).prop_map(|records| Message::Handover { bits: 3, urgency: Urgency::Urgent, records }),
    ]
}

#[track_caller]
fn check_message(opened: Result<Opened, Reject>, from: &Member, is_member: bool, expected: &Message) {
    match opened {
        Ok(Opened::Message { sender, message }) => {
            assert_eq!(&message, expected);
            assert_eq!((sender.address, sender.session), (from.address, from.session));
            assert_eq!(sender.member, is_member.then_some(from.id));
        }
        other => panic!("expected {expected:?}, got {other:?}"),
    }
}

#[test]
fn what_a_member_says_arrives_and_what_a_stranger_says_is_known_to_be_a_strangers() {
    let (mut a, mut b) = pair();
    let mut stranger = Host::new(3, 0xc);
    let said = Message::Ping { token: 7 };
    let datagram = a.says(&b.card, &said);
    check_message(b.hears(&a.card, &datagram), &a.card, true, &said);
    let datagram = stranger.says(&b.card, &said);
    check_message(b.hears(&stranger.card, &datagram), &stranger.card, false, &said);
}

#[test]
fn a_host_learns_a_session_by_hello_and_welcome_and_neither_is_longer_than_36_bytes() {
    let (mut a, mut b) = (Host::new(1, 0xa), Host::new(2, 0xb));
    let hello = a.hello(&b.card);
    let welcome = b.welcomes(&a.card, &hello);
    assert_eq!((hello.len(), welcome.len()), (36, 36));
    let learned = a.hears(&b.card, &welcome);
    assert_eq!(learned, Ok(Opened::Welcome { address: b.card.address, session: b.card.session }));
}

#[test]
fn a_welcome_counts_once_and_only_from_the_host_that_was_asked_a_moment_ago() {
    let (mut a, mut b, c) = (Host::new(1, 0xa), Host::new(2, 0xb), Host::new(3, 0xc));
    let hello = a.hello(&b.card);
    let welcome = b.welcomes(&a.card, &hello);
    assert_eq!(a.hears(&c.card, &welcome), Err(Reject::Unasked), "another address");
    assert!(a.hears(&b.card, &welcome).is_ok());
    assert_eq!(a.hears(&b.card, &welcome), Err(Reject::Unasked), "twice");
    a.hello(&b.card);
    assert_eq!(a.hears(&b.card, &welcome), Err(Reject::Unasked), "the welcome to an earlier hello");

    let hello = a.hello(&b.card);
    let welcome = b.welcomes(&a.card, &hello);
    let late = NOW.after(Duration::from_secs(6));
    assert_eq!(a.session.open(late, b.card.address, &welcome), Err(Reject::Unasked), "long after");
}

#[test]
fn a_host_that_is_among_its_own_seeds_does_not_answer_itself() {
    let mut a = Host::new(1, 0xa);
    let here = a.card.clone();
    let hello = a.hello(&here);
    assert_eq!(a.hears(&here, &hello), Err(Reject::OwnSession));
}

#[test]
fn every_single_bit_flip_of_100_sealed_datagrams_is_refused_and_spoils_nothing() {
    let mut runner = TestRunner::deterministic();
    let (mut a, mut b) = pair();
    for number in 0..100 {
        let message = messages().new_tree(&mut runner).unwrap().current();
        let datagram = match number % 10 {
            0 => a.hello(&b.card),
            1 => {
                let hello = b.hello(&a.card);
                a.welcomes(&b.card, &hello)
            }
            _ => a.says(&b.card, &message),
        };
        for bit in 0..8 * datagram.len() {
            let mut flipped = datagram.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(b.hears(&a.card, &flipped).is_err(), "bit {bit} of datagram {number}");
        }
        assert!(b.hears(&a.card, &datagram).is_ok(), "datagram {number} itself");
    }
}

#[test]
fn a_datagram_opens_only_at_its_receiver_in_its_life_in_its_network_and_with_its_key() {
    let (mut a, b) = pair();
    let data = a.says(&b.card, &Message::Heartbeat);
    let hello = a.hello(&b.card);
    let check = |mut elsewhere: Host, data_reason, hello_reason: Option<Reject>| {
        elsewhere = elsewhere.knows(&a);
        assert_eq!(elsewhere.hears(&a.card, &data), Err(data_reason));
        assert_eq!(elsewhere.hears(&a.card, &hello).err(), hello_reason);
    };
    check(Host::new(3, 0xc), Reject::DoesNotOpen, None);
    check(Host::new(2, 0xbb), Reject::DoesNotOpen, None);
    check(Host::of("lob", ring(&[1]), 2, 0xb), Reject::DoesNotOpen, Some(Reject::DoesNotOpen));
    check(Host::of("lab", ring(&[2]), 2, 0xb), Reject::UnknownKey, Some(Reject::UnknownKey));
    check(Host::of("lab", Keyring::open("lab"), 2, 0xb), Reject::UnknownKey, Some(Reject::UnknownKey));
}

#[test]
fn a_keyed_and_an_open_network_of_one_name_hear_nothing_of_each_other() {
    let mut keyed = Host::new(1, 0xa);
    let mut open = Host::of("lab", Keyring::open("lab"), 2, 0xb);
    for _ in 0..3 {
        let (hello, data) = (open.hello(&keyed.card), open.says(&keyed.card, &Message::Heartbeat));
        assert_eq!(keyed.hears(&open.card, &hello), Err(Reject::UnknownKey));
        assert_eq!(keyed.hears(&open.card, &data), Err(Reject::UnknownKey));
        let (hello, data) = (keyed.hello(&open.card), keyed.says(&open.card, &Message::Heartbeat));
        assert_eq!(open.hears(&keyed.card, &hello), Err(Reject::UnknownKey));
        assert_eq!(open.hears(&keyed.card, &data), Err(Reject::UnknownKey));
    }
    for (host, sender) in [(&keyed, &open), (&open, &keyed)] {
        let [reject] = host.session.rejects().try_into().unwrap();
        assert_eq!((reject.reason.as_str(), reject.count), ("unknown_key", 6));
        assert_eq!(reject.last_sender, Some(sender.card.address.ip()));
    }
}

#[test]
fn the_first_check_that_fails_gives_the_reason() {
    let (mut a, mut b) = pair();
    let datagram = a.says(&b.card, &Message::Heartbeat);
    let change = |place: usize, byte: u8| {
        let mut changed = datagram.clone();
        changed[place] = byte;
        changed
    };
    let own = [&datagram[..4], &0xbu64.to_be_bytes(), &datagram[12..]].concat();
    let nobody = [&datagram[..4], &[0; 8], &datagram[12..]].concat();
    let long = [&datagram[..], &[0; 1_400]].concat();
    let cases = [
        (change(0, b'G'), Reject::NotOurs),
        (change(1, 2), Reject::NewerVersion),
        (change(1, 0), Reject::NotOurs),
        (change(1, 200), Reject::NotOurs),
        (change(2, 0), Reject::NotOurs),
        (change(2, 4), Reject::NotOurs),
        (nobody, Reject::NotOurs),
        (datagram[..31].to_vec(), Reject::NotOurs),
        (long, Reject::NotOurs),
        (Vec::new(), Reject::NotOurs),
        (change(3, datagram[3] ^ 1), Reject::UnknownKey),
        (own, Reject::OwnSession),
        (change(20, !datagram[20]), Reject::DoesNotOpen),
        (datagram[..32].to_vec(), Reject::DoesNotOpen),
    ];
    for (changed, reason) in &cases {
        assert_eq!(b.hears(&a.card, changed), Err(*reason), "{changed:02x?}");
    }
    assert!(b.hears(&a.card, &datagram).is_ok());
    assert_eq!(b.hears(&a.card, &datagram), Err(Reject::Replay));
    assert_eq!(b.hears(&a.card, &change(20, !datagram[20])), Err(Reject::Replay), "before it is opened");

    let elsewhere = NetworkList::new(vec![NetworkList::parse_line("198.51.100").unwrap()]);
    b.session.set_valid(elsewhere);
    for (changed, _) in cases {
        assert_eq!(b.hears(&a.card, &changed), Err(Reject::Address), "before anything of it is read");
    }
}

#[test]
fn a_captured_hour_is_worth_nothing_before_and_after_a_restart_at_other_hosts_and_when_its_sender_is_gone() {
    let (mut a, mut b) = pair();
    let mut hour = Vec::new();
    for number in 0..3_600 {
        let datagram = a.says(&b.card, &Message::Bundle { records: vec![report(number)] });
        b.session.admit(NOW, a.card.clone());
        let now = NOW.after(Duration::from_secs(number.into()));
        assert!(b.session.open(now, a.card.address, &datagram).is_ok());
        hour.push(datagram);
        let hello = a.hello(&b.card);
        assert!(b.session.open(now, a.card.address, &hello).is_ok());
        hour.push(hello);
    }
    let mut other = Host::new(3, 0xc).knows(&a);
    let mut restarted = Host::new(2, 0xbb).knows(&a);
    let check = |host: &mut Host, hellos_answered: usize| {
        let opened: Vec<Opened> = hour.iter().filter_map(|datagram| host.hears(&a.card, datagram).ok()).collect();
        assert!(opened.iter().all(|opened| matches!(opened, Opened::Hello { .. })));
        assert!(opened.len() <= hellos_answered, "{}", opened.len());
    };
    check(&mut b, 0);
    b.session.dismiss(a.card.id);
    check(&mut b, 0);
    b.session.begin(NOW, SessionId::new(0xbbb).unwrap());
    check(&mut b, 0);
    // A hello is sealed for nobody. Elsewhere it is answered once, within the budget, for nobody's benefit.
    check(&mut other, 64);
    check(&mut restarted, 64);
    // No budget of the member is spent: it may still say all that it may.
    let said: Vec<_> = (0..512).map(|_| a.says(&other.card, &Message::Heartbeat)).collect();
    assert!(said.iter().all(|datagram| other.hears(&a.card, datagram).is_ok()));
}

#[test]
fn a_member_with_a_new_session_is_heard_in_both_for_a_while_and_then_as_a_stranger_in_the_old_one() {
    let (mut a, mut b) = pair();
    let mut restarted = Host::new(1, 0xaa);
    b.session.admit(NOW, restarted.card.clone());
    let said = Message::Heartbeat;
    let (old, new) = (a.says(&b.card, &said), restarted.says(&b.card, &said));
    check_message(b.hears(&a.card, &old), &a.card, true, &said);
    check_message(b.hears(&a.card, &new), &restarted.card, true, &said);
    let later = NOW.after(Duration::from_secs(41));
    let old = a.says(&b.card, &said);
    check_message(b.session.open(later, a.card.address, &old), &a.card, false, &said);
}

#[test]
fn of_two_members_with_one_session_the_one_at_the_address_is_heard() {
    let (mut a, mut b) = pair();
    let clone = Host::new(4, 0xa);
    b.session.admit(NOW, clone.card.clone());
    let said = Message::Heartbeat;
    let datagram = a.says(&b.card, &said);
    check_message(b.hears(&a.card, &datagram), &a.card, true, &said);
    let datagram = a.says(&b.card, &said);
    check_message(b.hears(&clone.card, &datagram), &clone.card, true, &said);
}

#[test]
fn one_counter_over_all_receivers_and_keys_never_repeats_and_its_end_is_announced() {
    let mut a = Host::of("lab", ring(&[1, 2]), 1, 0xa);
    let receivers = [Host::new(2, 0xb), Host::of("lab", ring(&[2]), 3, 0xc)];
    let mut counters = Vec::new();
    let mut note = |datagram: &[u8]| counters.push(datagram[12..16].to_vec());
    for _ in 0..10 {
        receivers.iter().for_each(|to| note(&a.says(&to.card, &Message::Heartbeat)));
        a.session.hello(NOW, receivers[0].card.address).datagrams.iter().for_each(|hello| note(hello));
    }
    let expected: Vec<Vec<u8>> = (0..40u32).map(|counter| counter.to_be_bytes().to_vec()).collect();
    assert_eq!(counters, expected);

    assert!(!a.session.is_spent());
    a.session.skip_to_counter(u32::MAX - 1);
    assert!(a.session.is_spent());
    let to = Destination::Member(receivers[0].card.id);
    let seal = |a: &mut Host| a.session.seal(NOW, &to, &Message::Heartbeat).map(|sealed| sealed.datagrams.len());
    assert_eq!([seal(&mut a), seal(&mut a), seal(&mut a)], [Some(1), Some(1), None]);
    assert!(a.session.hello(NOW, receivers[0].card.address).datagrams.is_empty());
    a.session.begin(NOW, SessionId::new(0xaa).unwrap());
    assert!(!a.session.is_spent());
    let mut next = a.says(&receivers[0].card, &Message::Heartbeat);
    assert_eq!(next.split_off(4)[..12], [0, 0, 0, 0, 0, 0, 0, 0xaa, 0, 0, 0, 0]);
}

#[test]
fn a_key_is_rotated_on_four_hosts_in_any_order_and_no_datagram_is_lost() {
    let phases: [&[u8]; 4] = [&[1], &[1, 2], &[2, 1], &[2]];
    let orders: Vec<Vec<usize>> = {
        let all = (0..256).map(|number: usize| (0..4).map(|place| (number >> (2 * place)) & 3).collect());
        all.filter(|order: &Vec<usize>| (0..4).all(|host| order.contains(&host))).collect()
    };
    assert_eq!(orders.len(), 24);
    for order in orders {
        let mut now = NOW;
        let mut hosts: Vec<Host> = (0..4u8).map(|n| Host::of("lab", ring(phases[0]), n, 0xa + u64::from(n))).collect();
        for phase in phases {
            for changed in &order {
                now = now.after(Duration::from_secs(1));
                let old_cards: Vec<Member> = hosts.iter().map(|host| host.card.clone()).collect();
                hosts[*changed].session.set_keyring(ring(phase));
                hosts[*changed].card.key_ids = ring(phase).key_ids();
                // Everybody hears everybody, whether the new card has come or not.
                for (speaker, listener) in (0..16).map(|n| (n / 4, n % 4)).filter(|(from, to)| from != to) {
                    for card in [old_cards[listener].clone(), hosts[listener].card.clone()] {
                        let datagram = hosts[speaker].says(&card, &Message::Heartbeat);
                        let from = hosts[speaker].card.clone();
                        assert!(hosts[listener].hears(&from, &datagram).is_ok(), "{order:?} {phase:?}");
                    }
                    assert!(is_welcomed(&mut hosts, now, speaker, listener), "{order:?} {phase:?}");
                }
            }
        }
        let mut old = Host::of("lab", ring(&[1]), 9, 0xf);
        let datagram = old.says(&hosts[0].card, &Message::Heartbeat);
        assert_eq!(hosts[0].hears(&old.card, &datagram), Err(Reject::UnknownKey), "the old key has no effect");
    }
}

/// Whether one of the hellos of one host to another is answered, and the answer understood.
fn is_welcomed(hosts: &mut [Host], now: Timestamp, asker: usize, answerer: usize) -> bool {
    let (asking, answering) = (hosts[asker].card.address, hosts[answerer].card.address);
    let hellos = hosts[asker].session.hello(now, answering).datagrams;
    hellos.iter().any(|hello| match hosts[answerer].session.open(now, asking, hello) {
        Ok(Opened::Hello { reply }) => hosts[asker].session.open(now, answering, &reply).is_ok(),
        Ok(_) | Err(_) => false,
    })
}

#[test]
fn a_stranger_is_answered_with_the_key_that_it_asked_with() {
    let mut host = Host::of("lab", ring(&[2, 1]), 1, 0xa);
    let mut newcomer = Host::new(2, 0xb);
    let question = Message::CardHash { hash: 1, confirm: true };
    let datagram = newcomer.says(&host.card, &question);
    check_message(host.hears(&newcomer.card, &datagram), &newcomer.card, false, &question);
    let to = Destination::Stranger { address: newcomer.card.address, session: newcomer.card.session };
    let answer = host.session.seal(NOW, &to, &Message::Agree).unwrap();
    check_message(newcomer.hears(&host.card, &answer.datagrams[0]), &host.card, true, &Message::Agree);
}

#[test]
fn a_stranger_gets_no_more_bytes_than_it_sent_and_a_member_all_of_them() {
    let (mut host, mut asker) = (Host::new(1, 0xa), Host::new(2, 0xb));
    let long = Message::Found { records: (0..200).map(report).collect() };
    let question = asker.says(&host.card, &Message::Look { known: Vec::new() });
    assert!(host.hears(&asker.card, &question).is_ok());
    let to = Destination::Stranger { address: asker.card.address, session: asker.card.session };
    assert_eq!(host.session.seal(NOW, &to, &long), None);
    assert!(host.session.seal(NOW, &to, &Message::Agree).is_some());
    assert_eq!(host.session.seal(NOW, &to, &Message::Agree), None, "the question is answered");
    host.session.admit(NOW, asker.card.clone());
    let sealed = host.session.seal(NOW, &Destination::Member(asker.card.id), &long).unwrap();
    assert!(sealed.datagrams.len() > 1);
    assert!(sealed.datagrams.iter().all(|datagram| datagram.len() <= DATAGRAM_DEFAULT));
    assert!(sealed.datagrams.iter().all(|datagram| asker.hears(&host.card, datagram).is_ok()));
}

#[test]
fn what_is_sealed_for_a_host_that_was_dismissed_is_nothing() {
    let (mut a, b) = pair();
    a.session.dismiss(b.card.id);
    assert_eq!(a.session.seal(NOW, &Destination::Member(b.card.id), &Message::Heartbeat), None);
}

#[test]
fn an_eavesdropper_sees_no_id_no_load_and_no_network() {
    let (mut a, b) = pair();
    let message = Message::Bundle { records: vec![report(0x5a5a_5a5a)] };
    let plaintext = &datagram::encode(&message, 1_000)[0];
    let sealed = a.says(&b.card, &message);
    let shows = |bytes: &[u8], secret: &[u8]| bytes.windows(secret.len()).any(|part| part == secret);
    for secret in [&[0x5a; 6][..], &[0x1a, 0x5a, 0x5a, 0x5a, 0x5a], &plaintext[..4]] {
        assert!(shows(plaintext, secret) && !shows(&sealed, secret));
    }
    assert!(!shows(&sealed, b"lab"));
}

#[test]
fn a_datagram_of_version_1_stays_as_it_is_byte_for_byte() {
    let bytes: [u8; 32] = std::array::from_fn(|place| place as u8);
    let host = |number, session| Host::of("lab", Keyring::parse(&new_key_file(&bytes)).unwrap(), number, session);
    let (mut a, mut b) = (host(1, 0x0102_0304_0506_0708), host(2, 0x1112_1314_1516_1718));
    let hello = a.hello(&b.card);
    let welcome = b.welcomes(&a.card, &hello);
    let data = a.says(&b.card, &Message::Ping { token: 7 });
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&hello), "b5010161010203040506070800000000704968c52df78ef01a91ab63071f8e141fb490e6");
    assert_eq!(hex(&welcome), "b501026111121314151617180000000049716e8008a5b71f93303751781815624495ec89");
    assert_eq!(hex(&data), "b5010361010203040506070800000001e195c8037f4fbd880ca642da9486177dfd1af7");
}

#[test]
fn the_page_on_security_explains_every_reason_for_which_a_datagram_is_refused() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/security.md");
    let page = std::fs::read_to_string(page).unwrap();
    for reason in Reject::ALL {
        assert!(page.contains(&format!("| `{}` |", reason.as_str())), "{reason:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn each_datagram_opens_once_however_the_network_orders_and_repeats_them(
        count in 2usize..60,
        start in prop_oneof![0u32..2_000, (u32::MAX - 100)..(u32::MAX - 60)],
        order in proptest::collection::vec((any::<prop::sample::Index>(), 0u32..3), 0..100),
    ) {
        let (mut a, mut b) = pair();
        a.session.skip_to_counter(start);
        let said: Vec<Vec<u8>> = (0..count).map(|_| a.says(&b.card, &Message::Heartbeat)).collect();
        let mut opened = vec![0; count];
        let all = order.iter().map(|(index, _)| index.index(count)).chain(0..count).chain(0..count);
        for place in all {
            opened[place] += usize::from(b.hears(&a.card, &said[place]).is_ok());
        }
        prop_assert_eq!(opened, vec![1; count]);
    }

    #[test]
    fn whatever_is_said_is_what_is_heard(message in messages()) {
        let (mut a, mut b) = pair();
        let datagram = a.says(&b.card, &message);
        match b.hears(&a.card, &datagram) {
            Ok(Opened::Message { message: heard, .. }) => prop_assert_eq!(heard, message),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
