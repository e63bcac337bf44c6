//! A token bucket: so much at once, so much per time.

use std::time::Duration;

use crate::model::Timestamp;

/// Grants up to `burst` at once, and one more each `pause`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    burst: u32,
    pause: Duration,
    left: u32,
    counted: Timestamp,
}

impl Budget {
    pub fn new(now: Timestamp, burst: u32, pause: Duration) -> Self {
        Self { burst, pause, left: burst, counted: now }
    }

    /// Takes one where one is left.
    pub fn take(&mut self, now: Timestamp) -> bool {
        self.refill(now);
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        true
    }

    /// When the next one will be there.
    pub fn ready(&self) -> Timestamp {
        if self.left > 0 { self.counted } else { self.counted.after(self.pause) }
    }

    fn refill(&mut self, now: Timestamp) {
        let pause = self.pause.as_micros().max(1);
        let earned = now.since(self.counted).as_micros() / pause;
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        if self.left.saturating_add(earned) >= self.burst {
            self.left = self.burst;
            self.counted = now;
        } else if earned > 0 {
            self.left += earned;
            self.counted = self.counted.after(self.pause * earned);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_grants_its_burst_and_then_one_a_pause() {
        let start = Timestamp::ZERO;
        let at = |millis| start.after(Duration::from_millis(millis));
        let mut budget = Budget::new(start, 3, Duration::from_millis(500));
        assert!((0..3).all(|_| budget.take(start)));
        assert!(!budget.take(at(499)));
        assert_eq!(budget.ready(), at(500));
        assert!(budget.take(at(500)));
        assert!(!budget.take(at(900)));
        assert!(budget.take(at(1000)));
        assert_eq!((0..9).filter(|_| budget.take(at(60_000))).count(), 3);
    }
}
