//! This host's figures, from `/proc` under a root that is given. What cannot be read or is odd is unknown, never
//! zero (docs/faults.md, 21).

use std::fs::File;
use std::io::Read;
use std::path::Path;

use procfs::{FromRead, LoadAverage, Uptime};

use super::cgroup::{self, Limits};
use crate::model::{Load, Sample};

/// Most that is read of one file: `cpuinfo` of a thousand processors.
const FILE_MAX: u64 = 4 << 20;

/// Whose limits count beside the container's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slice {
    /// Nobody's: a process of the host may use all of it.
    Host,
    /// The user's, in which a private daemon and its clients live.
    User,
}

/// Measures this host as `root` (usually `/proc`) shows it.
#[must_use]
pub fn sample(root: &Path, slice: Slice) -> Sample {
    let memory = read(&root.join("meminfo")).map(|text| Memory::parse(&text)).unwrap_or_default();
    let limits = cgroup::limits(root, slice);
    let (memory_total_kib, memory_available_kib) = within(memory, &limits);
    Sample {
        load: Load {
            load1_hundredths: read_load(root),
            memory_available_mib: memory_available_kib.and_then(|kib| u32::try_from(kib >> 10).ok()),
        },
        cores: cores(root).map(|cores| cores.min(limits.cores.unwrap_or(cores)).max(1)),
        memory_total_mib: memory_total_kib.and_then(|kib| u32::try_from(kib >> 10).ok()).filter(|mib| *mib > 0),
        uptime_seconds: read_uptime(root),
    }
}

/// The text of a file in `/proc` or a control group. Bytes beyond ASCII become `?`: the kernel writes none where
/// numbers stand, and `procfs` would cut such text within a character.
pub(super) fn read(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(FILE_MAX).read_to_end(&mut bytes).ok()?;
    Some(bytes.into_iter().map(|byte| if byte.is_ascii() { char::from(byte) } else { '?' }).collect())
}

fn read_load(root: &Path) -> Option<u32> {
    let one = LoadAverage::from_read(read(&root.join("loadavg"))?.as_bytes()).ok()?.one;
    let hundredths = (f64::from(one) * 100.0).round();
    (0.0..=f64::from(u32::MAX)).contains(&hundredths).then_some(hundredths as u32)
}

fn read_uptime(root: &Path) -> Option<u64> {
    let seconds = Uptime::from_read(read(&root.join("uptime"))?.as_bytes()).ok()?.uptime;
    // A century: beyond it the file is odd.
    (0.0..3.2e9).contains(&seconds).then_some(seconds as u64)
}

/// Processors that are there and that the first process of the machine or container may use.
fn cores(root: &Path) -> Option<u32> {
    let count = |lines: usize| u32::try_from(lines).ok().filter(|cores| *cores > 0);
    let listed = read(&root.join("cpuinfo"))
        .and_then(|text| count(text.lines().filter(|line| line.starts_with("processor")).count()))
        .or_else(|| count(read(&root.join("stat"))?.lines().filter(|line| is_processor(line)).count()))?;
    let status = read(&root.join("1/status")).unwrap_or_default();
    let allowed = status.lines().find_map(|line| cgroup::count_processors(line.strip_prefix("Cpus_allowed_list:")?));
    Some(listed.min(allowed.unwrap_or(listed)))
}

/// `cpu0 …`, not the sum in `cpu …`.
fn is_processor(line: &str) -> bool {
    line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// The two lines of `meminfo` that count. `procfs` would refuse the whole file where one of the other fields is
/// missing, as it is in some containers.
#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    total_kib: Option<u64>,
    available_kib: Option<u64>,
}

impl Memory {
    fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.trim().strip_suffix("kB")?.trim_end().parse().ok()
        };
        Self { total_kib: field("MemTotal"), available_kib: field("MemAvailable") }
    }
}

/// Total and available memory where a process stays within `limits`.
fn within(memory: Memory, limits: &Limits) -> (Option<u64>, Option<u64>) {
    let least = |a: Option<u64>, b: Option<u64>| a.map(|a| a.min(b.unwrap_or(a)));
    let total = least(memory.total_kib, limits.memory_kib);
    (total, least(least(memory.available_kib, limits.memory_available_kib), total))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check_sample(files: &[(&str, &str)], expected: Sample) {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        assert_eq!(sample(root.path(), Slice::Host), expected, "{files:?}");
    }

    fn load(hundredths: u32) -> Sample {
        Sample { load: Load { load1_hundredths: Some(hundredths), ..Load::default() }, ..Sample::default() }
    }

    fn cores_of(cores: u32) -> Sample {
        Sample { cores: Some(cores), ..Sample::default() }
    }

    #[test]
    fn the_figures_of_a_host_are_read() {
        let expected = Sample {
            load: Load { load1_hundredths: Some(263), memory_available_mib: Some(2048) },
            cores: Some(2),
            memory_total_mib: Some(4096),
            uptime_seconds: Some(12345),
        };
        let files = [
            ("loadavg", "2.63 1.00 1.42 3/4280 2496732\n"),
            ("meminfo", "MemTotal:        4194304 kB\nMemFree: 1 kB\nMemAvailable:    2097152 kB\n"),
            ("cpuinfo", "processor\t: 0\nmodel name\t: x\n\nprocessor\t: 1\n"),
            ("uptime", "12345.67 20000.00\n"),
        ];
        check_sample(&files, expected);
    }

    #[test]
    fn what_is_missing_or_odd_is_unknown_and_never_zero() {
        check_sample(&[], Sample::default());
        for odd in ["", "nan 1 1 1/1 1", "-1 1 1 1/1 1", "\u{e9} 1 1 1/1 1", "1e30 0 0 1/1 1", "1", "\0\0"] {
            check_sample(&[("loadavg", odd)], Sample::default());
        }
        for odd in ["", "MemTotal: x kB", "MemTotal: 5", "MemTotal\u{e9}: 5 kB", "MemTotal: 99999999999999999999 kB"] {
            check_sample(&[("meminfo", odd)], Sample::default());
        }
        for odd in ["MemTotal: 0 kB", "MemTotal: 1023 kB"] {
            check_sample(&[("meminfo", odd)], Sample::default());
        }
        for odd in ["", "nan 1", "-5 1", "1e300 1", "7"] {
            check_sample(&[("uptime", odd)], Sample::default());
        }
        check_sample(&[("cpuinfo", "")], Sample::default());
        check_sample(&[("loadavg", "0.00 0.00 0.00 1/100 7\n")], load(0));
    }

    #[test]
    fn cores_are_counted_where_cpuinfo_is_odd_and_only_those_that_the_first_process_may_use() {
        check_sample(&[("stat", "cpu 1 2\ncpu0 1\ncpu1 1\ncpu2 1\nintr 5\n")], cores_of(3));
        let two = "processor : 0\nprocessor : 1\n";
        check_sample(&[("cpuinfo", two), ("1/status", "Name:\tinit\nCpus_allowed_list:\t1\n")], cores_of(1));
        check_sample(&[("cpuinfo", two), ("1/status", "Cpus_allowed_list:\tx\n")], cores_of(2));
    }

    proptest! {
        #[test]
        fn no_content_of_proc_makes_a_daemon_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir_all(root.path().join("1")).unwrap();
            fs::create_dir_all(root.path().join("self")).unwrap();
            for name in ["loadavg", "meminfo", "cpuinfo", "stat", "uptime", "1/status", "self/cgroup", "self/mountinfo"] {
                fs::write(root.path().join(name), &bytes).unwrap();
            }
            let _ = sample(root.path(), Slice::User);
        }
    }
}
