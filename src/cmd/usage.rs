//! What clap has to say, in the form that all our messages have.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::exit::{Exit, Failure};

/// What a parse that gave no command comes to.
#[derive(Debug)]
pub enum Said {
    /// Help or version, which was asked for.
    Asked(Error),
    /// Help that was not asked for: nothing was typed.
    Nothing(Error),
    /// A mistake.
    Mistake(Failure),
}

/// Sorts clap's errors. `helper` is what `--help` can be asked of.
#[must_use]
pub fn read(error: Error, helper: &str) -> Said {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Said::Asked(error),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Said::Nothing(error),
        _ => Said::Mistake(mistake(&error, helper)),
    }
}

fn mistake(error: &Error, helper: &str) -> Failure {
    let context = |kind| error.get(kind).map(text).filter(|text| !text.is_empty());
    let argument = context(ContextKind::InvalidArg).unwrap_or_default();
    let value = context(ContextKind::InvalidValue).unwrap_or_default();
    let what = match error.kind() {
        ErrorKind::UnknownArgument => format!("unknown option or argument '{argument}'"),
        ErrorKind::InvalidSubcommand => {
            format!("unknown command '{}'", context(ContextKind::InvalidSubcommand).unwrap_or_default())
        }
        ErrorKind::InvalidValue if value.is_empty() => format!("a value is missing after {argument}"),
        ErrorKind::InvalidValue => format!("'{value}' is no value for {argument}"),
        ErrorKind::ValueValidation => {
            let why = std::error::Error::source(error).map_or(String::new(), ToString::to_string);
            if why.contains(&value) { format!("{why} ({argument})") } else { format!("'{value}': {why} ({argument})") }
        }
        ErrorKind::ArgumentConflict => match context(ContextKind::PriorArg) {
            Some(prior) if prior == argument => format!("{argument} is there twice"),
            Some(prior) => format!("{argument} does not go with {prior}"),
            None => format!("{argument} does not go with the other options"),
        },
        ErrorKind::MissingRequiredArgument if argument.contains(", ") => format!("{argument} are missing"),
        ErrorKind::MissingRequiredArgument => format!("{argument} is missing"),
        // Rare ones, in clap's own words: the first line, without its "error:".
        _ => {
            let rendered = error.to_string();
            let first = rendered.lines().next().unwrap_or("wrong usage");
            first.strip_prefix("error: ").unwrap_or(first).to_owned()
        }
    };
    let meant = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue]
        .into_iter()
        .find_map(context);
    let hint = match (meant, context(ContextKind::ValidValue)) {
        (Some(meant), _) => format!("did you mean '{meant}'? {helper} --help lists all there is"),
        (None, Some(valid)) => format!("it takes {valid}"),
        (None, None) => format!("{helper} --help lists all there is"),
    };
    Failure::new(Exit::Usage, what, hint)
}

/// One value, or several with commas between. Of an argument only its flag, without the value's name.
fn text(value: &ContextValue) -> String {
    let flag = |text: &String| text.split(" <").next().unwrap_or(text).to_owned();
    match value {
        ContextValue::String(text) => flag(text),
        ContextValue::Strings(texts) => texts.iter().map(flag).collect::<Vec<_>>().join(", "),
        ContextValue::StyledStr(text) => text.to_string(),
        other => other.to_string(),
    }
}
