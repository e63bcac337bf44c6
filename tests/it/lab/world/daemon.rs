//! A daemon's process.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How often it is looked at.
const PAUSE: Duration = Duration::from_millis(5);

/// A process that ends with this value.
#[derive(Debug)]
pub struct Daemon(Child);

impl Daemon {
    /// Starts it; what it writes to stdout and stderr goes to these files.
    pub fn start(mut command: Command, out: &Path, log: &Path) -> Self {
        let [out, log] = [out, log].map(|path| File::create(path).expect("a folder of the test's own"));
        command.stdin(Stdio::null()).stdout(out).stderr(log);
        Self(command.spawn().expect("setpriv and peermon can be run"))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).expect("process ids are small");
        // It may have ended by itself.
        let _ = kill(Pid::from_raw(pid), signal);
    }

    /// How it ended; `None`: it still runs after `patience`.
    pub fn ended(&mut self, patience: Duration) -> Option<ExitStatus> {
        let begin = Instant::now();
        loop {
            let status = self.0.try_wait().expect("a child of ours");
            if status.is_some() || begin.elapsed() > patience {
                return status;
            }
            thread::sleep(PAUSE);
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
