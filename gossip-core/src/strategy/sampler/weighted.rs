//! The near more often than the far.

use std::collections::BTreeMap;

use super::Sampler;
use crate::id::NodeId;
use crate::rng::Rng;
use crate::strategy::Partners;

/// Chooses with probability proportional to a weight per node, such as distance^-a
/// (Demers et al. 1987, section 3).
#[derive(Clone, Debug, Default)]
pub struct Weighted {
    weights: BTreeMap<NodeId, u32>,
}

impl Weighted {
    /// A sampler with these weights; a node without one has weight 1, weight 0 counts as 1.
    #[must_use]
    pub const fn new(weights: BTreeMap<NodeId, u32>) -> Self {
        Self { weights }
    }

    fn weight(&self, node: &NodeId) -> u64 {
        u64::from(self.weights.get(node).copied().unwrap_or(1).max(1))
    }
}

impl Sampler for Weighted {
    fn name(&self) -> &'static str {
        "weighted"
    }

    fn pick(
        &mut self,
        rng: &mut Rng,
        partners: Partners<'_>,
        count: usize,
        eligible: &dyn Fn(&NodeId) -> bool,
    ) -> Vec<NodeId> {
        let mut rest: Vec<_> = partners.iter().filter(eligible).collect();
        let mut total: u64 = rest.iter().map(|node| self.weight(node)).sum();
        let mut chosen = Vec::with_capacity(count.min(rest.len()));
        while chosen.len() < count && !rest.is_empty() {
            let mut ticket = rng.below(total);
            let mut holder = rest.len() - 1;
            for (at, node) in rest.iter().enumerate() {
                let weight = self.weight(node);
                if ticket < weight {
                    holder = at;
                    break;
                }
                ticket -= weight;
            }
            let node = rest.swap_remove(holder);
            total -= self.weight(&node);
            chosen.push(node);
        }
        chosen
    }
}
