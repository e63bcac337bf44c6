//! What every client command begins with: its settings, its daemon, and how it chooses.

use std::fmt;

use super::args::{ChooseArgs, ClientArgs};
use super::console::Console;
use super::exit::{Exit, Failure};
use crate::client::{Client, ClientError, Daemon, HostTable, Port};
use crate::config::choose::{ChooseError, ChooseFlags, Choosing, Letters};
use crate::config::client::{Said, read_files};
use crate::config::values::{Count, Seed};
use crate::config::{Environment, FileSettings};
use crate::model::HostView;
use crate::os::{entropy, privileges};
use crate::placement::{LeftOut, Policy, Ranking, rank};

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
            Failure::new(Exit::Usage, error, "mend that line or take it away: man peermon-daemon lists the keys")
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

    /// What is missing of what was asked for.
    #[must_use]
    pub fn shortfall(&self, found: &Found, ranking: &Ranking<'_>, table: &HostTable) -> Option<Failure> {
        let Found { eligible, rows, least, wanted } = *found;
        let least = self.min.unwrap_or(least);
        let left_out = || counted(&ranking.left_out);
        if eligible == 0 && least > 0 {
            return Some(nobody(format_args!("no host is eligible ({})", left_out()), table));
        }
        if eligible < least {
            let (have, are) = if eligible == 1 { ("1 host", "is") } else { (&*format!("{eligible} hosts"), "are") };
            let what = format!("{have} {are} eligible, fewer than --min {least} ({})", left_out());
            return Some(nobody(what, table));
        }
        let wanted = wanted.filter(|_| self.strict).unwrap_or(0);
        if rows < wanted {
            let what = format!("{rows} {}, fewer than -n {wanted}", if rows == 1 { "host" } else { "hosts" });
            return Some(Failure::new(Exit::NotAll, what, "without --strict that is no error"));
        }
        (rows == 0).then(|| nobody("no host is known", table))
    }
}

/// What there is, and what was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Hosts that may be chosen.
    pub eligible: usize,
    /// Hosts that are shown or taken.
    pub rows: usize,
    /// Eligible hosts that there must be where `--min` says nothing.
    pub least: usize,
    /// `-n`
    pub wanted: Option<usize>,
}

impl Found {
    /// For a command that takes only eligible hosts, and needs one.
    #[must_use]
    pub fn to_take(ranking: &Ranking<'_>, wanted: Option<usize>) -> Self {
        let eligible = ranking.eligible.len();
        Self { eligible, rows: eligible, least: 1, wanted }
    }
}

/// Nobody can be chosen.
#[must_use]
pub fn nobody(what: impl fmt::Display, table: &HostTable) -> Failure {
    let hint = if is_new(table) {
        format!("the daemon started {} s ago and knows nobody yet: try again in a moment", table.up_seconds)
    } else {
        "the same command with --explain says why each host is left out".to_owned()
    };
    Failure::new(Exit::NobodyEligible, what, hint)
}

/// Whether the daemon has had no time yet to hear of others.
fn is_new(table: &HostTable) -> bool {
    table.hosts.len() <= 1 && table.up_seconds * 100 < u64::from(table.interval_hundredths) * 2
}

/// `left out: 2 dead, 1 collector`, as far as there are some.
fn counted(left_out: &[(&HostView, LeftOut)]) -> String {
    if left_out.is_empty() {
        return "none is known".to_owned();
    }
    let count = |why: LeftOut| left_out.iter().filter(|(_, found)| *found == why).count();
    let reasons = LeftOut::ALL.into_iter().map(|why| (count(why), why)).filter(|(count, _)| *count > 0);
    let reasons: Vec<String> = reasons.map(|(count, why)| format!("{count} {}", why.short())).collect();
    format!("left out: {}", reasons.join(", "))
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
            format!("does it run? peermon daemon --user --detach starts your own; is {port} what it has as -l?")
        }
        Daemon::At(_) => "does a daemon run there? without --socket, clients look in the usual places".to_owned(),
    }
}
