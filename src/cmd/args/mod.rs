//! What can be typed: definitions only. Man pages and completions are made from these.

mod choosing;
mod dns;
mod doctor;
mod mpigen;
mod net;
mod query;
mod ssh;

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

use super::manual;
use crate::client::Port;
use crate::config::values::{Daemons, Interval, LogLevel, MaxDatagram, NetworkName};
use crate::model::{HostName, Label};

pub use choosing::{ChooseArgs, ClientArgs};
pub use dns::{DnsUpdateArgs, Family};
pub use doctor::DoctorArgs;
pub use mpigen::MpigenArgs;
pub use net::{AddArgs, DownArgs, LogsArgs, NetAction, NetArgs, ReachArgs, StatusArgs, UpArgs};
pub use query::{FieldArg, OutputFormat, QueryArgs};
pub use ssh::{LabArgs, PickArgs, RemoveArgs, SshArgs, SshConfigAction, SshConfigArgs, SshOptions};

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
    /// A private network over a list of hosts, through ssh and without root
    Net(NetArgs),
    /// Make a key that closes a network
    Keygen(KeygenArgs),
    /// Say what is wrong here, and what mends it
    Doctor(DoctorArgs),
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
    /// Read all settings and files as a daemon would, say what is wrong with them, and start none
    #[arg(long, conflicts_with = "detach")]
    pub check: bool,
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
