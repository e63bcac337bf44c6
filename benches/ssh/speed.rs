//! Whole processes, beside `ssh -V`.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use super::filled::{Daemon, binary, fill};

const RUNS: usize = 60;

/// Where a tmpfs is on every Linux machine.
const TMPFS: &str = "/dev/shm";

/// A port on which every loopback address takes connections, and hangs up.
fn open_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || while listener.accept().is_ok() {});
    port
}

struct Bench<'a> {
    daemon: &'a Daemon,
    home: &'a Path,
    floor: f64,
}

impl Bench<'_> {
    /// Median and 90th percentile of `program`, in milliseconds.
    fn time(&self, program: &Path, arguments: &[&str]) -> (f64, f64) {
        let run = || {
            let mut command = Command::new(program);
            command.args(arguments).env("PEERMON_SOCKET", self.daemon.socket()).env("HOME", self.home);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let start = Instant::now();
            command.status().unwrap();
            start.elapsed().as_secs_f64() * 1e3
        };
        run();
        let mut times: Vec<f64> = (0..RUNS).map(|_| run()).collect();
        times.sort_by(f64::total_cmp);
        (times[RUNS / 2], times[RUNS * 9 / 10])
    }

    fn print(&self, what: &str, (median, p90): (f64, f64), goal: Option<f64>) {
        let goal = goal.map_or(String::new(), |goal| {
            format!("{goal} ms: {}", if median <= goal { "reached" } else { "NOT reached" })
        });
        println!("{what:<58} {median:>6.2} ms {p90:>6.2} ms {:>6.1}  {goal}", median / self.floor);
    }
}

pub fn processes() -> bool {
    println!("{:<58} {:>9} {:>9} {:>6}  goal", "whole processes", "median", "p90", "ratio");
    let port = open_port();
    for (hosts, goal) in [(100, 10.0), (2_000, 20.0)] {
        let daemon = Daemon::start();
        fill(hosts - 1);
        daemon.wait_for(hosts);
        let home = tempfile::tempdir_in(TMPFS).unwrap();
        let mut bench = Bench { daemon: &daemon, home: home.path(), floor: 1.0 };
        let (ssh, peermon) = (Path::new("ssh"), binary());
        let floor = bench.time(ssh, &["-V"]);
        bench.floor = floor.0;
        println!("N={hosts}");
        bench.print("ssh -V (the floor)", floor, None);
        bench.print("ssh -G node1", bench.time(ssh, &["-F", "none", "-G", "node1"]), None);
        // All but the exec itself: the daemon is asked, ssh is asked for its port, a host that lives is probed.
        let option = format!("Port={port}");
        let to_exec = ["ssh", "--exclude-self", "--print", "-o", &option];
        let by_address = [&to_exec[..], &["-I"]].concat();
        bench.print("smarterSSH -I, from start to exec", bench.time(&peermon, &by_address), Some(goal));
        bench.print("smarterSSH, and this machine's name service", bench.time(&peermon, &to_exec), None);
        let file = home.path().join("hosts");
        let mpigen = ["mpigen", "-n", "100", "-q", file.to_str().unwrap()];
        bench.print("mpigen -n 100 onto a tmpfs", bench.time(&peermon, &mpigen), Some(10.0));
        lab(&bench, port);
    }
    println!();
    true
}

/// `ssh lab` up to the moment that the host hangs up, beside ssh to a host by its address.
fn lab(bench: &Bench<'_>, port: u16) {
    let mut install = Command::new(binary());
    install.args(["ssh-config", "install", "--exclude-self"]).env("HOME", bench.home);
    assert!(install.status().unwrap().success());
    let config = bench.home.join(".ssh/config");
    let text = fs::read_to_string(&config).unwrap() + "Host *\n    BatchMode yes\n";
    fs::write(&config, text).unwrap();
    let port = port.to_string();
    let words = ["-F", config.to_str().unwrap(), "-p", &port];
    let plain = bench.time(Path::new("ssh"), &[&words[..], &["127.7.0.1"]].concat());
    let through = bench.time(Path::new("ssh"), &[&words[..], &["lab"]].concat());
    bench.print("ssh 127.7.0.1, which hangs up at once", plain, None);
    bench.print("ssh lab, likewise", through, None);
    bench.print(
        "what ssh lab takes longer: the command that ssh runs",
        (through.0 - plain.0, through.1 - plain.1),
        Some(20.0),
    );
}
