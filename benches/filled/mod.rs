//! A real daemon (the release executable) on a loopback address, whose table one stand-in fills with cards and reports of
//! invented hosts, sealed as any member's.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use peermon::model::{
    Age, Aged, Card, Destination, Endpoint, Load, Message, NetworkList, Record, Report, SessionId, Tail, Timestamp,
    Version,
};
use peermon::session::{DATAGRAM_DEFAULT, Keyring, Opened, Session};
use peermon::wire::client::{FRAME_HEADER_LEN, Request, encode_request, reply_len};

const PORT: u16 = 22_880;
const CLIENT_PORT: u16 = 22_882;

/// The executable that is measured.
pub fn binary() -> PathBuf {
    std::env::var_os("PEERMON_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_peermon").into(), PathBuf::from)
}

/// It ends with this value.
pub struct Daemon {
    pub folder: tempfile::TempDir,
    process: Child,
}

impl Daemon {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = Command::new(binary())
            .args(["daemon", "-u", "--no-tcp", "-n", "300", "--advertise", "127.0.0.1", "--log", "error"])
            .args(["-p", &PORT.to_string(), "-l", &CLIENT_PORT.to_string()])
            .env("XDG_RUNTIME_DIR", folder.path())
            .env("XDG_CONFIG_HOME", folder.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let daemon = Self { folder, process };
        let deadline = Instant::now() + Duration::from_secs(10);
        while !daemon.socket().exists() {
            assert!(Instant::now() < deadline, "no daemon");
            std::thread::sleep(Duration::from_millis(20));
        }
        daemon
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join(format!("peermon/{CLIENT_PORT}.sock"))
    }

    pub fn peermon(&self, arguments: &[&str]) {
        let status = Command::new(binary())
            .args(arguments)
            .env("PEERMON_SOCKET", self.socket())
            .env("XDG_CONFIG_HOME", self.folder.path())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{arguments:?}: {status}");
    }

    /// How long a reply takes, in milliseconds; each is made anew.
    pub fn exchange(&self) -> f64 {
        // A table that was made a moment ago (daemon::answers::TABLE_AGE_MAX) would answer again.
        std::thread::sleep(Duration::from_millis(40));
        let start = Instant::now();
        exchange(&self.socket());
        start.elapsed().as_secs_f64() * 1e3
    }

    pub fn wait_for(&self, hosts: usize) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let output = Command::new(binary())
                .args(["query", "--count"])
                .env("PEERMON_SOCKET", self.socket())
                .env("XDG_CONFIG_HOME", self.folder.path())
                .output()
                .unwrap();
            let count: usize = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap_or(0);
            if count >= hosts {
                return;
            }
            assert!(Instant::now() < deadline, "{count} of {hosts} hosts");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One request and its reply, to the last byte.
fn exchange(socket: &Path) {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(&encode_request(&Request::Hosts)).unwrap();
    let mut header = [0; FRAME_HEADER_LEN];
    stream.read_exact(&mut header).unwrap();
    let mut reply = vec![0; reply_len(header).unwrap()];
    stream.read_exact(&mut reply).unwrap();
}

/// Tells the daemon of so many invented hosts, this stand-in among them, all on loopback addresses.
pub fn fill(hosts: usize) {
    let now = Timestamp::from_micros(1_000_000_000);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let own =
        SessionId::from_entropy(u64::from(std::process::id()) << 32 | u64::from(socket.local_addr().unwrap().port()));
    let mut session =
        Session::new(now, "default", Keyring::open("default"), NetworkList::default(), DATAGRAM_DEFAULT, own);
    let daemon: SocketAddr = (Ipv4Addr::LOCALHOST, PORT).into();
    for datagram in session.hello(now, daemon).datagrams {
        socket.send_to(&datagram, daemon).unwrap();
    }
    let mut buffer = [0; 2048];
    let theirs = loop {
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        if let Ok(Opened::Welcome { session, .. }) = session.open(now, from, &buffer[..length]) {
            break session;
        }
    };
    let key_ids = Keyring::open("default").key_ids();
    session.admit(
        now,
        peermon::model::Member {
            id: Endpoint { address: daemon.ip(), port: PORT, salt: 0 }.id(),
            address: daemon,
            session: theirs,
            key_ids: key_ids.clone(),
        },
    );
    let cards: Vec<Card> = (0..hosts).map(|number| card(number, own, &key_ids)).collect();
    // The stand-in first: from then on it is a member, and has a member's budget.
    for some in std::iter::once(&cards[..1]).chain(cards.chunks(100)) {
        let records = some.iter().flat_map(records).collect();
        let to = Destination::Member(Endpoint { address: daemon.ip(), port: PORT, salt: 0 }.id());
        for datagram in session.seal(now, &to, &Message::Bundle { records }).unwrap().datagrams {
            socket.send_to(&datagram, daemon).unwrap();
        }
        std::thread::sleep(Duration::from_millis(30));
    }
}

fn card(number: usize, own: SessionId, key_ids: &[u8]) -> Card {
    let [.., high, low] = (number + 1).to_be_bytes();
    let endpoint = Endpoint { address: Ipv4Addr::new(127, 7, high, low).into(), port: 22_990, salt: 0 };
    let session = if number == 0 { own } else { SessionId::from_entropy(number as u64 + 7) };
    Card {
        id: endpoint.id(),
        version: Version { incarnation: 1_700_000_000, sequence: 1 },
        name: format!("node-{number:04}.cs.example.edu").parse().unwrap(),
        endpoint,
        more_addresses: Vec::new(),
        session,
        key_ids: key_ids.to_vec(),
        cores: Some(8 << (number % 4)),
        memory_total_mib: Some(65_536),
        labels: Vec::new(),
        software: "2.0.0".into(),
        interval: Age::from_hundredths(30_000),
        collector: false,
        uptime_seconds: Some(86_400),
        tail: Tail::default(),
    }
}

fn records(card: &Card) -> [Aged<Record>; 2] {
    let load = Load { load1_hundredths: Some(37), memory_available_mib: Some(40_000) };
    let version = Version { incarnation: 1_700_000_000, sequence: 9 };
    let report = Report { id: card.id, version, card: 1, load, flags: 0, tail: Tail::default() };
    let aged = |value| Aged { age: Age::from_hundredths(50), value };
    [aged(Record::Card(Box::new(card.clone()))), aged(Record::Report(report))]
}
