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

/// What is run, and its goal in milliseconds.
struct Row<'a> {
    what: &'a str,
    program: &'a Path,
    arguments: Vec<&'a str>,
    goal: Option<f64>,
}

pub fn processes() -> bool {
    println!("{:<58} {:>9} {:>9} {:>9} {:>6}  goal", "whole processes, in turn", "least", "median", "p90", "ratio");
    let port = open_port();
    for (hosts, goal) in [(100, 10.0), (2_000, 20.0)] {
        let daemon = Daemon::start();
        fill(hosts - 1);
        daemon.wait_for(hosts);
        println!("N={hosts}");
        with_a_table(&daemon, port, goal);
    }
    println!();
    true
}

fn with_a_table(daemon: &Daemon, port: u16, goal: f64) {
    let home = tempfile::tempdir_in(TMPFS).unwrap();
    let mut install = Command::new(binary());
    install.args(["ssh-config", "install", "--exclude-self"]).env("HOME", home.path());
    assert!(install.status().unwrap().success());
    let config = home.path().join(".ssh/config");
    let text = fs::read_to_string(&config).unwrap() + "Host *\n    BatchMode yes\n";
    fs::write(&config, text).unwrap();

    let (ssh, peermon, file) = (Path::new("ssh"), binary(), home.path().join("hosts"));
    let (config, file) = (config.to_str().unwrap(), file.to_str().unwrap());
    let (number, option) = (port.to_string(), format!("Port={port}"));
    let through = |host| vec!["-F", config, "-p", &number, host];
    // All but the exec itself: the daemon is asked, ssh is asked for its port, a host that lives is probed.
    let to_exec = vec!["ssh", "--exclude-self", "--print", "-F", "none", "-o", &option];
    let by_address = [&to_exec[..], &["-I"]].concat();
    let mpigen = vec!["mpigen", "-n", "100", "-q", file];
    let row = |what, program, arguments, goal| Row { what, program, arguments, goal };
    let rows = [
        row("ssh -V (the floor)", ssh, vec!["-V"], None),
        row("ssh -G node1", ssh, vec!["-F", "none", "-G", "node1"], None),
        row("smarterSSH -I, from start to exec", &peermon, by_address, Some(goal)),
        row("smarterSSH, and this machine's name service", &peermon, to_exec, None),
        row("mpigen -n 100 onto a tmpfs", &peermon, mpigen, Some(10.0)),
        row("ssh 127.7.0.1, which hangs up at once", ssh, through("127.7.0.1"), None),
        row("ssh lab, likewise", ssh, through("lab"), None),
    ];
    let run = |row: &Row<'_>| {
        let mut command = Command::new(row.program);
        command.args(&row.arguments).env("PEERMON_SOCKET", daemon.socket()).env("HOME", home.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let start = Instant::now();
        command.status().unwrap();
        start.elapsed().as_secs_f64() * 1e3
    };
    // One of each in turn, so that all of them meet the same noise.
    let rounds: Vec<Vec<f64>> = (0..RUNS).map(|_| rows.iter().map(run).collect()).collect();
    let times = |of: &dyn Fn(&[f64]) -> f64| {
        let mut times: Vec<f64> = rounds.iter().map(|round| of(round)).collect();
        times.sort_by(f64::total_cmp);
        times
    };
    let floor = times(&|round| round[0])[RUNS / 2];
    for (place, row) in rows.iter().enumerate() {
        print(row.what, &times(&|round| round[place]), floor, row.goal);
    }
    let longer = times(&|round| round[6] - round[5]);
    print("what ssh lab takes longer: the command that ssh runs", &longer, floor, Some(20.0));
}

fn print(what: &str, times: &[f64], floor: f64, goal: Option<f64>) {
    let (least, median, p90) = (times[0], times[RUNS / 2], times[RUNS * 9 / 10]);
    let goal = goal
        .map_or(String::new(), |goal| format!("{goal} ms: {}", if median <= goal { "reached" } else { "NOT reached" }));
    println!("{what:<58} {least:>6.2} ms {median:>6.2} ms {p90:>6.2} ms {:>6.1}  {goal}", median / floor);
}
