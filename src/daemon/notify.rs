//! Speaking to systemd (`Type=notify`), where it started us: ready, reloading, stopping, and the watchdog.

use std::time::Duration;

use sd_notify::NotifyState;

/// Clients are served and the gossip runs.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The files are being read again; [`ready`] ends that.
pub(super) fn reloading() {
    tell(&[NotifyState::Reloading]);
}

/// TERM or INT came.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// All threads have looked at their work lately.
pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How often systemd wants to hear [`alive`] at least; `None`: it does not watch.
pub(super) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

fn tell(states: &[NotifyState]) {
    // Without systemd there is nobody to tell; with it, a failure shows as a time-out there.
    let _ = sd_notify::notify(states);
}
