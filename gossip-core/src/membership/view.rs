//! The view's retain rule: the last word about each member.

use super::alive;
use crate::fact::{Envelope, FactKind, Why};
use crate::strategy::Retain;

/// Keeps one fact per subject: the highest incarnation; of one incarnation a leave before an
/// alive; of two alike the higher (version, id).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ViewRetain;

impl Retain for ViewRetain {
    fn name(&self) -> &'static str {
        "view"
    }

    fn limit(&self) -> usize {
        1
    }

    fn retain(&self, facts: &mut Vec<&Envelope>) {
        let rank = |fact: &&Envelope| {
            let leaves = fact.kind() == FactKind::LEAVE;
            (alive::incarnation(fact).unwrap_or(0), leaves, fact.hlc(), fact.id())
        };
        let last_word = facts.iter().copied().max_by_key(rank);
        facts.clear();
        facts.extend(last_word);
    }

    fn rival(&self, _fact: &Envelope) -> [u8; 8] {
        // A higher version does not always win here, so nothing is spared.
        [0; 8]
    }
}

/// Whether a fact may stand in the view: a statement of its subject, well-formed.
///
/// # Errors
/// [`Why::WrongKind`], [`Why::NotTheSubject`], or what decoding finds.
pub fn admit(fact: &Envelope) -> Result<(), Why> {
    alive::incarnation(fact)?;
    if fact.key() == fact.author().as_bytes() { Ok(()) } else { Err(Why::NotTheSubject) }
}
