//! The ssh command: what goes on to it, and the one host, which stands only after `--`.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::process::Command;

use super::super::args::{SshArgs, SshOptions};
use super::super::settings::Settings;
use super::resolve::leads_to;
use crate::model::HostView;

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SshCommand(Vec<OsString>);

/// Which ssh: the environment's, the settings', or the usual one.
pub(in super::super) fn program(settings: &Settings) -> OsString {
    let of_files = || settings.files.ssh.program.as_ref().map(|program| program.clone().into_os_string());
    settings.environment.ssh.clone().or_else(of_files).unwrap_or_else(|| "ssh".into())
}

/// The options of ssh that were typed.
pub(super) fn passed_on(options: &SshOptions) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    let switches = [
        ("-A", options.agent),
        ("-X", options.x11),
        ("-Y", options.trusted_x11),
        ("-T", options.no_terminal),
        ("-N", options.no_command),
        ("-f", options.background),
        ("-C", options.compress),
        ("-4", options.ipv4),
        ("-6", options.ipv6),
    ];
    words.extend(switches.iter().filter(|(_, given)| *given).map(|(switch, _)| OsString::from(switch)));
    words.extend((0..options.terminal).map(|_| OsString::from("-t")));
    let single = [("-l", &options.login), ("-J", &options.jump), ("-F", &options.config), ("-E", &options.log)];
    for (option, value) in single {
        words.extend(value.iter().flat_map(|value| [option.into(), value.clone()]));
    }
    let several = [
        ("-o", &options.options),
        ("-L", &options.local_forwards),
        ("-R", &options.remote_forwards),
        ("-D", &options.dynamic_forwards),
    ];
    for (option, values) in several {
        words.extend(values.iter().flat_map(|value| [option.into(), value.clone()]));
    }
    words.extend(options.others.iter().cloned());
    words
}

impl SshCommand {
    /// To `host`: by its name, where that leads to an address that the host tells; else by its address, with the keys
    /// that are known of the name.
    pub fn to(program: &OsStr, args: &SshArgs, host: &HostView) -> Self {
        let name = host.name.as_str();
        let mut words = vec![program.to_owned()];
        words.extend(passed_on(&args.ssh));
        let option = |text: String| [OsString::from("-o"), text.into()];
        let destination = if args.ip {
            words.extend(option(format!("HostKeyAlias={name}")));
            host.address.to_string()
        } else {
            if !leads_to(&host.name, &host.addresses) {
                words.extend(option(format!("HostName={}", host.address)));
                words.extend(option(format!("HostKeyAlias={name}")));
            }
            name.to_owned()
        };
        words.push("--".into());
        words.push(args.user.as_ref().map_or(destination.clone(), |user| format!("{user}@{destination}")).into());
        words.extend(args.command.iter().cloned());
        Self(words)
    }

    /// To be executed.
    pub fn into_process(self) -> Command {
        let mut words = self.0.into_iter();
        let mut process = Command::new(words.next().unwrap_or_default());
        process.args(words);
        process
    }
}

/// As a shell would take it.
impl fmt::Display for SshCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, word) in self.0.iter().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}{}", quoted(&word.to_string_lossy()))?;
        }
        Ok(())
    }
}

fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        for (word, expected) in [
            ("make", "make"),
            ("-j8", "-j8"),
            ("HostName=10.0.0.1", "HostName=10.0.0.1"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("$HOME", "'$HOME'"),
            ("a;b", "'a;b'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn options_go_on_to_ssh_as_they_were_typed() {
        let options = SshOptions {
            options: vec!["Port=2222".into(), "BatchMode=yes".into()],
            local_forwards: vec!["8080:localhost:80".into()],
            terminal: 2,
            x11: true,
            login: Some("ada".into()),
            others: vec!["-v".into()],
            ..SshOptions::default()
        };
        let words = passed_on(&options);
        let expected =
            ["-X", "-t", "-t", "-l", "ada", "-o", "Port=2222", "-o", "BatchMode=yes", "-L", "8080:localhost:80", "-v"];
        assert_eq!(words, expected.map(OsString::from));
    }
}
