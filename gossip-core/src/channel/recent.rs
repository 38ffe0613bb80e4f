//! Ids of facts that were merged lately: answers duplicates without asking the store.

use std::collections::BTreeSet;
use std::mem::take;

use crate::id::FactId;

/// A bounded set: half of what it may hold makes room at once for what comes. A forgotten id costs a question to
/// the store, never a second verification.
///
/// Half of an id is kept, as where replicas are compared: whoever wants two ids that begin with the same 16 bytes has to try
/// 2^64 facts, and nodes that know the one learn of the other by comparing.
#[derive(Debug)]
pub(super) struct Recent {
    earlier: BTreeSet<Name>,
    /// No more than half of the limit.
    latest: BTreeSet<Name>,
    limit: usize,
}

/// The first half of an id.
type Name = [u8; 16];

impl Recent {
    pub(super) const fn new(limit: usize) -> Self {
        Self { earlier: BTreeSet::new(), latest: BTreeSet::new(), limit }
    }

    pub(super) fn contains(&self, id: &FactId) -> bool {
        let name = id.short();
        self.latest.contains(&name) || self.earlier.contains(&name)
    }

    /// Whether an id begins with these bytes.
    pub(super) fn names(&self, key: &[u8; 8]) -> bool {
        let mut first = [0; 16];
        first.split_at_mut(8).0.copy_from_slice(key);
        let begins = |names: &BTreeSet<Name>| {
            names.range(first..).next().is_some_and(|name| name.starts_with(key))
        };
        begins(&self.latest) || begins(&self.earlier)
    }

    pub(super) fn insert(&mut self, id: FactId) {
        if self.limit == 0 || self.contains(&id) {
            return;
        }
        if self.latest.len() >= (self.limit / 2).max(1) {
            self.earlier = take(&mut self.latest);
        }
        self.latest.insert(id.short());
    }

    /// Forgets an id: its fact was displaced, and whoever offers it again has missed by what.
    pub(super) fn remove(&mut self, id: &FactId) {
        let name = id.short();
        self.latest.remove(&name);
        self.earlier.remove(&name);
    }

    pub(super) fn clear(&mut self) {
        self.earlier.clear();
        self.latest.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn id(n: u8) -> FactId {
        FactId::from_bytes([n; 32])
    }

    #[test]
    fn forgets_the_oldest_half() {
        let mut recent = Recent::new(4);
        [1, 2, 2, 3, 4].into_iter().for_each(|n| recent.insert(id(n)));
        assert!((1..=4).all(|n| recent.contains(&id(n))), "a repeated id takes no room");
        recent.insert(id(5));
        let known: Vec<_> = (1..=5).filter(|n| recent.contains(&id(*n))).collect();
        assert_eq!(known, [3, 4, 5]);
        recent.clear();
        assert!(!recent.contains(&id(5)));
    }

    #[test]
    fn what_is_displaced_is_unknown_wherever_it_stands() {
        let mut recent = Recent::new(4);
        (1..=3).for_each(|n| recent.insert(id(n)));
        for n in [1, 3] {
            assert!(recent.names(&[n; 8]));
            recent.remove(&id(n));
            assert!(!recent.contains(&id(n)) && !recent.names(&[n; 8]));
        }
        assert!(recent.names(&[2; 8]) && recent.contains(&id(2)));
    }

    #[test]
    fn nothing_is_kept_where_nothing_may_be() {
        let mut recent = Recent::new(0);
        recent.insert(id(1));
        assert!(!recent.contains(&id(1)));
    }
}
