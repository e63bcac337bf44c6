//! `peermon doctor`.

use clap::Args;

use super::choosing::ClientArgs;
use crate::cmd::manual;

/// `peermon doctor`
#[derive(Debug, Args)]
#[command(after_long_help = manual::examples("peermon-doctor"))]
pub struct DoctorArgs {
    /// One object with all checks; the names in it are stable
    #[arg(long)]
    pub json: bool,
    /// Where no daemon answers: look at the files of a private network of your own
    #[arg(short = 'u', long)]
    pub user: bool,
    /// Which daemon.
    #[command(flatten)]
    pub client: ClientArgs,
}
