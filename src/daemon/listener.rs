//! The thread that receives: waits for datagrams and hands them on.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::shared::Shared;
use crate::os::sockets::ReceiveBuffer;

/// Longest wait, in milliseconds: the watchdog wants to see this thread move.
pub(super) const WAIT_MAX_MILLIS: u16 = 2_000;

/// Receives until `stop` can be read.
pub(super) fn listen(shared: &Shared, stop: impl AsFd, moved: &AtomicBool) {
    let mut buffer = ReceiveBuffer::default();
    let mut waiting: Vec<PollFd<'_>> =
        shared.sockets.descriptors().chain([stop.as_fd()]).map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    loop {
        match poll(&mut waiting, PollTimeout::from(WAIT_MAX_MILLIS)) {
            Ok(_) | Err(Errno::EINTR) => {}
            // Out of memory for a moment: the next wait may do.
            Err(_) => continue,
        }
        moved.store(true, Ordering::Relaxed);
        if waiting.last().is_some_and(|stop| stop.any().unwrap_or(false)) {
            return;
        }
        if waiting.iter().filter_map(PollFd::revents).any(|events| events.contains(PollFlags::POLLERR)) {
            shared.receive_errors(&mut buffer);
        }
        shared.receive(&mut buffer);
    }
}
