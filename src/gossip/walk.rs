//! The walk of rules 3 and 4: through a shuffled list of all members, so that nobody is forgotten and
//! nobody is sought out.

use crate::model::NodeId;

use crate::model::Dice;

/// A shuffled list of members and the place in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Walk {
    order: Vec<NodeId>,
    place: usize,
}

impl Walk {
    /// Follows the membership: who is gone leaves the list, a newcomer gets a random place in it.
    /// `living` is sorted.
    pub fn follow(&mut self, living: &[NodeId], me: NodeId, dice: &mut Dice) {
        self.order.retain(|id| *id != me && living.binary_search(id).is_ok());
        if self.order.len() + 1 >= living.len() {
            return;
        }
        let mut known = self.order.clone();
        known.sort_unstable();
        for id in living.iter().filter(|id| **id != me && known.binary_search(id).is_err()) {
            self.order.push(*id);
            let (last, place) = (self.order.len() - 1, dice.below(self.order.len()));
            self.order.swap(last, place);
        }
    }

    /// The next member; after the last a new order begins.
    pub fn next(&mut self, dice: &mut Dice) -> Option<NodeId> {
        if self.place >= self.order.len() {
            dice.shuffle(&mut self.order);
            self.place = 0;
        }
        let id = self.order.get(self.place).copied();
        self.place += 1;
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_forgets_nobody_and_takes_in_newcomers() {
        let ids: Vec<NodeId> = (0..30u8).map(|i| NodeId::from_bytes([i, 0, 0, 0, 0, 0])).collect();
        let (mut walk, mut dice) = (Walk::default(), Dice::new(1));
        walk.follow(&ids[..20], ids[0], &mut dice);
        walk.next(&mut dice);
        walk.follow(&ids[5..], ids[5], &mut dice);
        let mut seen: Vec<NodeId> = (0..48).filter_map(|_| walk.next(&mut dice)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, ids[6..]);
    }
}
