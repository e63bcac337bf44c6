//! `peermon query --status`: the daemon itself.

use std::path::Path;

use super::args::{OutputFormat, QueryArgs};
use super::console::Console;
use super::exit::{Exit, Failure};
use super::watch::Picture;
use crate::client::{Candidate, Client, ClientError};
use crate::config::Environment;
use crate::config::paths::{DaemonPaths, Realm};
use crate::render::status::HowToClose;
use crate::render::{self, Style};
use crate::session::Reject;

/// How it is printed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    Words(Style),
    Json,
}

impl Form {
    /// As it was asked for.
    pub fn of(args: &QueryArgs, console: &Console) -> Result<Self, Failure> {
        match (args.json, args.output) {
            (true, _) | (false, Some(OutputFormat::Json)) => Ok(Self::Json),
            (false, Some(OutputFormat::Table) | None) => Ok(Self::Words(console.style())),
            (false, Some(OutputFormat::Names | OutputFormat::Csv)) => {
                Err(Failure::new(Exit::Usage, "--status is a table or JSON", "leave --output out, or say --json"))
            }
        }
    }
}

/// Asks for it and shows it.
pub(super) fn picture(client: &mut Client, form: Form, environment: &Environment) -> Result<Picture, ClientError> {
    let status = client.status()?;
    let text = match form {
        Form::Json => render::json::status(&status),
        Form::Words(style) => {
            let explain = |reason: &str| Reject::named(reason).map(Reject::explain);
            let how_to_close = how_to_close(client.daemon(), status.pid, environment);
            render::status::status(&status, &how_to_close, explain, style)
        }
    };
    Ok(Picture { text, warnings: Vec::new(), shortfall: None })
}

/// What closes the network of the daemon that answered: the host's own, or a private one.
fn how_to_close(daemon: &Candidate, pid: u32, environment: &Environment) -> HowToClose {
    let (realm, read_key) = match daemon {
        Candidate::Unix(path) if !path.starts_with("/run/peermon") => (Realm::User, format!("kill -HUP {pid}")),
        Candidate::Unix(_) | Candidate::Tcp(_) => (Realm::System, "systemctl reload peermon".to_owned()),
    };
    let paths = DaemonPaths::of(realm, environment);
    let key = paths.as_ref().map_or(Path::new("~/.config/peermon/gossip.key"), |paths| &paths.key);
    HowToClose { make_key: format!("peermon keygen {}", key.display()), read_key }
}
