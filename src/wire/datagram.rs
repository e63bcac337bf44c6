//! Messages between daemons, as the plaintext inside a sealed datagram: `[kind, fields…]`.

use crate::model::{Age, Aged, Inquiry, Known, Message, NodeId, Record, Urgency, Verdict, Version};

use super::cbor::{Fault, Reader, Writer, argument_len};
use super::limits::{GROUP_BITS_MAX, PLAINTEXT_MAX};
use super::pieces::check_unique;
use super::record;

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
            split(head, max, records, record::write)
        }
        Message::Bundle { records } => split(message_of(1, kind::BUNDLE, |_| {}), max, records, record::write),
        Message::Found { records } => split(message_of(1, kind::FOUND, |_| {}), max, records, record::write),
        Message::Look { known } => split(message_of(1, kind::LOOK, |_| {}), max, known, write_known),
        Message::WantCards { ids } => split(message_of(1, kind::WANT_CARDS, |_| {}), max, ids, |out, id| out.id(*id)),
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
    let kind = reader.uint()?;
    let expect = |expected: usize| if fields == expected { Ok(()) } else { Err(DecodeError::Malformed) };
    let message = match kind {
        kind::HANDOVER => {
            expect(3)?;
            let bits = reader.uint()?;
            if bits > GROUP_BITS_MAX {
                return Err(DecodeError::OutOfRange);
            }
            Message::Handover { bits, urgency: read_urgency(&mut reader)?, records: read_records(&mut reader)? }
        }
        kind::BUNDLE => {
            expect(1)?;
            Message::Bundle { records: read_records(&mut reader)? }
        }
        kind::FOUND => {
            expect(1)?;
            Message::Found { records: read_records(&mut reader)? }
        }
        kind::LOOK => {
            expect(1)?;
            let known = reader.list(PLAINTEXT_MAX, read_known)?;
            check_unique(known.iter().map(|known| known.id))?;
            Message::Look { known }
        }
        kind::CARD_HASH => {
            expect(2)?;
            Message::CardHash { hash: reader.uint()?, confirm: reader.bool()? }
        }
        kind::AGREE => {
            expect(0)?;
            Message::Agree
        }
        kind::BUSY => {
            expect(0)?;
            Message::Busy
        }
        kind::BUCKETS => {
            expect(1)?;
            Message::Buckets { hashes: read_buckets(&mut reader)? }
        }
        kind::ASK_CARDS => {
            expect(3)?;
            let (from, to) = (reader.id()?, reader.id()?);
            let known = reader.list(PLAINTEXT_MAX, read_known)?;
            let ascends = known.windows(2).all(|pair| pair[0].id < pair[1].id);
            let is_inside = known.iter().all(|known| (from..=to).contains(&known.id));
            if from > to || !ascends || !is_inside {
                return Err(DecodeError::OutOfRange);
            }
            Message::AskCards { from, to, known }
        }
        kind::WANT_CARDS => {
            expect(1)?;
            let ids = reader.list(PLAINTEXT_MAX, Reader::id)?;
            check_unique(ids.iter().copied())?;
            Message::WantCards { ids }
        }
        kind::HEARTBEAT => {
            expect(0)?;
            Message::Heartbeat
        }
        kind::PING => {
            expect(1)?;
            Message::Ping { token: reader.uint()? }
        }
        kind::PONG => {
            expect(1)?;
            Message::Pong { token: reader.uint()? }
        }
        kind::INQUIRE => {
            expect(3)?;
            let (token, suspect) = (reader.uint()?, reader.id()?);
            Message::Inquire(Inquiry { token, suspect, silence: Age::from_hundredths(reader.uint()?) })
        }
        kind::ANSWER => {
            expect(2)?;
            Message::Answer { token: reader.uint()?, verdict: read_verdict(&mut reader)? }
        }
        kind::YOUR_VERSION => {
            expect(2)?;
            Message::YourVersion { version: reader.version()? }
        }
        16.. => return Err(DecodeError::UnknownKind),
    };
    reader.finish()?;
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
fn split<T>(head: Writer, max: usize, items: &[T], write: impl Fn(&mut Writer, &T)) -> Vec<Vec<u8>> {
    let head = head.into_bytes();
    let mut plaintexts = Vec::new();
    let mut list = Writer::default();
    let mut count = 0;
    let whole = |list: &[u8], count: usize| {
        let mut out = Writer::default();
        out.raw(&head);
        out.array(count);
        out.raw(list);
        out.into_bytes()
    };
    let fits = |list: &Writer, count: usize| head.len() + argument_len(count as u64) + list.len() <= max;
    for item in items {
        let before = list.len();
        write(&mut list, item);
        if list.len() == before {
            continue;
        }
        if !fits(&list, count + 1) {
            let last = list.split_off(before);
            if count > 0 {
                plaintexts.push(whole(list.as_bytes(), count));
            }
            list.clear();
            count = 0;
            list.raw(&last);
            if !fits(&list, 1) {
                list.clear();
                continue;
            }
        }
        count += 1;
    }
    if count > 0 || plaintexts.is_empty() {
        plaintexts.push(whole(list.as_bytes(), count));
    }
    plaintexts
}

/// One question per stretch of the ring that fits: each is complete in itself, and the next begins at the id
/// behind it.
fn ask_cards(from: NodeId, to: NodeId, known: &[Known], max: usize) -> Vec<Vec<u8>> {
    let question = |from: NodeId, to: NodeId, known: &[Known]| {
        let mut out = message_of(3, kind::ASK_CARDS, |out| {
            out.id(from);
            out.id(to);
            out.array(known.len());
        });
        known.iter().for_each(|known| write_known(&mut out, known));
        out.into_bytes()
    };
    let mut questions = Vec::new();
    let (mut start, mut rest) = (from, known);
    loop {
        let fitting = (0..=rest.len()).rev().find(|count| question(start, to, &rest[..*count]).len() <= max);
        let (piece, later) = rest.split_at(fitting.unwrap_or(0));
        match piece.last() {
            Some(last) if !later.is_empty() => {
                questions.push(question(start, last.id, piece));
                start = id_behind(last.id);
                rest = later;
            }
            _ => {
                questions.push(question(start, to, piece));
                return questions;
            }
        }
    }
}

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
    Ok(Known { id, version: Version { incarnation: reader.uint()?, sequence: reader.uint()? } })
}

fn read_records(reader: &mut Reader<'_>) -> Result<Vec<Aged<Record>>, Fault> {
    reader.list(PLAINTEXT_MAX, record::read)
}

fn read_buckets(reader: &mut Reader<'_>) -> Result<Vec<u32>, Fault> {
    let bytes = reader.bytes()?;
    if bytes.len() != 4 * Message::BUCKETS {
        return Err(Fault::OutOfRange);
    }
    Ok(bytes.chunks_exact(4).map(|hash| u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])).collect())
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
