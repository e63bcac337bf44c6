//! The lab itself: a test on ground that does not hold shows nothing.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::world::{Families, Lab, Packet, Spoofer, through_signals};
use super::{in_a_lab, in_a_lab_that_filters};

/// A socket on each host, and its address.
fn sockets(lab: &Lab) -> Vec<(UdpSocket, SocketAddr)> {
    let bind = |host: &super::world::Host| {
        let socket = host.network.within(|| UdpSocket::bind((host.address, 7))).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let address = socket.local_addr().unwrap();
        (socket, address)
    };
    lab.hosts().iter().map(bind).collect()
}

/// Of `count` datagrams, how many arrive.
fn arrivals(from: &(UdpSocket, SocketAddr), to: &(UdpSocket, SocketAddr), count: usize) -> usize {
    for _ in 0..count {
        from.0.send_to(&[0; 100], to.1).unwrap();
    }
    let mut arrived = 0;
    loop {
        match through_signals(|| to.0.recv_from(&mut [0; 100])) {
            Ok(_) => arrived += 1,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return arrived,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Whether datagrams arrive: soon, or not at all.
fn hears(from: &(UdpSocket, SocketAddr), to: &(UdpSocket, SocketAddr)) -> bool {
    (0..10).any(|_| arrivals(from, to, 1) > 0)
}

#[test]
fn hosts_of_a_lab_hear_each_other_until_they_are_split() {
    in_a_lab(|| {
        for families in [Families::V4, Families::V6] {
            let lab = Lab::of(4, families);
            let sockets = sockets(&lab);
            assert!(hears(&sockets[0], &sockets[3]));
            lab.split(&[&[0, 1], &[2]]);
            assert!(hears(&sockets[0], &sockets[1]));
            assert_eq!(arrivals(&sockets[0], &sockets[3], 3), 0);
            assert_eq!(arrivals(&sockets[2], &sockets[3], 3), 0);
            lab.join(2);
            assert!(hears(&sockets[0], &sockets[3]));
        }
    });
}

#[test]
fn a_lab_loses_as_many_packets_as_it_is_told_and_counts_the_bytes_of_all() {
    in_a_lab_that_filters(|| {
        let lab = Lab::new(2);
        let sockets = sockets(&lab);
        // The first one waits for ARP.
        assert!(hears(&sockets[0], &sockets[1]));
        let before = lab.sent()[0];
        assert_eq!(arrivals(&sockets[0], &sockets[1], 200), 200);
        let sent = lab.sent()[0];
        let (bytes, packets) = (sent.bytes - before.bytes, sent.packets - before.packets);
        // 100 bytes, and 42 of UDP, IPv4 and Ethernet; ARP may add some.
        assert!((28_400..29_000).contains(&bytes), "{bytes}");
        assert!((200..210).contains(&packets), "{packets}");
        lab.lose(20);
        let arrived = (0..5).map(|_| arrivals(&sockets[0], &sockets[1], 200)).sum::<usize>();
        assert!((700..900).contains(&arrived), "{arrived}");
        assert_eq!(lab.filtered() as usize, 1_000 - arrived);
    });
}

#[test]
fn a_forged_packet_arrives_as_from_the_address_that_it_claims_and_a_wiretap_sees_it() {
    in_a_lab(|| {
        let lab = Lab::new(3);
        let address = |place: usize| match lab[place].address {
            IpAddr::V4(address) => address,
            IpAddr::V6(_) => unreachable!("a lab of IPv4"),
        };
        let mut tap = lab.wiretap();
        let socket = lab[1].network.within(|| UdpSocket::bind(("0.0.0.0", 4_002))).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let forged = Packet::forged((address(2), 99), (address(1), 4_002), b"who am I?");
        Spoofer::new(&lab[0].network).send(&forged);
        let mut bytes = [0; 100];
        let (length, from) = through_signals(|| socket.recv_from(&mut bytes)).unwrap();
        assert_eq!((&bytes[..length], from.ip(), from.port()), (&b"who am I?"[..], lab[2].address, 99));
        let seen = tap.frames(Duration::from_millis(50));
        assert!(
            seen.iter().filter_map(|frame| Packet::from_frame(frame)).any(|packet| packet.payload() == b"who am I?")
        );
    });
}
