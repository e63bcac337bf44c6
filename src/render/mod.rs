//! Rows to text: table, JSON, CSV, names, folded names; why the ranking is as it is; how the daemon is. Pure.
//!
//! Every function takes values and returns the whole text with its last line end; whoever calls it knows whether a
//! terminal reads it. What came from other hosts is safe by its type (`HostName`, `Label`) or goes through
//! [`safe`].

pub mod csv;
pub mod doctor;
pub mod explain;
pub mod fields;
pub mod fold;
pub mod hostfile;
pub mod json;
pub mod names;
pub mod net;
pub mod status;
pub mod table;
pub mod units;

pub use fields::Field;

/// Whether words are set off by colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// For files and pipes, and where `NO_COLOR` is set.
    Plain,
    /// For terminals.
    Colour,
}

/// `text` with everything escaped that a terminal would act on or that could be mistaken: control characters, and
/// all that is not ASCII.
#[must_use]
pub fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            ' '..='~' => safe.push(letter),
            _ => safe.extend(letter.escape_default()),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_escaped() {
        assert_eq!(safe("2.0.0 (dev)"), "2.0.0 (dev)");
        assert_eq!(safe("\x1b[31m\n\u{202e}\u{9b}ä"), "\\u{1b}[31m\\n\\u{202e}\\u{9b}\\u{e4}");
    }
}
