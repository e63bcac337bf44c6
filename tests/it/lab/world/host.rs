//! One host: a network, a folder with all that a daemon reads and writes, and the daemon while it lives.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, Permissions};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use peermon::client::{Client, ClientError, Daemon as Asked, HostTable, Place};
use peermon::config::Environment;
use peermon::model::{DaemonStatus, HostView};

use super::daemon::Daemon;
use super::namespace::Namespace;

/// What a host says of itself, invented.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    pub load: f64,
    pub cores: u32,
    pub memory_total_mib: u32,
    pub memory_available_mib: u32,
    pub uptime_seconds: u64,
}

/// One host of a lab.
#[derive(Debug)]
pub struct Host {
    pub name: String,
    /// Where others reach it.
    pub address: IpAddr,
    /// The word before them: `daemon`.
    pub command: Option<&'static str>,
    /// What its daemon is given: `-u -n 1`, its name and its figures, unless the test changes that.
    pub arguments: Vec<String>,
    /// Variables that its daemon is given.
    pub variables: Vec<(String, String)>,
    /// What the daemon is started through, like `unshare -m`.
    pub wrapper: Vec<String>,
    pub network: Namespace,
    pub folder: PathBuf,
    pub figures: Figures,
    daemon: Option<Daemon>,
    lives: u32,
}

/// The binary that is tested: what is installed where tests/run says so.
pub fn binary() -> PathBuf {
    env::var_os("PEERMON_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_peermon").into(), PathBuf::from)
}

impl Host {
    /// A host without a daemon, in `network`; its files lie in `folder`.
    pub fn new(name: String, address: IpAddr, network: Namespace, folder: PathBuf, figures: Figures) -> Self {
        for inner in ["config/peermon", "run", "proc"] {
            fs::create_dir_all(folder.join(inner)).expect("a folder of the test's own");
        }
        let mut host = Self {
            name,
            address,
            command: Some("daemon"),
            arguments: Vec::new(),
            variables: Vec::new(),
            wrapper: Vec::new(),
            network,
            folder,
            figures,
            daemon: None,
            lives: 0,
        };
        host.set(figures);
        let (name, figures) = (host.name.clone(), host.proc_root().display().to_string());
        host.give(&["-u", "-n", "1", "--name", &name, "--proc-root", &figures]);
        host
    }

    /// Gives its daemon these arguments too.
    pub fn give(&mut self, arguments: &[&str]) {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    }

    /// Takes an option with a value away from its daemon.
    pub fn take(&mut self, option: &str) {
        let place = self.arguments.iter().position(|argument| argument == option).expect("it was given");
        self.arguments.drain(place..place + 2);
    }

    /// Its figures are these from now on.
    pub fn set(&mut self, figures: Figures) {
        self.figures = figures;
        let Figures { load, cores, memory_total_mib, memory_available_mib, uptime_seconds } = figures;
        let processors: String = (0..cores).map(|core| format!("processor\t: {core}\n\n")).collect();
        let memory = [("MemTotal", memory_total_mib), ("MemAvailable", memory_available_mib)]
            .map(|(field, mib)| format!("{field}: {} kB\n", u64::from(mib) << 10));
        self.write_figure("cpuinfo", &processors);
        self.write_figure("meminfo", &memory.concat());
        self.write_figure("uptime", &format!("{uptime_seconds}.00 0.00\n"));
        self.write_figure("loadavg", &format!("{load:.2} 0.00 0.00 1/100 1\n"));
    }

    /// Its load is this from now on.
    pub fn set_load(&mut self, load: f64) {
        self.set(Figures { load, ..self.figures });
    }

    fn write_figure(&self, file: &str, text: &str) {
        // Renamed, so that the daemon never reads half of it.
        let [old, new] = [file.to_owned(), format!("{file}.new")].map(|file| self.proc_root().join(file));
        fs::write(&new, text).and_then(|()| fs::rename(new, old)).expect("a folder of the test's own");
    }

    /// Where its figures are read.
    pub fn proc_root(&self) -> PathBuf {
        self.folder.join("proc")
    }

    /// A file in its config folder, like `machines.txt`.
    pub fn config(&self, file: &str) -> PathBuf {
        self.folder.join("config/peermon").join(file)
    }

    /// Its config folder has this file from now on.
    pub fn write_config(&self, file: &str, text: &str) {
        fs::write(self.config(file), text).expect("a folder of the test's own");
    }

    /// Its config folder has this secret from now on, which nobody else can read.
    pub fn write_secret(&self, file: &str, text: &str) {
        self.write_config(file, text);
        fs::set_permissions(self.config(file), Permissions::from_mode(0o600)).expect("a file of the test's own");
    }

    /// Its daemon finds an `/etc` with these files in it and no others.
    pub fn give_etc(&mut self, files: &[(&str, &str)]) {
        let etc = self.folder.join("etc");
        for (file, text) in files {
            let path = etc.join(file);
            fs::create_dir_all(path.parent().expect("it lies in etc")).expect("a folder of the test's own");
            fs::write(path, text).expect("a folder of the test's own");
        }
        self.mount(&etc, "/etc");
    }

    /// Its daemon finds `source` in the place of `target`; nobody else does.
    pub fn mount(&mut self, source: &Path, target: &str) {
        let script = "mount --bind \"$0\" \"$1\" && shift && exec \"$@\"";
        let words = ["unshare", "--mount", "sh", "-c", script].map(str::to_owned);
        self.wrapper.extend(words);
        self.wrapper.extend([source.display().to_string(), target.to_owned()]);
    }

    /// Where clients find its daemon.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("run/peermon/1981.sock")
    }

    /// `program` with this host's variables and no others. A daemon that a user of this machine has in the background is
    /// not on this host, so its folder in /tmp is not either.
    pub fn program(&self, program: &Path) -> Command {
        let own = PathBuf::from(format!("/tmp/peermon-{}", nix::unistd::geteuid()));
        let mut command = if own.exists() {
            let mut hidden = Command::new("unshare");
            hidden.args(["--mount", "sh", "-c", "mount -t tmpfs none \"$0\" && exec \"$@\""]).arg(own).arg(program);
            hidden
        } else {
            Command::new(program)
        };
        command
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("XDG_CONFIG_HOME", self.folder.join("config"))
            .env("XDG_RUNTIME_DIR", self.folder.join("run"))
            .envs(self.variables.iter().cloned())
            .current_dir(&self.folder);
        command
    }

    /// What is typed to start its daemon. It dies with the thread that starts it.
    pub fn daemon_command(&self) -> Command {
        let mut command = self.program(Path::new("setpriv"));
        command.args(["--pdeathsig", "KILL", "--"]).args(&self.wrapper).arg(binary());
        command.args(self.command).args(&self.arguments);
        command
    }

    /// Starts its daemon.
    pub fn start(&mut self) {
        assert!(!self.is_running(), "{} runs already", self.name);
        let command = self.daemon_command();
        self.lives += 1;
        let [out, log] = ["out", "log"].map(|file| self.folder.join(format!("{file}.{}", self.lives)));
        self.daemon = Some(self.network.within(|| Daemon::start(command, &out, &log)));
    }

    /// Its daemon.
    pub fn daemon(&mut self) -> &mut Daemon {
        self.daemon.as_mut().expect("a daemon was started here")
    }

    /// Ends its daemon so that it cannot say goodbye.
    pub fn kill(&mut self) {
        self.daemon = None;
    }

    /// Whether its daemon lives, as far as the test made it live.
    pub fn is_running(&self) -> bool {
        self.daemon.is_some()
    }

    /// What its daemons have said so far, one after another.
    pub fn log(&self) -> String {
        self.said("log")
    }

    /// What they have written to stdout, where nothing belongs.
    pub fn out(&self) -> String {
        self.said("out")
    }

    fn said(&self, file: &str) -> String {
        let files = (1..=self.lives).map(|life| self.folder.join(format!("{file}.{life}")));
        files.map(|file| fs::read_to_string(file).unwrap_or_default()).collect()
    }

    fn client(&self) -> Result<Client, ClientError> {
        Client::connect(&Asked::At(Place::Socket(self.socket())), &Environment::default())
    }

    /// All that its daemon knows of the hosts.
    pub fn table(&self) -> Result<HostTable, ClientError> {
        self.client()?.hosts()
    }

    /// What its daemon says of itself.
    pub fn status(&self) -> Result<DaemonStatus, ClientError> {
        self.client()?.status()
    }

    /// The names that its daemon offers.
    pub fn offers(&self) -> Result<BTreeSet<String>, ClientError> {
        let table = self.table()?;
        Ok(table.hosts.iter().filter(|host| host.is_offered()).map(|host| host.name.to_string()).collect())
    }

    /// What its daemon knows of the host called `name`: the newest life, where there were several.
    pub fn view_of(&self, name: &str) -> Option<HostView> {
        let hosts = self.table().ok()?.hosts.into_iter();
        hosts.filter(|host| host.name.as_str() == name).min_by_key(|host| host.age_hundredths)
    }

    /// Who sent the last datagram that its daemon refused for `reason`.
    pub fn refused(&self, reason: &str) -> Option<IpAddr> {
        let rejects = self.status().ok()?.rejects;
        rejects.into_iter().find(|reject| reject.reason == reason)?.last_sender
    }

    /// Runs `peermon` with these words on this host.
    pub fn run(&self, words: &[&str]) -> Output {
        let mut command = self.program(&binary());
        command.args(words);
        self.output(command)
    }

    /// Runs what would start its daemon, which must end by itself.
    pub fn run_daemon(&self) -> Output {
        let mut command = self.program(Path::new("timeout"));
        command.args(["-s", "KILL", "10"]).args(&self.wrapper).arg(binary()).args(self.command).args(&self.arguments);
        self.output(command)
    }

    fn output(&self, mut command: Command) -> Output {
        self.network.within(|| command.stdin(Stdio::null()).output()).expect("it can be run")
    }
}
