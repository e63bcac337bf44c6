//! `peermon ssh`, `smarterSSH`: picks the best host and becomes ssh, whose terminal, signals and exit code are then
//! its own.

mod choice;
mod command;
mod effective;
mod resolve;

use std::io;
use std::os::unix::process::CommandExt;

use super::args::SshArgs;
use super::console::Console;
use super::exit::{Exit, Failure};
use crate::config::values::Count;
use crate::render::names::Naming;
use crate::render::{self, table};

pub(super) use choice::{Asked, first_that_accepts, place};
use command::SshCommand;
pub(super) use command::program;
pub(super) use effective::Effective;

/// Does what was typed: lists, prints, or becomes ssh and returns only where that failed.
pub fn run(args: &SshArgs, console: &Console) -> Result<Exit, Failure> {
    let lists = args.info || args.choose.explain;
    let done = if lists { list(args, console) } else { connect(args, console) };
    if lists || args.print { done } else { done.map_err(Failure::in_place_of_ssh) }
}

fn naming(args: &SshArgs) -> Naming {
    if args.ip { Naming::Addresses } else { Naming::Names }
}

/// `-i`, `--explain`
fn list(args: &SshArgs, console: &Console) -> Result<Exit, Failure> {
    let asked = Asked::ask(&args.choose, &args.client, console)?;
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
    let mut asked = Asked::ask(&args.choose, &args.client, console)?;
    let ranking = asked.choice.rank(&asked.table);
    let candidates = asked.to_try(&ranking, args.num)?;
    if args.verbose {
        console.explain(&table::hosts(&candidates, table::DEFAULT_FIELDS, render::Style::Plain));
    }
    let program = command::program(&asked.settings);
    let host = if asked.probes() && !args.no_probe {
        // For the best one; others of the same lab have the same port.
        let effective = Effective::ask(&program, command::passed_on(&args.ssh), candidates[0].name.as_str());
        if let Some(by) = effective.way.filter(|_| args.verbose) {
            console.say(format_args!("no probe: the way goes through {by}"));
        }
        first_that_accepts(&effective, &candidates, console)?
    } else {
        candidates[0]
    };
    let command = SshCommand::to(&program, args, host);
    if args.print {
        console.print(&format!("{command}\n"))?;
        return Ok(Exit::Done);
    }
    if !args.no_pending {
        place(&mut asked.client, host);
    }
    if args.verbose || console.is_watched() {
        console.say(format_args!("connecting to {}", host.name));
    }
    let error = command.into_process().exec();
    Err(not_run(&program.to_string_lossy(), &error))
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
