//! How a new fact fares against what its key has: the one rule of every store's merge.

use crate::fact::Envelope;
use crate::mistake::{Mistake, made};
use crate::strategy::Retain;
use crate::time::Epoch;

/// How a new fact fares against what its key has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store that overlooks an outcome must not compile")]
pub enum Decision {
    /// It is held.
    Known,
    /// The key's facts are to be these, in the rule's order: places among those held; `None` is
    /// the new one.
    Keep(Vec<Option<usize>>),
    /// The key has no fact yet.
    New,
    /// The rule prefers what is held. The place of a dormant fact that alone displaces the new
    /// one is named.
    Obsolete(Option<usize>),
}

/// Decides between a fact and those that its key has; what left up to `epoch` is dormant.
pub fn decide<'a>(
    retain: &dyn Retain,
    fact: &'a Envelope,
    held: impl Iterator<Item = &'a Envelope> + Clone,
    epoch: Epoch,
) -> Decision {
    if held.clone().next().is_none() {
        return Decision::New;
    }
    if held.clone().any(|held| held.id() == fact.id()) {
        return Decision::Known;
    }
    if made(Mistake::MergeByArrival) {
        return Decision::Keep(vec![None]);
    }
    let mut kept: Vec<_> = held.clone().chain([fact]).collect();
    retain.retain(&mut kept);
    debug_assert!((1..=retain.limit()).contains(&kept.len()), "{retain:?} breaks a law");
    if kept.iter().any(|kept| kept.id() == fact.id()) {
        let place = |kept: &Envelope| held.clone().position(|held| held.id() == kept.id());
        return Decision::Keep(kept.into_iter().map(place).collect());
    }
    let dormant = |held: &Envelope| held.leaves_at() <= epoch && supersedes(retain, held, fact);
    Decision::Obsolete(held.clone().position(dormant))
}

/// Whether a fact alone displaces another of its key.
fn supersedes(retain: &dyn Retain, held: &Envelope, fact: &Envelope) -> bool {
    let mut both = vec![held, fact];
    retain.retain(&mut both);
    both.iter().all(|kept| kept.id() != fact.id())
}
