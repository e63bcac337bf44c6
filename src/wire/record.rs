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
use super::limits::{CARD_MAX, CORES_MAX, INTERVAL_MAX_HUNDREDTHS, INTERVAL_MIN_HUNDREDTHS, KEY_IDS_MAX, REPORT_MAX};

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
    write_head(&mut content, record.id(), record.version());
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

/// What every record says first, behind its age.
fn write_head(out: &mut Writer, id: NodeId, version: Version) {
    out.id(id);
    out.version(version);
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
    out.cores(card.cores);
    out.optional(card.memory_total_mib);
    out.uint(card.interval.as_hundredths());
    out.bool(card.collector);
    out.optional(card.uptime_seconds.and_then(|seconds| u32::try_from(seconds).ok()));
    out.array(card.more_addresses.len());
    card.more_addresses.iter().for_each(|address| out.address(*address));
    out.labels(&card.labels);
    out.text(&card.software);
    &card.tail
}

/// Why nobody would take a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// Name, labels and addresses are too much together.
    #[error("name, labels and addresses make a card of {0} bytes, where {CARD_MAX} are the most")]
    TooLong(usize),
    /// A value is outside its range, or a list is not sorted.
    #[error("a card with a value that is out of range")]
    OutOfRange,
}

/// Whether others will take `card`, however large its versions, session, salt and figures become. A host asks
/// before it starts; later its card would just not be sent.
pub fn check_card(card: &Card) -> Result<(), CardError> {
    let mut largest = Card {
        version: Version::MAX,
        session: SessionId::from_entropy(u64::MAX),
        cores: Some(CORES_MAX),
        memory_total_mib: Some(u32::MAX),
        uptime_seconds: Some(u32::MAX.into()),
        ..card.clone()
    };
    largest.endpoint.salt = u32::MAX;
    largest.id = largest.endpoint.id();
    let mut content = Writer::default();
    write_head(&mut content, largest.id, largest.version);
    let tail = write_card(&mut content, &largest);
    content.raw(&tail.0);
    if content.len() > CARD_MAX {
        return Err(CardError::TooLong(content.len()));
    }
    let mut list = Writer::default();
    write(&mut list, &Aged { age: Age::default(), value: Record::Card(Box::new(largest)) });
    read(&mut Reader::new(list.as_bytes())).map(drop).map_err(|_| CardError::OutOfRange)
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
    let cores = content.cores()?;
    let memory_total_mib = content.optional()?;
    let interval: u32 = content.uint()?;
    let collector = content.bool()?;
    // 136 years: more is odd, and would be the end of counting for who adds the time since then.
    let uptime_seconds = content.optional::<u32>()?.map(u64::from);
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

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn encoded(age: u32, value: Record) -> Vec<u8> {
        let mut out = Writer::default();
        write(&mut out, &Aged { age: Age::from_hundredths(age), value });
        out.into_bytes()
    }

    #[test]
    fn a_report_takes_24_bytes_and_27_on_a_busy_host() {
        let mut report = samples::report();
        assert_eq!(encoded(1_300, Record::Report(report.clone())).len(), 24);
        report.load.load1_hundredths = Some(1_600);
        assert_eq!(encoded(1_300, Record::Report(report)).len(), 27);
    }

    /// A record of `kind` that is `len` bytes long behind its age.
    fn record_of(kind: u32, len: usize) -> Record {
        let (report, card) = (samples::report(), samples::card());
        let (id, version, by) = (report.id, report.version, card.id);
        let with = |tail: Tail| match kind {
            REPORT => Record::Report(Report { tail, ..report.clone() }),
            CARD => Record::Card(Box::new(Card { tail, ..card.clone() })),
            DEPARTURE => Record::Departure(Departure { id, version, tail }),
            SUSPICION => Record::Suspicion(Suspicion { id, version, by, tail }),
            kind => Record::Unknown(UnknownRecord { kind, id, version, body: tail }),
        };
        // With a tail of one byte; then so many more.
        let shortest = content_len(&with(Tail([0].into())));
        with(Tail(vec![0; 1 + len - shortest].into()))
    }

    fn content_len(record: &Record) -> usize {
        let bytes = encoded(0, record.clone());
        let mut list = Reader::new(&bytes);
        if !list.is_bytes() {
            list.array_of(2).unwrap();
            list.uint::<u32>().unwrap();
        }
        list.bytes().unwrap().len() - 1
    }

    #[track_caller]
    fn check_longest(kind: u32, max: usize) {
        for age in [0, u32::MAX] {
            let bytes = encoded(age, record_of(kind, max));
            assert!(!bytes.is_empty(), "kind {kind}: {max} bytes are sent");
            read(&mut Reader::new(&bytes)).unwrap();
        }
        assert!(encoded(0, record_of(kind, max + 1)).is_empty(), "kind {kind}: more are not sent");
        // The same, written by somebody who does not keep the limit.
        let bytes = encoded(0, record_of(kind, max));
        let mut list = Reader::new(&bytes);
        let mut longer = Writer::default();
        if kind != REPORT {
            list.array_of(2).unwrap();
            longer.array(2);
            longer.uint(list.uint::<u32>().unwrap());
        }
        longer.bytes(&[list.bytes().unwrap(), &[0]].concat());
        assert_eq!(read(&mut Reader::new(longer.as_bytes())), Err(Fault::OutOfRange), "kind {kind}: nor taken");
    }

    #[test]
    fn a_report_has_64_bytes_and_a_card_400_however_old_they_grow() {
        for kind in [REPORT, DEPARTURE, SUSPICION] {
            check_longest(kind, 64);
        }
        for kind in [CARD, 4, u32::MAX] {
            check_longest(kind, 400);
        }
    }

    #[test]
    fn what_no_receiver_would_take_is_not_sent() {
        let report = samples::report();
        let (id, version) = (report.id, report.version);
        for tail in [vec![0xff], vec![0x18, 0x01], vec![0xf9, 0x7e, 0x00], vec![0x82, 0x01]] {
            assert!(encoded(0, Record::Report(Report { tail: Tail(tail.into()), ..report.clone() })).is_empty());
        }
        for kind in REPORT..=SUSPICION {
            assert!(encoded(0, Record::Unknown(UnknownRecord { kind, id, version, body: Tail::default() })).is_empty());
        }
    }

    #[test]
    fn an_uptime_behind_which_counting_ends_is_not_taken_and_not_said() {
        let card = |uptime| Card { uptime_seconds: Some(uptime), ..samples::card() };
        let taken = |bytes: &[u8]| match read(&mut Reader::new(bytes)).map(|aged| aged.value) {
            Ok(Record::Card(card)) => Ok(card.uptime_seconds),
            other => Err(other),
        };
        let (most, above) = (u64::from(u32::MAX), u64::from(u32::MAX) + 1);
        assert_eq!(taken(&encoded(0, Record::Card(Box::new(card(most))))), Ok(Some(most)));
        assert_eq!(taken(&encoded(0, Record::Card(Box::new(card(above))))), Ok(None));
        // The longest uptime is 5 bytes, 1a ffffffff; another host writes one more second in 9.
        let bytes = encoded(0, Record::Card(Box::new(card(most))));
        let place = bytes.windows(5).position(|window| window == [0x1a, 0xff, 0xff, 0xff, 0xff]).unwrap();
        let mut list = Reader::new(&bytes);
        list.array_of(2).unwrap();
        list.uint::<u32>().unwrap();
        let mut content = list.bytes().unwrap().to_vec();
        let start = place - (bytes.len() - content.len());
        content.splice(start..start + 5, [&[0x1b][..], &above.to_be_bytes()].concat());
        let mut forged = Writer::default();
        forged.array(2);
        forged.uint(CARD);
        forged.bytes(&content);
        assert_eq!(taken(forged.as_bytes()), Err(Err(Fault::OutOfRange)));
    }

    #[test]
    fn a_host_learns_before_it_starts_that_its_card_would_not_travel() {
        assert_eq!(check_card(&samples::card()), Ok(()));
        let long = Card { name: "n".repeat(253).parse().unwrap(), ..samples::card() };
        assert_eq!(check_card(&long), Ok(()));
        let too_long =
            Card { labels: (0..8).map(|key| format!("{key}={}", "v".repeat(20)).parse().unwrap()).collect(), ..long };
        assert!(matches!(check_card(&too_long), Err(CardError::TooLong(len)) if len > 400));
        let mut unsorted = samples::card();
        unsorted.labels.reverse();
        assert_eq!(check_card(&unsorted), Err(CardError::OutOfRange));
    }
}
