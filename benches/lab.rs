//! Real daemons in network namespaces, beside the same fleet in the simulator and the targets.
//!
//!     cargo bench --bench lab                everything, about eleven minutes; needs root
//!     cargo bench --bench lab -- 32 5        32 hosts with T = 5 s (any number and interval)
//!     cargo bench --bench lab -- churn 60    30 hosts with T = 1 s at 5 % loss for so many minutes, of which one is killed
//!                                            and started again every 10 s: is anybody missing, does memory grow?
//!     cargo bench --bench lab -- doctor 100  100 hosts with T = 5 s: how long `peermon doctor` takes, where all is well and where
//!                                            a firewall and a silent seed make it wait
//!
//! Bytes are what the ports of the bridge count, Ethernet header and check sequence included, ARP too. CPU and bytes are
//! taken while nobody asks the daemons anything; ages are taken afterwards. Exits 1 above a MUST. That the bytes of
//! 50 hosts with T = 1 s are within 25 % of the simulator's is a goal.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a bench stands outside: it starts daemons, prints, and takes its time"
)]

#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../tests/it/lab/world/mod.rs"]
mod world;

use std::env;
use std::fs;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use peermon::sim::Fleet;

use world::{Host, Lab, Namespace};

/// Ethernet's check sequence, which interfaces don't count.
const CHECK_SEQUENCE: u64 = 4;

/// The kernel's clock ticks in a second (`CONF_CLK_TCK`), the same on all architectures of today.
const TICKS: f64 = 100.0;

/// How many tables ages are read from: a fifth of a hundred hosts is enough, and spares the machine.
const TABLES: usize = 20;

/// What is measured of a fleet, real or not.
#[derive(Clone, Copy, Debug)]
struct Figures {
    known_seconds: f64,
    bytes: f64,
    most_bytes: f64,
    /// Of a core, in percent; resident memory in MiB. A simulator has neither.
    cpu_and_memory: Option<(f64, f64)>,
    mean_age: f64,
    p99_age: f64,
}

/// A line of the targets; what has none is infinite.
#[derive(Clone, Copy, Debug)]
struct Target {
    known_seconds: f64,
    bytes: f64,
    cpu: f64,
    memory: f64,
    mean_age: f64,
    p99_age: f64,
}

const NONE: f64 = f64::INFINITY;

/// MUST and GOAL of docs/gossip.md for so many hosts with this interval.
fn targets(hosts: usize, seconds: u64) -> [(&'static str, Target); 2] {
    let known = if hosts <= 10 {
        1.0
    } else if hosts <= 50 {
        2.0
    } else {
        6.0
    };
    let (bytes, goal_bytes) = match (hosts, seconds) {
        (32, 5) => (700.0, 450.0),
        (100, 5) => (1_500.0, 1_050.0),
        _ => (NONE, NONE),
    };
    let ([mean, p99], [goal_mean, goal_p99]) =
        if hosts >= 32 { ([0.8, 1.6], [0.68, 1.3]) } else { ([NONE; 2], [NONE; 2]) };
    let ([cpu, memory], [goal_cpu, goal_memory]) =
        if (hosts, seconds) == (100, 5) { ([0.2, 5.0], [0.05, 3.5]) } else { ([NONE; 2], [NONE; 2]) };
    let must = Target { known_seconds: known, bytes, cpu, memory, mean_age: mean, p99_age: p99 };
    let goal = Target {
        known_seconds: if hosts == 100 { 2.5 } else { known },
        bytes: goal_bytes,
        cpu: goal_cpu,
        memory: goal_memory,
        mean_age: goal_mean,
        p99_age: goal_p99,
    };
    [("MUST", must), ("GOAL", goal)]
}

fn main() -> ExitCode {
    if let Err(why) = Namespace::new() {
        eprintln!("cannot measure here: {why}");
        return ExitCode::FAILURE;
    }
    if env::args().any(|argument| argument == "churn") {
        let minutes = env::args().find_map(|argument| argument.parse().ok());
        return churn(minutes.unwrap_or(60));
    }
    if env::args().any(|argument| argument == "doctor") {
        let hosts = env::args().find_map(|argument| argument.parse().ok());
        return doctor(hosts.unwrap_or(100));
    }
    let numbers: Vec<u64> = env::args().filter_map(|argument| argument.parse().ok()).collect();
    let shapes = match numbers[..] {
        [hosts, seconds] => vec![(usize::try_from(hosts).unwrap(), seconds)],
        _ => vec![(3, 5), (32, 5), (50, 1), (50, 5), (100, 5)],
    };
    println!(
        "{:>4} {:>4}  {:<10} {:>9} {:>9} {:>9} {:>8} {:>8} {:>9} {:>9}",
        "N", "T s", "", "known s", "B/s", "most B/s", "CPU %", "RSS MiB", "mean T", "p99 T"
    );
    let mut kept = true;
    for (hosts, seconds) in shapes {
        let interval = Duration::from_secs(seconds);
        let real = measure(hosts, interval);
        let simulated = simulate(hosts, interval);
        print(hosts, seconds, "daemons", real);
        print(hosts, seconds, "simulator", simulated);
        for (name, target) in targets(hosts, seconds) {
            print_target(hosts, seconds, name, target);
            let missed = missed(real, target);
            if !missed.is_empty() {
                println!("           {name} missed: {}", missed.join(", "));
                kept &= name != "MUST";
            }
        }
        println!("           bytes of the daemons / of the simulator: {:.2}\n", real.bytes / simulated.bytes);
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// `peermon doctor` takes no longer than this at 100 hosts.
const DOCTOR_GOAL: Duration = Duration::from_secs(3);

/// Doctors that are timed of each kind; an examination may begin anew after the pause.
const DOCTORS: usize = 10;
const DOCTOR_PAUSE: Duration = Duration::from_millis(2_100);

/// A row for a host on which all is well and one for a host that must wait; exits 1 above the goal.
fn doctor(hosts: usize) -> ExitCode {
    let mut lab = Lab::new(hosts);
    lab.seeds(3);
    for host in lab.hosts_mut() {
        host.take("-n");
        host.give(&["-n", "5"]);
    }
    // Nobody is there.
    let machines = fs::read_to_string(lab[1].config("machines.txt")).unwrap();
    lab[1].write_config("machines.txt", &format!("{machines}10.77.200.200\n"));
    let started = lab.start();
    let all: Vec<usize> = (0..hosts).collect();
    lab.expect("everybody knows everybody", Duration::from_secs(10), started, |lab| lab.all_offer(&all));
    thread::sleep(Duration::from_secs(5));
    println!("{:<32} {:>9} {:>9} {:>9}", "doctor", "median s", "most s", "goal s");
    let mut most = Duration::ZERO;
    for (place, what) in [(0, "all is well"), (1, "a seed and all peers are waited for")] {
        if place == 1 {
            let rules = "add table inet lab; add chain inet lab in { type filter hook input priority 0; }; \
                         add rule inet lab in udp dport 1288 drop";
            let add = || Command::new("nft").arg(rules).status().is_ok_and(|status| status.success());
            assert!(lab[place].network.within(add), "nft is installed");
        }
        let mut took: Vec<Duration> = (0..DOCTORS)
            .map(|_| {
                thread::sleep(DOCTOR_PAUSE);
                let begin = Instant::now();
                let output = lab[place].run(&["doctor"]);
                let took = begin.elapsed();
                let said = String::from_utf8(output.stdout).unwrap();
                assert_eq!(said.contains("FAIL  reached"), place == 1, "{said}");
                took
            })
            .collect();
        took.sort();
        most = most.max(took[DOCTORS - 1]);
        let seconds = [took[DOCTORS / 2], took[DOCTORS - 1], DOCTOR_GOAL].map(|span| span.as_secs_f64());
        println!("{what:<32} {:>9.2} {:>9.2} {:>9.2}", seconds[0], seconds[1], seconds[2]);
    }
    if most <= DOCTOR_GOAL { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many hosts live through the churn, and how much of what they send is lost.
const CHURNED: usize = 30;
const CHURN_LOSS: u8 = 5;

/// One is killed this often, and started again after half of it.
const CHURN_PAUSE: Duration = Duration::from_secs(10);

/// After so many minutes memory has come to rest.
const CHURN_REST_MINUTES: u64 = 5;

/// Memory may grow by so much after that.
const CHURN_GROWTH: f64 = 1.1;

/// A row a minute; exits 1 when a living host was missing anywhere, or memory grew.
fn churn(minutes: u64) -> ExitCode {
    let mut lab = Lab::new(CHURNED);
    lab.seeds(3);
    lab.start();
    let all: Vec<usize> = (0..CHURNED).collect();
    lab.expect("everybody knows everybody", Duration::from_secs(5), Instant::now(), |lab| lab.all_offer(&all));
    lab.lose(CHURN_LOSS);
    println!("minute  restarts     looks   missing  RSS MiB: first   median     most   grown  files");
    let (begin, mut restarts, mut looks, mut missing) = (Instant::now(), 0, 0u64, 0u64);
    let mut started = vec![begin; CHURNED];
    let (mut at_rest, mut grown) = (None, 0.0);
    for minute in 1..=minutes {
        while begin.elapsed() < Duration::from_secs(60 * minute) {
            // The first six are never killed: their memory is what is followed.
            let victim = 6 + restarts * 7 % (CHURNED - 6);
            lab[victim].kill();
            look_for(&lab, CHURN_PAUSE / 2, &started, &mut looks, &mut missing);
            lab[victim].start();
            started[victim] = Instant::now();
            restarts += 1;
            look_for(&lab, CHURN_PAUSE / 2, &started, &mut looks, &mut missing);
        }
        let mut resident: Vec<f64> = lab.hosts_mut()[..6].iter_mut().map(resident_of).collect();
        if minute == CHURN_REST_MINUTES.min(minutes) {
            at_rest = Some(resident.clone());
        }
        if let Some(at_rest) = &at_rest {
            grown = resident.iter().zip(at_rest).map(|(now, then)| now / then).fold(0.0, f64::max);
        }
        let first = resident[0];
        resident.sort_by(f64::total_cmp);
        let files = fs::read_dir(format!("/proc/{}/fd", lab[0].daemon().pid())).unwrap().count();
        println!(
            "{minute:>6} {restarts:>9} {looks:>9} {missing:>9} {first:>15.2} {:>8.2} {:>8.2} {grown:>7.3} {files:>6}",
            resident[3], resident[5]
        );
    }
    if missing == 0 && grown <= CHURN_GROWTH { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A restarted host is one that must be known after this.
const KNOWN_AFTER: Duration = Duration::from_secs(4);

/// For `span`: does every host that has run for a while offer every such host?
fn look_for(lab: &Lab, span: Duration, started: &[Instant], looks: &mut u64, missing: &mut u64) {
    let begin = Instant::now();
    while begin.elapsed() < span {
        let runs = |place: &usize| lab[*place].is_running() && started[*place].elapsed() > KNOWN_AFTER;
        let living: Vec<usize> = (0..started.len()).filter(runs).collect();
        for who in &living {
            let Ok(offered) = lab[*who].offers() else { continue };
            *looks += living.len() as u64;
            let lacks: Vec<&str> =
                living.iter().map(|about| lab[*about].name.as_str()).filter(|name| !offered.contains(*name)).collect();
            if !lacks.is_empty() {
                println!("        {} lacks {lacks:?}", lab[*who].name);
                *missing += lacks.len() as u64;
            }
        }
        thread::sleep(Duration::from_millis(500));
    }
}

/// Real daemons.
fn measure(count: usize, interval: Duration) -> Figures {
    let mut lab = Lab::new(count);
    lab.seeds(3.min(count));
    for host in lab.hosts_mut() {
        host.take("-n");
        host.give(&["-n", &interval.as_secs().to_string()]);
    }
    let started = lab.start();
    let all: Vec<usize> = (0..count).collect();
    let known_seconds = loop {
        let took = started.elapsed();
        match lab.all_offer(&all) {
            Ok(()) => break took.as_secs_f64(),
            Err(why) => assert!(took < Duration::from_secs(60), "not everybody knows everybody: {why}"),
        }
        thread::sleep(Duration::from_millis(10));
    };
    thread::sleep(interval * 6);

    let (begin, sent, busy) = (Instant::now(), lab.sent(), busy_ticks(&mut lab));
    thread::sleep((interval * 8).max(Duration::from_secs(30)));
    let span = begin.elapsed().as_secs_f64();
    let rates: Vec<f64> = lab
        .sent()
        .into_iter()
        .zip(sent)
        .map(|(now, then)| (now.bytes - then.bytes + CHECK_SEQUENCE * (now.packets - then.packets)) as f64 / span)
        .collect();
    let cpu = (busy_ticks(&mut lab) - busy) / TICKS / span / count as f64 * 100.0;
    let memory = resident_mib(&mut lab) / count as f64;

    let mut ages = Vec::new();
    let begin = Instant::now();
    while begin.elapsed() < interval * 4 {
        for host in lab.hosts().iter().take(TABLES) {
            let table = host.table().unwrap();
            let others = table.hosts.iter().filter(|view| view.id != table.own);
            ages.extend(others.map(|view| view.age_hundredths as f64 / 100.0 / interval.as_secs_f64()));
        }
        thread::sleep(interval / 7);
    }
    ages.sort_by(f64::total_cmp);
    Figures {
        known_seconds,
        bytes: rates.iter().sum::<f64>() / count as f64,
        most_bytes: rates.iter().copied().fold(0.0, f64::max),
        cpu_and_memory: Some((cpu, memory)),
        mean_age: ages.iter().sum::<f64>() / ages.len() as f64,
        p99_age: ages[ages.len() * 99 / 100],
    }
}

/// The same fleet in virtual time.
fn simulate(count: usize, interval: Duration) -> Figures {
    let mut fleet = Fleet::new(1).interval(interval).seeds(3.min(count)).start_within(Duration::ZERO).hosts(count);
    let whole = |fleet: &Fleet| fleet.living().count() == count && fleet.everyone_knows_everyone();
    let known = fleet.run_until(Duration::from_secs(60), Duration::from_millis(10), whole);
    fleet.run_rounds(6);
    let before: Vec<_> = (0..count).map(|host| fleet.traffic(host)).collect();
    let span = (interval * 8).max(Duration::from_secs(30));
    fleet.run(span);
    let rates: Vec<f64> = before
        .iter()
        .enumerate()
        .map(|(host, before)| fleet.traffic(host).since(before).sent_bytes as f64 / span.as_secs_f64())
        .collect();
    let survey = fleet.survey(interval * 4, interval / 7);
    Figures {
        known_seconds: known.map_or(NONE, |known| known.as_secs_f64()),
        bytes: rates.iter().sum::<f64>() / count as f64,
        most_bytes: rates.iter().copied().fold(0.0, f64::max),
        cpu_and_memory: None,
        mean_age: survey.mean_age(),
        p99_age: survey.age_percentile(99.0),
    }
}

/// Time on a processor of all daemons so far.
fn busy_ticks(lab: &mut Lab) -> f64 {
    let ticks = |host: &mut Host| {
        let text = fs::read_to_string(format!("/proc/{}/stat", host.daemon().pid())).unwrap();
        let (_, fields) = text.rsplit_once(')').unwrap();
        // utime and stime: fields 14 and 15, where the name is the second (proc_pid_stat(5)).
        fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<f64>().unwrap()).sum::<f64>()
    };
    lab.hosts_mut().iter_mut().map(ticks).sum()
}

fn resident_mib(lab: &mut Lab) -> f64 {
    lab.hosts_mut().iter_mut().map(resident_of).sum()
}

fn resident_of(host: &mut Host) -> f64 {
    let text = fs::read_to_string(format!("/proc/{}/status", host.daemon().pid())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

fn print(hosts: usize, seconds: u64, name: &str, figures: Figures) {
    let Figures { known_seconds, bytes, most_bytes, cpu_and_memory, mean_age, p99_age } = figures;
    let [cpu, memory] = match cpu_and_memory {
        Some((cpu, memory)) => [format!("{cpu:.3}"), format!("{memory:.2}")],
        None => ["", ""].map(str::to_owned),
    };
    println!(
        "{hosts:>4} {seconds:>4}  {name:<10} {known_seconds:>9.2} {bytes:>9.0} {most_bytes:>9.0} {cpu:>8} {memory:>8} {mean_age:>9.2} {p99_age:>9.2}"
    );
}

fn print_target(hosts: usize, seconds: u64, name: &str, target: Target) {
    let text = |value: f64| if value == NONE { String::new() } else { value.to_string() };
    let Target { known_seconds, bytes, cpu, memory, mean_age, p99_age } = target;
    let [known_seconds, bytes, cpu, memory, mean_age, p99_age] =
        [known_seconds, bytes, cpu, memory, mean_age, p99_age].map(text);
    println!(
        "{hosts:>4} {seconds:>4}  {name:<10} {known_seconds:>9} {bytes:>9} {:>9} {cpu:>8} {memory:>8} {mean_age:>9} {p99_age:>9}",
        ""
    );
}

/// What is above its target.
fn missed(figures: Figures, target: Target) -> Vec<&'static str> {
    let (cpu, memory) = figures.cpu_and_memory.unwrap_or_default();
    let pairs = [
        ("known", figures.known_seconds, target.known_seconds),
        ("bytes", figures.bytes, target.bytes),
        ("CPU", cpu, target.cpu),
        ("memory", memory, target.memory),
        ("mean age", figures.mean_age, target.mean_age),
        ("p99 age", figures.p99_age, target.p99_age),
    ];
    pairs.into_iter().filter(|(_, value, most)| value > most).map(|(name, ..)| name).collect()
}
