//! One executable, three names: which command was meant.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{CommandFactory, FromArgMatches, Parser};

use super::args::{Cli, Command, MpigenArgs, SshArgs};

/// The names of the executable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// All commands.
    Peermon,
    /// `peermon ssh`
    SmarterSsh,
    /// `peermon mpigen`
    AutoMpigen,
}

/// What stands alone as the first argument asks `peermon` itself; everything else that begins with `-` is, as of old,
/// for the daemon.
const LONE_OPTIONS: [&str; 5] = ["-h", "--help", "-v", "-V", "--version"];

impl Program {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Peermon, Self::SmarterSsh, Self::AutoMpigen];

    /// As it is spelled.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Peermon => "peermon",
            Self::SmarterSsh => "smarterSSH",
            Self::AutoMpigen => "autoMPIgen",
        }
    }

    /// The one that `argv[0]` names, in any letter case; `peermon` for every name that is not ours.
    #[must_use]
    pub fn called(argv0: &OsStr) -> Self {
        let name = Path::new(argv0).file_name().unwrap_or_default();
        let is = |program: &Self| name.eq_ignore_ascii_case(program.name());
        Self::ALL.into_iter().find(is).unwrap_or(Self::Peermon)
    }

    /// What can be typed after it.
    #[must_use]
    pub fn command(self) -> clap::Command {
        let subcommand = match self {
            Self::Peermon => return Cli::command(),
            Self::SmarterSsh => "ssh",
            Self::AutoMpigen => "mpigen",
        };
        let mut all = Cli::command();
        let found = all.find_subcommand_mut(subcommand).expect("args::Command has it");
        found.clone().name(self.name()).bin_name(self.name()).display_name(self.name())
    }
}

/// What was typed, by whichever name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The name.
    pub program: Program,
    /// What came after it; with the command that was left out where it was.
    pub arguments: Vec<OsString>,
}

impl Invocation {
    /// From all of `argv`.
    #[must_use]
    pub fn of(argv: impl IntoIterator<Item = OsString>) -> Self {
        let mut argv = argv.into_iter();
        let program = Program::called(&argv.next().unwrap_or_default());
        let mut arguments: Vec<OsString> = argv.collect();
        let is_option = arguments.first().is_some_and(|first| first.as_encoded_bytes().starts_with(b"-"));
        let is_lone = arguments.len() == 1 && LONE_OPTIONS.iter().any(|option| arguments[0] == *option);
        if program == Program::Peermon && is_option && !is_lone {
            arguments.insert(0, "daemon".into());
        }
        let mut invocation = Self { program, arguments };
        if invocation.places_work() {
            invocation.spell_out_ips();
        }
        invocation
    }

    /// Whether it is `ssh` or `mpigen`, by whichever name.
    fn places_work(&self) -> bool {
        let typed = self.arguments.first().and_then(|first| first.to_str());
        self.program != Program::Peermon || matches!(typed, Some("ssh" | "mpigen"))
    }

    /// Whether ssh would have been started, had there been no mistake.
    #[must_use]
    pub fn would_become_ssh(&self) -> bool {
        let typed = self.arguments.first().and_then(|first| first.to_str());
        let is_ssh = match self.program {
            Program::SmarterSsh => true,
            Program::Peermon => typed == Some("ssh"),
            Program::AutoMpigen => false,
        };
        const OTHERS: [&str; 4] = ["-i", "--info", "--print", "--explain"];
        let own = self.arguments.iter().take_while(|argument| *argument != "--");
        is_ssh && !own.into_iter().any(|argument| OTHERS.iter().any(|other| argument == other))
    }

    /// `-ips`, as the DNS recipe of old had it, means `-i -I`.
    fn spell_out_ips(&mut self) {
        let end = self.arguments.iter().position(|argument| argument == "--").unwrap_or(self.arguments.len());
        if let Some(place) = self.arguments[..end].iter().position(|argument| argument == "-ips" || argument == "--ips")
        {
            self.arguments.splice(place..=place, ["-i".into(), "-I".into()]);
        }
    }

    /// What messages begin with: the program, and its command where it has one.
    #[must_use]
    pub fn title(&self) -> String {
        let name = self.program.name();
        let typed =
            self.arguments.first().and_then(|first| first.to_str()).filter(|_| self.program == Program::Peermon);
        let known = typed.filter(|typed| Cli::command().find_subcommand(typed).is_some());
        known.map_or(name.to_owned(), |command| format!("{name} {command}"))
    }

    /// Of what `--help` says most about what was typed: the program with its command and that one's own.
    #[must_use]
    pub fn helper(&self) -> String {
        let mut command = self.program.command();
        let mut title = self.program.name().to_owned();
        for typed in &self.arguments {
            let Some(next) = typed.to_str().and_then(|typed| command.find_subcommand(typed)) else { break };
            title = format!("{title} {}", next.get_name());
            command = next.clone();
        }
        title
    }

    /// The command with its arguments.
    pub fn parse(&self) -> Result<Command, clap::Error> {
        let argv = || std::iter::once(OsString::from(self.program.name())).chain(self.arguments.clone());
        let matches = || self.program.command().try_get_matches_from(argv());
        match self.program {
            Program::Peermon => Ok(Cli::try_parse_from(argv())?.command),
            Program::SmarterSsh => Ok(Command::Ssh(Box::new(SshArgs::from_arg_matches(&matches()?)?))),
            Program::AutoMpigen => Ok(Command::Mpigen(Box::new(MpigenArgs::from_arg_matches(&matches()?)?))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(typed: &str, program: Program, arguments: &str) {
        let words = |text: &str| text.split_whitespace().map(OsString::from).collect::<Vec<_>>();
        let invocation = Invocation::of(words(typed));
        assert_eq!(invocation, Invocation { program, arguments: words(arguments) }, "{typed}");
    }

    #[test]
    fn the_name_in_any_letter_case_chooses_the_command() {
        check("peermon query -n 1", Program::Peermon, "query -n 1");
        check("/usr/bin/smarterSSH -v", Program::SmarterSsh, "-v");
        check("smarterssh", Program::SmarterSsh, "");
        check("./AUTOMPIGEN -h", Program::AutoMpigen, "-h");
        check("peermon-2.0 query", Program::Peermon, "query");
        check("", Program::Peermon, "");
    }

    #[test]
    fn the_ips_of_the_old_dns_recipe_mean_listing_addresses() {
        check("smarterSSH -ips -n 5", Program::SmarterSsh, "-i -I -n 5");
        check("peermon mpigen --ips", Program::Peermon, "mpigen -i -I");
        check("peermon ssh -- echo -ips", Program::Peermon, "ssh -- echo -ips");
    }

    #[test]
    fn options_without_a_command_are_the_daemons_but_for_a_lone_question() {
        check("peermon -p 1288 -c", Program::Peermon, "daemon -p 1288 -c");
        check("peermon --detach", Program::Peermon, "daemon --detach");
        check("peermon -v -c", Program::Peermon, "daemon -v -c");
        for lone in LONE_OPTIONS {
            check(&format!("peermon {lone}"), Program::Peermon, lone);
        }
    }
}
