//! Coming and coming back: newcomers, cold starts, restarts.

use std::time::Duration;

use peermon::sim::Fleet;

use super::{GLANCE, seconds, settled};

#[track_caller]
fn check_cold_start(hosts: usize, interval: f64, loss: u32, limit: f64) {
    let fleet = Fleet::new(hosts as u64).interval(seconds(interval));
    let mut fleet = fleet.start_within(Duration::ZERO).hosts(hosts).loss(loss);
    let whole = |fleet: &Fleet| fleet.living().count() == hosts && fleet.everyone_knows_everyone();
    let took = fleet.run_until(seconds(limit), GLANCE, whole);
    assert!(took.is_some(), "{hosts} hosts, {loss} % loss: {} pairs missing", fleet.missing_pairs());
}

#[test]
fn all_started_at_once_know_each_other_in_seconds() {
    for hosts in [2, 3, 10, 20, 25, 50, 100] {
        check_cold_start(hosts, 20.0, 0, 6.0);
    }
    check_cold_start(60, 5.0, 10, 10.0);
    check_cold_start(60, 5.0, 30, 30.0);
}

#[test]
fn a_large_lab_that_starts_at_once_does_not_stand_in_line_at_its_seeds() {
    let hosts = 500;
    let fleet = Fleet::new(500).interval(seconds(20.0));
    let mut fleet = fleet.start_within(seconds(0.1)).hosts(hosts);
    let whole = |fleet: &Fleet| fleet.living().count() == hosts && fleet.everyone_knows_everyone();
    let took = fleet.run_until(seconds(3.0), GLANCE, whole);
    assert!(took.is_some(), "{} pairs missing", fleet.missing_pairs());
    // Of about 28,000 datagrams in all: everybody's hellos, introductions and first questions, but not the table.
    let [seed, total] = [fleet.traffic(0).sent, fleet.total_traffic().sent];
    assert!(seed * 20 < total, "a seed sent {seed} of {total} datagrams");
}

#[test]
fn a_newcomer_knows_all_and_is_known_by_all_in_5_seconds() {
    for hosts in [1, 2, 20, 21, 60, 200] {
        let mut fleet = settled(hosts as u64, hosts, 20.0, 0);
        let newcomer = fleet.add_host();
        fleet.start(newcomer);
        let took = fleet.run_until(seconds(5.0), GLANCE, Fleet::everyone_knows_everyone);
        assert!(took.is_some(), "{hosts} hosts: {} pairs missing", fleet.missing_pairs());
    }
}

#[test]
fn a_newcomer_is_known_in_time_where_questions_overtake_introductions() {
    let fleet = Fleet::new(8).interval(seconds(20.0)).delay(seconds(0.0001), seconds(0.004));
    let mut fleet = fleet.start_within(seconds(1.0)).hosts(300);
    fleet.run(seconds(25.0)).assert_everyone_knows_everyone();
    for turn in 0..6 {
        let newcomer = fleet.add_host();
        fleet.start(newcomer);
        let took = fleet.run_until(seconds(2.0), GLANCE, Fleet::everyone_knows_everyone);
        assert!(took.is_some(), "newcomer {turn}: {} pairs missing", fleet.missing_pairs());
        fleet.run(seconds(2.0));
    }
}

#[test]
fn a_restarted_host_is_offered_with_its_new_life_in_2_seconds() {
    for hosts in [2, 3, 20, 21, 60] {
        for pause in [0.05, 2.0, 8.0] {
            let mut fleet = settled(hosts as u64, hosts, 5.0, 0);
            let host = hosts - 1;
            fleet.kill(host).run(seconds(pause));
            fleet.set_load(host, 4_200).start(host);
            let id = fleet.id(host);
            let new = |fleet: &Fleet, who: usize| {
                fleet.view(who, id).is_some_and(|view| view.is_offered() && view.load1_hundredths == Some(4_200))
            };
            let took = fleet.run_until(seconds(2.0), GLANCE, |fleet| (0..hosts).all(|who| new(fleet, who)));
            let lacking: Vec<usize> = (0..hosts).filter(|who| !new(&fleet, *who)).collect();
            assert!(took.is_some(), "{hosts} hosts, started {pause} s after the kill: not at {lacking:?}");
        }
    }
}

#[test]
fn a_restart_is_told_to_all_however_fast_the_first_answers_come() {
    for seed in 1..=30 {
        let fleet = Fleet::new(seed).interval(seconds(20.0)).delay(seconds(0.00003), seconds(0.0002));
        let mut fleet = fleet.start_within(seconds(0.06)).hosts(10);
        fleet.run(seconds(4.0)).kill(1).run(seconds(5.0)).start(1);
        let took = fleet.run_until(seconds(2.0), GLANCE, Fleet::everyone_knows_everyone);
        assert!(took.is_some(), "seed {seed}: {} pairs missing", fleet.missing_pairs());
    }
}

#[test]
fn a_restart_with_a_wall_clock_that_went_back_is_heard_too() {
    let mut fleet = settled(8, 30, 5.0, 0);
    fleet.kill(7);
    fleet.step_wall_clock(7, -86_400 * 3_650).start(7).set_load(7, 777).run_rounds(2);
    let id = fleet.id(7);
    assert!((0..30).all(|who| fleet.view(who, id).is_some_and(|view| view.load1_hundredths == Some(777))));
    fleet.assert_everyone_knows_everyone();
}

#[test]
fn all_restarted_at_once_are_whole_again_within_10_rounds() {
    let mut fleet = settled(12, 60, 5.0, 0);
    (0..60).for_each(|host| {
        fleet.start(host);
    });
    let took = fleet.run_until(seconds(50.0), GLANCE, Fleet::everyone_knows_everyone);
    assert!(took.is_some(), "{} pairs missing", fleet.missing_pairs());
}

#[test]
fn with_all_seeds_dead_the_rest_goes_on_and_takes_in_who_knows_one_of_it() {
    let mut fleet = settled(13, 40, 5.0, 0);
    (0..3).for_each(|seed| {
        fleet.crash(seed);
    });
    fleet.run_rounds(8);
    fleet.assert_everyone_knows_everyone();
    let newcomer = fleet.add_host();
    fleet.set_seeds(newcomer, &[0, 1, 2, 17]).start(newcomer);
    let took = fleet.run_until(seconds(5.0), GLANCE, Fleet::everyone_knows_everyone);
    assert!(took.is_some(), "{} pairs missing", fleet.missing_pairs());
}

#[test]
fn a_seed_that_comes_back_is_found_again() {
    let mut fleet = settled(14, 30, 5.0, 0);
    fleet.crash(0).crash(1).crash(2).run_rounds(20);
    // Its own machines.txt names only seeds that are dead: the others find it.
    fleet.start(1);
    let took = fleet.run_until(seconds(2.0 * 5.0 + 5.0), GLANCE, Fleet::everyone_knows_everyone);
    assert!(took.is_some(), "{} pairs missing", fleet.missing_pairs());
}
