//! Whether a daemon answers, and if not, why; and who listens where clients look for it.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::libc;

use super::check::Check;
use super::facts::{Facts, Running, has_systemd};
use crate::client::{ClientError, Daemon};
use crate::config::paths::{Candidate, Realm, candidates};
use crate::os::udp::{self, UdpSocket};
use crate::os::{listeners, privileges, processes, tool};
use crate::render::doctor::Finding;
use crate::render::units;

/// systemd is asked for no longer.
const PATIENCE: Duration = Duration::from_millis(500);

/// What the installer puts there where systemd is not in charge.
const INIT_SCRIPT: &str = "/etc/init.d/peermon";

/// Most that is read of the end of a log.
const LOG_TAIL: u64 = 64 << 10;

pub(super) fn answers(facts: &Facts) -> Finding {
    match &facts.running {
        Ok(running) => well(running),
        // Which daemon is meant was said, so the files and ports of the usual one explain nothing.
        Err(error @ ClientError::NoDaemon(_)) if matches!(facts.wanted, Daemon::At(_)) => {
            Check::Daemon.fail(error.to_string(), "give the socket or HOST:PORT of a daemon that runs")
        }
        Err(ClientError::NoDaemon(_)) if facts.is_other_network() => Check::Daemon.fail(
            format!("no daemon answers at client port {}", facts.client_port()),
            format!(
                "peermon net up, where that is a network of peermon net; else start its daemon with -l {}",
                facts.client_port()
            ),
        ),
        Err(ClientError::NoDaemon(_)) => why_none(facts, "no daemon answers"),
        Err(ClientError::Untrusted(_)) => {
            why_none(facts, "no daemon answers that runs as root, as peermon or as you (see client-port)")
        }
        Err(error @ ClientError::Timeout(_)) => hangs(facts, error),
        Err(error @ (ClientError::Protocol { .. } | ClientError::OtherReply(_) | ClientError::Refused(_))) => {
            Check::Daemon.fail(error.to_string(), format!("after an upgrade: {}", facts.restart()))
        }
        Err(error @ (ClientError::Io { .. } | ClientError::Settings(_))) => {
            Check::Daemon.fail(error.to_string(), "it may just be restarting: peermon doctor again".to_owned())
        }
    }
}

fn well(running: &Running) -> Finding {
    let Running { at, status, .. } = running;
    Check::Daemon.ok(format!(
        "answers at {at}: peermon {}, process {}, up {}",
        status.software,
        status.pid,
        units::span(status.up_seconds)
    ))
}

/// It is there, and says nothing.
fn hangs(facts: &Facts, error: &ClientError) -> Finding {
    let holder = || Some(processes::holder_of_socket(holder(facts.port())?.inode)?.pid);
    match noted_beside_socket(error).or_else(holder) {
        Some(pid) if processes::is_stopped(pid) => {
            Check::Daemon.fail(format!("{error}: its process {pid} was stopped"), format!("kill -CONT {pid}"))
        }
        Some(pid) => Check::Daemon.fail(
            format!("{error}: its process {pid} hangs, or the host is out of memory"),
            format!("free -h; then kill -9 {pid} and {}", facts.restart()),
        ),
        None => Check::Daemon.fail(
            format!("{error}: is it stopped, or the host out of memory?"),
            format!("ps -o pid,stat,user,cmd -C peermon; then {}", facts.restart()),
        ),
    }
}

/// The process that a detached daemon has noted beside its socket, where nobody else could write that.
fn noted_beside_socket(error: &ClientError) -> Option<u32> {
    let ClientError::Timeout(Candidate::Unix(socket)) = error else { return None };
    let path = socket.with_extension("pid");
    if !privileges::owns(&path) || !path.parent().is_some_and(privileges::owns) {
        return None;
    }
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The socket that has that port or the one above it.
fn holder(port: u16) -> Option<UdpSocket> {
    udp::sockets().into_iter().find(|socket| socket.port == port || socket.port == port + 1)
}

/// A port that is taken explains most; then what systemd says, then the log.
fn why_none(facts: &Facts, what: &str) -> Finding {
    let port = facts.port();
    if let Some(holder) = holder(port) {
        return taken(what, &holder);
    }
    let log = last_error(facts).map_or(String::new(), |line| format!("; the log's last error: {line}"));
    match unit(facts.realm) {
        Unit::Unknown => {
            let start = match facts.realm {
                Realm::System if Path::new(INIT_SCRIPT).exists() => "service peermon start",
                Realm::System => "peermon daemon, as root; or peermon daemon --user --detach for a network of your own",
                Realm::User => "peermon daemon --user --detach",
            };
            Check::Daemon.fail(format!("{what}, and nobody has its UDP port {port}{log}"), start)
        }
        Unit::Stopped => Check::Daemon
            .fail(format!("{what}: the unit peermon is stopped{log}"), systemctl(facts.realm, "enable --now peermon")),
        Unit::Failed(result) => Check::Daemon.fail(
            format!("{what}: the unit peermon has failed ({result}){log}"),
            format!("{}; journalctl -u peermon -n 20 says more", systemctl(facts.realm, "restart peermon")),
        ),
        Unit::Runs => Check::Daemon.fail(
            format!(
                "{what}, though the unit peermon runs: has it another client port than {}?{log}",
                facts.client_port()
            ),
            "systemctl cat peermon; then peermon doctor -p PORT".to_owned(),
        ),
    }
}

fn taken(what: &str, holder: &UdpSocket) -> Finding {
    let user = processes::user_name(holder.uid);
    let port = holder.port;
    match processes::holder_of_socket(holder.inode) {
        Some(process) if process.name == "peermon" => Check::Daemon.fail(
            format!(
                "{what}, and a peermon of {user} (process {}) has UDP port {port}: on another client port?",
                process.pid
            ),
            format!("tr '\\0' ' ' </proc/{}/cmdline shows its -l; then peermon doctor -p PORT", process.pid),
        ),
        Some(process) => Check::Daemon.fail(
            format!("{what}: UDP port {port} is taken by {} (process {}) of {user}", process.name, process.pid),
            format!(
                "kill {}, or give peermon another port (-p, or port in [gossip] of peermon.toml on every host)",
                process.pid
            ),
        ),
        None => Check::Daemon.fail(
            format!("{what}: UDP port {port} is taken by a process of {user}"),
            format!("sudo ss -ulpn 'sport = :{port}' names it"),
        ),
    }
}

/// What systemd says of the daemon's unit.
#[derive(Debug, PartialEq, Eq)]
enum Unit {
    /// There is no systemd, or no such unit.
    Unknown,
    Stopped,
    Failed(String),
    Runs,
}

fn unit(realm: Realm) -> Unit {
    if !has_systemd() {
        return Unit::Unknown;
    }
    let show = ["show", "peermon", "--property=LoadState,ActiveState,Result"];
    let words: Vec<&str> = match realm {
        Realm::System => show.to_vec(),
        Realm::User => ["--user"].into_iter().chain(show).collect(),
    };
    tool::ask("systemctl", &words, PATIENCE).map_or(Unit::Unknown, |said| unit_in(&said))
}

fn unit_in(said: &str) -> Unit {
    let value = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or("");
    match (value("LoadState"), value("ActiveState")) {
        ("loaded", "failed") => Unit::Failed(value("Result").to_owned()),
        ("loaded", "active" | "activating" | "reloading") => Unit::Runs,
        ("loaded", _) => Unit::Stopped,
        _ => Unit::Unknown,
    }
}

fn systemctl(realm: Realm, what: &str) -> String {
    match realm {
        Realm::System => format!("systemctl {what}"),
        Realm::User => format!("systemctl --user {what}"),
    }
}

/// The last line of the log that says what went wrong: the log of a detached daemon beside its socket, else the journal.
fn last_error(facts: &Facts) -> Option<String> {
    let socket = |candidate: Candidate| match candidate {
        Candidate::Unix(path) => Some(path),
        Candidate::Tcp(_) => None,
    };
    let places =
        candidates(&facts.environment, privileges::own_uid(), facts.client_port()).into_iter().filter_map(socket);
    let logs: Vec<PathBuf> = places.map(|path| path.with_extension("log")).collect();
    let from_file = logs.iter().find_map(|log| error_in(&String::from_utf8_lossy(&tail_of(log, facts.uid)?)));
    from_file.or_else(|| {
        let words = ["-u", "peermon", "-n", "50", "-o", "cat", "--no-pager", "-q"];
        has_systemd().then(|| tool::ask("journalctl", &words, PATIENCE))?.and_then(|said| error_in(&said))
    })
}

/// The end of a log that a daemon of this user or of `uid` wrote. Anybody can have put something in its place below /tmp: so
/// folder and file must belong to one of them, and a pipe, a device or a link is no log.
fn tail_of(log: &Path, uid: u32) -> Option<Vec<u8>> {
    let folder = fs::symlink_metadata(log.parent()?).ok()?;
    if !folder.is_dir() || ![privileges::own_uid(), uid].contains(&folder.uid()) {
        return None;
    }
    // Nonblocking, so that a pipe holds nothing up.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(log).ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.uid() != folder.uid() {
        return None;
    }
    file.seek(SeekFrom::Start(metadata.len().saturating_sub(LOG_TAIL))).ok()?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// `ERROR …` of a daemon that ran, `peermon daemon: …` of one that did not start.
fn error_in(log: &str) -> Option<String> {
    log.lines().rev().find_map(|line| {
        let place = line.find("ERROR ").map(|place| place + "ERROR ".len());
        let place = place.or_else(|| line.find("peermon daemon: ").map(|place| place + "peermon daemon: ".len()))?;
        Some(line[place..].trim().to_owned()).filter(|text| !text.is_empty())
    })
}

/// Who listens at the client port of the loopback address, and at the sockets.
pub(super) fn client_port(facts: &Facts) -> Finding {
    let port = facts.client_port();
    let trusted = |uid: u32| {
        uid == 0
            || uid == privileges::own_uid()
            || (facts.running.is_ok() && uid == facts.uid)
            || privileges::account().is_some_and(|account| account.uid == uid)
    };
    let listening = listeners::uids(SocketAddr::from((Ipv4Addr::LOCALHOST, port.get()))).unwrap_or_default();
    if let Some(stranger) = listening.iter().copied().find(|uid| !trusted(*uid)) {
        let user = processes::user_name(stranger);
        return Check::ClientPort.fail(
            format!("a process of {user} listens on TCP 127.0.0.1:{port}, where clients look for the daemon; they do not believe it"),
            format!("ss -ltnp 'sport = :{port}' names it (as root); stop it, or give the daemon another client port (-l)"),
        );
    }
    if let Err(ClientError::Untrusted(attempts)) = &facts.running
        && let Some(attempt) = attempts.iter().find(|attempt| attempt.why.is_untrusted())
    {
        return Check::ClientPort.fail(
            format!("clients find {attempt} before the daemon, and do not believe it"),
            "ask that user to stop it; or --socket asks it all the same".to_owned(),
        );
    }
    match (&facts.wanted, listening.is_empty()) {
        (Daemon::At(place), _) => {
            Check::ClientPort.ok(format!("asked at {place}; nobody else listens on 127.0.0.1:{port}"))
        }
        (Daemon::OfPort(_), true) => Check::ClientPort.ok(format!("nobody else listens on TCP 127.0.0.1:{port}")),
        (Daemon::OfPort(_), false) => Check::ClientPort.ok(format!("TCP 127.0.0.1:{port} belongs to whom it should")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};

    use super::*;

    #[test]
    fn what_systemd_says_is_read() {
        let said = |load, active| unit_in(&format!("Result=exit-code\nLoadState={load}\nActiveState={active}\n"));
        assert_eq!(said("loaded", "failed"), Unit::Failed("exit-code".into()));
        assert_eq!(said("loaded", "inactive"), Unit::Stopped);
        assert_eq!(said("loaded", "active"), Unit::Runs);
        assert_eq!(said("not-found", "inactive"), Unit::Unknown);
        assert_eq!(unit_in(""), Unit::Unknown);
    }

    #[test]
    fn the_last_error_of_a_log_is_found_and_other_lines_are_not() {
        let log = "2026-01-01T00:00:00Z ERROR first\n2026-01-01T00:00:01Z ERROR HUP changes nothing: no key\n\
                   2026-01-01T00:00:02Z  INFO joined: a\nhint: chmod\n";
        assert_eq!(error_in(log).as_deref(), Some("HUP changes nothing: no key"));
        assert_eq!(
            error_in("peermon daemon: there is no user peermon\nhint: x\n").as_deref(),
            Some("there is no user peermon")
        );
        assert_eq!(error_in(" INFO well\n"), None);
    }

    #[test]
    fn the_end_of_an_own_log_is_read_and_nothing_that_somebody_else_has_put_there() {
        let own = privileges::own_uid();
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("peermon-0");
        fs::create_dir(&folder).unwrap();
        let log = folder.join("1981.log");
        let tail = |log: &Path| tail_of(log, own);
        assert_eq!(tail(&log), None);
        fs::write(&log, [vec![b'x'; 100_000], b"end".to_vec()].concat()).unwrap();
        let read = tail(&log).unwrap();
        assert_eq!((read.len(), read.ends_with(b"xend")), (64 << 10, true));

        let aside = base.path().join("peermon-1");
        symlink(&folder, &aside).unwrap();
        assert_eq!(tail(&aside.join("1981.log")), None, "the folder is a link");
        let link = folder.join("1982.log");
        for to in [Path::new("/dev/zero"), &log] {
            symlink(to, &link).unwrap();
            assert_eq!(tail(&link), None, "{}", to.display());
            fs::remove_file(&link).unwrap();
        }
        let pipe = folder.join("1983.log");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(tail(&pipe), None);
        if own == 0 {
            chown(&folder, Some(12_345), None).unwrap();
            assert_eq!(tail(&log), None, "the folder is somebody else's");
            chown(&log, Some(12_345), None).unwrap();
            assert_eq!(tail(&log), None, "both are");
            assert!(tail_of(&log, 12_345).is_some());
            chown(&folder, Some(0), None).unwrap();
            assert_eq!(tail(&log), None, "the file is");
        }
    }
}
