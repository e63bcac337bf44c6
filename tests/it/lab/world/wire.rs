//! The wire itself: what passes is captured, and put there again with the addresses that it had.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::namespace::Namespace;

/// `ETH_P_ALL` in the order of the network: frames of all protocols.
const ALL_PROTOCOLS: i32 = (3u16.to_be()) as i32;

/// `IPPROTO_RAW`: the packet brings its IP header.
const WITH_HEADER: i32 = 255;

/// Lengths of headers without options, and UDP's number.
const ETHERNET: usize = 14;
const IPV4: usize = 20;
const UDP: usize = 8;
const IS_UDP: u8 = 17;

/// Sees every frame of a network namespace.
#[derive(Debug)]
pub struct Wiretap(Socket);

/// One UDP datagram over IPv4, as it passed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Packet(Vec<u8>);

impl Wiretap {
    /// Begins to listen.
    pub fn new(network: &Namespace) -> Self {
        let socket = network.within(|| Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(ALL_PROTOCOLS))));
        let socket = socket.expect("whoever made a network may listen in it");
        socket.set_recv_buffer_size(8 << 20).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self(socket)
    }

    /// Every different frame of the next `span`. On a bridge each passes twice.
    pub fn frames(&mut self, span: Duration) -> BTreeSet<Vec<u8>> {
        let (begin, mut frames, mut buffer) = (Instant::now(), BTreeSet::new(), [0; 2_048]);
        while begin.elapsed() < span {
            while let Ok(length) = self.0.read(&mut buffer) {
                frames.insert(buffer[..length].to_vec());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        frames
    }
}

impl Packet {
    /// `None`: something else.
    pub fn from_frame(frame: &[u8]) -> Option<Self> {
        let packet = frame.get(ETHERNET..)?;
        let is_udp = frame[12..14] == [8, 0] && packet.len() > IPV4 + UDP && packet[0] == 0x45 && packet[9] == IS_UDP;
        is_udp.then(|| Self(packet.to_vec()))
    }

    /// One that was never sent, with whatever addresses.
    pub fn forged(from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), payload: &[u8]) -> Self {
        let length = |headers: usize| u16::try_from(headers + payload.len()).expect("it fits a frame").to_be_bytes();
        let mut packet = vec![0x45, 0];
        packet.extend(length(IPV4 + UDP));
        packet.extend([0, 0, 0, 0, 64, IS_UDP, 0, 0]);
        packet.extend(from.0.octets().iter().chain(&to.0.octets()));
        packet.extend([from.1.to_be_bytes(), to.1.to_be_bytes(), length(UDP), [0, 0]].concat());
        packet.extend(payload);
        Self(packet)
    }

    pub fn target(&self) -> Ipv4Addr {
        Ipv4Addr::from(<[u8; 4]>::try_from(&self.0[16..20]).unwrap())
    }

    pub fn payload(&self) -> &[u8] {
        &self.0[IPV4 + UDP..]
    }
}

/// Puts packets on the wire whose addresses are not its own.
#[derive(Debug)]
pub struct Spoofer(Socket);

impl Spoofer {
    pub fn new(network: &Namespace) -> Self {
        let socket = network.within(|| Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(WITH_HEADER))));
        Self(socket.expect("whoever made a network may forge in it"))
    }

    /// Sends `packet` without a checksum of UDP: what was captured may lack it, since a virtual wire needs none.
    pub fn send(&self, packet: &Packet) {
        let mut bytes = packet.0.clone();
        bytes[IPV4 + 6..IPV4 + UDP].fill(0);
        let to: SocketAddr = (packet.target(), 0).into();
        // A full queue loses packets, as wires do.
        let _ = self.0.send_to(&bytes, &SockAddr::from(to));
    }
}

/// Sends what `next` makes to `to`, `per_millisecond` in each of `span`; how many in all.
pub fn flood(
    socket: &UdpSocket,
    to: SocketAddr,
    per_millisecond: u32,
    span: Duration,
    mut next: impl FnMut(u64) -> Vec<u8>,
) -> u64 {
    let (begin, mut sent) = (Instant::now(), 0);
    while begin.elapsed() < span {
        // What was not sent in time, since this process did not run, is sent now.
        let due = begin.elapsed().as_millis() as u64 * u64::from(per_millisecond);
        while sent < due {
            let _ = socket.send_to(&next(sent), to);
            sent += 1;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    sent
}
