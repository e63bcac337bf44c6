//! Both families of addresses, several interfaces, small packets, and names that do not resolve.

use std::fs;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::options::hello;
use super::world::{Families, Lab};
use super::{in_a_lab, in_a_lab_that_filters};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn hosts_with_nothing_but_ipv6_find_each_other() {
    in_a_lab(|| {
        let mut lab = Lab::of(5, Families::V6);
        lab.seeds(2);
        let started = lab.start();
        lab.expect("everybody knows everybody", SECOND, started, |lab| lab.all_offer(&[0, 1, 2, 3, 4]));
        for host in lab.hosts() {
            assert_eq!(lab[0].view_of(&host.name).map(|view| view.address), Some(host.address));
        }
    });
}

#[test]
fn a_host_with_several_interfaces_is_found_at_each_and_answers_from_the_address_that_was_asked() {
    in_a_lab(|| {
        let mut lab = Lab::new(2);
        lab.add_interface(0, "10.78.0.1/16");
        lab.add_interface(1, "10.78.0.2/16");
        lab[1].write_config("machines.txt", "10.78.0.1:1288\n");
        let started = lab.start();
        lab.expect("they know each other", SECOND, started, |lab| lab.all_offer(&[0, 1]));
        let mut addresses = lab[1].view_of("host-1").unwrap().addresses;
        addresses.sort_unstable();
        assert_eq!(addresses, ["10.77.0.1", "10.78.0.1"].map(|address| address.parse::<std::net::IpAddr>().unwrap()));
        let socket = lab[1].network.within(|| UdpSocket::bind(("0.0.0.0", 4000))).unwrap();
        socket.set_read_timeout(Some(SECOND * 3)).unwrap();
        for asked in ["10.77.0.1:1288", "10.78.0.1:1288"] {
            assert_eq!(hello(&socket, asked).to_string(), asked);
        }
    });
}

#[test]
fn where_packets_must_be_small_a_small_max_datagram_needs_no_fragments() {
    in_a_lab_that_filters(|| {
        let mut lab = Lab::new(12);
        lab.seeds(2);
        lab.set_mtu(576);
        lab.filter("ether type ip ip frag-off & 0x3fff != 0 counter");
        for host in lab.hosts_mut() {
            host.give(&["--max-datagram", "508", "--label", "about=many-words-that-fill-the-card"]);
        }
        let started = lab.start();
        let all: Vec<usize> = (0..12).collect();
        lab.expect("everybody knows everybody", SECOND, started, |lab| lab.all_offer(&all));
        assert_eq!(lab.filtered(), 0);
    });
}

#[test]
fn names_that_do_not_resolve_hold_nothing_up_and_are_tried_again() {
    in_a_lab(|| {
        let mut lab = Lab::new(3);
        // The name server's address is nobody's, so each question hangs until its time is over.
        let dead_resolver = "nameserver 10.77.99.99\noptions timeout:3 attempts:1\n";
        let etc = [
            ("nsswitch.conf", "hosts: files dns\n"),
            ("hosts", "127.0.0.1 localhost\n"),
            ("resolv.conf", dead_resolver),
        ];
        lab[0].give_etc(&etc);
        let second = lab[1].address;
        lab[0].write_config("machines.txt", &format!("late-host.lab.test\n{second}\n"));
        let started = lab.start();
        lab.expect("the line with an address is used at once", SECOND, started, |lab| {
            let offered = lab[0].offers().map_err(|error| error.to_string())?;
            if offered.len() == 2 { Ok(()) } else { Err(format!("{offered:?}")) }
        });
        // Now the name leads somewhere.
        let third = lab[2].address;
        fs::write(lab[0].folder.join("etc/hosts"), format!("{third} late-host.lab.test\n")).unwrap();
        lab.expect("the name is tried again", SECOND * 8, Instant::now(), |lab| lab.all_offer(&[0, 1, 2]));
    });
}

#[test]
fn a_name_server_that_hangs_does_not_keep_a_daemon_from_ending_within_a_second() {
    in_a_lab(|| {
        let mut lab = Lab::new(1);
        let dead_resolver = "nameserver 10.77.99.99\noptions timeout:30 attempts:5\n";
        lab[0].give_etc(&[("nsswitch.conf", "hosts: dns\n"), ("resolv.conf", dead_resolver)]);
        lab[0].write_config("machines.txt", "some-host.lab.test\n");
        let started = lab.start();
        lab.expect("it answers", SECOND, started, |lab| lab.all_offer(&[0]));
        lab[0].daemon().signal(Signal::SIGTERM);
        let told = Instant::now();
        let status = lab[0].daemon().ended(SECOND * 3).expect("it has ended");
        eprintln!("ended after {:.2?}", told.elapsed());
        assert!(status.success(), "{status}");
    });
}
