//! The thread that answers clients: all of them, nonblocking, in one loop. Whoever is slow or silent waits alone.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{getsockopt, sockopt};

use super::answers::Answers;
use super::listener::WAIT_MAX_MILLIS;
use crate::model::Timestamp;
use crate::os::clock;
use crate::placement::pending::Client;
use crate::wire::client::{FRAME_HEADER_LEN, FrameError, request_len};

/// Most clients at once: the thousand of a busy login host, and room. When it is full, the one whose time ends
/// first makes room.
const CLIENTS_MAX: usize = 1_200;

/// Files that this process needs beside its clients.
const FILES_RESERVED: u64 = 32;

/// A client that says nothing is let go after this.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// A request must be whole this long after its first byte.
const REQUEST_TIME: Duration = Duration::from_secs(2);

/// A reply must be taken within this: the largest has 8 MiB.
const REPLY_TIME: Duration = Duration::from_secs(5);

/// Replies that wait to be taken, in bytes over all clients: whoever asks and does not read may not fill the
/// memory.
const WAITING_REPLIES_MAX: usize = 32 << 20;

/// Clients that are let in before the others are looked at again.
const ACCEPTS_AT_ONCE: usize = 64;

/// When this process has no files left, nobody is let in for this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where clients come in.
#[derive(Debug)]
pub(super) enum Door<'a> {
    Unix(&'a UnixListener),
    Tcp(&'a TcpListener),
    /// Who comes in here asks nothing, and is told the table as PeerMon 1.1 told it.
    Legacy(&'a TcpListener),
}

impl Door<'_> {
    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(listener) => listener.as_fd(),
            Self::Tcp(listener) | Self::Legacy(listener) => listener.as_fd(),
        }
    }

    fn accept(&self) -> io::Result<(Stream, Client)> {
        match self {
            Self::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                let process = getsockopt(&stream, sockopt::PeerCredentials).map_or(0, |peer| peer.pid());
                Ok((Stream::Unix(stream), Client(u64::from(process.unsigned_abs()))))
            }
            Self::Tcp(listener) | Self::Legacy(listener) => {
                let (stream, peer) = listener.accept()?;
                stream.set_nonblocking(true)?;
                // Which process it is cannot be seen; process ids end below 2^32.
                Ok((Stream::Tcp(stream), Client(1 << 32 | u64::from(peer.port()))))
            }
        }
    }
}

#[derive(Debug)]
enum Stream {
    Unix(std::os::unix::net::UnixStream),
    Tcp(std::net::TcpStream),
}

impl Stream {
    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(stream) => stream.as_fd(),
            Self::Tcp(stream) => stream.as_fd(),
        }
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(bytes),
            Self::Tcp(stream) => stream.read(bytes),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(bytes),
            Self::Tcp(stream) => stream.write(bytes),
        }
    }
}

/// One client: asks, is answered, may ask again.
#[derive(Debug)]
struct Connection {
    stream: Stream,
    client: Client,
    request: Vec<u8>,
    reply: Option<(Arc<[u8]>, usize)>,
    /// After the reply it is over.
    last: bool,
    ends: Timestamp,
}

/// Whether a connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Goes,
    Ends,
}

impl Connection {
    fn new(now: Timestamp, stream: Stream, client: Client) -> Self {
        Self { stream, client, request: Vec::new(), reply: None, last: false, ends: now.after(IDLE_MAX) }
    }

    /// One that is told something at once, and no more.
    fn telling(now: Timestamp, stream: Stream, client: Client, told: Arc<[u8]>) -> Self {
        let ends = now.after(REPLY_TIME);
        Self { reply: Some((told, 0)), last: true, ends, ..Self::new(now, stream, client) }
    }

    fn wants(&self) -> PollFlags {
        if self.reply.is_some() { PollFlags::POLLOUT } else { PollFlags::POLLIN }
    }

    fn waiting_bytes(&self) -> usize {
        self.reply.as_ref().map_or(0, |(bytes, written)| bytes.len() - written)
    }

    /// Reads and writes as far as that goes without waiting.
    fn go_on(&mut self, now: Timestamp, answers: &mut Answers) -> Next {
        if self.reply.is_some() {
            return self.write(now);
        }
        let mut piece = [0; 1024];
        match self.stream.read(&mut piece) {
            Ok(0) => Next::Ends,
            Ok(length) => {
                if self.request.is_empty() {
                    self.ends = now.after(REQUEST_TIME);
                }
                self.request.extend_from_slice(&piece[..length]);
                self.take_request(now, answers)
            }
            Err(error) if is_for_later(&error) => Next::Goes,
            Err(_) => Next::Ends,
        }
    }

    fn take_request(&mut self, now: Timestamp, answers: &mut Answers) -> Next {
        let Some((header, rest)) = self.request.split_first_chunk::<FRAME_HEADER_LEN>() else { return Next::Goes };
        let reply = match request_len(*header) {
            Ok(length) if rest.len() < length => return Next::Goes,
            // Whoever talks on before it was answered speaks another protocol.
            Ok(length) if rest.len() > length => Err(FrameError::Malformed),
            Ok(_) => answers.to(now, self.client, rest),
            Err(error) => Err(error),
        };
        self.last = reply.is_err();
        self.reply = Some((reply.unwrap_or_else(Answers::not_understood), 0));
        self.request.clear();
        self.ends = now.after(REPLY_TIME);
        self.write(now)
    }

    fn write(&mut self, now: Timestamp) -> Next {
        let Some((bytes, written)) = &mut self.reply else { return Next::Goes };
        match self.stream.write(&bytes[*written..]) {
            Ok(length) => *written += length,
            Err(error) if is_for_later(&error) => return Next::Goes,
            Err(_) => return Next::Ends,
        }
        if *written == bytes.len() {
            self.reply = None;
            self.ends = now.after(IDLE_MAX);
            if self.last {
                return Next::Ends;
            }
        }
        Next::Goes
    }
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// How many clients may be there at once, where this process may have `files` open.
pub(super) fn clients_max(files: u64) -> usize {
    usize::try_from(files.saturating_sub(FILES_RESERVED)).unwrap_or(CLIENTS_MAX).clamp(1, CLIENTS_MAX)
}

/// Answers clients until `stop` can be read.
pub(super) fn serve(doors: &[Door<'_>], stop: impl AsFd, mut answers: Answers, most: usize, moved: &AtomicBool) {
    let mut connections: Vec<Connection> = Vec::new();
    let mut closed_until = Timestamp::default();
    loop {
        let now = clock::now();
        let open: &[Door<'_>] = if closed_until <= now { doors } else { &[] };
        let ready = match wait(now, open, &stop, &connections, closed_until) {
            Ok(ready) => ready,
            Err(Errno::EINTR) => continue,
            Err(_) => Ready::default(),
        };
        moved.store(true, Ordering::Relaxed);
        if ready.stop {
            return;
        }
        let now = clock::now();
        let mut place = 0;
        connections.retain_mut(|connection| {
            let is_ready = ready.connections.get(place).copied().unwrap_or(false);
            place += 1;
            let next = if is_ready { connection.go_on(now, &mut answers) } else { Next::Goes };
            next == Next::Goes && connection.ends > now
        });
        shed(&mut connections);
        for door in ready.doors.iter().filter_map(|place| open.get(*place)) {
            if let Err(error) = let_in(now, door, &mut connections, &mut answers, most)
                && matches!(error.raw_os_error(), Some(nix::libc::EMFILE | nix::libc::ENFILE))
            {
                drop_first_to_end(&mut connections);
                closed_until = now.after(ACCEPT_PAUSE);
            }
        }
    }
}

#[derive(Debug, Default)]
struct Ready {
    stop: bool,
    doors: Vec<usize>,
    connections: Vec<bool>,
}

fn wait(
    now: Timestamp,
    doors: &[Door<'_>],
    stop: &impl AsFd,
    connections: &[Connection],
    closed_until: Timestamp,
) -> nix::Result<Ready> {
    let mut waiting = vec![PollFd::new(stop.as_fd(), PollFlags::POLLIN)];
    waiting.extend(doors.iter().map(|door| PollFd::new(door.fd(), PollFlags::POLLIN)));
    waiting.extend(connections.iter().map(|one| PollFd::new(one.stream.fd(), one.wants())));
    let first_end = connections.iter().map(|one| one.ends).min();
    let reopens = doors.is_empty().then_some(closed_until);
    let until = first_end.into_iter().chain(reopens).min();
    let millis = until.map_or(u128::from(WAIT_MAX_MILLIS), |until| until.since(now).as_millis() + 1);
    let millis = u16::try_from(millis).unwrap_or(WAIT_MAX_MILLIS).min(WAIT_MAX_MILLIS);
    poll(&mut waiting, PollTimeout::from(millis))?;
    let mut ready = waiting.iter().map(|fd| fd.any().unwrap_or(true));
    Ok(Ready {
        stop: ready.next().unwrap_or(false),
        doors: ready
            .by_ref()
            .take(doors.len())
            .enumerate()
            .filter_map(|(place, ready)| ready.then_some(place))
            .collect(),
        connections: ready.collect(),
    })
}

fn let_in(
    now: Timestamp,
    door: &Door<'_>,
    connections: &mut Vec<Connection>,
    answers: &mut Answers,
    most: usize,
) -> io::Result<()> {
    for _ in 0..ACCEPTS_AT_ONCE {
        match door.accept() {
            Ok((stream, client)) => {
                if connections.len() >= most {
                    drop_first_to_end(connections);
                }
                connections.push(match door {
                    Door::Unix(_) | Door::Tcp(_) => Connection::new(now, stream, client),
                    Door::Legacy(_) => Connection::telling(now, stream, client, answers.legacy(now)),
                });
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            // It went away before it was let in.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Lets go of those that don't take their replies, where too much waits for them.
fn shed(connections: &mut Vec<Connection>) {
    while connections.iter().map(Connection::waiting_bytes).sum::<usize>() > WAITING_REPLIES_MAX {
        drop_first_to_end(connections);
    }
}

fn drop_first_to_end(connections: &mut Vec<Connection>) {
    let first = connections.iter().enumerate().min_by_key(|(_, one)| one.ends).map(|(place, _)| place);
    if let Some(place) = first {
        connections.swap_remove(place);
    }
}
