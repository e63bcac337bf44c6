//! A name server that does what real ones don't.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use domain::base::iana::{Opcode, Rcode, TsigRcode};
use domain::base::message_builder::AdditionalBuilder;
use domain::base::{Message, MessageBuilder, Name, Rtype, Ttl};
use domain::rdata::A;
use domain::rdata::tsig::Time48;
use domain::tsig::{Algorithm, Key, KeyName, ServerTransaction};
use domain::utils::base64;

use super::SECRET;

/// What it does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// What is right.
    Well,
    /// This code.
    Code(Rcode),
    /// Right, and not signed.
    Unsigned,
    /// Right, and signed with another secret.
    ForgedSignature,
    /// Right, and signed an hour ago.
    OldSignature,
    /// The answer to another message.
    OtherId,
    /// The answer to another question.
    OtherQuestion,
    /// Not an answer at all.
    Question,
    /// Two bytes.
    Stump,
    /// An answer to another message, and then the right one.
    ForgedThenWell,
    /// A message that says that it is not all.
    Truncated,
    /// Right, and not from the zone itself.
    FromCache,
    /// Nothing.
    Silence,
}

/// How it behaves.
#[derive(Clone, Debug)]
pub struct Manners {
    /// With what it signs and checks; `None`: it knows no key.
    pub secret: Option<&'static str>,
    /// How far its clock is ahead, in seconds.
    pub ahead: i64,
    /// To queries, one after another; the last one for ever.
    pub to_queries: Vec<Act>,
    /// To updates.
    pub to_updates: Vec<Act>,
    /// To whatever comes by TCP; `None`: it takes no connections.
    pub by_tcp: Option<Act>,
}

impl Manners {
    /// A server that does what is right, with the tests' key.
    pub fn good() -> Self {
        Self { secret: Some(SECRET), ahead: 0, to_queries: vec![Act::Well], to_updates: vec![Act::Well], by_tcp: None }
    }
}

/// It lives as long as the process.
pub struct FakeServer {
    pub address: SocketAddr,
    queries: Arc<AtomicUsize>,
    updates: Arc<AtomicUsize>,
    made: Arc<AtomicUsize>,
}

impl FakeServer {
    pub fn with(manners: Manners) -> Self {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        let server = Self {
            address: udp.local_addr().unwrap(),
            queries: Arc::default(),
            updates: Arc::default(),
            made: Arc::default(),
        };
        let by_tcp = manners.by_tcp;
        let answerer = Arc::new(Mutex::new(Answerer {
            manners,
            queries: Arc::clone(&server.queries),
            updates: Arc::clone(&server.updates),
            made: Arc::clone(&server.made),
        }));
        if let Some(act) = by_tcp {
            let answerer = Arc::clone(&answerer);
            thread::spawn(move || {
                while let Ok((mut stream, _)) = tcp.accept() {
                    let mut len = [0; 2];
                    stream.read_exact(&mut len).unwrap();
                    let mut message = vec![0; u16::from_be_bytes(len).into()];
                    stream.read_exact(&mut message).unwrap();
                    for answer in answerer.lock().unwrap().answers(&message, Some(act)) {
                        let _ = stream.write_all(&u16::try_from(answer.len()).unwrap().to_be_bytes());
                        let _ = stream.write_all(&answer);
                    }
                }
            });
        }
        thread::spawn(move || {
            let mut buffer = vec![0; 65_535];
            while let Ok((len, from)) = udp.recv_from(&mut buffer) {
                for answer in answerer.lock().unwrap().answers(&buffer[..len], None) {
                    let _ = udp.send_to(&answer, from);
                }
            }
        });
        server
    }

    /// How many queries and updates came.
    pub fn came(&self) -> (usize, usize) {
        (self.queries.load(Ordering::SeqCst), self.updates.load(Ordering::SeqCst))
    }

    /// How many updates it would have made.
    pub fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }
}

struct Answerer {
    manners: Manners,
    queries: Arc<AtomicUsize>,
    updates: Arc<AtomicUsize>,
    made: Arc<AtomicUsize>,
}

impl Answerer {
    fn answers(&mut self, bytes: &[u8], act: Option<Act>) -> Vec<Vec<u8>> {
        let mut message = Message::from_octets(bytes.to_vec()).unwrap();
        let is_update = message.header().opcode() == Opcode::UPDATE;
        let (count, acts) = if is_update {
            (&self.updates, &self.manners.to_updates)
        } else {
            (&self.queries, &self.manners.to_queries)
        };
        let turn = count.fetch_add(1, Ordering::SeqCst);
        let act = act.unwrap_or(acts[turn.min(acts.len() - 1)]);
        if act == Act::Silence {
            return Vec::new();
        }
        let now = |shift: i64| {
            let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
            Time48::from_u64(seconds.checked_add_signed(shift).unwrap())
        };
        // Who signed it?
        let store =
            key(self.manners.secret.unwrap_or(SECRET), if self.manners.secret.is_some() { "k" } else { "other" });
        let transaction = match ServerTransaction::request(&store, &mut message, now(self.manners.ahead)) {
            Ok(transaction) => transaction,
            Err(error) => {
                let is_wrong_secret = error.error() == TsigRcode::FORMERR;
                let mut bytes = error.build_message(&message, MessageBuilder::new_vec()).unwrap().finish();
                if is_wrong_secret {
                    // The library has another word for it than servers. Behind the code there is an empty field's length.
                    let place = bytes.len() - 4;
                    bytes[place..place + 2].copy_from_slice(&TsigRcode::BADSIG.to_int().to_be_bytes());
                }
                return vec![bytes];
            }
        };
        if is_update && matches!(act, Act::Well | Act::ForgedThenWell) {
            self.made.fetch_add(1, Ordering::SeqCst);
        }
        let mut answer = answer_to(&message, act);
        let signed = |mut answer: AdditionalBuilder<Vec<u8>>, shift: i64| {
            if let Some(transaction) = transaction.clone() {
                transaction.answer(&mut answer, now(shift)).unwrap();
            }
            answer.finish()
        };
        match act {
            Act::Unsigned => vec![answer.finish()],
            Act::OldSignature => vec![signed(answer, -3600)],
            Act::ForgedSignature => {
                let mut bytes = signed(answer, 0);
                // Within the signature: it is followed by id, error and a length, each of two bytes.
                let place = bytes.len() - 10;
                bytes[place] ^= 1;
                vec![bytes]
            }
            Act::OtherId => {
                let id = answer.header().id();
                answer.header_mut().set_id(!id);
                vec![answer.finish()]
            }
            Act::Question => {
                answer.header_mut().set_qr(false);
                vec![signed(answer, 0)]
            }
            Act::Stump => vec![bytes[..2].to_vec()],
            Act::ForgedThenWell => {
                let mut forged = answer_to(&message, act);
                let id = forged.header().id();
                forged.header_mut().set_id(!id);
                vec![forged.finish(), signed(answer, 0)]
            }
            Act::Well | Act::Code(_) | Act::OtherQuestion | Act::Truncated | Act::FromCache => vec![signed(answer, 0)],
            Act::Silence => Vec::new(),
        }
    }
}

/// Not signed yet.
fn answer_to(message: &Message<Vec<u8>>, act: Act) -> AdditionalBuilder<Vec<u8>> {
    let code = if let Act::Code(code) = act { code } else { Rcode::NOERROR };
    let mut builder = MessageBuilder::new_vec();
    let header = builder.header_mut();
    header.set_id(message.header().id());
    header.set_qr(true);
    header.set_opcode(message.header().opcode());
    header.set_rcode(code);
    header.set_aa(act != Act::FromCache);
    header.set_tc(act == Act::Truncated);
    let mut question = builder.question();
    let asked = message.sole_question().unwrap();
    if act == Act::OtherQuestion {
        question.push((Name::vec_from_str("www.example.org").unwrap(), Rtype::A)).unwrap();
    } else {
        question.push(asked).unwrap();
    }
    let mut answer = question.answer();
    if asked.qtype() == Rtype::A && code == Rcode::NOERROR {
        // One host that nobody knows.
        answer.push((asked.qname(), Ttl::from_secs(30), A::new([192, 0, 2, 99].into()))).unwrap();
    }
    answer.additional()
}

fn key(secret: &str, name: &str) -> Key {
    let name: KeyName = name.parse().unwrap();
    let secret: Vec<u8> = base64::decode(secret).unwrap();
    Key::new(Algorithm::Sha256, &secret, name, None, None).unwrap()
}
