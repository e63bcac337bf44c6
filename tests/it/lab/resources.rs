//! A host without files, memory or disk, one that gets thousands of signals, one that is restarted all the
//! time.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::world::{Host, Lab};
use super::{alone_in_a_lab, in_a_lab};

const SECOND: Duration = Duration::from_secs(1);

fn settle(lab: &mut Lab) {
    lab.seeds(1);
    let started = lab.start();
    let all: Vec<usize> = (0..lab.hosts().len()).collect();
    lab.expect("everybody knows everybody", SECOND * 2, started, |lab| lab.all_offer(&all));
}

/// The others hear of the first host while `what` goes on: nobody misses it, and what it says is young.
fn goes_on(lab: &Lab, span: Duration, what: &str) {
    let begin = Instant::now();
    while begin.elapsed() < span {
        for host in &lab.hosts()[1..] {
            let view = host.view_of("host-1").unwrap_or_else(|| panic!("{what}: {} misses it", host.name));
            assert!(view.is_offered(), "{what}: to {}: {view:?}", host.name);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn ends_on_term(host: &mut Host, what: &str) {
    host.daemon().signal(Signal::SIGTERM);
    let told = Instant::now();
    let status = host.daemon().ended(SECOND * 3);
    eprintln!("{what}: ended after {:.2?}", told.elapsed());
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{what}");
}

/// Ticks of a processor (hundredths of a second) that a daemon has used.
fn ticks(host: &mut Host) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/stat", host.daemon().pid())).unwrap();
    let (_, fields) = text.rsplit_once(')').unwrap();
    // utime and stime: fields 14 and 15, where the name is the second (proc_pid_stat(5)).
    fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}

fn resident_kib(host: &mut Host) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/status", host.daemon().pid())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn files(host: &mut Host) -> usize {
    fs::read_dir(format!("/proc/{}/fd", host.daemon().pid())).unwrap().count()
}

/// The first of three hosts is started through `prlimit`, and clients crowd in; gossip goes on, nothing spins.
#[track_caller]
fn check_limit(limit: &str, clients: usize, serves: bool) {
    let mut lab = Lab::new(3);
    lab.seeds(1);
    lab[0].wrapper = ["prlimit", limit].map(str::to_owned).to_vec();
    let started = lab.start();
    lab.expect("the others offer all", SECOND * 2, started, |lab| {
        let offered = |place: usize| lab[place].offers().map_or(0, |names| names.len());
        if (offered(1), offered(2)) == (3, 3) { Ok(()) } else { Err("not yet".to_owned()) }
    });
    let what = limit.to_owned();
    let held: Vec<_> =
        (0..clients).filter_map(|_| std::os::unix::net::UnixStream::connect(lab[0].socket()).ok()).collect();
    let before = ticks(&mut lab[0]);
    goes_on(&lab, SECOND * 3, &what);
    let used = ticks(&mut lab[0]) - before;
    assert!(used < 150, "{what}: {used} hundredths of a second of CPU in three seconds");
    drop(held);
    if serves {
        lab.expect("clients are served again", SECOND * 3, Instant::now(), |lab| {
            lab[0].table().map(|_| ()).map_err(|error| error.to_string())
        });
    }
    ends_on_term(&mut lab[0], &what);
}

#[test]
fn with_16_files_gossip_goes_on_and_term_ends_it() {
    in_a_lab(|| {
        // With sixteen there is one beside what a daemon always has open: its figures are read with that.
        check_limit("--nofile=16", 0, false);
        check_limit("--nofile=24", 40, true);
    });
}

#[test]
fn with_256_mib_of_addresses_gossip_goes_on_and_term_ends_it() {
    in_a_lab(|| check_limit("--as=268435456", 200, true));
}

#[test]
fn with_a_full_disk_for_socket_and_pid_a_daemon_runs_and_serves_over_tcp() {
    in_a_lab(|| {
        let mut lab = Lab::new(3);
        let run = lab[0].folder.join("run").display().to_string();
        // Not one inode is left for a socket.
        let script = "mount -t tmpfs -o size=4k,nr_inodes=2 full \"$0\" && : >\"$0/taken\"; exec \"$@\"";
        lab[0].wrapper = ["unshare", "--mount", "sh", "-c", script, &run].map(str::to_owned).to_vec();
        lab.seeds(1);
        let started = lab.start();
        let offers = |lab: &Lab, place: usize| -> Result<(), String> {
            let offered = lab[place].offers().map_err(|error| error.to_string())?;
            if offered.len() == 3 { Ok(()) } else { Err(format!("{offered:?}")) }
        };
        lab.expect("the others know all", SECOND * 2, started, |lab| offers(lab, 1).and_then(|()| offers(lab, 2)));
        let output = lab[0].run(&["query", "--socket", "127.0.0.1:1981"]);
        assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 3, "{output:?}");
        let log = lab[0].log();
        assert_eq!(log.lines().filter(|line| line.contains("No space left on device")).count(), 1, "one line:\n{log}");
        ends_on_term(&mut lab[0], "a full disk");
    });
}

#[test]
fn five_thousand_signals_a_second_hold_up_nothing_and_term_ends_it() {
    in_a_lab(|| {
        let mut lab = Lab::new(3);
        settle(&mut lab);
        let daemon = lab[0].daemon().pid();
        // HUP is answered, CONT and WINCH only end what the kernel was waiting for.
        let signals = [Signal::SIGHUP, Signal::SIGCONT, Signal::SIGWINCH, Signal::SIGURG];
        let pid = nix::unistd::Pid::from_raw(i32::try_from(daemon).unwrap());
        let begin = Instant::now();
        let mut sent = 0u32;
        thread::scope(|scope| {
            let storm = scope.spawn(|| {
                while begin.elapsed() < SECOND * 4 {
                    let due = (begin.elapsed().as_micros() / 200) as u32;
                    while sent < due {
                        nix::sys::signal::kill(pid, signals[sent as usize % signals.len()]).unwrap();
                        sent += 1;
                    }
                    thread::sleep(Duration::from_millis(1));
                }
                sent
            });
            goes_on(&lab, SECOND * 4, "signals");
            let asked = Instant::now();
            lab[0].table().unwrap();
            assert!(asked.elapsed() < SECOND, "{:.2?}", asked.elapsed());
            let sent = storm.join().unwrap();
            assert!(sent >= 15_000, "{sent}");
        });
        let log = lab[0].log();
        let read = log.lines().filter(|line| line.contains("read again")).count();
        assert!((1..=6).contains(&read), "read {read} times, once a second at most:\n{log}");
        assert!(!log.contains("ERROR"), "{log}");
        ends_on_term(&mut lab[0], "signals");
    });
}

#[test]
fn while_hosts_restart_all_the_time_memory_and_files_of_the_others_stay_as_they_are() {
    alone_in_a_lab(|| {
        let mut lab = Lab::new(20);
        settle(&mut lab);
        let begin = Instant::now();
        let mut at_half = None;
        let mut turn = 0;
        while begin.elapsed() < SECOND * 16 {
            let place = 2 + turn * 7 % 18;
            lab[place].kill();
            lab[place].start();
            turn += 1;
            if begin.elapsed() > SECOND * 6 && at_half.is_none() {
                at_half = Some([0, 1].map(|place| (resident_kib(&mut lab[place]), files(&mut lab[place]))));
            }
            // Those that never stop always offer each other.
            for (who, about) in [(0, "host-2"), (1, "host-1")] {
                let view = lab[who].view_of(about).unwrap();
                assert!(view.is_offered(), "turn {turn}: {view:?}");
            }
            thread::sleep((SECOND / 5 * turn as u32).saturating_sub(begin.elapsed()));
        }
        let before = at_half.expect("it took long enough");
        for place in [0, 1] {
            let (memory, open) = (resident_kib(&mut lab[place]), files(&mut lab[place]));
            eprintln!("{turn} restarts: {:?} then {memory} KiB and {open} files", before[place]);
            assert!(memory * 10 <= before[place].0 * 11, "{memory} KiB after {}", before[place].0);
            assert!(open <= before[place].1 + 2, "{open} files after {}", before[place].1);
            assert!(lab[place].table().unwrap().hosts.len() == 20, "restarted hosts are the same hosts");
        }
        let all: Vec<usize> = (0..20).collect();
        lab.expect("all know all", SECOND * 2, Instant::now(), |lab| lab.all_offer(&all));
    });
}
