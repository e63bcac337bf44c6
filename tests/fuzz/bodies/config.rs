//! Text that an administrator or a user wrote: each file, and each value of a setting.

use std::fmt::{Debug, Display};
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use peermon::config::choose::PolicyName;
use peermon::config::client::Place;
use peermon::config::machines::{self, MACHINES_MAX, Machine};
use peermon::config::values::{
    Count, Delta, Interval, LogLevel, MaxDatagram, NetworkName, Percent, Port, Seconds, Seed, Size,
};
use peermon::config::{FileSettings, Finding, nearest, valid_ips};
use peermon::model::{HostName, Label, NetworkList};
use peermon::placement::HostPattern;
use peermon::session::{DATAGRAM_MAX, DATAGRAM_MIN, Keyring};

use super::words::check_one_line;

/// A whole file of any of the kinds, whose lines are also taken as values of settings.
///
/// What is odd is said in one harmless line with the number of a line that is there; what is taken is in
/// range, and means the same when it is written again.
pub fn config(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mut is_taken = check_settings(&text);
    is_taken |= check_machines(&text);
    is_taken |= check_valid_ips(&text);
    is_taken |= check_keyring(&text);
    for line in text.lines() {
        is_taken |= check_values(line);
    }
    is_taken
}

fn check_finding(finding: &Finding, text: &str) {
    check_one_line(finding);
    assert!((1..=text.lines().count() + 1).contains(&finding.line), "line {} of {text:?}", finding.line);
}

fn check_settings(text: &str) -> bool {
    match FileSettings::parse(Path::new("peermon.toml"), text) {
        Ok((settings, findings)) => {
            findings.iter().for_each(|finding| check_finding(finding, text));
            assert_eq!(settings.clone().or(FileSettings::default()), settings);
            settings != FileSettings::default()
        }
        Err(finding) => {
            check_finding(&finding, text);
            false
        }
    }
}

fn check_machines(text: &str) -> bool {
    let (machines, findings) = machines::parse(Path::new("machines.txt"), text, Port::GOSSIP);
    assert!(machines.len() <= MACHINES_MAX);
    findings.iter().for_each(|finding| check_finding(finding, text));
    for machine in &machines {
        let written = match machine {
            Machine::Address(address) => address.to_string(),
            Machine::Name(name, port) => format!("{name}:{port}"),
        };
        assert_eq!(Machine::parse(&written, Port::CLIENT).as_ref(), Ok(machine));
    }
    !machines.is_empty()
}

fn check_valid_ips(text: &str) -> bool {
    match valid_ips::parse(Path::new("valid_ips.txt"), text) {
        Ok((networks, findings)) => {
            findings.iter().for_each(|finding| check_finding(finding, text));
            // Only a file that says nothing accepts everybody.
            assert!(!networks.is_empty() || findings.is_empty());
            !networks.is_empty()
        }
        Err(error) => {
            check_one_line(&error);
            if let valid_ips::ValidIpsError::NoneValid { findings, .. } = error {
                findings.iter().for_each(|finding| check_finding(finding, text));
            }
            false
        }
    }
}

fn check_keyring(text: &str) -> bool {
    match Keyring::parse(text) {
        Ok(keyring) => {
            assert!(keyring.is_keyed() && !keyring.key_ids().is_empty());
            true
        }
        Err(error) => {
            check_one_line(error);
            false
        }
    }
}

fn check_values(line: &str) -> bool {
    let mut is_taken = false;
    let mut taken = |is_one: bool| is_taken |= is_one;
    taken(check_written::<Port>(line, |port| assert_ne!(port.above(), 0)));
    taken(check_written::<HostName>(line, |name| assert!(!name.as_str().starts_with('-'))));
    taken(check_written::<Label>(line, |label| assert!(!label.key().is_empty())));
    taken(check_value::<Interval>(line, |interval| {
        assert!((Duration::from_millis(200)..=Duration::from_secs(300)).contains(&interval.get()));
    }));
    taken(check_value::<MaxDatagram>(line, |max| {
        assert!((DATAGRAM_MIN..=DATAGRAM_MAX).contains(&max.get()));
    }));
    taken(check_value::<NetworkName>(line, |name| check_one_line(name.as_str())));
    taken(check_written::<PolicyName>(line, |_| {}));
    taken(check_value::<LogLevel>(line, |_| {}));
    taken(check_value::<Seed>(line, |_| {}));
    taken(check_value::<Seconds>(line, |_| {}));
    taken(check_value::<Delta>(line, |delta| assert!(delta.0.is_finite() && delta.0 >= 0.0)));
    taken(check_value::<Size>(line, |_| {}));
    taken(check_value::<Count>(line, |count| assert!(count.0 > 0)));
    taken(check_value::<Percent>(line, |percent| assert!((0.0..=1000.0).contains(&percent.0))));
    taken(check_value::<HostPattern>(line, |_| {}));
    // Anything is a path.
    check_written::<Place>(line, |_| {});
    match NetworkList::parse_line(line) {
        Ok(prefix) => {
            assert_eq!(NetworkList::parse_line(&prefix.to_string()), Ok(prefix));
            let inside: IpAddr = prefix.network();
            assert!(NetworkList::new(vec![prefix]).accepts(inside));
            taken(true);
        }
        Err(error) => check_one_line(error),
    }
    if let Some(name) = nearest(line, &["interval", "port"]) {
        assert!(["interval", "port"].contains(&name));
    }
    is_taken
}

/// `text` as a value of a setting: in range, or refused in one line.
fn check_value<T: FromStr<Err: Display>>(text: &str, check: impl Fn(&T)) -> bool {
    match text.parse::<T>() {
        Ok(value) => {
            check(&value);
            true
        }
        Err(error) => {
            check_one_line(error);
            false
        }
    }
}

/// The same of values that can be written again.
fn check_written<T: FromStr<Err: Display> + Display + Debug + PartialEq>(text: &str, check: impl Fn(&T)) -> bool {
    check_value(text, |value: &T| {
        check(value);
        assert_eq!(value.to_string().parse().ok().as_ref(), Some(value));
    })
}
