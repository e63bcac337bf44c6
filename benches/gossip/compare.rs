//! This design beside a model of the original and the limit that no design can beat.

use peermon::sim::original::{self, Choice};

use crate::quiet::{among_standins, quiet};
use crate::rows::{Effort, Report, seconds};

/// A report in CBOR, its age and its place in a record.
const REPORT_BYTES: f64 = 26.0;

/// For each N: bytes per host and second, mean and p99 age, missing pairs.
pub fn designs(_: &mut Report, effort: Effort) {
    println!();
    println!(
        "{:>6} {:>5}  {:>8}  {:>22}  {:>34}  {:>34}",
        "N",
        "T, s",
        "N r / T",
        "this: B/s mean p99",
        "original, random: B/s mean p99 miss",
        "original, three ways: … herd"
    );
    for (hosts, interval) in [(10, 5.0), (32, 5.0), (100, 5.0), (500, 20.0), (2_000, 20.0), (10_000, 20.0)] {
        if effort == Effort::Quick && hosts > 100 {
            continue;
        }
        let limit = hosts as f64 * REPORT_BYTES / interval;
        // Ten thousand tables of ten thousand hosts don't fit into memory: a hundred whole hosts among stand-ins.
        let (survey, rate) = if hosts > 2_000 {
            let (survey, rate, _) = among_standins(100, hosts, 7, interval);
            (survey, rate)
        } else {
            quiet(hosts, interval, 0, if hosts > 500 { 2 } else { 8 })
        };
        let ours = format!("{rate:.0} {:.2} {:.2}", survey.mean_age(), survey.age_percentile(99.0));
        let rounds = if hosts > 2_000 { 12 } else { 30 };
        let [random, three] = [Choice::Random, Choice::ThreeWays]
            .map(|choice| original::run(1, hosts, seconds(interval), rounds, choice));
        let shown = |outcome: &original::Outcome| {
            format!(
                "{:.0} {:.2} {:.2} {:.1} ‰",
                outcome.bytes_per_second, outcome.mean_age, outcome.p99_age, outcome.missing_permille
            )
        };
        println!(
            "{hosts:>6} {interval:>5}  {limit:>8.0}  {ours:>22}  {:>34}  {:>34}",
            shown(&random),
            format!("{} {:.1}", shown(&three), three.herd)
        );
    }
    println!();
}
