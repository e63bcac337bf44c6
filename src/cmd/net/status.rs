//! `peermon net status`: who is up, and what each daemon says.

use super::super::args::StatusArgs;
use super::super::console::Console;
use super::super::exit::{Exit, Failure};
use super::facts::Facts;
use super::folder::Folder;
use super::ports::client_port;
use super::remote::{Answer, Request};
use super::trouble::Trouble;
use super::{ASK_MAX, ask_all, existing, failures, not_all, reach};
use crate::config::ssh_hosts::SshHost;
use crate::render::net::{NetRow, Standing, network as table};

/// What a daemon says of itself, as far as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Saying {
    pub name: String,
    pub address: String,
    pub version: String,
    pub up_seconds: u64,
    /// Hosts that live, without itself.
    pub others: u64,
    pub isolated: bool,
    pub keyed: bool,
}

impl Saying {
    /// From the line `status` of an answer, which is the JSON of `peermon query --status`.
    pub fn of(answer: &Answer) -> Option<Self> {
        let said: serde_json::Value = serde_json::from_str(answer.get("status")?).ok()?;
        let text = |key: &str| said[key].as_str().map(str::to_owned);
        let living = said["hosts"]["fresh"].as_u64()?.saturating_add(said["hosts"]["late"].as_u64()?);
        Some(Self {
            name: text("name")?,
            address: text("address")?,
            version: text("version")?,
            up_seconds: said["uptime_seconds"].as_u64()?,
            others: living.saturating_sub(1),
            isolated: said["isolated"].as_bool()?,
            keyed: said["keyed"].as_bool()?,
        })
    }

    fn is_alone(&self) -> bool {
        self.others == 0 || self.isolated
    }

    fn in_words(&self) -> String {
        let sees = match self.others {
            0 => "sees nobody else".to_owned(),
            1 => "sees 1 other".to_owned(),
            others => format!("sees {others} others"),
        };
        let hears = if self.isolated && self.others > 0 { ", hears nobody" } else { "" };
        let open = if self.keyed { "" } else { ", without a key" };
        format!("{sees}{hears}{open}")
    }
}

/// Asks all hosts of the network.
pub(super) fn run(args: &StatusArgs, console: &Console) -> Result<Exit, Failure> {
    let network = existing(&Folder::of_user()?)?;
    let reach = reach(&args.reach, &network, console)?;
    let request = Request::new("status", ASK_MAX).with("wanted_client_port", client_port(network.ports));
    let asked = ask_all(&network.hosts, &request, &reach, "asking", console)?;
    let rows: Vec<NetRow> = asked.iter().map(|(host, answer)| row(host, answer, asked.len() == 1)).collect();
    console.print(&table(&rows, console.style()))?;

    let count = |standing| rows.iter().filter(|row| row.standing == standing).count();
    let (up, down) = (count(Standing::Up), count(Standing::Down));
    if up == rows.len() {
        return Ok(Exit::Done);
    }
    let apart: Vec<&str> =
        rows.iter().filter(|row| row.standing == Standing::Alone).map(|row| row.host.as_str()).collect();
    if up + apart.len() == rows.len() {
        let what = format!("{} of {} daemons see no other: {}", apart.len(), rows.len(), apart.join(", "));
        let hint = "do firewalls let the UDP ports of the network pass? peermon doctor there looks";
        return Err(Failure::new(Exit::NotAll, what, hint));
    }
    let again = "peermon net up brings it up where it is down, and peermon net logs HOST may say why";
    if down == 0
        && let Some(failure) =
            not_all(&failures(&asked), rows.len(), "peermon net down HOST takes one out of the network")
    {
        return Err(failure);
    }
    let (exit, what) = if up + apart.len() == 0 {
        (Exit::NoDaemon, "no daemon of the network is up".to_owned())
    } else {
        (Exit::NotAll, format!("{} of {} hosts are up", up + apart.len(), rows.len()))
    };
    Err(Failure::new(exit, what, again))
}

/// `is_only`: there is no other host that it could see.
fn row(host: &SshHost, answer: &Result<Answer, Trouble>, is_only: bool) -> NetRow {
    let host = host.to_string();
    let answer = match answer {
        Ok(answer) => answer,
        Err(trouble) => {
            return NetRow { host, standing: Standing::Unknown, version: None, up_seconds: None, says: trouble.what() };
        }
    };
    let (runs, version, saying) = match Facts::read(answer) {
        Ok(facts) => (facts.daemon.is_some(), facts.version, facts.saying),
        Err(_) => (false, None, None),
    };
    match saying {
        Some(saying) => NetRow {
            host,
            standing: if saying.is_alone() && !is_only { Standing::Alone } else { Standing::Up },
            says: saying.in_words(),
            version: Some(saying.version),
            up_seconds: Some(saying.up_seconds),
        },
        None => NetRow {
            host,
            standing: Standing::Down,
            version,
            up_seconds: None,
            says: if runs { "its daemon does not answer".to_owned() } else { String::new() },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_that_no_daemon_has_are_no_trouble() {
        let most = u64::MAX;
        let status = format!(
            r#"{{"name":"n","address":"a","version":"2","uptime_seconds":{most},"isolated":false,"keyed":true,"hosts":{{"fresh":{most},"late":{most}}}}}"#
        );
        let answer = Answer::read(format!("peermon-net status {status}\n").as_bytes());
        assert_eq!(Saying::of(&answer).unwrap().others, most - 1);
    }
}
