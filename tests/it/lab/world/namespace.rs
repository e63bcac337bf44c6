//! A network of its own, which nothing outside sees.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::process;
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

/// The network of the calling thread.
const MINE: &str = "/proc/thread-self/ns/net";

/// A network namespace. It goes when this value and what was started in it are gone, however this process ends.
#[derive(Debug)]
pub struct Namespace(File);

impl Namespace {
    /// A new one, in which nothing is up. `Err`: this process may not make one.
    pub fn new() -> Result<Self, String> {
        let made = thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| format!("no network namespace can be made: {errno}"))?;
            File::open(MINE).map(Self).map_err(|error| format!("{MINE}: {error}"))
        });
        made.join().expect("the thread above only makes a namespace")
    }

    /// Does `act` in it. Sockets and processes that are made there stay there.
    pub fn within<T>(&self, act: impl FnOnce() -> T) -> T {
        let _way_back = WayBack(File::open(MINE).expect("a thread has a network"));
        setns(&self.0, CloneFlags::CLONE_NEWNET).expect("a namespace of ours can be entered");
        act()
    }

    /// How `ip` finds it, as long as this value lives.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", process::id(), self.0.as_raw_fd())
    }
}

/// Brings the thread back, also when it panics.
struct WayBack(File);

impl Drop for WayBack {
    fn drop(&mut self) {
        setns(&self.0, CloneFlags::CLONE_NEWNET).expect("whoever left a namespace may come back");
    }
}
