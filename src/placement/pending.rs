//! Who is on the way: jobs that clients of this daemon have sent to a host and that its load doesn't show yet.
//!
//! A placement counts e^(-t/60 s), t seconds later: the mirror of how the kernel's 1-minute average rises, so
//! that load + pending stays level while the job starts to show.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{NodeId, Timestamp};

/// What is left of a job after a hundredth of a second: e^(-0.01 s / 60 s), with the time constant of the kernel's
/// 1-minute load average. Whole powers of it need no mathematical library, which would be a sixteenth of a
/// daemon's resident memory.
const LEFT_AFTER_A_HUNDREDTH: f64 = 0.999_833_347_221_450_7;

/// A host's pending never exceeds this many jobs per core, whatever clients say: else one of them could keep
/// everybody away from a host.
const JOBS_PER_CORE_MAX: f64 = 4.0;

/// One placement request in this time per client.
const PAUSE: Duration = Duration::from_secs(1);

/// Clients whose last request is remembered, at most; more than a host has processes that place within a second.
/// Beyond it newcomers are refused until the second is over.
const CLIENTS_MAX: usize = 1024;

/// Below half a hundredth nothing is shown, and nothing kept.
const FORGOTTEN_BELOW: f64 = 0.005;

/// Who asks: one number per client process, such as its process id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Client(pub u64);

/// The same client placed less than a second ago, or too many do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("one placement request a second per client")]
pub struct TooOften;

/// So many jobs for one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Where they go.
    pub id: NodeId,
    /// How many.
    pub count: u32,
    /// Of that host. Unknown counts as one.
    pub cores: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Jobs {
    amount: f64,
    at: Timestamp,
}

impl Jobs {
    fn left(self, now: Timestamp) -> f64 {
        let hundredths = i32::try_from(now.since(self.at).as_millis() / 10).unwrap_or(i32::MAX);
        self.amount * LEFT_AFTER_A_HUNDREDTH.powi(hundredths)
    }
}

/// What is pending on each host. Give it only hosts of the table, and it stays as small as that.
#[derive(Clone, Debug, Default)]
pub struct Pending {
    jobs: BTreeMap<NodeId, Jobs>,
    clients: BTreeMap<Client, Timestamp>,
}

impl Pending {
    /// `client` sends jobs to hosts.
    pub fn place(
        &mut self,
        now: Timestamp,
        client: Client,
        placements: impl IntoIterator<Item = Placed>,
    ) -> Result<(), TooOften> {
        self.clients.retain(|_, last| now.since(*last) < PAUSE);
        if self.clients.contains_key(&client) || self.clients.len() >= CLIENTS_MAX {
            return Err(TooOften);
        }
        self.clients.insert(client, now);
        self.jobs.retain(|_, jobs| jobs.left(now) >= FORGOTTEN_BELOW);
        for Placed { id, count, cores } in placements {
            let most = JOBS_PER_CORE_MAX * f64::from(cores.unwrap_or(1));
            let before = self.jobs.get(&id).map_or(0.0, |jobs| jobs.left(now));
            let amount = (before + f64::from(count)).min(most);
            self.jobs.insert(id, Jobs { amount, at: now });
        }
        Ok(())
    }

    /// What is pending on `id`, in hundredths of a job.
    #[must_use]
    pub fn hundredths(&self, now: Timestamp, id: NodeId) -> u32 {
        // At most 4 x 2^32 jobs; the cast saturates.
        self.jobs.get(&id).map_or(0, |jobs| (jobs.left(now) * 100.0).round() as u32)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::ZERO;
    const CLIENT: Client = Client(1);

    fn host(number: u16) -> NodeId {
        NodeId::derive([127, 0, 0, 1].into(), number, 0)
    }

    fn placed(count: u32, cores: u32) -> [Placed; 1] {
        [Placed { id: host(1), count, cores: Some(cores) }]
    }

    fn seconds(number: u64) -> Timestamp {
        START.after(Duration::from_secs(number))
    }

    #[test]
    fn a_placement_fades_as_the_kernels_load_average_rises() {
        let mut pending = Pending::default();
        pending.place(START, CLIENT, placed(2, 4)).unwrap();
        // 2 e^0 = 2; 2 e^-1 = 0.7358; 2 e^-2 = 0.2707; 2 e^-10 = 0.00009
        for (after, hundredths) in [(0, 200), (60, 74), (120, 27), (600, 0)] {
            assert_eq!(pending.hundredths(seconds(after), host(1)), hundredths, "{after} s later");
        }
        assert_eq!(pending.hundredths(START, host(2)), 0);
    }

    #[test]
    fn placements_of_different_times_add_up() {
        let mut pending = Pending::default();
        pending.place(START, CLIENT, placed(1, 4)).unwrap();
        pending.place(seconds(60), CLIENT, placed(1, 4)).unwrap();
        // e^-1 + 1 = 1.3679; a minute later e^-2 + e^-1 = 0.5032
        assert_eq!(pending.hundredths(seconds(60), host(1)), 137);
        assert_eq!(pending.hundredths(seconds(120), host(1)), 50);
    }

    #[test]
    fn pending_never_exceeds_four_jobs_per_core() {
        let mut pending = Pending::default();
        pending.place(START, CLIENT, placed(u32::MAX, 2)).unwrap();
        assert_eq!(pending.hundredths(START, host(1)), 800);
        pending.place(START, Client(2), placed(1, 2)).unwrap();
        assert_eq!(pending.hundredths(START, host(1)), 800);
    }

    #[test]
    fn a_client_places_once_a_second_and_others_are_not_held_up_by_it() {
        let mut pending = Pending::default();
        pending.place(START, CLIENT, placed(1, 8)).unwrap();
        let soon = START.after(Duration::from_millis(999));
        assert_eq!(pending.place(soon, CLIENT, placed(1, 8)), Err(TooOften));
        pending.place(soon, Client(2), placed(1, 8)).unwrap();
        pending.place(seconds(1), CLIENT, placed(1, 8)).unwrap();
    }

    #[test]
    fn memory_stays_bounded_whatever_clients_do() {
        let mut pending = Pending::default();
        for number in 0..10_000 {
            let _ = pending.place(START, Client(number), placed(1, 8));
        }
        assert_eq!(pending.clients.len(), CLIENTS_MAX);
        let all = (0..500).map(|number| Placed { id: host(number), count: 1, cores: None });
        pending.place(seconds(1), CLIENT, all).unwrap();
        assert_eq!(pending.jobs.len(), 500);
        pending.place(seconds(3600), CLIENT, placed(1, 1)).unwrap();
        assert_eq!((pending.jobs.len(), pending.clients.len()), (1, 1));
    }

    proptest! {
        #[test]
        fn load_and_pending_stay_level_while_a_job_starts_to_show(after in 0u64..600) {
            let mut pending = Pending::default();
            pending.place(START, CLIENT, placed(1, 1)).unwrap();
            let shown = 1.0 - (-(after as f64) / 60.0).exp(); // The kernel's average of one job that began at 0.
            let both = shown * 100.0 + f64::from(pending.hundredths(seconds(after), host(1)));
            prop_assert!((both - 100.0).abs() <= 0.51, "{both}");
        }
    }
}
