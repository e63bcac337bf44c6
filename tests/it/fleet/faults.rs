//! Splits, deafness, sleep, snapshots, clones, clocks.

use peermon::gossip::Event;
use peermon::model::{HostState, NetworkList};
use peermon::sim::Fleet;

use super::{GLANCE, seconds, settle, settled};

/// Splits off the first `part` hosts for `rounds`, heals, and checks that all is whole in 2 T + 5 s.
#[track_caller]
fn check_split(hosts: usize, part: usize, interval: f64, rounds: u32) {
    let mut fleet = settled(31, hosts, interval, 0);
    fleet.split(part).run_rounds(rounds);
    let limit = 2.0 * interval + 5.0;
    fleet.heal();
    let took = fleet.run_until(seconds(limit), GLANCE, Fleet::everyone_knows_everyone);
    assert!(took.is_some(), "{hosts} split at {part} for {rounds} T: {} pairs missing", fleet.missing_pairs());
    fleet.run_rounds(4);
    fleet.assert_everyone_knows_everyone();
}

#[test]
fn a_healed_split_is_whole_again_within_2_t_and_5_seconds() {
    check_split(2, 1, 5.0, 60);
    check_split(3, 1, 5.0, 60);
    check_split(20, 10, 5.0, 60);
    check_split(25, 12, 5.0, 60);
    check_split(60, 30, 5.0, 3);
    check_split(60, 30, 5.0, 60);
    check_split(60, 6, 1.0, 60);
    check_split(60, 30, 20.0, 8);
}

#[test]
fn a_split_of_a_day_heals_too() {
    check_split(8, 4, 20.0, 4_320);
}

#[test]
fn a_host_that_hears_nobody_says_so_and_makes_nobody_look_dead() {
    let mut fleet = settled(41, 30, 5.0, 0);
    let after = fleet.elapsed();
    fleet.deafen(9).run(seconds(14.0));
    assert!(fleet.summary(9).is_some_and(|summary| summary.isolated));
    assert!(fleet.events().iter().any(|(_, who, event)| *who == 9 && *event == Event::Isolated));
    let accused: Vec<_> = fleet.suspicions_since(after).filter(|(_, about)| *about != fleet.id(9)).collect();
    assert_eq!(accused, []);
    for who in (0..30).filter(|who| *who != 9) {
        assert!((0..30).filter(|about| *about != 9).all(|about| fleet.offers(who, fleet.id(about))));
    }
    fleet.heal();
    fleet.run(seconds(15.0));
    fleet.assert_everyone_knows_everyone();
    assert!(fleet.summary(9).is_some_and(|summary| !summary.isolated));
}

#[test]
fn a_link_that_is_open_one_way_only_takes_nobody_from_any_table() {
    let mut fleet = settled(42, 30, 5.0, 0);
    fleet.block(3, 4).block(5, 6).block(7, 8);
    let survey = fleet.survey(seconds(100.0), seconds(1.0));
    assert_eq!(survey.missing, 0);
}

#[test]
fn who_wakes_from_days_of_sleep_serves_nothing_old_and_is_heard_within_2_rounds() {
    let mut fleet = settled(43, 4, 20.0, 0);
    fleet.suspend(3).run(seconds(2.0 * 86_400.0)).go_on(3);
    let old = fleet.table(3).into_iter().filter(|view| view.id != fleet.id(3) && view.is_offered()).count();
    assert_eq!(old, 0);
    let took = fleet.run_until(seconds(40.0), GLANCE, Fleet::everyone_knows_everyone);
    assert!(took.is_some(), "{} pairs missing", fleet.missing_pairs());
}

#[test]
fn a_process_that_was_stopped_suspects_nobody_when_it_goes_on() {
    for pause in [2.0, 7.0, 40.0] {
        let mut fleet = settled(44, 30, 5.0, 0);
        let after = fleet.elapsed();
        fleet.stop(6).run(seconds(pause)).go_on(6).run(seconds(10.0));
        let accused: Vec<_> = fleet.suspicions_since(after).filter(|(who, _)| *who == 6).collect();
        assert_eq!(accused, [], "stopped for {pause} s");
        fleet.assert_everyone_knows_everyone();
    }
}

#[test]
fn a_machine_restored_from_a_snapshot_is_heard_again_within_2_rounds() {
    for age in [8.0, 30.0, 600.0, 7_200.0] {
        let mut fleet = settled(45, 12, 5.0, 0);
        let kept = fleet.snapshot(6);
        fleet.run(seconds(age)).set_load(6, 333).restore(6, &kept);
        let id = fleet.id(6);
        let heard = |fleet: &Fleet| {
            (0..12).all(|who| {
                let view = fleet.view(who, id);
                view.is_some_and(|view| view.is_offered() && view.load1_hundredths == Some(333))
            })
        };
        let took = fleet.run_until(seconds(10.0), GLANCE, |fleet| heard(fleet));
        assert!(took.is_some(), "restored after {age} s");
        fleet.run_rounds(3);
        fleet.assert_everyone_knows_everyone();
    }
}

#[test]
fn a_copy_of_a_machine_with_an_address_of_its_own_is_a_host_of_its_own() {
    let mut fleet = settled(46, 30, 5.0, 0);
    let copy = fleet.clone_machine(6);
    let took = fleet.run_until(seconds(15.0), GLANCE, Fleet::everyone_knows_everyone);
    assert!(took.is_some(), "{} pairs missing", fleet.missing_pairs());
    assert_ne!(fleet.id(copy), fleet.id(6));
    fleet.run_rounds(10);
    fleet.assert_everyone_knows_everyone();
}

#[track_caller]
fn check_twins(twin: impl Fn(&mut Fleet) -> usize) {
    let mut fleet = settled(47, 20, 5.0, 0);
    let twin = twin(&mut fleet);
    fleet.set_load(twin, 400).run_rounds(80);
    assert!(fleet.events().iter().any(|(_, who, event)| [6, twin].contains(who) && *event == Event::Twin));
    // The others are not harmed.
    for who in (0..20).filter(|who| *who != 6) {
        assert!((0..20).filter(|about| *about != 6).all(|about| fleet.offers(who, fleet.id(about))));
    }
    // When one is gone the other is a host like any other.
    fleet.crash(twin).run_rounds(8);
    fleet.assert_everyone_knows_everyone();
}

#[test]
fn a_copy_of_a_machine_that_keeps_the_address_is_reported_as_a_twin() {
    check_twins(|fleet| fleet.clone_machine_with_address(6));
}

#[test]
fn a_second_machine_with_one_address_is_reported_as_a_twin() {
    check_twins(|fleet| fleet.start_with_address_of(6));
}

#[test]
fn a_wall_clock_that_jumps_ten_years_changes_no_age() {
    for seconds_off in [-315_360_000, 315_360_000] {
        let mut fleet = settled(48, 30, 5.0, 0);
        fleet.step_wall_clock(6, seconds_off).run(seconds(3.0));
        let survey = fleet.survey(seconds(40.0), seconds(1.0));
        assert_eq!((survey.missing, survey.dead), (0, 0), "{seconds_off} s");
        assert!(survey.age_percentile(99.9) < 2.0, "{:.2} T", survey.age_percentile(99.9));
    }
}

#[test]
fn a_changed_address_is_a_leave_and_a_join() {
    let mut fleet = settled(49, 30, 5.0, 0);
    let before = fleet.id(6);
    fleet.move_host(6);
    let took = fleet
        .run_until(seconds(10.0), GLANCE, |fleet| fleet.offered_by(before) == 0 && fleet.everyone_knows_everyone());
    assert!(
        took.is_some(),
        "{} pairs missing, the old one offered by {}",
        fleet.missing_pairs(),
        fleet.offered_by(before)
    );
}

#[test]
fn a_narrower_valid_ips_removes_a_host_within_a_round_for_good() {
    let mut fleet = settled(50, 12, 5.0, 0);
    let outside = fleet.id(11);
    let lines = (0..11).map(|host| format!("10.0.0.{}", host + 1));
    let valid = NetworkList::new(lines.map(|line| NetworkList::parse_line(&line).unwrap()).collect());
    (0..11).for_each(|host| {
        fleet.reload_valid(host, valid.clone());
    });
    fleet.run_rounds(1);
    for _ in 0..20 {
        assert!((0..11).all(|who| fleet.view(who, outside).is_none()));
        fleet.run_rounds(1);
    }
    assert!((0..11).all(|who| (0..11).all(|about| fleet.offers(who, fleet.id(about)))));
}

#[test]
fn two_networks_on_one_wire_never_merge() {
    let mut fleet = Fleet::new(51).interval(seconds(5.0)).hosts(10).network("other").hosts(10);
    fleet.run_rounds(10);
    for who in 0..20 {
        let others = if who < 10 { 10..20 } else { 0..10 };
        assert!(others.into_iter().all(|about| fleet.view(who, fleet.id(about)).is_none()));
    }
    assert!(!fleet.rejects().is_empty());
}

#[test]
fn tables_forget_who_is_gone_for_60_removal_times() {
    let mut fleet = Fleet::new(52).interval(seconds(0.5)).hosts(12);
    settle(&mut fleet);
    let gone = fleet.id(5);
    fleet.leave(5).run(seconds(2.0));
    let state = |fleet: &Fleet, who| fleet.view(who, gone).map(|view| view.state);
    assert!((0..12).filter(|who| *who != 5).all(|who| state(&fleet, who) == Some(HostState::Left)));
    fleet.run(seconds(70.0));
    assert!((0..12).filter(|who| *who != 5).all(|who| state(&fleet, who).is_none()));
}
