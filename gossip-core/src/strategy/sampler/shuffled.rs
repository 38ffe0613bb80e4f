//! Everybody once per pass, in a new random order each pass.

use std::collections::VecDeque;

use super::Sampler;
use crate::id::NodeId;
use crate::rng::Rng;

/// Round robin over a shuffled list, reshuffled each pass (SWIM section 4.3).
///
/// Of `n` candidates each is chosen within `2n - 1` choices, and all equally often: the default,
/// for it spreads load evenly.
#[derive(Clone, Debug, Default)]
pub struct Shuffled {
    queue: VecDeque<NodeId>,
}

impl Sampler for Shuffled {
    fn name(&self) -> &'static str {
        "shuffled"
    }

    fn pick(&mut self, rng: &mut Rng, candidates: &[NodeId], count: usize) -> Vec<NodeId> {
        let count = count.min(candidates.len());
        let mut chosen = Vec::with_capacity(count);
        let mut skipped = Vec::new();
        let mut refilled = false;
        while chosen.len() < count {
            let Some(next) = self.queue.pop_front() else {
                if refilled {
                    break;
                }
                refilled = true;
                let mut pass = candidates.to_vec();
                rng.shuffle(&mut pass);
                self.queue.extend(pass);
                continue;
            };
            if candidates.binary_search(&next).is_err() {
                // Not eligible this time: keep its turn unless it is from an old pass.
                if !refilled {
                    skipped.push(next);
                }
            } else if chosen.contains(&next) {
                skipped.push(next);
            } else {
                chosen.push(next);
            }
        }
        for node in skipped.into_iter().rev() {
            self.queue.push_front(node);
        }
        // Who left the cluster must not pile up.
        self.queue.truncate(4 * candidates.len().max(16));
        chosen
    }
}
