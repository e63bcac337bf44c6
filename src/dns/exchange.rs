//! Sending, waiting, and whom to believe: UDP first, TCP for what does not fit a datagram.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use domain::base::Message;

use super::error::DnsError;
use super::key::TsigKey;
use super::message::{self, AddressSets, Arrival, Change, DATAGRAM_MAX, Request, TYPES};
use super::name::Owner;
use crate::model::Dice;

/// A datagram is sent again when no answer has come for this long, then for twice as long, and so on. A server writes an
/// update to its disk before it answers.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Longest answer that is read whole; a longer datagram than was asked for is cut here and not believed.
const ANSWER_MAX: usize = 65_535;

/// Where updates are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// There.
    Address(SocketAddr),
    /// Wherever this name leads, at this port.
    Name(String, u16),
}

/// A conversation with one server.
#[derive(Debug)]
pub struct Talk {
    addresses: Vec<SocketAddr>,
    /// Which of them is asked next: the one that answered last.
    next: usize,
    key: Option<TsigKey>,
    dice: Dice,
    deadline: Instant,
}

impl Talk {
    /// With `server`, signed with `key`. All of the conversation ends after `patience`. The numbers of messages come
    /// from `entropy`.
    pub fn new(server: &Server, key: Option<TsigKey>, patience: Duration, entropy: u64) -> Result<Self, DnsError> {
        let deadline = Instant::now() + patience;
        let addresses = match server {
            Server::Address(address) => vec![*address],
            Server::Name(name, port) => resolve(name, *port, patience)?,
        };
        Ok(Self { addresses, next: 0, key, dice: Dice::new(entropy), deadline })
    }

    /// Who is asked.
    #[must_use]
    pub fn server(&self) -> SocketAddr {
        self.addresses[self.next]
    }

    /// The addresses that `owner` has in its zone.
    pub fn read(&mut self, owner: &Owner) -> Result<AddressSets, DnsError> {
        let mut sets = AddressSets::default();
        for rtype in TYPES {
            let request = message::query(self.number(), owner, rtype, self.key.as_ref(), wall_seconds())?;
            let answer = self.ask(&request)?;
            message::read_set(&answer, owner, self.server(), &mut sets)?;
        }
        Ok(sets)
    }

    /// Makes `change`. `false`: the addresses are no longer what they must be, and nothing was changed.
    pub fn update(&mut self, change: &Change) -> Result<bool, DnsError> {
        let request = message::update(self.number(), change, self.key.as_ref(), wall_seconds())?;
        let answer = self.ask(&request)?;
        message::read_update(&answer, change.owner.zone(), self.server())
    }

    fn number(&mut self) -> u16 {
        self.dice.number() as u16
    }

    fn ask(&mut self, request: &Request) -> Result<Message<Vec<u8>>, DnsError> {
        if request.bytes.len() > DATAGRAM_MAX {
            return self.ask_by_tcp(request).map_err(|why| self.unanswered(why));
        }
        let mut pause = FIRST_PAUSE;
        let mut refusals = 0;
        let mut forged = None;
        // Kept, so that an answer counts that comes when the question has been repeated.
        let mut sockets: Vec<Option<UdpSocket>> = self.addresses.iter().map(|_| None).collect();
        loop {
            let until = self.deadline.min(Instant::now() + pause);
            let why = match ask_by_udp(&mut sockets[self.next], request, self.server(), until) {
                Ok(Arrival::Answer(answer)) => return Ok(answer),
                Ok(Arrival::Error(error)) => return Err(error),
                Ok(Arrival::Truncated) => {
                    let server = self.server();
                    return self.ask_by_tcp(request).map_err(|why| match why {
                        Failed::Error(error) => error,
                        Failed::Why(why) => DnsError::Truncated { server, why },
                    });
                }
                Ok(Arrival::Foreign(why)) => {
                    refusals = 0;
                    forged = Some((self.server(), why));
                    "timed out".to_owned()
                }
                Err(error) if is_timeout(&error) => {
                    // Somebody may be there: another address that refuses says nothing about this one.
                    refusals = 0;
                    "timed out".to_owned()
                }
                Err(error) => {
                    refusals += 1;
                    error.to_string()
                }
            };
            // Where nobody listens, one more try is enough: a server that is being restarted is back by then.
            let is_over = Instant::now() >= self.deadline || refusals > self.addresses.len();
            match (is_over, forged.take()) {
                (true, Some((server, why))) => return Err(DnsError::Forged { server, why }),
                (true, None) => return Err(DnsError::NoAnswer { server: self.server(), why }),
                (false, found) => forged = found,
            }
            self.next = (self.next + 1) % self.addresses.len();
            if self.next == 0 {
                thread::sleep(until.saturating_duration_since(Instant::now()));
                pause *= 2;
            }
        }
    }

    fn ask_by_tcp(&self, request: &Request) -> Result<Message<Vec<u8>>, Failed> {
        let server = self.server();
        let left = || match self.deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::Error::from(io::ErrorKind::TimedOut)),
            left => Ok(left),
        };
        let mut stream = TcpStream::connect_timeout(&server, left()?)?;
        let mut framed = u16::try_from(request.bytes.len()).map_err(io::Error::other)?.to_be_bytes().to_vec();
        framed.extend_from_slice(&request.bytes);
        stream.set_write_timeout(Some(left()?))?;
        stream.write_all(&framed)?;
        let mut fill = |buffer: &mut [u8]| {
            let mut filled = 0;
            while filled < buffer.len() {
                stream.set_read_timeout(Some(left()?))?;
                match stream.read(&mut buffer[filled..])? {
                    0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                    read => filled += read,
                }
            }
            Ok(())
        };
        let mut len = [0; 2];
        fill(&mut len)?;
        let mut bytes = vec![0; u16::from_be_bytes(len).into()];
        fill(&mut bytes)?;
        match request.judge(&bytes, server, wall_seconds()) {
            Arrival::Answer(answer) => Ok(answer),
            Arrival::Error(error) => Err(Failed::Error(error)),
            Arrival::Truncated => Err(Failed::Why("it is truncated there too".to_owned())),
            Arrival::Foreign(why) => Err(Failed::Error(DnsError::Forged { server, why })),
        }
    }

    fn unanswered(&self, failed: Failed) -> DnsError {
        match failed {
            Failed::Error(error) => error,
            Failed::Why(why) => DnsError::NoAnswer { server: self.server(), why },
        }
    }
}

/// Asks `server`, and waits for an answer until `until`. What does not belong to the request is passed over, so that nobody
/// can end the wait with a guess.
fn ask_by_udp(
    socket: &mut Option<UdpSocket>,
    request: &Request,
    server: SocketAddr,
    until: Instant,
) -> io::Result<Arrival> {
    let socket = match socket {
        Some(socket) => socket,
        None => {
            let any: IpAddr =
                if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
            let fresh = UdpSocket::bind((any, 0))?;
            fresh.connect(server)?;
            socket.insert(fresh)
        }
    };
    socket.send(&request.bytes)?;
    let mut buffer = vec![0; ANSWER_MAX];
    let mut foreign = None;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let received = if left.is_zero() {
            Err(io::ErrorKind::TimedOut.into())
        } else {
            socket.set_read_timeout(Some(left))?;
            socket.recv(&mut buffer)
        };
        match (received, foreign) {
            (Ok(len), _) => match request.judge(&buffer[..len], server, wall_seconds()) {
                Arrival::Foreign(why) => foreign = Some(why),
                other => return Ok(other),
            },
            (Err(error), Some(why)) if is_timeout(&error) => return Ok(Arrival::Foreign(why)),
            (Err(error), found) if error.kind() == io::ErrorKind::Interrupted => foreign = found,
            (Err(error), _) => return Err(error),
        }
    }
}

/// Why nothing came by TCP.
enum Failed {
    /// The server said so.
    Error(DnsError),
    /// The kernel did.
    Why(String),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Why(if is_timeout(&error) { "timed out".to_owned() } else { error.to_string() })
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Where `name` leads. The resolver has no deadline of its own that could be set, so it is asked from a thread that is
/// left behind when it takes too long.
fn resolve(name: &str, port: u16, patience: Duration) -> Result<Vec<SocketAddr>, DnsError> {
    let failed = |why: String| DnsError::NoSuchServer { name: name.to_owned(), why };
    let (sender, found) = mpsc::channel();
    let host = name.to_owned();
    thread::spawn(move || {
        let addresses = (host.as_str(), port).to_socket_addrs().map(Vec::from_iter);
        // Nobody may be waiting any more.
        let _ = sender.send(addresses);
    });
    let addresses = found.recv_timeout(patience).map_err(|_| failed("the resolver does not answer".to_owned()))?;
    match addresses {
        Ok(addresses) if addresses.is_empty() => Err(failed("it has no address".to_owned())),
        Ok(addresses) => Ok(addresses),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Seconds since 1970, which signatures are made with.
fn wall_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
