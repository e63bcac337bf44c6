//! What can be said of a host: each field's name, and its value for programs. The names are promises to users.

use std::fmt;
use std::str::FromStr;

use crate::model::{HostView, Label};

/// One column, or one member of a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "about() says what each is")]
pub enum Field {
    Name,
    Address,
    Addresses,
    Port,
    State,
    AgeSeconds,
    Load1,
    Pending,
    Cores,
    LoadPerCore,
    MemoryAvailableBytes,
    MemoryTotalBytes,
    UptimeSeconds,
    Collector,
    Labels,
    Version,
}

impl Field {
    /// All there are, in the order in which JSON and CSV have them.
    pub const ALL: [Self; 16] = [
        Self::Name,
        Self::Address,
        Self::Addresses,
        Self::Port,
        Self::State,
        Self::AgeSeconds,
        Self::Load1,
        Self::Pending,
        Self::Cores,
        Self::LoadPerCore,
        Self::MemoryAvailableBytes,
        Self::MemoryTotalBytes,
        Self::UptimeSeconds,
        Self::Collector,
        Self::Labels,
        Self::Version,
    ];

    /// As typed after `--fields`, and in JSON and CSV. It carries the unit.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Address => "address",
            Self::Addresses => "addresses",
            Self::Port => "port",
            Self::State => "state",
            Self::AgeSeconds => "age_seconds",
            Self::Load1 => "load1",
            Self::Pending => "pending",
            Self::Cores => "cores",
            Self::LoadPerCore => "load_per_core",
            Self::MemoryAvailableBytes => "memory_available_bytes",
            Self::MemoryTotalBytes => "memory_total_bytes",
            Self::UptimeSeconds => "uptime_seconds",
            Self::Collector => "collector",
            Self::Labels => "labels",
            Self::Version => "version",
        }
    }

    /// For whoever asks what it means.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Name => "what people call the host",
            Self::Address => "the address that it tells others",
            Self::Addresses => "all its addresses, that one first",
            Self::Port => "its gossip port",
            Self::State => "fresh, late, suspect, left or dead",
            Self::AgeSeconds => "how long ago it measured itself",
            Self::Load1 => "its 1-minute load average, as it said it",
            Self::Pending => "jobs sent there from here that its load does not show yet",
            Self::Cores => "processors that a process there can use",
            Self::LoadPerCore => "load1 / cores",
            Self::MemoryAvailableBytes => "memory that the kernel there calls available",
            Self::MemoryTotalBytes => "all memory there",
            Self::UptimeSeconds => "how long ago it started",
            Self::Collector => "whether it only uses the data, and offers nothing",
            Self::Labels => "what its administrator says of it",
            Self::Version => "the version of peermon there",
        }
    }

    /// What `host` says of it.
    #[must_use]
    pub fn of(self, host: &HostView) -> Value<'_> {
        let whole = |number: Option<u32>| number.map_or(Value::Unknown, |number| Value::Whole(number.into()));
        let bytes = |mib: Option<u32>| mib.map_or(Value::Unknown, |mib| Value::Whole(u64::from(mib) << 20));
        match self {
            Self::Name => Value::Text(host.name.to_string()),
            Self::Address => Value::Text(host.address.to_string()),
            Self::Addresses => Value::List(host.addresses.iter().map(ToString::to_string).collect()),
            Self::Port => Value::Whole(host.port.into()),
            Self::State => Value::Text(host.state.as_str().to_owned()),
            Self::AgeSeconds => Value::Number(host.age_hundredths as f64 / 100.0),
            Self::Load1 => host.load1_hundredths.map_or(Value::Unknown, hundredths),
            Self::Pending => hundredths(host.pending_hundredths),
            Self::Cores => whole(host.cores),
            Self::LoadPerCore => match (host.load1_hundredths, host.cores) {
                (Some(load), Some(cores @ 1..)) => Value::Number(rounded(f64::from(load) / 100.0 / f64::from(cores))),
                (Some(_) | None, Some(_) | None) => Value::Unknown,
            },
            Self::MemoryAvailableBytes => bytes(host.memory_available_mib),
            Self::MemoryTotalBytes => bytes(host.memory_total_mib),
            Self::UptimeSeconds => host.uptime_seconds.map_or(Value::Unknown, Value::Whole),
            Self::Collector => Value::Flag(host.collector),
            Self::Labels => Value::Labels(&host.labels),
            Self::Version => Value::Text(super::safe(&host.software)),
        }
    }
}

fn hundredths(number: u32) -> Value<'static> {
    Value::Number(f64::from(number) / 100.0)
}

/// Four digits behind the point: the load has two, and 64 cores make nearly two more of them.
fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// No field has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a field")]
pub struct UnknownField(pub String);

impl FromStr for Field {
    type Err = UnknownField;

    fn from_str(text: &str) -> Result<Self, UnknownField> {
        let found = Self::ALL.into_iter().find(|field| field.name() == text);
        found.ok_or_else(|| UnknownField(text.escape_debug().to_string()))
    }
}

/// A value as programs read it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// The host could not read it, or did not say.
    Unknown,
    /// Safe for a terminal.
    Text(String),
    /// A number with a fraction.
    Number(f64),
    /// A number without one.
    Whole(u64),
    /// Yes or no.
    Flag(bool),
    /// Several texts, safe for a terminal, without spaces.
    List(Vec<String>),
    /// Keys and values, safe for a terminal, without spaces.
    Labels(&'a [Label]),
}

/// For CSV and tables: lists with spaces between, nothing for what is unknown.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => Ok(()),
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Whole(number) => number.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
            Self::List(texts) => f.write_str(&texts.join(" ")),
            Self::Labels(labels) => {
                let texts: Vec<String> = labels.iter().map(ToString::to_string).collect();
                f.write_str(&texts.join(" "))
            }
        }
    }
}

/// The list that `--fields help` prints.
#[must_use]
pub fn help() -> String {
    Field::ALL.iter().map(|field| format!("{field:24}{}\n", field.about())).collect()
}
