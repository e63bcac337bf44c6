//! What every client command begins with: its settings, its daemon, and how it chooses.

use super::args::{ChooseArgs, ClientArgs};
use super::console::Console;
use super::exit::{Exit, Failure};
use crate::client::{Client, ClientError, Daemon, HostTable, Port};
use crate::config::choose::{ChooseError, ChooseFlags, Choosing, Letters};
use crate::config::client::{Said, read_files};
use crate::config::values::{Count, Seed};
use crate::config::{Environment, FileSettings};
use crate::os::{entropy, privileges};
use crate::placement::{Policy, Ranking, rank};

/// The environment and the settings files, read once.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the process was given.
    pub environment: Environment,
    /// What the files say.
    pub files: FileSettings,
}

impl Settings {
    /// Reads them. Unknown keys are warned of: they may be a newer version's.
    pub fn read(console: &Console) -> Result<Self, Failure> {
        let environment = Environment::of_process();
        let (files, findings) = read_files(&environment).map_err(|error| {
            Failure::new(Exit::Usage, error, "mend that line or take it away: man peermon has the settings")
        })?;
        for finding in findings {
            console.warn(finding);
        }
        Ok(Self { environment, files })
    }

    /// Which daemon to ask.
    pub fn daemon(&self, args: &ClientArgs) -> Result<Daemon, Failure> {
        let flags = Said { port: args.port, socket: args.socket.clone() };
        Daemon::settle(flags, &self.environment, &self.files.client).map_err(|error| {
            let variable = error.variable;
            Failure::new(Exit::Usage, error, format_args!("unset {variable}, or give it such a value"))
        })
    }

    /// How to choose hosts. `classic_memory_step_kib` is the command's own:
    /// [`Policy::CLASSIC_MEMORY_STEP_KIB`], or [`Policy::CLASSIC_MPIGEN_STEP_KIB`] for mpigen.
    pub fn choice(&self, args: ChooseArgs, classic_memory_step_kib: u64) -> Result<Choice, Failure> {
        let flags = ChooseFlags {
            letters: Letters { cpu: args.cpu, memory: args.mem, random: args.random },
            policy: args.policy,
            cpu_delta: args.cpu_delta,
            mem_delta: args.mem_delta,
            exclude: args.exclude,
            exclude_self: args.exclude_self,
            max_age: args.max_age,
        };
        let choosing = Choosing::settle(flags, &self.environment, &self.files.choose, classic_memory_step_kib);
        let choosing = choosing.map_err(|error| {
            let hint = match &error {
                ChooseError::TwoPolicies(_) => "give one of them; only --policy classic goes with letters".to_owned(),
                ChooseError::Variable(error) => format!("unset {}, or give it such a value", error.variable),
            };
            Failure::new(Exit::Usage, error, hint)
        })?;
        Ok(Choice {
            choosing,
            min: args.min.map(|Count(count)| count as usize),
            strict: args.strict,
            seed: args.seed.map_or_else(entropy::draw, |Seed(seed)| seed),
        })
    }

    /// Connects to `daemon`.
    pub fn connect(&self, daemon: &Daemon) -> Result<Client, Failure> {
        Client::connect(daemon, &self.environment).map_err(|error| client_failure(&error, daemon))
    }
}

/// How a command chooses, settled.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Which hosts are good.
    pub choosing: Choosing,
    /// `--min`
    pub min: Option<usize>,
    /// `--strict`
    pub strict: bool,
    /// `--seed`, or drawn.
    pub seed: u64,
}

impl Choice {
    /// What makes a host good.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.choosing.policy
    }

    /// All hosts of `table`, judged.
    #[must_use]
    pub fn rank<'a>(&self, table: &'a HostTable) -> Ranking<'a> {
        rank(&table.hosts, &self.choosing.criteria(table.own), self.seed)
    }
}

/// Why the daemon was not asked or did not answer, and what to do about it.
#[must_use]
pub fn client_failure(error: &ClientError, daemon: &Daemon) -> Failure {
    let (exit, hint) = match error {
        ClientError::Settings(_) => {
            (Exit::Usage, "give the address instead of the name, or mend the settings".to_owned())
        }
        ClientError::NoDaemon(_) => (Exit::NoDaemon, how_to_get_one(daemon)),
        ClientError::Untrusted(_) => (
            Exit::Refused,
            format!(
                "only root, user {} and you are believed; ask who that is, or --socket asks it all the same",
                privileges::USER
            ),
        ),
        ClientError::Timeout(_) => {
            (Exit::NoDaemon, "is it stopped, or the host out of memory? systemctl status peermon says more".to_owned())
        }
        ClientError::Io { .. } => (Exit::NoDaemon, "it may just be restarting: try again".to_owned()),
        ClientError::Protocol { .. } | ClientError::OtherReply(_) => (
            Exit::NoDaemon,
            "is it another program, or a peermon of another version? after an upgrade, restart the daemon".to_owned(),
        ),
        ClientError::Refused(_) => (Exit::Refused, "after an upgrade, restart the daemon; else try again".to_owned()),
    };
    Failure::new(exit, error, hint)
}

fn how_to_get_one(daemon: &Daemon) -> String {
    match daemon {
        Daemon::OfPort(Port::CLIENT) => {
            "systemctl start peermon, or peermon daemon --user for a network of your own".to_owned()
        }
        Daemon::OfPort(port) => {
            format!("is {port} what the daemon has as -l? without -p, clients ask {}", Port::CLIENT)
        }
        Daemon::At(_) => "does a daemon run there? without --socket, clients look in the usual places".to_owned(),
    }
}
