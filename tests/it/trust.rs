//! Whom a client believes: root, user `peermon`, and whoever runs it. Shown with several users, so as root.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::command::{Outcome, Place, binary, check_failure};
use crate::fake_daemon::{Answer, FakeDaemon, table};
use crate::rows::host;
use crate::skip;

/// Users that nobody has: the client, and two others.
const CLIENT: u32 = 61_000;
const STRANGER: u32 = 61_001;

/// Longest wait for a helper to come up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether several users can be tried here; says so where not.
fn is_root() -> bool {
    if !nix::unistd::getuid().is_root() {
        skip::because("needs root, to be several users");
        return false;
    }
    if let Some(missing) = ["setpriv", "unshare", "perl"].into_iter().find(|tool| !is_there(tool)) {
        skip::because(&format!("needs {missing}"));
        return false;
    }
    true
}

fn is_there(tool: &str) -> bool {
    Command::new(tool).arg("--version").output().is_ok()
}

/// The words before a command that is run as `uid`, without any group.
fn become_user(uid: u32) -> [String; 4] {
    ["setpriv".to_owned(), format!("--reuid={uid}"), format!("--regid={uid}"), "--clear-groups".to_owned()]
}

/// A place that user [`CLIENT`] can read, with a copy of the executable that it can run.
fn place_of_the_client() -> (Place, PathBuf) {
    let place = Place::new();
    fs::set_permissions(place.home.path(), Permissions::from_mode(0o755)).unwrap();
    let copy = place.home.path().join("peermon");
    fs::copy(binary(), &copy).unwrap();
    fs::create_dir_all(place.home.path().join("run/peermon")).unwrap();
    (place, copy)
}

/// Runs `peermon query` with arguments as user `uid`.
fn query_as(uid: u32, place: &Place, executable: &Path, arguments: &str) -> Outcome {
    let words = become_user(uid);
    let mut command = place.program(&words[0], "");
    command.args(&words[1..]).arg(executable).arg("query").args(arguments.split_whitespace());
    command.output().unwrap().into()
}

/// Somebody's program that listens where a daemon would, and says nothing.
struct Squatter(Child);

impl Squatter {
    fn at(uid: u32, place: &Place, address: &str) -> Self {
        // Any program that every user may run would do; perl is on every Debian.
        let script = match address.parse::<u16>() {
            Ok(port) => format!(
                "use Socket; socket(S, PF_INET, SOCK_STREAM, 0); setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1); bind(S, sockaddr_in({port}, INADDR_LOOPBACK)) or die; listen(S, 9) or die; print \"up\\n\"; $|=1; sleep 60"
            ),
            Err(_) => format!(
                "use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un(\"{address}\")) or die; chmod 0777, \"{address}\"; listen(S, 9) or die; print \"up\\n\"; $|=1; sleep 60"
            ),
        };
        let words = become_user(uid);
        let mut command = place.program(&words[0], "");
        command.args(&words[1..]).args(["perl", "-e", &format!("$|=1; {script}")]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 1];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).expect("it listens");
        Self(child)
    }
}

impl Drop for Squatter {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_stranger_at_the_socket_is_named_and_refused() {
    if !is_root() {
        return;
    }
    let (place, executable) = place_of_the_client();
    let folder = place.home.path().join("run/peermon");
    chown(&folder, Some(STRANGER), None).unwrap();
    let port = free_port();
    let socket = folder.join(format!("{port}.sock"));
    let _squatter = Squatter::at(STRANGER, &place, socket.to_str().unwrap());
    let outcome = query_as(CLIENT, &place, &executable, &format!("-p {port}"));
    let what = format!("no daemon to be trusted answers (tried {} which belongs to user {STRANGER}", socket.display());
    check_failure(&outcome, 6, &what, "only root, user peermon and you are believed");
}

#[test]
fn a_stranger_at_the_tcp_port_is_named_and_refused() {
    if !is_root() {
        return;
    }
    let (place, executable) = place_of_the_client();
    let port = free_port();
    let _squatter = Squatter::at(STRANGER, &place, &port.to_string());
    let outcome = query_as(CLIENT, &place, &executable, &format!("-p {port}"));
    check_failure(&outcome, 6, &format!("127.0.0.1:{port} which belongs to user {STRANGER})"), "only root");
    // Root believes a stranger as little.
    let outcome = query_as(0, &place, &executable, &format!("-p {port}"));
    check_failure(&outcome, 6, &format!("127.0.0.1:{port} which belongs to user {STRANGER})"), "only root");
}

#[test]
fn a_stranger_is_passed_over_where_a_daemon_of_roots_answers_behind_it() {
    if !is_root() {
        return;
    }
    let (place, executable) = place_of_the_client();
    let folder = place.home.path().join("run/peermon");
    chown(&folder, Some(STRANGER), None).unwrap();
    let daemon = FakeDaemon::on_tcp(Answer::Table(Box::new(table(vec![host("a")]))));
    let port = daemon.tcp().port();
    let socket = folder.join(format!("{port}.sock"));
    let _squatter = Squatter::at(STRANGER, &place, socket.to_str().unwrap());
    let outcome = query_as(CLIENT, &place, &executable, &format!("-p {port}"));
    assert_eq!((&*outcome.stdout, outcome.code), ("a\n", Some(0)), "{outcome:?}");
    assert_eq!(
        outcome.stderr,
        format!(
            "peermon query: warning: passed over {} which belongs to user {STRANGER}: not root, peermon or you\n",
            socket.display()
        )
    );
}

#[test]
fn root_and_oneself_are_believed() {
    if !is_root() {
        return;
    }
    let (place, executable) = place_of_the_client();
    let daemon = FakeDaemon::on_tcp(Answer::Table(Box::new(table(vec![host("a")]))));
    let outcome = query_as(CLIENT, &place, &executable, &format!("-p {}", daemon.tcp().port()));
    assert_eq!(outcome, Outcome { stdout: "a\n".to_owned(), stderr: String::new(), code: Some(0) });
    // One's own listener is believed too: it is asked, and says nothing.
    let port = free_port();
    let _own = Squatter::at(CLIENT, &place, &port.to_string());
    let start = Instant::now();
    let outcome = query_as(CLIENT, &place, &executable, &format!("-p {port}"));
    check_failure(&outcome, 3, &format!("the daemon at 127.0.0.1:{port} did not answer within 2 s"), "");
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn a_socket_that_is_said_outright_is_trusted() {
    if !is_root() {
        return;
    }
    let (place, executable) = place_of_the_client();
    let port = free_port();
    let _squatter = Squatter::at(STRANGER, &place, &port.to_string());
    let outcome = query_as(CLIENT, &place, &executable, &format!("--socket 127.0.0.1:{port}"));
    check_failure(&outcome, 3, &format!("the daemon at 127.0.0.1:{port} did not answer"), "");
}

#[test]
fn user_peermon_is_believed() {
    if !is_root() {
        return;
    }
    let (place, executable) = place_of_the_client();
    // A list of users that has one of this name, for the client alone.
    let users = place.home.path().join("passwd");
    fs::write(&users, format!("root:x:0:0::/:/bin/sh\npeermon:x:{STRANGER}:{STRANGER}::/:/bin/false\n")).unwrap();
    let with_users = r#"mount --bind "$0" /etc/passwd && exec "$@""#;
    let port = free_port();
    let _daemon = Squatter::at(STRANGER, &place, &port.to_string());
    let mut command = place.program("unshare", "--mount sh -c");
    command.arg(with_users).arg(&users).args(become_user(CLIENT)).arg(&executable).args(["query", "-p"]);
    let outcome = Outcome::from(command.arg(port.to_string()).output().unwrap());
    if outcome.stderr.contains("unshare") || outcome.stderr.contains("mount") {
        return skip::because("root here may not mount");
    }
    check_failure(&outcome, 3, &format!("the daemon at 127.0.0.1:{port} did not answer"), "");
}
