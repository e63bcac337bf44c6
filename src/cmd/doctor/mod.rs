//! `peermon doctor`: what is wrong with the daemon of this host and its network, and what mends it.
//!
//! `facts` collects, `check` names the checks; the other files judge, each a group of them. What needs no look at the
//! world is judged by functions of values, so that tables test it.

mod address;
pub mod check;
mod daemon;
mod facts;
mod figures;
mod files;
mod firewall;
mod hosts;
mod reach;

use super::args::DoctorArgs;
use super::console::Console;
use super::exit::{Exit, Failure};
use crate::render::doctor::{Finding, Verdict};
use crate::render::{self, json};

use check::Check;
use facts::Facts;

/// Why nothing can be said of what only a daemon knows.
const NO_DAEMON: &str = "no daemon answers";

/// Why nothing can be said of what only a newer daemon tells.
const OLD_DAEMON: &str = "the daemon is older than this peermon and does not tell";

/// Looks at everything, and says what it found.
pub fn run(args: &DoctorArgs, console: &Console) -> Result<Exit, Failure> {
    let (mut facts, client) = Facts::collect(args).map_err(|error| {
        let variable = error.variable;
        Failure::new(Exit::Usage, error, format_args!("unset {variable}, or give it such a value"))
    })?;
    // These take their time while the daemon looks for others.
    let read = files::read(&facts);
    let sshd = figures::sshd(&facts, &read);
    let client_port = daemon::client_port(&facts);
    facts.finish(client);
    let findings = Check::ALL.map(|check| match check {
        Check::Daemon => daemon::answers(&facts),
        Check::Files => files::judge(&facts, &read),
        Check::Address => address::judge(&facts, &read),
        Check::Reached => reach::reached(&facts),
        Check::Seeds => reach::seeds(&facts),
        Check::Twins => hosts::twins(&facts),
        Check::Mixture => hosts::mixture(&facts),
        Check::Drops => figures::drops(&facts),
        Check::Figures => figures::judge(&facts),
        Check::Sshd => sshd.clone(),
        Check::Key => files::key(&facts, &read),
        Check::ClientPort => client_port.clone(),
    });
    console.print(&shown(args, &facts, &findings, console))?;
    let failed = findings.iter().any(|finding| finding.verdict == Verdict::Fail);
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn shown(args: &DoctorArgs, facts: &Facts, findings: &[Finding], console: &Console) -> String {
    let own = facts.running.as_ref().ok().map(|running| &running.status.name);
    if args.json { json::findings(own, findings) } else { render::doctor::findings(findings, console.style()) }
}
