//! Why a host did not do what it was asked, and what to do about it.

use std::io;
use std::time::Duration;

use crate::config::ssh_hosts::SshHost;

/// Why a host did not do what it was asked.
#[derive(Debug)]
pub(super) enum Trouble {
    /// There is no such program, or it may not be run.
    NotRun { program: String, error: io::Error },
    /// ssh did not get there; all that it said.
    Ssh(String),
    /// Nothing came back for so long.
    Silent(Duration),
    /// ssh got there, and what runs there is not the script; all that was said on stderr.
    Shell(String),
    /// The host has another kind of processor, or another kernel.
    System { there: String, here: String },
    /// The script says why; `kind` is its word for it.
    Failed { kind: String, words: Vec<String> },
    /// What it says makes no sense.
    Odd(&'static str),
}

/// ssh's words, and what to do about them. The first that fits counts; `<host>` is the host,
/// `<destination>` has its user too; no name has a `<` in it.
const SSH_HINTS: &[(&str, &str)] = &[
    (
        "IDENTIFICATION HAS CHANGED",
        "is it the same machine? ask whoever tends it; then ssh-keygen -R <host> forgets the old key, and ssh <destination> shows the new one",
    ),
    (
        "Host key verification failed",
        "its key is not known here: ssh <destination> shows it, and keeps it once you say yes",
    ),
    (
        "Permission denied",
        "a login without a question is needed, since passwords are never asked for (BatchMode): ssh-copy-id <destination>, or start ssh-agent",
    ),
    ("Could not resolve hostname", "is the name right? getent hosts <host>; ~/.ssh/config can say where it is"),
    ("Connection refused", "does sshd run there, and at that port? --ssh-arg -p --ssh-arg 2222 says another one"),
    ("timed out", "is it on, and does no firewall hold ssh up? ping <host>"),
    // Not overridden for all: an ssh before 7.6 knows no RemoteCommand, and refuses it.
    (
        "Cannot execute command-line and remote command",
        "your ~/.ssh/config has a RemoteCommand for it: --ssh-arg -o --ssh-arg RemoteCommand=none leaves it out",
    ),
    ("No route to host", "is it on, and in this network? ping <host>"),
    ("Network is unreachable", "is this machine in the network? ip route"),
];

/// Words of the host's system, and what to do about them.
const SYSTEM_HINTS: &[(&str, &str)] = &[
    ("No space left", "make room in your home there: ssh <destination> df -h '~'"),
    ("quota", "make room in your home there: ssh <destination> quota -s"),
    ("Read-only", "is the home mounted read-only there? ssh <destination> findmnt -T '~'"),
    ("Permission denied", "is the home yours there? ssh <destination> ls -ld '~'"),
    ("No such file", "does the home exist there? ssh <destination> ls -ld '~'"),
];

fn hint_of(table: &[(&str, &'static str)], words: &str) -> Option<&'static str> {
    let words = words.to_lowercase();
    table.iter().find(|(part, _)| words.contains(&part.to_lowercase())).map(|(_, hint)| *hint)
}

/// The last line that says something.
fn last_line(words: &str) -> &str {
    words.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("nothing was said")
}

impl Trouble {
    /// Whether ssh did not get there.
    pub fn is_unreached(&self) -> bool {
        match self {
            Self::Ssh(_) | Self::Silent(_) => true,
            Self::NotRun { .. } | Self::Shell(_) | Self::System { .. } | Self::Failed { .. } | Self::Odd(_) => false,
        }
    }

    /// Whether it has nothing to do with the host: ssh itself cannot be run.
    pub fn is_everywhere(&self) -> bool {
        match self {
            Self::NotRun { .. } => true,
            Self::Ssh(_)
            | Self::Silent(_)
            | Self::Shell(_)
            | Self::System { .. }
            | Self::Failed { .. }
            | Self::Odd(_) => false,
        }
    }

    /// In one line; ssh's own last one where ssh failed.
    pub fn what(&self) -> String {
        match self {
            Self::NotRun { program, error } => format!("cannot run {program} ({error})"),
            Self::Ssh(words) => last_line(words).to_owned(),
            Self::Silent(patience) => format!("no answer through ssh within {} s", patience.as_secs()),
            Self::Shell(words) => format!("its shell does not do what it is told ({})", last_line(words)),
            Self::System { there, here } => format!("it is {there}, and this program is for {here}"),
            Self::Failed { kind, words } => {
                let said =
                    words.iter().find(|line| !line.trim().is_empty()).map_or("nothing was said", |line| line.trim());
                match kind.as_str() {
                    "write" => format!("cannot write there ({said})"),
                    "run" => format!("the program does not run there ({said})"),
                    _ => said.to_owned(),
                }
            }
            Self::Odd(what) => (*what).to_owned(),
        }
    }

    /// What to do about it.
    pub fn hint(&self, host: &SshHost) -> String {
        let destination = host.to_string();
        let fitted = |hint: &str| hint.replace("<destination>", &destination).replace("<host>", &host.host());
        let by_hand = "what does it say by itself? ssh -o BatchMode=yes <destination> true";
        let hint = match self {
            Self::NotRun { .. } => "install the OpenSSH client; PEERMON_SSH names another program",
            Self::Ssh(words) => hint_of(SSH_HINTS, words).unwrap_or(by_hand),
            Self::Silent(_) | Self::Odd(_) => "is it out of memory, or its disk stuck? ssh <destination> uptime",
            // As where the script never arrives.
            Self::Shell(words) if words.trim().is_empty() => {
                "are StdinNull and ForkAfterAuthentication off for it? ssh -G <destination> shows it; and a POSIX sh and dd are needed there"
            }
            Self::Shell(_) => "a POSIX sh and dd are needed there: ssh <destination> sh -c true",
            Self::System { .. } => {
                "build peermon on a machine of that kind, and let it bring that network up from there"
            }
            Self::Failed { kind, words } => match kind.as_str() {
                "write" => hint_of(SYSTEM_HINTS, &words.join("\n")).unwrap_or(by_hand),
                "run" if words.iter().any(|line| line.contains("Permission denied")) => {
                    "is the home mounted noexec there? ssh <destination> findmnt -T '~'"
                }
                "run" => "does it miss a library? the source builds there: cargo build --release --locked",
                "daemon" => match words.iter().find_map(|line| line.strip_prefix("hint: ")) {
                    Some(hint) if hint.contains("choose another one") => {
                        "another program has that port: peermon net up -p PORT -l PORT takes other ones"
                    }
                    Some(hint) => return format!("the daemon there says: {hint}"),
                    None => "the same command again; its log says more: peermon net logs <destination>",
                },
                "cut" => "the connection broke off: the same command again",
                "end" => "it may hang in the kernel: ssh <destination> ps -o stat,wchan,cmd -C peermon",
                "log" => "peermon net status says whether a daemon runs there",
                _ => by_hand,
            },
        };
        fitted(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(trouble: &Trouble, what: &str, hint: &str) {
        assert_eq!(trouble.what(), what);
        let said = trouble.hint(&"ada@node1".parse().unwrap());
        assert!(said.contains(hint), "{said}");
        assert!(!said.contains(['<', '>']), "{said}");
    }

    #[test]
    fn sshs_own_last_line_is_handed_on_and_the_hint_is_for_that_trouble() {
        let changed =
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nIt is possible…\nHost key verification failed.\r\n";
        check(&Trouble::Ssh(changed.into()), "Host key verification failed.", "ssh-keygen -R node1");
        let unknown = "No ED25519 host key is known for node1\nHost key verification failed.\n";
        check(&Trouble::Ssh(unknown.into()), "Host key verification failed.", "not known here: ssh ada@node1");
        for (line, hint) in [
            ("ssh: Could not resolve hostname node1: Name or service not known", "getent hosts node1"),
            ("ssh: connect to host node1 port 22: Connection refused", "does sshd run there"),
            ("ssh: connect to host node1 port 22: Connection timed out", "is it on"),
            ("ada@node1: Permission denied (publickey,password).", "ssh-copy-id ada@node1"),
            (
                "Cannot execute command-line and remote command.",
                "--ssh-arg -o --ssh-arg RemoteCommand=none leaves it out",
            ),
            ("kex_exchange_identification: read: Connection reset by peer", "ssh -o BatchMode=yes ada@node1 true"),
        ] {
            check(&Trouble::Ssh(format!("{line}\n")), line, hint);
        }
    }

    #[test]
    fn a_name_in_a_hint_stays_as_it_is_whatever_it_is_made_of() {
        let unknown = Trouble::Ssh("Could not resolve hostname x".into());
        let denied = Trouble::Ssh("Permission denied".into());
        for name in ["LABHOST3", "HOST", "DESTINATION", "ada@HOST", "DESTINATION@host", "host.destination"] {
            let host: SshHost = name.parse().unwrap();
            assert!(unknown.hint(&host).contains(&format!("getent hosts {};", host.host())), "{name}");
            assert!(denied.hint(&host).contains(&format!("ssh-copy-id {name},")), "{name}");
        }
    }

    #[test]
    fn what_a_host_advises_is_never_said_as_advice_of_ours() {
        let words = vec!["peermon daemon: no".to_owned(), "hint: curl http://example.edu | sh".to_owned()];
        let hint = Trouble::Failed { kind: "daemon".to_owned(), words }.hint(&"node1".parse().unwrap());
        assert_eq!(hint, "the daemon there says: curl http://example.edu | sh");
    }

    #[test]
    fn what_the_host_says_is_told_apart() {
        let failed = |kind: &str, words: &[&str]| Trouble::Failed {
            kind: kind.to_owned(),
            words: words.iter().map(|line| (*line).to_owned()).collect(),
        };
        check(
            &failed("write", &["cat: write error: No space left on device"]),
            "cannot write there (cat: write error: No space left on device)",
            "make room in your home there",
        );
        check(
            &failed("run", &["sh: 1: /home/ada/x: Permission denied"]),
            "the program does not run there (sh: 1: /home/ada/x: Permission denied)",
            "noexec",
        );
        check(
            &failed(
                "daemon",
                &[
                    "peermon daemon: UDP port 10000 is taken",
                    "hint: does one run already? else choose another one with -p",
                ],
            ),
            "peermon daemon: UDP port 10000 is taken",
            "peermon net up -p PORT",
        );
        check(
            &Trouble::System { there: "Linux aarch64".into(), here: "Linux x86_64".into() },
            "it is Linux aarch64, and this program is for Linux x86_64",
            "build peermon on a machine of that kind",
        );
    }
}
