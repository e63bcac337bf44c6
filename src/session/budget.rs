//! Token buckets: so much at once, so much per time.

use std::time::Duration;

use crate::model::Timestamp;

/// What a [`Budget`] grants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// So many at once,
    pub burst: u32,
    /// and one more each.
    pub pause: Duration,
}

/// What one sender has left of a [`Rate`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    left: u32,
    counted: Timestamp,
}

impl Budget {
    /// Untouched.
    pub fn full(now: Timestamp, rate: Rate) -> Self {
        Self { left: rate.burst, counted: now }
    }

    /// Takes one where one is left.
    pub fn take(&mut self, now: Timestamp, rate: Rate) -> bool {
        let earned = now.since(self.counted).as_micros() / rate.pause.as_micros().max(1);
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        if self.left.saturating_add(earned) >= rate.burst {
            *self = Self::full(now, rate);
        } else {
            self.left += earned;
            self.counted = self.counted.after(rate.pause * earned);
        }
        let granted = self.left > 0;
        self.left = self.left.saturating_sub(1);
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_grants_its_burst_and_then_one_a_pause() {
        let rate = Rate { burst: 3, pause: Duration::from_millis(500) };
        let at = |millis| Timestamp::ZERO.after(Duration::from_millis(millis));
        let mut budget = Budget::full(at(0), rate);
        let granted = |budget: &mut Budget, millis| (0..9).filter(|_| budget.take(at(millis), rate)).count();
        assert_eq!(granted(&mut budget, 0), 3);
        assert_eq!(granted(&mut budget, 499), 0);
        assert_eq!(granted(&mut budget, 1_200), 2);
        assert_eq!(granted(&mut budget, 1_499), 0);
        assert_eq!(granted(&mut budget, 1_500), 1);
        assert_eq!(granted(&mut budget, 60_000), 3);
    }
}
