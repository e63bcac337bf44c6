//! The client protocol: one request and one reply a frame, over a Unix socket or loopback TCP.
//!
//! A frame is a length (4 bytes, big-endian) and so many bytes of body: `[version, kind, fields…]`. Whoever
//! reads an array of fields ignores elements behind those that it knows, so that later versions can add some.

use crate::model::{Checkup, DaemonStatus, HostView, NodeId};

use super::cbor::{Fault, Reader, Writer};
use super::limits::{CLIENT_VERSION, PLACEMENTS_MAX, REFUSAL_MAX, REPLY_MAX, REQUEST_MAX};
use super::pieces::check_unique;
use super::{checkup, status, table};

/// Bytes of a frame before its body.
pub const FRAME_HEADER_LEN: usize = 4;

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The whole table.
    Hosts,
    /// The daemon itself.
    Status,
    /// "I go there": placements per host, which `pending` counts. At most [`PLACEMENTS_MAX`] of them, each
    /// host once.
    Place(Vec<Placement>),
    /// What the daemon stands on, and who answers: for `peermon doctor`. It begins to look for others, once in two
    /// seconds at most, and answers at once what is known so far.
    Checkup,
}

/// So many jobs for one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Where they go.
    pub id: NodeId,
    /// How many.
    pub count: u32,
}

/// The whole table, as the daemon sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTable {
    /// The daemon's own host.
    pub own: NodeId,
    /// T of the daemon's own host, in hundredths of a second.
    pub interval_hundredths: u32,
    /// Hears nobody: what is offered follows the ages.
    pub isolated: bool,
    /// Seconds since the daemon started.
    pub up_seconds: u64,
    /// All hosts in order of ids, in every state.
    pub hosts: Vec<HostView>,
}

/// What the daemon answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// To [`Request::Hosts`].
    Hosts(HostTable),
    /// To [`Request::Status`].
    Status(Box<DaemonStatus>),
    /// To [`Request::Place`].
    Placed,
    /// To [`Request::Checkup`].
    Checkup(Box<Checkup>),
    /// The request was not understood or not granted.
    Refused(String),
}

/// Why bytes are no request or reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length says nothing, or more than such a frame can hold. Text that is not ours (HTTP) looks so.
    #[error("not the client protocol of peermon")]
    Length,
    /// Another version of the client protocol.
    #[error("version {0} of the client protocol, where {CLIENT_VERSION} is spoken")]
    Version(u64),
    /// A kind of request or reply that this version does not know.
    #[error("a kind of frame ({0}) of a newer version")]
    UnknownKind(u64),
    /// Not canonical CBOR of the expected shape, or something is left over.
    #[error("a malformed frame")]
    Malformed,
    /// A value is outside its range, or a list is longer than its limit.
    #[error("a value is out of range")]
    OutOfRange,
}

impl From<Fault> for FrameError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed => Self::Malformed,
            Fault::OutOfRange => Self::OutOfRange,
        }
    }
}

/// The numbers of the kinds of request on the wire. Never given to anything else.
mod request {
    pub const HOSTS: u64 = 0;
    pub const STATUS: u64 = 1;
    pub const PLACE: u64 = 2;
    pub const CHECKUP: u64 = 3;
}

/// The same of replies. A refusal has this number, and its text next, in every version.
mod reply {
    pub const REFUSED: u64 = 0;
    pub const HOSTS: u64 = 1;
    pub const STATUS: u64 = 2;
    pub const PLACED: u64 = 3;
    pub const CHECKUP: u64 = 4;
}

/// How many bytes of body follow this header of a request.
pub fn request_len(header: [u8; FRAME_HEADER_LEN]) -> Result<usize, FrameError> {
    frame_len(header, REQUEST_MAX)
}

/// How many bytes of body follow this header of a reply.
pub fn reply_len(header: [u8; FRAME_HEADER_LEN]) -> Result<usize, FrameError> {
    frame_len(header, REPLY_MAX)
}

fn frame_len(header: [u8; FRAME_HEADER_LEN], max: usize) -> Result<usize, FrameError> {
    let len = usize::try_from(u32::from_be_bytes(header)).map_err(|_| FrameError::Length)?;
    if (1..=max).contains(&len) { Ok(len) } else { Err(FrameError::Length) }
}

/// The frame of `request`, ready to be written. Of placements the first [`PLACEMENTS_MAX`].
#[must_use]
pub fn encode_request(request: &Request) -> Vec<u8> {
    match request {
        Request::Hosts => frame(0, request::HOSTS, |_| {}),
        Request::Status => frame(0, request::STATUS, |_| {}),
        Request::Checkup => frame(0, request::CHECKUP, |_| {}),
        Request::Place(placements) => frame(1, request::PLACE, |out| {
            let placements = &placements[..placements.len().min(PLACEMENTS_MAX)];
            out.array(placements.len());
            for placement in placements {
                out.array(2);
                out.id(placement.id);
                out.uint(placement.count);
            }
        }),
    }
}

/// The request in the body of a frame.
pub fn decode_request(body: &[u8]) -> Result<Request, FrameError> {
    if body.len() > REQUEST_MAX {
        return Err(FrameError::Length);
    }
    let (kind, fields) = open_body(body)?;
    match kind {
        request::HOSTS => fields.read(0, |_| Ok(Request::Hosts)),
        request::STATUS => fields.read(0, |_| Ok(Request::Status)),
        request::CHECKUP => fields.read(0, |_| Ok(Request::Checkup)),
        request::PLACE => fields.read(1, |reader| Ok(Request::Place(read_placements(reader)?))),
        kind => Err(FrameError::UnknownKind(kind)),
    }
}

/// The frame of `reply`, ready to be written.
#[must_use]
pub fn encode_reply(reply: &Reply) -> Vec<u8> {
    match reply {
        Reply::Refused(why) => frame(1, reply::REFUSED, |out| out.plain_text(why, REFUSAL_MAX)),
        Reply::Hosts(hosts) => frame(table::FIELDS, reply::HOSTS, |out| table::write(out, hosts)),
        Reply::Status(daemon) => frame(status::FIELDS, reply::STATUS, |out| status::write(out, daemon)),
        Reply::Placed => frame(0, reply::PLACED, |_| {}),
        Reply::Checkup(found) => frame(checkup::FIELDS, reply::CHECKUP, |out| checkup::write(out, found)),
    }
}

/// The reply in the body of a frame.
pub fn decode_reply(body: &[u8]) -> Result<Reply, FrameError> {
    if body.len() > REPLY_MAX {
        return Err(FrameError::Length);
    }
    let (kind, fields) = open_body(body)?;
    match kind {
        reply::REFUSED => fields.read(1, |reader| Ok(Reply::Refused(reader.plain_text(REFUSAL_MAX)?.to_owned()))),
        reply::HOSTS => fields.read(table::FIELDS, |reader| Ok(Reply::Hosts(table::read(reader)?))),
        reply::STATUS => fields.read(status::FIELDS, |reader| Ok(Reply::Status(Box::new(status::read(reader)?)))),
        reply::PLACED => fields.read(0, |_| Ok(Reply::Placed)),
        reply::CHECKUP => fields.read(checkup::FIELDS, |reader| Ok(Reply::Checkup(Box::new(checkup::read(reader)?)))),
        kind => Err(FrameError::UnknownKind(kind)),
    }
}

fn frame(fields: usize, kind: u64, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut out = Writer::default();
    out.raw(&[0; FRAME_HEADER_LEN]);
    out.array(2 + fields);
    out.uint(CLIENT_VERSION);
    out.uint(kind);
    write(&mut out);
    let mut frame = out.into_bytes();
    let len = u32::try_from(frame.len() - FRAME_HEADER_LEN).unwrap_or(u32::MAX);
    frame[..FRAME_HEADER_LEN].copy_from_slice(&len.to_be_bytes());
    frame
}

/// The fields of a body behind version and kind.
struct Fields<'a> {
    reader: Reader<'a>,
    count: usize,
}

impl<'a> Fields<'a> {
    /// Reads the `known` first ones, and steps over the others: all of the body is consumed.
    fn read<T>(
        mut self,
        known: usize,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, Fault>,
    ) -> Result<T, FrameError> {
        let value = self.reader.fields(self.count, known, read)?;
        self.reader.finish()?;
        Ok(value)
    }
}

/// Kind and fields of a body of our version.
fn open_body(body: &[u8]) -> Result<(u64, Fields<'_>), FrameError> {
    let mut reader = Reader::new(body);
    let count = reader.array()?.checked_sub(2).ok_or(FrameError::Malformed)?;
    let version = reader.uint()?;
    if version != CLIENT_VERSION {
        return Err(FrameError::Version(version));
    }
    Ok((reader.uint()?, Fields { reader, count }))
}

fn read_placements(reader: &mut Reader<'_>) -> Result<Vec<Placement>, Fault> {
    let read = |reader: &mut Reader<'_>| Ok(Placement { id: reader.id()?, count: reader.uint()? });
    let placements = reader.list(PLACEMENTS_MAX, |reader| reader.row(2, read))?;
    check_unique(placements.iter().map(|placement| placement.id))?;
    Ok(placements)
}

#[cfg(test)]
mod tests {
    use super::super::datagram::check_card;
    use super::super::limits::{CORES_MAX, HOSTS_MAX};
    use super::super::samples::{self, hex, id};
    use super::*;
    use crate::model::Card;

    #[test]
    fn what_is_no_frame_of_ours_is_known_from_its_first_four_bytes() {
        for text in [*b"GET ", *b"POST", *b"SSH-", *b"\x16\x03\x01\x02", [0; 4], 4_097u32.to_be_bytes()] {
            assert_eq!(request_len(text), Err(FrameError::Length), "{text:?}");
        }
        assert_eq!(request_len(4_096u32.to_be_bytes()), Ok(4_096));
        let most = u32::try_from(REPLY_MAX).unwrap();
        assert_eq!(reply_len(most.to_be_bytes()), Ok(REPLY_MAX));
        assert_eq!(reply_len((most + 1).to_be_bytes()), Err(FrameError::Length));
        assert_eq!(decode_request(&[0; 4_097]), Err(FrameError::Length));
    }

    #[track_caller]
    fn check_refused(body: &str, error: FrameError) {
        assert_eq!(decode_request(&hex(body)), Err(error), "{body}");
    }

    #[test]
    fn a_request_that_is_not_understood_is_told_apart_in_words() {
        use FrameError::{Malformed, OutOfRange, UnknownKind, Version};
        assert_eq!(decode_request(&hex("82 01 00")), Ok(Request::Hosts));
        check_refused("82 02 00", Version(2));
        check_refused("82 18 63 f9 7e00", Version(99)); // whatever else it has
        assert_eq!(decode_request(&hex("82 01 03")), Ok(Request::Checkup));
        check_refused("82 01 04", UnknownKind(4));
        check_refused("82 01 02", Malformed); // places nothing
        check_refused("82 01", Malformed);
        check_refused("81 01", Malformed);
        check_refused("82 01 00 00", Malformed); // something left over
        check_refused("82 01 18 00", Malformed); // not the shortest integer
        check_refused("83 01 00 a0", Malformed); // a map among what was added
        check_refused("83 01 02 81 82 45 0000000000 01", Malformed); // an id of 5 bytes
        check_refused("83 01 02 82 82 46 000000000001 01 82 46 000000000001 01", OutOfRange); // one host twice
        check_refused("83 01 02 81 82 46 000000000001 1b 0000000100000000", OutOfRange);
        let version = FrameError::Version(2).to_string();
        assert_eq!(version, "version 2 of the client protocol, where 1 is spoken");
    }

    #[test]
    fn a_request_holds_the_first_300_placements() {
        let places = |count| (0..count).map(|host| Placement { id: id(host), count: u32::MAX }).collect::<Vec<_>>();
        let frame = encode_request(&Request::Place(places(301)));
        assert!(frame.len() - FRAME_HEADER_LEN <= REQUEST_MAX, "{} bytes", frame.len());
        assert_eq!(decode_request(&frame[FRAME_HEADER_LEN..]), Ok(Request::Place(places(300))));
        // 301 of them, written by somebody who does not keep the limit.
        let mut list = hex("83 01 02 99 012d");
        (0..301u16).for_each(|host| list.extend([hex("82 46 00000000"), host.to_be_bytes().into(), vec![1]].concat()));
        assert_eq!(decode_request(&list), Err(FrameError::OutOfRange));
    }

    #[test]
    fn a_host_with_one_address_twice_is_refused() {
        let decode = |addresses: &[&str]| {
            let addresses: Vec<_> = addresses.iter().map(|address| address.parse().unwrap()).collect();
            let host = HostView { address: addresses[0], addresses, ..samples::view() };
            let table =
                HostTable { own: host.id, interval_hundredths: 1, isolated: true, up_seconds: 1, hosts: vec![host] };
            decode_reply(&encode_reply(&Reply::Hosts(table))[FRAME_HEADER_LEN..])
        };
        assert!(decode(&["192.0.2.1", "192.0.2.2", "2001:db8::1"]).is_ok());
        assert_eq!(decode(&["192.0.2.1", "192.0.2.2", "192.0.2.2"]), Err(FrameError::OutOfRange));
    }

    #[test]
    fn more_processors_than_any_machine_has_are_not_said_and_not_taken() {
        let body = |cores| {
            let host = HostView { cores: Some(cores), ..samples::view() };
            let table =
                HostTable { own: host.id, interval_hundredths: 1, isolated: true, up_seconds: 1, hosts: vec![host] };
            encode_reply(&Reply::Hosts(table)).split_off(FRAME_HEADER_LEN)
        };
        let cores = |body: &[u8]| match decode_reply(body) {
            Ok(Reply::Hosts(table)) => Ok(table.hosts[0].cores),
            other => Err(other),
        };
        let most = body(CORES_MAX);
        assert_eq!(cores(&most), Ok(Some(CORES_MAX)));
        assert_eq!(cores(&body(CORES_MAX + 1)), Ok(None));
        // 65,536 is 1a 00010000; somebody else writes one more.
        let place = most.windows(5).position(|window| window == [0x1a, 0, 1, 0, 0]).unwrap();
        let mut forged = most;
        forged[place + 4] = 1;
        assert_eq!(cores(&forged), Err(Err(FrameError::OutOfRange)));
    }

    #[test]
    fn a_refusal_is_safe_on_a_terminal_and_short() {
        let reply = Reply::Refused(format!("\x1b[31m ä {}", "x".repeat(1_000)));
        let Ok(Reply::Refused(text)) = decode_reply(&encode_reply(&reply)[FRAME_HEADER_LEN..]) else {
            panic!("refused")
        };
        assert_eq!((&text[..9], text.len()), ("?[31m ? x", REFUSAL_MAX));
    }

    #[test]
    fn the_longest_reply_holds_as_many_hosts_as_a_table() {
        let mut host = HostView {
            name: "n".repeat(253).parse().unwrap(),
            software: "2".repeat(32).into(),
            age_hundredths: u64::MAX,
            load1_hundredths: Some(u32::MAX),
            pending_hundredths: u32::MAX,
            cores: Some(CORES_MAX),
            memory_available_mib: Some(u32::MAX),
            memory_total_mib: Some(u32::MAX),
            uptime_seconds: Some(u64::MAX),
            port: 65_534,
            ..samples::view()
        };
        // As many labels as its card has room for.
        let fits = |host: &HostView| {
            let card = Card { name: host.name.clone(), software: host.software.clone(), ..samples::card() };
            check_card(&Card { labels: host.labels.clone(), ..card }).is_ok()
        };
        host.labels = vec!["a=".parse().unwrap()];
        while fits(&host) {
            let value = host.labels[0].value().len();
            host.labels = vec![format!("a={}", "v".repeat(value + 1)).parse().unwrap()];
        }
        let table = |hosts| {
            let own = id(0);
            Reply::Hosts(HostTable { own, interval_hundredths: 1, isolated: true, up_seconds: u64::MAX, hosts })
        };
        let row = encode_reply(&table(vec![host])).len() - encode_reply(&table(Vec::new())).len();
        let rest = REPLY_MAX / HOSTS_MAX - row;
        assert!(rest > 9, "{row} bytes a host");
    }
}
