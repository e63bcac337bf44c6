//! Clocks, counters at their end, churn, storms.

use std::time::Duration;

use peermon::model::{HostView, NodeId};
use peermon::sim::Fleet;

use super::{GLANCE, seconds, settle, settled};

/// Counters of a session just before its end: one above it the next session is drawn.
const NEARLY_SPENT: u32 = u32::MAX - (1 << 20) - 20;

#[test]
fn hosts_whose_sessions_come_to_their_end_at_once_are_missed_by_nobody() {
    let mut fleet = settled(91, 20, 5.0, 0);
    let before: Vec<_> = (0..20).map(|host| fleet.member(host).unwrap().session).collect();
    (0..20).for_each(|host| {
        fleet.skip_to_counter(host, NEARLY_SPENT);
    });
    let survey = fleet.survey(seconds(100.0), seconds(0.5));
    assert_eq!((survey.missing, survey.dead), (0, 0));
    assert!((0..20).all(|host| fleet.member(host).unwrap().session != before[host]), "all have begun another one");
}

/// What a host shows of the others.
fn others(fleet: &Fleet, who: usize) -> Vec<HostView> {
    fleet.table(who).into_iter().filter(|view| view.id != fleet.id(who)).collect()
}

#[test]
fn what_lay_in_the_socket_for_seconds_makes_nobody_younger_or_older() {
    for pause in [0.9, 3.0, 29.0] {
        let mut fleet = settled(92, 20, 5.0, 0);
        fleet.stop(6).run(seconds(pause));
        fleet.set_load(3, 700).go_on(6);
        // Its clock went on: what it holds is no younger than its owner says, but for the time on the wire.
        for view in others(&fleet, 6) {
            let owner = (0..20).find(|host| fleet.id(*host) == view.id).expect("one of the fleet");
            let own = fleet.view(owner, view.id).expect("it knows itself");
            assert!(view.age_hundredths + 1 >= own.age_hundredths, "stopped for {pause} s: {view:?} {own:?}");
        }
        fleet.run_rounds(2);
        fleet.assert_everyone_knows_everyone();
        let survey = fleet.survey(seconds(10.0), seconds(0.5));
        assert!(survey.age_percentile(100.0) < 3.0, "{:.2} T", survey.age_percentile(100.0));
    }
}

#[test]
fn a_boot_clock_that_jumps_makes_all_that_is_held_as_old_as_it_is() {
    // A machine that was suspended: its clock counted, its daemon did not run.
    for days in [0.1, 1.0] {
        let mut fleet = settled(93, 5, 20.0, 0);
        fleet.suspend(4).run(seconds(days * 86_400.0)).go_on(4);
        let offered = fleet.table(4).into_iter().filter(|view| view.is_offered()).count();
        assert_eq!(offered, 1, "itself alone, after {days} days");
        let own = fleet.view(4, fleet.id(4)).unwrap();
        fleet.run(seconds(1.0));
        let newer = fleet.view(4, fleet.id(4)).unwrap();
        assert!(newer.age_hundredths <= 100 && own.age_hundredths <= 100, "its own report is out within a second");
        let took = fleet.run_until(seconds(40.0), GLANCE, Fleet::everyone_knows_everyone);
        assert!(took.is_some(), "{} pairs missing", fleet.missing_pairs());
    }
}

/// One of 50 hosts is killed and started again every 200 ms.
#[track_caller]
fn check_churn(span: Duration) {
    let mut fleet = Fleet::new(94).interval(seconds(5.0)).hosts(50);
    settle(&mut fleet);
    let turns = u32::try_from(span.as_millis() / 200).unwrap();
    let mut most = 0;
    for turn in 0..turns {
        // Not in order, so that no neighbours go one after the other.
        let host = (turn * 17 % 50) as usize;
        fleet.kill(host).start(host).run(seconds(0.2));
        most = (0..50).map(|who| fleet.table_size(who)).max().unwrap_or(0).max(most);
        if turn % 25 == 24 {
            // All but those that were started in the last seconds know all.
            let old: Vec<usize> =
                (0..50).filter(|host| (0..25).all(|ago| (turn - ago) * 17 % 50 != *host as u32)).collect();
            for who in &old {
                let lacks: Vec<&usize> = old.iter().filter(|about| !fleet.offers(*who, fleet.id(**about))).collect();
                assert!(lacks.is_empty(), "turn {turn}: {who} lacks {lacks:?}");
            }
        }
    }
    assert!(most <= 50, "tables hold {most} entries");
    fleet.run_rounds(2);
    fleet.assert_everyone_knows_everyone();
}

#[test]
fn of_fifty_hosts_one_restarts_every_200_ms_and_tables_stay_right_and_no_larger() {
    check_churn(seconds(60.0));
}

/// Datagrams and suspicions of so many T before and after something happens.
struct Storm {
    quiet: f64,
    busy: f64,
    wrong: usize,
}

/// What `strike` makes the hosts send in the next 20 s, against a quiet T. `gone`: who is suspected rightly.
fn storm(fleet: &mut Fleet, gone: &[NodeId], strike: impl FnOnce(&mut Fleet)) -> Storm {
    let hosts = fleet.living().count() as f64;
    let before = fleet.total_traffic().sent;
    fleet.run_rounds(1);
    let quiet = (fleet.total_traffic().sent - before) as f64 / hosts;
    let (before, after) = (fleet.total_traffic().sent, fleet.elapsed());
    strike(fleet);
    fleet.run(seconds(20.0));
    let busy = (fleet.total_traffic().sent - before) as f64 / hosts;
    let wrong = fleet.suspicions_since(after).filter(|(_, about)| !gone.contains(about)).count();
    Storm { quiet, busy, wrong }
}

#[test]
fn a_tenth_that_crashes_at_once_is_no_storm_and_makes_nobody_else_suspect() {
    let mut fleet = settled(95, 100, 20.0, 0);
    let gone: Vec<NodeId> = (0..10).map(|nth| fleet.id(5 + nth * 10)).collect();
    let storm = storm(&mut fleet, &gone, |fleet| {
        (0..10).for_each(|nth| {
            fleet.crash(5 + nth * 10);
        });
    });
    assert_eq!(storm.wrong, 0);
    assert!(storm.busy <= 5.0 * storm.quiet, "{:.0} datagrams a host against {:.0}", storm.busy, storm.quiet);
}

#[test]
fn a_start_of_all_at_once_is_no_storm() {
    let mut fleet = Fleet::new(96).interval(seconds(20.0)).start_within(seconds(0.1)).hosts(200);
    fleet.run(seconds(20.0));
    let most = (0..200).map(|host| fleet.traffic(host).sent).max().unwrap_or(0);
    fleet.assert_everyone_knows_everyone();
    let before: Vec<u64> = (0..200).map(|host| fleet.traffic(host).sent).collect();
    fleet.run_rounds(1);
    let quiet = (0..200).map(|host| fleet.traffic(host).sent - before[host]).sum::<u64>() / 200;
    assert_eq!(fleet.suspicions_since(Duration::ZERO).count(), 0);
    assert!(most <= 40 * quiet, "at most {most} datagrams of a host, {quiet} in a quiet T");
}

#[test]
fn a_watcher_behind_a_link_that_loses_a_third_raises_no_storm_of_suspicions() {
    let mut fleet = settled(97, 60, 5.0, 0);
    let after = fleet.elapsed();
    fleet.lose_at(11, 30);
    let survey = fleet.survey(seconds(600.0), seconds(5.0));
    let raised = fleet.suspicions_since(after).count();
    // Promised for 30 % everywhere: one suspicion per host and day.
    assert!(raised <= 1, "{raised} in ten minutes");
    assert_eq!((survey.missing, survey.dead), (0, 0));
}
