//! `peermon demo`: a network of real daemons on this machine, whose machines and loads are invented, so that a
//! newcomer can try everything before there is a lab.

mod fleet;
mod machines;

use std::borrow::Cow;
use std::env;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam::channel::{self, Receiver, RecvTimeoutError};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::args::DemoArgs;
use super::console::Console;
use super::exit::{Exit, Failure};
use super::watch::Screen;
use crate::client::HostTable;
use crate::model::HostView;
use crate::placement::{Criteria, Policy, Ranking, rank};
use crate::render::{Style, table};
use fleet::{Fleet, FleetError};

/// How often loads move and the table is drawn: T of the daemons.
const PAUSE: Duration = Duration::from_secs(1);

/// Daemons know each other within a second or two of their start; on a busy machine it takes longer.
const MEET_MAX: Duration = Duration::from_secs(15);

/// How often it is looked whether they do.
const MEET_PAUSE: Duration = Duration::from_millis(50);

/// Where nobody watches a terminal, a line is written every so many pauses.
const PAUSES_PER_LINE: u32 = 10;

/// How many of the best hosts are named.
const BEST: usize = 3;

/// Runs until Ctrl-C, TERM, or the end of its terminal.
pub fn run(args: &DemoArgs, console: &Console) -> Result<Exit, Failure> {
    let end = End::wait_for().map_err(|error| {
        Failure::new(Exit::Failed, format_args!("cannot wait for signals ({error})"), "is a limit reached? ulimit -a")
    })?;
    let mut fleet = Fleet::start(args.daemons).map_err(failure)?;
    let started = Instant::now();
    while !is_whole(&fleet) && started.elapsed() < MEET_MAX {
        if end.comes_within(MEET_PAUSE) {
            return Ok(Exit::Done);
        }
        fleet.expect_all().map_err(failure)?;
    }
    let mut show = Show { screen: Screen::of(console), pauses: 0 };
    loop {
        show.next(&fleet, console)?;
        if end.comes_within(PAUSE) {
            if console.is_terminal() {
                // The terminal has written ^C where the next prompt belongs.
                console.print("\n")?;
            }
            return Ok(Exit::Done);
        }
        fleet.pass(PAUSE).map_err(failure)?;
    }
}

/// Whether the daemon that is asked knows all others, with their loads.
fn is_whole(fleet: &Fleet) -> bool {
    let knows_all = |table: &HostTable| {
        let known = table.hosts.iter().filter(|host| host.load1_hundredths.is_some() && host.cores.is_some());
        known.count() == fleet.members().len()
    };
    matches!(fleet.table(), Some(Ok(table)) if knows_all(&table))
}

fn failure(error: FleetError) -> Failure {
    let hint = match &error {
        FleetError::Folder { .. } => "TMPDIR=/some/other/folder peermon demo puts it elsewhere",
        FleetError::NoPorts(_) => "fewer daemons need fewer ports: peermon demo 3",
        FleetError::Start(_) => "is a limit reached? ulimit -a; fewer daemons need less: peermon demo 3",
        FleetError::Ended { .. } => {
            "those are its own words; a shorter TMPDIR or fewer daemons (peermon demo 3) may do"
        }
    };
    Failure::new(Exit::Failed, error, hint)
}

/// The signals that end a demo.
struct End(Receiver<()>);

impl End {
    fn wait_for() -> std::io::Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let (came, comes) = channel::unbounded();
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for _ in signals.forever() {
                let _ = came.send(());
            }
        })?;
        Ok(Self(comes))
    }

    fn comes_within(&self, span: Duration) -> bool {
        !matches!(self.0.recv_timeout(span), Err(RecvTimeoutError::Timeout))
    }
}

/// What the onlooker sees.
struct Show {
    screen: Screen,
    pauses: u32,
}

impl Show {
    fn next(&mut self, fleet: &Fleet, console: &Console) -> Result<(), Failure> {
        let Some(answer) = fleet.table() else {
            return Err(Failure::new(Exit::Failed, "all daemons of the demo are gone", "peermon demo starts anew"));
        };
        // A daemon that was stopped or killed just now: the next look shows more.
        let hosts = answer.map(|table| table.hosts).unwrap_or_default();
        let ranking = rank(&hosts, &Criteria::all(Policy::Balanced { delta: Policy::CPU_DELTA }), 0);
        if console.is_terminal() {
            let text = format!("{}\n\n{}", title(fleet), rows(&hosts, console.style()));
            self.screen.draw(&text, &what_to_try(fleet, &ranking), console)?;
        } else if self.pauses == 0 {
            let notes = what_to_try(fleet, &ranking).join("\n");
            console.print(&format!("{}\n\n{}{notes}\n", title(fleet), rows(&hosts, Style::Plain)))?;
        } else if self.pauses.is_multiple_of(PAUSES_PER_LINE) {
            let (known, offered) = (hosts.len(), ranking.eligible.len());
            console.print(&format!("{known} hosts known, {offered} offered; best: {}\n", best(&ranking)))?;
        }
        self.pauses += 1;
        Ok(())
    }
}

fn title(fleet: &Fleet) -> String {
    let count = fleet.members().len();
    if count == 1 {
        return "One real daemon at 127.0.0.1; its machine and its load are invented.".to_owned();
    }
    format!("{count} real daemons at 127.0.0.1 to 127.0.0.{count}; their machines and loads are invented.")
}

/// In the order of their addresses, so that each host keeps its line.
fn rows(hosts: &[HostView], style: Style) -> String {
    let mut rows: Vec<&HostView> = hosts.iter().collect();
    rows.sort_by_key(|host| (host.address, host.port));
    table::hosts(&rows, table::DEFAULT_FIELDS, style)
}

fn best(ranking: &Ranking<'_>) -> String {
    let names: Vec<&str> = ranking.eligible.iter().take(BEST).map(|ranked| ranked.host.name.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// What can be typed in another terminal, each line by itself.
fn what_to_try(fleet: &Fleet, ranking: &Ranking<'_>) -> Vec<String> {
    let peermon = own_name();
    let mut lines = vec![String::new(), format!("Best now: {}. In a second terminal, type:", best(ranking))];
    if let Some(asked) = fleet.asked() {
        lines.push(format!("    export PEERMON_SOCKET={}", quoted(&asked.socket.to_string_lossy())));
    }
    lines.push(format!("    {peermon} query"));
    lines.push(format!("    {peermon} query -n 3 --explain"));
    if let Some(victim) = fleet.victim() {
        lines.push(format!("    kill -9 {}", victim.pid()));
        lines.push(format!("The last one lets {} crash: within 6 s nobody offers it any more.", victim.name));
    }
    lines.push("Ctrl-C here ends the demo and takes all of it away.".to_owned());
    lines
}

/// What the user would type to run this executable.
fn own_name() -> Cow<'static, str> {
    let Ok(own) = env::current_exe() else { return "peermon".into() };
    let path = env::var_os("PATH").unwrap_or_default();
    let is_own = |folder: &Path| folder.join("peermon").canonicalize().is_ok_and(|found| found == own);
    let first = env::split_paths(&path).find(|folder| folder.join("peermon").is_file());
    if first.is_some_and(|folder| is_own(&folder)) { "peermon".into() } else { quoted(&own.to_string_lossy()).into() }
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+:@%,=".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_can_be_pasted_into_a_shell_whatever_is_in_it() {
        assert_eq!(quoted("/tmp/peermon-demo-7/peermon/1.sock"), "/tmp/peermon-demo-7/peermon/1.sock");
        assert_eq!(quoted("/tmp/my folder/1.sock"), "'/tmp/my folder/1.sock'");
        assert_eq!(quoted("it's $(here)"), r"'it'\''s $(here)'");
        assert_eq!(quoted(""), "''");
    }
}
