//! What is asked and what is answered, as bytes. Pure: no sockets, and the time comes from the caller.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use domain::base::iana::{Class, Opcode, Rcode};
use domain::base::message_builder::{AdditionalBuilder, PushError, StaticCompressor};
use domain::base::rdata::UnknownRecordData;
use domain::base::{Message, MessageBuilder, Name, Record, Rtype, ToName, Ttl};
use domain::rdata::tsig::Time48;
use domain::rdata::{A, Aaaa, Cname};
use domain::tsig::{ClientTransaction, ValidationError};

use super::error::DnsError;
use super::key::TsigKey;
use super::name::{Owner, Zone};

/// Largest message: its length is a number of 16 bits in TCP.
const MESSAGE_MAX: usize = 65_535;

/// Largest datagram that is sent or asked for: what DNS Flag Day 2020 settled on, below all usual MTUs. Anything larger
/// goes by TCP.
pub(super) const DATAGRAM_MAX: usize = 1232;

/// The addresses of a name.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AddressSets {
    /// Of its A and AAAA sets.
    pub addresses: BTreeSet<IpAddr>,
    /// The times to live that they have: one, as long as nobody else wrote one of the sets.
    pub ttls: BTreeSet<u32>,
}

impl AddressSets {
    /// Whether the name has these addresses, with this time to live.
    #[must_use]
    pub fn are(&self, addresses: &BTreeSet<IpAddr>, ttl: u32) -> bool {
        self.addresses == *addresses && self.ttls.iter().all(|found| *found == ttl)
    }
}

/// One update: the A and AAAA sets of one name are replaced, if they still are what they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whose.
    pub owner: Owner,
    /// What they must be.
    pub before: BTreeSet<IpAddr>,
    /// What they become.
    pub after: BTreeSet<IpAddr>,
    /// For those that become.
    pub ttl: u32,
}

/// The types of the sets that are ours.
pub(super) const TYPES: [Rtype; 2] = [Rtype::A, Rtype::AAAA];

/// The type of the set that holds `address`.
fn type_of(address: IpAddr) -> Rtype {
    match address {
        IpAddr::V4(_) => Rtype::A,
        IpAddr::V6(_) => Rtype::AAAA,
    }
}

/// A message to send, and what its answer is known by.
#[derive(Debug)]
pub(super) struct Request {
    pub bytes: Vec<u8>,
    transaction: Option<ClientTransaction<TsigKey>>,
}

/// What came back from the address that was asked.
#[derive(Debug)]
pub(super) enum Arrival {
    /// It answers the request, and whoever has the key made it.
    Answer(Message<Vec<u8>>),
    /// It answers the request, and is not all of it.
    Truncated,
    /// The server says no before it looks at what is asked.
    Error(DnsError),
    /// Somebody else's, or damaged: what is wrong with it.
    Foreign(String),
}

type Target = StaticCompressor<Vec<u8>>;

/// Asks for the set of type `rtype` of `owner`.
pub(super) fn query(
    id: u16,
    owner: &Owner,
    rtype: Rtype,
    key: Option<&TsigKey>,
    now: u64,
) -> Result<Request, DnsError> {
    let build = || {
        let mut question = builder(id, Opcode::QUERY).question();
        question.push((owner.to_wire(), rtype))?;
        let mut additional = question.additional();
        additional.opt(|opt| {
            opt.set_udp_payload_size(DATAGRAM_MAX as u16);
            Ok(())
        })?;
        Request::seal(additional, key, now)
    };
    build().map_err(|_| DnsError::TooLarge(owner.to_string()))
}

/// Asks for `change`.
pub(super) fn update(id: u16, change: &Change, key: Option<&TsigKey>, now: u64) -> Result<Request, DnsError> {
    let name = change.owner.to_wire();
    let build = || {
        let mut zone = builder(id, Opcode::UPDATE).question();
        zone.push((change.owner.zone().to_wire(), Rtype::SOA))?;
        // What must hold (RFC 2136, 2.4): there is no alias, and each set is the one that was read.
        let mut must = zone.answer();
        must.push(whole_set(&name, Class::NONE, Rtype::CNAME))?;
        for rtype in TYPES {
            if !change.before.iter().any(|address| type_of(*address) == rtype) {
                must.push(whole_set(&name, Class::NONE, rtype))?;
            }
        }
        for address in &change.before {
            must.push(record(&name, 0, *address))?;
        }
        // What is done (RFC 2136, 2.5).
        let mut done = must.authority();
        for rtype in TYPES {
            done.push(whole_set(&name, Class::ANY, rtype))?;
        }
        for address in &change.after {
            done.push(record(&name, change.ttl, *address))?;
        }
        Request::seal(done.additional(), key, now)
    };
    build().map_err(|_| DnsError::TooLarge(change.owner.to_string()))
}

fn builder(id: u16, opcode: Opcode) -> MessageBuilder<Target> {
    let mut builder =
        MessageBuilder::from_target(StaticCompressor::new(Vec::new())).expect("an empty Vec takes a header");
    builder.set_push_limit(MESSAGE_MAX);
    builder.header_mut().set_id(id);
    builder.header_mut().set_opcode(opcode);
    builder
}

type RawRecord<'a> = Record<&'a Name<Vec<u8>>, UnknownRecordData<Vec<u8>>>;

/// In an update, a record without data stands for a whole set.
fn whole_set(name: &Name<Vec<u8>>, class: Class, rtype: Rtype) -> RawRecord<'_> {
    raw(name, class, 0, rtype, Vec::new())
}

fn record(name: &Name<Vec<u8>>, ttl: u32, address: IpAddr) -> RawRecord<'_> {
    let octets = match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    raw(name, Class::IN, ttl, type_of(address), octets)
}

fn raw(name: &Name<Vec<u8>>, class: Class, ttl: u32, rtype: Rtype, octets: Vec<u8>) -> RawRecord<'_> {
    let data = UnknownRecordData::from_octets(rtype, octets).expect("an address is not too long");
    Record::new(name, class, Ttl::from_secs(ttl), data)
}

impl Request {
    fn seal(mut message: AdditionalBuilder<Target>, key: Option<&TsigKey>, now: u64) -> Result<Self, PushError> {
        let transaction = match key {
            Some(key) => Some(ClientTransaction::request(key.clone(), &mut message, Time48::from_u64(now))?),
            None => None,
        };
        Ok(Self { bytes: message.finish().into_target(), transaction })
    }

    /// What `bytes` are, which came from `server` at `now`, in seconds since 1970.
    pub fn judge(&self, bytes: &[u8], server: SocketAddr, now: u64) -> Arrival {
        let foreign = |what: &str| Arrival::Foreign(what.to_owned());
        let (Ok(mut answer), Ok(asked)) =
            (Message::from_octets(bytes.to_vec()), Message::from_octets(self.bytes.as_slice()))
        else {
            return foreign("it is not a DNS message");
        };
        let (header, code) = (answer.header(), answer.header().rcode());
        if !header.qr() || header.opcode() != asked.header().opcode() {
            return foreign("it is no answer");
        }
        if header.id() != asked.header().id() {
            return foreign("it answers another message");
        }
        // The zone of an update need not come back (RFC 2136, 3.8), nor what a server could not read.
        let may_be_bare = header.opcode() == Opcode::UPDATE || code == Rcode::FORMERR;
        let is_bare = answer.header_counts().qdcount() == 0;
        if answer.question() != asked.question() && !(is_bare && may_be_bare) {
            return foreign("it answers another question");
        }
        if header.tc() {
            return Arrival::Truncated;
        }
        let Some(transaction) = &self.transaction else { return Arrival::Answer(answer) };
        let key = || Name::to_string(transaction.key().name());
        match transaction.answer(&mut answer, Time48::from_u64(now)) {
            Ok(()) => Arrival::Answer(answer),
            Err(ValidationError::ServerBadKey) => Arrival::Error(DnsError::BadKey { server, key: key() }),
            Err(ValidationError::ServerBadSig) => Arrival::Error(DnsError::BadSignature { server, key: key() }),
            Err(ValidationError::ServerBadTime { client, server: theirs }) => {
                let seconds = |time: Time48| time.into_octets().iter().fold(0, |sum, byte| sum << 8 | i64::from(*byte));
                Arrival::Error(DnsError::BadTime { server, ahead: seconds(theirs) - seconds(client) })
            }
            Err(ValidationError::ServerUnsigned) => Arrival::Foreign(format!("it says {code} and is not signed")),
            Err(ValidationError::BadTime) => foreign("it was signed at another time"),
            Err(error) => Arrival::Foreign(format!("it says {code}, and its signature is wrong: {error}")),
        }
    }
}

/// The set of type `rtype` in an answer, added to `sets`.
pub(super) fn read_set(
    answer: &Message<Vec<u8>>,
    owner: &Owner,
    server: SocketAddr,
    sets: &mut AddressSets,
) -> Result<(), DnsError> {
    let code = answer.header().rcode();
    if !matches!(code, Rcode::NOERROR | Rcode::NXDOMAIN) {
        return Err(error_of(code, owner.zone(), server));
    }
    let name = owner.to_wire();
    let broken = || DnsError::Other { server, code: "with records that cannot be read".to_owned() };
    for found in answer.answer().map_err(|_| broken())? {
        let found = found.map_err(|_| broken())?;
        if found.class() != Class::IN || !found.owner().name_eq(&name) {
            continue;
        }
        let ttl = found.ttl().as_secs();
        if let Some(alias) = found.to_record::<Cname<_>>().map_err(|_| broken())? {
            let target = alias.data().cname().to_string();
            return Err(DnsError::Alias { name: owner.to_string(), target });
        }
        let v4 = found.to_record::<A>().map_err(|_| broken())?.map(|v4| IpAddr::V4(v4.data().addr()));
        let v6 = found.to_record::<Aaaa>().map_err(|_| broken())?.map(|v6| IpAddr::V6(v6.data().addr()));
        for address in v4.into_iter().chain(v6) {
            sets.addresses.insert(address);
            sets.ttls.insert(ttl);
        }
    }
    // What a cache remembers is not what the zone has.
    if answer.header().aa() { Ok(()) } else { Err(error_of(Rcode::NOTAUTH, owner.zone(), server)) }
}

/// Whether the update was made; `false`: the sets were no longer what they must be, and nothing was changed.
pub(super) fn read_update(answer: &Message<Vec<u8>>, zone: &Zone, server: SocketAddr) -> Result<bool, DnsError> {
    match answer.header().rcode() {
        Rcode::NOERROR => Ok(true),
        Rcode::YXRRSET | Rcode::NXRRSET => Ok(false),
        code => Err(error_of(code, zone, server)),
    }
}

fn error_of(code: Rcode, zone: &Zone, server: SocketAddr) -> DnsError {
    let zone = zone.to_string();
    match code {
        Rcode::REFUSED => DnsError::Refused { server, code: "REFUSED" },
        Rcode::NOTIMP => DnsError::Refused { server, code: "NOTIMP" },
        Rcode::NOTAUTH => DnsError::NotAuthoritative { server, zone },
        Rcode::NOTZONE => DnsError::NotZone { server, zone },
        Rcode::NXDOMAIN => DnsError::NoSuchName { server },
        Rcode::SERVFAIL => DnsError::ServerFailed { server },
        code => DnsError::Other { server, code: code.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use domain::tsig::{Key, ServerTransaction};
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn key() -> TsigKey {
        TsigKey::parse("hmac-sha256:k:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=").unwrap()
    }

    fn owner() -> Owner {
        Owner::parse("peermon", &"lab.test".parse().unwrap()).unwrap()
    }

    fn server() -> SocketAddr {
        "192.0.2.53:53".parse().unwrap()
    }

    fn addresses(texts: &[&str]) -> BTreeSet<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// A query for A, the signed answer of a server that has the key, and where in it the signature begins.
    fn query_and_answer() -> (Request, Vec<u8>, usize) {
        let request = query(7, &owner(), Rtype::A, Some(&key()), NOW).unwrap();
        let mut asked = Message::from_octets(request.bytes.clone()).unwrap();
        let key: Key = key().as_ref().clone();
        let transaction = ServerTransaction::request(&key, &mut asked, Time48::from_u64(NOW)).unwrap().unwrap();
        let mut answer = MessageBuilder::new_vec().start_answer(&asked, Rcode::NOERROR).unwrap();
        answer.header_mut().set_aa(true);
        answer.push((owner().to_wire(), Ttl::from_secs(30), A::new([192, 0, 2, 1].into()))).unwrap();
        let mut answer = answer.additional();
        let unsigned = answer.as_slice().len();
        transaction.answer(&mut answer, Time48::from_u64(NOW)).unwrap();
        (request, answer.finish(), unsigned)
    }

    #[test]
    fn an_update_names_what_must_hold_and_what_becomes_of_both_sets() {
        let change = Change {
            owner: owner(),
            before: addresses(&["192.0.2.1", "192.0.2.2"]),
            after: addresses(&["192.0.2.3", "2001:db8::1"]),
            ttl: 30,
        };
        let request = update(7, &change, None, NOW).unwrap();
        let message = Message::from_octets(request.bytes).unwrap();
        let said = |section: domain::base::message::RecordSection<'_, Vec<u8>>| {
            let line = |record: domain::base::record::ParsedRecord<'_, Vec<u8>>| {
                format!("{} {} {} {}", record.ttl().as_secs(), record.class(), record.rtype(), record.rdlen())
            };
            section.map(|record| line(record.unwrap())).collect::<Vec<_>>()
        };
        assert_eq!(message.header().opcode(), Opcode::UPDATE);
        assert_eq!(message.sole_question().unwrap().qtype(), Rtype::SOA);
        assert_eq!(
            said(message.answer().unwrap()),
            ["0 NONE CNAME 0", "0 NONE AAAA 0", "0 IN A 4", "0 IN A 4"],
            "no alias, no AAAA set, and these two"
        );
        assert_eq!(
            said(message.authority().unwrap()),
            ["0 * A 0", "0 * AAAA 0", "30 IN A 4", "30 IN AAAA 16"],
            "both sets go, and these come"
        );
    }

    #[test]
    fn as_many_hosts_as_may_be_asked_for_fit_one_update() {
        let all = (0..500u16).flat_map(|number| {
            let [high, low] = number.to_be_bytes();
            [IpAddr::from([10, 0, high, low]), IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, number])]
        });
        let all: BTreeSet<IpAddr> = all.collect();
        let change = Change { owner: owner(), before: all.clone(), after: all, ttl: 30 };
        assert!(update(7, &change, Some(&key()), NOW).is_ok());
        let more = (0..10_000u32).map(|number| IpAddr::V4((0x0a00_0000 + number).into())).collect();
        let change = Change { after: more, ..change };
        let error = update(7, &change, Some(&key()), NOW).unwrap_err();
        assert_eq!(error, DnsError::TooLarge("peermon.lab.test".to_owned()));
    }

    #[test]
    fn whatever_bit_of_a_signed_answer_is_flipped_nothing_else_is_believed() {
        let (request, bytes, unsigned) = query_and_answer();
        let Arrival::Answer(genuine) = request.judge(&bytes, server(), NOW) else { panic!("the genuine answer") };
        let mut sets = AddressSets::default();
        read_set(&genuine, &owner(), server(), &mut sets).unwrap();
        assert!(sets.are(&addresses(&["192.0.2.1"]), 30));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Arrival::Answer(answer) = request.judge(&flipped, server(), NOW) {
                // Of the signature's record some bits mean nothing, such as the case of a letter in the key's name.
                assert!(bit / 8 >= unsigned, "bit {bit}");
                assert_eq!(answer.as_slice()[..unsigned], genuine.as_slice()[..unsigned], "bit {bit}");
            }
        }
    }

    #[test]
    fn an_answer_to_another_question_or_of_another_time_is_not_believed() {
        let (request, bytes, _) = query_and_answer();
        let other = query(8, &owner(), Rtype::A, Some(&key()), NOW).unwrap();
        assert!(matches!(other.judge(&bytes, server(), NOW), Arrival::Foreign(_)));
        let same_number = query(7, &owner(), Rtype::A, Some(&key()), NOW + 1).unwrap();
        assert!(matches!(same_number.judge(&bytes, server(), NOW), Arrival::Foreign(_)));
        for now in [NOW - 301, NOW + 301] {
            assert!(matches!(request.judge(&bytes, server(), now), Arrival::Foreign(_)));
        }
        for now in [NOW - 300, NOW + 300] {
            assert!(matches!(request.judge(&bytes, server(), now), Arrival::Answer(_)));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd_to_be_judged_and_read(bytes in proptest::collection::vec(any::<u8>(), 0..200), from in 0usize..60) {
            let (signed, answer, _) = query_and_answer();
            let plain = query(7, &owner(), Rtype::A, None, NOW).unwrap();
            let spliced: Vec<u8> = answer[..from].iter().copied().chain(bytes.iter().copied()).collect();
            for request in [&signed, &plain] {
                for bytes in [&bytes, &spliced] {
                    if let Arrival::Answer(answer) = request.judge(bytes, server(), NOW) {
                        let _ = read_set(&answer, &owner(), server(), &mut AddressSets::default());
                        let _ = read_update(&answer, owner().zone(), server());
                    }
                }
            }
        }
    }
}
