//! Invented machines: what their `/proc` says, and how their loads move. Only values here: no files and no clock.

use std::fmt::Write;
use std::time::Duration;

use crate::model::Dice;

/// What a machine is made of, and where it stands.
#[derive(Clone, Copy, Debug)]
struct Model {
    cores: u32,
    memory_gib: u32,
    room: &'static str,
}

/// As in many a lab: desks of several ages, and a few servers.
const MODELS: [Model; 6] = [
    Model { cores: 4, memory_gib: 8, room: "lab1" },
    Model { cores: 8, memory_gib: 16, room: "lab1" },
    Model { cores: 32, memory_gib: 128, room: "rack" },
    Model { cores: 4, memory_gib: 16, room: "lab2" },
    Model { cores: 16, memory_gib: 32, room: "lab2" },
    Model { cores: 64, memory_gib: 512, room: "rack" },
];

/// How fast the load follows what runs. The kernel's minute would be true, and dull to look at.
const LOAD_FOLLOWS: Duration = Duration::from_secs(8);

/// Between these times something else runs on a machine.
const JOBS_MIN: Duration = Duration::from_secs(10);
const JOBS_MAX: Duration = Duration::from_secs(40);

/// What a machine has been through before it is seen, in steps of [`LOAD_FOLLOWS`]: it looks lived in.
const PAST_STEPS: u32 = 8;

/// A machine that is not there.
#[derive(Clone, Debug)]
pub struct Machine {
    model: Model,
    /// Processes that want a core each.
    running: u32,
    /// Until something else runs.
    left: Duration,
    load: f64,
    up: Duration,
}

impl Machine {
    /// Number `number`; machines of one number are of one model.
    pub fn invent(number: usize, dice: &mut Dice) -> Self {
        let model = MODELS[number % MODELS.len()];
        let days = 1 + dice.below(90) as u64;
        let up = Duration::from_secs(days * 86_400 + dice.below(86_400) as u64);
        let mut machine = Self { model, running: 0, left: Duration::ZERO, load: 0.0, up };
        for _ in 0..PAST_STEPS {
            machine.pass(LOAD_FOLLOWS, dice);
        }
        machine
    }

    /// Where it stands.
    pub fn room(&self) -> &'static str {
        self.model.room
    }

    /// Lets time pass.
    pub fn pass(&mut self, span: Duration, dice: &mut Dice) {
        self.up += span;
        self.left = self.left.saturating_sub(span);
        if self.left.is_zero() {
            self.start_jobs(dice);
        }
        let kept = 1.0 / (1.0 + span.as_secs_f64() / LOAD_FOLLOWS.as_secs_f64());
        self.load = self.load * kept + f64::from(self.running) * (1.0 - kept);
    }

    /// Two in five are idle, two are up to half busy, one has more to do than it can.
    fn start_jobs(&mut self, dice: &mut Dice) {
        let cores = self.model.cores as usize;
        let running = match dice.below(5) {
            0 | 1 => 0,
            2 | 3 => 1 + dice.below(cores / 2),
            _ => cores + dice.below(cores / 4 + 1),
        };
        self.running = u32::try_from(running).expect("a machine has few cores");
        self.left = JOBS_MIN + dice.within(JOBS_MAX - JOBS_MIN);
    }

    /// The files of its `/proc` that never change, by name.
    pub fn lasting_files(&self) -> [(&'static str, String); 1] {
        let mut processors = String::new();
        for core in 0..self.model.cores {
            write!(processors, "processor\t: {core}\nmodel name\t: invented\n\n").expect("a String takes all");
        }
        [("cpuinfo", processors)]
    }

    /// The files of its `/proc` that change, by name.
    pub fn moving_files(&self) -> [(&'static str, String); 3] {
        let Self { model: Model { cores, memory_gib, .. }, load, up, .. } = *self;
        let total_kib = f64::from(memory_gib) * f64::from(1 << 20);
        // The system takes a tenth; jobs that fill all cores take seven more.
        let used = 0.1 + 0.7 * (load / f64::from(cores)).min(1.2);
        let available_kib = total_kib * (1.0 - used);
        [
            ("loadavg", format!("{load:.2} {load:.2} {load:.2} {}/200 1\n", self.running.max(1))),
            ("meminfo", format!("MemTotal: {total_kib:.0} kB\nMemAvailable: {available_kib:.0} kB\n")),
            ("uptime", format!("{:.2} 0.00\n", up.as_secs_f64())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::model::Sample;
    use crate::os::procfs::{Slice, sample};

    fn measured(machine: &Machine) -> Sample {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in machine.lasting_files().into_iter().chain(machine.moving_files()) {
            fs::write(root.path().join(name), text).unwrap();
        }
        sample(root.path(), Slice::User)
    }

    #[test]
    fn all_figures_of_an_invented_machine_can_be_read_at_any_time() {
        let dice = &mut Dice::new(7);
        for number in 0..MODELS.len() {
            let mut machine = Machine::invent(number, dice);
            for _ in 0..100 {
                let Sample { load, cores, memory_total_mib, uptime_seconds } = measured(&machine);
                let cores = cores.unwrap();
                assert_eq!(cores, machine.model.cores);
                assert!(load.load1_hundredths.unwrap() <= 125 * cores, "{machine:?}");
                assert!((1..memory_total_mib.unwrap()).contains(&load.memory_available_mib.unwrap()), "{machine:?}");
                assert!(uptime_seconds.unwrap() >= 86_400, "{machine:?}");
                machine.pass(Duration::from_secs(3), dice);
            }
        }
    }

    #[test]
    fn every_load_moves_within_a_few_minutes() {
        let dice = &mut Dice::new(8);
        for number in 0..MODELS.len() {
            let mut machine = Machine::invent(number, dice);
            let before = machine.load;
            let mut most = 0.0_f64;
            for _ in 0..600 {
                machine.pass(Duration::from_secs(1), dice);
                most = most.max((machine.load - before).abs());
            }
            assert!(most > 0.5, "{machine:?}");
        }
    }
}
