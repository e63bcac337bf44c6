//! One record, as it travels from host to host: a byte string of its own, so that one which is longer than
//! expected, or of a kind that is not known, derails nobody. A report, by far the most frequent, is the bare
//! byte string; any other is `[kind, byte string]`.
//!
//! In the byte string stand items one behind the other (a CBOR sequence, RFC 8742): age, id, version, the
//! fields of the kind, and at last whatever a newer version added, which is kept as it came.

use crate::model::{
    Age, Aged, Card, Departure, Endpoint, LABELS_MAX, Load, NETWORK_ADDRESSES_MAX, NodeId, Record, RecordKind, Report,
    SessionId, Suspicion, Tail, UnknownRecord, Version,
};

use super::cbor::{Fault, Reader, Writer};
use super::limits::{CARD_MAX, INTERVAL_MAX_HUNDREDTHS, INTERVAL_MIN_HUNDREDTHS, KEY_IDS_MAX, REPORT_MAX};

const REPORT: u32 = RecordKind::Report as u32;
const CARD: u32 = RecordKind::Card as u32;
const DEPARTURE: u32 = RecordKind::Departure as u32;
const SUSPICION: u32 = RecordKind::Suspicion as u32;

/// Most bytes of such a record behind its age.
fn len_max(kind: u32) -> usize {
    match kind {
        REPORT | DEPARTURE | SUSPICION => REPORT_MAX,
        CARD.. => CARD_MAX,
    }
}

/// Writes one element of a list of records. Nothing is written of a record that every receiver would refuse:
/// too long, with a tail that is not canonical, or "unknown" with the number of a known kind.
pub(super) fn write(out: &mut Writer, aged: &Aged<Record>) {
    let record = &aged.value;
    let kind = record.kind();
    let mut content = Writer::default();
    content.uint(aged.age.as_hundredths());
    let age_len = content.len();
    content.id(record.id());
    content.version(record.version());
    let tail = match record {
        Record::Report(report) => write_report(&mut content, report),
        Record::Card(card) => write_card(&mut content, card),
        Record::Departure(departure) => &departure.tail,
        Record::Suspicion(suspicion) => {
            content.id(suspicion.by);
            &suspicion.tail
        }
        Record::Unknown(unknown) if unknown.kind <= SUSPICION => return,
        Record::Unknown(unknown) => &unknown.body,
    };
    content.raw(&tail.0);
    if content.len() - age_len > len_max(kind) || Reader::new(&tail.0).remainder().is_err() {
        return;
    }
    if kind != REPORT {
        out.array(2);
        out.uint(kind);
    }
    out.bytes(content.as_bytes());
}

fn write_report<'a>(out: &mut Writer, report: &'a Report) -> &'a Tail {
    out.uint(report.card);
    out.optional(report.load.load1_hundredths);
    out.optional(report.load.memory_available_mib);
    // No flag and nothing behind it: one byte less in what travels most.
    if report.flags != 0 || !report.tail.is_empty() {
        out.uint(report.flags);
    }
    &report.tail
}

fn write_card<'a>(out: &mut Writer, card: &'a Card) -> &'a Tail {
    out.text(card.name.as_str());
    out.address(card.endpoint.address);
    out.uint(card.endpoint.port);
    out.uint(card.endpoint.salt);
    out.uint(card.session.get());
    out.bytes(&card.key_ids);
    out.optional(card.cores);
    out.optional(card.memory_total_mib);
    out.uint(card.interval.as_hundredths());
    out.bool(card.collector);
    out.optional(card.uptime_seconds);
    out.array(card.more_addresses.len());
    card.more_addresses.iter().for_each(|address| out.address(*address));
    out.labels(&card.labels);
    out.text(&card.software);
    &card.tail
}

/// Reads one element of a list of records.
pub(super) fn read(list: &mut Reader<'_>) -> Result<Aged<Record>, Fault> {
    let kind = if list.is_bytes() {
        REPORT
    } else {
        list.array_of(2)?;
        match list.uint()? {
            REPORT => return Err(Fault::Malformed),
            kind => kind,
        }
    };
    let mut content = Reader::new(list.bytes()?);
    let age: u32 = content.uint()?;
    if content.len() > len_max(kind) {
        return Err(Fault::OutOfRange);
    }
    let (id, version) = (content.id()?, content.version()?);
    let value = match kind {
        REPORT => {
            let card = content.uint()?;
            let load = Load { load1_hundredths: content.optional()?, memory_available_mib: content.optional()? };
            let flags = if content.is_empty() { 0 } else { content.uint()? };
            Record::Report(Report { id, version, card, load, flags, tail: read_tail(content)? })
        }
        CARD => Record::Card(Box::new(read_card(id, version, content)?)),
        DEPARTURE => Record::Departure(Departure { id, version, tail: read_tail(content)? }),
        SUSPICION => {
            let by = content.id()?;
            Record::Suspicion(Suspicion { id, version, by, tail: read_tail(content)? })
        }
        kind => Record::Unknown(UnknownRecord { kind, id, version, body: read_tail(content)? }),
    };
    Ok(Aged { age: Age::from_hundredths(age), value })
}

fn read_card(id: NodeId, version: Version, mut content: Reader<'_>) -> Result<Card, Fault> {
    let name = content.name()?;
    let endpoint = Endpoint { address: content.address()?, port: content.port()?, salt: content.uint()? };
    let session = SessionId::new(content.uint()?).ok_or(Fault::OutOfRange)?;
    let key_ids = content.bytes()?.to_vec();
    let cores = content.optional()?;
    let memory_total_mib = content.optional()?;
    let interval: u32 = content.uint()?;
    let collector = content.bool()?;
    let uptime_seconds = content.optional()?;
    let more_addresses = content.set(NETWORK_ADDRESSES_MAX, Reader::address)?;
    let labels = content.set(LABELS_MAX, Reader::label)?;
    let software = content.software()?;
    let is_interval = (INTERVAL_MIN_HUNDREDTHS..=INTERVAL_MAX_HUNDREDTHS).contains(&interval);
    let is_twice = more_addresses.contains(&endpoint.address);
    if id != endpoint.id() || key_ids.len() > KEY_IDS_MAX || !is_interval || is_twice {
        return Err(Fault::OutOfRange);
    }
    let interval = Age::from_hundredths(interval);
    let tail = read_tail(content)?;
    Ok(Card {
        id,
        version,
        name,
        endpoint,
        more_addresses,
        session,
        key_ids,
        cores,
        memory_total_mib,
        labels,
        software,
        interval,
        collector,
        uptime_seconds,
        tail,
    })
}

fn read_tail(mut content: Reader<'_>) -> Result<Tail, Fault> {
    content.remainder().map(|bytes| Tail(bytes.into()))
}
