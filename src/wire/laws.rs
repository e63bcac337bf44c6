//! Laws of both protocols, searched for counterexamples by proptest.

use ciborium::Value;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::client;
use super::datagram::{decode, encode};
use super::limits::{PLAINTEXT_MAX, PLAINTEXT_MIN, REQUEST_MAX};
use super::samples::*;
use crate::model::{
    Aged, Card, Known, LABELS_MAX, Load, Message, NETWORK_ADDRESSES_MAX, NodeId, Record, Report, Tail, UnknownRecord,
    Version,
};

/// Cases per law, in CI too.
const CASES: u32 = 1_000;

/// The message that pieces of one message say together.
fn joined(pieces: Vec<Message>) -> Message {
    let mut pieces = pieces.into_iter();
    let mut whole = pieces.next().unwrap();
    for piece in pieces {
        match (&mut whole, piece) {
            (
                Message::Handover { bits, urgency, records },
                Message::Handover { bits: b, urgency: u, records: more },
            ) if (*bits, *urgency) == (b, u) => {
                records.extend(more);
            }
            (Message::Bundle { records }, Message::Bundle { records: more })
            | (Message::Found { records }, Message::Found { records: more }) => records.extend(more),
            (Message::Look { known }, Message::Look { known: more }) => known.extend(more),
            (Message::WantCards { ids }, Message::WantCards { ids: more }) => ids.extend(more),
            (Message::AskCards { to, known, .. }, Message::AskCards { from, to: end, known: more }) => {
                assert_eq!(from.as_u64(), to.as_u64() + 1, "stretches touch, and do not overlap");
                *to = end;
                known.extend(more);
            }
            (whole, piece) => panic!("{piece:?} does not continue {whole:?}"),
        }
    }
    whole
}

/// What happens to bytes on their way, or in the hands of somebody who means no good.
#[derive(Clone, Debug)]
enum Damage {
    Replace(Index, u8),
    Flip(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    CutAt(Index),
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    // Small numbers are kinds, heads and lengths: they do more than noise.
    let byte = || prop_oneof![any::<u8>(), 0u8..32, 0x80u8..0xa0];
    let damage = prop_oneof![
        4 => (any::<Index>(), byte()).prop_map(|(place, byte)| Damage::Replace(place, byte)),
        4 => (any::<Index>(), 0u8..8).prop_map(|(place, bit)| Damage::Flip(place, bit)),
        1 => (any::<Index>(), byte()).prop_map(|(place, byte)| Damage::Insert(place, byte)),
        1 => any::<Index>().prop_map(Damage::Remove),
        1 => any::<Index>().prop_map(Damage::CutAt),
    ];
    vec(damage, 1..4)
}

fn damaged(mut bytes: Vec<u8>, damages: Vec<Damage>) -> Vec<u8> {
    for damage in damages {
        if bytes.is_empty() {
            break;
        }
        let len = bytes.len();
        match damage {
            Damage::Replace(place, byte) => bytes[place.index(len)] = byte,
            Damage::Flip(place, bit) => bytes[place.index(len)] ^= 1 << bit,
            Damage::Insert(place, byte) => bytes.insert(place.index(len), byte),
            Damage::Remove(place) => drop(bytes.remove(place.index(len))),
            Damage::CutAt(place) => bytes.truncate(place.index(len)),
        }
    }
    bytes
}

/// Bytes that a message holds in memory, its own size included: what is allocated, with 16 bytes for each
/// time.
fn memory(message: &Message) -> usize {
    let heap = |capacity: usize| if capacity == 0 { 0 } else { capacity + 16 };
    let of_card = |card: &Card| {
        let labels: usize = card.labels.iter().map(|label| heap(label.key().len()) + heap(label.value().len())).sum();
        heap(size_of::<Card>())
            + heap(card.name.as_str().len())
            + heap(card.more_addresses.capacity() * size_of::<std::net::IpAddr>())
            + heap(card.key_ids.capacity())
            + heap(card.labels.capacity() * size_of::<crate::model::Label>())
            + labels
            + heap(card.software.len())
            + heap(card.tail.0.len())
    };
    let of_record = |record: &Aged<Record>| match &record.value {
        Record::Report(report) => heap(report.tail.0.len()),
        Record::Card(card) => of_card(card),
        Record::Departure(departure) => heap(departure.tail.0.len()),
        Record::Suspicion(suspicion) => heap(suspicion.tail.0.len()),
        Record::Unknown(unknown) => heap(unknown.body.0.len()),
    };
    size_of::<Message>()
        + match message {
            Message::Handover { records, .. } | Message::Bundle { records } | Message::Found { records } => {
                heap(records.capacity() * size_of::<Aged<Record>>()) + records.iter().map(of_record).sum::<usize>()
            }
            Message::Look { known } | Message::AskCards { known, .. } => heap(known.capacity() * size_of::<Known>()),
            Message::WantCards { ids } => heap(ids.capacity() * size_of::<NodeId>()),
            Message::Buckets { hashes } => heap(hashes.capacity() * size_of::<u32>()),
            Message::CardHash { .. }
            | Message::Agree
            | Message::Busy
            | Message::Heartbeat
            | Message::Ping { .. }
            | Message::Pong { .. }
            | Message::Inquire(_)
            | Message::Answer { .. }
            | Message::YourVersion { .. } => 0,
        }
}

#[test]
fn what_a_datagram_says_takes_at_most_64_kib_of_memory_however_dense_it_is() {
    let report = Record::Report(Report { version: Version::default(), load: Load::default(), card: 0, ..report() });
    let empty = |host| UnknownRecord { kind: 4, id: id(host), version: Version::default(), body: Tail::default() };
    let mut small = card();
    small.name = "a".parse().unwrap();
    small.labels = (0..LABELS_MAX).map(|key| format!("{key}=").parse().unwrap()).collect();
    small.more_addresses = (1..=NETWORK_ADDRESSES_MAX as u8).map(|host| [10, 0, 0, host].into()).collect();
    for message in [
        bundle(vec![report; 200]),
        bundle((0..200).map(|host| Record::Unknown(empty(host))).collect()),
        bundle(vec![Record::Card(Box::new(small)); 50]),
        Message::Look { known: (0..200).map(|host| Known { id: id(host), version: Version::default() }).collect() },
        Message::WantCards { ids: (0..300).map(id).collect() },
    ] {
        let plaintext = encode(&message, PLAINTEXT_MAX).remove(0);
        assert!(plaintext.len() > PLAINTEXT_MAX - 150, "a full one");
        let bytes = memory(&decode(&plaintext).unwrap());
        assert!(bytes <= 65_536, "{bytes} bytes");
    }
}

/// What another codec makes of bytes that hold one item.
fn value_of(bytes: &[u8]) -> Value {
    ciborium::from_reader(bytes).unwrap()
}

fn array_of(value: &mut Value) -> &mut Vec<Value> {
    value.as_array_mut().unwrap()
}

/// The frame's body with `added` behind the fields of each array that has fields.
fn widened(body: &[u8], added: &[Value]) -> Vec<u8> {
    let mut value = value_of(body);
    let fields = array_of(&mut value);
    for field in fields.iter_mut().filter_map(Value::as_array_mut) {
        match field.first() {
            // Rows: hosts, placements, rejects.
            Some(Value::Array(_)) => field.iter_mut().for_each(|row| array_of(row).extend_from_slice(added)),
            // The counts of hosts by state. (No hosts, no rejects: an empty list.)
            Some(_) => field.extend_from_slice(added),
            None => {}
        }
    }
    fields.extend_from_slice(added);
    bytes_of(&[value])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_encoded_is_decoded_the_same(message in messages(), max in PLAINTEXT_MIN..=PLAINTEXT_MAX) {
        let plaintexts = encode(&message, max);
        prop_assert!(plaintexts.iter().all(|plaintext| plaintext.len() <= max));
        let pieces = plaintexts.iter().map(|plaintext| decode(plaintext)).collect::<Result<Vec<_>, _>>();
        prop_assert_eq!(pieces.map(joined), Ok(message));
    }

    #[test]
    fn what_is_decoded_is_encoded_the_same(message in messages(), piece in any::<Index>(), damages in damages()) {
        let plaintexts = encode(&message, PLAINTEXT_MAX);
        let bytes = damaged(plaintexts[piece.index(plaintexts.len())].clone(), damages);
        if let Ok(message) = decode(&bytes) {
            prop_assert_eq!(encode(&message, PLAINTEXT_MAX), vec![bytes]);
            prop_assert!(memory(&message) <= 65_536, "{} bytes", memory(&message));
        }
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(noise in vec(any::<u8>(), 0..1_500), reply in replies(), damages in damages()) {
        let frame = damaged(client::encode_reply(&reply), damages);
        for bytes in [&noise[..], &frame[frame.len().min(4)..]] {
            let _ = decode(bytes);
            let _ = client::decode_request(bytes);
            let _ = client::decode_reply(bytes);
        }
    }

    #[test]
    fn every_plaintext_is_canonical_to_another_codec_too(message in messages()) {
        for plaintext in encode(&message, PLAINTEXT_MAX) {
            prop_assert_eq!(bytes_of(&[value_of(&plaintext)]), plaintext);
        }
    }

    #[test]
    fn an_unknown_record_comes_out_as_it_came_in(
        (kind, id, version, age) in (4u32.., ids(), versions(), ages()),
        items in vec(items(), 0..5),
        reported in any::<bool>(),
    ) {
        let head = [Value::from(age.as_hundredths()), Value::Bytes(id.as_bytes().to_vec())];
        let version = [Value::from(version.incarnation), Value::from(version.sequence)];
        // A report of a newer version: card, load, memory, flags, and then whatever it has.
        let known = if reported { vec![Value::from(1), Value::Null, Value::from(2), Value::from(0)] } else { vec![] };
        let mut items = items;
        let content = loop {
            let content = bytes_of(&[&head[..], &version, &known, &items].concat());
            match content.len() {
                ..=64 => break content,
                65.. => items.truncate(items.len() - 1),
            }
        };
        if reported && items.is_empty() {
            return Ok(());
        }
        let record = match reported {
            true => Value::Bytes(content),
            false => Value::Array(vec![Value::from(kind), Value::Bytes(content)]),
        };
        let bytes = bytes_of(&[Value::Array(vec![Value::from(1), Value::Array(vec![record])])]);
        let message = decode(&bytes);
        prop_assert_eq!(message.map(|message| encode(&message, PLAINTEXT_MAX)), Ok(vec![bytes]));
    }

    #[test]
    fn fields_that_newer_versions_add_to_frames_are_stepped_over(
        request in requests(),
        reply in replies(),
        added in vec(items(), 1..4),
    ) {
        let body = widened(&client::encode_reply(&reply)[4..], &added);
        prop_assert_eq!(client::decode_reply(&body), Ok(reply));
        let body = widened(&client::encode_request(&request)[4..], &added);
        if body.len() <= REQUEST_MAX {
            prop_assert_eq!(client::decode_request(&body), Ok(request));
        }
    }

    #[test]
    fn requests_are_decoded_as_they_were_encoded(request in requests()) {
        let frame = client::encode_request(&request);
        let len = client::request_len(frame[..4].try_into().unwrap());
        prop_assert_eq!(len, Ok(frame.len() - 4));
        prop_assert!(frame.len() - 4 <= REQUEST_MAX);
        prop_assert_eq!(client::decode_request(&frame[4..]), Ok(request));
    }

    #[test]
    fn replies_are_decoded_as_they_were_encoded(reply in replies()) {
        let frame = client::encode_reply(&reply);
        let len = client::reply_len(frame[..4].try_into().unwrap());
        prop_assert_eq!(len, Ok(frame.len() - 4));
        prop_assert_eq!(client::decode_reply(&frame[4..]), Ok(reply));
    }
}
