//! Points in time of one process, and ages, which are all that hosts tell each other about time.

use std::time::Duration;

/// A point on this process's one clock, in microseconds. The clock counts suspend (`CLOCK_BOOTTIME`), so
/// a laptop that slept for a week knows that its table is a week old. Negative before boot: a record may
/// have been made before this machine started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The origin of the clock.
    pub const ZERO: Self = Self(0);

    /// From microseconds since the clock's origin.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the clock's origin.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The point `span` later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }

    /// The point `span` earlier.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros(span)))
    }

    /// Time from `earlier` to this point; zero where `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// How long ago something was, in hundredths of a second: the only way in which hosts speak of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Age(u32);

impl Age {
    /// From the number on the wire.
    #[must_use]
    pub const fn from_hundredths(hundredths: u32) -> Self {
        Self(hundredths)
    }

    /// The number on the wire.
    #[must_use]
    pub const fn as_hundredths(self) -> u32 {
        self.0
    }

    /// Rounded up, so that no hop makes a record younger; saturates after 497 days.
    #[must_use]
    pub fn from_duration(span: Duration) -> Self {
        Self(u32::try_from(span.as_micros().div_ceil(10_000)).unwrap_or(u32::MAX))
    }

    /// As a span.
    #[must_use]
    pub fn as_duration(self) -> Duration {
        Duration::from_millis(u64::from(self.0) * 10)
    }

    /// The age at `now` of what was made at `made`.
    #[must_use]
    pub fn at(now: Timestamp, made: Timestamp) -> Self {
        Self::from_duration(now.since(made))
    }
}

/// A value and how long ago it was made, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Aged<T> {
    /// Time since `value` was made, when the datagram was built.
    pub age: Age,
    /// What was made then.
    pub value: T,
}

impl<T> Aged<T> {
    /// `value`, made at `made`, as told at `now`.
    pub fn at(now: Timestamp, made: Timestamp, value: T) -> Self {
        Self { age: Age::at(now, made), value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_rounded_up_so_that_no_hop_makes_a_record_younger() {
        assert_eq!(Age::from_duration(Duration::from_micros(1)).as_hundredths(), 1);
        assert_eq!(Age::from_duration(Duration::from_millis(10)).as_hundredths(), 1);
        assert_eq!(Age::from_duration(Duration::from_secs(u64::MAX)).as_hundredths(), u32::MAX);
    }

    #[test]
    fn time_never_runs_backwards_into_a_panic() {
        let early = Timestamp::from_micros(i64::MIN);
        assert_eq!(early.before(Duration::MAX), early);
        assert_eq!(early.since(Timestamp::from_micros(i64::MAX)), Duration::ZERO);
    }
}
