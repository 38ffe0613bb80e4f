//! The slow truth: everything that a shard derives, recomputed from its facts.

use std::collections::BTreeSet;

use super::Shard;
use crate::store::catalogue::{Record, Slot};

impl Shard {
    /// Compares every derived thing with the facts.
    ///
    /// # Panics
    /// If one is wrong.
    pub(in crate::store) fn check(&self) {
        let mut slots = BTreeSet::new();
        for (key, head) in self.heads.scan(&[], None, &self.facts) {
            assert!(!head.is_empty(), "a key without facts is not there");
            for slot in head {
                assert!(slots.insert(*slot), "a fact has one place");
                assert_eq!(self.get(*slot).map(|fact| fact.key()), Some(key), "and its own key");
            }
        }
        let held: BTreeSet<_> = self.facts.iter().map(|(slot, _)| slot as Slot).collect();
        assert_eq!(slots, held, "every fact is found by its key");
        let records = self.facts.iter().map(|(slot, fact)| Record::of(fact, slot as Slot));
        self.catalogue.check(records);
    }
}
