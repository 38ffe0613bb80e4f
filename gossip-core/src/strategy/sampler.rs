//! Whom to talk to this time. A policy.

mod shuffled;
mod spatial;
mod uniform;
mod weighted;

use std::fmt::Debug;

pub use self::shuffled::Shuffled;
pub use self::spatial::{Line, Spatial};
pub use self::uniform::Uniform;
pub use self::weighted::Weighted;
use super::Partners;
use crate::id::NodeId;
use crate::rng::Rng;

/// Chooses partners.
///
/// Law: what it returns are distinct partners that `eligible` admits, and `min(count, eligible)`
/// of them. Whoever is no partner (ourselves, the dead) is never chosen.
pub trait Sampler: Debug + Send {
    /// The sampler's name in configuration.
    fn name(&self) -> &'static str;

    /// Chooses `count` of the partners that `eligible` admits; it says the same of a node each time
    /// that it is asked.
    fn pick(
        &mut self,
        rng: &mut Rng,
        partners: Partners<'_>,
        count: usize,
        eligible: &dyn Fn(&NodeId) -> bool,
    ) -> Vec<NodeId>;
}
