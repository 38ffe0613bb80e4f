//! Facts from the future: verified, held back until their time comes.

use std::collections::BTreeMap;

use crate::config::SKEW;
use crate::fact::{Envelope, Verified};
use crate::id::{FactId, NodeId};
use crate::mistake::{Mistake, made};
use crate::time::Wall;

/// One author has at most this share of the table, so that nobody fills it for the others.
const SHARES: usize = 8;

/// Facts further ahead than this are not parked either: a day (a guess). A clock that far off is
/// not skewed but wrong.
const FAR: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// A bounded table, ordered by when each fact may be merged. What does not fit is offered again
/// by repair once its time has come; nothing is remembered against it.
#[derive(Debug)]
pub(super) struct Parking {
    authors: BTreeMap<NodeId, usize>,
    facts: BTreeMap<(Wall, FactId), (Verified<Envelope>, Option<NodeId>)>,
    limit: usize,
}

impl Parking {
    pub(super) const fn new(limit: usize) -> Self {
        Self { authors: BTreeMap::new(), facts: BTreeMap::new(), limit }
    }

    pub(super) fn len(&self) -> usize {
        self.facts.len()
    }

    pub(super) fn contains(&self, fact: &Envelope) -> bool {
        self.facts.contains_key(&(ripens(fact), fact.id()))
    }

    /// Whether an id begins with these bytes. They are few, and ordered by time.
    pub(super) fn names(&self, key: &[u8; 8]) -> bool {
        self.facts.keys().any(|(_, id)| id.as_bytes().starts_with(key))
    }

    /// Whether a fact is dated too far ahead to be merged now.
    pub(super) fn is_early(wall: Wall, fact: &Envelope) -> bool {
        ripens(fact) > wall && !made(Mistake::SkipClockBound)
    }

    /// Whether a fact is dated so far ahead that it is not parked either.
    pub(super) fn is_far(wall: Wall, fact: &Envelope) -> bool {
        ripens(fact) > wall + FAR
    }

    /// Parks a fact; false when there is no room for it.
    pub(super) fn park(
        &mut self,
        wall: Wall,
        fact: Verified<Envelope>,
        from: Option<NodeId>,
    ) -> bool {
        let held = self.authors.get(&fact.author()).copied().unwrap_or(0);
        let full = self.facts.len() >= self.limit || held >= (self.limit / SHARES).max(1);
        if full || Self::is_far(wall, &fact) {
            return false;
        }
        let author = fact.author();
        if self.facts.insert((ripens(&fact), fact.id()), (fact, from)).is_none() {
            *self.authors.entry(author).or_default() += 1;
        }
        true
    }

    /// Takes out what may be merged now.
    pub(super) fn ripe(&mut self, wall: Wall) -> Vec<(Verified<Envelope>, Option<NodeId>)> {
        let mut ripe = Vec::new();
        while let Some(first) = self.facts.first_entry() {
            if first.key().0 > wall {
                break;
            }
            let (fact, from) = first.remove();
            if let Some(count) = self.authors.get_mut(&fact.author()) {
                *count -= 1;
                if *count == 0 {
                    self.authors.remove(&fact.author());
                }
            }
            ripe.push((fact, from));
        }
        ripe
    }

    /// When the next fact ripens.
    pub(super) fn next(&self) -> Option<Wall> {
        self.facts.first_key_value().map(|(&(wall, _), _)| wall)
    }
}

fn ripens(fact: &Envelope) -> Wall {
    fact.hlc().wall() - SKEW
}
