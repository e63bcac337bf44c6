//! `peermon query`.

use clap::builder::{PossibleValuesParser, TypedValueParser, ValueParser};
use clap::{Args, ValueEnum};

use super::choosing::{ChooseArgs, ClientArgs};
use crate::cmd::manual;
use crate::config::values::{Count, Seconds};
use crate::render::Field;

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
