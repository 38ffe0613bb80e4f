//! Everybody once per pass, in a new random order each pass.

use std::collections::VecDeque;

use super::Sampler;
use crate::id::NodeId;
use crate::rng::Rng;
use crate::strategy::Partners;

/// Round robin over a shuffled list, reshuffled each pass (SWIM section 4.3).
///
/// Of `n` eligible partners each is chosen within `2n - 1` choices, and all equally often: the
/// default, for it spreads load evenly. Each node holds a list of them.
#[derive(Clone, Debug, Default)]
pub struct Shuffled {
    queue: VecDeque<NodeId>,
}

impl Sampler for Shuffled {
    fn name(&self) -> &'static str {
        "shuffled"
    }

    fn pick(
        &mut self,
        rng: &mut Rng,
        partners: Partners<'_>,
        count: usize,
        eligible: &dyn Fn(&NodeId) -> bool,
    ) -> Vec<NodeId> {
        let count = count.min(partners.len());
        let mut chosen = Vec::with_capacity(count);
        let mut skipped = Vec::new();
        let mut refilled = false;
        while chosen.len() < count {
            let Some(next) = self.queue.pop_front() else {
                if refilled {
                    break;
                }
                refilled = true;
                let mut pass: Vec<_> = partners.iter().filter(eligible).collect();
                rng.shuffle(&mut pass);
                self.queue.extend(pass);
                continue;
            };
            if chosen.contains(&next) || !eligible(&next) {
                // Not this time: it keeps its turn.
                skipped.push(next);
            } else if partners.contains(&next) {
                chosen.push(next);
            }
        }
        for node in skipped.into_iter().rev() {
            self.queue.push_front(node);
        }
        // Who left the cluster must not pile up.
        self.queue.truncate(4 * partners.len().max(16));
        chosen
    }
}
