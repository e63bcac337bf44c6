//! What can be typed: definitions only. Man pages and completions are made from these.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser, ValueParser};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;

use super::manual;
use crate::client::{Place, Port};
use crate::config::choose::PolicyName;
use crate::config::values::{
    Count, Daemons, Delta, Interval, LogLevel, MaxDatagram, NetworkName, Patience, Percent, Seconds, Seed, Size, Ttl,
};
use crate::dns::Zone;
use crate::model::{HostName, Label, NetworkList};
use crate::placement::HostPattern;
use crate::render::Field;
use crate::render::hostfile::HostfileFormat;

/// Every host of a lab knows how busy all the others are, with no server.
#[derive(Debug, Parser)]
#[command(name = "peermon", version, disable_help_subcommand = true, arg_required_else_help = true)]
#[command(disable_version_flag = true)]
#[command(after_help = "`peermon -p 1288 ...` without a command is `peermon daemon -p 1288 ...`.")]
pub struct Cli {
    /// Print the version
    #[arg(short = 'v', short_alias = 'V', long, action = ArgAction::Version)]
    pub version: Option<bool>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of the one binary.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Tell the other hosts how busy this one is, and keep the table of all
    Daemon(Box<DaemonArgs>),
    /// Print the table: who is there, and who has room
    Query(Box<QueryArgs>),
    /// Log in to the best host
    Ssh(Box<SshArgs>),
    /// Let `ssh lab`, scp, rsync and git go to the best host by themselves
    SshConfig(SshConfigArgs),
    /// Write an MPI host file of the best hosts
    Mpigen(Box<MpigenArgs>),
    /// Point a DNS name to the best hosts
    DnsUpdate(Box<DnsUpdateArgs>),
    /// Make a key that closes a network
    Keygen(KeygenArgs),
    /// Try everything: real daemons with invented loads on this machine
    Demo(DemoArgs),
}

/// `peermon daemon`
#[derive(Debug, Args)]
#[command(version, display_name = "peermon", disable_version_flag = true)]
#[command(after_long_help = manual::examples("peermon-daemon"))]
pub struct DaemonArgs {
    /// UDP port to listen on; unsolicited datagrams leave from PORT+1 [default: 1288]
    #[arg(short, long, value_name = "PORT", allow_hyphen_values = true)]
    pub port: Option<Port>,
    /// Use the data, offer no resources: never a target of any tool
    #[arg(short = 'c', long)]
    pub collector: bool,
    /// A few peers to start from, one a line [default: /etc/peermon/machines.txt]
    #[arg(short = 'f', long, value_name = "FILE")]
    pub machines: Option<PathBuf>,
    /// Accepted address prefixes, one a line [default: /etc/peermon/valid_ips.txt]
    #[arg(short = 'i', long, value_name = "FILE")]
    pub valid_ips: Option<PathBuf>,
    /// Client interface: names the network on this host [default: 1981]
    #[arg(short = 'l', long, value_name = "PORT", allow_hyphen_values = true)]
    pub client_port: Option<Port>,
    /// Serve clients through the Unix socket only
    #[arg(long)]
    pub no_tcp: bool,
    /// Serve the clients of PeerMon 1.1 at this port of 127.0.0.1, as it did
    #[arg(long, value_name = "PORT", allow_hyphen_values = true)]
    pub legacy_clients: Option<Port>,
    /// Seconds between two reports of this host, 0.2 to 300; 0 or less means the default [default: 20]
    #[arg(short = 'n', long, value_name = "SECS", allow_hyphen_values = true)]
    pub interval: Option<Interval>,
    /// Run as whoever starts it: a private network, with the files of your own config folder
    #[arg(short = 'u', long)]
    pub user: bool,
    /// The address at which others reach this host
    #[arg(long, value_name = "IP", conflicts_with = "interface")]
    pub advertise: Option<IpAddr>,
    /// The interface whose address others are told
    #[arg(long, value_name = "IF")]
    pub interface: Option<String>,
    /// This host's name [default: the host name]
    #[arg(long, value_name = "NAME")]
    pub name: Option<HostName>,
    /// Something to say of this host; may be given several times
    #[arg(long = "label", value_name = "K=V")]
    pub labels: Vec<Label>,
    /// The network's key [default: /etc/peermon/gossip.key, where it exists]
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// The network's name; networks of different names never mix [default: default]
    #[arg(long, value_name = "NAME")]
    pub network: Option<NetworkName>,
    /// Largest UDP payload, 508 to 1400 [default: 1200]
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
    pub max_datagram: Option<MaxDatagram>,
    /// Start in the background; return when the daemon answers
    #[arg(long)]
    pub detach: bool,
    /// Where this host's figures are read
    #[arg(long, value_name = "DIR", default_value = "/proc")]
    pub proc_root: PathBuf,
    /// How much to log: error, warn, info, debug [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log: Option<LogLevel>,
    /// Print the version
    #[arg(short = 'v', short_alias = 'V', long, action = ArgAction::Version)]
    pub version: Option<bool>,
}

/// Which daemon a client asks.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Which daemon")]
pub struct ClientArgs {
    /// The daemon's client port [default: 1981]
    #[arg(short, long, value_name = "PORT", allow_hyphen_values = true)]
    pub port: Option<Port>,
    /// Exactly this daemon: a socket's path, or HOST:PORT
    #[arg(long, value_name = "PATH|HOST:PORT", conflicts_with = "port")]
    pub socket: Option<Place>,
}

/// Choosing hosts: the same on every command.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Choosing hosts")]
pub struct ChooseArgs {
    /// Order by CPU load per core (with -m: the combination)
    #[arg(short, long)]
    pub cpu: bool,
    /// Order by available memory
    #[arg(short, long)]
    pub mem: bool,
    /// Any order
    #[arg(short, long)]
    pub random: bool,
    /// What makes a host good [default: balanced]
    #[arg(long, value_parser = policy_parser())]
    pub policy: Option<PolicyName>,
    /// Differences of cost below this do not count [default: 0.1]
    #[arg(long, value_name = "COST", allow_hyphen_values = true)]
    pub cpu_delta: Option<Delta>,
    /// Differences of memory below this do not count, like 512M or 2G [default: 1G]
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub mem_delta: Option<Size>,
    /// Leave these hosts out: names or addresses with commas between
    #[arg(long, value_name = "HOSTS", value_delimiter = ',', allow_hyphen_values = true)]
    pub exclude: Vec<HostPattern>,
    /// Leave this host out
    #[arg(long)]
    pub exclude_self: bool,
    /// Leave out hosts whose figures are older
    #[arg(long, value_name = "SECS", allow_hyphen_values = true)]
    pub max_age: Option<Seconds>,
    /// Fewer eligible hosts than this are an error (exit 4)
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub min: Option<Count>,
    /// Fewer hosts than -n are an error (exit 5)
    #[arg(long)]
    pub strict: bool,
    /// Make the random part of the choice repeatable
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub seed: Option<Seed>,
    /// For each host: its cost and the terms of it, or why it is left out
    #[arg(long)]
    pub explain: bool,
}

impl ChooseArgs {
    /// All of them, for an option that goes with none.
    const OPTIONS: [&str; 13] = [
        "cpu",
        "mem",
        "random",
        "policy",
        "cpu_delta",
        "mem_delta",
        "exclude",
        "exclude_self",
        "max_age",
        "min",
        "strict",
        "seed",
        "explain",
    ];
}

fn policy_parser() -> ValueParser {
    let names = PolicyName::ALL.map(PolicyName::as_str);
    PossibleValuesParser::new(names).try_map(|name| name.parse::<PolicyName>()).into()
}

/// `--output`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people
    Table,
    /// One name a line, best first
    Names,
    /// One object; the names of its fields are stable
    Json,
    /// A header and a line for each host
    Csv,
}

/// `--fields`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldArg {
    /// `help`
    Help,
    /// A column.
    Field(Field),
}

fn field_parser() -> ValueParser {
    const HELP: &str = "help";
    PossibleValuesParser::new(Field::ALL.map(Field::name).into_iter().chain([HELP]))
        .try_map(|name| if name == HELP { Ok(FieldArg::Help) } else { name.parse().map(FieldArg::Field) })
        .into()
}

/// `peermon query`
#[derive(Debug, Args)]
#[command(after_long_help = manual::examples("peermon-query"))]
pub struct QueryArgs {
    /// How many hosts [default: all that are offered]
    #[arg(short, long, visible_alias = "n", value_name = "N", allow_hyphen_values = true)]
    pub num: Option<Count>,
    /// Also suspect, left and dead hosts, and collectors
    #[arg(long)]
    pub all: bool,
    /// What to print [default: table on a terminal, names in a pipe]
    #[arg(long, value_name = "FORMAT", conflicts_with = "explain")]
    pub output: Option<OutputFormat>,
    /// Short for --output json
    #[arg(long, conflicts_with_all = ["output", "explain"])]
    pub json: bool,
    /// Which columns, with commas between; `help` lists them
    #[arg(long, value_delimiter = ',', value_parser = field_parser(), hide_possible_values = true, conflicts_with = "explain")]
    pub fields: Vec<FieldArg>,
    /// Addresses instead of names
    #[arg(short = 'I', long = "ip", visible_alias = "IP")]
    pub ip: bool,
    /// Names folded, as ClusterShell and Slurm read them: node[1-3,7]
    #[arg(long, conflicts_with_all = ["output", "json", "fields", "count", "explain"])]
    pub fold: bool,
    /// Only how many hosts there are
    #[arg(long, conflicts_with_all = ["output", "json", "fields", "explain"])]
    pub count: bool,
    /// Only this host
    #[arg(long = "self", conflicts_with = "explain")]
    pub only_self: bool,
    /// Again and again, each SECS seconds (with --json: one object a line)
    #[arg(long, value_name = "SECS", num_args = 0..=1, default_missing_value = "2")]
    pub watch: Option<Seconds>,
    /// The daemon itself: is it well, who is refused, and why
    #[arg(long, conflicts_with_all = ["all", "num", "fields", "ip", "fold", "count", "only_self"])]
    #[arg(conflicts_with_all = ChooseArgs::OPTIONS)]
    pub status: bool,
    /// Which hosts.
    #[command(flatten)]
    pub choose: ChooseArgs,
    /// Which daemon.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// `peermon ssh`, `smarterSSH`
#[derive(Clone, Debug, Args)]
#[command(after_long_help = manual::examples("peermon-ssh"))]
pub struct SshArgs {
    /// List the best hosts instead of logging in
    #[arg(short, long)]
    pub info: bool,
    /// How many hosts are tried in turn [default: 5]; with -i: listed [default: 1]
    #[arg(short, long, visible_alias = "n", value_name = "N", allow_hyphen_values = true)]
    pub num: Option<Count>,
    /// Show the hosts that come into question, and what becomes of them
    #[arg(short, long)]
    pub verbose: bool,
    /// Addresses instead of names
    #[arg(short = 'I', long = "ip", visible_alias = "IP")]
    pub ip: bool,
    /// Print the command instead of running it
    #[arg(long, conflicts_with = "info")]
    pub print: bool,
    /// Take the best host without trying whether its ssh port is open
    #[arg(long)]
    pub no_probe: bool,
    /// Don't tell the daemon that somebody goes there
    #[arg(long)]
    pub no_pending: bool,
    /// Which hosts.
    #[command(flatten)]
    pub choose: ChooseArgs,
    /// Which daemon.
    #[command(flatten)]
    pub client: ClientArgs,
    /// What goes on to ssh.
    #[command(flatten)]
    pub ssh: SshOptions,
    /// As whom to log in: USER@
    #[arg(value_name = "USER@", value_parser = user_parser)]
    pub user: Option<String>,
    /// What to run there, after --
    #[arg(value_name = "COMMAND", last = true)]
    pub command: Vec<OsString>,
}

/// `alice@`, as before a host's name.
fn user_parser(typed: &str) -> Result<String, String> {
    match typed.strip_suffix('@') {
        Some("") => Err("a user's name is missing before the @".to_owned()),
        Some(user) if !user.contains('@') => Ok(user.to_owned()),
        Some(_) | None => Err("is no USER@; a host is chosen for you, and a command comes after --".to_owned()),
    }
}

/// Options of ssh(1) that go on to it as they are.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Passed on to ssh")]
#[allow(missing_docs, reason = "they are ssh's")]
pub struct SshOptions {
    /// Log in as this user
    #[arg(short = 'l', value_name = "USER")]
    pub login: Option<OsString>,
    /// An option as in ssh_config(5)
    #[arg(short = 'o', value_name = "OPTION")]
    pub options: Vec<OsString>,
    /// Forward a local port
    #[arg(short = 'L', value_name = "FORWARD")]
    pub local_forwards: Vec<OsString>,
    /// Forward a remote port
    #[arg(short = 'R', value_name = "FORWARD")]
    pub remote_forwards: Vec<OsString>,
    /// Be a SOCKS proxy
    #[arg(short = 'D', value_name = "FORWARD")]
    pub dynamic_forwards: Vec<OsString>,
    /// Jump through other hosts
    #[arg(short = 'J', value_name = "HOSTS")]
    pub jump: Option<OsString>,
    /// Another ssh_config
    #[arg(short = 'F', value_name = "FILE")]
    pub config: Option<OsString>,
    /// Log to a file
    #[arg(short = 'E', value_name = "FILE")]
    pub log: Option<OsString>,
    /// Forward the agent
    #[arg(short = 'A')]
    pub agent: bool,
    /// Forward X11
    #[arg(short = 'X')]
    pub x11: bool,
    /// Forward trusted X11
    #[arg(short = 'Y')]
    pub trusted_x11: bool,
    /// Ask for a terminal; twice: insist
    #[arg(short = 't', action = ArgAction::Count)]
    pub terminal: u8,
    /// Ask for no terminal
    #[arg(short = 'T')]
    pub no_terminal: bool,
    /// Run no command
    #[arg(short = 'N')]
    pub no_command: bool,
    /// Go to the background
    #[arg(short = 'f')]
    pub background: bool,
    /// Compress
    #[arg(short = 'C')]
    pub compress: bool,
    /// IPv4 only
    #[arg(short = '4')]
    pub ipv4: bool,
    /// IPv6 only
    #[arg(short = '6')]
    pub ipv6: bool,
    /// Anything else for ssh, one argument each
    #[arg(long = "ssh-arg", value_name = "ARG", allow_hyphen_values = true)]
    pub others: Vec<OsString>,
}

/// `peermon ssh-config`
#[derive(Debug, Args)]
#[command(after_long_help = manual::examples("peermon-ssh-config"))]
pub struct SshConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: SshConfigAction,
}

/// What `peermon ssh-config` does.
#[derive(Debug, Subcommand)]
pub enum SshConfigAction {
    /// Make the name, in ~/.ssh
    Install(Box<LabArgs>),
    /// Take it away again
    Remove(RemoveArgs),
    /// Say where the ssh that runs this goes
    #[command(hide = true)]
    Pick(Box<LabArgs>),
}

/// `peermon ssh-config install`; what it writes has ssh run `peermon ssh-config pick`, with the same options.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = manual::examples("peermon-ssh-config"))]
pub struct LabArgs {
    /// What is typed as the host, as in `ssh lab`
    #[arg(long, value_name = "NAME", default_value = "lab")]
    pub name: HostName,
    /// How many hosts are tried in turn [default: 5]
    #[arg(short, long, visible_alias = "n", value_name = "N", allow_hyphen_values = true)]
    pub num: Option<Count>,
    /// Take the best host without trying whether its ssh port is open
    #[arg(long)]
    pub no_probe: bool,
    /// Don't tell the daemon that somebody goes there
    #[arg(long)]
    pub no_pending: bool,
    /// Which hosts.
    #[command(flatten)]
    pub choose: ChooseArgs,
    /// Which daemon.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// `peermon ssh-config remove`
#[derive(Clone, Debug, Args)]
pub struct RemoveArgs {
    /// Only this name [default: all that were made]
    #[arg(long, value_name = "NAME")]
    pub name: Option<HostName>,
}

/// `peermon mpigen`, `autoMPIgen`
#[derive(Clone, Debug, Args)]
#[command(after_long_help = manual::examples("peermon-mpigen"))]
pub struct MpigenArgs {
    /// Where the host file goes; `-` is stdout
    #[arg(value_name = "HOSTFILE", required_unless_present_any = ["info", "explain"])]
    pub hostfile: Option<PathBuf>,
    /// How many hosts [default: 1]; with -x: how many CPUs
    #[arg(short, long, visible_alias = "n", value_name = "N", allow_hyphen_values = true)]
    pub num: Option<Count>,
    /// Print what the file would hold, and write none
    #[arg(short, long)]
    pub info: bool,
    /// Show the chosen hosts as a table
    #[arg(short, long)]
    pub verbose: bool,
    /// Addresses instead of names
    #[arg(short = 'I', long = "ip", visible_alias = "IP")]
    pub ip: bool,
    /// So many slots with each host
    #[arg(short, long, value_name = "SLOTS", allow_hyphen_values = true)]
    pub slots: Option<Count>,
    /// As many slots with each host as it has CPUs
    #[arg(short, long, conflicts_with = "slots")]
    pub quantify: bool,
    /// -n counts CPUs; the last host may have more than are missing
    #[arg(short = 'x', long, requires_all = ["quantify", "num"])]
    pub cpus: bool,
    /// With -x: the last host gets only the slots that are missing
    #[arg(long, requires = "cpus")]
    pub exact: bool,
    /// Whose host file [default: openmpi]
    #[arg(long, value_parser = format_parser())]
    pub format: Option<HostfileFormat>,
    /// Don't tell the daemon that a job starts there
    #[arg(long)]
    pub no_pending: bool,
    /// Which hosts.
    #[command(flatten)]
    pub choose: ChooseArgs,
    /// Which daemon.
    #[command(flatten)]
    pub client: ClientArgs,
}

fn format_parser() -> ValueParser {
    let names = HostfileFormat::ALL.map(HostfileFormat::as_str);
    PossibleValuesParser::new(names).try_map(|name| name.parse::<HostfileFormat>()).into()
}

/// `--family`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Family {
    /// IPv4 addresses (A)
    #[value(name = "4")]
    V4,
    /// IPv6 addresses (AAAA)
    #[value(name = "6")]
    V6,
    /// What each host has
    Both,
}

/// `peermon dns-update`
#[derive(Clone, Debug, Args)]
#[command(after_long_help = manual::examples("peermon-dns-update"))]
pub struct DnsUpdateArgs {
    /// The zone that the name is in
    #[arg(long, value_name = "ZONE")]
    pub zone: Option<Zone>,
    /// The name: a label, or a full name in the zone [default: peermon]
    #[arg(long, value_name = "LABEL", allow_hyphen_values = true)]
    pub name: Option<String>,
    /// How many hosts [default: 5]
    #[arg(short, long, visible_alias = "n", value_name = "N", allow_hyphen_values = true)]
    pub num: Option<Count>,
    /// For how many seconds others may remember the addresses [default: 30]
    #[arg(long, value_name = "SECS", allow_hyphen_values = true)]
    pub ttl: Option<Ttl>,
    /// The zone's primary server, with or without :PORT [default: 127.0.0.1]
    #[arg(long, value_name = "HOST[:PORT]")]
    pub server: Option<String>,
    /// The key that signs the update: BIND's `key` block, or ALGORITHM:NAME:SECRET
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Sign with the key that a BIND with `update-policy local` left on this host [default file: /run/named/session.key]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, conflicts_with = "key_file")]
    #[arg(default_missing_value = SESSION_KEY)]
    pub local_key: Option<PathBuf>,
    /// Which addresses [default: both]
    #[arg(long)]
    pub family: Option<Family>,
    /// Only addresses in these networks, with commas between, like 130.58.68 or 10.0.0.0/8
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = NetworkList::parse_line)]
    pub only_network: Vec<IpNet>,
    /// A published host stays while it costs no more than so many percent above a better one [default: 15]
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true)]
    pub hysteresis: Option<Percent>,
    /// How long the server may take for all of it, 0.1 to 60 [default: 5]
    #[arg(long, value_name = "SECS", allow_hyphen_values = true)]
    pub timeout: Option<Patience>,
    /// Change nothing; print what nsupdate makes the same change from
    #[arg(long)]
    pub dry_run: bool,
    /// Which hosts.
    #[command(flatten)]
    pub choose: ChooseArgs,
    /// Which daemon.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// Where a BIND of Debian, Fedora or SUSE leaves its session key (`session-keyfile` in named.conf).
const SESSION_KEY: &str = "/run/named/session.key";

/// `peermon keygen`
#[derive(Debug, Args)]
#[command(after_long_help = manual::examples("peermon-keygen"))]
pub struct KeygenArgs {
    /// Where to write it, never over an existing file; `-` is stdout
    #[arg(value_name = "FILE", default_value = "-")]
    pub file: PathBuf,
}

/// `peermon demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How many daemons, 1 to 60
    #[arg(value_name = "N", default_value = "12", allow_hyphen_values = true)]
    pub daemons: Daemons,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_agree_with_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_choosing_option_is_among_those_that_go_with_no_status() {
        let command = ChooseArgs::augment_args(clap::Command::new("choose"));
        let ids: Vec<&str> = command.get_arguments().map(|argument| argument.get_id().as_str()).collect();
        assert_eq!(ids, ChooseArgs::OPTIONS);
    }
}
