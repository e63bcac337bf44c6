//! The gossip's UDP sockets: PORT and the one above, for each family of addresses.
//!
//! Each family has sockets of its own, so that no address ever comes in the other family's clothes. The kernel
//! stamps each datagram with the time it came, the address that it was sent to, and how many were dropped
//! before it; a refused port comes back through the socket's error queue.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, Socket, Type};

use super::clock::wall_micros;

/// Room for what comes in while this process does not run for a moment: half a second of 2,000 datagrams.
const RECEIVE_BUFFER: usize = 1 << 20;

/// How often and how long a port is tried: a daemon that was killed a moment ago may still hold it.
const BIND_PAUSE: Duration = Duration::from_millis(20);
const BIND_TRIES: u32 = 25;

/// Longest datagram that is taken whole; what is cut here is longer than any of ours and does not open.
const DATAGRAM_BUFFER: usize = 2048;

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// At all addresses of both families.
    Everywhere,
    /// At this address only.
    At(IpAddr),
}

/// Why a port cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on UDP port {port}: {error}")]
pub struct BindError {
    /// Which of the two ports.
    pub port: u16,
    /// What the kernel said.
    pub error: io::Error,
}

impl BindError {
    /// Whether another program has the port.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.error.kind() == io::ErrorKind::AddrInUse
    }
}

/// What a socket has for us.
#[derive(Debug, PartialEq, Eq)]
pub enum Arrival<'a> {
    /// A datagram.
    Datagram {
        /// Who sent it.
        from: SocketAddr,
        /// Which of our addresses it was sent to.
        to: Option<IpAddr>,
        /// How long it lay in the socket.
        lag: Duration,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// Nobody listens where a datagram of ours went.
    Refused(SocketAddr),
}

/// Both ports.
#[derive(Debug)]
pub struct GossipSockets {
    /// PORT: what others send to; answers leave from here.
    asked: Vec<GossipSocket>,
    /// PORT+1: everything else leaves from here.
    above: Vec<GossipSocket>,
}

#[derive(Debug)]
struct GossipSocket {
    socket: Socket,
    is_v6: bool,
    /// The kernel's count of datagrams that found the socket full.
    drops: AtomicU32,
}

/// Space to receive in, one for each thread that does.
#[derive(Debug)]
pub struct ReceiveBuffer {
    bytes: Box<[u8; DATAGRAM_BUFFER]>,
    control: Vec<u8>,
}

impl Default for ReceiveBuffer {
    fn default() -> Self {
        Self {
            bytes: Box::new([0; DATAGRAM_BUFFER]),
            control: nix::cmsg_space!(
                libc::timespec,
                u32,
                libc::in6_pktinfo,
                libc::sock_extended_err,
                libc::sockaddr_in6
            ),
        }
    }
}

impl GossipSockets {
    /// Takes `port` and the one above. A host without IPv6 goes on with IPv4, and the other way round.
    pub fn bind(listen: Listen, port: u16) -> Result<Self, BindError> {
        let bind = |port| Self::bind_port(listen, port).map_err(|error| BindError { port, error });
        Ok(Self { asked: bind(port)?, above: bind(port + 1)? })
    }

    fn bind_port(listen: Listen, port: u16) -> io::Result<Vec<GossipSocket>> {
        let everywhere: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        let addresses = match listen {
            Listen::At(address) => vec![address],
            Listen::Everywhere => everywhere.to_vec(),
        };
        let mut sockets = Vec::new();
        let mut missing = None;
        for address in addresses {
            match GossipSocket::bind((address, port).into()) {
                Ok(socket) => sockets.push(socket),
                Err(error) if is_family_missing(&error) => missing = Some(error),
                Err(error) => return Err(error),
            }
        }
        match missing {
            Some(error) if sockets.is_empty() => Err(error),
            Some(_) | None => Ok(sockets),
        }
    }

    fn all(&self) -> impl Iterator<Item = &GossipSocket> {
        self.asked.iter().chain(&self.above)
    }

    /// To wait for arrivals.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.all().map(|socket| socket.socket.as_fd())
    }

    /// Hands what has arrived to `each`, at most `most` arrivals of each socket; never waits. Whether the sockets
    /// were read empty.
    pub fn receive(&self, buffer: &mut ReceiveBuffer, most: usize, mut each: impl FnMut(Arrival<'_>)) -> bool {
        let left = self.all().filter(|socket| !socket.receive(buffer, most, &mut each)).count();
        left == 0
    }

    /// Hands what went wrong with datagrams of ours to `each`, at most `most` of each socket: to be called when `poll` says
    /// `POLLERR`, which it does until they are read. A failing `recvmsg` says so too, unless a `sendmsg` of another thread
    /// was told first.
    pub fn receive_errors(&self, buffer: &mut ReceiveBuffer, most: usize, mut each: impl FnMut(Arrival<'_>)) {
        self.all().for_each(|socket| socket.read_error_queue(buffer, most, &mut each));
    }

    /// Sends an answer: from the port that was asked, and from `source` where that is known.
    pub fn answer(&self, source: Option<IpAddr>, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        GossipSocket::for_family(&self.asked, to)?.send(source, to, bytes)
    }

    /// Sends what nobody asked for: from the port above.
    pub fn send(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        GossipSocket::for_family(&self.above, to)?.send(None, to, bytes)
    }

    /// How many datagrams found a socket full, since the start.
    #[must_use]
    pub fn kernel_drops(&self) -> u64 {
        self.all().map(|socket| u64::from(socket.drops.load(Ordering::Relaxed))).sum()
    }
}

fn is_family_missing(error: &io::Error) -> bool {
    let missing = [libc::EAFNOSUPPORT, libc::EADDRNOTAVAIL, libc::EPFNOSUPPORT];
    error.raw_os_error().is_some_and(|number| missing.contains(&number))
}

impl GossipSocket {
    fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        setsockopt(&socket, sockopt::RxqOvfl, &1)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
            setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
            setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
        }
        let mut tries = 1;
        while let Err(error) = socket.bind(&address.into()) {
            if error.kind() != io::ErrorKind::AddrInUse || tries == BIND_TRIES {
                return Err(error);
            }
            tries += 1;
            thread::sleep(BIND_PAUSE);
        }
        Ok(Self { socket, is_v6: address.is_ipv6(), drops: AtomicU32::new(0) })
    }

    fn for_family(sockets: &[Self], to: SocketAddr) -> io::Result<&Self> {
        let family = sockets.iter().find(|socket| socket.is_v6 == to.is_ipv6());
        family.ok_or_else(|| io::Error::from_raw_os_error(libc::EAFNOSUPPORT))
    }

    fn receive(&self, buffer: &mut ReceiveBuffer, most: usize, each: &mut impl FnMut(Arrival<'_>)) -> bool {
        for _ in 0..most {
            // Any other error: it was interrupted, or something sent earlier went wrong, and the error queue says what.
            if let Err(Errno::EAGAIN) = self.receive_one(buffer, each) {
                return true;
            }
        }
        false
    }

    fn receive_one(&self, buffer: &mut ReceiveBuffer, each: &mut impl FnMut(Arrival<'_>)) -> nix::Result<()> {
        let mut space = [IoSliceMut::new(&mut buffer.bytes[..])];
        let message = recvmsg::<SockaddrStorage>(
            self.socket.as_raw_fd(),
            &mut space,
            Some(&mut buffer.control),
            MsgFlags::MSG_DONTWAIT,
        )?;
        let (mut to, mut lag) = (None, Duration::ZERO);
        for control in message.cmsgs()? {
            match control {
                ControlMessageOwned::ScmTimestampns(stamp) => {
                    let arrived = stamp.tv_sec() * 1_000_000 + stamp.tv_nsec() / 1000;
                    lag = Duration::from_micros(u64::try_from(wall_micros() - arrived).unwrap_or(0));
                }
                ControlMessageOwned::Ipv4PacketInfo(info) => {
                    to = Some(IpAddr::from(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes())));
                }
                ControlMessageOwned::Ipv6PacketInfo(info) => {
                    to = Some(IpAddr::from(Ipv6Addr::from(info.ipi6_addr.s6_addr)));
                }
                ControlMessageOwned::RxqOvfl(drops) => self.drops.store(drops, Ordering::Relaxed),
                _ => {}
            }
        }
        let Some(from) = message.address.as_ref().and_then(socket_address) else { return Ok(()) };
        let length = message.bytes;
        each(Arrival::Datagram { from, to, lag, bytes: &buffer.bytes[..length] });
        Ok(())
    }

    fn read_error_queue(&self, buffer: &mut ReceiveBuffer, most: usize, each: &mut impl FnMut(Arrival<'_>)) {
        for _ in 0..most {
            let mut space = [IoSliceMut::new(&mut buffer.bytes[..])];
            let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
            let Ok(message) =
                recvmsg::<SockaddrStorage>(self.socket.as_raw_fd(), &mut space, Some(&mut buffer.control), flags)
            else {
                return;
            };
            let refused = message.cmsgs().is_ok_and(|mut controls| {
                controls.any(|control| match control {
                    ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => {
                        i32::try_from(error.ee_errno) == Ok(libc::ECONNREFUSED)
                            && matches!(error.ee_origin, libc::SO_EE_ORIGIN_ICMP | libc::SO_EE_ORIGIN_ICMP6)
                    }
                    _ => false,
                })
            });
            if let (true, Some(address)) = (refused, message.address.as_ref().and_then(socket_address)) {
                each(Arrival::Refused(address));
            }
        }
    }

    fn send(&self, source: Option<IpAddr>, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        match self.send_once(source, to, bytes) {
            // The kernel tells what went wrong with an earlier datagram, and this one has not left yet.
            Err(Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::EINTR) => {
                Ok(self.send_once(source, to, bytes)?)
            }
            sent => Ok(sent?),
        }
    }

    fn send_once(&self, source: Option<IpAddr>, to: SocketAddr, bytes: &[u8]) -> nix::Result<()> {
        let (v4, v6);
        let control = match source {
            Some(IpAddr::V4(source)) if !self.is_v6 => {
                v4 = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(source.octets()) },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                Some(ControlMessage::Ipv4PacketInfo(&v4))
            }
            Some(IpAddr::V6(source)) if self.is_v6 => {
                v6 = libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: source.octets() }, ipi6_ifindex: 0 };
                Some(ControlMessage::Ipv6PacketInfo(&v6))
            }
            Some(_) | None => None,
        };
        let to = SockaddrStorage::from(to);
        let descriptor = self.socket.as_raw_fd();
        sendmsg(descriptor, &[IoSlice::new(bytes)], control.as_slice(), MsgFlags::MSG_DONTWAIT, Some(&to)).map(drop)
    }
}

fn socket_address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddrV4::from(*v4).into());
    }
    Some(SocketAddrV6::from(*storage.as_sockaddr_in6()?).into())
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    /// Two ports that nobody has, one above the other.
    fn bind_somewhere(listen: Listen) -> (GossipSockets, u16) {
        for _ in 0..50 {
            let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if let Ok(sockets) = GossipSockets::bind(listen, port.min(65534)) {
                return (sockets, port.min(65534));
            }
        }
        panic!("no two free ports");
    }

    fn wait(sockets: &GossipSockets) {
        let mut waiting: Vec<PollFd> = sockets.descriptors().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        assert_ne!(poll(&mut waiting, PollTimeout::from(5000u16)).unwrap(), 0, "nothing came in 5 s");
    }

    fn localhost(port: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, port).into()
    }

    #[test]
    fn a_datagram_tells_who_sent_it_to_which_address_and_the_answer_leaves_from_there() {
        let (sockets, port) = bind_somewhere(Listen::Everywhere);
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let asked: SocketAddr = ([127, 0, 0, 7], port).into();
        peer.send_to(b"hello", asked).unwrap();
        wait(&sockets);
        let mut seen = Vec::new();
        let empty = sockets.receive(&mut ReceiveBuffer::default(), 10, |arrival| {
            let Arrival::Datagram { from, to, lag, bytes } = arrival else { panic!("{arrival:?}") };
            assert!(lag < Duration::from_secs(5), "{lag:?}");
            seen.push((from, to, bytes.to_vec()));
        });
        assert!(empty);
        assert_eq!(seen, [(peer.local_addr().unwrap(), Some(asked.ip()), b"hello".to_vec())]);
        sockets.answer(Some(asked.ip()), peer.local_addr().unwrap(), b"answer").unwrap();
        sockets.send(peer.local_addr().unwrap(), b"news").unwrap();
        let mut buffer = [0; 100];
        assert_eq!(peer.recv_from(&mut buffer).unwrap(), (6, asked));
        assert_eq!(peer.recv_from(&mut buffer).unwrap(), (4, localhost(port + 1)));
    }

    /// The addresses where nobody listened, as `sockets` were told.
    fn refused(sockets: &GossipSockets) -> Vec<SocketAddr> {
        let (mut buffer, mut refused) = (ReceiveBuffer::default(), Vec::new());
        sockets.receive(&mut buffer, 10, |arrival| panic!("{arrival:?}"));
        sockets.receive_errors(&mut buffer, 10, |arrival| match arrival {
            Arrival::Refused(address) => refused.push(address),
            Arrival::Datagram { .. } => panic!("{arrival:?}"),
        });
        refused
    }

    #[test]
    fn a_port_where_nobody_listens_is_told_and_stops_nothing() {
        let (sockets, _) = bind_somewhere(Listen::At(Ipv4Addr::LOCALHOST.into()));
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        sockets.send(closed, b"anybody?").unwrap();
        wait(&sockets);
        assert_eq!(refused(&sockets), [closed]);
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        sockets.send(peer.local_addr().unwrap(), b"still there").unwrap();
    }

    #[test]
    fn a_refusal_that_a_sender_was_told_of_first_does_not_make_the_listener_spin() {
        let (sockets, _) = bind_somewhere(Listen::At(Ipv4Addr::LOCALHOST.into()));
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        sockets.send(closed, b"anybody?").unwrap();
        wait(&sockets);
        sockets.send(peer.local_addr().unwrap(), b"takes the error").unwrap();
        wait(&sockets);
        assert_eq!(refused(&sockets), [closed]);
        let mut waiting: Vec<PollFd> = sockets.descriptors().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        assert_eq!(poll(&mut waiting, PollTimeout::ZERO).unwrap(), 0, "{waiting:?}");
    }

    #[test]
    fn a_taken_port_is_named_also_the_one_above() {
        let (_sockets, port) = bind_somewhere(Listen::Everywhere);
        let error = GossipSockets::bind(Listen::Everywhere, port).expect_err("taken");
        assert!(error.is_taken() && error.port == port, "{error}");
        let error = GossipSockets::bind(Listen::Everywhere, port - 1).expect_err("taken");
        assert!(error.is_taken(), "{error}");
    }

    #[test]
    fn datagrams_over_ipv6_arrive_as_such() {
        let (sockets, port) = bind_somewhere(Listen::Everywhere);
        let Ok(peer) = UdpSocket::bind("[::1]:0") else {
            // A host without IPv6 listens all the same.
            assert!(!sockets.asked.is_empty());
            return;
        };
        peer.send_to(b"six", (Ipv6Addr::LOCALHOST, port)).unwrap();
        wait(&sockets);
        let mut seen = Vec::new();
        sockets.receive(&mut ReceiveBuffer::default(), 10, |arrival| {
            let Arrival::Datagram { from, to, .. } = arrival else { panic!("{arrival:?}") };
            seen.push((from, to));
        });
        assert_eq!(seen, [(peer.local_addr().unwrap(), Some(Ipv6Addr::LOCALHOST.into()))]);
        sockets.answer(Some(Ipv6Addr::LOCALHOST.into()), peer.local_addr().unwrap(), b"six").unwrap();
    }
}
