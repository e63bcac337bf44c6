//! Sealed datagrams: what anybody can send to an open port, and what members say while somebody listens,
//! repeats and damages it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use peermon::model::{Destination, Member, Message, NetworkList, SessionId, Timestamp};
use peermon::session::{DATAGRAM_DEFAULT, Keyring, Opened, Session};
use peermon::wire::datagram;
use peermon::wire::limits::SEAL_OVERHEAD;

use super::lab;
use super::script::Script;

/// Where one valid datagram is damaged, beside the places that the input says.
const DAMAGED_PLACES: usize = 40;

/// Members of the exchange; the last host in it is none.
const MEMBERS: u8 = 3;
const STRANGER: u8 = MEMBERS + 1;

/// Most things that happen in one exchange.
const TURNS_MAX: usize = 100;

/// The key that all hosts have.
const KEY: &str = "3f1c0d5f2a77b0e19c64d8e2a1b35c7f00918273645546372819a0b1c2d3e4f5";

/// The key that is to follow it.
const NEXT_KEY: &str = "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3e8a7c1e5b0d2f4968776655a";

/// The keys of a key file with these lines.
fn keyring(keys: &[&str]) -> Keyring {
    Keyring::parse(&keys.join("\n")).expect("a key file")
}

/// `host` of the network, at its start.
fn session_of(host: u8) -> Session {
    let (keys, valid) = (keyring(&[KEY, NEXT_KEY]), NetworkList::default());
    Session::new(lab::START, "fuzz", keys, valid, DATAGRAM_DEFAULT, lab::session(host))
}

fn member(host: u8, session: SessionId) -> Member {
    Member { session, ..lab::member(host, keyring(&[KEY, NEXT_KEY]).key_ids()) }
}

/// The host that hears the input: it knows the members, and has said hello to the first of them, in these
/// datagrams.
pub fn receiver() -> (Session, Vec<Vec<u8>>) {
    let mut receiver = session_of(lab::ME);
    (1..=MEMBERS).for_each(|host| receiver.admit(lab::START, member(host, lab::session(host))));
    let hello = receiver.hello(lab::START, lab::endpoint(1).socket());
    (receiver, hello.datagrams)
}

/// `host`, which knows the receiver.
pub fn sender(host: u8) -> Session {
    let mut sender = session_of(host);
    sender.admit(lab::START, member(lab::ME, lab::session(lab::ME)));
    sender
}

/// Any bytes, as a datagram from a member's address.
///
/// A refusal is counted and changes nothing else. What opens does so once, and not with another bit in it.
pub fn sealed(bytes: &[u8]) -> bool {
    let (mut session, _) = receiver();
    let from = lab::endpoint(1).socket();
    match session.open(lab::START, from, bytes) {
        Ok(Opened::Hello { reply }) => assert!(reply.len() <= bytes.len(), "{} bytes of answer", reply.len()),
        Ok(Opened::Welcome { address, .. }) => assert_eq!(address, from),
        Ok(Opened::Message { sender, message }) => {
            assert_eq!(sender.address, from);
            assert!(!datagram::encode(&message, DATAGRAM_DEFAULT).is_empty());
        }
        Err(_) => {
            let counts: Vec<_> = session.rejects().iter().map(|reject| (reject.count, reject.last_sender)).collect();
            assert_eq!(counts, [(1, Some(from.ip()))]);
            return false;
        }
    }
    session.open(lab::START, from, bytes).expect_err("it came already");
    let (mut others, _) = receiver();
    for place in 0..DAMAGED_PLACES {
        let mut damaged = bytes.to_vec();
        damaged[place * bytes.len() / DAMAGED_PLACES] ^= 1 << (place % 8);
        others.open(lab::START, from, &damaged).expect_err("it was damaged");
    }
    others.open(lab::START, from, bytes).expect("what was refused left no trace");
    true
}

/// Members, a stranger and a receiver over some time: what they seal arrives late, again, from elsewhere,
/// damaged, after the receiver has begun another session or changed its keys.
pub fn exchange(bytes: &[u8]) -> bool {
    let mut script = Script::new(bytes);
    let mut exchange = Exchange::new();
    for _ in 0..TURNS_MAX {
        if script.is_empty() {
            break;
        }
        exchange.take_turn(&mut script);
    }
    exchange.sent.iter().any(|sent| sent.is_opened)
}

/// A datagram on its way to the receiver.
struct Sent {
    from: SocketAddr,
    bytes: Vec<u8>,
    what: What,
    /// It opened already.
    is_opened: bool,
}

/// What a datagram holds, and for which session of the receiver.
enum What {
    Message(Box<Message>, SessionId),
    Hello,
    Welcome(SessionId),
}

struct Exchange {
    now: Timestamp,
    receiver: Session,
    /// The receiver's sessions so far.
    lives: u64,
    /// Hosts 1, 2, …; the last is the stranger.
    peers: Vec<Session>,
    /// What each of them believes to be the receiver's session.
    believed: Vec<SessionId>,
    admitted: BTreeSet<u8>,
    sent: Vec<Sent>,
    refused: u64,
    /// Bytes from and to the stranger.
    taken: usize,
    given: usize,
}

impl Exchange {
    fn new() -> Self {
        Self {
            now: lab::START,
            receiver: receiver().0,
            lives: 0,
            peers: (1..=STRANGER).map(sender).collect(),
            believed: vec![lab::session(lab::ME); usize::from(STRANGER)],
            admitted: (1..=MEMBERS).collect(),
            sent: Vec::new(),
            refused: 0,
            taken: 0,
            given: 0,
        }
    }

    fn receiver_session(&self) -> SessionId {
        match self.lives {
            0 => lab::session(lab::ME),
            life => SessionId::from_entropy(life),
        }
    }

    fn take_turn(&mut self, script: &mut Script<'_>) {
        let what = script.byte() % 16;
        let host = 1 + script.byte() % STRANGER;
        let peer = usize::from(host - 1);
        match what {
            0..=2 => {
                let message = datagram::decode(script.bytes()).unwrap_or(Message::Heartbeat);
                self.say(host, &message);
            }
            3 => {
                let hello = self.peers[peer].hello(self.now, lab::endpoint(lab::ME).socket());
                let from = lab::endpoint(host).socket();
                let of = |bytes| Sent { from, bytes, what: What::Hello, is_opened: false };
                self.sent.extend(hello.datagrams.into_iter().map(of));
            }
            4 if host <= MEMBERS => self.ask(host),
            5..=7 => self.deliver(script, None),
            8 => self.deliver(script, Some(lab::endpoint(host).socket())),
            9 => self.deliver_damaged(script),
            10 => self.now = self.now.after(Duration::from_millis(u64::from(script.short()))),
            11 if host <= MEMBERS => {
                self.receiver.admit(self.now, member(host, lab::session(host)));
                self.admitted.insert(host);
            }
            12 => {
                self.receiver.dismiss(lab::endpoint(host).id());
                self.admitted.remove(&host);
            }
            13 => {
                self.lives += 1;
                self.receiver.begin(self.now, SessionId::from_entropy(self.lives));
            }
            14 => {
                self.believed[peer] = self.receiver_session();
                self.peers[peer].admit(self.now, member(lab::ME, self.believed[peer]));
            }
            _ => match script.byte() % 4 {
                0 => self.receiver.set_keyring(keyring(&[KEY])),
                1 => self.receiver.set_keyring(keyring(&[NEXT_KEY, KEY])),
                2 => self.answer_the_stranger(),
                _ => self.open(lab::endpoint(host).socket(), script.bytes()).map(drop).unwrap_or(()),
            },
        }
    }

    /// `host` tells the receiver `message`.
    fn say(&mut self, host: u8, message: &Message) {
        let peer = usize::from(host - 1);
        let to = Destination::Member(lab::endpoint(lab::ME).id());
        let Some(sealed) = self.peers[peer].seal(self.now, &to, message) else { return };
        let plaintexts = datagram::encode(message, DATAGRAM_DEFAULT - SEAL_OVERHEAD);
        assert_eq!(sealed.datagrams.len(), plaintexts.len());
        for (bytes, plaintext) in sealed.datagrams.into_iter().zip(plaintexts) {
            assert!(bytes.len() <= DATAGRAM_DEFAULT);
            let piece = datagram::decode(&plaintext).expect("what was encoded");
            let what = What::Message(Box::new(piece), self.believed[peer]);
            self.sent.push(Sent { from: lab::endpoint(host).socket(), bytes, what, is_opened: false });
        }
    }

    /// The receiver says hello to `host`, whose welcome is on its way.
    fn ask(&mut self, host: u8) {
        let (from, me) = (lab::endpoint(host).socket(), lab::endpoint(lab::ME).socket());
        for hello in self.receiver.hello(self.now, from).datagrams {
            if let Ok(Opened::Hello { reply }) = self.peers[usize::from(host - 1)].open(self.now, me, &hello) {
                assert!(reply.len() <= hello.len());
                let what = What::Welcome(self.receiver_session());
                self.sent.push(Sent { from, bytes: reply, what, is_opened: false });
            }
        }
    }

    /// One of the datagrams arrives, perhaps from another address than where it was sent.
    fn deliver(&mut self, script: &mut Script<'_>, elsewhere: Option<SocketAddr>) {
        let Some(number) = usize::from(script.byte()).checked_rem(self.sent.len()) else { return };
        let bytes = self.sent[number].bytes.clone();
        let from = elsewhere.unwrap_or(self.sent[number].from);
        let Ok(opened) = self.open(from, &bytes) else { return };
        let session = self.receiver_session();
        let sent = &mut self.sent[number];
        assert!(!sent.is_opened, "opened twice: {opened:?}");
        sent.is_opened = true;
        match (opened, &sent.what) {
            (Opened::Message { sender, message }, What::Message(said, sealed_for)) => {
                assert_eq!((&message, sealed_for, sender.address), (&**said, &session, from));
                let author = (1..=STRANGER).find(|host| lab::session(*host) == sender.session);
                let author = author.expect("somebody of the exchange");
                if let Some(member) = sender.member {
                    assert!(self.admitted.contains(&author));
                    assert_eq!(member, lab::endpoint(author).id());
                }
            }
            (Opened::Hello { reply }, What::Hello) => {
                assert!(reply.len() <= bytes.len());
                if from == lab::endpoint(STRANGER).socket() {
                    self.given += reply.len();
                    assert!(self.given <= self.taken);
                }
            }
            (Opened::Welcome { .. }, What::Welcome(sealed_for)) => assert_eq!(*sealed_for, session),
            (opened, _) => panic!("not what was sealed: {opened:?}"),
        }
    }

    /// One of the datagrams arrives, and is not what it was.
    fn deliver_damaged(&mut self, script: &mut Script<'_>) {
        let Some(number) = usize::from(script.byte()).checked_rem(self.sent.len()) else { return };
        let sent = &self.sent[number];
        let (from, mut bytes) = (sent.from, sent.bytes.clone());
        let place = usize::from(script.short());
        match script.byte() {
            0 => bytes.truncate(place % bytes.len()),
            1 => bytes.extend_from_slice(script.bytes()),
            change => {
                let place = place % bytes.len();
                bytes[place] ^= change;
            }
        }
        if bytes != self.sent[number].bytes {
            self.open(from, &bytes).expect_err("it was damaged");
        }
    }

    /// The receiver answers the stranger, as far as it may.
    fn answer_the_stranger(&mut self) {
        let address = lab::endpoint(STRANGER).socket();
        let to = Destination::Stranger { address, session: lab::session(STRANGER) };
        if let Some(sealed) = self.receiver.seal(self.now, &to, &Message::Pong { token: 1 }) {
            self.given += sealed.datagrams.iter().map(Vec::len).sum::<usize>();
            assert!(self.given <= self.taken, "{} bytes for {}", self.given, self.taken);
        }
    }

    /// Bytes arrive. A refusal is counted once.
    fn open(&mut self, from: SocketAddr, bytes: &[u8]) -> Result<Opened, ()> {
        if from == lab::endpoint(STRANGER).socket() {
            self.taken += bytes.len();
        }
        let opened = self.receiver.open(self.now, from, bytes);
        self.refused += u64::from(opened.is_err());
        let counted: u64 = self.receiver.rejects().iter().map(|reject| reject.count).sum();
        assert_eq!(counted, self.refused);
        opened.map_err(drop)
    }
}
