//! A table that has an upper size: what was used longest ago makes room.

use std::collections::BTreeMap;

/// At most `max` values; the least recently used one makes room for the next.
#[derive(Clone, Debug)]
pub(super) struct Recent<K, V> {
    max: usize,
    uses: u64,
    values: BTreeMap<K, (u64, V)>,
    /// Keys in the order of their last use.
    order: BTreeMap<u64, K>,
}

impl<K: Ord + Copy, V> Recent<K, V> {
    /// Empty, for at most `max` values.
    pub fn new(max: usize) -> Self {
        Self { max, uses: 0, values: BTreeMap::new(), order: BTreeMap::new() }
    }

    pub fn get(&self, key: K) -> Option<&V> {
        self.values.get(&key).map(|(_, value)| value)
    }

    /// The value at `key`, which is now the most recently used.
    pub fn touch(&mut self, key: K) -> Option<&mut V> {
        let (used, value) = self.values.get_mut(&key)?;
        self.order.remove(used);
        self.uses += 1;
        *used = self.uses;
        self.order.insert(self.uses, key);
        Some(value)
    }

    /// Puts `value` at `key`, where nothing was; returns what made room for it.
    pub fn insert(&mut self, key: K, value: V) -> Option<(K, V)> {
        self.remove(key);
        let oldest = if self.values.len() >= self.max { self.order.pop_first() } else { None };
        let gone = oldest.and_then(|(_, key)| self.values.remove(&key).map(|(_, value)| (key, value)));
        self.uses += 1;
        self.order.insert(self.uses, key);
        self.values.insert(key, (self.uses, value));
        gone
    }

    pub fn remove(&mut self, key: K) -> Option<V> {
        let (used, value) = self.values.remove(&key)?;
        self.order.remove(&used);
        Some(value)
    }

    pub fn clear(&mut self) {
        self.values.clear();
        self.order.clear();
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        assert_eq!(self.values.len(), self.order.len());
        self.values.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_makes_room() {
        let mut recent = Recent::new(2);
        assert_eq!(recent.insert('a', 1), None);
        assert_eq!(recent.insert('b', 2), None);
        assert_eq!(recent.touch('a'), Some(&mut 1));
        assert_eq!(recent.insert('c', 3), Some(('b', 2)));
        assert_eq!((recent.get('a'), recent.get('b'), recent.get('c')), (Some(&1), None, Some(&3)));
        assert_eq!(recent.remove('a'), Some(1));
        assert_eq!(recent.insert('d', 4), None);
        assert_eq!(recent.len(), 2);
    }
}
