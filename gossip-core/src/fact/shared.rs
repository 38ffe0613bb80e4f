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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::{Domain, Draft, FactKind, SigningKeys};
    use crate::id::{ChannelId, ClusterId, TopicId};
    use crate::time::{Hlc, Wall};

    fn facts(count: u64) -> Vec<Envelope> {
        let cluster = ClusterId::from_name("test");
        let domain = Domain::new(cluster, ChannelId::derived(cluster, ChannelId::MAIN));
        let keys = SigningKeys::new([1; 32], [2; 32]);
        let sign = |number: u64| {
            let draft = Draft {
                context: Vec::new(),
                expires_at: Wall::ZERO,
                hlc: Hlc::from_wall(Wall::from_millis(number)),
                key: "key".into(),
                kind: FactKind::ENTRY,
                topic: TopicId(0),
                value: Some("value".into()),
            };
            draft.sign(&keys, &domain).unwrap().into_inner()
        };
        (1..=count).map(sign).collect()
    }

    /// How many of these facts are checked when each that is checked is found to be so, and how many are
    /// good.
    fn checked(shared: &SharedVerdicts, facts: &[Envelope], found: Result<(), Why>) -> [usize; 2] {
        let mut count = 0;
        let outcomes = shared.check(facts, |facts| {
            let outcomes: Vec<_> = facts.map(|_| found).collect();
            count = outcomes.len();
            outcomes
        });
        assert_eq!(outcomes.len(), facts.len(), "one outcome for each");
        [count, outcomes.iter().filter(|outcome| outcome.is_ok()).count()]
    }

    #[test]
    fn what_is_good_is_checked_once_and_what_is_not_each_time() {
        let (shared, facts) = (SharedVerdicts::new(100), facts(10));
        let (bad, good) = facts.split_at(4);
        assert_eq!(checked(&shared, bad, Err(Why::BadSignature)), [4, 0]);
        assert_eq!(checked(&shared, good, Ok(())), [6, 6]);
        assert_eq!(checked(&shared, &facts, Err(Why::BadSignature)), [4, 6]);
        assert_eq!(checked(&shared, good, Err(Why::BadSignature)), [0, 6]);
    }

    #[test]
    fn the_latest_half_is_remembered() {
        let (shared, facts) = (SharedVerdicts::new(8), facts(20));
        assert_eq!(checked(&shared, &facts, Ok(())), [20, 20]);
        assert_eq!(checked(&shared, &facts[16..], Err(Why::BadSignature)), [0, 4]);
        assert_eq!(checked(&shared, &facts[..12], Err(Why::BadSignature)), [12, 0]);
    }
}
