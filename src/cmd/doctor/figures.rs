//! This host itself: what the kernel drops, whether its figures can be read, whether sshd takes connections.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::ssh::Effective;
use super::NO_DAEMON;
use super::address;
use super::check::Check;
use super::facts::{Facts, Running, service};
use super::files::Read;
use crate::config::paths::Realm;
use crate::model::{HostView, Sample};
use crate::os::peer::Peer;
use crate::os::procfs::{self, Slice};
use crate::os::udp::{self, UdpCounters};
use crate::os::{privileges, processes};
use crate::render::doctor::Finding;
use crate::render::units;

/// Of this many datagrams one may be lost before it is worth a word: what is lost is asked for again.
const LOSS_BORNE: u64 = 1_000;

/// A handful is no rate.
const LOSSES_MIN: u64 = 10;

/// Running and waiting processes per processor beyond which something hangs.
const LOAD_PER_CORE_MAX: u64 = 100;

/// No machine that runs this has less.
const MEMORY_MIN_MIB: u32 = 32;

/// sshd answers at once, or something is wrong with it.
const PATIENCE: Duration = Duration::from_millis(750);

pub(super) fn drops(facts: &Facts) -> Finding {
    let Ok(running) = &facts.running else { return Check::Drops.skip(NO_DAEMON) };
    let port = running.status.port;
    let bound = running.checkup.as_ref().and_then(|checkup| checkup.bound);
    let is_ours = |socket: &udp::UdpSocket| {
        (socket.port == port || socket.port == port + 1) && bound.is_none_or(|bound| bound == socket.address)
    };
    let dropped: u64 = udp::sockets().iter().filter(|socket| is_ours(socket)).map(|socket| socket.drops).sum();
    let dropped = dropped.max(running.status.kernel_drops);
    judge_drops(
        dropped,
        running.status.datagrams_in,
        running.status.send_errors,
        running.status.datagrams_out,
        udp::counters(),
    )
}

fn judge_drops(dropped: u64, received: u64, unsent: u64, sent: u64, host: UdpCounters) -> Finding {
    let is_much = |lost: u64, of: u64| lost >= LOSSES_MIN && lost > of / LOSS_BORNE;
    if is_much(dropped, received) {
        return Check::Drops.warn(
            format!("the kernel dropped {dropped} datagrams because the daemon did not read in time ({received} arrived): the host is short of CPU, or somebody floods the port"),
            "sysctl -w net.core.rmem_max=1048576 and restart the daemon; peermon query --status names who sends what is refused",
        );
    }
    // Some never leave: hosts that are gone have no neighbour's address any more.
    if unsent >= LOSSES_MIN && unsent > sent {
        return Check::Drops.warn(
            format!("the kernel would not send {unsent} datagrams ({sent} left): a route is missing, or a firewall here lets nothing out"),
            "ip route; nft list ruleset",
        );
    }
    if is_much(host.damaged, host.received) {
        return Check::Drops.warn(
            format!(
                "{} of {} UDP datagrams arrived damaged on this host: a cable, or a network card's checksums",
                host.damaged, host.received
            ),
            "ethtool -S INTERFACE; ethtool -K INTERFACE rx off tries without the card's checksums",
        );
    }
    let few = if dropped == 0 { "none".to_owned() } else { format!("only {dropped}") };
    let others = match host.overflowed {
        0 => String::new(),
        all => format!("; {all} of all programs of this host since it started"),
    };
    Check::Drops.ok(format!("{few} of {received} datagrams dropped by the kernel{others}"))
}

pub(super) fn judge(facts: &Facts) -> Finding {
    let running = facts.running.as_ref().ok();
    let checkup = running.and_then(|running| running.checkup.as_ref());
    let root = checkup.map_or_else(|| "/proc".into(), |checkup| PathBuf::from(OsStr::from_bytes(&checkup.proc_root)));
    if root != Path::new("/proc")
        && let Ok(folder) = fs::metadata(&root)
        && ![0, privileges::own_uid()].contains(&folder.uid())
    {
        // There may be pipes in it, which never say anything.
        let user = processes::user_name(folder.uid());
        return Check::Figures.skip(format!("the daemon reads them in {}, which belongs to {user}", root.display()));
    }
    let slice = match facts.realm {
        Realm::System => Slice::Host,
        Realm::User => Slice::User,
    };
    let sample = procfs::sample(&root, slice);
    judge_figures(&sample, running.and_then(own_row), &root.display().to_string())
}

fn own_row(running: &Running) -> Option<&HostView> {
    running.table.hosts.iter().find(|host| host.id == running.table.own)
}

/// `sample` is what this process reads, `row` what the daemon told others.
fn judge_figures(sample: &Sample, row: Option<&HostView>, root: &str) -> Finding {
    let figures = [
        ("load", "loadavg", sample.load.load1_hundredths.is_some(), row.map(|row| row.load1_hundredths.is_some())),
        ("cores", "cpuinfo", sample.cores.is_some(), row.map(|row| row.cores.is_some())),
        (
            "memory",
            "meminfo",
            sample.memory_total_mib.is_some() && sample.load.memory_available_mib.is_some(),
            row.map(|row| row.memory_total_mib.is_some()),
        ),
    ];
    for (figure, file, is_read, is_told) in figures {
        match (is_read, is_told) {
            (false, _) => {
                return Check::Figures.fail(
                    format!("{root}/{file} does not say this host's {figure}: no tool sends work to it"),
                    format!("cat {root}/{file}; in a container: mount /proc, or lxcfs"),
                );
            }
            (true, Some(false)) => {
                return Check::Figures.fail(
                    format!("the daemon cannot read this host's {figure}, which you can: no tool sends work to it"),
                    format!("mount | grep ' /proc '; without hidepid, and without ProcSubset=pid in its unit, it can read {root}/{file}"),
                );
            }
            (true, Some(true) | None) => {}
        }
    }
    let (Some(load), Some(cores), Some(total)) = (sample.load.load1_hundredths, sample.cores, sample.memory_total_mib)
    else {
        return Check::Figures.skip("unknown");
    };
    let available = sample.load.memory_available_mib.unwrap_or(0);
    let seen = format!(
        "load {}, {cores} cores, {} of {} available",
        units::hundredths(load),
        units::memory(available),
        units::memory(total)
    );
    if u64::from(load) > LOAD_PER_CORE_MAX * 100 * u64::from(cores) {
        return Check::Figures.warn(
            format!("{seen}: far more processes wait than {cores} cores can run, on a disk or a server that hangs?"),
            "ps -eo state,pid,user,wchan:20,cmd | grep '^D'",
        );
    }
    if total < MEMORY_MIN_MIB {
        return Check::Figures.warn(
            format!("{seen}: no host has so little; is a limit set?"),
            "cat /sys/fs/cgroup/memory.max; systemctl show peermon --property=MemoryMax",
        );
    }
    Check::Figures.ok(seen)
}

/// Asked at the address that others use, and at the port that ssh uses for this host.
pub(super) fn sshd(facts: &Facts, read: &Read) -> Finding {
    let running = facts.running.as_ref().ok();
    if running.and_then(own_row).is_some_and(|row| row.collector) {
        return Check::Sshd.ok("not asked: a collector is never a target");
    }
    let address = address::own(facts, read).and_then(Result::ok).filter(|address| !address.is_unspecified());
    let name = running.map_or_else(|| "localhost".to_owned(), |running| running.status.name.to_string());
    let port = Effective::ask(OsStr::new("ssh"), Vec::new(), &name).port;
    let address = SocketAddr::new(address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), port);
    let start = start_sshd();
    match banner(address) {
        Ok(text) if text.starts_with("SSH-") => Check::Sshd.ok(format!("{text} at {address}")),
        Ok(text) if text.is_empty() => {
            Check::Sshd.warn(format!("something takes connections at {address} and does not greet as sshd does"), start)
        }
        Ok(text) => Check::Sshd.warn(format!("at {address} answers no sshd, but '{text}'"), start),
        Err(error) => Check::Sshd.fail(
            format!("sshd takes no connection at {address} ({}): smarterSSH passes this host over", told(&error)),
            start,
        ),
    }
}

fn told(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refused".to_owned(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "no answer".to_owned(),
        _ => error.to_string(),
    }
}

/// Debian calls it ssh, others sshd.
fn start_sshd() -> String {
    if !Path::new("/usr/sbin/sshd").exists() {
        return "apt-get install openssh-server (dnf on Red Hat)".to_owned();
    }
    let is_debian =
        ["/usr/lib/systemd/system/ssh.service", "/etc/init.d/ssh"].iter().any(|file| Path::new(file).exists());
    let start = service("start", if is_debian { "ssh" } else { "sshd" });
    format!("{start}; sshd -t checks its settings")
}

/// The first line that a server says.
fn banner(address: SocketAddr) -> io::Result<String> {
    let mut peer = Peer::at_address(address, PATIENCE)?;
    let mut bytes = [0; 255];
    let length = peer.read(&mut bytes, PATIENCE).unwrap_or(0);
    let text = String::from_utf8_lossy(&bytes[..length]);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Load;
    use crate::render::doctor::Verdict;

    #[test]
    fn a_few_lost_datagrams_are_no_trouble_and_many_are() {
        let judge = |dropped, received, unsent, damaged| {
            let host = UdpCounters { received: 100_000, overflowed: 3, damaged };
            judge_drops(dropped, received, unsent, 100_000, host)
        };
        assert_eq!(judge(0, 0, 0, 0).verdict, Verdict::Ok);
        assert_eq!(judge(9, 10, 0, 0).verdict, Verdict::Ok);
        assert_eq!(judge(99, 100_000, 99, 99).verdict, Verdict::Ok);
        assert!(judge(500, 100_000, 0, 0).says.starts_with("the kernel dropped 500"));
        assert_eq!(judge(0, 100_000, 99_000, 0).verdict, Verdict::Ok);
        assert!(judge(0, 100_000, 100_500, 0).says.starts_with("the kernel would not send 100500"));
        assert!(judge(0, 100_000, 0, 500).says.starts_with("500 of 100000 UDP datagrams arrived damaged"));
    }

    #[track_caller]
    fn check_figures(change: impl FnOnce(&mut Sample), verdict: Verdict, says: &str) {
        let mut sample = Sample {
            load: Load { load1_hundredths: Some(150), memory_available_mib: Some(1_024) },
            cores: Some(4),
            memory_total_mib: Some(2_048),
            uptime_seconds: None,
        };
        change(&mut sample);
        let found = judge_figures(&sample, None, "/proc");
        assert_eq!(found.verdict, verdict, "{found:?}");
        assert!(found.says.contains(says), "{found:?}");
    }

    #[test]
    fn figures_are_there_and_plausible() {
        check_figures(|_| {}, Verdict::Ok, "load 1.50, 4 cores, 1.0 GiB of 2.0 GiB available");
        check_figures(|sample| sample.load.load1_hundredths = None, Verdict::Fail, "/proc/loadavg");
        check_figures(|sample| sample.cores = None, Verdict::Fail, "/proc/cpuinfo");
        check_figures(|sample| sample.memory_total_mib = None, Verdict::Fail, "/proc/meminfo");
        check_figures(|sample| sample.load.load1_hundredths = Some(50_000), Verdict::Warn, "wait");
        check_figures(|sample| sample.memory_total_mib = Some(8), Verdict::Warn, "so little");
    }
}
