//! Starting, ending, reading again, giving up root: a daemon and its process.

use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getuid};

use super::in_a_lab;
use super::world::{Host, Lab, key, through_signals};
use crate::skip;

const SECOND: Duration = Duration::from_secs(1);

fn lonely() -> Lab {
    let mut lab = Lab::new(1);
    let started = lab.start();
    lab.expect("it answers", SECOND, started, |lab| lab.all_offer(&[0]));
    lab
}

#[test]
fn a_daemon_that_is_started_twice_names_the_port_and_the_first_goes_on() {
    in_a_lab(|| {
        let mut lab = lonely();
        let pid = lab[0].daemon().pid();
        let usual = lab[0].arguments.clone();
        let socket = lab[0].socket();
        let cases: &[(&[&str], &str)] = &[
            (&[], "cannot listen on UDP port 1288: Address already in use (os error 98)"),
            (&["-p", "1287"], "cannot listen on UDP port 1288: Address already in use (os error 98)"),
            (&["-p", "1289"], "cannot listen on UDP port 1289: Address already in use (os error 98)"),
            (&["-p", "1300"], "cannot listen on TCP port 1981 of 127.0.0.1: Address already in use (os error 98)"),
            (&["-p", "1300", "--no-tcp"], &format!("another daemon serves {}", socket.display())),
        ];
        for (more, what) in cases {
            lab[0].arguments.clone_from(&usual);
            lab[0].give(more);
            let output = lab[0].run_daemon();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!((output.status.code(), &output.stdout[..]), (Some(2), &b""[..]), "{more:?}: {said}");
            let lines: Vec<&str> = said.lines().filter(|line| !line.contains(" WARN there is no ")).collect();
            assert_eq!(lines[0], format!("peermon daemon: {what}"), "{more:?}");
            assert!(lines.len() == 2 && lines[1].starts_with("hint: "), "{said}");
            assert_eq!(lab[0].status().unwrap().pid, pid, "the first one goes on");
            assert!(fs::metadata(&socket).unwrap().file_type().is_socket());
        }
    });
}

#[test]
fn a_daemon_that_is_killed_a_hundred_times_starts_at_once_each_time() {
    in_a_lab(|| {
        let mut lab = Lab::new(1);
        let (mut slowest, begin) = (Duration::ZERO, Instant::now());
        for life in 1..=100 {
            let started = lab.start();
            while lab[0].table().is_err() {
                let took = started.elapsed();
                assert!(took < SECOND * 3, "life {life} does not answer after {took:.2?}");
                thread::sleep(Duration::from_millis(2));
            }
            slowest = slowest.max(started.elapsed());
            // A client that the killed daemon leaves behind, so that the kernel keeps its end of the connection.
            let client = lab[0].network.within(|| TcpStream::connect("127.0.0.1:1981")).unwrap();
            lab[0].kill();
            drop(client);
        }
        eprintln!("100 lives in {:.2?}; the slowest answered after {slowest:.2?}", begin.elapsed());
    });
}

#[test]
fn term_and_int_end_a_daemon_within_a_second_with_exit_code_0_and_no_file_left_over() {
    in_a_lab(|| {
        for signal in [Signal::SIGTERM, Signal::SIGINT] {
            let mut lab = Lab::new(3);
            lab.seeds(1);
            let started = lab.start();
            lab.expect("everybody knows everybody", SECOND, started, |lab| lab.all_offer(&[0, 1, 2]));
            lab[0].daemon().signal(signal);
            let told = Instant::now();
            let status = lab[0].daemon().ended(SECOND * 3).expect("it has ended");
            eprintln!("{signal}: ended after {:.2?}", told.elapsed());
            assert_eq!(status.code(), Some(0));
            assert!(!lab[0].socket().exists());
            assert_eq!(lab[0].out(), "");
        }
    });
}

#[test]
fn hup_reads_machines_key_and_labels_again() {
    in_a_lab(|| {
        let mut lab = Lab::new(2);
        let hup = |lab: &mut Lab, place: usize| {
            lab[place].daemon().signal(Signal::SIGHUP);
            Instant::now()
        };
        let started = lab.start();
        lab.expect("both run alone", SECOND, started, |lab| {
            let offers = |place: usize| lab[place].offers().map_or(0, |names| names.len());
            if (offers(0), offers(1)) == (1, 1) { Ok(()) } else { Err("not yet".to_owned()) }
        });
        let second = lab[1].address;
        lab[0].write_config("machines.txt", &format!("{second}\n"));
        let told = hup(&mut lab, 0);
        lab.expect("the new machine is found", SECOND * 2, told, |lab| lab.all_offer(&[0, 1]));

        lab[0].write_config("peermon.toml", "[host]\nlabels = [\"rack=8\"]\n");
        let told = hup(&mut lab, 0);
        lab.expect("the new label is known", SECOND * 2, told, |lab| {
            let labels = lab[1].view_of("host-1").map(|view| view.labels).unwrap_or_default();
            if labels == ["rack=8".parse().unwrap()] { Ok(()) } else { Err(format!("{labels:?}")) }
        });

        for (place, answers) in [(0, "one"), (1, "both")] {
            lab[place].write_secret("gossip.key", &key(1));
            let told = hup(&mut lab, place);
            lab.expect(&format!("{answers} closed by a key"), SECOND, told, |lab| {
                if lab[place].status().is_ok_and(|status| status.keyed) { Ok(()) } else { Err("open".to_owned()) }
            });
        }
        lab.expect("they know each other under the key", SECOND * 5, Instant::now(), |lab| lab.all_offer(&[0, 1]));
        assert!(!lab[0].log().contains("ERROR"), "{}", lab[0].log());
    });
}

#[test]
fn a_key_is_replaced_on_all_hosts_one_after_another_and_nobody_is_ever_missing() {
    in_a_lab(|| {
        let all = [0, 1, 2, 3, 4];
        let mut lab = Lab::new(5);
        lab.seeds(2);
        lab.hosts().iter().for_each(|host| host.write_secret("gossip.key", &key(1)));
        let started = lab.start();
        lab.expect("everybody knows everybody", SECOND, started, |lab| lab.all_offer(&all));
        // Added everywhere, then first everywhere, then the old one is removed.
        let steps = [key(1) + &key(2), key(2) + &key(1), key(2)];
        for (keys, order) in steps.into_iter().zip([[3, 0, 4, 1, 2], [2, 4, 1, 0, 3], [4, 1, 3, 2, 0]]) {
            for place in order {
                lab[place].write_secret("gossip.key", &keys);
                lab[place].daemon().signal(Signal::SIGHUP);
                for _ in 0..4 {
                    lab.all_offer(&all).unwrap();
                    thread::sleep(SECOND / 10);
                }
            }
            // Each has told the others what it holds.
            thread::sleep(SECOND * 2);
            lab.all_offer(&all).unwrap();
        }
    });
}

#[test]
fn bad_files_on_hup_leave_all_as_it_was_and_say_so_in_one_line() {
    in_a_lab(|| {
        let mut lab = Lab::new(2);
        lab.seeds(2);
        lab[0].write_config("peermon.toml", "[host]\nlabels = [\"rack=7\"]\n");
        for host in lab.hosts() {
            host.write_config("valid_ips.txt", "10.77\n");
            host.write_secret("gossip.key", &key(1));
        }
        let started = lab.start();
        lab.expect("they know each other", SECOND, started, |lab| lab.all_offer(&[0, 1]));
        let keep = |file: &str| (fs::read(lab[0].config(file)).unwrap(), file.to_owned());
        let kept = ["peermon.toml", "valid_ips.txt", "gossip.key"].map(keep);
        let cases: &[(&str, &str, u32, &str)] = &[
            (
                "peermon.toml",
                "[gossip]\nprot = 1\n",
                0o644,
                "peermon.toml:2: unknown key 'prot' in [gossip] (did you mean 'port'?)",
            ),
            ("peermon.toml", "[gossip\n", 0o644, "peermon.toml:1: "),
            ("valid_ips.txt", "256.256.256\n", 0o644, "valid_ips.txt is an address prefix"),
            ("gossip.key", &key(2), 0o644, "gossip.key is open to others (mode 0644)"),
            ("gossip.key", "short\n", 0o600, "gossip.key: line 1: a key is 64 hex digits"),
        ];
        for (round, (file, text, mode, why)) in (1..).zip(cases) {
            lab[0].write_config(file, text);
            fs::set_permissions(lab[0].config(file), Permissions::from_mode(*mode)).unwrap();
            lab[0].daemon().signal(Signal::SIGHUP);
            lab.expect("it says so", SECOND, Instant::now(), |lab| {
                let log = lab[0].log();
                let errors: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
                match errors.last() {
                    Some(last) if last.contains("HUP changes nothing: ") && last.contains(why) => {
                        assert_eq!(errors.len(), round, "one line for each");
                        Ok(())
                    }
                    _ => Err(format!("not: {why}")),
                }
            });
            for (bytes, file) in &kept {
                fs::write(lab[0].config(file), bytes).unwrap();
            }
            fs::set_permissions(lab[0].config("gossip.key"), Permissions::from_mode(0o600)).unwrap();
        }
        thread::sleep(SECOND * 3);
        lab.all_offer(&[0, 1]).unwrap();
        let view = lab[1].view_of("host-1").unwrap();
        assert_eq!((view.labels, lab[0].status().unwrap().keyed), (vec!["rack=7".parse().unwrap()], true));
    });
}

/// User `peermon` of the tests; no machine has an account with this number.
pub const USER: u32 = 64_321;

/// Makes the daemon of `host` the host's own: no `-u`, an `/etc` with or without user peermon, and a `/run`.
pub fn make_system_daemon(host: &mut Host, with_user: bool) {
    let user = if with_user { format!("peermon:x:{USER}:{USER}::/nonexistent:/bin/false\n") } else { String::new() };
    let passwd = format!("root:x:0:0:root:/root:/bin/sh\n{user}");
    let group = format!(
        "root:x:0:\nadm:x:4:root,peermon\n{}",
        if with_user { format!("peermon:x:{USER}:\n") } else { String::new() }
    );
    let machines = "# nobody yet\n";
    let etc = [
        ("passwd", &*passwd),
        ("group", &*group),
        ("nsswitch.conf", "passwd: files\n"),
        ("peermon/machines.txt", machines),
    ];
    host.give_etc(&etc);
    let run = host.folder.join("system-run");
    fs::create_dir_all(&run).unwrap();
    host.mount(&run, "/run");
    assert_eq!(host.arguments.remove(0), "-u");
    // Whoever it becomes must reach its figures.
    for folder in [&host.folder, host.folder.parent().unwrap()] {
        fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    }
}

pub fn is_real_root() -> bool {
    // In a user namespace there are no other users to become.
    getuid().is_root() && fs::read_to_string("/proc/self/uid_map").unwrap().split_whitespace().nth(2) != Some("1")
}

#[test]
fn root_becomes_user_peermon_wholly() {
    if !is_real_root() {
        return skip::because("only root can become somebody else");
    }
    in_a_lab(|| {
        let mut lab = Lab::new(1);
        make_system_daemon(&mut lab[0], true);
        // Readable for nobody but root and peermon.
        let key_file = lab[0].folder.join("etc/peermon/gossip.key");
        fs::write(&key_file, key(1)).unwrap();
        fs::set_permissions(&key_file, Permissions::from_mode(0o640)).unwrap();
        nix::unistd::chown(&key_file, None, Some(USER.into())).unwrap();
        lab[0].start();
        let pid = lab[0].daemon().pid();
        let socket = format!("/proc/{pid}/root/run/peermon/1981.sock");
        lab.expect("it runs", SECOND, Instant::now(), |lab| {
            if lab[0].log().contains("closed by a key") { Ok(()) } else { Err("does not say so".to_owned()) }
        });
        let mode = fs::metadata(&socket).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o666, "everybody may ask it");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>()
        };
        let user = USER.to_string();
        assert_eq!(field("Uid"), [&*user; 4]);
        assert_eq!(field("Gid"), [&*user; 4]);
        assert_eq!(field("Groups"), [&*user]);
        for capabilities in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(field(capabilities), ["0000000000000000"], "{capabilities}");
        }
        assert_eq!(field("NoNewPrivs"), ["1"]);
        // All threads, not only the first.
        for thread in fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
            let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
            assert!(status.contains(&format!("Uid:\t{USER}\t{USER}\t{USER}\t{USER}\n")), "{status}");
        }
        // It can put away its socket still.
        lab[0].daemon().signal(Signal::SIGTERM);
        assert_eq!(lab[0].daemon().ended(SECOND * 3).and_then(|status| status.code()), Some(0));
        assert!(!lab[0].folder.join("system-run/peermon/1981.sock").exists());
    });
}

#[test]
fn a_key_that_only_root_can_read_is_refused_by_the_hosts_daemon_with_what_mends_it() {
    if !is_real_root() {
        return skip::because("only root can become somebody else");
    }
    in_a_lab(|| {
        let mut lab = Lab::new(1);
        make_system_daemon(&mut lab[0], true);
        let key_file = lab[0].folder.join("etc/peermon/gossip.key");
        fs::write(&key_file, key(1)).unwrap();
        fs::set_permissions(&key_file, Permissions::from_mode(0o600)).unwrap();
        let output = lab[0].run_daemon();
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(2), &b""[..]));
        let said = format!(
            "peermon daemon: cannot read /etc/peermon/gossip.key: Permission denied (os error 13)\n\
             hint: it must be readable for the daemon's user: chown {USER} /etc/peermon/gossip.key\n"
        );
        assert_eq!(String::from_utf8(output.stderr).unwrap(), said);
    });
}

#[test]
fn user_peermon_itself_may_start_the_hosts_daemon_and_anybody_else_is_told_of_u() {
    if !is_real_root() {
        return skip::because("only root can become somebody else");
    }
    in_a_lab(|| {
        let mut lab = Lab::new(1);
        make_system_daemon(&mut lab[0], true);
        let folder = lab[0].folder.join("system-run/peermon");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        nix::unistd::chown(&folder, Some(USER.into()), Some(USER.into())).unwrap();
        let mounted = lab[0].wrapper.clone();
        let as_user = |user: u32| {
            let words = ["setpriv", "--reuid", &user.to_string(), "--regid", &user.to_string(), "--clear-groups"];
            [mounted.clone(), words.map(str::to_owned).to_vec()].concat()
        };
        lab[0].wrapper = as_user(USER + 1);
        let output = lab[0].run_daemon();
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(2), &b""[..]));
        let said = "peermon daemon: only root or user peermon may start the host's own daemon\n\
                    hint: peermon daemon -u runs a private network of your own\n";
        assert_eq!(String::from_utf8(output.stderr).unwrap(), said);

        lab[0].wrapper = as_user(USER);
        lab[0].start();
        lab.expect("it has its socket", SECOND, Instant::now(), |lab| {
            if folder.join("1981.sock").exists() { Ok(()) } else { Err(lab[0].log()) }
        });
    });
}

#[test]
fn root_without_a_user_peermon_is_told_how_to_make_one() {
    if !is_real_root() {
        return skip::because("only root can become somebody else");
    }
    in_a_lab(|| {
        let mut lab = Lab::new(1);
        make_system_daemon(&mut lab[0], false);
        let output = lab[0].run_daemon();
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(2), &b""[..]));
        let said = "peermon daemon: there is no user peermon, as whom the host's own daemon runs\n\
                    hint: adduser --system --group peermon; or peermon daemon -u for a private network\n";
        assert_eq!(String::from_utf8(output.stderr).unwrap(), said);
    });
}

#[test]
fn systemd_is_told_when_a_daemon_is_ready_reads_again_and_stops_and_that_it_is_alive() {
    in_a_lab(|| {
        let mut lab = Lab::new(1);
        let path = lab[0].folder.join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        systemd.set_read_timeout(Some(SECOND * 6)).unwrap();
        lab[0].variables.push(("NOTIFY_SOCKET".to_owned(), path.display().to_string()));
        lab[0].variables.push(("WATCHDOG_USEC".to_owned(), "5000000".to_owned()));
        let next = |wanted: &str| {
            let begin = Instant::now();
            loop {
                let mut bytes = [0; 500];
                let received = through_signals(|| systemd.recv(&mut bytes));
                let length = received.unwrap_or_else(|error| panic!("no {wanted}: {error}"));
                let said = String::from_utf8_lossy(&bytes[..length]).into_owned();
                if said.lines().any(|line| line == wanted) {
                    return begin.elapsed();
                }
                assert!(said.starts_with("WATCHDOG=1"), "{said} instead of {wanted}");
            }
        };
        lab[0].start();
        next("READY=1");
        lab[0].table().unwrap();
        for _ in 0..3 {
            let took = next("WATCHDOG=1");
            assert!(took < SECOND * 5, "systemd would have killed it: {took:.2?}");
        }
        lab[0].daemon().signal(Signal::SIGHUP);
        next("RELOADING=1");
        next("READY=1");
        lab[0].daemon().signal(Signal::SIGTERM);
        next("STOPPING=1");
        assert_eq!(lab[0].daemon().ended(SECOND * 3).and_then(|status| status.code()), Some(0));
    });
}

/// The daemon in the background, which nothing else would end.
struct Detached(i32);

impl Drop for Detached {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.0), Signal::SIGKILL);
    }
}

#[test]
fn option_detach_returns_when_the_daemon_in_the_background_answers_or_with_its_exit_code() {
    in_a_lab(|| {
        let mut lab = Lab::new(1);
        // As somebody whose folder in /tmp nobody else uses.
        let user = (1_000_000 + process::id()).to_string();
        let folder = format!("/tmp/peermon-{user}");
        lab[0].wrapper = ["unshare", "--user", "--map-user", &user].map(str::to_owned).to_vec();
        lab[0].give(&["--detach"]);
        let begin = Instant::now();
        let output = lab[0].run_daemon();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b""[..]), "{said}");
        eprintln!("returned after {:.2?}", begin.elapsed());
        let pid = fs::read_to_string(format!("{folder}/1981.pid")).unwrap();
        let daemon = Detached(pid.trim().parse().unwrap());
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        let socket = format!("{folder}/1981.sock");
        let answers = |lab: &Lab| lab[0].run(&["query", "--socket", &socket]);
        assert_eq!(answers(&lab).stdout, b"host-1\n");
        assert_eq!(fs::read_link(format!("/proc/{}/cwd", daemon.0)).unwrap(), Path::new("/"));
        assert!(fs::read_to_string(format!("{folder}/1981.log")).unwrap().contains("started: host-1"));

        // Again: the exit code and the words of the one that does not start.
        let output = lab[0].run_daemon();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(2), &b""[..]), "{said}");
        assert!(said.contains("peermon daemon: cannot listen on UDP port 1288: "), "{said}");
        assert_eq!(answers(&lab).stdout, b"host-1\n", "the first one goes on");

        kill(Pid::from_raw(daemon.0), Signal::SIGTERM).unwrap();
        lab.expect("its files go with it", SECOND, Instant::now(), |_| {
            let left = ["pid", "sock"].map(|file| Path::new(&format!("{folder}/1981.{file}")).exists());
            if left == [false, false] { Ok(()) } else { Err(format!("{left:?}")) }
        });
        fs::remove_dir_all(&folder).unwrap();
    });
}
