//! Which of several hosts takes a TCP connection first (in the manner of RFC 8305, "Happy Eyeballs").

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Protocol, Socket, Type};

/// The next host is tried when the one before has not answered for this long.
const HEAD_START: Duration = Duration::from_millis(100);

/// A host that has not answered by then is silent: a second try of the kernel would come after a second.
const PATIENCE: Duration = Duration::from_millis(750);

/// What came of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It takes connections.
    Accepted,
    /// It, or somebody on the way, says no.
    Refused,
    /// It said nothing in time.
    Silent,
    /// Another one had accepted before this one was tried.
    NotTried,
}

/// What came of each of `addresses`, best first; at most one is [`Answer::Accepted`]. Each is tried when the one
/// before was refused, or has not answered for 100 ms; none is waited for longer than 750 ms. Connections are closed
/// at once.
#[must_use]
pub fn first_to_accept(addresses: &[SocketAddr]) -> Vec<Answer> {
    let mut answers = vec![Answer::NotTried; addresses.len()];
    let mut trying: Vec<Trying> = Vec::new();
    let mut next = 0;
    let mut next_at = Instant::now();
    loop {
        let now = Instant::now();
        while next < addresses.len() && next_at <= now {
            answers[next] = match begin(addresses[next]) {
                Ok(Begun::Accepted) => return accepted(answers, next),
                Ok(Begun::Waits(socket)) => {
                    trying.push(Trying { place: next, socket, ends: now + PATIENCE });
                    next_at = now + HEAD_START;
                    Answer::Silent
                }
                Err(_) => Answer::Refused,
            };
            next += 1;
        }
        if trying.is_empty() && next == addresses.len() {
            return answers;
        }
        for place in wait(&trying, (next < addresses.len()).then_some(next_at)) {
            match trying[place].socket.take_error() {
                Ok(None) => return accepted(answers, trying[place].place),
                Ok(Some(_)) | Err(_) => {
                    answers[trying[place].place] = Answer::Refused;
                    trying[place].ends = now;
                    next_at = now;
                }
            }
        }
        let now = Instant::now();
        trying.retain(|one| one.ends > now);
    }
}

fn accepted(mut answers: Vec<Answer>, place: usize) -> Vec<Answer> {
    answers[place] = Answer::Accepted;
    answers
}

struct Trying {
    place: usize,
    socket: Socket,
    ends: Instant,
}

enum Begun {
    Accepted,
    Waits(Socket),
}

fn begin(address: SocketAddr) -> io::Result<Begun> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    match socket.connect(&address.into()) {
        Ok(()) => Ok(Begun::Accepted),
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(Begun::Waits(socket)),
        Err(error) => Err(error),
    }
}

/// Waits until something happens, or the next one is due, or one has had its time; the places of those that have
/// an answer.
fn wait(trying: &[Trying], next_at: Option<Instant>) -> Vec<usize> {
    let until = trying.iter().map(|one| one.ends).chain(next_at).min();
    let span = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
    let millis = u16::try_from(span.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
    let mut waiting: Vec<PollFd<'_>> =
        trying.iter().map(|one| PollFd::new(one.socket.as_fd(), PollFlags::POLLOUT)).collect();
    match poll(&mut waiting, PollTimeout::from(millis)) {
        Ok(_) => (0..waiting.len()).filter(|place| waiting[*place].any().unwrap_or(false)).collect(),
        // Interrupted: the caller looks at the clock and waits on.
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    fn open(host: u8) -> TcpListener {
        TcpListener::bind((Ipv4Addr::new(127, 0, 0, host), 0)).unwrap()
    }

    /// A port of the loopback network where nobody listens.
    fn closed() -> SocketAddr {
        let listener = open(1);
        listener.local_addr().unwrap()
    }

    /// A listener whose backlog is full: further connections get no answer.
    fn silent() -> (Socket, Vec<std::net::TcpStream>, SocketAddr) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        socket.listen(0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let patience = Duration::from_millis(200);
        let waiting = (0..3).filter_map(|_| std::net::TcpStream::connect_timeout(&address, patience).ok()).collect();
        (socket, waiting, address)
    }

    #[test]
    fn the_best_host_that_accepts_wins_and_no_other_is_tried() {
        let (first, second) = (open(1), open(2));
        let addresses = [first.local_addr().unwrap(), second.local_addr().unwrap()];
        assert_eq!(first_to_accept(&addresses), [Answer::Accepted, Answer::NotTried]);
    }

    #[test]
    fn a_host_that_refuses_is_passed_over_at_once_and_a_silent_one_after_a_moment() {
        let (listener, _waiting, silent) = silent();
        let last = open(3);
        let addresses = [closed(), silent, last.local_addr().unwrap()];
        let start = Instant::now();
        assert_eq!(first_to_accept(&addresses), [Answer::Refused, Answer::Silent, Answer::Accepted]);
        assert!(start.elapsed() >= HEAD_START);
        drop(listener);
    }

    #[test]
    fn where_nobody_accepts_the_answers_say_why() {
        let (_listener, _waiting, silent) = silent();
        assert_eq!(first_to_accept(&[closed(), silent]), [Answer::Refused, Answer::Silent]);
        assert_eq!(first_to_accept(&[]), []);
    }
}
