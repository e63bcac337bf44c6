//! `peermon ssh`, `smarterSSH`: picks the best host and becomes ssh, whose terminal, signals and exit code are then
//! its own.

mod command;
mod effective;
mod resolve;

use std::io;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;

use super::args::SshArgs;
use super::console::Console;
use super::exit::{Exit, Failure};
use super::settings::{Choice, Found, Settings, client_failure};
use crate::client::{Client, HostTable, Placement};
use crate::config::values::Count;
use crate::model::HostView;
use crate::os::probe::{self, Answer};
use crate::placement::{Policy, Ranking};
use crate::render::names::Naming;
use crate::render::{self, table};

use command::SshCommand;
use effective::Effective;

/// How many hosts are tried in turn where nothing is said: enough for a few that just went down.
const TRIES: usize = 5;

/// Does what was typed: lists, prints, or becomes ssh and returns only where that failed.
pub fn run(args: &SshArgs, console: &Console) -> Result<Exit, Failure> {
    let lists = args.info || args.choose.explain;
    let done = if lists { list(args, console) } else { connect(args, console) };
    if lists || args.print { done } else { done.map_err(Failure::in_place_of_ssh) }
}

/// What the daemon knows, and how to choose of it.
struct Asked {
    settings: Settings,
    client: Client,
    choice: Choice,
    table: HostTable,
}

impl Asked {
    fn ask(args: &SshArgs, console: &Console) -> Result<Self, Failure> {
        let settings = Settings::read(console)?;
        let choice = settings.choice(args.choose.clone(), Policy::CLASSIC_MEMORY_STEP_KIB)?;
        let daemon = settings.daemon(&args.client)?;
        let mut client = settings.connect(&daemon)?;
        let table = client.hosts().map_err(|error| client_failure(&error, &daemon))?;
        Ok(Self { settings, client, choice, table })
    }

    /// The hosts that come into question, best first; a failure where there are not enough.
    fn candidates<'a>(
        &self,
        ranking: &Ranking<'a>,
        most: usize,
        wanted: Option<usize>,
    ) -> Result<Vec<&'a HostView>, Failure> {
        if let Some(failure) = self.choice.shortfall(&Found::to_take(ranking, wanted), ranking, &self.table) {
            return Err(failure);
        }
        Ok(ranking.eligible.iter().map(|ranked| ranked.host).take(most).collect())
    }
}

fn naming(args: &SshArgs) -> Naming {
    if args.ip { Naming::Addresses } else { Naming::Names }
}

/// `-i`, `--explain`
fn list(args: &SshArgs, console: &Console) -> Result<Exit, Failure> {
    let asked = Asked::ask(args, console)?;
    let ranking = asked.choice.rank(&asked.table);
    if args.choose.explain {
        let (policy, seed) = (asked.choice.policy(), asked.choice.seed);
        console.print(&render::explain::ranking(&ranking, policy, seed, naming(args), console.style()))?;
    }
    let wanted = args.num.map(|Count(count)| count as usize);
    let rows = asked.candidates(&ranking, wanted.unwrap_or(1), wanted)?;
    if args.info {
        let text = if args.verbose {
            table::hosts(&rows, table::DEFAULT_FIELDS, console.style())
        } else {
            render::names::hosts(&rows, naming(args))
        };
        console.print(&text)?;
    }
    Ok(Exit::Done)
}

fn connect(args: &SshArgs, console: &Console) -> Result<Exit, Failure> {
    let mut asked = Asked::ask(args, console)?;
    let ranking = asked.choice.rank(&asked.table);
    let wanted = args.num.map(|Count(count)| count as usize);
    let tries = wanted.or(asked.settings.files.ssh.tries.map(|Count(count)| count as usize)).unwrap_or(TRIES);
    let candidates = asked.candidates(&ranking, tries, wanted)?;
    if args.verbose {
        console.explain(&table::hosts(&candidates, table::DEFAULT_FIELDS, render::Style::Plain));
    }
    let program = command::program(&asked.settings);
    let probes = !args.no_probe && asked.settings.files.ssh.probe.unwrap_or(true);
    let host = if probes { first_that_accepts(&program, args, &candidates, console)? } else { candidates[0] };
    let command = SshCommand::to(&program, args, host);
    if args.print {
        console.print(&format!("{command}\n"))?;
        return Ok(Exit::Done);
    }
    if !args.no_pending {
        // Somebody who places often is told so; the way there is free all the same.
        let _ = asked.client.place(&[Placement { id: host.id, count: 1 }]);
    }
    if args.verbose || console.is_watched() {
        console.say(format_args!("connecting to {}", host.name));
    }
    let error = command.into_process().exec();
    Err(not_run(&program.to_string_lossy(), &error))
}

/// Of `candidates` the first whose ssh port takes a connection. Better ones that don't are named.
fn first_that_accepts<'a>(
    program: &std::ffi::OsStr,
    args: &SshArgs,
    candidates: &[&'a HostView],
    console: &Console,
) -> Result<&'a HostView, Failure> {
    let best = candidates[0];
    let effective = Effective::ask(program, &args.ssh, best.name.as_str());
    if let Some(by) = effective.way {
        if args.verbose {
            console.say(format_args!("no probe: the way goes through {by}"));
        }
        return Ok(best);
    }
    let addresses: Vec<SocketAddr> =
        candidates.iter().map(|host| SocketAddr::new(host.address, effective.port)).collect();
    let answers = probe::first_to_accept(&addresses);
    let accepted = answers.iter().position(|answer| *answer == Answer::Accepted);
    for (host, answer) in candidates.iter().zip(&answers).take(accepted.unwrap_or(answers.len())) {
        let said = match answer {
            Answer::Refused => "refuses",
            Answer::Silent => "does not answer at",
            Answer::Accepted | Answer::NotTried => continue,
        };
        console.say(format_args!("passed over {}: it {said} port {}", host.name, effective.port));
    }
    accepted.map(|place| candidates[place]).ok_or_else(|| {
        let (count, port) = (candidates.len(), effective.port);
        let what = if count == 1 {
            format!("{} takes no ssh connections (tried port {port})", best.name)
        } else {
            format!("none of the {count} best hosts takes ssh connections (tried port {port})")
        };
        Failure::new(
            Exit::Network,
            what,
            "-n tries more of them; -o Port=N tries another port; --no-probe goes on all the same",
        )
    })
}

fn not_run(program: &str, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::NotFound {
        let hint = "apt-get install openssh-client; or PEERMON_SSH or [ssh] program names another one";
        Failure::new(Exit::SshNotFound, format_args!("there is no ssh client (tried {program})"), hint)
    } else {
        let hint = "may it be executed? PEERMON_SSH or [ssh] program names another one";
        Failure::new(Exit::SshNotRun, format_args!("cannot run {program}: {error}"), hint)
    }
}
