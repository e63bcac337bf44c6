//! What starts the machine's own daemon and keeps it alive: units, init script, health check.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::install_machine::check_contains;
use crate::machine::Machine;
use crate::skip;

/// The units in packaging/systemd. Those of users lie in a folder of their own.
fn units() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/systemd");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let units: Vec<PathBuf> = paths.filter(|path| path.is_file()).collect();
    assert!(units.iter().any(|unit| unit.ends_with("peermon.service")), "{units:?}");
    units
}

/// The settings of a unit, without comments.
fn settings(unit: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(unit).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(key, value)| (key.into(), value.into())).collect()
}

/// What would falsify or stop what the daemon reports.
const FORBIDDEN: [&str; 7] =
    ["ProcSubset", "IPAddressDeny", "PrivateNetwork", "CPUQuota", "AllowedCPUs", "MemoryMax", "MemoryHigh"];

#[test]
fn every_unit_is_closed_up_to_1_2_and_has_no_setting_that_falsifies_figures() {
    for unit in units() {
        for (key, _) in settings(&unit) {
            assert!(!FORBIDDEN.contains(&key.as_str()), "{}: {key}", unit.display());
        }
        if unit.extension().is_none_or(|extension| extension != "service") {
            continue;
        }
        let Ok(output) =
            Command::new("systemd-analyze").args(["security", "--offline=true", "--no-pager"]).arg(&unit).output()
        else {
            return skip::because("no systemd-analyze here");
        };
        let said = String::from_utf8_lossy(&output.stdout);
        let (_, exposure) = said.split_once("Overall exposure level for ").unwrap_or_else(|| panic!("{output:?}"));
        let exposure: f64 = exposure.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(exposure <= 1.2, "{}: {exposure}", unit.display());
    }
}

#[test]
fn the_unit_is_restarted_watched_and_speaks_to_systemd() {
    let unit = units().into_iter().find(|unit| unit.ends_with("peermon.service")).unwrap();
    let settings = settings(&unit);
    let value = |key: &str| settings.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_str());
    assert_eq!(
        [
            value("Type"),
            value("Restart"),
            value("User"),
            value("Group"),
            value("RuntimeDirectory"),
            value("PrivateMounts")
        ],
        [Some("notify"), Some("always"), Some("peermon"), Some("peermon"), Some("peermon"), Some("yes")]
    );
    assert!(value("WatchdogSec").is_some() && value("RestrictAddressFamilies").unwrap().contains("AF_NETLINK"));
}

#[test]
fn every_unit_is_one_that_systemd_takes_as_installed() {
    let Some(machine) = Machine::of_an_administrator("ada") else { return };
    if machine.shell("command -v systemd-analyze").code != Some(0) {
        return skip::because("no systemd-analyze here");
    }
    machine.install("--no-start");
    // Other units of this machine may have faults of their own.
    let outcome = machine.shell("systemd-analyze verify --man=yes /usr/local/lib/systemd/system/peermon*");
    let about_ours: Vec<&str> = outcome.stderr.lines().filter(|line| line.contains("peermon")).collect();
    assert_eq!((outcome.code, about_ours), (Some(0), vec![]), "{outcome:?}");
}

/// Starts what it is given as `peermon.service` has it, as far as that can be had without systemd: the file system cannot be
/// written but for the runtime folder, homes and devices are away, no capability is left, and of users it knows root and itself.
const UNDER_THE_UNIT: &str = r#"
set -e
install -d -o peermon -g peermon -m 755 /run/peermon
mount --make-rprivate /
mount -o bind /run/peermon /run/peermon
for folder in /home /root /tmp /dev; do mount -t tmpfs tmpfs $folder; done
for device in null zero random urandom; do touch /dev/$device; done
mkdir -p /mnt/devices && mount -t tmpfs tmpfs /mnt/devices
for device in null:3 zero:5 random:8 urandom:9; do
    mknod -m 666 /mnt/devices/${device%:*} c 1 ${device#*:}
    mount -o bind /mnt/devices/${device%:*} /dev/${device%:*}
done
for mounted in / $(awk '$2 != "/" && $2 !~ "^/(proc|sys|dev/|run/peermon)" { print $2 }' /proc/mounts | sort -u); do
    [ ! -e "$mounted" ] || mount -o bind,remount,ro "$mounted"
done
! touch /etc/written /usr/written /tmp/written 2>/dev/null
umask 077
# PrivateUsers=yes: root and the daemon's own user are who they are, all others nobody.
unshare --user sh -c 'until grep -q . /proc/self/uid_map && grep -q . /proc/self/gid_map; do sleep 0.02; done; exec "$@"' sh \
    setpriv --reuid=peermon --regid=peermon --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all \
    env NOTIFY_SOCKET=/run/peermon/notify WATCHDOG_USEC=1000000 $* \
    /usr/local/bin/peermon daemon </dev/null >/dev/null 2>/run/peermon/said &
while [ "$(readlink /proc/$!/ns/user)" = "$(readlink /proc/self/ns/user)" ]; do sleep 0.02; done
printf '0 0 1\n%s %s 1\n' "$(id -u peermon)" "$(id -u peermon)" >/proc/$!/uid_map
printf '0 0 1\n%s %s 1\n' "$(id -g peermon)" "$(id -g peermon)" >/proc/$!/gid_map
wait $!
"#;

/// What the daemon tells systemd, until `wanted` comes.
#[track_caller]
fn wait_for(socket: &UnixDatagram, wanted: &str) {
    let begin = Instant::now();
    let mut said = String::new();
    while begin.elapsed() < Duration::from_secs(20) {
        let mut bytes = [0; 256];
        if let Ok(count) = socket.recv(&mut bytes) {
            said += &String::from_utf8_lossy(&bytes[..count]);
            said.push('\n');
            if said.contains(wanted) {
                return;
            }
        }
    }
    panic!("no {wanted} in {said}");
}

/// Runs the daemon under its unit with `tracer` before it, and checks that all of it works.
fn check_under_the_unit(machine: &Machine, tracer: &str) {
    machine.said("install -d -o peermon -g peermon -m 755 /run/peermon; rm -f /run/peermon/notify");
    // A path through /proc is too long for a socket's name; this one is not.
    let socket = UnixDatagram::bind(machine.path("/run/peermon/notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    machine.said("chmod 777 /run/peermon/notify");
    fs::write(machine.path("/mnt/under"), UNDER_THE_UNIT).unwrap();
    let mut daemon = machine.command("unshare").args(["--mount", "sh", "/mnt/under", tracer]).spawn().unwrap();
    wait_for(&socket, "READY=1");
    wait_for(&socket, "WATCHDOG=1");
    assert_eq!(machine.offered(), "ada\n");
    let figures = machine.said("peermon query --output csv --fields load1,cores,memory_total_bytes");
    let figures: Vec<&str> = figures.lines().nth(1).unwrap().split(',').collect();
    assert!(figures.iter().all(|figure| figure.parse::<f64>().is_ok()), "nothing is unknown: {figures:?}");
    let daemons = machine.daemons();
    let process = daemons[0].trim_start_matches("/proc/").trim_end_matches("/exe");
    let status = machine.said(&format!("cat /proc/{process}/status"));
    check_contains(&status, &["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"]);
    machine.said(&format!("kill -HUP {process}"));
    wait_for(&socket, "RELOADING=1");
    wait_for(&socket, "READY=1");
    machine.said(&format!("kill -TERM {process}"));
    wait_for(&socket, "STOPPING=1");
    assert!(daemon.wait().unwrap().success());
}

#[test]
fn the_daemon_works_under_what_its_unit_asks_for() {
    let Some(machine) = Machine::of_an_administrator("ada") else { return };
    machine.install("--no-start --new-key --interval 0.5");
    check_under_the_unit(&machine, "");
}

/// Names of system calls in a set of systemd's, sets within it opened.
fn calls_in(machine: &Machine, set: &str) -> BTreeSet<String> {
    let mut calls = BTreeSet::new();
    for line in machine.said(&format!("systemd-analyze syscall-filter --no-pager {set}")).lines().map(str::trim) {
        if line.starts_with('@') && line != set {
            calls.extend(calls_in(machine, line));
        } else if !line.starts_with(['#', '@']) && !line.is_empty() {
            calls.insert(line.to_owned());
        }
    }
    calls
}

#[test]
fn the_daemon_makes_no_system_call_that_its_unit_forbids() {
    let Some(machine) = Machine::of_an_administrator("ada") else { return };
    for tool in ["systemd-analyze", "strace"] {
        if machine.shell(&format!("command -v {tool}")).code != Some(0) {
            return skip::because(&format!("no {tool} here"));
        }
    }
    let mut allowed = BTreeSet::new();
    let unit = units().into_iter().find(|unit| unit.ends_with("peermon.service")).unwrap();
    for (_, sets) in settings(&unit).iter().filter(|(key, _)| key == "SystemCallFilter") {
        for set in sets.trim_start_matches('~').split(' ') {
            let calls = calls_in(&machine, set);
            allowed = if sets.starts_with('~') { &allowed - &calls } else { &allowed | &calls };
        }
    }
    assert!(allowed.contains("sendmsg") && !allowed.contains("setuid") && !allowed.contains("mount"));
    // More files are allowed than are asked for by the limit in the unit; asking fails, and the daemon goes on.
    allowed.insert("prlimit64".to_owned());
    machine.install("--no-start --interval 0.5");
    check_under_the_unit(&machine, "strace -f -qq -e signal=none -o /run/peermon/calls");
    let traced = machine.said("cat /run/peermon/calls");
    let lines = traced.lines().filter_map(|line| line.split_once(' ')).map(|(_, call)| call.trim_start());
    let made: BTreeSet<String> = lines
        .filter(|call| !call.starts_with("<..."))
        .filter_map(|call| call.split_once('(').map(|(name, _)| name.to_owned()))
        .collect();
    assert!(made.contains("sendto") || made.contains("sendmsg"), "{made:?}");
    assert_eq!(made.difference(&allowed).collect::<Vec<_>>(), Vec::<&String>::new());
    // The other filters of the unit: memory that is written and executed, kinds of sockets.
    assert!(!traced.contains("PROT_WRITE|PROT_EXEC"), "{traced}");
    let families = settings(&unit).into_iter().find(|(key, _)| key == "RestrictAddressFamilies").unwrap().1;
    let sockets: BTreeSet<&str> = traced.split(" socket(").skip(1).filter_map(|call| call.split(',').next()).collect();
    assert!(sockets.contains("AF_INET") || sockets.contains("AF_INET6"), "{sockets:?}");
    for family in sockets {
        assert!(families.split(' ').any(|allowed| allowed == family), "{family}");
    }
}

/// Runs the init script, and checks how it ends and what it says.
#[track_caller]
fn check_init(machine: &Machine, action: &str, code: i32, said: &str) {
    let outcome = machine.shell(&format!("/etc/init.d/peermon {action}"));
    assert_eq!(outcome.code, Some(code), "{action}: {outcome:?}");
    check_contains(&format!("{}{}", outcome.stdout, outcome.stderr), &[said]);
}

#[test]
fn the_init_script_starts_stops_restarts_reloads_and_says_how_it_is() {
    let Some(machine) = Machine::of_an_administrator("ada") else { return };
    machine.install("--no-start --client-port 2981");
    check_init(&machine, "status", 3, "not running");
    check_init(&machine, "reload", 7, "not running");
    check_init(&machine, "stop", 0, "");
    check_init(&machine, "start", 0, "");
    check_init(&machine, "status", 0, "ada: ");
    let first = machine.daemons();
    check_init(&machine, "start", 0, "");
    assert_eq!(machine.daemons(), first, "one is enough");
    fs::write(machine.path("/etc/peermon/machines.txt"), "no host!\n").unwrap();
    check_init(&machine, "reload", 0, "");
    let begin = Instant::now();
    while !machine.said("cat /run/peermon/2981.log").contains("machines.txt") {
        assert!(begin.elapsed() < Duration::from_secs(10), "{}", machine.said("cat /run/peermon/2981.log"));
        thread::sleep(Duration::from_millis(50));
    }
    for action in ["restart", "force-reload"] {
        let before = machine.daemons();
        check_init(&machine, action, 0, "");
        let after = machine.daemons();
        assert!(after.len() == 1 && after != before, "{action}: {before:?}, {after:?}");
    }
    // A slip takes down nobody who serves.
    let (good, daemons) = (machine.said("cat /etc/peermon/peermon.toml"), machine.daemons());
    fs::write(machine.path("/etc/peermon/peermon.toml"), format!("prot = 1\n{good}")).unwrap();
    check_init(&machine, "restart", 1, "prot");
    assert_eq!(machine.daemons(), daemons);
    fs::write(machine.path("/etc/peermon/peermon.toml"), good).unwrap();
    check_init(&machine, "stop", 0, "");
    assert_eq!(machine.daemons(), Vec::<String>::new());
    check_init(&machine, "", 2, "usage: ");
    check_init(&machine, "dance", 2, "usage: ");
    // What is wrong is said where it is typed.
    fs::write(machine.path("/etc/peermon/peermon.toml"), "prot = 1\n").unwrap();
    check_init(&machine, "start", 2, "prot");
    let script = machine.said("cat /etc/init.d/peermon");
    for line in
        ["### BEGIN INIT INFO", "# Provides:", "# Required-Start:", "# Default-Start:     2 3 4 5", "### END INIT INFO"]
    {
        assert!(script.lines().any(|found| found.starts_with(line)), "{line}");
    }
}

/// The line of packaging/cron/peermon-health, as cron gives it to a shell.
fn health_check(machine: &Machine) -> String {
    let file = machine.said("cat /etc/cron.d/peermon-health");
    let line = file.lines().find(|line| line.starts_with("* * * * * root ")).expect("once a minute, as root");
    let path = file.lines().find(|line| line.starts_with("PATH=")).expect("cron has none of its own");
    assert!(line.ends_with(" 2>&1 | logger -t peermon"), "no mail: {line}");
    format!("{path}; export PATH; {}", line.trim_start_matches("* * * * * root ").replace(" | logger -t peermon", ""))
}

#[test]
fn the_health_check_starts_the_daemon_again_when_it_does_not_answer_and_only_then() {
    let Some(machine) = Machine::of_an_administrator("ada") else { return };
    machine.install("--cron");
    let check = health_check(&machine);
    let daemons = machine.daemons();
    assert_eq!((machine.said(&check).as_str(), machine.daemons()), ("", daemons.clone()), "it answers");
    // Nobody finds it by looking for a process, and it answers.
    machine.said("mv /run/peermon/1981.pid /run/peermon/other.pid");
    assert_eq!((machine.said(&check).as_str(), machine.daemons()), ("", daemons.clone()));
    machine.said("mv /run/peermon/other.pid /run/peermon/1981.pid");
    // There it is, and it does not answer.
    machine.said("kill -STOP $(cat /run/peermon/1981.pid)");
    check_contains(&machine.said(&check), &["does not answer: starting it again"]);
    let now = machine.daemons();
    assert!(now.len() == 1 && now != daemons, "{now:?}");
    assert_eq!(machine.offered(), "ada\n");
    machine.said("kill -9 $(cat /run/peermon/1981.pid)");
    check_contains(&machine.said(&check), &["starting it again"]);
    assert_eq!(machine.offered(), "ada\n");
    // Who stopped it wants it stopped.
    check_init(&machine, "stop", 0, "");
    assert_eq!((machine.said(&check).as_str(), machine.daemons().len()), ("", 0));
    check_init(&machine, "start", 0, "");
    // Where systemd runs it is systemd's affair, and without an init script nobody's.
    machine.said("kill -9 $(cat /run/peermon/1981.pid); mkdir -p /run/systemd/system");
    assert_eq!(machine.said(&check), "");
    machine.said("rmdir /run/systemd/system; rm /etc/init.d/peermon");
    assert_eq!(machine.said(&check), "");
}
