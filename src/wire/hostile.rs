//! What is refused where it arrives.

use super::datagram::{DecodeError, decode, encode};
use super::limits::PLAINTEXT_MAX;
use super::samples::{self, bundle, hex, id, known_ids};
use crate::model::{Age, Card, Endpoint, Label, Message, Record, Urgency};

#[track_caller]
fn check_refused(message: &Message, what: &str) {
    let plaintexts = encode(message, PLAINTEXT_MAX);
    assert_eq!(plaintexts.len(), 1, "{what}");
    assert_eq!(decode(&plaintexts[0]), Err(DecodeError::OutOfRange), "{what}");
}

#[track_caller]
fn check_refused_card(what: &str, change: impl Fn(&mut Card)) {
    let mut card = samples::card();
    change(&mut card);
    card.id = card.endpoint.id();
    check_refused(&bundle(vec![Record::Card(Box::new(card))]), what);
}

#[test]
fn values_outside_their_range_are_refused() {
    check_refused_card("T below 0.2 s", |card| card.interval = Age::from_hundredths(19));
    check_refused_card("T above 300 s", |card| card.interval = Age::from_hundredths(30_001));
    check_refused_card("port 0", |card| card.endpoint.port = 0);
    check_refused_card("port 65535, which has none above", |card| card.endpoint.port = 65_535);
    check_refused_card("five keys", |card| card.key_ids = vec![1; 5]);
    check_refused_card("software that a terminal would obey", |card| card.software = "2\x1b[31m".into());
    check_refused_card("software of 33 bytes", |card| card.software = "2".repeat(33).into());
    check_refused_card("no particular address", |card| card.endpoint.address = [0, 0, 0, 0].into());
    check_refused_card("everybody's address", |card| card.endpoint.address = [255; 4].into());
    check_refused_card("a group's address", |card| card.endpoint.address = [224, 0, 0, 1].into());
    check_refused_card("a group's address, IPv6", |card| card.more_addresses = vec!["ff02::1".parse().unwrap()]);
    check_refused_card("one address twice", |card| card.more_addresses.push(card.more_addresses[1]));
    check_refused_card("addresses in no order", |card| card.more_addresses.reverse());
    check_refused_card("the advertised address again", |card| card.more_addresses = vec![card.endpoint.address]);
    check_refused_card("nine addresses", |card| card.more_addresses = (1..10).map(|i| [10, 0, 0, i].into()).collect());
    check_refused_card("labels in no order", |card| card.labels.reverse());
    let label = |number: u32| format!("{number}=").parse::<Label>().unwrap();
    check_refused_card("nine labels", |card| card.labels = (1..10).map(label).collect());

    let records = Vec::new();
    check_refused(&Message::Handover { bits: 49, urgency: Urgency::Routine, records }, "more bits than an id has");
    check_refused(&Message::Buckets { hashes: vec![0; 63] }, "63 buckets");
    check_refused(&Message::Look { known: known_ids([1, 2, 1]) }, "one host twice in a look");
    check_refused(&Message::WantCards { ids: vec![id(1), id(1)] }, "one card twice");
    let stretch =
        |from, to, ids: &[u64]| Message::AskCards { from: id(from), to: id(to), known: known_ids(ids.to_vec()) };
    check_refused(&stretch(2, 1, &[]), "a stretch that ends before it begins");
    check_refused(&stretch(2, 4, &[1]), "a host before the stretch");
    check_refused(&stretch(2, 4, &[5]), "a host behind the stretch");
    check_refused(&stretch(2, 4, &[3, 3]), "one host twice in a stretch");
    check_refused(&stretch(2, 4, &[4, 3]), "a stretch in no order");
}

#[test]
fn an_id_that_is_not_made_from_address_port_and_salt_is_refused() {
    let card = samples::card();
    for endpoint in [
        Endpoint { salt: 1, ..card.endpoint },
        Endpoint { port: 1289, ..card.endpoint },
        Endpoint { address: [192, 0, 2, 8].into(), ..card.endpoint },
    ] {
        let forged = Card { endpoint, ..card.clone() };
        check_refused(&bundle(vec![Record::Card(Box::new(forged))]), "another's id");
    }
}

#[track_caller]
fn check_bytes(text: &str, error: DecodeError) {
    assert_eq!(decode(&hex(text)), Err(error), "{text}");
}

#[test]
fn a_plaintext_has_one_form_only() {
    use DecodeError::{Malformed, OutOfRange, UnknownKind};
    assert_eq!(decode(&hex("82 0b 07")), Ok(Message::Ping { token: 7 }));
    check_bytes("", Malformed);
    check_bytes("80", Malformed);
    check_bytes("82 0b", Malformed); // cut off
    check_bytes("82 0b 07 00", Malformed); // something left over
    check_bytes("83 0b 07 00", Malformed); // a field too many
    check_bytes("81 0b", Malformed); // a field too few
    check_bytes("82 0b 18 07", Malformed); // not the shortest integer
    check_bytes("9f 0b 07 ff", Malformed); // no definite length
    check_bytes("82 0b f9 4700", Malformed); // 7.0
    check_bytes("82 0b f9 7e00", Malformed); // NaN
    check_bytes("82 0b c0 07", Malformed); // tagged
    check_bytes("82 0b f7", Malformed); // undefined
    check_bytes("a1 0b 07", Malformed); // a map
    check_bytes("82 0b 1b 0000000100000000", OutOfRange); // a token of 33 bits
    check_bytes("83 0e 07 02", OutOfRange); // a third verdict
    check_bytes("84 00 02 02 80", OutOfRange); // a third urgency
    check_bytes("82 10 07", UnknownKind);
    check_bytes("81 1b ffffffffffffffff", UnknownKind);
}

#[test]
fn a_record_has_one_form_only() {
    use DecodeError::{Malformed, OutOfRange};
    // age 0, id 000000000001, version 1.2, card 3, load 4, memory 5
    assert!(decode(&hex("82 01 81 4d 00 46000000000001 01 02 03 04 05")).is_ok());
    check_bytes("82 01 81 4e 00 46000000000001 01 02 03 04 05 00", Malformed); // no flags, and written
    check_bytes("82 01 81 82 00 4d 00 46000000000001 01 02 03 04 05", Malformed); // a report with its kind
    check_bytes("82 01 81 4c 00 46000000000001 01 02 03 04", Malformed); // no memory
    check_bytes("82 01 81 4c 00 450000000001 01 02 03 04 05", Malformed); // an id of 5 bytes
    check_bytes("82 01 81 4d 20 46000000000001 01 02 03 04 05", Malformed); // age -1
    check_bytes("82 01 81 51 1b 0000000100000000 46000000000001 01 02", OutOfRange); // an age of 33 bits
    check_bytes("82 01 81 4f 00 46000000000001 01 02 03 04 05 00 ff", Malformed); // a tail that is none
    check_bytes("82 01 81 50 00 46000000000001 01 02 03 04 05 00 18 17", Malformed); // nor canonical
    check_bytes("82 01 81 82 04 47 00 45 0000000000", Malformed); // an unknown kind without id and version
    check_bytes("82 01 81 83 04 4a 00 46000000000001 01 02 00", Malformed); // something beside the record
}

#[test]
fn names_that_are_no_host_names_are_refused_where_they_arrive() {
    let card = samples::card();
    let plaintext = encode(&bundle(vec![Record::Card(Box::new(card.clone()))]), PLAINTEXT_MAX).remove(0);
    let name = card.name.as_str().as_bytes();
    let place = plaintext.windows(name.len()).position(|window| window == name).unwrap();
    for hostile in ["-oProxyCommand=x", "a b", "a\n", "a\u{202e}b", "\u{1b}[31m", "a;b"] {
        let mut forged = plaintext.clone();
        // Of the same length, so that nothing else is wrong.
        let padded = format!("{hostile:a<width$}", width = name.len() + hostile.chars().count() - hostile.len());
        forged[place..place + name.len()].copy_from_slice(padded.as_bytes());
        assert_eq!(decode(&forged), Err(DecodeError::OutOfRange), "{hostile:?}");
    }
}

#[test]
fn nothing_longer_than_a_datagram_is_decoded() {
    let message = bundle(vec![Record::Report(samples::report()); 100]);
    let long = encode(&message, usize::MAX).remove(0);
    assert_eq!((long.len() > PLAINTEXT_MAX, decode(&long)), (true, Err(DecodeError::OutOfRange)));
}
