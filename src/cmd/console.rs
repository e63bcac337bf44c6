//! Where words go: data to stdout, everything for people to stderr.

use std::env;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::panic;
use std::process;

use super::exit::{Exit, Failure};
use crate::render::Style;

/// The streams of one command, and the name that its messages begin with.
#[derive(Clone, Debug)]
pub struct Console {
    program: String,
}

impl Console {
    /// For messages of `program`, as `peermon query`.
    pub fn new(program: impl Into<String>) -> Self {
        Self { program: program.into() }
    }

    /// Whether a person reads stdout.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// How data for people looks: colour on a terminal that has some, unless `NO_COLOR` is set.
    #[must_use]
    pub fn style(&self) -> Style {
        let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        if self.is_terminal() && !dumb && !set("NO_COLOR") { Style::Colour } else { Style::Plain }
    }

    /// Writes data. Where nobody wants any more of it (`| head -1`) the process ends quietly and well.
    pub fn print(&self, data: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(data.as_bytes()).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => process::exit(i32::from(Exit::Done as u8)),
            Err(error) => Err(Failure::new(
                Exit::Failed,
                format_args!("cannot write the output ({error})"),
                "make room where it goes, or send it elsewhere",
            )),
        }
    }

    /// Whether a person reads stderr.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Says on stderr what is being done.
    pub fn say(&self, what: impl fmt::Display) {
        complain(&format!("{}: {what}", self.program), None);
    }

    /// Says on stderr, in several lines, what can be typed.
    pub fn explain(&self, help: &str) {
        let _ = io::stderr().write_all(help.as_bytes());
    }

    /// Says on stderr what is odd and no obstacle.
    pub fn warn(&self, what: impl fmt::Display) {
        complain(&format!("{}: warning: {what}", self.program), None);
    }

    /// Says on stderr what failed and what to do.
    pub fn fail(&self, failure: &Failure) {
        complain(&format!("{}: {}", self.program, failure.what), Some(&failure.hint));
    }
}

/// From now on a defect of ours looks like any other failure: two lines, exit code 1. It ends the whole process, whichever
/// thread it is in.
pub fn explain_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or(String::new(), |place| format!(" ({}:{})", place.file(), place.line()));
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let message = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
        complain(
            &format!("peermon: a defect in peermon itself: {message}{place}"),
            Some("please report this line and what was typed; trying again may help"),
        );
        process::exit(i32::from(Exit::Failed as u8));
    }));
}

/// One line and its hint, in one write, so that lines of several processes don't mix. Where stderr is closed there
/// is nobody to tell.
fn complain(what: &str, hint: Option<&str>) {
    let hint = hint.map_or(String::new(), |hint| format!("hint: {}\n", one_line(hint)));
    let _ = io::stderr().write_all(format!("{}\n{hint}", one_line(what)).as_bytes());
}

/// Without anything that a terminal would act on: part of it may be what somebody typed, or a file's name.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() { line.extend(letter.escape_default()) } else { line.push(letter) }
    }
    line
}
