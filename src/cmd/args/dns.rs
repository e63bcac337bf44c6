//! `peermon dns-update`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ipnet::IpNet;

use super::choosing::{ChooseArgs, ClientArgs};
use crate::cmd::manual;
use crate::config::values::{Count, Patience, Percent, Ttl};
use crate::dns::Zone;
use crate::model::NetworkList;

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
