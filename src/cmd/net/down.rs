//! `peermon net down`: ends the daemons, and takes away what they leave.

use super::super::args::DownArgs;
use super::super::console::Console;
use super::super::exit::{Exit, Failure};
use super::folder::Folder;
use super::ports::client_port;
use super::remote::Request;
use super::{ASK_MAX, ask_all, complain, failures, not_all, reach};
use crate::config::ssh_hosts::SshHost;

/// Ends the daemons of the network, or those of some hosts, which are no longer in it then.
pub(super) fn run(args: &DownArgs, console: &Console) -> Result<Exit, Failure> {
    let folder = Folder::of_user()?;
    if folder.network()?.hosts.is_empty() && args.hosts.is_empty() {
        console.say("there is no network");
        return Ok(Exit::Done);
    }
    let turn = folder.take_turn()?;
    // Whoever had the turn before may have changed it.
    let mut network = folder.network()?;
    let reach = reach(&args.reach, &network, console)?;
    let named = args.hosts.iter().map(|host| network.meant(&host.clone().or_as(args.reach.user.as_deref())));
    let hosts: Vec<SshHost> = if args.hosts.is_empty() { network.hosts.clone() } else { named.collect() };
    for host in hosts.iter().filter(|host| !network.hosts.contains(host)) {
        console.say(format_args!("{host} is not in the network"));
    }
    let purge = if args.purge { "yes" } else { "no" };
    let request =
        Request::new("down", ASK_MAX).with("wanted_client_port", client_port(network.ports)).with("purge", purge);
    let asked = ask_all(&hosts, &request, &reach, "ending", console)?;
    let failed = failures(&asked);
    for (host, trouble) in &failed {
        complain(console, host, trouble);
    }
    let has_failed = |host: &SshHost| failed.iter().any(|(other, _)| *other == host);
    if !args.hosts.is_empty() {
        network.hosts.retain(|host| !hosts.contains(host) || has_failed(host));
        folder.keep(&network)?;
    }
    let ended = asked.iter().filter(|(_, answer)| answer.as_ref().is_ok_and(|answer| answer.says("ended"))).count();
    let was = hosts.len() - failed.len() - ended;
    let before = if was == 0 {
        String::new()
    } else {
        format!(", {was} {} down already", if was == 1 { "was" } else { "were" })
    };
    console.say(format_args!("{ended} {} ended{before}", if ended == 1 { "daemon has" } else { "daemons have" }));
    let hint = match failed.len() == hosts.len() {
        true => "the same command again, once that is mended; nothing was ended",
        false => "the same command again, once that is mended; the others are down",
    };
    if let Some(failure) = not_all(&failed, hosts.len(), hint) {
        return Err(failure);
    }
    if args.purge {
        folder.purge();
    }
    drop(turn);
    Ok(Exit::Done)
}
