//! `peermon ssh`, `peermon ssh-config`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand};

use super::choosing::{ChooseArgs, ClientArgs};
use crate::cmd::manual;
use crate::config::values::Count;
use crate::model::HostName;

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
    Pick(Box<PickArgs>),
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

/// `peermon ssh-config pick`
#[derive(Clone, Debug, Args)]
pub struct PickArgs {
    /// The user's ssh folder, as it was when this was installed
    #[arg(long, value_name = "FOLDER")]
    pub folder: PathBuf,
    /// As they were typed then.
    #[command(flatten)]
    pub lab: LabArgs,
}

/// `peermon ssh-config remove`
#[derive(Clone, Debug, Args)]
pub struct RemoveArgs {
    /// Only this name [default: all that were made]
    #[arg(long, value_name = "NAME")]
    pub name: Option<HostName>,
}
