//! The table for people: human units, aligned columns.

use super::Style;
use super::fields::{Field, Value};
use super::units;
use crate::model::{HostState, HostView};

/// The columns where nothing is said: they fit a terminal of 80.
pub const DEFAULT_FIELDS: &[Field] = &[
    Field::Name,
    Field::State,
    Field::AgeSeconds,
    Field::Load1,
    Field::Pending,
    Field::Cores,
    Field::MemoryAvailableBytes,
    Field::MemoryTotalBytes,
    Field::UptimeSeconds,
];

/// Space between columns.
const GAP: &str = "  ";

/// `hosts` with these columns, best first as they come.
#[must_use]
pub fn hosts(hosts: &[&HostView], fields: &[Field], style: Style) -> String {
    let rows = hosts.iter().map(|host| fields.iter().map(|field| cell(*field, host)).collect());
    let header = fields.iter().map(|field| Cell { text: heading(*field).to_owned(), tone: Tone::Heading }).collect();
    let rows: Vec<Vec<Cell>> = std::iter::once(header).chain(rows).collect();
    let sides: Vec<Side> = fields.iter().map(|field| side(*field)).collect();
    lines(&rows, &sides, style)
}

/// On which side a column is flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// What a cell is to the eye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// A column's name.
    Heading,
    /// As it is.
    Plain,
    /// Worth a look.
    Caution,
    /// Bad news.
    Alarm,
    /// Of the past.
    Faint,
}

/// A text and how it looks.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub text: String,
    pub tone: Tone,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, tone: Tone::Plain }
    }
}

/// Rows of cells as lines of aligned columns, without space at their ends.
pub(super) fn lines(rows: &[Vec<Cell>], sides: &[Side], style: Style) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].text.len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..sides.len()).map(width).collect();
    let mut text = String::new();
    for row in rows {
        // Space is owed until something follows it.
        let mut owed = 0;
        for ((cell, side), width) in row.iter().zip(sides).zip(&widths) {
            let fill = width - cell.text.len();
            let (before, after) = match side {
                Side::Left => (0, fill),
                Side::Right => (fill, 0),
            };
            if !cell.text.is_empty() {
                text.extend(std::iter::repeat_n(' ', owed + before));
                text += &toned(cell, style);
                owed = 0;
            } else {
                owed += before;
            }
            owed += after + GAP.len();
        }
        text.push('\n');
    }
    text
}

fn toned(cell: &Cell, style: Style) -> String {
    let code = match (style, cell.tone) {
        (Style::Plain, _) | (Style::Colour, Tone::Plain) => return cell.text.clone(),
        (Style::Colour, Tone::Heading) => 1,
        (Style::Colour, Tone::Faint) => 2,
        (Style::Colour, Tone::Caution) => 33,
        (Style::Colour, Tone::Alarm) => 31,
    };
    format!("\x1b[{code}m{}\x1b[0m", cell.text)
}

fn heading(field: Field) -> &'static str {
    match field {
        Field::Name => "NAME",
        Field::Address => "ADDRESS",
        Field::Addresses => "ADDRESSES",
        Field::Port => "PORT",
        Field::State => "STATE",
        Field::AgeSeconds => "AGE",
        Field::Load1 => "LOAD",
        Field::Pending => "PENDING",
        Field::Cores => "CORES",
        Field::LoadPerCore => "LOAD/CORE",
        Field::MemoryAvailableBytes => "FREE",
        Field::MemoryTotalBytes => "MEMORY",
        Field::UptimeSeconds => "UP",
        Field::Collector => "COLLECTOR",
        Field::Labels => "LABELS",
        Field::Version => "VERSION",
    }
}

fn side(field: Field) -> Side {
    match field {
        Field::Name
        | Field::Address
        | Field::Addresses
        | Field::State
        | Field::Collector
        | Field::Labels
        | Field::Version => Side::Left,
        Field::Port
        | Field::AgeSeconds
        | Field::Load1
        | Field::Pending
        | Field::Cores
        | Field::LoadPerCore
        | Field::MemoryAvailableBytes
        | Field::MemoryTotalBytes
        | Field::UptimeSeconds => Side::Right,
    }
}

fn cell(field: Field, host: &HostView) -> Cell {
    let known = |text: Option<String>| Cell::from(text.unwrap_or_else(|| "?".to_owned()));
    match field {
        Field::State => state(host),
        Field::AgeSeconds => units::age(host.age_hundredths).into(),
        Field::Load1 => known(host.load1_hundredths.map(units::hundredths)),
        Field::Pending => units::hundredths(host.pending_hundredths).into(),
        Field::MemoryAvailableBytes => known(host.memory_available_mib.map(units::memory)),
        Field::MemoryTotalBytes => known(host.memory_total_mib.map(units::memory)),
        Field::UptimeSeconds => known(host.uptime_seconds.map(units::span)),
        Field::Collector => (if host.collector { "yes" } else { "no" }).to_owned().into(),
        Field::LoadPerCore => match field.of(host) {
            Value::Number(number) => format!("{number:.2}").into(),
            _ => known(None),
        },
        Field::Name
        | Field::Address
        | Field::Addresses
        | Field::Port
        | Field::Cores
        | Field::Labels
        | Field::Version => match field.of(host) {
            Value::Unknown => known(None),
            value => value.to_string().into(),
        },
    }
}

/// The state; a living collector is that before all else, since nobody offers it.
fn state(host: &HostView) -> Cell {
    let tone = match host.state {
        HostState::Fresh => Tone::Plain,
        HostState::Late => Tone::Caution,
        HostState::Suspect => Tone::Alarm,
        HostState::Left | HostState::Dead => Tone::Faint,
    };
    let text = if host.collector && host.state.is_offered() { "collector" } else { host.state.as_str() };
    Cell { text: text.to_owned(), tone }
}
