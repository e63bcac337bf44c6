//! One run at a time: a lock that the kernel lets go of however the process ends.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

/// Held as long as the value lives.
#[derive(Debug)]
pub struct Lock {
    _held: Flock<File>,
}

/// Takes the lock at `path`; `None`: another process has it. The file stays: whoever opened it may be waiting for it.
pub fn take(path: &Path) -> io::Result<Option<Lock>> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags.bits())
        .open(path)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(held) => Ok(Some(Lock { _held: held })),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => Err(errno.into()),
    }
}
