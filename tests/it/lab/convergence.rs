//! Everybody knows everybody, soon, and rightly.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::world::Lab;
use super::{alone_in_a_lab, in_a_lab};

const SECOND: Duration = Duration::from_secs(1);

/// All places of a lab.
fn all(lab: &Lab) -> Vec<usize> {
    (0..lab.hosts().len()).collect()
}

fn all_but(lab: &Lab, place: usize) -> Vec<usize> {
    all(lab).into_iter().filter(|other| *other != place).collect()
}

/// `count` hosts that know each other.
fn settled(count: usize, interval: &str) -> Lab {
    let mut lab = Lab::new(count);
    lab.seeds(count.min(3));
    for host in lab.hosts_mut() {
        host.take("-n");
        host.give(&["-n", interval]);
    }
    let started = lab.start();
    lab.expect("everybody knows everybody", SECOND, started, |lab| lab.all_offer(&all(lab)));
    lab
}

#[test]
fn ten_hosts_know_each_other_and_all_figures_within_a_second_and_a_changed_load_within_one_and_a_half() {
    in_a_lab(|| {
        let mut lab = settled(10, "1");
        for host in lab.hosts() {
            let output = host.run(&["query", "--json", "--all"]);
            let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(answer["self"], host.name.as_str());
            let nodes = answer["nodes"].as_array().unwrap();
            assert_eq!(nodes.len(), 10);
            for other in lab.hosts() {
                let node = nodes.iter().find(|node| node["name"] == other.name.as_str()).unwrap();
                assert_eq!(node["address"], other.address.to_string());
                assert_eq!(node["load1"], other.figures.load);
                assert_eq!(node["cores"], other.figures.cores);
                assert_eq!(node["memory_total_bytes"], u64::from(other.figures.memory_total_mib) << 20);
                assert_eq!(node["memory_available_bytes"], u64::from(other.figures.memory_available_mib) << 20);
                let up = node["uptime_seconds"].as_u64().unwrap() - other.figures.uptime_seconds;
                assert!(up < 60, "{up} s since {} was started", other.name);
            }
        }
        lab[4].set_load(77.5);
        lab.expect("a changed load is known everywhere", SECOND * 3 / 2, Instant::now(), |lab| {
            for host in lab.hosts() {
                let load = host.view_of("host-5").and_then(|view| view.load1_hundredths);
                if load != Some(7750) {
                    return Err(format!("{} says {load:?}", host.name));
                }
            }
            Ok(())
        });
    });
}

#[test]
fn fifty_hosts_know_each_other_within_two_seconds_of_the_last_start() {
    alone_in_a_lab(|| {
        let mut lab = Lab::new(50);
        lab.seeds(3);
        let started = lab.start();
        lab.expect("everybody knows everybody", SECOND * 2, started, |lab| lab.all_offer(&all(lab)));
    });
}

/// One of `count` hosts with this interval crashes: nobody offers it six seconds later. Started again it is back within two.
fn check_crash(count: usize, interval: &str, fault: fn(&Lab), back: fn(&Lab)) {
    let mut lab = settled(count, interval);
    let before = lab[0].view_of("host-2").unwrap();
    // At no particular moment of an interval.
    thread::sleep(SECOND);
    fault(&lab);
    lab[1].kill();
    let rest = all_but(&lab, 1);
    let what = format!("of {count} hosts with T = {interval} s the dead one is offered by nobody");
    lab.expect(&what, SECOND * 6, Instant::now(), |lab| lab.all_offer(&rest));
    back(&lab);
    // So that its new life is told from the old one by what it says of itself.
    lab[1].set_load(50.0);
    lab[1].start();
    lab.expect("it is back", SECOND * 2, Instant::now(), |lab| {
        lab.all_offer(&all(lab))?;
        for host in lab.hosts() {
            let hosts = host.table().map_err(|error| error.to_string())?.hosts;
            let lives: Vec<_> = hosts.iter().filter(|view| view.name == before.name).collect();
            match lives[..] {
                [view] if view.load1_hundredths == Some(5000) && view.id == before.id => {}
                _ => return Err(format!("{} knows {lives:?}", host.name)),
            }
        }
        Ok(())
    });
}

/// With T = 1 s a silent host grows too old to be offered in the same six seconds; with 20 s only the watchers see it.
const CRASHES: [(usize, &str); 6] = [(10, "1"), (3, "1"), (2, "1"), (10, "20"), (3, "20"), (2, "20")];

#[test]
fn a_killed_daemon_is_offered_by_nobody_after_six_seconds_and_started_again_by_all_after_two() {
    in_a_lab(|| CRASHES.into_iter().for_each(|(count, interval)| check_crash(count, interval, |_| {}, |_| {})));
}

#[test]
fn a_host_that_lost_power_and_answers_nothing_at_all_is_offered_by_nobody_after_six_seconds() {
    // No refused port tells of it, as one does of a daemon that was killed.
    in_a_lab(|| {
        for (count, interval) in CRASHES {
            check_crash(count, interval, |lab| lab.split(&[&[1]]), |lab| lab.join(1));
        }
    });
}

#[test]
fn a_host_that_says_goodbye_is_offered_by_nobody_after_two_seconds() {
    in_a_lab(|| {
        for count in [10, 2] {
            let mut lab = settled(count, "1");
            // All have told their load once, to whom they know.
            thread::sleep(SECOND);
            lab[1].daemon().signal(Signal::SIGTERM);
            let told = Instant::now();
            let rest = all_but(&lab, 1);
            lab.expect("who said goodbye is offered by nobody", SECOND * 2, told, |lab| {
                rest.iter().try_for_each(|place| {
                    let offers = lab[*place].offers().map_err(|error| error.to_string())?;
                    if offers.contains("host-2") { Err(format!("{} offers it", lab[*place].name)) } else { Ok(()) }
                })
            });
            let state = lab[0].view_of("host-2").map(|view| view.state.as_str());
            assert_eq!(state, Some("left"));
        }
    });
}

#[test]
fn a_collector_is_known_by_all_and_offered_by_none_and_its_own_query_works() {
    in_a_lab(|| {
        let mut lab = Lab::new(5);
        lab.seeds(2);
        lab[2].arguments.push("-c".to_owned());
        let started = lab.start();
        let rest = all_but(&lab, 2);
        lab.expect("all but the collector are offered", SECOND, started, |lab| lab.all_offer(&rest));
        lab.expect("the collector is known", SECOND, started, |lab| {
            lab.hosts().iter().try_for_each(|host| match host.view_of("host-3") {
                Some(view) if view.collector && view.state.is_offered() => Ok(()),
                view => Err(format!("{} knows {view:?}", host.name)),
            })
        });
        let output = lab[2].run(&["query"]);
        let mut names: Vec<_> = std::str::from_utf8(&output.stdout).unwrap().lines().collect();
        names.sort_unstable();
        assert_eq!(names, ["host-1", "host-2", "host-4", "host-5"]);
    });
}
