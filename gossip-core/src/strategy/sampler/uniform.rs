//! Everybody with the same chance, each time anew.

use super::Sampler;
use crate::id::NodeId;
use crate::rng::Rng;

/// Independent uniform choice without replacement: what the classic papers assume.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Uniform;

impl Sampler for Uniform {
    fn name(&self) -> &'static str {
        "uniform"
    }

    fn pick(&mut self, rng: &mut Rng, candidates: &[NodeId], count: usize) -> Vec<NodeId> {
        let mut rest = candidates.to_vec();
        let count = count.min(rest.len());
        // A partial Fisher-Yates shuffle from the front.
        for chosen in 0..count {
            let other = chosen + rng.index(rest.len() - chosen);
            rest.swap(chosen, other);
        }
        rest.truncate(count);
        rest
    }
}
