//! Clients in Python and in C, against real daemons.

use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::command::{Outcome, Place, binary};
use crate::demo::Demo;
use crate::fake_daemon::{Answer, FakeDaemon, table};
use crate::rows::{busy, host};
use crate::skip;
use peermon::model::{HostState, HostView};
use peermon::wire::client::Reply;

const SOURCE: &str = env!("CARGO_MANIFEST_DIR");

/// Runs Python with the library and the executable of this source; `None` where there is no Python.
fn python(place: &Place, arguments: &[&str], daemon: &[(&str, &str)]) -> Option<Outcome> {
    let mut command = place.program("python3", "-B");
    command.args(arguments).env("PYTHONPATH", Path::new(SOURCE).join("packaging/python")).env("PEERMON", binary());
    command.envs(daemon.iter().copied());
    let output = command.output().ok();
    if output.is_none() {
        skip::because("no python3 here");
    }
    output.map(Outcome::from)
}

/// What `code` prints that knows `lib`, a PeermonLib of a daemon with these hosts.
#[track_caller]
fn check_python(hosts: Vec<HostView>, code: &str, printed: &str) {
    let daemon = FakeDaemon::knowing(hosts);
    let socket = daemon.socket();
    let code = format!("from peermonlib import *\nlib = PeermonLib(socket={socket:?})\n{code}");
    let Some(outcome) = python(&Place::new(), &["-c", &code], &[]) else { return };
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str(), outcome.code), (printed, "", Some(0)));
}

fn three() -> Vec<HostView> {
    vec![
        HostView { collector: true, ..host("login") },
        HostView { age_hundredths: 4_500, ..busy("quiet", 0.5, 4, 8) },
        busy("busy", 3.5, 4, 2),
        HostView { state: HostState::Dead, ..host("gone") },
    ]
}

#[test]
fn python_has_the_names_of_peermon_1_1() {
    let code = "
for entry in PeerMonLib(socket=lib._daemon[1]).nodes_list:
    print(entry.HOSTNAME, entry.IP == entry.address, entry.PORTNUM, entry.cores, entry.ttl, entry.indeg, entry.ram,
          entry.load, entry.score)
";
    check_python(three(), code, "quiet True 1288 4 8 0 8388608 0.5 2\nbusy True 1288 4 10 0 2097152 3.5 1\n");
}

#[test]
fn python_has_the_names_of_the_json_as_attributes_and_as_keys() {
    let code = "
node = lib.nodes_list[0]
print(all(getattr(node, name) == node[name] for name in node), sorted(node) == sorted(dict(node)), node.load_per_core)
print(len(lib.table(all=True)), lib.table().interval_seconds, lib.table().self_name)
try:
    node.cpus
except AttributeError as error:
    print('cores' in str(error))
";
    check_python(three(), code, "True True 0.125\n4 20.0 login\nTrue\n");
}

#[test]
fn python_chooses_as_query_does() {
    let code = "
names = lambda nodes: [node.name for node in nodes]
print(names(lib.choose(1)), names(lib.choose(5)), names(lib.choose(1, policy='mem', exclude='quiet')))
print(names(lib.choose(1, policy='random', seed=1)) == names(lib.choose(1, policy='random', seed=1)))
";
    check_python(three(), code, "['quiet'] ['quiet', 'busy'] ['busy']\nTrue\n");
}

#[test]
fn python_raises_what_query_says_with_its_hint() {
    let code = "
def why(ask):
    try:
        ask()
    except PeermonError as error:
        print(type(error).__name__, error.exit_code, error.message.split(':')[0], bool(error.hint))
why(lambda: lib.choose(5, strict=True))
why(lambda: lib.choose(1, min=3))
why(lambda: lib.choose(1, policy='best'))
why(lambda: lib.choose(1, no_such_option=True))
why(lambda: PeermonLib(socket='/nowhere.sock').nodes_list)
why(lambda: next(PeermonLib(socket='/nowhere.sock').watch()))
why(lambda: PeermonLib(command='/nowhere').nodes_list)
";
    let printed = "\
TooFewHosts 5 peermon query True
NothingEligible 4 peermon query True
UsageError 2 peermon query True
UsageError 2 peermon query True
DaemonUnreachable 3 peermon query True
DaemonUnreachable 3 peermon query True
PeermonNotFound 127 cannot run /nowhere True
";
    check_python(three(), code, printed);
}

#[test]
fn python_watches_real_daemons_and_the_template_lists_them() {
    let demo = Demo::start(4);
    let socket = demo.socket().to_str().unwrap().to_owned();
    let daemon = [("PEERMON_SOCKET", socket.as_str())];
    let code = "
from itertools import islice
from peermonlib import PeerMonLib
for table in islice(PeerMonLib().watch(0.2), 3):
    print(sorted(node.name for node in table))
print(PeerMonLib().status()['name'])
";
    let place = Place::new();
    let Some(watched) = python(&place, &["-c", code], &daemon) else { return };
    let names = "['node1', 'node2', 'node3']\n";
    assert_eq!((watched.stdout, watched.stderr.as_str()), (format!("{names}{names}{names}login\n"), ""));

    let template = Path::new(SOURCE).join("packaging/python/client_template.py");
    let run = |options: &[&str]| {
        let arguments = [&[template.to_str().unwrap()], options].concat();
        let outcome = python(&place, &arguments, &daemon).unwrap();
        assert_eq!((outcome.stderr.as_str(), outcome.code), ("", Some(0)));
        outcome.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let listed = run(&["-n", "20", "-v", "-i"]);
    assert!(listed.len() == 3 && listed.iter().all(|line| line.contains("127.0.0.")), "{listed:?}");
    let used = run(&[]);
    assert!(used.len() == 2 && used[1] == format!("the best host is {}", used[0]), "{used:?}");
    demo.end();
}

/// The C client, compiled with all warnings as errors and the sanitizers; `None` where there is no compiler.
fn c_client(place: &Place) -> Option<String> {
    let built = place.home.path().join("client").to_str().unwrap().to_owned();
    let options = "-std=c11 -Wall -Wextra -Werror -pedantic -fsanitize=address,undefined -fno-sanitize-recover -o";
    let source = Path::new(SOURCE).join("examples/client.c");
    let compiler = place.program("cc", options).arg(&built).arg(source).output();
    let Ok(output) = compiler else {
        skip::because("no cc here");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(built)
}

/// A daemon of its own on free ports.
struct Lonely {
    child: Child,
    client_port: u16,
}

impl Lonely {
    fn start(place: &Place) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (client_port, port) = (tcp.local_addr().unwrap().port(), udp.local_addr().unwrap().port());
        drop((tcp, udp));
        let mut command: Command = place.peermon("daemon --user --name ada --advertise 127.0.0.1");
        command.args(["-p", &port.to_string(), "-l", &client_port.to_string()]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, client_port }
    }
}

impl Drop for Lonely {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

#[test]
fn the_client_in_c_lists_what_a_real_daemon_offers() {
    let place = Place::new();
    let Some(client) = c_client(&place) else { return };
    let daemon = Lonely::start(&place);
    let begin = Instant::now();
    let outcome = loop {
        let outcome: Outcome = place.program(&client, &daemon.client_port.to_string()).output().unwrap().into();
        if outcome.stdout.starts_with("ada ") || begin.elapsed() > Duration::from_secs(20) {
            break outcome;
        }
        thread::sleep(Duration::from_millis(50));
    };
    let figures: Vec<&str> = outcome.stdout.split_whitespace().collect();
    let [name, load] = figures[..] else { panic!("{outcome:?}") };
    assert!(name == "ada" && load.parse::<f64>().is_ok_and(|load| load >= 0.0), "{outcome:?}");
    assert_eq!((outcome.stderr.as_str(), outcome.code), ("", Some(0)));
}

#[test]
fn the_client_in_c_reads_every_reply_from_the_page_alone() {
    let place = Place::new();
    let Some(client) = c_client(&place) else { return };
    let check = |answer: Answer, stdout: &str, stderr: &str| {
        let daemon = FakeDaemon::on_tcp(answer);
        let outcome: Outcome = place.program(&client, &daemon.tcp().port().to_string()).output().unwrap().into();
        assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), (stdout, stderr));
        assert_eq!(outcome.code, Some(i32::from(!stderr.is_empty())));
    };
    let mut hosts = three();
    hosts.push(HostView { cores: None, ..host("odd") });
    let wanted = {
        let mut rows: Vec<_> = [("quiet", "0.12"), ("busy", "0.88")].into();
        rows.sort_by_key(|(name, _)| host(name).id);
        rows.iter().map(|(name, load)| format!("{name:40} {load:>8}\n")).collect::<String>()
    };
    check(Answer::Table(Box::new(table(hosts))), &wanted, "");
    check(Answer::Always(Reply::Refused("not now".into())), "", "client: refused: not now\n");
    check(Answer::Bytes(b"HTTP/1.1 400 Bad Request\r\n".to_vec()), "", "client: that is no daemon of peermon\n");
    check(Answer::Bytes(vec![0, 0, 0, 2, 0x81]), "", "client: the daemon broke off\n");
    check(Answer::Bytes(vec![0, 0, 0, 2, 0x9b, 0x01]), "", "client: the reply is no CBOR of peermon\n");
    check(Answer::Bytes(vec![0, 0, 0, 3, 0x83, 0x02, 0x01]), "", "client: the daemon speaks another version\n");
}

#[test]
fn the_client_in_c_stays_an_example() {
    let text = std::fs::read_to_string(Path::new(SOURCE).join("examples/client.c")).unwrap();
    assert!(text.lines().count() < 150, "{} lines", text.lines().count());
}
