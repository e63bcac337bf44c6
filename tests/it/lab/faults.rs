//! Splits, restarts of all, dead seeds, loss.

use std::thread;
use std::time::{Duration, Instant};

use super::world::Lab;
use super::{in_a_lab, in_a_lab_that_filters};

const SECOND: Duration = Duration::from_secs(1);

const ALL: [usize; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

/// T of all hosts here.
const T: Duration = SECOND;

/// Time after which a silent host is dead to all.
const REMOVAL: Duration = Duration::from_secs(6);

fn ten_hosts() -> Lab {
    let mut lab = Lab::new(10);
    lab.seeds(3);
    let started = lab.start();
    lab.expect("everybody knows everybody", SECOND, started, |lab| lab.all_offer(&ALL));
    lab
}

#[test]
fn halves_that_were_apart_for_ten_removal_times_are_one_network_again_without_a_restart() {
    in_a_lab(|| {
        let mut lab = ten_hosts();
        let (one, other) = ALL.split_at(5);
        lab.split(&[one, other]);
        let split = Instant::now();
        lab.expect("each half offers itself alone", REMOVAL, split, |lab| {
            for host in lab.hosts() {
                let half = if host.address <= lab[4].address { one } else { other };
                let offered = host.offers().map_err(|error| error.to_string())?;
                if offered != half.iter().map(|place| lab[*place].name.clone()).collect() {
                    return Err(format!("{} offers {offered:?}", host.name));
                }
            }
            Ok(())
        });
        thread::sleep((REMOVAL * 10).saturating_sub(split.elapsed()));
        lab.join(2);
        lab.expect("the network is whole", T * 2 + SECOND * 5, Instant::now(), |lab| lab.all_offer(&ALL));
        for host in lab.hosts_mut() {
            assert!(host.daemon().ended(Duration::ZERO).is_none(), "{} was restarted", host.name);
        }
    });
}

#[test]
fn a_network_whose_hosts_all_restart_at_once_is_whole_again_within_ten_intervals() {
    in_a_lab(|| {
        let mut lab = ten_hosts();
        lab.hosts_mut().iter_mut().for_each(super::world::Host::kill);
        let started = lab.start();
        lab.expect("the network is whole", T * 10, started, |lab| lab.all_offer(&ALL));
    });
}

#[test]
fn without_its_seeds_a_network_goes_on_and_takes_in_a_newcomer_that_knows_one_living_host() {
    in_a_lab(|| {
        let mut lab = Lab::new(10);
        lab.seeds(3);
        lab.hosts_mut()[..9].iter_mut().for_each(super::world::Host::start);
        let started = Instant::now();
        lab.expect("nine know each other", SECOND, started, |lab| lab.all_offer(&ALL[..9]));
        lab.hosts_mut()[..3].iter_mut().for_each(super::world::Host::kill);
        lab.expect("the rest goes on", REMOVAL, Instant::now(), |lab| lab.all_offer(&ALL[3..9]));
        let one = lab[5].address;
        lab[9].write_config("machines.txt", &format!("{one}\n"));
        lab[9].start();
        lab.expect("the newcomer is taken in", SECOND * 2, Instant::now(), |lab| lab.all_offer(&ALL[3..]));
    });
}

#[test]
fn of_packets_a_fifth_gets_lost_for_a_minute_and_no_living_host_is_ever_missing_from_an_answer() {
    in_a_lab_that_filters(|| {
        let lab = ten_hosts();
        lab.lose(20);
        let begin = Instant::now();
        let mut answers = 0;
        while begin.elapsed() < Duration::from_secs(60) {
            if let Err(why) = lab.all_offer(&ALL) {
                panic!("after {answers} answers in {:.1?}: {why}", begin.elapsed());
            }
            answers += lab.hosts().len();
            thread::sleep(Duration::from_millis(50));
        }
        eprintln!("{answers} answers in a minute, and {} packets lost", lab.filtered());
        assert!(answers > 2_000 && lab.filtered() > 300, "{answers}, {}", lab.filtered());
    });
}
