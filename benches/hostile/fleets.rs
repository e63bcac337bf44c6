//! Fleets in virtual time: storms and churn.

use std::hint::black_box;
use std::time::{Duration, Instant};

use peermon::model::NodeId;
use peermon::sim::Fleet;
use peermon::wire::datagram::decode as decode_datagram;

use crate::plaintexts;
use crate::rows::{Effort, Report, seconds, settled};

/// The slowest of the datagrams that were made to keep a decoder busy.
pub fn decode(report: &mut Report, _: Effort) {
    let slowest = plaintexts::hostile().into_iter().map(|(_, plaintext)| {
        let mut times: Vec<Duration> = (0..501)
            .map(|_| {
                let start = Instant::now();
                let _ = black_box(decode_datagram(black_box(&plaintext)));
                start.elapsed()
            })
            .collect();
        times.sort_unstable();
        times[times.len() / 2]
    });
    let micros = slowest.max().unwrap_or_default().as_secs_f64() * 1e6;
    report.row("hostile CBOR: the slowest datagram to decode, us", None, Some(100.0), micros);
}

/// Datagrams of a host in the next 20 s, as a multiple of those in a quiet T, and suspicions of who lives.
fn storm(fleet: &mut Fleet, gone: &[NodeId], strike: impl FnOnce(&mut Fleet)) -> (f64, usize) {
    let hosts = fleet.living().count() as f64;
    let before = fleet.total_traffic().sent;
    fleet.run(seconds(20.0));
    let quiet = (fleet.total_traffic().sent - before) as f64 / hosts;
    strike(fleet);
    let left = fleet.living().count() as f64;
    let (before, after) = (fleet.total_traffic().sent, fleet.elapsed());
    fleet.run(seconds(20.0));
    let busy = (fleet.total_traffic().sent - before) as f64 / left;
    (busy / quiet, fleet.suspicions_since(after).filter(|(_, about)| !gone.contains(about)).count())
}

/// A job starts on every host.
pub fn job_start(report: &mut Report, effort: Effort) {
    let hosts = effort.pick(100, 500);
    let mut fleet = settled(5, hosts, 20.0, 0);
    let (ratio, wrong) = storm(&mut fleet, &[], |fleet| {
        fleet.start_job_everywhere(seconds(2.0), 1_600);
    });
    let name = format!("a job starts everywhere: datagrams in 20 s, of a quiet T's, N={hosts}");
    report.row(&name, Some(5.0), Some(2.0), ratio);
    report.row(&format!("a job starts everywhere: hosts wrongly suspected, N={hosts}"), Some(0.0), None, wrong as f64);
}

/// A tenth of all crashes at once.
pub fn a_tenth_crashes(report: &mut Report, effort: Effort) {
    let hosts = effort.pick(200, 2_000);
    let mut fleet = settled(6, hosts, 20.0, 0);
    let gone: Vec<NodeId> = (0..hosts / 10).map(|nth| fleet.id(7 + nth * 10)).collect();
    let (ratio, wrong) = storm(&mut fleet, &gone, |fleet| {
        (0..hosts / 10).for_each(|nth| {
            fleet.crash(7 + nth * 10);
        });
    });
    let name = format!("a tenth crashes: datagrams in 20 s, of a quiet T's, N={hosts}");
    report.row(&name, Some(5.0), Some(2.0), ratio);
    report.row(&format!("a tenth crashes: living hosts suspected, N={hosts}"), Some(0.0), None, wrong as f64);
}

/// All start at once.
pub fn all_start(report: &mut Report, effort: Effort) {
    let hosts = effort.pick(200, 2_000);
    let mut fleet = Fleet::new(7).interval(seconds(20.0)).start_within(seconds(0.1)).hosts(hosts);
    let whole = |fleet: &Fleet| fleet.living().count() == hosts && fleet.everyone_knows_everyone();
    let took = fleet.run_until(seconds(60.0), seconds(0.25), whole).map_or(f64::INFINITY, |took| took.as_secs_f64());
    report.row(&format!("all start at once: all know all after, s, N={hosts}"), Some(15.0), Some(5.0), took);
    fleet.run(seconds(20.0 - took.min(20.0)));
    let sent: Vec<u64> = (0..hosts).map(|host| fleet.traffic(host).sent).collect();
    let before = fleet.total_traffic().sent;
    fleet.run(seconds(20.0));
    let quiet = (fleet.total_traffic().sent - before) as f64 / hosts as f64;
    let mean = sent.iter().sum::<u64>() as f64 / hosts as f64 / quiet;
    let most = sent.iter().max().copied().unwrap_or(0) as f64 / quiet;
    report.row(&format!("all start at once: datagrams in 20 s, of a quiet T's, N={hosts}"), None, Some(5.0), mean);
    report.row(&format!("all start at once: of the busiest host (a seed), N={hosts}"), None, None, most);
    let wrong = fleet.suspicions_since(Duration::ZERO).count() as f64;
    report.row(&format!("all start at once: hosts wrongly suspected, N={hosts}"), Some(0.0), None, wrong);
}

/// One host behind a link that loses 30 %, for an hour: how often it is wrong about others, and they about it.
pub fn lossy_watcher(report: &mut Report, effort: Effort) {
    let (hosts, hours) = effort.pick((60, 0.2), (100, 1.0));
    let mut fleet = settled(8, hosts, 20.0, 0);
    fleet.lose_at(11, 30);
    let after = fleet.elapsed();
    let survey = fleet.survey(seconds(hours * 3_600.0), seconds(20.0));
    let raised = fleet.suspicions_since(after).count() as f64;
    let name = format!("a watcher behind 30 % loss: suspicions in {hours} h, N={hosts}");
    report.row(&name, Some(1.0), Some(0.0), raised);
    let name = format!("a watcher behind 30 % loss: share of looks that miss a living host, N={hosts}");
    report.row(&name, Some(1e-5), Some(0.0), survey.missing as f64 / survey.looks as f64);
}

/// One of 50 hosts is killed and started every 200 ms, for an hour.
pub fn churn(report: &mut Report, effort: Effort) {
    churn_for(report, effort.pick(120, 3_600));
}

/// The same for a day.
pub fn a_day_of_churn(report: &mut Report, _: Effort) {
    churn_for(report, 86_400);
}

fn churn_for(report: &mut Report, span: u32) {
    let mut fleet = settled(9, 50, 5.0, 0);
    let (mut missing, mut looks, mut largest, mut resident) = (0u64, 0u64, 0usize, None);
    for turn in 0..span * 5 {
        let host = (turn * 17 % 50) as usize;
        fleet.kill(host).start(host).run(seconds(0.2));
        if turn % 50 == 49 {
            // Those that were not started in the last 5 s.
            let old: Vec<usize> = (0..50)
                .filter(|host| (0..25).all(|ago| (turn - ago) * 17 % 50 != *host))
                .map(|host| host as usize)
                .collect();
            for who in &old {
                missing += old.iter().filter(|about| !fleet.offers(*who, fleet.id(**about))).count() as u64;
                looks += old.len() as u64;
                largest = largest.max(fleet.table_size(*who));
            }
            fleet.forget_events();
        }
        if turn == span {
            resident = Some(resident_mib());
        }
    }
    let grown = resident_mib() / resident.unwrap_or(1.0);
    let case = format!("churn, {span} s of 50 hosts, one restarted every 200 ms");
    report.row(&format!("{case}: of {looks} looks so many miss a host"), Some(0.0), None, missing as f64);
    report.row(&format!("{case}: entries of the largest table"), Some(50.0), None, largest as f64);
    report.row(&format!("{case}: memory at the end, of that after a fifth"), Some(1.1), Some(1.02), grown);
}

fn resident_mib() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}
