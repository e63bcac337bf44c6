//! `peermon daemon`: what was typed to settings, and why a daemon did not start to words.

use std::env;
use std::io;
use std::path::PathBuf;
use std::thread;

use nix::sys::signal::{Signal, raise};

use super::args::DaemonArgs;
use super::exit::{Exit, Failure};
use crate::config::daemon::DaemonSettingsError;
use crate::config::file::{Client, FileSettings, Gossip, Host};
use crate::config::paths::Realm;
use crate::config::{DaemonSource, Environment};
use crate::daemon::{self, FilesError, PlaceError, Start, StartError};
use crate::os::privileges;

/// Set for a daemon that must not outlive whoever started it, as in a demo: when its stdin closes it ends, as politely as
/// after TERM. The kernel closes the pipe however the other process ended.
pub(super) const ENDS_WITH_STDIN: &str = "PEERMON_ENDS_WITH_STDIN";

/// Runs until TERM or INT.
pub(super) fn run(args: &DaemonArgs) -> Result<Exit, Failure> {
    let source = DaemonSource {
        flags: flags(args),
        realm: if args.user { Realm::User } else { Realm::System },
        environment: Environment::of_process(),
    };
    let settings = source.read().map_err(settings_failure)?;
    if args.check {
        return daemon::check(&settings).map(|()| Exit::Done).map_err(start_failure);
    }
    if args.detach {
        return super::detach::run(&source, settings.client_port);
    }
    let start = Start {
        source,
        settings,
        proc_root: args.proc_root.clone(),
        detached: super::detach::is_detached(),
        journal: env::var_os("JOURNAL_STREAM").is_some(),
    };
    if env::var_os(ENDS_WITH_STDIN).is_some() {
        end_with_stdin();
    }
    daemon::run(start).map(|()| Exit::Done).map_err(start_failure)
}

fn end_with_stdin() {
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = raise(Signal::SIGTERM);
    });
}

/// What was typed, as the uppermost layer of the settings.
fn flags(args: &DaemonArgs) -> FileSettings {
    let absolute = |path: &Option<PathBuf>| {
        // A detached daemon runs elsewhere, and HUP may come after any change of folder.
        path.as_ref().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()))
    };
    FileSettings {
        gossip: Gossip {
            port: args.port,
            interval: args.interval,
            machines: absolute(&args.machines),
            valid_ips: absolute(&args.valid_ips),
            key_file: absolute(&args.key_file),
            network: args.network.clone(),
            max_datagram: args.max_datagram,
            require_key: None,
        },
        host: Host {
            collector: args.collector.then_some(true),
            name: args.name.clone(),
            advertise: args.advertise,
            interface: args.interface.clone(),
            labels: (!args.labels.is_empty()).then(|| args.labels.clone()),
        },
        client: Client {
            port: args.client_port,
            tcp: args.no_tcp.then_some(false),
            legacy_port: args.legacy_clients,
            socket: None,
        },
        log: args.log,
        ..FileSettings::default()
    }
}

fn settings_failure(error: DaemonSettingsError) -> Failure {
    let hint = settings_hint(&error);
    Failure::new(Exit::Usage, error, hint)
}

/// What to do about settings that a daemon does not take.
pub(super) fn settings_hint(error: &DaemonSettingsError) -> String {
    match error {
        DaemonSettingsError::NoConfigFolder => "HOME=/home/you peermon daemon -u".to_owned(),
        DaemonSettingsError::File(_) | DaemonSettingsError::UnknownKeys(_) => {
            "mend that line; man peermon-daemon lists the keys".to_owned()
        }
        DaemonSettingsError::Variable { name, .. } => format!("unset {name}, or give it another value"),
        DaemonSettingsError::TooManyLabels(_) => "leave some out".to_owned(),
    }
}

fn start_failure(error: StartError) -> Failure {
    let (exit, hint) = match &error {
        StartError::NoUser => {
            let make = format!("adduser --system --group {}", privileges::USER);
            (Exit::Usage, format!("{make}; or peermon daemon -u for a private network"))
        }
        StartError::NotRoot => (Exit::Usage, "peermon daemon -u runs a private network of your own".to_owned()),
        StartError::Name { .. } => (Exit::Usage, "--name NAME says how others should call this host".to_owned()),
        StartError::Bind(bind) if bind.is_taken() => (
            Exit::Usage,
            "does a daemon run already? peermon query --status; else choose another one with -p".to_owned(),
        ),
        StartError::Bind(_) => (Exit::Usage, "choose another port with -p".to_owned()),
        StartError::ClientPort { .. } => (
            Exit::Usage,
            "does a daemon run already? peermon query --status; else choose another one with -l or --legacy-clients"
                .to_owned(),
        ),
        StartError::Claim(daemon_claim) => claim_hint(daemon_claim),
        StartError::Place(PlaceError::Card(_)) => {
            (Exit::Usage, "give fewer or shorter labels, or a shorter --name".to_owned())
        }
        StartError::Place(PlaceError::Advertise(_)) => {
            (Exit::Usage, "ip address lists the interfaces and their addresses".to_owned())
        }
        StartError::Files(files) => (Exit::Usage, files_hint(files)),
        StartError::Drop(_) => {
            (Exit::Failed, "a daemon that cannot give up root does not run; see capabilities(7)".to_owned())
        }
        StartError::System { .. } => (Exit::Failed, "is a limit reached? ulimit -a".to_owned()),
    };
    Failure::new(exit, error, hint)
}

fn claim_hint(error: &crate::os::runtime::ClaimError) -> (Exit, String) {
    use crate::os::runtime::ClaimError;
    match error {
        ClaimError::Taken(_) => {
            (Exit::Usage, "peermon query --status asks it; -l PORT names another network".to_owned())
        }
        ClaimError::Folder { folder, .. } => {
            (Exit::Usage, format!("look whose it is (ls -ld {}), and remove it if you may", folder.display()))
        }
        ClaimError::Io { .. } => (Exit::Failed, "without --no-tcp clients can use TCP instead".to_owned()),
    }
}

/// What to do about a file that a daemon does not take.
pub(super) fn files_hint(error: &FilesError) -> String {
    match error {
        FilesError::Machines { .. } => {
            "a machines file has one IP:PORT or name a line; -f FILE names another one".to_owned()
        }
        FilesError::ValidIps(_) => "a line is a prefix like 130.58.68, or CIDR like 10.0.0.0/8".to_owned(),
        FilesError::Secret(secret) => secret.hint().unwrap_or_else(|| "--key-file FILE names another one".to_owned()),
        FilesError::NoKeyFile(path) | FilesError::KeyRequired(path) => format!("peermon keygen {}", path.display()),
        FilesError::Key { error, .. } => error.hint().to_owned(),
    }
}
