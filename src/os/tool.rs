//! What another program of this host says, waited for no longer than told.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Most that is read of what it says.
const SAID_MAX: u64 = 1 << 20;

/// What `program` with these words writes to stdout, if it ends well within `patience`. `None`: it is not there, does
/// not end, or fails.
#[must_use]
pub fn ask(program: &str, words: &[&str], patience: Duration) -> Option<String> {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let mut stdout = child.stdout.take()?;
    let (said, hear) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stdout.by_ref().take(SAID_MAX).read_to_end(&mut bytes);
        let _ = said.send(bytes);
    });
    let heard = hear.recv_timeout(patience);
    if heard.is_err() {
        let _ = child.kill();
    }
    let ended = child.wait().ok()?;
    heard.ok().filter(|_| ended.success()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_program_is_heard_when_it_ends_well_in_time() {
        let patience = Duration::from_secs(10);
        assert_eq!(ask("echo", &["well"], patience).as_deref(), Some("well\n"));
        assert_eq!(ask("false", &[], patience), None);
        assert_eq!(ask("/nonexistent/program", &[], patience), None);
        let begin = Instant::now();
        assert_eq!(ask("sleep", &["60"], Duration::from_millis(50)), None);
        assert!(begin.elapsed() < Duration::from_secs(30));
    }
}
