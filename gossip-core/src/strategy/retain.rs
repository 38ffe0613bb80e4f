//! The conflict rule: which facts of a key are kept. A policy.
//!
//! A rule never makes facts; it *retains* a bounded subset of signed ones, and does so in a way
//! that makes the order of arrival irrelevant.

mod keep_siblings;
mod last_write;

use std::fmt::Debug;

pub use self::keep_siblings::{KeepSiblings, current};
pub use self::last_write::LastWrite;
use crate::fact::Envelope;

/// Which facts of one key are kept.
///
/// Law: `retain(A ∪ B) = retain(retain(A) ∪ retain(B))`, from which follow associativity,
/// commutativity and idempotence of merging; and a single fact is always kept.
pub trait Retain: Debug + Send + Sync {
    /// The rule's name in configuration, kebab-case. A mismatch refuses the channel.
    fn name(&self) -> &'static str;

    /// The most facts that it keeps for a key; between 1 and 16.
    fn limit(&self) -> usize;

    /// Keeps the retained ones of `facts`, which have one key and distinct ids, and sorts them
    /// into the rule's own order, the most important first.
    fn retain(&self, facts: &mut Vec<&Envelope>);

    /// Which of a key's retained facts a reader sees; all of them unless the rule knows better.
    fn read<'a>(&self, facts: &'a [Envelope]) -> Vec<&'a Envelope> {
        facts.iter().collect()
    }

    /// What this fact competes for, hashed, if a higher version of the same displaces it for
    /// certain; zeros if nothing does. It spares partners from sending what loses anyway.
    fn rival(&self, fact: &Envelope) -> [u8; 8];
}

/// The first 8 bytes of a hash over length-prefixed parts; never all zeros by accident worth
/// caring about.
fn hash8(parts: &[&[u8]]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let mut short = [0; 8];
    short.copy_from_slice(hasher.finalize().as_bytes().split_at(8).0);
    short
}
