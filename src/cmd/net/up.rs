//! `peermon net up`, `peermon net add`: ask every host how it is, decide, start, and wait until all see each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::super::args::{AddArgs, ReachArgs, UpArgs};
use super::super::console::{Console, one_line};
use super::super::exit::{Exit, Failure};
use super::facts::{Facts, Running, is_older};
use super::folder::{Folder, Network};
use super::ports::{Ports, Wish, client_port};
use super::remote::{Reach, Request};
use super::status::Saying;
use super::trouble::Trouble;
use super::{ASK_MAX, ask_all, complain, crew, existing, not_all, reach};
use crate::client::{Client, Daemon};
use crate::config::Environment;
use crate::config::ssh_hosts::{self, SSH_HOSTS_MAX, SshHost};

/// Longest session that may copy the program: 3 MiB over a line of a megabit take half a minute, and a daemon has ten seconds to
/// answer.
const START_MAX: Duration = Duration::from_secs(180);

/// Hosts know each other within a second or two of the last one's start; lost datagrams and busy hosts take longer.
const MEET_MAX: Duration = Duration::from_secs(20);

/// Machines that a daemon starts from: one of them has to be up. Each is greeted once a second at the start.
const MACHINES: usize = 32;

/// Where the folder of `peermon net` is on a host that says nothing else.
const USUAL_FOLDER: &str = "~/.local/share/peermon/net";

/// The version that is copied.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `peermon net up`
pub(super) fn up(args: &UpArgs, console: &Console) -> Result<Exit, Failure> {
    let folder = Folder::of_user()?;
    let mut hosts = args.hosts.clone();
    if let Some(file) = &args.file {
        let read = ssh_hosts::read(file);
        hosts.extend(read.map_err(|error| Failure::new(Exit::Usage, error, "one host a line: node1, or ada@node1"))?);
    }
    let names_some = !args.hosts.is_empty() || args.file.is_some();
    if names_some && hosts.is_empty() {
        return Err(no_hosts("the list of hosts is empty"));
    }
    if hosts.is_empty() && folder.network()?.hosts.is_empty() {
        return Err(no_hosts("no hosts are given, and there is no network yet"));
    }
    bring_up(&folder, &hosts, Wish { gossip: args.port, client: args.client_port }, &args.reach, console)
}

/// `peermon net add`
pub(super) fn add(args: &AddArgs, console: &Console) -> Result<Exit, Failure> {
    let folder = Folder::of_user()?;
    existing(&folder)?;
    bring_up(&folder, &args.hosts, Wish::default(), &args.reach, console)
}

fn no_hosts(what: &str) -> Failure {
    Failure::new(Exit::Usage, what, "peermon net up node1 node2, or -f FILE with one host a line")
}

/// A host on its way.
struct Candidate {
    host: SshHost,
    facts: Facts,
}

/// One that is up.
struct Member {
    host: SshHost,
    saying: Saying,
}

/// What a host may get beside key and machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Supply {
    /// The program, unless the one that lies there will do.
    Program,
    /// Nothing: a host with the same home just got it.
    Nothing,
}

/// What is the same for all hosts.
struct Plan<'a> {
    reach: &'a Reach,
    console: &'a Console,
    /// `uname -sm` of this machine.
    system: String,
    program: Arc<Vec<u8>>,
    ports: Ports,
    /// The mark of key and machines.
    files: String,
    request: Request,
}

/// Brings the network up on `wanted` and on those that are in it already.
fn bring_up(
    folder: &Folder,
    wanted: &[SshHost],
    wish: Wish,
    reach_args: &ReachArgs,
    console: &Console,
) -> Result<Exit, Failure> {
    let turn = folder.take_turn()?;
    let mut network = folder.network()?;
    let hosts = all_hosts(&network, wanted, reach_args.user.as_deref())?;
    let reach = reach(reach_args, &network, console)?;
    if !reach_args.ssh_args.is_empty() {
        network.ssh_args = remembered(&reach_args.ssh_args)?;
    }
    let mut failed: Vec<(SshHost, Trouble)> = Vec::new();

    let request = Request::new("look", ASK_MAX).with("wanted_client_port", client_port(network.ports));
    let mut candidates = Vec::new();
    for (host, answer) in ask_all(&hosts, &request, &reach, "asking", console)? {
        match answer.and_then(|answer| Facts::read(&answer)) {
            Ok(facts) => candidates.push(Candidate { host: host.clone(), facts }),
            Err(trouble) => failed.push((host.clone(), trouble)),
        }
    }
    let known = network.ports;
    let mut members = Vec::new();
    if !candidates.is_empty() {
        let facts: Vec<&Facts> = candidates.iter().map(|candidate| &candidate.facts).collect();
        let ports = Ports::settle(wish, network.ports, &facts).ok_or_else(no_ports)?;
        check(ports)?;
        // A daemon that runs is ended only where another one can have the ports.
        for Candidate { host, facts } in &candidates {
            if let Some(trouble) = ports.bar_move(facts) {
                let hint = "choose others with -p and -l; the daemons run on with those that they have";
                return Err(Failure::new(Exit::Usage, format_args!("{host}: {trouble}"), hint));
            }
        }
        network.ports = Some(ports);
        let (machines, key) = (machines(&facts, ports), folder.key()?);
        let files = mark(&machines, &key);
        let plan = Plan {
            reach: &reach,
            console,
            system: own_system()?,
            program: Arc::new(own_program()?),
            ports,
            request: Request::new("start", START_MAX)
                .with("wanted_port", ports.gossip.to_string())
                .with("wanted_client_port", ports.client.to_string())
                .with("wanted_files", &files)
                .with("machines", machines)
                .with("key", key.trim_end()),
            files,
        };
        for (candidate, outcome) in start_all(&plan, candidates) {
            match outcome {
                Ok(saying) => members.push((candidate, saying)),
                Err(trouble) => failed.push((candidate.host, trouble)),
            }
        }
    }
    // In the order in which they were given.
    network.hosts = hosts
        .iter()
        .filter(|host| network.hosts.contains(host) || members.iter().any(|(candidate, _)| candidate.host == **host))
        .cloned()
        .collect();
    // Where it came up nowhere, other ports may do better.
    if members.is_empty() {
        network.ports = known;
    }
    if !network.hosts.is_empty() {
        folder.keep(&network)?;
    }
    drop(turn);

    let there = folder_to_type(members.iter().map(|(candidate, _)| candidate.facts.folder.as_str())).to_owned();
    let members: Vec<Member> =
        members.into_iter().map(|(candidate, saying)| Member { host: candidate.host, saying }).collect();
    let apart = match network.ports {
        Some(ports) if !members.is_empty() => meet(&reach, ports, &members, &mut failed, console)?,
        Some(_) | None => Vec::new(),
    };
    for (host, trouble) in &failed {
        complain(console, host, trouble);
    }
    for failure in &apart {
        console.fail(failure);
    }
    if let Some(ports) = network.ports.filter(|_| !members.is_empty()) {
        say_what_to_type(ports, &there, members.len(), console);
    }
    let failed: Vec<(&SshHost, &Trouble)> = failed.iter().map(|(host, trouble)| (host, trouble)).collect();
    let hint = if members.is_empty() {
        "mend one of them first"
    } else {
        "the others are up; mend these, and type the same again"
    };
    match (not_all(&failed, hosts.len(), hint), apart.is_empty()) {
        (Some(failure), _) => Err(failure),
        (None, false) => {
            let hint = "peermon net logs HOST may say more; the same command waits again";
            Err(Failure::new(Exit::NotAll, "not all hosts see each other", hint))
        }
        (None, true) => Ok(Exit::Done),
    }
}

/// Those of the network and those that were named, each once.
fn all_hosts(network: &Network, wanted: &[SshHost], user: Option<&str>) -> Result<Vec<SshHost>, Failure> {
    let mut hosts = network.hosts.clone();
    for host in wanted {
        let host = network.meant(&host.clone().or_as(user));
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    if hosts.len() > SSH_HOSTS_MAX {
        let what = format!("{} hosts are more than {SSH_HOSTS_MAX}", hosts.len());
        return Err(Failure::new(Exit::Usage, what, "install.sh and its units are made for so many: docs/admin.md"));
    }
    Ok(hosts)
}

fn remembered(args: &[std::ffi::OsString]) -> Result<Vec<String>, Failure> {
    let text = |arg: &std::ffi::OsString| arg.to_str().map(str::to_owned);
    let texts: Option<Vec<String>> = args.iter().map(text).collect();
    texts.ok_or_else(|| {
        Failure::new(Exit::Usage, "an argument for ssh is not UTF-8 text", "put it into ~/.ssh/config instead")
    })
}

fn no_ports() -> Failure {
    let hint = "peermon net up -p PORT -l PORT names some that are free on all hosts";
    Failure::new(Exit::Usage, "none of the ports that your user number stands for is free on all hosts", hint)
}

fn check(ports: Ports) -> Result<(), Failure> {
    if ports.clash() {
        let what = format!("client port {} is a port of the gossip too", ports.client);
        // The two highest ports have no room above them.
        let free = match ports.gossip.get() {
            high @ 65_533.. => high - 1,
            port => port + 2,
        };
        return Err(Failure::new(Exit::Usage, what, format_args!("-l {free}")));
    }
    Ok(())
}

fn own_system() -> Result<String, Failure> {
    let output = Command::new("uname").arg("-sm").output().map_err(|error| {
        Failure::new(Exit::Failed, format_args!("cannot run uname ({error})"), "is /bin in your PATH?")
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// This program, as it lies on the disk or did when it was started.
fn own_program() -> Result<Vec<u8>, Failure> {
    fs::read("/proc/self/exe").map_err(|error| {
        Failure::new(Exit::Failed, format_args!("cannot read this program ({error})"), "is /proc mounted?")
    })
}

/// The text of the machines file.
fn machines(hosts: &[&Facts], ports: Ports) -> String {
    let places = hosts.iter().filter_map(|facts| facts.place.as_ref()).take(MACHINES);
    let lines: Vec<String> = places.map(|place| place.machine(ports.gossip)).collect();
    format!("# Made by peermon net up.\n{}", lines.join("\n"))
}

/// Tells whether a daemon has read this key and these machines. It gives nothing of the key away.
fn mark(machines: &str, key: &str) -> String {
    let digest = Sha256::new().chain_update(machines).chain_update([0]).chain_update(key).finalize();
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Starts all. Of those that share a home the first one gets the program, and the others only where it failed.
fn start_all(plan: &Plan<'_>, candidates: Vec<Candidate>) -> Vec<(Candidate, Result<Saying, Trouble>)> {
    let (as_wanted, lacking): (Vec<Candidate>, Vec<Candidate>) =
        candidates.into_iter().partition(|candidate| plan.wants_nothing(&candidate.facts));
    let mut homes = BTreeSet::new();
    let (first, rest): (Vec<Candidate>, Vec<Candidate>) = lacking
        .into_iter()
        .partition(|candidate| candidate.facts.home.as_ref().is_none_or(|home| homes.insert(home.clone())));
    let outcomes = crew::each(&first, plan.reach.jobs, (plan.console, "starting"), |candidate| {
        plan.start(candidate, Supply::Program)
    });
    let supplied: BTreeSet<String> = first
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| outcome.is_ok())
        .filter_map(|(candidate, _)| candidate.facts.home.clone())
        .collect();
    let others = crew::each(&rest, plan.reach.jobs, (plan.console, "starting"), |candidate| {
        let is_supplied = candidate.facts.home.as_ref().is_some_and(|home| supplied.contains(home));
        plan.start(candidate, if is_supplied { Supply::Nothing } else { Supply::Program })
    });
    let as_wanted = as_wanted.into_iter().map(|candidate| {
        let saying = candidate.facts.saying.clone().ok_or(Trouble::Odd("its daemon does not answer"));
        (candidate, saying)
    });
    as_wanted.chain(first.into_iter().zip(outcomes)).chain(rest.into_iter().zip(others)).collect()
}

impl Plan<'_> {
    /// Whether the host has a program that will do, and a daemon that runs it as is wanted, and answers.
    fn wants_nothing(&self, facts: &Facts) -> bool {
        let Some(there) = facts.version.as_deref().filter(|version| !is_older(version, VERSION)) else { return false };
        let is_wanted = |daemon: &Running| {
            daemon.version == there
                && daemon.port == self.ports.gossip
                && daemon.client_port == self.ports.client
                && daemon.files == self.files
        };
        facts.saying.is_some() && facts.daemon.as_ref().is_some_and(is_wanted)
    }

    fn start(&self, candidate: &Candidate, supply: Supply) -> Result<Saying, Trouble> {
        let facts = &candidate.facts;
        let there = facts.version.as_deref().filter(|version| !is_older(version, VERSION));
        let request = self.request.clone().with("wanted_version", there.unwrap_or(VERSION));
        let request = if there.is_none() && supply == Supply::Program {
            if facts.system != self.system {
                return Err(Trouble::System { there: facts.system.clone(), here: self.system.clone() });
            }
            request.with("size", self.program.len().to_string()).carrying(Arc::clone(&self.program))
        } else {
            request.with("size", "0")
        };
        let answer = self.reach.ask(&candidate.host, &request)?;
        Saying::of(&answer).ok_or(Trouble::Odd("its daemon does not answer"))
    }
}

/// Waits until all see each other, and prints the table. Who does not is said.
fn meet(
    reach: &Reach,
    ports: Ports,
    members: &[Member],
    failed: &mut Vec<(SshHost, Trouble)>,
    console: &Console,
) -> Result<Vec<Failure>, Failure> {
    let identities: Vec<String> =
        members.iter().map(|member| format!("{},{}", member.saying.name, member.saying.address)).collect();
    let request = Request::new("meet", MEET_MAX + ASK_MAX)
        .with("wanted_client_port", ports.client.to_string())
        .with("patience", MEET_MAX.as_secs().to_string())
        .with("members", identities.join("\n"));
    let asked = crew::each(members, reach.jobs, (console, "waiting until all see each other"), |member| {
        reach.ask(&member.host, &request)
    });
    let mut table = None;
    // Whom nobody or not everybody sees, and who does not.
    let mut unseen: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut alone = Vec::new();
    for (member, answer) in members.iter().zip(asked) {
        let answer = match answer {
            Ok(answer) => answer,
            Err(trouble) => {
                failed.push((member.host.clone(), trouble));
                continue;
            }
        };
        let missing: Vec<&String> =
            identities.iter().filter(|identity| answer.all("missing").any(|missing| missing == *identity)).collect();
        if members.len() > 2 && missing.len() >= members.len() - 1 {
            alone.push(member.host.to_string());
        } else {
            for identity in &missing {
                unseen.entry(identity.as_str()).or_default().push(member.host.to_string());
            }
        }
        if table.is_none() || missing.is_empty() {
            let lines: String = answer.all("table").map(|line| one_line(line) + "\n").collect();
            table = table.filter(|(seen_all, _)| *seen_all).or(Some((missing.is_empty(), lines)));
        }
    }
    if let Some((_, text)) = table {
        console.print(&text)?;
    }
    let firewall =
        format!("do firewalls let UDP ports {} and {} pass between them?", ports.gossip, ports.gossip.above());
    let says = |what: String| Failure::new(Exit::NotAll, what, &firewall);
    let apart = alone.iter().map(|host| says(format!("{host} sees nobody else")));
    let apart = apart.chain(unseen.iter().map(|(identity, by)| {
        let name = identity.split(',').next().unwrap_or(identity);
        says(format!("{name} is not seen by {}", by.join(", ")))
    }));
    Ok(apart.collect())
}

/// The folder that all members say, in a command that somebody may type. What one host alone says is no word of ours, nor is
/// anything that a shell would act on: then it is where it usually is.
fn folder_to_type<'a>(mut said: impl Iterator<Item = &'a str>) -> &'a str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let first = said.next().filter(|folder| folder.starts_with('/') && folder.bytes().all(plain));
    first.filter(|folder| said.all(|other| other == *folder)).unwrap_or(USUAL_FOLDER)
}

/// How clients find the network, here and there.
fn say_what_to_type(ports: Ports, there: &str, up: usize, console: &Console) {
    let query = format!("query -p {}", ports.client);
    let hosts = if up == 1 { "1 host is".to_owned() } else { format!("{up} hosts are") };
    console.say(format_args!("{hosts} up; on each of them: {there}/bin/peermon {query}"));
    if Client::connect(&Daemon::OfPort(ports.client), &Environment::of_process()).is_ok() {
        console.say(format_args!("on this machine: peermon {query}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_typed_is_made_of_what_all_hosts_say_and_of_nothing_that_a_shell_acts_on() {
        let ada = "/home/ada/.local/share/peermon/net";
        for (said, typed) in [
            (&[ada][..], ada),
            (&[ada, ada], ada),
            (&[ada, "/tmp/x"], USUAL_FOLDER),
            (&["/tmp/x", ada], USUAL_FOLDER),
            (&["/home/a b"], USUAL_FOLDER),
            (&["/x;id #"], USUAL_FOLDER),
            (&["x"], USUAL_FOLDER),
            (&[], USUAL_FOLDER),
        ] {
            assert_eq!(folder_to_type(said.iter().copied()), typed, "{said:?}");
        }
    }

    #[test]
    fn a_client_port_that_is_one_of_the_gossips_is_refused_with_one_that_can_be_had() {
        for (gossip, client, hint) in
            [("13000", "13001", "-l 13002"), ("65533", "65534", "-l 65532"), ("65534", "65534", "-l 65533")]
        {
            let ports = Ports { gossip: gossip.parse().unwrap(), client: client.parse().unwrap() };
            assert_eq!(check(ports).unwrap_err().hint, hint);
        }
        assert!(check(Ports { gossip: "65534".parse().unwrap(), client: "13002".parse().unwrap() }).is_ok());
    }
}
