//! Names that may stand in an update: of letters, digits, `-` and `_`, within the limits of RFC 1035, 2.3.4.

use std::fmt;
use std::str::FromStr;

use domain::base::Name;

/// Longest part of a name between two dots.
const LABEL_MAX: usize = 63;

/// Longest name as text, without the dot at its end.
const NAME_MAX: usize = 253;

/// Why a text is not the name that was wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all, or nothing between two dots.
    #[error("'{0}' is not a DNS name: a part of it is empty")]
    Empty(String),
    /// A part is too long.
    #[error("'{0}…' is not a DNS name: a label has at most {LABEL_MAX} characters")]
    LabelTooLong(String),
    /// All of it is too long.
    #[error("a DNS name has at most {NAME_MAX} characters, and '{0}…' has more")]
    TooLong(String),
    /// Something else than letters, digits, `-` and `_`.
    #[error("'{0}' is not a DNS name: only letters, digits, '-' and '_' between dots are taken")]
    Character(String),
    /// The zone's own name.
    #[error("'{name}' is the zone {zone} itself, whose addresses are never touched")]
    Apex {
        /// As typed.
        name: String,
        /// The zone.
        zone: Zone,
    },
    /// A name of another zone.
    #[error("'{name}' is not in the zone {zone}")]
    Outside {
        /// As typed.
        name: String,
        /// The zone.
        zone: Zone,
    },
}

/// A zone's name, in small letters and without the dot at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(String);

/// A name in a zone, and not the zone's own: in small letters and without the dot at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    zone: Zone,
    name: String,
}

impl Zone {
    /// In the form of messages.
    pub(super) fn to_wire(&self) -> Name<Vec<u8>> {
        to_wire(&self.0)
    }
}

impl FromStr for Zone {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        parse(text).map(Self)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Owner {
    /// The name that `text` means in `zone`: one label, or a full name that ends with the zone's.
    pub fn parse(text: &str, zone: &Zone) -> Result<Self, NameError> {
        let apex = || NameError::Apex { name: shown(text), zone: zone.clone() };
        if text == "@" {
            return Err(apex());
        }
        let typed = parse(text)?;
        if typed == zone.0 {
            return Err(apex());
        }
        let is_inside = typed.strip_suffix(&zone.0).is_some_and(|front| front.ends_with('.'));
        let name = match (is_inside, typed.contains('.') || text.ends_with('.')) {
            (true, _) => typed,
            (false, true) => return Err(NameError::Outside { name: shown(text), zone: zone.clone() }),
            (false, false) => parse(&format!("{typed}.{zone}"))?,
        };
        Ok(Self { zone: zone.clone(), name })
    }

    /// The zone that it is in.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The full name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// In the form of messages.
    pub(super) fn to_wire(&self) -> Name<Vec<u8>> {
        to_wire(&self.name)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

/// The name in small letters, without the dot at its end.
fn parse(text: &str) -> Result<String, NameError> {
    let name = text.strip_suffix('.').unwrap_or(text);
    for label in name.split('.') {
        if label.is_empty() {
            return Err(NameError::Empty(shown(text)));
        }
        if !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            return Err(NameError::Character(shown(text)));
        }
        if label.len() > LABEL_MAX {
            return Err(NameError::LabelTooLong(shown(label)));
        }
    }
    if name.len() > NAME_MAX {
        return Err(NameError::TooLong(shown(name)));
    }
    Ok(name.to_ascii_lowercase())
}

/// As much of what was typed as an error shows.
fn shown(text: &str) -> String {
    const SHOWN: usize = 40;
    text.chars().take(SHOWN).flat_map(char::escape_debug).collect()
}

fn to_wire(name: &str) -> Name<Vec<u8>> {
    Name::vec_from_str(name).expect("names are checked when they are made")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn owner(name: &str, zone: &str) -> Result<String, NameError> {
        Owner::parse(name, &zone.parse()?).map(|owner| owner.to_string())
    }

    #[track_caller]
    fn check(name: &str, zone: &str, full: &str) {
        assert_eq!(owner(name, zone).as_deref(), Ok(full), "{name} in {zone}");
    }

    #[test]
    fn a_label_and_a_full_name_mean_the_same_in_any_letter_case() {
        check("peermon", "cs.example.edu", "peermon.cs.example.edu");
        check("peermon.cs.example.edu", "cs.example.edu", "peermon.cs.example.edu");
        check("PeerMon.CS.example.edu.", "cs.EXAMPLE.edu.", "peermon.cs.example.edu");
        check("a.b.cs.example.edu", "cs.example.edu", "a.b.cs.example.edu");
        check("test", "lab.test", "test.lab.test");
    }

    #[test]
    fn the_zone_itself_and_what_is_outside_of_it_are_refused() {
        for apex in ["@", "lab.test", "LAB.test."] {
            assert!(matches!(owner(apex, "lab.test"), Err(NameError::Apex { .. })), "{apex}");
        }
        for outside in ["www.example.org", "peermon.", "xlab.test", "a.xlab.test", "lab.test.org"] {
            let found = owner(outside, "lab.test");
            assert!(matches!(found, Err(NameError::Outside { .. })), "{outside}: {found:?}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_reason() {
        let label = "a".repeat(64);
        let long = ["a".repeat(63).as_str(); 4].join(".");
        for (text, said) in [
            ("", "'' is not a DNS name: a part of it is empty"),
            (".", "'.' is not a DNS name: a part of it is empty"),
            ("a..b", "'a..b' is not a DNS name: a part of it is empty"),
            ("*", "'*' is not a DNS name: only letters"),
            ("a b", "'a b' is not a DNS name: only letters"),
            ("ä.test", "'ä.test' is not a DNS name: only letters"),
            ("x\x1b[31m", "'x\\u{1b}[31m' is not a DNS name"),
            (&label, &format!("'{}…' is not a DNS name: a label has at most 63", "a".repeat(40))),
            (&long, "a DNS name has at most 253 characters"),
        ] {
            let error = text.parse::<Zone>().expect_err(text).to_string();
            assert!(error.starts_with(said), "{error}");
        }
        let zone: Zone = ["b".repeat(63).as_str(); 3].join(".").parse().unwrap();
        assert!(matches!(Owner::parse(&"a".repeat(63), &zone), Err(NameError::TooLong(_))));
    }

    proptest! {
        #[test]
        fn every_name_that_is_taken_has_a_form_in_messages(name in "[a-zA-Z0-9_.*@ -]{0,80}", zone in "[a-z0-9.-]{0,80}") {
            if let Ok(zone) = zone.parse::<Zone>() {
                prop_assert!(zone.to_wire().to_string().eq_ignore_ascii_case(&zone.to_string()));
                if let Ok(owner) = Owner::parse(&name, &zone) {
                    prop_assert_eq!(owner.to_wire().to_string(), owner.to_string());
                    let end = format!(".{zone}");
                    prop_assert!(owner.as_str().ends_with(&end), "{} in {}", owner, zone);
                }
            }
        }
    }
}
