//! Which counters of one sender have come already (in the manner of RFC 6479).

/// How many counters back a datagram may come late. A sender counts over all its receivers, so this is what
/// it says to everybody in some seconds, even in a large network. 128 bytes for each sender.
pub(super) const WINDOW: u64 = 1_024;

const WORD: u64 = u64::BITS as u64;
const WORDS: usize = (WINDOW / WORD) as usize;

/// The counters that have come from one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// One more than the highest counter that came; 0: none did.
    next: u64,
    /// Counter c of the last [`WINDOW`] stands at bit c modulo [`WINDOW`].
    seen: [u64; WORDS],
}

impl Window {
    /// Of a sender that has not been heard.
    pub const EMPTY: Self = Self { next: 0, seen: [0; WORDS] };

    /// Of a sender of which only the highest counter is remembered.
    pub fn above(highest: u32) -> Self {
        Self { next: u64::from(highest) + 1, seen: [u64::MAX; WORDS] }
    }

    /// The highest counter that came.
    pub fn highest(&self) -> Option<u32> {
        self.next.checked_sub(1).and_then(|highest| u32::try_from(highest).ok())
    }

    /// Whether `counter` came already, or is so old that nobody can tell.
    pub fn has_seen(&self, counter: u32) -> bool {
        let counter = u64::from(counter);
        if counter >= self.next {
            return false;
        }
        self.next - counter > WINDOW || self.word(counter) & bit(counter) != 0
    }

    /// `counter` has come. What lies too far back for the window changes nothing.
    pub fn mark(&mut self, counter: u32) {
        let counter = u64::from(counter);
        if counter >= self.next + WINDOW {
            self.seen = [0; WORDS];
        } else {
            // What lies between has not come; its bits stand for counters that leave the window.
            let mut skipped = self.next;
            while skipped < counter {
                let whole_word = skipped.is_multiple_of(WORD) && counter - skipped >= WORD;
                *self.word_mut(skipped) &= if whole_word { 0 } else { !bit(skipped) };
                skipped += if whole_word { WORD } else { 1 };
            }
        }
        if counter + WINDOW >= self.next {
            *self.word_mut(counter) |= bit(counter);
        }
        self.next = self.next.max(counter + 1);
    }

    fn word(&self, counter: u64) -> u64 {
        self.seen[place(counter)]
    }

    fn word_mut(&mut self, counter: u64) -> &mut u64 {
        &mut self.seen[place(counter)]
    }
}

fn place(counter: u64) -> usize {
    (counter % WINDOW / WORD) as usize
}

fn bit(counter: u64) -> u64 {
    1 << (counter % WORD)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Jumps of all sizes, and the end of the counters.
    fn counters() -> impl Strategy<Value = Vec<u32>> {
        let near = 0u32..3_000;
        let anywhere = any::<u32>();
        let last = (u32::MAX - 2_000)..=u32::MAX;
        proptest::collection::vec(prop_oneof![6 => near, 1 => anywhere, 3 => last], 1..200)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn the_window_says_what_a_set_of_all_counters_says(counters in counters()) {
            let mut window = Window::EMPTY;
            let mut came = BTreeSet::new();
            for counter in counters {
                let too_old = came.last().is_some_and(|last: &u32| u64::from(*last - counter.min(*last)) >= WINDOW);
                prop_assert_eq!(window.has_seen(counter), too_old || came.contains(&counter), "{}", counter);
                window.mark(counter);
                prop_assert!(window.has_seen(counter));
                came.insert(counter);
                prop_assert_eq!(window.highest(), came.last().copied());
            }
        }
    }

    #[test]
    fn a_datagram_may_come_1023_counters_late_and_no_later() {
        let mut window = Window::EMPTY;
        window.mark(5_000);
        assert!(!window.has_seen(5_000 - 1_023));
        assert!(window.has_seen(5_000 - 1_024));
    }

    #[test]
    fn of_a_sender_that_was_put_aside_only_higher_counters_are_new() {
        let mut window = Window::above(7);
        assert!((0..=7).all(|counter| window.has_seen(counter)));
        assert!(!window.has_seen(8));
        window.mark(9);
        assert!(!window.has_seen(8) && window.has_seen(7));
        assert!(Window::above(u32::MAX).has_seen(u32::MAX));
    }
}
