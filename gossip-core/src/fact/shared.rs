//! Verdicts that several nodes of one process share: what one of them has checked, the others know.

use std::collections::BTreeSet;
use std::fmt;
use std::mem::take;
use std::sync::{Mutex, PoisonError};

use super::{Envelope, Signature, Why};
use crate::id::FactId;

/// Facts whose signatures were found good, under their whole identity; the latest that were learned
/// are known.
///
/// One check runs at a time, so that two nodes that were sent the same fact at once do not both
/// check it. That is right for many nodes that are told the same, and wrong for nodes with different work.
pub struct SharedVerdicts {
    /// What is remembered before the older half is forgotten.
    half: usize,
    good: Mutex<Good>,
}

#[derive(Default)]
struct Good {
    earlier: BTreeSet<(FactId, Signature)>,
    latest: BTreeSet<(FactId, Signature)>,
}

impl SharedVerdicts {
    /// Remembers so many facts, of 96 bytes each; half of them are forgotten at a time.
    #[must_use]
    pub fn new(facts: usize) -> Self {
        Self { half: facts.div_ceil(2).max(1), good: Mutex::default() }
    }

    /// Outcomes in the order of the facts; those that nobody knows are checked together.
    pub(super) fn check(
        &self,
        facts: &[Envelope],
        check: impl FnOnce(&mut dyn Iterator<Item = &Envelope>) -> Vec<Result<(), Why>>,
    ) -> Vec<Result<(), Why>> {
        // A check that panicked has remembered nothing.
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        let known: Vec<_> = facts.iter().map(|fact| good.knows(&identity(fact))).collect();
        let unknown = || facts.iter().zip(&known).filter(|(_, known)| !**known);
        let outcomes = check(&mut unknown().map(|(fact, _)| fact));
        for ((fact, _), outcome) in unknown().zip(&outcomes) {
            if outcome.is_ok() {
                good.learn(identity(fact), self.half);
            }
        }
        let mut outcomes = outcomes.into_iter();
        let outcome = |known| if known { Some(Ok(())) } else { outcomes.next() };
        known.into_iter().map_while(outcome).collect()
    }
}

impl Good {
    fn knows(&self, identity: &(FactId, Signature)) -> bool {
        self.latest.contains(identity) || self.earlier.contains(identity)
    }

    fn learn(&mut self, identity: (FactId, Signature), half: usize) {
        if self.latest.len() >= half {
            self.earlier = take(&mut self.latest);
        }
        self.latest.insert(identity);
    }
}

impl fmt::Debug for SharedVerdicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedVerdicts").field("half", &self.half).finish_non_exhaustive()
    }
}

fn identity(fact: &Envelope) -> (FactId, Signature) {
    (fact.id(), fact.signature())
}
