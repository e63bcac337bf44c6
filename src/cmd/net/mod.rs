//! `peermon net`: a private network over a list of hosts, through ssh and without root.
//!
//! On each host one sh script does what is to be done (remote.sh), in one ssh session for each step, sixteen hosts at a time.
//! Here it is decided what that is: [`ports`], [`facts`]; [`folder`] keeps what is to be remembered.

mod crew;
mod down;
mod facts;
mod folder;
pub(super) mod manual;
mod ports;
mod remote;
mod status;
mod trouble;
mod up;

use std::ffi::OsString;
use std::time::Duration;

use super::args::{LogsArgs, NetAction, ReachArgs};
use super::console::{Console, one_line};
use super::exit::{Exit, Failure};
use super::settings::Settings;
use super::ssh;
use crate::config::ssh_hosts::SshHost;
use crate::config::values::Count;
use folder::{Folder, Network};
use ports::client_port;
use remote::{Answer, Reach, Request};
use trouble::Trouble;

/// Sessions at a time where nothing is said: two cores do so many key exchanges in a second.
const JOBS: usize = 16;

/// Most of them: each is a process and two pipes.
const JOBS_MAX: usize = 128;

/// Longest session that only asks. A host that swaps takes its time.
const ASK_MAX: Duration = Duration::from_secs(40);

/// Does what was typed.
pub(super) fn run(action: &NetAction, console: &Console) -> Result<Exit, Failure> {
    match action {
        NetAction::Up(args) => up::up(args, console),
        NetAction::Add(args) => up::add(args, console),
        NetAction::Status(args) => status::run(args, console),
        NetAction::Down(args) => down::run(args, console),
        NetAction::Logs(args) => logs(args, console),
    }
}

/// How hosts are reached; what is said to ssh is remembered.
fn reach(args: &ReachArgs, network: &Network, console: &Console) -> Result<Reach, Failure> {
    let settings = Settings::read(console)?;
    let remembered = || network.ssh_args.iter().map(OsString::from).collect();
    Ok(Reach {
        program: ssh::program(&settings),
        args: if args.ssh_args.is_empty() { remembered() } else { args.ssh_args.clone() },
        jobs: args.jobs.map_or(JOBS, |Count(jobs)| (jobs as usize).min(JOBS_MAX)),
    })
}

/// The network that was brought up; a failure where there is none.
fn existing(folder: &Folder) -> Result<Network, Failure> {
    let network = folder.network()?;
    if network.hosts.is_empty() {
        return Err(Failure::new(Exit::Usage, "there is no network yet", "peermon net up HOSTS… makes one"));
    }
    Ok(network)
}

/// A host that was asked, and what came of it.
type Asked<'a> = (&'a SshHost, Result<Answer, Trouble>);

/// Asks all of `hosts` the same. `what` is done, as a person sees it. A failure where ssh cannot be run: then it is none of a host.
fn ask_all<'a>(
    hosts: &'a [SshHost],
    request: &Request,
    reach: &Reach,
    what: &str,
    console: &Console,
) -> Result<Vec<Asked<'a>>, Failure> {
    let asked = crew::each(hosts, reach.jobs, (console, what), |host| reach.ask(host, request));
    if let Some(trouble) =
        asked.iter().filter_map(|answer| answer.as_ref().err()).find(|trouble| trouble.is_everywhere())
    {
        return Err(Failure::new(Exit::Failed, trouble.what(), trouble.hint(&hosts[0])));
    }
    Ok(hosts.iter().zip(asked).collect())
}

/// Those of `asked` that failed.
fn failures<'a>(asked: &'a [Asked<'a>]) -> Vec<(&'a SshHost, &'a Trouble)> {
    asked.iter().filter_map(|(host, answer)| Some((*host, answer.as_ref().err()?))).collect()
}

/// Says what failed on `host`.
fn complain(console: &Console, host: &SshHost, trouble: &Trouble) {
    console.fail(&Failure::new(Exit::NotAll, format_args!("{host}: {}", trouble.what()), trouble.hint(host)));
}

/// How a command ends in which these hosts, of so many, failed for these reasons: none is reached, or not all did it.
fn not_all(failed: &[(&SshHost, &Trouble)], all: usize, hint: &str) -> Option<Failure> {
    if failed.is_empty() {
        return None;
    }
    let unreached = failed.iter().filter(|(_, trouble)| trouble.is_unreached()).count();
    let exit = if unreached == all { Exit::Network } else { Exit::NotAll };
    let names: Vec<String> = failed.iter().map(|(host, _)| host.to_string()).collect();
    let what =
        format!("{} of {all} {} failed: {}", failed.len(), if all == 1 { "host" } else { "hosts" }, names.join(", "));
    Some(Failure::new(exit, what, hint))
}

/// `peermon net logs`
fn logs(args: &LogsArgs, console: &Console) -> Result<Exit, Failure> {
    let network = existing(&Folder::of_user()?)?;
    let host = network.meant(&args.host.clone().or_as(args.reach.user.as_deref()));
    let Count(lines) = args.num;
    let request = Request::new("logs", ASK_MAX)
        .with("lines", lines.to_string())
        .with("wanted_client_port", client_port(network.ports));
    match reach(&args.reach, &network, console)?.ask(&host, &request) {
        Ok(answer) => {
            let text: String = answer.all("log").map(|line| one_line(line) + "\n").collect();
            console.print(&text)?;
            Ok(Exit::Done)
        }
        Err(trouble) => {
            let exit = if trouble.is_unreached() { Exit::Network } else { Exit::Failed };
            let whose = if trouble.is_everywhere() { String::new() } else { format!("{host}: ") };
            Err(Failure::new(exit, format_args!("{whose}{}", trouble.what()), trouble.hint(&host)))
        }
    }
}
