//! Rows of the table, and what both kinds of part share.

use std::env;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use peermon::sim::Fleet;

/// How much is run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Small samples.
    Quick,
    /// All that gossip.md promises.
    Whole,
}

impl Effort {
    pub fn pick<T>(self, quick: T, whole: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Whole => whole,
        }
    }
}

/// A part of a bench: its name, and what measures it.
pub type Part = (&'static str, fn(&mut Report, Effort));

/// Runs the parts whose names contain a word behind `--rows`; without that all, but for those in `only_by_name`.
pub fn run(parts: &[Part], only_by_name: &[&str]) -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    // `cargo bench` says `--bench`, `cargo test --benches` does not.
    let effort = if arguments.iter().any(|argument| argument == "--quick") { Effort::Quick } else { Effort::Whole };
    let rows = arguments.iter().position(|argument| argument == "--rows").map(|place| &arguments[place + 1..]);
    let wanted = |name: &str| match rows {
        Some(rows) => rows.iter().any(|row| name.contains(row.as_str())),
        None => !only_by_name.contains(&name),
    };
    let mut report = Report::default();
    println!("{:<74} {:>9} {:>9} {:>9}", "", "MUST", "GOAL", "measured");
    for (name, part) in parts.iter().filter(|(name, _)| wanted(name)) {
        let start = Instant::now();
        part(&mut report, effort);
        println!("  [{name}: {:.0} s]", start.elapsed().as_secs_f64());
    }
    report.end()
}

/// Counts what was missed.
#[derive(Default)]
pub struct Report {
    above_must: Vec<String>,
    above_goal: Vec<String>,
    rows: u32,
}

impl Report {
    /// One row; less is better. `None`: nothing was asked.
    pub fn row(&mut self, name: &str, must: Option<f64>, goal: Option<f64>, measured: f64) {
        let verdict = match (must.is_some_and(|must| measured > must), goal.is_some_and(|goal| measured > goal)) {
            (true, _) => {
                self.above_must.push(name.to_owned());
                "MISS"
            }
            (false, true) => {
                self.above_goal.push(name.to_owned());
                "ok, above the goal"
            }
            (false, false) => "ok",
        };
        self.rows += 1;
        let shown = |number: Option<f64>| number.map_or("-".to_owned(), figure);
        println!("{name:<74} {:>9} {:>9} {:>9}  {verdict}", shown(must), shown(goal), figure(measured));
    }

    fn end(self) -> ExitCode {
        println!();
        self.above_goal.iter().for_each(|name| println!("above the goal: {name}"));
        self.above_must.iter().for_each(|name| println!("above the MUST: {name}"));
        println!(
            "{} rows, {} above the goal, {} above the MUST",
            self.rows,
            self.above_goal.len(),
            self.above_must.len()
        );
        if self.above_must.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn figure(number: f64) -> String {
    match number {
        number if !number.is_finite() => "never".to_owned(),
        0.0 => "0".to_owned(),
        number if number.abs() < 0.01 => format!("{number:.1e}"),
        number if number.abs() < 100.0 => format!("{number:.2}"),
        number => format!("{number:.0}"),
    }
}

pub fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Hosts that know each other; loss begins then.
pub fn settled(seed: u64, hosts: usize, interval: f64, loss: u32) -> Fleet {
    let mut fleet = Fleet::new(seed).interval(seconds(interval)).hosts(hosts);
    fleet.run_until(seconds(60.0), seconds(0.5), |fleet| {
        fleet.living().count() == hosts && fleet.everyone_knows_everyone()
    });
    fleet.run(seconds(interval.max(5.0)));
    fleet.lose(loss);
    fleet.run_rounds(2);
    fleet
}

/// How long until nobody offers any of `gone`; infinite where that is later than `limit`.
pub fn until_gone(fleet: &mut Fleet, gone: &[peermon::model::NodeId], limit: f64) -> f64 {
    let nobody = |fleet: &Fleet| gone.iter().all(|id| fleet.offered_by(*id) == 0);
    fleet.run_until(seconds(limit), seconds(0.1), nobody).map_or(f64::INFINITY, |took| took.as_secs_f64())
}
