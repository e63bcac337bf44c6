//! The types of single settings. A flag, an environment variable and a key in the file are all parsed by the
//! `FromStr` here, so that they take the same values and complain in the same words.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserializer;
use serde::de::{self, Visitor};

use crate::session::{DATAGRAM_DEFAULT, DATAGRAM_MAX, DATAGRAM_MIN};

/// Why a text is not the value of a setting: a sentence for whoever typed it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(String);

impl ValueError {
    /// `text` is not what is wanted.
    pub(super) fn of(text: &str, wanted: &str) -> Self {
        Self(format!("'{}' is not {wanted}", text.escape_debug()))
    }

    /// For the reason that another error gives.
    pub(super) fn because(error: &impl std::error::Error) -> Self {
        Self(error.to_string())
    }
}

fn refuse<T>(text: &str, wanted: &str) -> Result<T, ValueError> {
    Err(ValueError::of(text, wanted))
}

/// A port, 1 to 65534: the daemon uses the one above its gossip port too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(u16);

impl Port {
    /// Where daemons listen to each other unless told otherwise.
    pub const GOSSIP: Self = Self(1288);
    /// Where clients find the daemon unless told otherwise.
    pub const CLIENT: Self = Self(1981);
    /// Where name servers listen (RFC 1035, 4.2).
    pub const DNS: Self = Self(53);

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The port above, from which unsolicited datagrams leave.
    #[must_use]
    pub const fn above(self) -> u16 {
        self.0 + 1
    }
}

impl FromStr for Port {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.parse() {
            Ok(number @ 1..=65534) => Ok(Self(number)),
            Ok(_) | Err(_) => refuse(text, "a port (1 to 65534)"),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// T, in seconds: 0.2 to 300; 0 or less means the default, as in PeerMon 1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval(Duration);

impl Interval {
    /// As in PeerMon 1.1.
    pub const DEFAULT: Self = Self(Duration::from_secs(20));

    /// The span.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Interval {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.parse::<f64>() {
            Ok(seconds) if seconds <= 0.0 => Ok(Self::DEFAULT),
            Ok(seconds) if (0.2..=300.0).contains(&seconds) => Ok(Self(Duration::from_secs_f64(seconds))),
            Ok(_) | Err(_) => refuse(text, "an interval in seconds (0.2 to 300; 0 or less: the default)"),
        }
    }
}

/// Largest UDP payload that a daemon sends, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaxDatagram(usize);

impl MaxDatagram {
    /// Fits the IPv6 minimum MTU.
    pub const DEFAULT: Self = Self(DATAGRAM_DEFAULT);

    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0
    }
}

impl FromStr for MaxDatagram {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.parse() {
            Ok(bytes @ DATAGRAM_MIN..=DATAGRAM_MAX) => Ok(Self(bytes)),
            Ok(_) | Err(_) => refuse(text, &format!("a datagram size in bytes ({DATAGRAM_MIN} to {DATAGRAM_MAX})")),
        }
    }
}

/// Longest name of a network: it is typed by people, and bound into every datagram.
const NETWORK_NAME_MAX: usize = 64;

/// A network's name: printable, without spaces, at most 64 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkName(Box<str>);

impl NetworkName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for NetworkName {
    fn default() -> Self {
        Self("default".into())
    }
}

impl FromStr for NetworkName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if (1..=NETWORK_NAME_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.into()))
        } else {
            refuse(text, "a network's name (1 to 64 printable ASCII characters, no spaces)")
        }
    }
}

/// How much a daemon logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LogLevel {
    /// What ends it or takes something away.
    Error,
    /// What an administrator should mend.
    Warn,
    /// An operator's story.
    #[default]
    Info,
    /// What a developer asks for.
    Debug,
}

impl FromStr for LogLevel {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.to_ascii_lowercase().as_str() {
            "error" => Ok(Self::Error),
            "warn" | "warning" => Ok(Self::Warn),
            "info" => Ok(Self::Info),
            "debug" => Ok(Self::Debug),
            _ => refuse(text, "a log level (error, warn, info, debug)"),
        }
    }
}

/// A span in seconds, zero or more, fractions allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub Duration);

impl FromStr for Seconds {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let span = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        span.map_or_else(|| refuse(text, "a number of seconds"), |span| Ok(Self(span)))
    }
}

/// A difference of cost, zero or more.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Delta(pub f64);

impl FromStr for Delta {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => Ok(Self(number)),
            Ok(_) | Err(_) => refuse(text, "a difference (a number, zero or more)"),
        }
    }
}

/// An amount of memory in bytes: a number, or one with `K`, `M`, `G` or `T` (powers of 1024; `KiB`, `MB` …
/// mean the same).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wanted = "an amount of memory (like 512M or 2G)";
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = text[digits.len()..].to_ascii_uppercase();
        let shift = match unit.strip_suffix("IB").or(unit.strip_suffix('B')).unwrap_or(&unit) {
            "" => 0,
            "K" => 10,
            "M" => 20,
            "G" => 30,
            "T" => 40,
            _ => return refuse(text, wanted),
        };
        match digits.trim_end().parse::<f64>() {
            // A table of 10,000 hosts has less memory than 2^63 bytes.
            Ok(number) if number >= 0.0 && number * f64::from(1u32 << 20) < 9e18 => {
                let bytes = number * (1u64 << shift) as f64;
                if bytes < 9e18 { Ok(Self(bytes as u64)) } else { refuse(text, wanted) }
            }
            Ok(_) | Err(_) => refuse(text, wanted),
        }
    }
}

/// How many: a whole number from 1 up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u32);

impl FromStr for Count {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.parse() {
            Ok(number @ 1..) => Ok(Self(number)),
            Ok(_) | Err(_) => refuse(text, "a whole number from 1 up"),
        }
    }
}

/// How many daemons a demo has: 1 to [`Daemons::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Daemons(pub usize);

impl Daemons {
    /// A laptop carries as many without a noise, and every newcomer's terminal is too small for more.
    pub const MAX: usize = 60;
}

impl FromStr for Daemons {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.parse() {
            Ok(number @ 1..=Self::MAX) => Ok(Self(number)),
            Ok(_) | Err(_) => refuse(text, &format!("a number of daemons (1 to {})", Self::MAX)),
        }
    }
}

/// What a repeatable choice is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

impl FromStr for Seed {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        text.parse().map_or_else(|_| refuse(text, "a seed (a whole number)"), |number| Ok(Self(number)))
    }
}

/// Hundredths: `15` or `15%`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Percent(pub f64);

impl FromStr for Percent {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.strip_suffix('%').unwrap_or(text).trim_end().parse::<f64>() {
            Ok(number) if (0.0..=1000.0).contains(&number) => Ok(Self(number)),
            Ok(_) | Err(_) => refuse(text, "a percentage"),
        }
    }
}

/// Time to live of a published address, in seconds: 0 to [`Ttl::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ttl(pub u32);

impl Ttl {
    /// As in the old manual: whoever asks again half a minute later gets today's hosts.
    pub const DEFAULT: Self = Self(30);
    /// A day. Who remembers an address for longer goes to a host that was good last week.
    pub const MAX: u32 = 86_400;
}

impl FromStr for Ttl {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.parse() {
            Ok(seconds @ 0..=Self::MAX) => Ok(Self(seconds)),
            Ok(_) | Err(_) => refuse(text, &format!("a time to live in seconds (0 to {})", Self::MAX)),
        }
    }
}

/// How long a command waits for others, in seconds: 0.1 to 60, `5` or `5s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Patience(pub Duration);

impl Patience {
    /// A server on the same host answers within milliseconds; this is for one that has just been restarted.
    pub const DEFAULT: Self = Self(Duration::from_secs(5));
}

impl FromStr for Patience {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.strip_suffix('s').unwrap_or(text).parse::<f64>() {
            // What runs every minute is over by then.
            Ok(seconds) if (0.1..=60.0).contains(&seconds) => Ok(Self(Duration::from_secs_f64(seconds))),
            Ok(_) | Err(_) => refuse(text, "a time to wait in seconds (0.1 to 60)"),
        }
    }
}

/// For serde: a text or a number, parsed by `T`'s `FromStr`.
pub(super) fn parsed<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    deserializer.deserialize_any(ParsedVisitor(PhantomData)).map(Some)
}

/// For serde: a list of texts, each parsed by `T`'s `FromStr`.
pub(super) fn parsed_list<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    let texts: Vec<String> = de::Deserialize::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(de::Error::custom)).collect::<Result<_, _>>().map(Some)
}

struct ParsedVisitor<T>(PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for ParsedVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused<T: FromStr<Err = ValueError> + fmt::Debug>(texts: &[&str]) {
        for text in texts {
            let error = text.parse::<T>().expect_err(text);
            assert!(error.to_string().contains(text), "{error}");
        }
    }

    #[test]
    fn a_port_leaves_room_for_the_one_above() {
        assert_eq!("65534".parse::<Port>().unwrap().above(), 65535);
        check_refused::<Port>(&["0", "65535", "70000", "x", "", "-1", "1.5"]);
    }

    #[test]
    fn an_interval_of_zero_or_less_is_the_default_as_of_old() {
        for text in ["0", "-5", "-0.1"] {
            assert_eq!(text.parse(), Ok(Interval::DEFAULT), "{text}");
        }
        assert_eq!("0.2".parse::<Interval>().unwrap().get(), Duration::from_millis(200));
        assert_eq!("300".parse::<Interval>().unwrap().get(), Duration::from_secs(300));
        check_refused::<Interval>(&["abc", "86400", "0.1", "300.5", "nan", "inf", ""]);
    }

    #[test]
    fn a_datagram_is_no_smaller_and_no_larger_than_networks_carry() {
        for (text, bytes) in [("508", 508), ("1400", 1400)] {
            assert_eq!(text.parse::<MaxDatagram>().unwrap().get(), bytes);
        }
        check_refused::<MaxDatagram>(&["507", "1401", "100", "-1", "big"]);
    }

    #[test]
    fn sizes_are_read_with_and_without_units() {
        for (text, bytes) in
            [("0", 0), ("1000", 1000), ("512M", 512 << 20), ("2G", 2 << 30), ("1.5KiB", 1536), ("1tb", 1 << 40)]
        {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        check_refused::<Size>(&["", "G", "-1G", "2X", "nan", "1e30T"]);
    }

    #[test]
    fn other_values_are_refused_in_words_that_show_them() {
        check_refused::<NetworkName>(&["", "two words", "ä"]);
        check_refused::<LogLevel>(&["loud", ""]);
        check_refused::<Seconds>(&["-1", "nan", "soon"]);
        check_refused::<Delta>(&["-0.1", "inf"]);
        check_refused::<Count>(&["0", "-1", "1.5", "many"]);
        check_refused::<Seed>(&["-1", "x", ""]);
        check_refused::<Percent>(&["-1", "a%"]);
        check_refused::<Ttl>(&["-1", "86401", "1h", ""]);
        check_refused::<Patience>(&["0", "-1", "61", "5m", "nan", "s"]);
    }
}
