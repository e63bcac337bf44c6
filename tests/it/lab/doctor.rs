//! `peermon doctor` on real hosts: on a healthy one all is well, and where one thing is broken it says just that.

use std::fs::{self, Permissions};
use std::io::Write;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use peermon::cmd::doctor::check::Check;

use super::life::{USER, is_real_root, make_system_daemon};
use super::users::lend;
use super::world::{Host, Lab, binary, key};
use super::{in_a_lab, in_a_lab_that_filters};
use crate::skip;

const SECOND: Duration = Duration::from_secs(1);

/// A user of the tests; no machine has an account with this number.
const STRANGER: u32 = 64_335;

/// What one check said.
#[derive(Clone, Debug)]
struct Found {
    verdict: String,
    says: String,
    fix: Option<String>,
}

/// What a doctor said on a host.
#[derive(Debug)]
struct Said {
    exit: Option<i32>,
    took: Duration,
    checks: Vec<(String, Found)>,
}

impl Said {
    fn of(host: &Host, words: &[&str]) -> Self {
        let begin = Instant::now();
        let output = host.run(&[&["doctor", "--json"], words].concat());
        Self::read(&output, begin.elapsed())
    }

    fn read(output: &Output, took: Duration) -> Self {
        let said = String::from_utf8_lossy(&output.stdout);
        let said: serde_json::Value =
            serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said} {:?}", output.stderr));
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let checks = said["checks"].as_array().unwrap().iter().map(|check| {
            let found = Found {
                verdict: text(&check["verdict"]).unwrap(),
                says: text(&check["says"]).unwrap(),
                fix: text(&check["fix"]),
            };
            (text(&check["check"]).unwrap(), found)
        });
        let said = Self { exit: output.status.code(), took, checks: checks.collect() };
        let names: Vec<&str> = said.checks.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, Check::ALL.map(Check::name), "every check, in its order");
        let fails = said.checks.iter().any(|(_, found)| found.verdict == "FAIL");
        assert_eq!(said.exit, Some(i32::from(fails)), "{said:?}");
        said
    }

    /// Those that are not `ok`, by their names.
    fn bad(&self) -> Vec<&(String, Found)> {
        self.checks.iter().filter(|(_, found)| found.verdict != "ok").collect()
    }

    /// Only this check is not `ok`, or is skipped.
    #[track_caller]
    fn only(&self, check: Check, verdict: &str, says: &str) -> &Found {
        let bad: Vec<_> = self.bad().into_iter().filter(|(_, found)| found.verdict != "skip").collect();
        let [(name, found)] = bad[..] else { panic!("{check:?}, and only that: {self:#?}") };
        assert_eq!((name.as_str(), found.verdict.as_str()), (check.name(), verdict), "{self:#?}");
        assert!(found.says.contains(says), "'{says}': {found:?}");
        assert!(found.fix.as_ref().is_some_and(|fix| !fix.is_empty()), "{found:?}");
        found
    }
}

/// Something that greets as sshd does, while the value lives.
struct Sshd(SocketAddr, std::sync::Arc<std::sync::atomic::AtomicBool>);

impl Sshd {
    fn start(host: &Host) -> Self {
        let listener = host.network.within(|| TcpListener::bind("0.0.0.0:22")).unwrap();
        let address = SocketAddr::new(host.address, 22);
        let ended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let ends = std::sync::Arc::clone(&ended);
        listener.set_nonblocking(true).unwrap();
        thread::spawn(move || {
            while !ends.load(std::sync::atomic::Ordering::Relaxed) {
                if let Ok((mut stream, _)) = listener.accept() {
                    let _ = stream.write_all(b"SSH-2.0-OpenSSH_stand_in\r\n");
                }
                thread::sleep(Duration::from_millis(2));
            }
        });
        Self(address, ended)
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.1.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Three hosts with a key, of which `change` changes something before their daemons start. The doctor looks at the first.
fn lab(change: impl FnOnce(&mut Lab)) -> (Lab, Sshd) {
    let mut lab = Lab::new(3);
    lab.seeds(3);
    for host in lab.hosts() {
        host.write_secret("gossip.key", &key(1));
    }
    change(&mut lab);
    let sshd = Sshd::start(&lab[0]);
    (lab, sshd)
}

/// Starts all daemons and waits until the first knows `names`.
fn settle(lab: &mut Lab, names: usize) {
    let start = lab.start();
    lab.expect("the hosts know each other", SECOND * 5, start, |lab| {
        let table = lab[0].table().map_err(|error| error.to_string())?;
        let known =
            table.hosts.iter().filter(|host| host.state.is_offered() && host.load1_hundredths.is_some()).count();
        if known == names { Ok(()) } else { Err(format!("{known} of {names}")) }
    });
}

/// As [`lab`], running.
fn running(change: impl FnOnce(&mut Lab)) -> (Lab, Sshd) {
    let (mut lab, sshd) = lab(change);
    settle(&mut lab, 3);
    (lab, sshd)
}

/// Types a fix, as root on that host.
#[track_caller]
fn type_in(host: &Host, fix: &str) {
    let mut command = Command::new("sh");
    command.args(["-c", fix]).stdin(Stdio::null());
    let output = host.network.within(|| command.output()).unwrap();
    assert!(output.status.success(), "{fix}: {output:?}");
}

/// A doctor whom that user calls on a host with a system daemon.
fn as_user(host: &Host, uid: u32) -> Said {
    let uid = uid.to_string();
    let mut command = host.program(Path::new(&host.wrapper[0]));
    command.args(&host.wrapper[1..]).args(["setpriv", "--reuid", &uid, "--regid", &uid, "--clear-groups"]);
    command.arg(binary()).args(["doctor", "--json"]).stdin(Stdio::null());
    Said::read(&host.network.within(|| command.output()).unwrap(), Duration::ZERO)
}

#[track_caller]
fn all_is_well(host: &Host) {
    let said = Said::of(host, &[]);
    assert!(said.bad().is_empty(), "{:?}", said.bad());
}

#[test]
fn a_healthy_host_is_told_that_all_is_well() {
    in_a_lab(|| {
        let (lab, _sshd) = running(|_| {});
        let said = Said::of(&lab[0], &[]);
        assert_eq!((said.bad().len(), said.exit), (0, Some(0)), "{said:#?}");
        assert!(said.took < SECOND * 20, "{said:?}");
        // Whoever asks again at once is told the same.
        all_is_well(&lab[0]);
        let output = lab[0].run(&["doctor"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().filter(|line| line.starts_with("ok  ")).count(), Check::ALL.len(), "{text}");
    });
}

#[test]
fn without_a_daemon_the_doctor_says_so_and_looks_at_the_rest() {
    in_a_lab(|| {
        let (lab, _sshd) = lab(|_| {});
        let said = Said::of(&lab[0], &["--user"]);
        let found = said.only(Check::Daemon, "FAIL", "no daemon answers, and nobody has its UDP port 1288");
        assert_eq!(found.fix.as_deref(), Some("peermon daemon --user --detach"));
        let skipped = said.bad().len() - 1;
        assert_eq!(skipped, 5, "reached, seeds, twins, mixture, drops: {said:#?}");
        // Somebody else has the port.
        let other = lab[0].network.within(|| UdpSocket::bind("0.0.0.0:1289")).unwrap();
        let said = Said::of(&lab[0], &["--user"]);
        let found = said.only(Check::Daemon, "FAIL", "UDP port 1289 is taken by ");
        assert!(found.says.contains(&format!("(process {})", std::process::id())), "{found:?}");
        assert!(found.fix.as_ref().unwrap().starts_with(&format!("kill {}", std::process::id())), "{found:?}");
        drop(other);
    });
}

#[test]
fn the_last_error_of_a_detached_daemons_log_is_told() {
    in_a_lab(|| {
        let (lab, _sshd) = lab(|_| {});
        let log = lab[0].socket().with_extension("log");
        fs::create_dir_all(log.parent().unwrap()).unwrap();
        fs::write(log, "2026-01-01T00:00:00Z ERROR a bug: too tired\n2026-01-01T00:00:01Z  INFO stopping\n").unwrap();
        let said = Said::of(&lab[0], &["--user"]);
        said.only(Check::Daemon, "FAIL", "the log's last error: a bug: too tired");
    });
}

#[test]
fn a_daemon_that_is_stopped_is_told_from_one_that_is_not_there() {
    in_a_lab(|| {
        let (mut lab, _sshd) = running(|_| {});
        lab[0].daemon().signal(Signal::SIGSTOP);
        let said = Said::of(&lab[0], &["--user"]);
        lab[0].daemon().signal(Signal::SIGCONT);
        let found = said.only(Check::Daemon, "FAIL", "did not answer within 2 s: its process ");
        assert_eq!(found.fix.as_deref(), Some(&*format!("kill -CONT {}", lab[0].daemon().pid())));
    });
}

#[test]
fn each_file_that_a_daemon_would_not_take_is_named_with_what_mends_it() {
    in_a_lab(|| {
        let (lab, _sshd) = running(|_| {});
        let host = &lab[0];
        let mode = |file: &str, mode| fs::set_permissions(host.config(file), Permissions::from_mode(mode)).unwrap();
        let machines = fs::read_to_string(host.config("machines.txt")).unwrap();
        let only = |verdict, says: &str, fix: &str| {
            let said = Said::of(host, &[]);
            let found = said.only(Check::Files, verdict, says);
            assert!(found.fix.as_ref().unwrap().contains(fix), "'{fix}': {found:?}");
        };
        host.write_config("peermon.toml", "[gossip]\nintervall = 5\n");
        only("FAIL", "peermon.toml:2: unknown key 'intervall'", "mend that line");
        host.write_config("peermon.toml", "[gossip\n");
        only("FAIL", "peermon.toml:1: ", "mend that line");
        fs::remove_file(host.config("peermon.toml")).unwrap();

        host.write_config("machines.txt", &format!("{machines}300.1.2.3.4\n"));
        only("warn", "machines.txt:4: '300.1.2.3.4' is neither", "mend line 4");
        host.write_config("machines.txt", &machines);
        mode("machines.txt", 0o666);
        only("FAIL", "machines.txt can be changed by everybody (mode 0666)", "chmod go-w ");
        mode("machines.txt", 0o644);

        host.write_config("valid_ips.txt", "lab\n");
        only("FAIL", "valid_ips.txt is an address prefix", "CIDR");
        fs::remove_file(host.config("valid_ips.txt")).unwrap();

        mode("gossip.key", 0o644);
        only("FAIL", "gossip.key is open to others (mode 0644)", "chmod 600 ");
        mode("gossip.key", 0o600);
        host.write_config("gossip.key", "0123\n");
        only("FAIL", "a key is 64 hex digits", "peermon keygen");
        host.write_config("gossip.key", &key(1));
        all_is_well(host);
    });
}

#[test]
fn an_own_address_that_valid_ips_does_not_accept_is_found() {
    in_a_lab(|| {
        let (lab, _sshd) = running(|lab| lab[0].write_config("valid_ips.txt", "10.77.0.2\n10.77.0.3\n"));
        let said = Said::of(&lab[0], &[]);
        let found = said.only(Check::Address, "FAIL", "own address 10.77.0.1 is not in ");
        assert!(found.fix.as_ref().unwrap().starts_with("echo 10.77.0.1 >> "), "{found:?}");
    });
}

#[test]
fn an_address_that_no_interface_has_any_more_is_found() {
    in_a_lab(|| {
        let (lab, _sshd) = running(|lab| {
            let address = lab[0].address.to_string();
            lab[0].give(&["--advertise", &address]);
            // The others still reach it there.
            lab.add_interface(0, "10.77.0.101/16");
        });
        lab[0].network.ip("address del 10.77.0.1/16 dev eth0\naddress add 10.77.0.1/32 dev eth0 scope host\n");
        lab[0].network.ip("address del 10.77.0.1/32 dev eth0\nroute add local 10.77.0.1 dev eth0\n");
        let said = Said::of(&lab[0], &[]);
        said.only(Check::Address, "FAIL", "others are told 10.77.0.1, and no interface of this host has it");
    });
}

#[test]
fn a_firewall_on_this_host_shows_and_the_command_that_is_named_opens_the_port() {
    in_a_lab_that_filters(|| {
        let stateless = "policy accept; }\nadd rule inet lab incoming udp dport 1288 drop";
        // Answers come in, as everywhere; nothing else does.
        let stateful = "policy drop; }\nadd rule inet lab incoming iif lo accept\n\
                        add rule inet lab incoming ct state established,related accept";
        let (lab, _sshd) = running(|_| {});
        for rules in [stateless, stateful] {
            let chain = "add chain inet lab incoming { type filter hook input priority 0;";
            type_in(&lab[0], &format!("nft -f - <<'END'\nadd table inet lab\n{chain} {rules}\nEND"));
            let said = Said::of(&lab[0], &[]);
            let found = said.only(
                Check::Reached,
                "FAIL",
                "what they send unasked does not arrive: UDP port 1288 is closed here",
            );
            let fix = found.fix.clone().unwrap();
            assert_eq!(fix, "nft insert rule inet lab incoming udp dport 1288-1289 accept");
            type_in(&lab[0], &fix);
            // At once: what was found a moment ago is not told again.
            all_is_well(&lab[0]);
            type_in(&lab[0], "nft delete table inet lab");
        }
    });
}

#[test]
fn a_firewall_on_a_machine_that_never_heard_another_shows_too() {
    in_a_lab_that_filters(|| {
        let (mut lab, _sshd) = running(|lab| {
            lab[0].write_config("machines.txt", "10.77.0.2:1288\n10.77.0.3:1288\n");
        });
        // With another port it is another host to the others.
        lab[0].kill();
        lab[0].give(&["-p", "1300"]);
        let rules = "add table inet lab\nadd chain inet lab incoming { type filter hook input priority 0; policy drop; }\n\
                     add rule inet lab incoming iif lo accept\n\
                     add rule inet lab incoming tcp dport 22 accept\n\
                     add rule inet lab incoming ct state established,related accept";
        type_in(&lab[0], &format!("nft -f - <<'END'\n{rules}\nEND"));
        lab[0].start();
        thread::sleep(Duration::from_secs(5));
        let said = Said::of(&lab[0], &[]);
        let found =
            said.only(Check::Reached, "FAIL", "machines to start from answer this host, and what they send unasked");
        type_in(&lab[0], &found.fix.clone().unwrap());
        let begin = Instant::now();
        lab.expect("its port is open, so it joins", Duration::from_secs(20), begin, |lab| {
            let found = Said::of(&lab[0], &[]);
            if found.bad().is_empty() { Ok(()) } else { Err(format!("{:?}", found.checks)) }
        });
    });
}

#[test]
fn a_firewall_that_lets_nothing_out_shows_too() {
    in_a_lab_that_filters(|| {
        let (lab, _sshd) = running(|_| {});
        // On the way: this host's rules have nothing to do with it.
        lab.filter("ip saddr 10.77.0.1 udp sport 1289 drop");
        let said = Said::of(&lab[0], &[]);
        let found = &said.checks.iter().find(|(name, _)| name == Check::Reached.name()).unwrap().1;
        assert_eq!(found.verdict, "FAIL");
        assert!(found.says.starts_with("no answer comes from host-"), "{found:?}");
        assert!(found.fix.as_ref().unwrap().contains("open UDP 1288-1289 in the firewall on the way"), "{found:?}");
    });
}

#[test]
fn each_seed_that_does_not_answer_is_told_with_how_it_does_not() {
    in_a_lab(|| {
        let (lab, _sshd) = running(|lab| {
            lab[0].write_config("machines.txt", "10.77.0.2\n10.77.0.3\n");
        });
        let seeds = |lines: &str| {
            lab[0].write_config("machines.txt", &format!("10.77.0.2\n10.77.0.3\n{lines}"));
            let pid = lab[0].status().unwrap().pid;
            type_in(&lab[0], &format!("kill -HUP {pid}"));
            // The daemon reads the file, and asks the name service.
            thread::sleep(2 * SECOND);
            Said::of(&lab[0], &[])
        };
        let said = seeds("no-such-host.invalid\n");
        let found =
            said.only(Check::Seeds, "warn", "2 of 3 machines to start from answer: no-such-host.invalid:1288 does not");
        assert!(found.fix.as_ref().unwrap().starts_with("getent hosts no-such-host.invalid;"), "{found:?}");
        let said = seeds("10.77.0.2:1500\n");
        said.only(Check::Seeds, "warn", "10.77.0.2:1500 refuses (no daemon there)");
        let said = seeds("10.77.0.99\n");
        said.only(Check::Seeds, "warn", "10.77.0.99:1288 is silent (a firewall, no such machine, or");
        assert_eq!(seeds("").bad().len(), 0);
    });
}

#[test]
fn a_seed_with_another_key_is_told_from_one_that_is_not_there() {
    in_a_lab(|| {
        let (mut lab, _sshd) = lab(|lab| lab[2].write_secret("gossip.key", &key(2)));
        settle(&mut lab, 2);
        lab.expect("the third host speaks", SECOND * 5, Instant::now(), |lab| {
            lab[0].refused("unknown_key").map(drop).ok_or_else(|| "not yet".to_owned())
        });
        let said = Said::of(&lab[0], &[]);
        said.only(Check::Seeds, "warn", "10.77.0.3:1288 is silent (it has another key, or none)");
    });
}

#[test]
fn two_hosts_of_one_name_and_one_host_twice_are_found() {
    in_a_lab(|| {
        let (lab, _sshd) = running(|lab| {
            lab[2].take("--name");
            lab[2].give(&["--name", "host-2"]);
        });
        let said = Said::of(&lab[0], &[]);
        let found = said.only(Check::Twins, "FAIL", "2 hosts are called host-2 (10.77.0.");
        assert!(found.fix.as_ref().unwrap().contains("hostnamectl set-hostname"), "{found:?}");
    });
    in_a_lab(|| {
        let (mut lab, _sshd) = running(|lab| {
            for host in lab.hosts() {
                host.write_config("machines.txt", "10.77.0.1:1288\n10.77.0.2:1288\n10.77.0.3:1288\n");
            }
        });
        // A second daemon of the same network on the second host.
        let mut command = lab[1].daemon_command();
        command.args(["-p", "1300", "-l", "1990"]).stdin(Stdio::null()).stderr(Stdio::null());
        let mut second = lab[1].network.within(|| command.spawn()).unwrap();
        lab.expect("it joins", SECOND * 5, Instant::now(), |lab| match lab[0].table() {
            Ok(table) if table.hosts.len() == 4 => Ok(()),
            Ok(table) => Err(format!("{} hosts", table.hosts.len())),
            Err(error) => Err(error.to_string()),
        });
        let said = Said::of(&lab[0], &[]);
        second.kill().unwrap();
        second.wait().unwrap();
        lab[0].kill();
        said.only(Check::Twins, "warn", "one machine is there 2 times (host-2 at 10.77.0.2:");
    });
}

#[test]
fn a_cloned_machine_that_speaks_with_this_hosts_address_is_found() {
    in_a_lab(|| {
        let (mut lab, _sshd) = lab(|lab| {
            lab.seeds(2);
            // Who answers for the address is decided here, and by nobody's luck.
            lab[1].network.ip("neigh add 10.77.0.1 lladdr 02:77:00:00:00:00 dev eth0 nud permanent\n");
            lab[2].network.ip("address add 10.77.0.1/32 dev lo\n");
            lab.hosts_mut()[2].give(&["--advertise", "10.77.0.1"]);
        });
        lab.hosts_mut()[..2].iter_mut().for_each(Host::start);
        lab.expect("two hosts know each other", SECOND * 5, Instant::now(), |lab| lab.all_offer(&[0, 1]));
        // A daemon that has just begun is taken for its former life, and no clone.
        lab.expect("they have run for a while", SECOND * 11, Instant::now(), |lab| match lab[0].status() {
            Ok(status) if status.up_seconds >= 10 => Ok(()),
            Ok(_) => Err("not yet".to_owned()),
            Err(error) => Err(error.to_string()),
        });
        lab.hosts_mut()[2].start();
        lab.expect("the other host believes the clone", SECOND * 5, Instant::now(), |lab| {
            lab[1].view_of("host-3").map(drop).ok_or_else(|| "not yet".to_owned())
        });
        let said = Said::of(&lab[0], &[]);
        said.only(
            Check::Twins,
            "FAIL",
            "what host-2 sends here is meant for another daemon with the address 10.77.0.1",
        );
    });
}

#[test]
fn intervals_that_differ_are_found() {
    in_a_lab(|| {
        let (lab, _sshd) = running(|lab| {
            lab[2].take("-n");
            lab[2].give(&["-n", "2"]);
        });
        let said = Said::of(&lab[0], &[]);
        let found = said.only(Check::Mixture, "warn", "1 s on 2 hosts");
        assert!(found.says.contains("2 s on 1 host (as host-3)"), "{found:?}");
        assert!(found.fix.as_ref().unwrap().starts_with("interval = 1 in [gossip]"), "{found:?}");
    });
}

#[test]
fn datagrams_that_the_kernel_drops_are_found() {
    in_a_lab(|| {
        let (mut lab, _sshd) = running(|_| {});
        let flood = lab[0].network.within(|| UdpSocket::bind("127.0.0.1:0")).unwrap();
        lab[0].daemon().signal(Signal::SIGSTOP);
        for _ in 0..20_000 {
            flood.send_to(b"noise", "127.0.0.1:1288").unwrap();
        }
        lab[0].daemon().signal(Signal::SIGCONT);
        lab.expect("the flood is read", SECOND * 5, Instant::now(), |lab| {
            lab.all_offer(&[0, 1, 2])
                .and_then(|()| lab[0].refused("not_ours").map(drop).ok_or_else(|| "unread".to_owned()))
        });
        let said = Said::of(&lab[0], &[]);
        said.only(Check::Drops, "warn", "datagrams because the daemon did not read in time");
    });
}

#[test]
fn figures_that_cannot_be_read_are_found() {
    in_a_lab(|| {
        let (lab, _sshd) = running(|_| {});
        for file in ["loadavg", "cpuinfo", "meminfo"] {
            lab.expect("its own figures are known", SECOND * 3, Instant::now(), |lab| {
                let own = lab[0].view_of("host-1").ok_or("not there")?;
                let known = own.load1_hundredths.is_some() && own.cores.is_some() && own.memory_total_mib.is_some();
                if known { Ok(()) } else { Err(format!("{own:?}")) }
            });
            let (there, gone) = (lab[0].proc_root().join(file), lab[0].proc_root().join("gone"));
            fs::rename(&there, &gone).unwrap();
            let said = Said::of(&lab[0], &[]);
            fs::rename(&gone, &there).unwrap();
            let found = said.only(Check::Figures, "FAIL", &format!("proc/{file} does not say this host's "));
            assert!(found.fix.as_ref().unwrap().starts_with("cat "), "{found:?}");
        }
    });
}

#[test]
fn an_sshd_that_takes_no_connections_is_found() {
    in_a_lab(|| {
        let (lab, sshd) = running(|_| {});
        let address = sshd.0;
        drop(sshd);
        lab.expect("it is gone", SECOND, Instant::now(), |lab| {
            let dial = || std::net::TcpStream::connect_timeout(&address, SECOND);
            lab[0].network.within(dial).map_or(Ok(()), |_| Err("it is there".to_owned()))
        });
        let said = Said::of(&lab[0], &[]);
        said.only(Check::Sshd, "FAIL", "sshd takes no connection at 10.77.0.1:22");
        // Something else is there, that says nothing.
        let _mute = lab[0].network.within(|| TcpListener::bind("0.0.0.0:22")).unwrap();
        let said = Said::of(&lab[0], &[]);
        said.only(Check::Sshd, "warn", "does not greet as sshd does");
    });
}

#[test]
fn an_open_network_is_told_of_and_how_it_is_closed() {
    in_a_lab(|| {
        let (lab, _sshd) = running(|lab| {
            for host in lab.hosts() {
                fs::remove_file(host.config("gossip.key")).unwrap();
            }
        });
        let said = Said::of(&lab[0], &[]);
        let found = said.only(Check::Key, "warn", "the network default is open");
        let make = format!("peermon keygen {}", lab[0].config("gossip.key").display());
        assert!(found.fix.as_ref().unwrap().starts_with(&make), "{found:?}");
        assert_eq!(said.exit, Some(0));
    });
}

#[test]
fn a_user_of_the_hosts_own_daemon_need_not_see_its_key() {
    if !is_real_root() {
        return skip::because("only root can become somebody else");
    }
    in_a_lab(|| {
        let mut lab = Lab::new(1);
        make_system_daemon(&mut lab[0], true);
        let file = lab[0].folder.join("etc/peermon/gossip.key");
        lend(&file, &key(1), 0o640);
        let _sshd = Sshd::start(&lab[0]);
        lab[0].start();
        let as_user = |uid| as_user(&lab[0], uid);
        lab.expect("it answers", SECOND * 5, Instant::now(), |_| {
            let daemon = &as_user(0).checks[0].1;
            if daemon.verdict == "ok" { Ok(()) } else { Err(daemon.says.clone()) }
        });
        for (uid, seen) in [(STRANGER, "a key that only the daemon may read"), (0, "a key"), (USER, "a key")] {
            // There is no other host yet.
            let said = as_user(uid);
            said.only(Check::Seeds, "warn", "names no other machine: after a restart this host is alone");
            let files = &said.checks.iter().find(|(name, _)| name == Check::Files.name()).unwrap().1;
            assert_eq!(files.says, format!("/etc/peermon: 0 machines, no valid_ips (all are accepted), {seen}"));
        }
        // What the daemon's group may read is as it should be, though not everybody may; what only root may read is not.
        let machines = lab[0].folder.join("etc/peermon/machines.txt");
        let of_files = |uid| as_user(uid).checks.into_iter().find(|(name, _)| name == Check::Files.name()).unwrap().1;
        lend(&machines, "", 0o640);
        assert_eq!((of_files(STRANGER).verdict, of_files(0).verdict), ("skip".to_owned(), "ok".to_owned()));
        fs::set_permissions(&machines, Permissions::from_mode(0o600)).unwrap();
        let found = of_files(0);
        assert!(found.verdict == "FAIL" && found.says.contains("machines.txt cannot be read by "), "{found:?}");
        assert_eq!(found.fix.as_deref(), Some("chmod o+r /etc/peermon/machines.txt"));
        fs::set_permissions(&machines, Permissions::from_mode(0o644)).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        let said = as_user(STRANGER);
        let bad: Vec<&str> = said.bad().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(bad, ["files", "reached", "seeds"], "{said:#?}");
    });
}

#[test]
fn root_shows_no_line_of_a_file_that_only_another_users_daemon_names_and_reads_no_pipe_of_it() {
    if !is_real_root() {
        return skip::because("only root can become somebody else");
    }
    in_a_lab(|| {
        let mut lab = Lab::new(1);
        make_system_daemon(&mut lab[0], true);
        let file = |name: &str| lab[0].folder.join("etc/peermon").join(name);
        let (usual, named) = (file("machines.txt"), file("named.txt"));
        for path in [&usual, &named] {
            fs::write(path, "10.77.0.2\na:secret\n").unwrap();
        }
        let _sshd = Sshd::start(&lab[0]);
        let files = |lab: &Lab, uid| {
            let said = as_user(&lab[0], uid);
            said.checks.iter().find(|(name, _)| name == Check::Files.name()).unwrap().1.clone()
        };
        let answers = |lab: &mut Lab| {
            lab.expect("it answers", SECOND * 5, Instant::now(), |lab| {
                let daemon = as_user(&lab[0], 0).checks[0].1.clone();
                if daemon.verdict == "ok" { Ok(()) } else { Err(daemon.says) }
            });
        };
        lab[0].start();
        answers(&mut lab);
        assert!(files(&lab, 0).says.starts_with("/etc/peermon/machines.txt:2: 'secret' is not a port"), "root's own");
        lab[0].kill();

        lab[0].give(&["-f", "/etc/peermon/named.txt"]);
        lab[0].start();
        answers(&mut lab);
        for (uid, says) in [(0, "the line is odd and passed over"), (STRANGER, "'secret' is not a port")] {
            let found = files(&lab, uid);
            assert!(found.says.starts_with(&format!("/etc/peermon/named.txt:2: {says}")), "{found:?}");
            assert_eq!(found.fix.unwrap().split(',').next(), Some("mend line 2 of /etc/peermon/named.txt"));
        }
        fs::remove_file(&named).unwrap();
        nix::unistd::mkfifo(&named, nix::sys::stat::Mode::S_IRUSR).unwrap();
        let found = files(&lab, 0);
        assert_eq!(found.verdict, "skip");
        assert_eq!(found.says, "/etc/peermon/named.txt is a pipe or a device, which only the daemon reads");
    });
}

#[test]
fn another_users_process_on_the_client_port_is_found() {
    if !is_real_root() {
        return skip::because("only root can become somebody else");
    }
    in_a_lab(|| {
        let (lab, _sshd) = running(|lab| lab[0].give(&["--no-tcp"]));
        // A private network of somebody else, who has never heard of the host's own.
        let folder = lab[0].folder.join("stranger");
        fs::create_dir(&folder).unwrap();
        for open in [lab[0].folder.parent().unwrap(), &lab[0].folder] {
            fs::set_permissions(open, Permissions::from_mode(0o755)).unwrap();
        }
        nix::unistd::chown(&folder, Some(STRANGER.into()), Some(STRANGER.into())).unwrap();
        let user = STRANGER.to_string();
        let mut command = lab[0].program(Path::new("setpriv"));
        command.args(["--pdeathsig", "KILL", "--reuid", &user, "--regid", &user, "--clear-groups"]);
        command.arg(binary()).args(["daemon", "-u", "-p", "1400", "--network", "other"]);
        command.env("XDG_RUNTIME_DIR", &folder).env("XDG_CONFIG_HOME", &folder).current_dir(&folder);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let mut stranger = lab[0].network.within(|| command.spawn()).unwrap();
        lab.expect("it listens", SECOND * 5, Instant::now(), |lab| {
            let table = lab[0].network.within(|| fs::read_to_string("/proc/thread-self/net/tcp")).unwrap();
            if table.contains("0100007F:07BD") { Ok(()) } else { Err("not yet".to_owned()) }
        });
        let said = Said::of(&lab[0], &[]);
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        let found = said.only(Check::ClientPort, "FAIL", "a process of user 64335 listens on TCP 127.0.0.1:1981");
        assert!(found.fix.as_ref().unwrap().starts_with("ss -ltnp 'sport = :1981'"), "{found:?}");
    });
}

#[test]
fn the_page_has_a_row_for_each_check() {
    let page = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/doctor.md")).unwrap();
    for check in Check::ALL {
        assert!(page.lines().any(|line| line.starts_with(&format!("| `{}` | ", check.name()))), "{check:?}");
    }
}
