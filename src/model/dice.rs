//! Randomness of the pure core: one generator, seeded by the shell, whose values stay the same across
//! library versions, so that a run can be replayed from its seed.

use std::time::Duration;

use rand::Rng;
use rand_pcg::Pcg64Mcg;

/// A seeded generator and the few draws that gossip and ranking need.
#[derive(Clone, Debug)]
pub(crate) struct Dice(Pcg64Mcg);

impl Dice {
    pub fn new(seed: u64) -> Self {
        // The generator wants an odd state with many bits set; SplitMix64's constant spreads small seeds.
        let spread =
            |seed: u64| u128::from(seed.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9));
        let mut dice = Self(Pcg64Mcg::new(spread(seed) << 64 | spread(!seed)));
        dice.number();
        dice.number();
        dice
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound` (0 where `bound` is 0). The bias of multiply-and-shift is below 2^-48 here.
    pub fn below(&mut self, bound: usize) -> usize {
        let product = u128::from(self.number()) * bound as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// One of `items`.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }

    /// Any order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// `span`, up to `percent` shorter or longer.
    pub fn jitter(&mut self, span: Duration, percent: u32) -> Duration {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX / 200);
        let reach = micros / 100 * u64::from(percent);
        let draw = self.below(usize::try_from(reach * 2 + 1).unwrap_or(usize::MAX)) as u64;
        Duration::from_micros(micros - reach + draw)
    }

    /// Anywhere in `span`.
    pub fn within(&mut self, span: Duration) -> Duration {
        Duration::from_micros(self.below(usize::try_from(span.as_micros()).unwrap_or(usize::MAX)) as u64)
    }
}
