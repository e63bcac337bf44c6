//! Which host it is to be: the daemon is asked, and ssh ports are tried.

use std::net::SocketAddr;

use super::super::args::{ChooseArgs, ClientArgs};
use super::super::console::Console;
use super::super::exit::{Exit, Failure};
use super::super::settings::{Choice, Found, Settings, client_failure};
use super::effective::Effective;
use crate::client::{Client, HostTable, Placement};
use crate::config::values::Count;
use crate::model::HostView;
use crate::os::probe::{self, Answer};
use crate::placement::{Policy, Ranking};

/// How many hosts are tried in turn where nothing is said: enough for a few that just went down.
const TRIES: usize = 5;

/// What the daemon knows, and how to choose of it.
#[derive(Debug)]
pub(in super::super) struct Asked {
    pub settings: Settings,
    pub client: Client,
    pub choice: Choice,
    pub table: HostTable,
}

impl Asked {
    /// Asks the daemon that the settings name.
    pub fn ask(choose: &ChooseArgs, client: &ClientArgs, console: &Console) -> Result<Self, Failure> {
        let settings = Settings::read(console)?;
        let choice = settings.choice(choose.clone(), Policy::CLASSIC_MEMORY_STEP_KIB)?;
        let daemon = settings.daemon(client)?;
        let mut client = settings.connect(&daemon)?;
        let table = client.hosts().map_err(|error| client_failure(&error, &daemon))?;
        Ok(Self { settings, client, choice, table })
    }

    /// The hosts that come into question, best first; a failure where there are not enough.
    pub fn candidates<'a>(
        &self,
        ranking: &Ranking<'a>,
        most: usize,
        wanted: Option<usize>,
    ) -> Result<Vec<&'a HostView>, Failure> {
        if let Some(failure) = self.choice.shortfall(&Found::to_take(ranking, wanted), ranking, &self.table) {
            return Err(failure);
        }
        Ok(ranking.eligible.iter().map(|ranked| ranked.host).take(most).collect())
    }

    /// The hosts that are tried in turn, best first: as many as `num`, or the settings, or usual.
    pub fn to_try<'a>(&self, ranking: &Ranking<'a>, num: Option<Count>) -> Result<Vec<&'a HostView>, Failure> {
        let count = |Count(count)| count as usize;
        let tries = num.or(self.settings.files.ssh.tries).map_or(TRIES, count);
        self.candidates(ranking, tries, num.map(count))
    }

    /// Whether ports are tried, where the command line does not forbid it.
    pub fn probes(&self) -> bool {
        self.settings.files.ssh.probe.unwrap_or(true)
    }
}

/// Tells the daemon that somebody goes to `host`, so that the next one takes another.
pub(in super::super) fn place(client: &mut Client, host: &HostView) {
    // Somebody who places often is told so; the way there is free all the same.
    let _ = client.place(&[Placement { id: host.id, count: 1 }]);
}

/// Of `candidates` the first whose ssh port takes a connection. Better ones that don't are named. Where the way is not
/// direct a probe proves nothing: then it is the best.
pub(in super::super) fn first_that_accepts<'a>(
    effective: &Effective,
    candidates: &[&'a HostView],
    console: &Console,
) -> Result<&'a HostView, Failure> {
    let port = effective.port;
    if effective.way.is_some() {
        return Ok(candidates[0]);
    }
    let addresses: Vec<SocketAddr> = candidates.iter().map(|host| SocketAddr::new(host.address, port)).collect();
    let answers = probe::first_to_accept(&addresses);
    let accepted = answers.iter().position(|answer| *answer == Answer::Accepted);
    for (host, answer) in candidates.iter().zip(&answers).take(accepted.unwrap_or(answers.len())) {
        let said = match answer {
            Answer::Refused => "refuses",
            Answer::Silent => "does not answer at",
            Answer::Accepted | Answer::NotTried => continue,
        };
        console.say(format_args!("passed over {}: it {said} port {port}", host.name));
    }
    accepted.map(|place| candidates[place]).ok_or_else(|| {
        let what = match candidates {
            [one] => format!("{} takes no ssh connections (tried port {port})", one.name),
            several => format!("none of the {} best hosts takes ssh connections (tried port {port})", several.len()),
        };
        Failure::new(
            Exit::Network,
            what,
            "-n tries more of them; -o Port=N tries another port; --no-probe goes on all the same",
        )
    })
}
