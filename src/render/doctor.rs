//! What `peermon doctor` found: a line for each check, and below it what mends it.

use super::table::{Cell, Side, Tone, lines};
use super::{Style, safe};

/// How a check ended, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// All is well.
    Ok,
    /// It could not be looked at, and another line says why.
    Skip,
    /// It works, and somebody should look at it.
    Warn,
    /// It does not work.
    Fail,
}

impl Verdict {
    /// As it is printed, in JSON too: these words stay as they are.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skip => "skip",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Ok => Tone::Plain,
            Self::Skip => Tone::Faint,
            Self::Warn => Tone::Caution,
            Self::Fail => Tone::Alarm,
        }
    }
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check's name.
    pub check: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// What was seen, in one line.
    pub says: String,
    /// What mends it: where possible, what to type.
    pub fix: Option<String>,
}

/// For people.
#[must_use]
pub fn findings(findings: &[Finding], style: Style) -> String {
    let mut rows = Vec::new();
    for finding in findings {
        let Finding { check, verdict, says, fix } = finding;
        let word = Cell { text: verdict.as_str().to_owned(), tone: verdict.tone() };
        rows.push(vec![word, Cell::from((*check).to_owned()), Cell::from(safe(says))]);
        if let Some(fix) = fix {
            rows.push(vec![String::new().into(), String::new().into(), Cell::from(format!("fix: {}", safe(fix)))]);
        }
    }
    lines(&rows, &[Side::Left; 3], style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each_check_and_what_mends_it_below() {
        let finding = |check, verdict, says: &str, fix: Option<&str>| Finding {
            check,
            verdict,
            says: says.to_owned(),
            fix: fix.map(str::to_owned),
        };
        let found = [
            finding("daemon", Verdict::Ok, "answers", None),
            finding("client-port", Verdict::Fail, "belongs to \x1b[2J", Some("kill 7")),
            finding("seeds", Verdict::Skip, "no daemon", None),
        ];
        assert_eq!(
            findings(&found, Style::Plain),
            "ok    daemon       answers\n\
             FAIL  client-port  belongs to \\u{1b}[2J\n\
             \x20                  fix: kill 7\n\
             skip  seeds        no daemon\n"
        );
        assert!(findings(&found, Style::Colour).contains("\x1b[31mFAIL\x1b[0m"));
    }
}
