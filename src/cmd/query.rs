//! `peermon query`: prints what the daemon on this host knows.

use std::time::Duration;

use super::args::{FieldArg, OutputFormat, QueryArgs};
use super::console::Console;
use super::exit::{Exit, Failure};
use super::settings::{Choice, Found, Settings, client_failure, nobody};
use super::status;
use super::watch::{self, Picture};
use crate::client::{Client, ClientError, Daemon, HostTable};
use crate::config::values::{Count, Seconds};
use crate::model::HostView;
use crate::placement::{Policy, Ranking};
use crate::render::names::Naming;
use crate::render::{self, Field, Style, table};

/// Shortest pause of `--watch`: a daemon has clients beside this one.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// What is printed of the hosts.
enum Format {
    Table(Vec<Field>),
    Names(Naming),
    Folded(Naming),
    Json(Vec<Field>),
    Csv(Vec<Field>),
    Count,
    Explained(Naming),
}

/// Which hosts, and how they are printed.
struct Query {
    format: Format,
    style: Style,
    choice: Choice,
    count: Option<usize>,
    all: bool,
    only_self: bool,
}

/// Prints what was asked for.
pub fn run(args: QueryArgs, console: &Console) -> Result<Exit, Failure> {
    if args.fields.contains(&FieldArg::Help) {
        console.print(&render::fields::help())?;
        return Ok(Exit::Done);
    }
    let pause = args.watch.map(pause).transpose()?;
    let settings = Settings::read(console)?;
    let daemon = settings.daemon(&args.client)?;
    let look: Box<dyn Fn() -> Result<Picture, Failure>> = if args.status {
        let form = status::Form::of(&args, console)?;
        Box::new(move || ask(&settings, &daemon, |client| status::picture(client, form, &settings.environment)))
    } else {
        let query = Query::new(args, &settings, console)?;
        Box::new(move || ask(&settings, &daemon, |client| Ok(query.picture(&client.hosts()?))))
    };
    match pause {
        None => watch::once(&look, console),
        Some(pause) => watch::for_ever(&look, pause, console),
    }
}

fn pause(Seconds(pause): Seconds) -> Result<Duration, Failure> {
    if pause < PAUSE_MIN {
        let least = PAUSE_MIN.as_secs_f64();
        return Err(Failure::new(Exit::Usage, format_args!("--watch pauses for {least} s at least"), "--watch 1"));
    }
    Ok(pause)
}

/// Connects, asks, and names those who only pretended to be the daemon.
fn ask(
    settings: &Settings,
    daemon: &Daemon,
    question: impl FnOnce(&mut Client) -> Result<Picture, ClientError>,
) -> Result<Picture, Failure> {
    let mut client = settings.connect(daemon)?;
    let mut picture = question(&mut client).map_err(|error| client_failure(&error, daemon))?;
    let strangers =
        client.passed_over().iter().map(|attempt| format!("passed over {attempt}: not root, peermon or you"));
    picture.warnings.splice(0..0, strangers);
    Ok(picture)
}

impl Query {
    fn new(args: QueryArgs, settings: &Settings, console: &Console) -> Result<Self, Failure> {
        let format = format(&args, console)?;
        Ok(Self {
            format,
            style: console.style(),
            choice: settings.choice(args.choose, Policy::CLASSIC_MEMORY_STEP_KIB)?,
            count: args.num.map(|Count(count)| count as usize),
            all: args.all,
            only_self: args.only_self,
        })
    }

    fn picture(&self, table: &HostTable) -> Picture {
        let ranking = self.choice.rank(table);
        let is_meant = |host: &&HostView| !self.only_self || host.id == table.own;
        let mut rows: Vec<&HostView> = ranking.eligible.iter().map(|ranked| ranked.host).filter(is_meant).collect();
        let eligible = rows.len();
        if self.all {
            rows.extend(ranking.left_out.iter().map(|(host, _)| *host).filter(is_meant));
        }
        rows.truncate(self.count.unwrap_or(usize::MAX));
        let text = match &self.format {
            Format::Table(fields) => table::hosts(&rows, fields, self.style),
            Format::Names(naming) => render::names::hosts(&rows, *naming),
            Format::Folded(naming) => folded(&rows, *naming),
            Format::Json(fields) => {
                let own = table.hosts.iter().find(|host| host.id == table.own).map(|host| &host.name);
                render::json::hosts(own, table.interval_hundredths, &rows, fields)
            }
            Format::Csv(fields) => render::csv::hosts(&rows, fields),
            Format::Count => format!("{}\n", rows.len()),
            Format::Explained(naming) => {
                render::explain::ranking(&ranking, self.choice.policy(), self.choice.seed, *naming, self.style)
            }
        };
        let warnings = if table.isolated {
            vec!["the daemon hears no other host, and its figures grow old: peermon query --status".to_owned()]
        } else {
            Vec::new()
        };
        let shortfall = self.shortfall(rows.len(), eligible, &ranking, table);
        Picture { text, warnings, shortfall }
    }

    /// What is missing of what was asked for.
    fn shortfall(&self, rows: usize, eligible: usize, ranking: &Ranking<'_>, table: &HostTable) -> Option<Failure> {
        let own = ranking.left_out.iter().find(|(host, _)| self.only_self && !self.all && host.id == table.own);
        if let Some((_, why)) = own {
            return Some(nobody(format_args!("this host is not offered ({why})"), table));
        }
        let found = Found { eligible, rows, least: usize::from(!self.all), wanted: self.count };
        self.choice.shortfall(&found, ranking, table)
    }
}

fn folded(rows: &[&HostView], naming: Naming) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let names: Vec<String> = rows.iter().map(|host| naming.of(host)).collect();
    render::fold::fold(names.iter().map(String::as_str)) + "\n"
}

fn format(args: &QueryArgs, console: &Console) -> Result<Format, Failure> {
    let naming = if args.ip { Naming::Addresses } else { Naming::Names };
    if args.choose.explain {
        return Ok(Format::Explained(naming));
    }
    if args.fold {
        return Ok(Format::Folded(naming));
    }
    if args.count {
        return Ok(Format::Count);
    }
    let fields: Vec<Field> = args
        .fields
        .iter()
        .filter_map(|field| match field {
            FieldArg::Help => None,
            FieldArg::Field(field) => Some(*field),
        })
        .collect();
    let or = |fields: Vec<Field>, default: &[Field]| if fields.is_empty() { default.to_vec() } else { fields };
    let output = match (args.json, args.output) {
        (true, _) => OutputFormat::Json,
        (false, Some(output)) => output,
        (false, None) if !fields.is_empty() || console.is_terminal() => OutputFormat::Table,
        (false, None) => OutputFormat::Names,
    };
    match output {
        OutputFormat::Table => {
            let mut fields = or(fields, table::DEFAULT_FIELDS);
            if args.ip {
                fields.iter_mut().filter(|field| **field == Field::Name).for_each(|field| *field = Field::Address);
            }
            Ok(Format::Table(fields))
        }
        OutputFormat::Names if !fields.is_empty() => Err(Failure::new(
            Exit::Usage,
            "--fields does not go with --output names",
            "--output csv prints columns for programs",
        )),
        OutputFormat::Names => Ok(Format::Names(naming)),
        OutputFormat::Json => Ok(Format::Json(or(fields, &Field::ALL))),
        OutputFormat::Csv => Ok(Format::Csv(or(fields, &Field::ALL))),
    }
}
