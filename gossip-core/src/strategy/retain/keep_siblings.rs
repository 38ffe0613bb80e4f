//! Concurrent writes stay side by side until a reader or writer resolves them.

use std::collections::BTreeMap;

use super::Retain;
use crate::fact::{Dot, Envelope, MAX_CONTEXT};

/// Keeps each author's newest fact, for the 16 authors lowest by blake3(key, author).
///
/// Which siblings are *current* is decided at read time by [`current`].
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct KeepSiblings;

impl Retain for KeepSiblings {
    fn name(&self) -> &'static str {
        "keep-siblings"
    }

    fn limit(&self) -> usize {
        MAX_CONTEXT
    }

    fn retain(&self, facts: &mut Vec<&Envelope>) {
        let mut newest = BTreeMap::new();
        for fact in facts.drain(..) {
            let rank = *blake3::hash(&[fact.key(), fact.author().as_bytes()].concat()).as_bytes();
            let held = newest.entry((rank, fact.author())).or_insert(fact);
            if (fact.hlc(), fact.id()) > (held.hlc(), held.id()) {
                *held = fact;
            }
        }
        facts.extend(newest.into_values().take(MAX_CONTEXT));
    }

    fn read<'a>(&self, facts: &'a [Envelope]) -> Vec<&'a Envelope> {
        current(facts)
    }

    fn rival(&self, fact: &Envelope) -> [u8; 8] {
        super::hash8(&[fact.key(), fact.author().as_bytes()])
    }
}

/// The siblings that no other sibling's author had seen, newest first.
///
/// A writer records in its header's context the version of every author that it had read; what
/// is at or below such a dot is overwritten, except the writer's own fact.
#[must_use]
pub fn current(siblings: &[Envelope]) -> Vec<&Envelope> {
    let seen: Vec<Dot> = siblings.iter().flat_map(|fact| fact.header().context).collect();
    let overwritten = |fact: &Envelope| {
        seen.iter().any(|dot| dot.author == fact.author() && dot.hlc >= fact.hlc())
    };
    let mut current: Vec<_> = siblings.iter().filter(|fact| !overwritten(fact)).collect();
    current.sort_by_key(|fact| std::cmp::Reverse((fact.hlc(), fact.author(), fact.id())));
    current
}
