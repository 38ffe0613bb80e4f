//! The last write wins.

use super::Retain;
use crate::fact::Envelope;

/// Keeps the fact with the highest (version, author, id). The default rule.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct LastWrite;

impl Retain for LastWrite {
    fn name(&self) -> &'static str {
        "last-write"
    }

    fn limit(&self) -> usize {
        1
    }

    fn retain(&self, facts: &mut Vec<&Envelope>) {
        let highest =
            facts.iter().copied().max_by_key(|fact| (fact.hlc(), fact.author(), fact.id()));
        facts.clear();
        facts.extend(highest);
    }

    fn rival(&self, fact: &Envelope) -> [u8; 8] {
        super::hash8(&[fact.key()])
    }
}
