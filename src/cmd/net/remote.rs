//! One ssh session: what a host's shell is told, and what comes back.
//!
//! The command that ssh gets is the same line each time, plain enough for every login shell (csh and fish too). It has sh read the
//! script from ssh's stdin; the program that may follow there is left for the script. So nothing depends on sftp, and neither the
//! key nor the hosts' names are ever arguments.

use std::ffi::OsString;
use std::fmt;
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::trouble::Trouble;
use crate::config::ssh_hosts::SshHost;

/// What runs there.
const SCRIPT: &str = include_str!("remote.sh");

/// What its answers begin with.
const MARK: &str = "peermon-net ";

/// Before what the user says. Nobody can answer a question of one of sixteen sessions, so none is asked; nothing is forwarded, since
/// another session may have the ports; a session that stays for others to share would hold on to our pipes; and sixteen sessions
/// should not all write into one known_hosts.
const FIRST_OPTIONS: [&str; 11] = [
    "-T",
    "-x",
    "-a",
    "-o",
    "BatchMode=yes",
    "-o",
    "ClearAllForwardings=yes",
    "-o",
    "ControlMaster=no",
    "-o",
    "UpdateHostKeys=no",
];

/// After what the user says, who may know better. A host that is off is given up after ten seconds, one that dies on the way after
/// fifteen.
const LAST_OPTIONS: [&str; 6] =
    ["-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"];

/// ssh's own failures.
const SSH_FAILED: i32 = 255;

/// Most that is read of what a host says: a long log, of which the script keeps to the last 3 MB, or the table of a thousand hosts.
const STDOUT_MAX: u64 = 4 << 20;

/// Most that is read of what ssh says.
const STDERR_MAX: u64 = 64 << 10;

/// How often it is looked whether ssh has ended, once it has closed its output.
const PAUSE: Duration = Duration::from_millis(10);

/// How long ssh's words are waited for after it has ended: another program (a ProxyCommand) may hold on to them.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How hosts are reached.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    /// ssh, usually.
    pub program: OsString,
    /// What the user says to it.
    pub args: Vec<OsString>,
    /// How many sessions at a time.
    pub jobs: usize,
}

/// What a host is asked to do. The text may hold the key.
#[derive(Clone)]
pub(super) struct Request {
    text: String,
    payload: Arc<Vec<u8>>,
    patience: Duration,
}

/// What it says, line by line: a word, and what follows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer(Vec<(String, String)>);

impl Request {
    /// One of the script's steps, which is given up after `patience`.
    pub fn new(act: &str, patience: Duration) -> Self {
        Self { text: String::new(), payload: Arc::default(), patience }.with("act", act)
    }

    /// Sets a variable of the script.
    pub fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        let quoted = value.as_ref().replace('\'', "'\\''");
        writeln!(self.text, "{name}='{quoted}'").expect("a String takes all");
        self
    }

    /// What follows the script.
    pub fn carrying(self, payload: Arc<Vec<u8>>) -> Self {
        Self { payload, ..self }
    }

    /// What the shell reads: the variables, and the script without what only people read.
    fn script(&self) -> String {
        let lines = SCRIPT.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut text = self.text.clone();
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

impl fmt::Debug for Request {
    /// Without the text: no secret gets into anything printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Request");
        shown.field("payload", &self.payload.len()).field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl Answer {
    /// From all that a host says.
    pub fn read(stdout: &[u8]) -> Self {
        let text = String::from_utf8_lossy(stdout);
        let answers = text.lines().filter_map(|line| line.strip_prefix(MARK));
        let split = |line: &str| {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            (word.to_owned(), rest.to_owned())
        };
        Self(answers.map(split).collect())
    }

    /// What follows `word`, each time.
    pub fn all<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(found, _)| found == word).map(|(_, rest)| rest.as_str())
    }

    /// What follows `word`, if it is said and something does.
    pub fn get(&self, word: &str) -> Option<&str> {
        self.0.iter().find(|(found, rest)| found == word && !rest.is_empty()).map(|(_, rest)| rest.as_str())
    }

    /// Whether `word` is said.
    pub fn says(&self, word: &str) -> bool {
        self.0.iter().any(|(found, _)| found == word)
    }
}

impl Reach {
    /// Has `host` do what `request` says.
    pub fn ask(&self, host: &SshHost, request: &Request) -> Result<Answer, Trouble> {
        let script = request.script();
        let remote = format!("sh -c 'eval \"$(dd ibs=1 obs=65536 count={} 2>/dev/null)\"'", script.len());
        let mut ssh = Command::new(&self.program)
            .args(FIRST_OPTIONS)
            .args(&self.args)
            .args(LAST_OPTIONS)
            .arg("--")
            .arg(host.to_string())
            .arg(remote)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Trouble::NotRun { program: self.program.to_string_lossy().into_owned(), error })?;
        if let Some(mut stdin) = ssh.stdin.take() {
            let payload = Arc::clone(&request.payload);
            // Where the host wants no more of it, it says why itself.
            thread::spawn(move || stdin.write_all(script.as_bytes()).and_then(|()| stdin.write_all(&payload)));
        }
        let stdout = collect(ssh.stdout.take(), STDOUT_MAX);
        let stderr = collect(ssh.stderr.take(), STDERR_MAX);
        let deadline = Instant::now() + request.patience;
        let Some((said, status)) = wait(&mut ssh, &stdout, deadline) else {
            let _ = ssh.kill();
            let _ = ssh.wait();
            return Err(Trouble::Silent(request.patience));
        };
        let answer = Answer::read(&said);
        if answer.says("done") {
            return Ok(answer);
        }
        if let Some(kind) = answer.get("failed") {
            return Err(Trouble::Failed {
                kind: kind.to_owned(),
                words: answer.all("words").map(str::to_owned).collect(),
            });
        }
        let words = stderr.recv_timeout(LAST_WORDS).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).into_owned();
        if status.code() == Some(SSH_FAILED) { Err(Trouble::Ssh(words)) } else { Err(Trouble::Shell(words)) }
    }
}

/// Reads all of `stream` beside whatever else is done.
fn collect(stream: Option<impl Read + Send + 'static>, most: u64) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.by_ref().take(most).read_to_end(&mut bytes);
            let _ = sender.send(bytes);
            // So that whoever says more is not held up.
            let _ = io::copy(&mut stream, &mut io::sink());
        }
    });
    receiver
}

/// What ssh wrote, and how it ended; `None` where it has not by then.
fn wait(ssh: &mut Child, stdout: &Receiver<Vec<u8>>, deadline: Instant) -> Option<(Vec<u8>, ExitStatus)> {
    let left = deadline.saturating_duration_since(Instant::now());
    let said = match stdout.recv_timeout(left) {
        Ok(said) => said,
        Err(RecvTimeoutError::Disconnected) => Vec::new(),
        Err(RecvTimeoutError::Timeout) => return None,
    };
    loop {
        match ssh.try_wait() {
            Ok(Some(status)) => return Some((said, status)),
            Ok(None) if Instant::now() < deadline => thread::sleep(PAUSE),
            Ok(None) | Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_a_login_prints_is_nobodys_answer() {
        let said = b"Welcome to node1!\npeermon-net system Linux x86_64\n\xff\npeermon-net kept\npeermon-net table  a b\npeermon-net done\n";
        let answer = Answer::read(said);
        assert_eq!(answer.get("system"), Some("Linux x86_64"));
        assert!(answer.says("kept") && answer.says("done") && !answer.says("Welcome"));
        assert_eq!(answer.all("table").collect::<Vec<_>>(), [" a b"]);
        assert_eq!(answer.get("kept"), None);
    }

    #[test]
    fn a_value_is_one_word_for_the_shell_whatever_is_in_it() {
        for value in ["", "it's", "$(id)", "a\nb", "\\", "'; rm -rf x; '"] {
            let script = Request::new("look", Duration::ZERO).with("value", value).text + "printf '%s.' \"$value\"";
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{value}."));
        }
    }

    #[test]
    fn what_is_shown_of_a_request_has_no_key_in_it() {
        let request = Request::new("start", Duration::ZERO).with("key", "5ec2e7");
        assert!(request.script().contains("key='5ec2e7'"));
        assert!(!format!("{request:?}{request:#?}").contains("5ec2e7"));
    }

    #[test]
    fn a_session_that_hangs_is_given_up_after_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("ssh");
        fs::write(&program, "#!/bin/sh\necho peermon-net system Linux\nexec sleep 60\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let reach = Reach { program: program.into(), args: Vec::new(), jobs: 1 };
        let begin = Instant::now();
        let asked = reach.ask(&"node1".parse().unwrap(), &Request::new("look", Duration::from_millis(300)));
        assert!(matches!(asked, Err(Trouble::Silent(_))), "{asked:?}");
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    }

    #[test]
    fn who_is_missing_is_known_however_many_there_are() {
        let home = tempfile::tempdir().unwrap();
        let bin = home.path().join(".local/share/peermon/net/bin");
        fs::create_dir_all(&bin).unwrap();
        // More than what Linux takes as one argument, 128 KiB.
        let members: Vec<String> =
            (0..3_000).map(|n| format!("{},10.9.{}.{}", "n".repeat(50), n / 250, n % 250)).collect();
        let seen = |state: &str| members.iter().skip(1).map(|member| format!("{member},{state}\n")).collect::<String>();
        fs::write(bin.join("rows"), seen("fresh") + &members[0] + ",gone\n").unwrap();
        let program = bin.join("peermon");
        fs::write(&program, "#!/bin/sh\ncat \"${0%/*}/rows\"\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let request = Request::new("meet", Duration::ZERO).with("wanted_client_port", "13002").with("patience", "0");
        let script = home.path().join("script");
        fs::write(&script, request.with("members", members.join("\n")).script()).unwrap();
        let mut sh = Command::new("sh");
        let output = sh.arg(&script).env("HOME", home.path()).env_remove("XDG_DATA_HOME").output().unwrap();
        let answer = Answer::read(&output.stdout);
        assert!(answer.says("done"), "{output:?}");
        assert_eq!(answer.all("missing").collect::<Vec<_>>(), [&members[0]]);
    }

    #[test]
    fn the_script_stays_the_same_program_without_its_comments() {
        let script = Request::new("look", Duration::ZERO).script();
        assert!(script.starts_with("act='look'\nset -u\n") && script.ends_with("\"$act\"\nsay 'done'\n"), "{script}");
        let output = Command::new("sh").args(["-n", "-c", &script]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}
