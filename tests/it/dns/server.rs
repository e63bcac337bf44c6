//! Real name servers on loopback: started with a folder of their own at a high port, and killed by their process id.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longer than any server here takes to start or to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running name server.
pub struct Server {
    folder: TempDir,
    pub port: u16,
    command: fn(&Path) -> Command,
    zones: Vec<String>,
    child: Option<Child>,
}

/// What a test's zones look like: `{D}` in a configuration is the server's folder, `{P}` its port.
pub const ZONE: &str = "$TTL 30
@ IN SOA ns hostmaster 1 60 60 3600 30
@ IN NS ns
@ IN A 192.0.2.1
ns IN A 127.0.0.1
peermon IN TXT \"stays\"
peermon IN SSHFP 4 2 123456789abcdef67890123456789abcdef67890123456789abcdef123456789
alias IN CNAME ns
other IN A 192.0.2.7
*.wild2 IN A 192.0.2.8
";

impl Server {
    /// BIND with these zones, and the rest of its configuration. `None`: there is none here.
    pub fn bind(configuration: &str, zones: &[&str]) -> Option<Self> {
        if !is_installed("named") {
            return None;
        }
        let head = r#"options { directory "{D}"; pid-file "{D}/named.pid"; session-keyfile "{D}/session.key";
            managed-keys-directory "{D}"; listen-on port {P} { 127.0.0.1; }; listen-on-v6 port {P} { ::1; }; recursion no;
            dnssec-validation no; empty-zones-enable no; notify no; allow-transfer { 127.0.0.1; }; };
            "#;
        // Without this word BIND would make a channel of its own, one for all servers of this machine.
        let controls = if configuration.contains("controls {") { "" } else { "controls { };" };
        Some(Self::start(&format!("{head}{controls}{configuration}"), zones, "named.conf", |folder| {
            let mut command = Command::new("named");
            command.args(["-g", "-n", "1", "-c"]).arg(folder.join("named.conf"));
            command
        }))
    }

    /// Knot with these zones, and the rest of its configuration. `None`: there is none here.
    pub fn knot(configuration: &str, zones: &[&str]) -> Option<Self> {
        if !is_installed("knotd") {
            return None;
        }
        let head = "server:\n  rundir: {D}\n  listen: 127.0.0.1@{P}\n  background-workers: 1\n  udp-workers: 1\n  \
                    tcp-workers: 1\ndatabase:\n  storage: {D}\nlog:\n  - target: stderr\n    any: info\n";
        Some(Self::start(&format!("{head}{configuration}"), zones, "knot.conf", |folder| {
            let mut command = Command::new("knotd");
            command.arg("-c").arg(folder.join("knot.conf"));
            command
        }))
    }

    fn start(configuration: &str, zones: &[&str], name: &str, command: fn(&Path) -> Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for zone in zones {
            fs::write(folder.path().join(format!("{zone}.db")), ZONE).unwrap();
        }
        let port = free_port();
        let path = folder.path().to_str().unwrap();
        let text = configuration.replace("{D}", path).replace("{P}", &port.to_string());
        fs::write(folder.path().join(name), text).unwrap();
        let zones = zones.iter().map(|zone| (*zone).to_owned()).collect();
        let mut server = Self { folder, port, command, zones, child: None };
        server.start_again();
        server
    }

    /// Where it was killed.
    pub fn start_again(&mut self) {
        let log = File::create(self.path("log")).unwrap();
        let mut command = (self.command)(self.folder.path());
        command.current_dir(self.folder.path()).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        let deadline = Instant::now() + PATIENCE;
        while self.zones.iter().any(|zone| self.dig(&format!("{zone} SOA")).is_empty()) {
            let has_ended = self.child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some());
            assert!(Instant::now() < deadline && !has_ended, "{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// A file in its folder.
    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// As `--server` takes it.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The lines that `dig +short` prints; nothing where nobody answers.
    pub fn dig(&self, question: &str) -> Vec<String> {
        let output = Command::new("dig")
            .args(["@127.0.0.1", "-p", &self.port.to_string(), "+short", "+time=2", "+tries=1"])
            .args(question.split_whitespace())
            .output()
            .unwrap();
        if !output.status.success() {
            return Vec::new();
        }
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// The set of that name and type.
    pub fn set(&self, question: &str) -> BTreeSet<String> {
        self.dig(question).into_iter().collect()
    }

    /// All of a zone, sorted, without what a DNS server changes by itself.
    pub fn records(&self, zone: &str) -> BTreeSet<String> {
        let port = self.port.to_string();
        let arguments = ["@127.0.0.1", "-p", &port, zone, "AXFR", "+noall", "+answer", "+time=2"];
        let output = Command::new("dig").args(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    pub fn serial(&self, zone: &str) -> u32 {
        let soa = self.dig(&format!("{zone} SOA"));
        soa[0].split_whitespace().nth(2).unwrap().parse().unwrap()
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

pub fn is_installed(program: &str) -> bool {
    let found = |folder: &str| Path::new(folder).join(program).exists();
    std::env::var("PATH").unwrap_or_default().split(':').any(found)
}

/// A port that is free for UDP and TCP just now.
pub fn free_port() -> u16 {
    loop {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = udp.local_addr().unwrap().port();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
