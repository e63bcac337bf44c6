//! `peermon net`

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cmd::manual;
use crate::config::ssh_hosts::{self, SshHost};
use crate::config::values::{Count, Port};

/// `peermon net`
#[derive(Clone, Debug, Args)]
pub struct NetArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: NetAction,
}

/// What `peermon net` does.
#[derive(Clone, Debug, Subcommand)]
pub enum NetAction {
    /// Bring the network up on these hosts, or again on all that are in it
    #[command(after_long_help = manual::examples("peermon-net-up"))]
    Up(UpArgs),
    /// Who is up, which version, since when, and what it says
    Status(StatusArgs),
    /// End the daemons of the network
    Down(DownArgs),
    /// Bring the network up on one more host
    Add(AddArgs),
    /// What a host's daemon has logged
    Logs(LogsArgs),
}

/// `peermon net up`
#[derive(Clone, Debug, Args)]
pub struct UpArgs {
    /// The hosts, as ssh knows them [default: those that are in the network]
    #[arg(value_name = "[USER@]HOST")]
    pub hosts: Vec<SshHost>,
    /// More of them, one a line
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// UDP port of the gossip, and the one above it [default: made of your user number]
    #[arg(short, long, value_name = "PORT", allow_hyphen_values = true)]
    pub port: Option<Port>,
    /// Client port: names the network on each host [default: made of your user number]
    #[arg(short = 'l', long, value_name = "PORT", allow_hyphen_values = true)]
    pub client_port: Option<Port>,
    /// How to get there.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// `peermon net status`
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// How to get there.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// `peermon net down`
#[derive(Clone, Debug, Args)]
pub struct DownArgs {
    /// Only these hosts, which leave the network for good [default: all]
    #[arg(value_name = "[USER@]HOST")]
    pub hosts: Vec<SshHost>,
    /// Take the program, the key and the machines file away too
    #[arg(long, conflicts_with = "hosts")]
    pub purge: bool,
    /// How to get there.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// `peermon net add`
#[derive(Clone, Debug, Args)]
pub struct AddArgs {
    /// The hosts, as ssh knows them
    #[arg(value_name = "[USER@]HOST", required = true)]
    pub hosts: Vec<SshHost>,
    /// How to get there.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// `peermon net logs`
#[derive(Clone, Debug, Args)]
pub struct LogsArgs {
    /// The host
    #[arg(value_name = "[USER@]HOST")]
    pub host: SshHost,
    /// How many lines, the last ones
    #[arg(short, long, value_name = "N", default_value = "100", allow_hyphen_values = true)]
    pub num: Count,
    /// How to get there.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// How to get to the hosts.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "How to get there")]
pub struct ReachArgs {
    /// Log in as this user, where a host is given without one
    #[arg(short, long, value_name = "USER", value_parser = ssh_hosts::parse_user)]
    pub user: Option<String>,
    /// For ssh as it is; may be given several times [default: as the last time]
    #[arg(long = "ssh-arg", value_name = "ARG", allow_hyphen_values = true)]
    pub ssh_args: Vec<OsString>,
    /// How many hosts at a time [default: 16]
    #[arg(short, long, value_name = "N", allow_hyphen_values = true)]
    pub jobs: Option<Count>,
}
