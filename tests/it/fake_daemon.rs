//! A daemon of words only: it listens on a Unix socket of its own folder (or on TCP) and answers what it was given.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

use peermon::model::{DaemonStatus, HostView, StateCounts};
use peermon::wire::client::{
    FRAME_HEADER_LEN, HostTable, Placement, Reply, Request, decode_request, encode_reply, request_len,
};
use tempfile::TempDir;

/// What it answers.
#[derive(Clone, Debug)]
pub enum Answer {
    /// As a daemon with this table does.
    Table(Box<HostTable>),
    /// As a daemon of this state does.
    Status(Box<DaemonStatus>),
    /// As a daemon does that knows both, and no later questions.
    Old(Box<(HostTable, DaemonStatus)>),
    /// This reply, whatever the question is.
    Always(Reply),
    /// These bytes, whatever the question is; then it hangs up.
    Bytes(Vec<u8>),
    /// Nothing, for as long as the client waits.
    Silence,
}

/// It lives as long as the value; its threads end with their clients.
#[derive(Debug)]
pub struct FakeDaemon {
    folder: TempDir,
    placed: Arc<Mutex<Vec<Placement>>>,
    answer: Arc<Mutex<Answer>>,
    tcp: Option<SocketAddr>,
}

impl FakeDaemon {
    /// With this table; the first host is its own.
    pub fn knowing(hosts: Vec<HostView>) -> Self {
        Self::answering(Answer::Table(Box::new(table(hosts))))
    }

    /// With this answer, on a Unix socket.
    pub fn answering(answer: Answer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("1981.sock")).unwrap();
        let daemon = Self::new(folder, answer, None);
        daemon.serve(move || listener.accept().map(|(stream, _)| stream));
        daemon
    }

    /// With this answer, on loopback TCP.
    pub fn on_tcp(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let daemon = Self::new(tempfile::tempdir().unwrap(), answer, Some(listener.local_addr().unwrap()));
        daemon.serve(move || listener.accept().map(|(stream, _)| stream));
        daemon
    }

    fn new(folder: TempDir, answer: Answer, tcp: Option<SocketAddr>) -> Self {
        Self { folder, placed: Arc::default(), answer: Arc::new(Mutex::new(answer)), tcp }
    }

    fn serve<S: Stream>(&self, accept: impl Fn() -> io::Result<S> + Send + 'static) {
        let (placed, answer) = (Arc::clone(&self.placed), Arc::clone(&self.answer));
        thread::spawn(move || {
            while let Ok(stream) = accept() {
                let (placed, answer) = (Arc::clone(&placed), answer.lock().unwrap().clone());
                thread::spawn(move || serve_client(stream, &answer, &placed));
            }
        });
    }

    /// From now on it answers this.
    pub fn set(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// Where its Unix socket is.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("1981.sock")
    }

    /// Where it listens on TCP.
    pub fn tcp(&self) -> SocketAddr {
        self.tcp.expect("made with on_tcp")
    }

    /// Whom clients said they go to.
    pub fn placed(&self) -> Vec<Placement> {
        self.placed.lock().unwrap().clone()
    }
}

/// A table whose first host is the daemon's own.
pub fn table(mut hosts: Vec<HostView>) -> HostTable {
    let own = hosts[0].id;
    hosts.sort_by_key(|host| host.id);
    HostTable { own, interval_hundredths: 2000, isolated: false, up_seconds: 100_000, hosts }
}

/// A daemon that is well, of an open network.
pub fn status() -> DaemonStatus {
    DaemonStatus {
        name: "node1".parse().unwrap(),
        software: "2.0.0".into(),
        pid: 4242,
        up_seconds: 100_000,
        network: "default".to_owned(),
        keyed: false,
        interval_hundredths: 2000,
        port: 1288,
        address: "10.0.0.1".parse().unwrap(),
        hosts: StateCounts { fresh: 9, late: 1, suspect: 0, left: 2, dead: 3 },
        last_heard_hundredths: Some(120),
        isolated: false,
        twin: false,
        lacking_first_key: 0,
        datagrams_in: 12_345,
        datagrams_out: 23_456,
        bytes_in: 5 << 20,
        bytes_out: 6 << 20,
        kernel_drops: 0,
        send_errors: 0,
        rejects: Vec::new(),
    }
}

trait Stream: Read + Write + Send + 'static {}
impl Stream for UnixStream {}
impl Stream for TcpStream {}

/// Until the client has enough.
fn serve_client(mut stream: impl Stream, answer: &Answer, placed: &Mutex<Vec<Placement>>) {
    while let Ok(request) = read_request(&mut stream) {
        let reply = match (answer, request) {
            (Answer::Bytes(bytes), _) => {
                let _ = stream.write_all(bytes);
                return;
            }
            (Answer::Silence, _) => continue,
            (Answer::Always(reply), _) => reply.clone(),
            (_, Request::Place(placements)) => {
                placed.lock().unwrap().extend(placements);
                Reply::Placed
            }
            (Answer::Table(table), Request::Hosts) => Reply::Hosts((**table).clone()),
            (Answer::Status(status), Request::Status) => Reply::Status(status.clone()),
            (Answer::Old(known), Request::Hosts) => Reply::Hosts(known.0.clone()),
            (Answer::Old(known), Request::Status) => Reply::Status(Box::new(known.1.clone())),
            (Answer::Table(_) | Answer::Status(_) | Answer::Old(_), _) => Reply::Refused("not now".to_owned()),
        };
        if stream.write_all(&encode_reply(&reply)).is_err() {
            return;
        }
    }
}

fn read_request(stream: &mut impl Read) -> io::Result<Request> {
    let mut header = [0; FRAME_HEADER_LEN];
    stream.read_exact(&mut header)?;
    let mut body = vec![0; request_len(header).map_err(io::Error::other)?];
    stream.read_exact(&mut body)?;
    decode_request(&body).map_err(io::Error::other)
}
