//! What a daemon measures: as the kernel shows it, and unknown where it shows nothing.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::in_a_lab;
use super::world::Lab;

const SECOND: Duration = Duration::from_secs(1);

/// The number behind `field` in a file like `/proc/meminfo`.
fn number_in(file: &str, field: &str) -> f64 {
    let text = fs::read_to_string(file).unwrap();
    let rest = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    rest.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn a_host_tells_what_its_kernel_shows() {
    in_a_lab(|| {
        let mut lab = Lab::new(1);
        lab[0].take("--proc-root");
        let started = lab.start();
        lab.expect("it tells its figures", SECOND, started, |lab| lab.all_offer(&[0]));
        let view = lab[0].view_of("host-1").unwrap();
        // A control group may leave less than the machine has.
        let cores = f64::from(view.cores.unwrap());
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap().matches("processor\t").count();
        assert!((1.0..=processors as f64).contains(&cores), "{cores} of {processors}");
        let total = f64::from(view.memory_total_mib.unwrap());
        assert!(total > 0.0 && total <= number_in("/proc/meminfo", "MemTotal:") / 1024.0, "{total}");
        let available = f64::from(view.memory_available_mib.unwrap());
        assert!(available > 0.0 && available <= total, "{available} of {total}");
        let up = view.uptime_seconds.unwrap() as f64;
        assert!((up - number_in("/proc/uptime", "")).abs() < 10.0, "{up}");
        let load = f64::from(view.load1_hundredths.unwrap()) / 100.0;
        let now = number_in("/proc/loadavg", "");
        assert!((load - now).abs() < 1.0 + now / 2.0, "{load} and {now}");
        // A machine without any limit has all it has.
        if !Path::new("/sys/fs/cgroup/memory.max").exists() && !Path::new("/sys/fs/cgroup/memory").exists() {
            assert_eq!(total, (number_in("/proc/meminfo", "MemTotal:") / 1024.0).floor());
        }
    });
}

#[test]
fn a_load_that_changes_in_proc_is_known_elsewhere_within_one_and_a_half_seconds() {
    in_a_lab(|| {
        let mut lab = Lab::new(2);
        lab.seeds(1);
        let loadavg = lab[0].folder.join("loadavg");
        fs::write(&loadavg, "05.00 0.00 0.00 1/100 1\n").unwrap();
        lab[0].take("--proc-root");
        lab[0].mount(&loadavg, "/proc/loadavg");
        let started = lab.start();
        let second_knows = |lab: &Lab, hundredths| {
            let load = lab[1].view_of("host-1").and_then(|view| view.load1_hundredths);
            if load == Some(hundredths) { Ok(()) } else { Err(format!("{load:?}")) }
        };
        lab.expect("the load is known", SECOND, started, |lab| second_knows(lab, 500));
        // In place: the mount holds on to the file. As long as before, so that nobody reads half of it.
        let mut file = OpenOptions::new().write(true).open(&loadavg).unwrap();
        file.write_all(b"62.00").unwrap();
        lab.expect("the new load is known", SECOND * 3 / 2, Instant::now(), |lab| second_knows(lab, 6200));
    });
}

#[test]
fn what_cannot_be_read_is_unknown_and_such_a_host_is_not_offered_until_it_can() {
    in_a_lab(|| {
        let mut lab = Lab::new(2);
        lab.seeds(1);
        let root = lab[0].proc_root();
        for file in ["loadavg", "meminfo", "cpuinfo", "uptime"] {
            fs::remove_file(root.join(file)).unwrap();
        }
        let started = lab.start();
        lab.expect("only the other one is offered", SECOND, started, |lab| lab.all_offer(&[1]));
        lab.expect("it is known", SECOND, started, |lab| {
            lab[1].view_of("host-1").map(|_| ()).ok_or("is not known".to_owned())
        });
        let output = lab[1].run(&["query", "--json", "--all"]);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let node = answer["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "host-1").unwrap();
        for figure in ["load1", "cores", "memory_total_bytes", "memory_available_bytes", "uptime_seconds"] {
            assert_eq!(node.get(figure), Some(&Value::Null), "{figure}");
        }
        let figures = lab[0].figures;
        lab[0].set(figures);
        lab.expect("it is offered", SECOND * 3 / 2, Instant::now(), |lab| lab.all_offer(&[0, 1]));
    });
}
