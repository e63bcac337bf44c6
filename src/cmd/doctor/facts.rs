//! What the checks look at, collected once: the daemon's own account, and its files.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::args::DoctorArgs;
use crate::client::{Candidate, Client, ClientError, Daemon, HostTable, Port};
use crate::config::client::{Said, VariableError, read_files};
use crate::config::daemon::DaemonSettingsError;
use crate::config::file::FileError;
use crate::config::paths::{DaemonPaths, Realm};
use crate::config::{DaemonSettings, DaemonSource, Environment, FileSettings, Finding as Odd, Source};
use crate::gossip::EXAMINATION_PAUSE;
use crate::model::{Checkup, DaemonStatus, FileInUse, RejectCount};
use crate::os::clock;
use crate::os::{privileges, processes};

/// An examination is over by then; a daemon that is slow is waited for a little longer.
const EXAMINATION_MAX: Duration = Duration::from_millis(2_000);

/// How often the daemon is asked whether it is over.
const PAUSE: Duration = Duration::from_millis(50);

/// Where the checks begin.
#[derive(Debug)]
pub(super) struct Facts {
    pub environment: Environment,
    /// Which daemon was asked.
    pub wanted: Daemon,
    pub running: Result<Running, ClientError>,
    /// The daemon's settings, or those that it would start with.
    pub settings: Result<DaemonSettings, DaemonSettingsError>,
    pub realm: Realm,
    /// As whom it runs, or would run.
    pub uid: u32,
    pub files: Files,
    /// Where they would lie if no daemon said otherwise.
    pub known: Files,
    /// What is odd in the settings of this user's clients, or why they cannot be read.
    pub client_settings: Result<Vec<Odd>, FileError>,
}

/// A daemon that answers.
#[derive(Debug)]
pub(super) struct Running {
    pub at: Candidate,
    /// As it is when others have been looked for.
    pub status: DaemonStatus,
    /// What it had refused before that.
    pub refused_before: Vec<RejectCount>,
    pub table: HostTable,
    /// `None`: it is older than this program, and does not know the question.
    pub checkup: Option<Checkup>,
    /// It tells of an examination that began before this command asked: what that found may be mended since.
    is_earlier: bool,
}

/// Where the files lie, each as it is named.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub settings: PathBuf,
    pub machines: Source,
    pub valid_ips: Source,
    pub key: Source,
}

impl Facts {
    /// Asks the daemon that is wanted, which begins to look for others, and finds its files.
    pub fn collect(args: &DoctorArgs) -> Result<(Self, Option<Client>), VariableError> {
        let environment = Environment::of_process();
        let (client_files, client_settings) = match read_files(&environment) {
            Ok((files, odd)) => (files, Ok(odd)),
            Err(error) => (FileSettings::default(), Err(error)),
        };
        let said = Said { port: args.client.port, socket: args.client.socket.clone() };
        let wanted = Daemon::settle(said, &environment, &client_files.client)?;
        let (running, client) = match ask(&wanted, &environment) {
            Ok((running, client)) => (Ok(running), Some(client)),
            Err(error) => (Err(error), None),
        };
        let checkup = running.as_ref().ok().and_then(|running| running.checkup.as_ref());
        let realm = match (checkup, &running) {
            (Some(checkup), _) if checkup.private => Realm::User,
            (Some(_), _) => Realm::System,
            (None, Ok(running)) => realm_of(&running.at),
            (None, Err(_)) => realm_to_look_at(args, &environment),
        };
        let uid = running.as_ref().ok().and_then(|running| processes::uid_of(running.status.pid));
        let usual_uid = || match realm {
            Realm::System => privileges::account().map_or(0, |account| account.uid),
            Realm::User => privileges::own_uid(),
        };
        let source = DaemonSource { flags: FileSettings::default(), realm, environment: environment.clone() };
        let settings = source.read();
        let files = Files::find(checkup, settings.as_ref().ok(), realm, &environment);
        let known = Files::find(None, settings.as_ref().ok(), realm, &environment);
        let uid = uid.unwrap_or_else(usual_uid);
        Ok((Self { environment, wanted, running, settings, realm, uid, files, known, client_settings }, client))
    }

    /// Waits until the daemon has looked for others.
    pub fn finish(&mut self, client: Option<Client>) {
        let (Ok(running), Some(mut client)) = (&mut self.running, client) else { return };
        if let Some(checkup) = &mut running.checkup
            && running.is_earlier
        {
            std::thread::sleep(EXAMINATION_PAUSE.saturating_sub(age(checkup)) + PAUSE);
            match client.checkup() {
                Ok(newer) => *checkup = newer,
                Err(_) => return,
            }
        }
        let begin = clock::now();
        while let Some(checkup) = &mut running.checkup
            && !checkup.is_over
            && clock::now().since(begin) < EXAMINATION_MAX
        {
            std::thread::sleep(PAUSE);
            match client.checkup() {
                Ok(newer) => *checkup = newer,
                // It ends, or is being restarted: what is known must do.
                Err(_) => return,
            }
        }
        if let Ok(status) = client.status() {
            running.status = status;
        }
    }

    /// Whether the daemon that answers is surely this user's: nobody else could have put its socket there. A TCP port
    /// tells nothing of that: root opens it before it becomes peermon.
    pub fn is_own_daemon(&self) -> bool {
        match self.running.as_ref().map(|running| &running.at) {
            Ok(Candidate::Unix(socket)) => privileges::owns(socket) && socket.parent().is_some_and(privileges::owns),
            Ok(Candidate::Tcp(_)) | Err(_) => false,
        }
    }

    /// The port at which others reach the daemon.
    pub fn port(&self) -> u16 {
        match (&self.running, &self.settings) {
            (Ok(running), _) => running.status.port,
            (Err(_), Ok(settings)) => settings.port.get(),
            (Err(_), Err(_)) => Port::GOSSIP.get(),
        }
    }

    /// The port at which clients look for it.
    pub fn client_port(&self) -> Port {
        match (&self.wanted, &self.settings) {
            (Daemon::OfPort(port), _) => *port,
            (Daemon::At(_), Ok(settings)) => settings.client_port,
            (Daemon::At(_), Err(_)) => Port::CLIENT,
        }
    }

    /// Whether another client port is asked about than the one in the settings, which are those of another daemon then.
    pub fn is_other_network(&self) -> bool {
        match (&self.wanted, &self.settings) {
            (Daemon::OfPort(port), Ok(settings)) => *port != settings.client_port,
            (Daemon::At(_), Ok(_)) | (Daemon::OfPort(_) | Daemon::At(_), Err(_)) => false,
        }
    }

    /// What makes the daemon read its files again.
    pub fn reload(&self) -> String {
        match (self.realm, &self.running) {
            (Realm::System, _) if is_service() => service("reload", "peermon"),
            (Realm::System | Realm::User, Ok(running)) => format!("kill -HUP {}", running.status.pid),
            (Realm::System | Realm::User, Err(_)) => "start the daemon".to_owned(),
        }
    }

    /// What makes it start anew.
    pub fn restart(&self) -> String {
        match (self.realm, &self.running) {
            (Realm::System, _) if is_service() => service("restart", "peermon"),
            (Realm::System | Realm::User, Ok(running)) => {
                format!("kill {}, and start it again", running.status.pid)
            }
            (Realm::System, Err(_)) => "peermon daemon --detach, as root".to_owned(),
            (Realm::User, Err(_)) => "peermon daemon --user --detach".to_owned(),
        }
    }
}

/// Whether systemd runs this host.
pub(super) fn has_systemd() -> bool {
    Path::new("/run/systemd/system").exists()
}

/// Whether this host has peermon as a service, and not only a daemon that somebody started.
fn is_service() -> bool {
    const SERVICES: [&str; 4] = [
        "/usr/lib/systemd/system/peermon.service",
        "/etc/systemd/system/peermon.service",
        "/usr/local/lib/systemd/system/peermon.service",
        "/etc/init.d/peermon",
    ];
    SERVICES.iter().any(|file| Path::new(file).exists())
}

/// What is typed to do that with a service of this host.
pub(super) fn service(action: &str, name: &str) -> String {
    if has_systemd() { format!("systemctl {action} {name}") } else { format!("service {name} {action}") }
}

fn ask(wanted: &Daemon, environment: &Environment) -> Result<(Running, Client), ClientError> {
    let mut client = Client::connect(wanted, environment)?;
    let status = client.status()?;
    let table = client.hosts()?;
    let asked = clock::now();
    let checkup = match client.checkup() {
        Ok(checkup) => Some(checkup),
        Err(ClientError::Refused(_)) => None,
        Err(error) => return Err(error),
    };
    let is_earlier = checkup.as_ref().is_some_and(|checkup| age(checkup) > clock::now().since(asked));
    let refused_before = status.rejects.clone();
    Ok((Running { at: client.daemon().clone(), status, refused_before, table, checkup, is_earlier }, client))
}

/// How long ago the examination began, when it was told.
fn age(checkup: &Checkup) -> Duration {
    Duration::from_millis(checkup.examined_hundredths.saturating_mul(10))
}

fn realm_of(at: &Candidate) -> Realm {
    match at {
        Candidate::Unix(path) if !path.starts_with("/run/peermon") => Realm::User,
        Candidate::Unix(_) | Candidate::Tcp(_) => Realm::System,
    }
}

/// Without a daemon: the host's own network, unless there is only a private one.
fn realm_to_look_at(args: &DoctorArgs, environment: &Environment) -> Realm {
    let is_there = |realm| {
        let paths = DaemonPaths::of(realm, environment);
        paths.is_some_and(|paths| paths.settings.parent().is_some_and(Path::exists))
    };
    let only_private = privileges::own_uid() != 0 && !is_there(Realm::System) && is_there(Realm::User);
    if args.user || only_private { Realm::User } else { Realm::System }
}

impl Files {
    /// Those that the daemon says; else those of the settings; else where they usually lie.
    fn find(
        checkup: Option<&Checkup>,
        settings: Option<&DaemonSettings>,
        realm: Realm,
        environment: &Environment,
    ) -> Self {
        let path = |file: &FileInUse| PathBuf::from(OsStr::from_bytes(&file.path));
        let source = |file: &FileInUse| if file.named { Source::Named(path(file)) } else { Source::Usual(path(file)) };
        let paths = DaemonPaths::of(realm, environment);
        let usual_settings = paths.as_ref().map(|paths| paths.settings.clone()).unwrap_or_default();
        match (checkup, settings) {
            (Some(checkup), _) => Self {
                settings: path(&checkup.settings),
                machines: source(&checkup.machines),
                valid_ips: source(&checkup.valid_ips),
                key: source(&checkup.key),
            },
            (None, Some(settings)) => Self {
                settings: usual_settings,
                machines: settings.machines.clone(),
                valid_ips: settings.valid_ips.clone(),
                key: settings.key.clone(),
            },
            (None, None) => {
                let usual = |path: fn(&DaemonPaths) -> &PathBuf| {
                    Source::Usual(paths.as_ref().map(|paths| path(paths).clone()).unwrap_or_default())
                };
                Self {
                    settings: usual_settings,
                    machines: usual(|paths| &paths.machines),
                    valid_ips: usual(|paths| &paths.valid_ips),
                    key: usual(|paths| &paths.key),
                }
            }
        }
    }
}
