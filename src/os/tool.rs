//! What another program of this host says, waited for no longer than told.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Most that is read of what it says.
const SAID_MAX: u64 = 1 << 20;

/// How often it is looked whether a program has ended that says no more: it usually has by then.
const PAUSE: Duration = Duration::from_millis(2);

/// What `program` with these words writes to stdout, if it ends well within `patience`. `None`: it is not there, does
/// not end, or fails.
#[must_use]
pub fn ask(program: &str, words: &[&str], patience: Duration) -> Option<String> {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let ends = Instant::now() + patience;
    let mut child = command.spawn().ok()?;
    let mut stdout = child.stdout.take()?;
    let (said, hear) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stdout.by_ref().take(SAID_MAX).read_to_end(&mut bytes);
        let _ = said.send(bytes);
    });
    let heard = hear.recv_timeout(patience).ok();
    // It may say no more, and still not end.
    let ended = heard.is_some().then(|| wait(&mut child, ends)).flatten();
    if ended.is_none() {
        let _ = child.kill();
        // Not waited for: what hangs in the kernel ends later, or never.
        let _ = child.try_wait();
    }
    let bytes = heard.filter(|_| ended.is_some_and(|status| status.success()))?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// How it ended, if it does so in time.
fn wait(child: &mut Child, ends: Instant) -> Option<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait().ok()? {
            return Some(status);
        }
        if Instant::now() >= ends {
            return None;
        }
        thread::sleep(PAUSE);
    }
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
        assert_eq!(ask("sh", &["-c", "echo well; exec >&-; sleep 0.05"], patience).as_deref(), Some("well\n"));
        assert_eq!(ask("sh", &["-c", "echo ill; exec >&-; exit 3"], patience), None);
    }

    #[test]
    fn a_program_that_does_not_end_is_waited_for_no_longer_than_told_even_when_it_says_no_more() {
        for script in ["exec sleep 60", "echo well; exec >&-; exec sleep 60"] {
            let begin = Instant::now();
            assert_eq!(ask("sh", &["-c", script], Duration::from_millis(50)), None, "{script}");
            assert!(begin.elapsed() < Duration::from_secs(30), "{script}");
        }
    }
}
