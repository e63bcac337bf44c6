//! The same question once, or again and again (`--watch`).

use std::fmt::Write;
use std::thread;
use std::time::Duration;

use terminal_size::{Height, terminal_size};

use super::console::Console;
use super::exit::{Exit, Failure};

/// An answer, as it is shown.
#[derive(Clone, Debug)]
pub struct Picture {
    /// For stdout.
    pub text: String,
    /// For people, and no obstacle.
    pub warnings: Vec<String>,
    /// What is missing of what was asked for; the text is shown all the same.
    pub shortfall: Option<Failure>,
}

/// Lines of a terminal whose size is not known.
const HEIGHT_DEFAULT: usize = 24;

/// Shows one picture.
pub fn once(look: impl Fn() -> Result<Picture, Failure>, console: &Console) -> Result<Exit, Failure> {
    let picture = look()?;
    picture.warnings.iter().for_each(|warning| console.warn(warning));
    console.print(&picture.text)?;
    picture.shortfall.map_or(Ok(Exit::Done), Err)
}

/// Shows a picture after each pause, until somebody ends it. The first question must be answered; a daemon that is
/// away later is waited for.
pub fn for_ever(
    look: impl Fn() -> Result<Picture, Failure>,
    pause: Duration,
    console: &Console,
) -> Result<Exit, Failure> {
    let mut screen = Screen::of(console);
    screen.show(look()?, console)?;
    loop {
        thread::sleep(pause);
        match look() {
            Ok(picture) => screen.show(picture, console)?,
            Err(failure) => screen.fail(failure, console)?,
        }
    }
}

/// What was shown so far.
#[derive(Debug)]
pub(super) struct Screen {
    is_terminal: bool,
    /// The words for people that were last written to stderr: they are not repeated with every picture.
    said: Vec<String>,
    is_first: bool,
}

impl Screen {
    /// Nothing was shown yet.
    pub fn of(console: &Console) -> Self {
        Self { is_terminal: console.is_terminal(), said: Vec::new(), is_first: true }
    }

    fn show(&mut self, picture: Picture, console: &Console) -> Result<(), Failure> {
        let Picture { text, warnings, shortfall } = picture;
        if self.is_terminal {
            let mut notes = warnings;
            notes.extend(shortfall.map(|failure| failure.what));
            self.draw(&text, &notes, console)
        } else {
            self.say(warnings, shortfall, console);
            console.print(&text)
        }
    }

    fn fail(&mut self, failure: Failure, console: &Console) -> Result<(), Failure> {
        if self.is_terminal {
            self.draw("", &[failure.what, failure.hint], console)
        } else {
            self.say(Vec::new(), Some(failure), console);
            Ok(())
        }
    }

    fn say(&mut self, warnings: Vec<String>, failure: Option<Failure>, console: &Console) {
        let mut words = warnings.clone();
        words.extend(failure.iter().map(|failure| failure.what.clone()));
        if words != self.said {
            warnings.iter().for_each(|warning| console.warn(warning));
            failure.iter().for_each(|failure| console.fail(failure));
            self.said = words;
        }
    }

    /// On a terminal: over the last picture, without a flicker. Lines are cut at the right edge by the terminal, at the
    /// lower one here; `notes` are always seen.
    pub fn draw(&mut self, text: &str, notes: &[String], console: &Console) -> Result<(), Failure> {
        let height = terminal_size().map_or(HEIGHT_DEFAULT, |(_, Height(rows))| rows.into());
        let frame = frame(text, notes, height);
        let clear = if std::mem::replace(&mut self.is_first, false) { "\x1b[2J" } else { "" };
        console.print(&format!("{clear}{frame}"))
    }
}

/// The picture as a terminal of `height` lines takes it.
fn frame(text: &str, notes: &[String], height: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    // The last line stays free for the cursor.
    let room = height.saturating_sub(1 + notes.len()).max(1);
    let shown = if lines.len() > room { room - 1 } else { lines.len() };
    let hidden = lines.len() - shown;
    let mut frame = "\x1b[H\x1b[?7l".to_owned();
    let mut line = |line: &str| write!(frame, "{line}\x1b[K\r\n").expect("a String takes all");
    lines[..shown].iter().for_each(|text| line(text));
    if hidden > 0 {
        line(&format!("({hidden} more)"));
    }
    notes.iter().for_each(|note| line(note));
    frame + "\x1b[J\x1b[?7h"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_frame(text: &str, notes: &[&str], height: usize, expected: &[&str]) {
        let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
        let drawn = frame(text, &notes, height);
        let inside = drawn.strip_prefix("\x1b[H\x1b[?7l").unwrap().strip_suffix("\x1b[J\x1b[?7h").unwrap();
        let lines: Vec<&str> = inside.split_terminator("\x1b[K\r\n").collect();
        assert_eq!(lines, expected);
        assert!(lines.len() < height.max(3 + notes.len()), "the cursor has a line of its own");
    }

    #[test]
    fn a_picture_never_is_higher_than_the_terminal_and_says_what_is_hidden() {
        check_frame("a\nb\nc\n", &[], 24, &["a", "b", "c"]);
        check_frame("a\nb\nc\n", &[], 4, &["a", "b", "c"]);
        check_frame("a\nb\nc\nd\n", &[], 4, &["a", "b", "(2 more)"]);
        check_frame("a\nb\nc\n", &["note"], 4, &["a", "(2 more)", "note"]);
        check_frame("", &["gone"], 24, &["gone"]);
        check_frame("a\nb\n", &["note"], 1, &["(2 more)", "note"]);
    }
}
