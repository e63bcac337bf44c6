//! Many hosts at a time, and what a person sees meanwhile.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::super::console::Console;

/// Does `work` for each of `items`, `jobs` at a time; the results in the items' order. `what` is said on a terminal, with how many
/// are done.
pub(super) fn each<T: Sync, R: Send>(
    items: &[T],
    jobs: usize,
    (console, what): (&Console, &str),
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    let progress = Progress { console, what, all: items.len() };
    progress.show(0);
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(place) else { return };
                    let result = work(item);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.push((place, result));
                    progress.show(results.len());
                }
            });
        }
    });
    progress.clear();
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

/// One line of stderr, where a person reads it.
#[derive(Clone, Copy)]
struct Progress<'a> {
    console: &'a Console,
    what: &'a str,
    all: usize,
}

impl Progress<'_> {
    fn show(self, done: usize) {
        if self.console.is_watched() {
            self.console.explain(&format!("\r\x1b[K{}: {done} of {}", self.what, self.all));
        }
    }

    fn clear(self) {
        if self.console.is_watched() {
            self.console.explain("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn no_more_than_are_allowed_work_at_a_time_and_results_come_in_order() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let items: Vec<usize> = (0..20).collect();
        let begin = Instant::now();
        let results = each(&items, 4, (&Console::new("test"), "working"), |item| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Until all that may work do.
            while most.load(Ordering::SeqCst) < 4 && begin.elapsed() < Duration::from_secs(30) {
                thread::yield_now();
            }
            thread::sleep(Duration::from_millis(2));
            now.fetch_sub(1, Ordering::SeqCst);
            item * 2
        });
        assert_eq!(results, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert_eq!(most.load(Ordering::SeqCst), 4);
        assert!(each(&Vec::<usize>::new(), 4, (&Console::new("test"), ""), |item| *item).is_empty());
    }
}
