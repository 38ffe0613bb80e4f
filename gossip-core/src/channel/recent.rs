//! Ids of facts that were merged lately: answers duplicates without asking the store.

use std::collections::{BTreeSet, VecDeque};

use crate::id::FactId;

/// A bounded set; the oldest id makes room for a new one. A forgotten id costs a question to
/// the store, never a second verification.
#[derive(Debug)]
pub(super) struct Recent {
    ids: BTreeSet<FactId>,
    limit: usize,
    order: VecDeque<FactId>,
}

impl Recent {
    pub(super) const fn new(limit: usize) -> Self {
        Self { ids: BTreeSet::new(), limit, order: VecDeque::new() }
    }

    pub(super) fn contains(&self, id: &FactId) -> bool {
        self.ids.contains(id)
    }

    /// Whether an id begins with these bytes.
    pub(super) fn names(&self, key: &[u8; 8]) -> bool {
        let first = FactId::beginning_with(key);
        self.ids.range(first..).next().is_some_and(|id| id.as_bytes().starts_with(key))
    }

    pub(super) fn insert(&mut self, id: FactId) {
        if self.limit == 0 || !self.ids.insert(id) {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }

    /// Forgets an id: its fact was displaced, and whoever offers it again has missed by what.
    pub(super) fn remove(&mut self, id: &FactId) {
        // Its place in the order stays, and is skipped when its turn comes.
        self.ids.remove(id);
    }

    pub(super) fn clear(&mut self) {
        self.ids.clear();
        self.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_the_oldest() {
        let id = |n: u8| FactId::from_bytes([n; 32]);
        let mut recent = Recent::new(2);
        [1, 2, 2, 3].into_iter().for_each(|n| recent.insert(id(n)));
        assert!(!recent.contains(&id(1)) && recent.contains(&id(2)) && recent.contains(&id(3)));
        recent.clear();
        assert!(!recent.contains(&id(3)));
    }
}
