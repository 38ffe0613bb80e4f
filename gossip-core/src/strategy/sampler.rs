//! Whom to talk to this time. A policy.

mod shuffled;
mod uniform;
mod weighted;

use std::fmt::Debug;

pub use self::shuffled::Shuffled;
pub use self::uniform::Uniform;
pub use self::weighted::Weighted;
use crate::id::NodeId;
use crate::rng::Rng;

/// Chooses partners.
///
/// Law: what it returns are distinct members of `candidates`, and `min(count, candidates)` of
/// them. Whoever is not a candidate (ourselves, the dead) is never chosen.
pub trait Sampler: Debug + Send {
    /// The sampler's name in configuration.
    fn name(&self) -> &'static str;

    /// Chooses `count` of `candidates`, which are distinct and in ascending order.
    fn pick(&mut self, rng: &mut Rng, candidates: &[NodeId], count: usize) -> Vec<NodeId>;
}
