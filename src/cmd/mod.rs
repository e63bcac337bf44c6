//! Arguments in, exit code out; the only printer.
//!
//! A command is a struct in [`args`], a file with a `run` that takes it and a [`Console`], and a line in `run`. The man
//! page and the completions follow from the struct.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "the shell: arguments and environment enter here, and only here is anything printed"
)]

pub mod args;
mod console;
mod daemon;
mod demo;
mod detach;
mod dns_update;
pub mod doctor;
pub mod exit;
pub mod invocation;
mod keygen;
pub mod manual;
mod mpigen;
mod net;
mod query;
mod settings;
mod ssh;
mod ssh_config;
mod status;
mod usage;
mod watch;

use std::env;
use std::process::ExitCode;

use args::Command;
pub use console::{Console, explain_panics};
use exit::{Exit, Failure};
use invocation::Invocation;

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    explain_panics();
    let invocation = Invocation::of(env::args_os());
    let console = Console::new(invocation.title());
    let result = match invocation.parse() {
        Ok(command) => run(command, &console),
        Err(error) => explain(error, &invocation, &console),
    };
    result
        .unwrap_or_else(|failure| {
            console.fail(&failure);
            failure.exit
        })
        .into()
}

fn run(command: Command, console: &Console) -> Result<Exit, Failure> {
    match command {
        Command::Daemon(args) => daemon::run(&args),
        Command::Query(args) => query::run(*args, console),
        Command::Ssh(args) => ssh::run(&args, console),
        Command::SshConfig(args) => ssh_config::run(&args.action, console),
        Command::Mpigen(args) => mpigen::run(&args, console),
        Command::DnsUpdate(args) => dns_update::run(*args, console),
        Command::Net(args) => net::run(&args.action, console),
        Command::Keygen(args) => keygen::run(&args, console),
        Command::Demo(args) => demo::run(&args, console),
        Command::Doctor(args) => doctor::run(&args, console),
    }
}

/// Help and version, or what was wrong.
fn explain(error: clap::Error, invocation: &Invocation, console: &Console) -> Result<Exit, Failure> {
    match usage::read(error, &invocation.helper()) {
        usage::Said::Asked(help) => {
            let help = match console.style() {
                crate::render::Style::Colour => help.render().ansi().to_string(),
                crate::render::Style::Plain => help.render().to_string(),
            };
            console.print(&help)?;
            Ok(Exit::Done)
        }
        usage::Said::Nothing(help) => {
            console.explain(&help.render().to_string());
            Ok(Exit::Usage)
        }
        usage::Said::Mistake(failure) if invocation.would_become_ssh() => Err(failure.in_place_of_ssh()),
        usage::Said::Mistake(failure) => Err(failure),
    }
}
