//! Nothing happens, or nothing but load: bytes, ages, looks, evenness, cost.

use std::time::Instant;

use peermon::sim::{Crowd, Survey};

use crate::rows::{Effort, Report, seconds, settled};

/// Bytes per host and second, and ages.
pub fn bytes_and_ages(report: &mut Report, effort: Effort) {
    let cases = [(32, 5.0, (700.0, 450.0)), (100, 5.0, (1_500.0, 1_050.0)), (500, 20.0, (1_500.0, 1_050.0))];
    let cases = cases.into_iter().take(effort.pick(2, 3));
    for ((hosts, interval, (must, goal)), loss) in cases.flat_map(|case| [(case, 0), (case, 30)]) {
        let (survey, rate) = quiet(hosts, interval, loss, 10);
        let case = format!("N={hosts}, T={interval} s, {loss} % loss");
        let promised = |number| (loss == 0).then_some(number);
        report.row(&format!("bytes per host and second, {case}"), promised(must), promised(goal), rate);
        let (mean, p99) = if loss == 0 { ((0.8, 0.68), (1.6, 1.3)) } else { ((1.05, 0.85), (2.3, 1.75)) };
        report.row(&format!("mean age in T, {case}"), Some(mean.0), Some(mean.1), survey.mean_age());
        report.row(&format!("p99 age in T, {case}"), Some(p99.0), Some(p99.1), survey.age_percentile(99.0));
    }
}

/// A settled network for some rounds: what the tables hold, and bytes per host and second.
pub fn quiet(hosts: usize, interval: f64, loss: u32, rounds: u32) -> (Survey, f64) {
    let mut fleet = settled(hosts as u64, hosts, interval, loss);
    let before = fleet.total_traffic();
    let survey = fleet.survey(seconds(interval) * rounds, seconds(interval / 4.0));
    let sent = fleet.total_traffic().since(&before).sent_bytes as f64;
    (survey, sent / hosts as f64 / interval / f64::from(rounds))
}

/// A living host offers a living host; and it is not suspected.
pub fn looks(report: &mut Report, effort: Effort) {
    for (loss, allowed, suspected) in [(10, 0.0, (0.1, 0.01)), (30, 1e-5, (1.0, 0.1))] {
        let (hosts, rounds) = effort.pick((100, 40), (100, 540));
        let interval = 20.0;
        let mut fleet = settled(u64::from(loss), hosts, interval, loss);
        let start = fleet.elapsed();
        let survey = fleet.survey(seconds(interval) * rounds, seconds(interval / 2.0));
        let share = survey.missing as f64 / survey.looks as f64;
        let host_days = hosts as f64 * (fleet.elapsed() - start).as_secs_f64() / 86_400.0;
        let wrong = fleet.suspicions_since(start).count() as f64 / host_days;
        let name = format!("share of {} looks at which a living host is missing, {loss} % loss", survey.looks);
        report.row(&name, Some(allowed), Some(0.0), share);
        let name = format!("wrong suspicions per host and day, {loss} % loss ({host_days:.0} host days)");
        report.row(&name, Some(suspected.0), Some(suspected.1), wrong);
    }
}

/// Datagrams that one host receives in any T.
pub fn evenness(report: &mut Report, effort: Effort) {
    for hosts in effort.pick(vec![25, 100], vec![25, 100, 500]) {
        let mut fleet = settled(3, hosts, 5.0, 0);
        let mut worst: f64 = 0.0;
        for _ in 0..effort.pick(10, 30) {
            let before: Vec<u64> = (0..hosts).map(|host| fleet.traffic(host).received).collect();
            fleet.run_rounds(1);
            let received: Vec<u64> = (0..hosts).map(|host| fleet.traffic(host).received - before[host]).collect();
            let mean = received.iter().sum::<u64>() as f64 / hosts as f64;
            worst = worst.max(received.iter().max().copied().unwrap_or(0) as f64 / mean);
        }
        report.row(
            &format!("datagrams that one host receives in a T, of the mean, N={hosts}"),
            Some(3.0),
            Some(2.0),
            worst,
        );
    }
}

/// Half with T = 1 s, half with 20 s.
pub fn mixed_intervals(report: &mut Report, effort: Effort) {
    let half = effort.pick(20, 50);
    let fleet = peermon::sim::Fleet::new(17);
    let mut fleet = fleet.interval(seconds(1.0)).hosts(half).interval(seconds(20.0)).hosts(half);
    fleet.run(seconds(60.0));
    let survey = fleet.survey(seconds(200.0), seconds(1.0));
    report.row("living hosts missing, half T=1 s, half T=20 s", Some(0.0), Some(0.0), survey.missing as f64);
    report.row("p99 age by the larger T, half T=1 s, half T=20 s", Some(1.6), None, survey.age_percentile(99.0));
}

/// A job starts on every host within 2 s.
pub fn job_start(report: &mut Report, effort: Effort) {
    let hosts = effort.pick(100, 500);
    let mut fleet = settled(5, hosts, 20.0, 0);
    let before = fleet.total_traffic().sent;
    fleet.run(seconds(20.0));
    let quiet = fleet.total_traffic().sent - before;
    fleet.start_job_everywhere(seconds(2.0), 1_600).run(seconds(20.0));
    let ratio = (fleet.total_traffic().sent - before - quiet) as f64 / quiet as f64;
    report.row(
        &format!("a job starts everywhere: datagrams in 20 s, of a quiet T's, N={hosts}"),
        Some(5.0),
        Some(2.0),
        ratio,
    );
}

/// Ten thousand hosts: a hundred whole ones among stand-ins.
pub fn ten_thousand(report: &mut Report, effort: Effort) {
    let (whole, hosts, bits, interval) = effort.pick((20, 1_000, 6, 20.0), (100, 10_000, 7, 20.0));
    let memory = resident_mib();
    let (survey, rate, crowd) = among_standins(whole, hosts, bits, interval);
    let case = format!("N={hosts}, T={interval} s, {whole} whole ones among stand-ins");
    report.row(&format!("bytes per host and second, {case}"), None, Some(20_000.0), rate);
    report.row(&format!("mean age in T, {case}"), None, Some(0.68), survey.mean_age());
    report.row(&format!("p99 age in T, {case}"), None, Some(1.3), survey.age_percentile(99.0));
    report.row(&format!("living hosts missing, {case}"), None, Some(0.0), survey.missing as f64);
    let each = (resident_mib() - memory) / whole as f64;
    report.row(&format!("resident MiB per whole host, stand-ins counted in, {case}"), None, Some(16.0), each);
    drop(crowd);
}

/// As [`quiet`], for whole hosts among stand-ins.
pub fn among_standins(whole: usize, hosts: usize, bits: u8, interval: f64) -> (Survey, f64, Crowd) {
    let mut crowd = Crowd::new(10, whole, hosts - whole, seconds(interval), bits);
    crowd.run(seconds(2.0 * interval));
    let before = crowd.traffic();
    let mut survey = Survey::default();
    for _ in 0..8 {
        crowd.run(seconds(interval / 4.0));
        crowd.look(&mut survey);
    }
    let sent = crowd.traffic().since(&before).sent_bytes as f64;
    (survey, sent / whole as f64 / interval / 2.0, crowd)
}

/// Resident memory of this process.
fn resident_mib() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4_096.0 / 1_048_576.0
}

/// What one core does for one host, codec and sealing and this simulator included; and a client's whole table.
pub fn cost(report: &mut Report, effort: Effort) {
    let mut fleet = settled(6, 100, 5.0, 0);
    let start = Instant::now();
    fleet.run(seconds(effort.pick(50.0, 200.0)));
    let share = start.elapsed().as_secs_f64() / effort.pick(50.0, 200.0) / 100.0 * 100.0;
    report.row("CPU without the kernel's part, % of a core, N=100, T=5 s", Some(0.2), Some(0.05), share);
    let hosts = effort.pick(500, 2_000);
    let fleet = settled(6, hosts, 20.0, 0);
    // One host asked again and again, as a daemon's table that is in use.
    let mut rows = fleet.table(0).len();
    let start = Instant::now();
    rows += (1..10).map(|_| fleet.table(0).len()).sum::<usize>();
    let each = start.elapsed().as_secs_f64() * 1e3 / 9.0;
    assert_eq!(rows, 10 * hosts);
    report.row(&format!("a client's whole table before it is bytes, ms, N={hosts}"), Some(5.0), Some(2.0), each);
}
