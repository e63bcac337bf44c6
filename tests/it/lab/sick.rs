//! Hosts that are deaf, half deaf, stopped, killed by the third, moved, or namesakes.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::world::Lab;
use super::{in_a_lab, in_a_lab_that_filters};

const SECOND: Duration = Duration::from_secs(1);

/// T of all hosts here, and the time after which a silent host is dead to all.
const T: Duration = SECOND;
const REMOVAL: Duration = Duration::from_secs(6);

fn settled(count: usize, seeds: usize) -> Lab {
    let mut lab = Lab::new(count);
    lab.seeds(seeds);
    let started = lab.start();
    let all: Vec<usize> = (0..count).collect();
    lab.expect("everybody knows everybody", SECOND, started, |lab| lab.all_offer(&all));
    lab
}

/// Each of `who` offers all of `about`, whatever else it offers.
fn offer(lab: &Lab, who: &[usize], about: &[usize]) -> Result<(), String> {
    for place in who {
        let offered = lab[*place].offers().map_err(|error| error.to_string())?;
        if let Some(missing) = about.iter().find(|about| !offered.contains(&lab[**about].name)) {
            return Err(format!("{} does not offer {}: {offered:?}", lab[*place].name, lab[*missing].name));
        }
    }
    Ok(())
}

/// Looks again and again for `span`: it must hold all the time.
fn keeps(span: Duration, mut holds: impl FnMut() -> Result<(), String>) {
    let begin = Instant::now();
    while begin.elapsed() < span {
        if let Err(why) = holds() {
            panic!("after {:.2?}: {why}", begin.elapsed());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_deaf_host_makes_nobody_look_dead_and_says_that_it_hears_nobody() {
    in_a_lab_that_filters(|| {
        let lab = settled(6, 2);
        lab.filter(&format!("ip daddr {} drop", lab[4].address));
        let deaf = Instant::now();
        let others = [0, 1, 2, 3, 5];
        let said = lab.expect("it says so", SECOND * 10, deaf, |lab| {
            offer(lab, &others, &others)?;
            let status = lab[4].status().map_err(|error| error.to_string())?;
            if status.isolated { Ok(()) } else { Err(format!("heard {:?}", status.last_heard_hundredths)) }
        });
        assert!(said >= SECOND * 5, "not because of a moment's silence: after {said:.2?}");
        keeps(SECOND * 4, || offer(&lab, &others, &others));
        let output = lab[4].run(&["query", "--status"]);
        assert!(String::from_utf8_lossy(&output.stdout).contains("ISOLATED"), "{output:?}");
        assert!(lab[0].status().is_ok_and(|status| !status.isolated));
    });
}

#[test]
fn a_link_that_is_open_one_way_only_takes_nobody_from_any_answer() {
    in_a_lab_that_filters(|| {
        let lab = settled(6, 2);
        let blocked = [(1, 2), (3, 4)];
        for (from, to) in blocked {
            lab.filter(&format!("ip saddr {} ip daddr {} drop", lab[from].address, lab[to].address));
        }
        keeps(SECOND * 12, || lab.all_offer(&[0, 1, 2, 3, 4, 5]));
    });
}

#[test]
fn three_of_ten_that_are_killed_at_once_are_gone_in_time_and_no_living_host_is_ever_missing() {
    in_a_lab(|| {
        let mut lab = settled(10, 3);
        let living = [0, 2, 3, 5, 6, 8, 9];
        for place in [1, 4, 7] {
            lab[place].kill();
        }
        let killed = Instant::now();
        lab.expect("they are gone", REMOVAL, killed, |lab| {
            // At any moment: else the test ends here.
            offer(lab, &living, &living).unwrap();
            lab.all_offer(&living)
        });
        keeps(SECOND * 3, || lab.all_offer(&living));
    });
}

#[test]
fn a_daemon_that_was_stopped_serves_nothing_old_and_is_heard_at_once_when_it_goes_on() {
    in_a_lab(|| {
        let mut lab = settled(5, 2);
        lab[3].daemon().signal(Signal::SIGSTOP);
        // Longer than W: the others take it for dead, and what lies in its socket is old.
        thread::sleep(REMOVAL + T * 2);
        lab.hosts()[..3].iter().for_each(|host| {
            assert!(!host.offers().unwrap().contains("host-4"), "{} offers who is stopped", host.name);
        });
        lab[0].set_load(77.0);
        lab[3].daemon().signal(Signal::SIGCONT);
        let woken = Instant::now();
        let table = lab[3].table().unwrap();
        for view in table.hosts.iter().filter(|view| view.id != table.own) {
            // Either news of after it woke, or what it held, with its age.
            let old = view.age_hundredths >= 600;
            assert!(view.age_hundredths < 300 || old && !view.is_offered(), "{view:?}");
        }
        lab.expect("its own report is out", SECOND, woken, |lab| offer(lab, &[0, 1, 2, 4], &[3]));
        lab.expect("it knows all again", T * 2, woken, |lab| lab.all_offer(&[0, 1, 2, 3, 4]));
        assert!(lab[3].daemon().ended(Duration::ZERO).is_none());
    });
}

#[test]
fn a_host_whose_address_changes_is_followed_and_its_old_row_goes() {
    in_a_lab(|| {
        let lab = settled(4, 2);
        lab[3].network.ip("address del 10.77.0.4/16 dev eth0\naddress add 10.77.9.9/16 dev eth0\n");
        let moved = Instant::now();
        // It looks twice in a T of at least 2 s, so that an address which flaps is none.
        lab.expect("all follow", T * 3, moved, |lab| {
            lab.all_offer(&[0, 1, 2, 3])?;
            for host in &lab.hosts()[..3] {
                let table = host.table().map_err(|error| error.to_string())?;
                let rows: Vec<_> = table.hosts.iter().filter(|view| view.name.as_str() == "host-4").collect();
                let offered: Vec<_> = rows.iter().filter(|view| view.is_offered()).map(|view| view.address).collect();
                if offered != ["10.77.9.9".parse::<std::net::IpAddr>().unwrap()] {
                    return Err(format!("{}: {offered:?}", host.name));
                }
            }
            Ok(())
        });
    });
}

#[test]
fn an_address_that_another_host_has_now_shows_the_other_host_alone() {
    in_a_lab(|| {
        let mut lab = settled(4, 1);
        lab[3].kill();
        // host-3 takes the address of host-4 and is started there.
        lab[2].kill();
        lab[3].network.ip("address del 10.77.0.4/16 dev eth0\n");
        lab[2].network.ip("address del 10.77.0.3/16 dev eth0\naddress add 10.77.0.4/16 dev eth0\n");
        lab[2].start();
        let started = Instant::now();
        lab.expect("the address is host-3's", SECOND * 4, started, |lab| {
            for host in &lab.hosts()[..2] {
                let table = host.table().map_err(|error| error.to_string())?;
                let there: Vec<_> = table.hosts.iter().filter(|view| view.address == lab[3].address).collect();
                let right = |view: &&peermon::model::HostView| {
                    view.name.as_str() == "host-3" && view.load1_hundredths == Some(75) && view.cores == Some(32)
                };
                if there.len() != 1 || !there.iter().all(right) {
                    return Err(format!("{}: {there:?}", host.name));
                }
            }
            Ok(())
        });
    });
}

#[test]
fn two_hosts_of_one_name_are_two_rows_each_with_its_own_figures() {
    in_a_lab(|| {
        let mut lab = Lab::new(3);
        lab.seeds(1);
        for place in [1, 2] {
            lab[place].take("--name");
            lab[place].give(&["--name", "double"]);
        }
        let started = lab.start();
        lab.expect("two rows", SECOND * 2, started, |lab| {
            let table = lab[0].table().map_err(|error| error.to_string())?;
            let named = table.hosts.iter().filter(|view| view.name.as_str() == "double" && view.is_offered());
            let mut rows: Vec<_> = named.map(|view| (view.address, view.load1_hundredths)).collect();
            rows.sort_unstable();
            let load = |place: usize| Some((lab[place].figures.load * 100.0) as u32);
            let wanted = [1, 2].map(|place| (lab[place].address, load(place)));
            if rows == wanted { Ok(()) } else { Err(format!("{rows:?}")) }
        });
    });
}
