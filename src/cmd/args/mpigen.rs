//! `peermon mpigen`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser, ValueParser};

use super::choosing::{ChooseArgs, ClientArgs};
use crate::cmd::manual;
use crate::config::values::Count;
use crate::render::hostfile::HostfileFormat;

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
    #[arg(short = 'x', long)]
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
