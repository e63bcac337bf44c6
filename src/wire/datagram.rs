//! Messages between daemons, as the plaintext inside a sealed datagram: `[kind, fields…]`.

use crate::model::{Age, Aged, Inquiry, Known, Message, NodeId, Record, Urgency, Verdict};

use super::cbor::{Fault, Reader, Writer};
use super::limits::{GROUP_BITS_MAX, PLAINTEXT_MAX};
use super::pieces::check_unique;
use super::record;
use super::split::{Elements, split};

pub use super::record::{CardError, check_card};

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not canonical CBOR of the expected shape, or something is left over.
    #[error("not a message of ours")]
    Malformed,
    /// A value is outside its range, or a list is longer than its limit.
    #[error("a value is out of range")]
    OutOfRange,
    /// A message kind that this version does not know.
    #[error("a message kind of a newer version")]
    UnknownKind,
}

impl From<Fault> for DecodeError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed => Self::Malformed,
            Fault::OutOfRange => Self::OutOfRange,
        }
    }
}

/// The numbers of the kinds of message on the wire. Never given to anything else.
mod kind {
    pub const HANDOVER: u64 = 0;
    pub const BUNDLE: u64 = 1;
    pub const FOUND: u64 = 2;
    pub const LOOK: u64 = 3;
    pub const CARD_HASH: u64 = 4;
    pub const AGREE: u64 = 5;
    pub const BUSY: u64 = 6;
    pub const BUCKETS: u64 = 7;
    pub const ASK_CARDS: u64 = 8;
    pub const WANT_CARDS: u64 = 9;
    pub const HEARTBEAT: u64 = 10;
    pub const PING: u64 = 11;
    pub const PONG: u64 = 12;
    pub const INQUIRE: u64 = 13;
    pub const ANSWER: u64 = 14;
    pub const YOUR_VERSION: u64 = 15;
}

/// `message` as the plaintexts of as many datagrams as it takes, each at most `max` bytes. Long lists are
/// split over several messages of the same kind, in order; a message without records becomes exactly one.
/// Neighbouring records of one host stay in one message where they fit.
///
/// What every receiver would refuse is left out: a record above its limit, or with a tail that is not
/// canonical. So is what alone is longer than `max`, which cannot be from [`super::limits::PLAINTEXT_MIN`] up.
#[must_use]
pub fn encode(message: &Message, max: usize) -> Vec<Vec<u8>> {
    match message {
        Message::Handover { bits, urgency, records } => {
            let head = message_of(3, kind::HANDOVER, |out| {
                out.uint(*bits);
                out.uint(urgency_number(*urgency));
            });
            listed(head, max, records, RECORDS)
        }
        Message::Bundle { records } => listed(message_of(1, kind::BUNDLE, |_| {}), max, records, RECORDS),
        Message::Found { records } => listed(message_of(1, kind::FOUND, |_| {}), max, records, RECORDS),
        Message::Look { known } => listed(message_of(1, kind::LOOK, |_| {}), max, known, KNOWN),
        Message::WantCards { ids } => listed(message_of(1, kind::WANT_CARDS, |_| {}), max, ids, IDS),
        Message::AskCards { from, to, known } => ask_cards(*from, *to, known, max),
        Message::CardHash { hash, confirm } => single(2, kind::CARD_HASH, |out| {
            out.uint(*hash);
            out.bool(*confirm);
        }),
        Message::Agree => single(0, kind::AGREE, |_| {}),
        Message::Busy => single(0, kind::BUSY, |_| {}),
        Message::Buckets { hashes } => single(1, kind::BUCKETS, |out| {
            let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_be_bytes()).collect();
            out.bytes(&bytes);
        }),
        Message::Heartbeat => single(0, kind::HEARTBEAT, |_| {}),
        Message::Ping { token } => single(1, kind::PING, |out| out.uint(*token)),
        Message::Pong { token } => single(1, kind::PONG, |out| out.uint(*token)),
        Message::Inquire(inquiry) => single(3, kind::INQUIRE, |out| {
            out.uint(inquiry.token);
            out.id(inquiry.suspect);
            out.uint(inquiry.silence.as_hundredths());
        }),
        Message::Answer { token, verdict } => single(2, kind::ANSWER, |out| {
            out.uint(*token);
            out.uint(verdict_number(*verdict));
        }),
        Message::YourVersion { version } => single(2, kind::YOUR_VERSION, |out| out.version(*version)),
    }
}

/// The message in one plaintext. All of `bytes` is consumed, and encoding the result gives the same bytes.
pub fn decode(bytes: &[u8]) -> Result<Message, DecodeError> {
    if bytes.len() > PLAINTEXT_MAX {
        return Err(DecodeError::OutOfRange);
    }
    let mut reader = Reader::new(bytes);
    let fields = reader.array()?.checked_sub(1).ok_or(DecodeError::Malformed)?;
    let kind: u64 = reader.uint()?;
    let reader = &mut reader;
    let message = match (kind, fields) {
        (kind::HANDOVER, 3) => Message::Handover {
            bits: read_bits(reader)?,
            urgency: read_urgency(reader)?,
            records: read_records(reader)?,
        },
        (kind::BUNDLE, 1) => Message::Bundle { records: read_records(reader)? },
        (kind::FOUND, 1) => Message::Found { records: read_records(reader)? },
        (kind::LOOK, 1) => Message::Look { known: read_known_set(reader)? },
        (kind::CARD_HASH, 2) => Message::CardHash { hash: reader.uint()?, confirm: reader.bool()? },
        (kind::AGREE, 0) => Message::Agree,
        (kind::BUSY, 0) => Message::Busy,
        (kind::BUCKETS, 1) => Message::Buckets { hashes: read_buckets(reader)? },
        (kind::ASK_CARDS, 3) => read_stretch(reader)?,
        (kind::WANT_CARDS, 1) => Message::WantCards { ids: read_ids(reader)? },
        (kind::HEARTBEAT, 0) => Message::Heartbeat,
        (kind::PING, 1) => Message::Ping { token: reader.uint()? },
        (kind::PONG, 1) => Message::Pong { token: reader.uint()? },
        (kind::INQUIRE, 3) => {
            let (token, suspect) = (reader.uint()?, reader.id()?);
            Message::Inquire(Inquiry { token, suspect, silence: Age::from_hundredths(reader.uint()?) })
        }
        (kind::ANSWER, 2) => Message::Answer { token: reader.uint()?, verdict: read_verdict(reader)? },
        (kind::YOUR_VERSION, 2) => Message::YourVersion { version: reader.version()? },
        (kind, _) if kind > kind::YOUR_VERSION => return Err(DecodeError::UnknownKind),
        _ => return Err(DecodeError::Malformed),
    };
    if !reader.is_empty() {
        return Err(DecodeError::Malformed);
    }
    // Whatever else has two forms (flags that are zero and written) is found here.
    match encode(&message, PLAINTEXT_MAX).as_slice() {
        [again] if again == bytes => Ok(message),
        _ => Err(DecodeError::Malformed),
    }
}

/// The head of a message with `fields` fields, and those that `write` writes.
fn message_of(fields: usize, kind: u64, write: impl FnOnce(&mut Writer)) -> Writer {
    let mut out = Writer::default();
    out.array(1 + fields);
    out.uint(kind);
    write(&mut out);
    out
}

fn single(fields: usize, kind: u64, write: impl FnOnce(&mut Writer)) -> Vec<Vec<u8>> {
    vec![message_of(fields, kind, write).into_bytes()]
}

/// `head` and a list of `items`, as often as it takes.
fn listed<T>(head: Writer, max: usize, items: &[T], elements: Elements<T>) -> Vec<Vec<u8>> {
    let parts = split(items, max.saturating_sub(head.len()), elements);
    parts.into_iter().map(|part| [head.as_bytes(), &part.array].concat()).collect()
}

/// One question per stretch of the ring that fits: each is complete in itself, and the next begins at the id
/// behind it.
fn ask_cards(from: NodeId, to: NodeId, known: &[Known], max: usize) -> Vec<Vec<u8>> {
    let head = |from: NodeId, to: NodeId| {
        message_of(3, kind::ASK_CARDS, |out| {
            out.id(from);
            out.id(to);
        })
    };
    let parts = split(known, max.saturating_sub(head(from, to).len()), KNOWN);
    let mut start = from;
    let mut questions = Vec::with_capacity(parts.len());
    for part in parts {
        let end = if part.end == known.len() { to } else { known[part.end - 1].id };
        questions.push([head(start, end).as_bytes(), &part.array].concat());
        start = id_behind(end);
    }
    questions
}

/// What is said about one host stays together: a card may be old, and only the report that came with it
/// shows that its host lives.
const RECORDS: Elements<Aged<Record>> =
    Elements { write: record::write, belongs: |one, next| one.value.id() == next.value.id() };

const KNOWN: Elements<Known> = Elements { write: write_known, belongs: |_, _| false };

const IDS: Elements<NodeId> = Elements { write: |out, id| out.id(*id), belongs: |_, _| false };

/// The next id on the ring; the last one has none behind it.
fn id_behind(id: NodeId) -> NodeId {
    let next = (id.as_u64() + 1).min((1 << 48) - 1).to_be_bytes();
    let mut bytes = [0; 6];
    bytes.copy_from_slice(&next[2..]);
    NodeId::from_bytes(bytes)
}

fn write_known(out: &mut Writer, known: &Known) {
    out.array(3);
    out.id(known.id);
    out.version(known.version);
}

fn read_known(reader: &mut Reader<'_>) -> Result<Known, Fault> {
    reader.array_of(3)?;
    let id = reader.id()?;
    Ok(Known { id, version: reader.version()? })
}

// No list needs a limit of its own: each element is at least a byte, and PLAINTEXT_MAX bounds those.

fn read_records(reader: &mut Reader<'_>) -> Result<Vec<Aged<Record>>, Fault> {
    reader.list(PLAINTEXT_MAX, record::read)
}

fn read_known_set(reader: &mut Reader<'_>) -> Result<Vec<Known>, Fault> {
    let known = reader.list(PLAINTEXT_MAX, read_known)?;
    check_unique(known.iter().map(|known| known.id))?;
    Ok(known)
}

fn read_ids(reader: &mut Reader<'_>) -> Result<Vec<NodeId>, Fault> {
    let ids = reader.list(PLAINTEXT_MAX, Reader::id)?;
    check_unique(ids.iter().copied())?;
    Ok(ids)
}

fn read_stretch(reader: &mut Reader<'_>) -> Result<Message, Fault> {
    let (from, to) = (reader.id()?, reader.id()?);
    let known = reader.list(PLAINTEXT_MAX, read_known)?;
    let ascends = known.windows(2).all(|pair| pair[0].id < pair[1].id);
    let is_inside = known.iter().all(|known| (from..=to).contains(&known.id));
    if from <= to && ascends && is_inside { Ok(Message::AskCards { from, to, known }) } else { Err(Fault::OutOfRange) }
}

fn read_bits(reader: &mut Reader<'_>) -> Result<u8, Fault> {
    let bits = reader.uint()?;
    if bits <= GROUP_BITS_MAX { Ok(bits) } else { Err(Fault::OutOfRange) }
}

fn read_buckets(reader: &mut Reader<'_>) -> Result<Vec<u32>, Fault> {
    let bytes = reader.bytes()?;
    if bytes.len() != 4 * Message::BUCKETS {
        return Err(Fault::OutOfRange);
    }
    let number = |hash: &[u8]| hash.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
    Ok(bytes.chunks_exact(4).map(number).collect())
}

fn urgency_number(urgency: Urgency) -> u8 {
    match urgency {
        Urgency::Routine => 0,
        Urgency::Urgent => 1,
    }
}

fn read_urgency(reader: &mut Reader<'_>) -> Result<Urgency, Fault> {
    match reader.uint::<u64>()? {
        0 => Ok(Urgency::Routine),
        1 => Ok(Urgency::Urgent),
        _ => Err(Fault::OutOfRange),
    }
}

fn verdict_number(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Alive => 0,
        Verdict::Silent => 1,
    }
}

fn read_verdict(reader: &mut Reader<'_>) -> Result<Verdict, Fault> {
    match reader.uint::<u64>()? {
        0 => Ok(Verdict::Alive),
        1 => Ok(Verdict::Silent),
        _ => Err(Fault::OutOfRange),
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::{CARD_MAX, PLAINTEXT_MIN};
    use super::super::samples::{self, bundle, id, known_ids};
    use super::*;
    use crate::model::{Card, Endpoint, Report, Tail, UnknownRecord, Version};

    #[test]
    fn a_message_without_records_becomes_exactly_one() {
        for message in [bundle(Vec::new()), Message::Look { known: Vec::new() }, Message::WantCards { ids: Vec::new() }]
        {
            let plaintexts = encode(&message, PLAINTEXT_MIN);
            assert_eq!((plaintexts.len(), decode(&plaintexts[0])), (1, Ok(message)));
        }
        // Also where all that it had is left out.
        let invalid = Report { tail: Tail([0xff].into()), ..samples::report() };
        let plaintexts = encode(&bundle(vec![Record::Report(invalid)]), PLAINTEXT_MIN);
        assert_eq!((plaintexts.len(), decode(&plaintexts[0])), (1, Ok(bundle(Vec::new()))));
    }

    #[test]
    fn a_list_is_split_no_more_than_it_must_be() {
        let ids: Vec<NodeId> = (0..200).map(id).collect();
        let plaintexts = encode(&Message::WantCards { ids }, PLAINTEXT_MIN);
        // [9, list]: 2 bytes; the list's own head: 2; 7 an id.
        let most = (PLAINTEXT_MIN - 4) / 7;
        let counts: Vec<usize> = plaintexts.iter().map(|plaintext| (plaintext.len() - 4) / 7).collect();
        assert_eq!(counts, [most, most, 200 - 2 * most]);
    }

    #[test]
    fn a_card_and_the_report_behind_it_travel_together() {
        let both = |host: u8| {
            let endpoint = Endpoint { address: [192, 0, 2, host].into(), ..samples::card().endpoint };
            let card = Card { id: endpoint.id(), endpoint, ..samples::card() };
            [Record::Card(Box::new(card)), Record::Report(Report { id: endpoint.id(), ..samples::report() })]
        };
        let message = bundle((1..=40).flat_map(both).collect());
        let plaintexts = encode(&message, PLAINTEXT_MIN);
        for plaintext in &plaintexts {
            let Ok(Message::Bundle { records }) = decode(plaintext) else { panic!("a bundle") };
            assert!(records.chunks(2).all(|pair| pair.len() == 2 && pair[0].value.id() == pair[1].value.id()));
        }
        // Three hosts of 150 bytes and a little fit 476.
        assert_eq!(plaintexts.len(), 40usize.div_ceil(3));
    }

    #[test]
    fn what_one_host_said_is_parted_where_it_must_be() {
        let unknown = |kind| UnknownRecord { kind, id: id(1), version: Version::MAX, body: Tail(vec![0; 300].into()) };
        let message = bundle((4..7).map(|kind| Record::Unknown(unknown(kind))).collect());
        let plaintexts = encode(&message, PLAINTEXT_MIN);
        assert_eq!(plaintexts.len(), 3);
    }

    #[test]
    fn the_smallest_datagram_holds_the_largest_record_the_buckets_and_what_is_asked_at_once() {
        // Id and version take 7 + 9 + 5 bytes of it.
        let body = Tail(vec![0; CARD_MAX - 21].into());
        let largest = Record::Unknown(UnknownRecord { kind: u32::MAX, id: id(1), version: Version::MAX, body });
        let records = vec![Aged { age: Age::from_hundredths(u32::MAX), value: largest }];
        let message = Message::Handover { bits: 48, urgency: Urgency::Urgent, records };
        let plaintexts = encode(&message, PLAINTEXT_MIN);
        assert_eq!((plaintexts.len(), decode(&plaintexts[0])), (1, Ok(message)));

        let singles = [
            Message::Buckets { hashes: vec![u32::MAX; Message::BUCKETS] },
            Message::CardHash { hash: u64::MAX, confirm: true },
            Message::Inquire(Inquiry { token: u32::MAX, suspect: id(1), silence: Age::from_hundredths(u32::MAX) }),
            Message::AskCards { from: id(0), to: id(99), known: known_ids(0..Message::ASKED_MAX as u64) },
        ];
        for message in singles {
            let plaintexts = encode(&message, PLAINTEXT_MIN);
            assert!(plaintexts.len() == 1 && plaintexts[0].len() <= PLAINTEXT_MIN, "{message:?}");
        }
    }

    #[test]
    fn a_stretch_that_is_too_long_is_asked_for_in_stretches_that_touch() {
        let (from, to) = (id(10), NodeId::from_bytes([0xff; 6]));
        let all = known_ids((0..100).map(|number| 2 * number + 10));
        let questions = encode(&Message::AskCards { from, to, known: all.clone() }, PLAINTEXT_MIN);
        let mut next = from;
        let mut listed = Vec::new();
        for question in &questions {
            let Ok(Message::AskCards { from, to, known }) = decode(question) else { panic!("a question") };
            assert_eq!(from, next);
            next = id_behind(to);
            listed.extend(known);
        }
        assert_eq!((questions.len() > 1, next, listed), (true, to, all));
    }
}
