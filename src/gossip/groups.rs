//! Rule 1: affinity groups. A host's group is the first `bits` bits of its id; in a sorted list of ids
//! each group is one stretch.

use std::ops::Range;

use crate::model::NodeId;

/// Everybody is a group of its own: sending straight to all, no second hop.
pub(super) const DIRECT: u8 = 48;

/// Up to this many hosts, sending straight to everyone costs fewer bytes than two hops.
const DIRECT_HOSTS_MAX: usize = 20;

/// A group needs this many members, so that one lossy or dying relay is not all that it has.
const GROUP_MIN: usize = 3;

/// How many bits name a group among the hosts of `living` (sorted): round(log2 sqrt(3 N)), less where that
/// leaves a group with fewer than [`GROUP_MIN`] members.
pub(super) fn bits(living: &[NodeId]) -> u8 {
    if living.len() <= DIRECT_HOSTS_MAX {
        return DIRECT;
    }
    let mut bits = 1;
    // round(log2 sqrt(3 N)) = b  <=>  2^(2b - 1) <= 3 N < 2^(2b + 1)
    while 1u64 << (2 * u32::from(bits) + 1) <= 3 * living.len() as u64 {
        bits += 1;
    }
    while bits > 0 && !all_groups_have(living, bits, GROUP_MIN) {
        bits -= 1;
    }
    bits
}

fn all_groups_have(living: &[NodeId], bits: u8, least: usize) -> bool {
    let mut groups = 0;
    let full = ranges(living, bits).all(|range| {
        groups += 1;
        range.len() >= least
    });
    full && groups == 1u64 << bits
}

/// The number of the group that `id` is in.
fn group(id: NodeId, bits: u8) -> u64 {
    id.as_u64().checked_shr(u32::from(DIRECT - bits.min(DIRECT))).unwrap_or(0)
}

/// How many leading bits two ids share.
pub(super) fn shared_bits(a: NodeId, b: NodeId) -> u8 {
    let differing = (a.as_u64() ^ b.as_u64()) << 16;
    u8::try_from(differing.leading_zeros()).unwrap_or(DIRECT).min(DIRECT)
}

/// The stretches of `living` (sorted) that are groups, in order.
pub(super) fn ranges(living: &[NodeId], bits: u8) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        let first = *living.get(start)?;
        let length = if bits >= DIRECT {
            1
        } else {
            living[start..].partition_point(|id| group(*id, bits) == group(first, bits))
        };
        let range = start..start + length;
        start = range.end;
        Some(range)
    })
}

/// The members of `living` (sorted) in the group of `id`.
pub(super) fn members(living: &[NodeId], id: NodeId, bits: u8) -> &[NodeId] {
    let start = living.partition_point(|other| group(*other, bits) < group(id, bits));
    let end = living.partition_point(|other| group(*other, bits) <= group(id, bits));
    &living[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn even_ids(count: u64) -> Vec<NodeId> {
        (0..count)
            .map(|i| {
                let bytes = (((i << 40) / count) << 8).to_be_bytes();
                NodeId::from_bytes(bytes[2..8].try_into().unwrap())
            })
            .collect()
    }

    #[test]
    fn bits_follow_the_square_root_of_three_n() {
        for (count, expected) in [(2, 48), (20, 48), (32, 3), (100, 4), (500, 5), (2000, 6), (10_000, 7)] {
            assert_eq!(bits(&even_ids(count)), expected, "{count} hosts");
        }
    }

    #[test]
    fn bits_leave_no_group_with_fewer_than_three_members() {
        let mut ids = even_ids(100);
        ids.retain(|id| group(*id, 4) != 7);
        assert_eq!(bits(&ids), 3);
    }

    #[test]
    fn groups_are_stretches_that_cover_everybody_once() {
        let ids = even_ids(100);
        for bits in [0, 1, 4, 48] {
            let all: Vec<usize> = ranges(&ids, bits).flatten().collect();
            assert_eq!(all, (0..100).collect::<Vec<_>>());
        }
        assert_eq!(members(&ids, ids[50], 4).len(), 7);
        assert_eq!(members(&ids, ids[50], 48), &[ids[50]]);
        assert_eq!(members(&ids, ids[50], 0).len(), 100);
        assert!(members(&ids, ids[50], 4).iter().all(|id| shared_bits(*id, ids[50]) >= 4));
    }
}
