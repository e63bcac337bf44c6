//! What all clients take: which daemon, which hosts.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser, ValueParser};

use crate::client::{Place, Port};
use crate::config::choose::PolicyName;
use crate::config::values::{Count, Delta, Seconds, Seed, Size};
use crate::placement::HostPattern;

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
    pub(super) const OPTIONS: [&str; 13] = [
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
