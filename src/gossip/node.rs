//! Skeleton: the interface that the shell and the simulator call.

use super::{Identity, Input, Output, Settings, Summary};
use crate::model::{HostView, NodeId, SessionId, Timestamp};

/// One host's part in the gossip.
#[derive(Debug)]
pub struct Node {}

impl Node {
    /// A host that knows nobody. `wall_seconds`: seconds since 1970, a hint for the incarnation. `seed`:
    /// drawn by the shell from the system's entropy.
    #[must_use]
    pub fn new(
        now: Timestamp,
        settings: Settings,
        identity: Identity,
        session: SessionId,
        wall_seconds: u64,
        seed: u64,
    ) -> Self {
        let _ = (now, settings, identity, session, wall_seconds, seed);
        Self {}
    }

    /// Takes one input at `now`, pushes what should happen. Cannot fail, never blocks.
    pub fn step(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>) {
        let _ = (now, input, out);
    }

    /// When the next [`Input::Tick`] is wanted.
    #[must_use]
    pub fn next_deadline(&self) -> Timestamp {
        Timestamp::ZERO
    }

    /// This host's id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        unimplemented!()
    }

    /// All hosts, this one included, in order of ids. `pending_hundredths` is zero: the daemon fills it in.
    #[must_use]
    pub fn hosts(&self, now: Timestamp) -> Vec<HostView> {
        let _ = now;
        Vec::new()
    }

    /// What `--status` shows of it.
    #[must_use]
    pub fn summary(&self, now: Timestamp) -> Summary {
        let _ = now;
        unimplemented!()
    }
}
