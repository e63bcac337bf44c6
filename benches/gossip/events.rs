//! Something happens: crashes, leaves, newcomers, cold starts, partitions.

use peermon::model::NodeId;
use peermon::sim::Fleet;

use crate::rows::{Effort, Report, seconds, settled, until_gone};

/// One host crashes, its machine too: nobody offers it after so many seconds, at worst.
pub fn crash(report: &mut Report, effort: Effort) {
    let cases: &[(usize, f64)] = &[(2, 5.0), (3, 5.0), (10, 20.0), (32, 0.5), (32, 5.0), (100, 5.0), (500, 20.0)];
    for (hosts, interval) in cases.iter().filter(|(hosts, _)| effort == Effort::Whole || *hosts <= 100) {
        let mut fleet = settled(*hosts as u64, *hosts, *interval, 0);
        let mut worst: f64 = 0.0;
        for turn in 0..effort.pick(4, 12).min(*hosts - 1) {
            let id = fleet.id(turn);
            fleet.crash(turn);
            worst = worst.max(until_gone(&mut fleet, &[id], 60.0));
            fleet.run(seconds(*interval * 0.37));
            fleet.start(turn).run(seconds(interval.max(10.0)));
        }
        report.row(
            &format!("crash: offered by nobody after, s, N={hosts}, T={interval} s"),
            Some(6.0),
            Some(5.0),
            worst,
        );
    }
}

/// A tenth of all crashes at once, at 10 % loss.
pub fn a_tenth_crashes(report: &mut Report, effort: Effort) {
    let (hosts, interval) = effort.pick((100, 5.0), (500, 20.0));
    let (mut left, mut pairs, mut last): (usize, usize, f64) = (0, 0, 0.0);
    for seed in 1..=effort.pick(2, 3) {
        let mut fleet = settled(seed, hosts, interval, 10);
        let victims: Vec<usize> = (0..hosts / 10).map(|nth| 7 + nth * 10).collect();
        let gone: Vec<NodeId> = victims.iter().map(|host| fleet.id(*host)).collect();
        victims.iter().for_each(|host| {
            fleet.crash(*host);
        });
        fleet.run(seconds(6.0));
        left += gone.iter().map(|id| fleet.offered_by(*id)).sum::<usize>();
        pairs += gone.len() * (hosts - gone.len());
        last = last.max(6.0 + until_gone(&mut fleet, &gone, 6.0 * interval));
    }
    let name = format!("a tenth crashes, 10 % loss: share of pairs still offered after 6 s, N={hosts}");
    report.row(&name, Some(0.005), Some(0.0005), left as f64 / pairs as f64);
    let name = format!("a tenth crashes, 10 % loss: the last pair is gone after, s, N={hosts}, T={interval} s");
    report.row(&name, Some(6.0 * interval), Some(8.0), last);
}

/// A host says goodbye.
pub fn leave(report: &mut Report, effort: Effort) {
    for (loss, must) in [(0, Some(2.0)), (10, None)] {
        for hosts in effort.pick(vec![3, 32, 100], vec![3, 32, 100, 500]) {
            let mut fleet = settled(hosts as u64, hosts, 20.0, loss);
            let mut worst: f64 = 0.0;
            for turn in 0..effort.pick(4, 10).min(hosts - 1) {
                let id = fleet.id(turn);
                fleet.leave(turn);
                worst = worst.max(until_gone(&mut fleet, &[id], 60.0));
                fleet.run(seconds(3.0));
            }
            report.row(&format!("leave: offered by nobody after, s, N={hosts}, {loss} % loss"), must, Some(2.0), worst);
        }
    }
}

/// One more host.
pub fn newcomer(report: &mut Report, effort: Effort) {
    let hosts = effort.pick(100, 1_000);
    let mut fleet = settled(8, hosts, 20.0, 0);
    let mut worst: f64 = 0.0;
    for _ in 0..3 {
        let newcomer = fleet.add_host();
        fleet.start(newcomer);
        let id = fleet.id(newcomer);
        let known = |fleet: &Fleet| {
            fleet.offered_by(id) == fleet.len()
                && fleet.table(newcomer).iter().filter(|view| view.is_offered()).count() == fleet.len()
        };
        let took = fleet.run_until(seconds(60.0), seconds(0.05), known);
        worst = worst.max(took.map_or(f64::INFINITY, |took| took.as_secs_f64()));
        fleet.run(seconds(5.0));
    }
    report.row(&format!("newcomer: knows all and is known by all after, s, N={hosts}"), Some(5.0), Some(2.0), worst);
}

/// All start at once with three seeds.
pub fn cold_start(report: &mut Report, effort: Effort) {
    let cases = [(100, 6.0, 2.5), (500, 10.0, 5.0), (2_000, 15.0, 5.0)];
    for (hosts, must, goal) in cases.into_iter().take(effort.pick(1, 3)) {
        let fleet = Fleet::new(hosts as u64).interval(seconds(20.0)).start_within(seconds(0.1));
        let mut fleet = fleet.hosts(hosts);
        let whole = |fleet: &Fleet| fleet.living().count() == hosts && fleet.everyone_knows_everyone();
        let took = fleet.run_until(seconds(60.0), seconds(0.1), whole).map_or(f64::INFINITY, |took| took.as_secs_f64());
        report.row(
            &format!("cold start from three seeds: all know all after, s, N={hosts}"),
            Some(must),
            Some(goal),
            took,
        );
    }
}

/// Two halves for ten removal times and more.
pub fn partition(report: &mut Report, effort: Effort) {
    for (hosts, interval, rounds) in
        effort.pick(vec![(60, 5.0, 60)], vec![(60, 5.0, 60), (100, 20.0, 60), (20, 20.0, 4_320)])
    {
        let mut fleet = settled(9, hosts, interval, 0);
        fleet.split(hosts / 2).run_rounds(rounds);
        fleet.heal();
        let took = fleet.run_until(seconds(10.0 * interval), seconds(0.1), Fleet::everyone_knows_everyone);
        let name = format!("split for {rounds} T, healed: whole again after, s, N={hosts}, T={interval} s");
        report.row(&name, Some(2.0 * interval + 5.0), None, took.map_or(f64::INFINITY, |took| took.as_secs_f64()));
    }
}
