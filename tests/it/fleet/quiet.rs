//! A network in which nothing happens: everybody is offered, ages, bytes, evenness, determinism.

use peermon::sim::Fleet;

use super::{seconds, settle, settled};

/// Looks at all pairs for `rounds`, four times a round, and checks the promises of gossip.md.
#[track_caller]
fn check_quiet(hosts: usize, interval: f64, loss: u32, rounds: u32, mean: f64, p99: f64) {
    let mut fleet = settled(100 + hosts as u64 + u64::from(loss), hosts, interval, loss);
    let after = fleet.elapsed();
    let survey = fleet.survey(seconds(interval) * rounds, seconds(interval / 4.0));
    let case = format!("{hosts} hosts, {loss} % loss, seed {}", fleet.seed());
    assert!(survey.looks > 0);
    let allowed = if loss > 10 { survey.looks / 100_000 } else { 0 };
    assert!(survey.missing <= allowed, "{case}: {} of {} looks", survey.missing, survey.looks);
    assert!(survey.mean_age() <= mean, "{case}: mean age {:.2} T", survey.mean_age());
    assert!(survey.age_percentile(99.0) <= p99, "{case}: p99 {:.2} T", survey.age_percentile(99.0));
    assert_eq!(fleet.suspicions_since(after).count(), 0, "{case}");
}

#[test]
fn living_hosts_offer_each_other_and_ages_keep_their_promise_without_loss() {
    for hosts in [2, 3, 19, 20, 21, 22, 23, 24, 25, 32, 60] {
        check_quiet(hosts, 5.0, 0, 10, 0.8, 1.6);
    }
}

#[test]
fn living_hosts_offer_each_other_and_ages_keep_their_promise_at_10_percent_loss() {
    for hosts in [2, 3, 19, 20, 21, 25, 32, 60] {
        check_quiet(hosts, 5.0, 10, 15, 0.9, 1.9);
    }
}

#[test]
fn living_hosts_offer_each_other_and_ages_keep_their_promise_at_30_percent_loss() {
    for hosts in [2, 3, 19, 20, 21, 25, 32, 60] {
        check_quiet(hosts, 5.0, 30, 15, 1.05, 2.3);
    }
}

#[test]
fn five_hundred_hosts_keep_all_promises_of_a_quiet_network() {
    let mut fleet = settled(500, 500, 20.0, 0);
    let (start, before) = (fleet.elapsed(), fleet.total_traffic());
    let survey = fleet.survey(seconds(60.0), seconds(5.0));
    let sent = fleet.total_traffic().since(&before).sent_bytes as f64;
    let rate = sent / 500.0 / (fleet.elapsed() - start).as_secs_f64();
    assert_eq!(survey.missing, 0);
    assert!(rate <= 1_500.0, "{rate:.0} B/s per host");
    assert!(survey.mean_age() <= 0.8 && survey.age_percentile(99.0) <= 1.6, "{:.2} T", survey.mean_age());
}

/// Bytes per host and second, Ethernet and sealing included.
#[track_caller]
fn check_rate(hosts: usize, interval: f64, most: f64) {
    let mut fleet = settled(7, hosts, interval, 0);
    let before = fleet.total_traffic();
    fleet.run_rounds(10);
    let sent = fleet.total_traffic().since(&before).sent_bytes as f64;
    let rate = sent / hosts as f64 / interval / 10.0;
    assert!(rate <= most, "{hosts} hosts: {rate:.0} B/s per host");
}

#[test]
fn a_host_sends_no_more_bytes_than_was_promised() {
    check_rate(32, 5.0, 700.0);
    check_rate(100, 5.0, 1_500.0);
}

#[test]
fn in_a_settled_network_nobody_receives_three_times_the_mean() {
    for hosts in [25, 60, 100] {
        let mut fleet = settled(9, hosts, 5.0, 0);
        for _ in 0..10 {
            let before: Vec<u64> = (0..hosts).map(|host| fleet.traffic(host).received).collect();
            fleet.run_rounds(1);
            let received: Vec<u64> = (0..hosts).map(|host| fleet.traffic(host).received - before[host]).collect();
            let (most, sum) = (received.iter().max().copied().unwrap_or(0), received.iter().sum::<u64>());
            assert!(most * hosts as u64 <= 3 * sum, "{hosts} hosts: {most} of {sum}");
        }
    }
}

#[test]
fn one_seed_gives_one_run() {
    let run = |seed| {
        let mut fleet = Fleet::new(seed).interval(seconds(2.0)).hosts(24).loss(10).duplicates(3).reordering(5);
        fleet.run_rounds(4);
        let kept = fleet.snapshot(3);
        fleet.crash(4).leave(5).stop(6).deafen(7).run_rounds(2);
        fleet.restore(3, &kept).start(4).go_on(6).split(12).run_rounds(4);
        fleet.heal().run_rounds(2);
        fleet.fingerprint()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn duplicates_and_reordering_change_nothing_that_is_believed() {
    let mut fleet = Fleet::new(5).interval(seconds(5.0)).hosts(40).duplicates(30).reordering(50);
    settle(&mut fleet);
    let after = fleet.elapsed();
    let survey = fleet.survey(seconds(50.0), seconds(1.0));
    assert_eq!((survey.missing, fleet.suspicions_since(after).count()), (0, 0));
    assert!(survey.mean_age() <= 0.8, "{:.2} T", survey.mean_age());
}

#[test]
fn collectors_are_known_by_all_and_offered_by_none() {
    let mut fleet = Fleet::new(3).interval(seconds(5.0)).hosts(20).collectors(5);
    settle(&mut fleet);
    fleet.run_rounds(4);
    fleet.assert_everyone_knows_everyone();
    for collector in 20..25 {
        assert_eq!(fleet.offered_by(fleet.id(collector)), 0);
        // It relays and offers as all others do.
        assert_eq!((0..20).filter(|host| fleet.offers(collector, fleet.id(*host))).count(), 20);
    }
}

#[test]
fn hosts_whose_load_or_cores_are_unknown_are_not_offered() {
    let mut fleet = Fleet::new(3).interval(seconds(5.0)).hosts(6);
    settle(&mut fleet);
    fleet.set_cores(2, None).run_rounds(2);
    assert_eq!(fleet.offered_by(fleet.id(2)), 0);
    fleet.set_cores(2, Some(8)).run_rounds(2);
    assert_eq!(fleet.offered_by(fleet.id(2)), 6);
}

#[test]
fn what_only_newer_hosts_understand_reaches_them_through_hosts_that_do_not() {
    let mut fleet = Fleet::new(11).interval(seconds(5.0)).hosts(58).newer_hosts(2);
    settle(&mut fleet);
    fleet.run_rounds(6);
    let (one, other) = (fleet.id(58), fleet.id(59));
    let heard = |fleet: &Fleet, who, about| fleet.newer_things(who, about).expect("heard through others");
    let before = (heard(&fleet, 58, other), heard(&fleet, 59, one));
    fleet.run_rounds(3);
    let after = (heard(&fleet, 58, other), heard(&fleet, 59, one));
    for (before, after) in [(&before.0, &after.0), (&before.1, &after.1)] {
        for place in 0..2 {
            assert!(after[place].0 > before[place].0, "kept alive: {before:?} {after:?}");
            assert_eq!(after[place].1, Fleet::newer_tail(), "intact");
        }
    }
    fleet.assert_everyone_knows_everyone();
}

#[test]
fn half_with_a_short_interval_and_half_with_a_long_one_all_live() {
    let mut fleet = Fleet::new(17).interval(seconds(1.0)).hosts(20).interval(seconds(20.0)).hosts(20);
    settle(&mut fleet);
    let after = fleet.elapsed();
    let survey = fleet.survey(seconds(120.0), seconds(1.0));
    assert_eq!((survey.missing, survey.dead, fleet.suspicions_since(after).count()), (0, 0, 0));
    assert!(survey.age_percentile(99.0) <= 1.6, "{:.2} of the larger T", survey.age_percentile(99.0));
}

#[test]
fn a_job_start_everywhere_is_known_in_seconds_and_is_no_storm() {
    let mut fleet = settled(23, 60, 20.0, 0);
    let before = fleet.total_traffic().sent;
    fleet.run(seconds(20.0));
    let quiet = fleet.total_traffic().sent - before;
    let before = fleet.total_traffic().sent;
    fleet.start_job_everywhere(seconds(2.0), 900).run(seconds(5.0));
    let told = |who: usize, about: usize| {
        fleet.view(who, fleet.id(about)).is_some_and(|view| view.load1_hundredths == Some(900))
    };
    assert!((0..60).all(|who| (0..60).all(|about| told(who, about))), "not all know within 5 s");
    fleet.run(seconds(15.0));
    let busy = fleet.total_traffic().sent - before;
    assert!(busy <= 5 * quiet, "{busy} datagrams against {quiet}");
}
