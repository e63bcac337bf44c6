//! The one clock of the process, and the wall clock as a hint.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::model::Timestamp;

/// How far the wall clock may move against the boot clock before the machine counts as resumed or restored from
/// a snapshot: no time daemon slews or steps a healthy clock that far.
const JUMP_MIN: Duration = Duration::from_secs(10);

fn micros(clock: ClockId) -> i64 {
    let time = clock_gettime(clock).expect("every Linux since 2.6.39 has this clock");
    time.tv_sec() * 1_000_000 + time.tv_nsec() / 1000
}

/// Now, on the clock that counts suspend.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::from_micros(micros(ClockId::CLOCK_BOOTTIME))
}

/// Seconds since 1970, as far as this machine knows.
#[must_use]
pub fn wall_seconds() -> u64 {
    u64::try_from(wall_micros() / 1_000_000).unwrap_or(0)
}

/// The wall clock, with which the kernel stamps what it receives.
pub(super) fn wall_micros() -> i64 {
    micros(ClockId::CLOCK_REALTIME)
}

/// Notices that the wall clock jumped against the boot clock.
#[derive(Debug)]
pub struct JumpWatch {
    offset_micros: i64,
}

impl JumpWatch {
    /// From the clocks as they stand.
    #[must_use]
    pub fn start() -> Self {
        Self { offset_micros: wall_micros() - now().as_micros() }
    }

    /// Whether the wall clock jumped since this was last asked.
    pub fn has_jumped(&mut self) -> bool {
        self.moved_to(wall_micros() - now().as_micros())
    }

    fn moved_to(&mut self, offset_micros: i64) -> bool {
        let moved = Duration::from_micros(offset_micros.abs_diff(self.offset_micros));
        self.offset_micros = offset_micros;
        moved > JUMP_MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_the_wall_clock_is_noticed_once_and_slewing_never() {
        let mut watch = JumpWatch { offset_micros: 0 };
        assert!(!watch.moved_to(9_000_000));
        assert!(!watch.moved_to(18_000_000));
        assert!(watch.moved_to(-10 * 31_536_000_000_000));
        assert!(!watch.moved_to(-10 * 31_536_000_000_000));
        assert!(!JumpWatch::start().has_jumped());
    }
}
