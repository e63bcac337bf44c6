//! What may be shown to people.

use std::fmt::Display;

/// Characters that turn the direction of text, so that it reads as something else.
const TURNING: [char; 12] = [
    '\u{061c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}',
    '\u{2067}', '\u{2068}', '\u{2069}',
];

/// Panics where `text` is more than one line, or would do something to a terminal.
pub fn check_one_line(text: impl Display) {
    let text = text.to_string();
    let is_harmless = |char: char| !char.is_control() && !TURNING.contains(&char);
    assert!(text.chars().all(is_harmless), "not to be shown to people: {text:?}");
}
