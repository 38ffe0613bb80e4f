//! Everybody with the same chance, each time anew.

use super::Sampler;
use crate::id::NodeId;
use crate::rng::Rng;
use crate::strategy::Partners;

/// Independent uniform choice without replacement: what the classic papers assume.
///
/// Takes time in proportion to `count` while most partners are eligible, and looks at all of them
/// otherwise. Keeps nothing: the choice for clusters of which a node cannot hold a list.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Uniform;

/// Draws per choice before all partners are looked at (guess: in vain for one choice in 10^4 of
/// those where half of the partners are eligible).
const DRAWS: usize = 14;

impl Sampler for Uniform {
    fn name(&self) -> &'static str {
        "uniform"
    }

    fn pick(
        &mut self,
        rng: &mut Rng,
        partners: Partners<'_>,
        count: usize,
        eligible: &dyn Fn(&NodeId) -> bool,
    ) -> Vec<NodeId> {
        let mut chosen = Vec::with_capacity(count.min(partners.len()));
        while chosen.len() < count {
            let draws = (0..DRAWS).filter_map(|_| partners.get(rng.index(partners.len())));
            let mut fresh = draws.filter(|node| !chosen.contains(node) && eligible(node));
            let Some(node) = fresh.next() else {
                choose_rest(rng, partners, count, eligible, &mut chosen);
                break;
            };
            chosen.push(node);
        }
        chosen
    }
}

/// What drawing did not find is drawn from a list of all who are left: each of them had the same
/// chance before, and has it now.
fn choose_rest(
    rng: &mut Rng,
    partners: Partners<'_>,
    count: usize,
    eligible: &dyn Fn(&NodeId) -> bool,
    chosen: &mut Vec<NodeId>,
) {
    let mut rest: Vec<_> =
        partners.iter().filter(|node| !chosen.contains(node) && eligible(node)).collect();
    while chosen.len() < count && !rest.is_empty() {
        chosen.push(rest.swap_remove(rng.index(rest.len())));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;

    use super::*;

    fn nodes(count: u32) -> Vec<NodeId> {
        let id = |number: u32| {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            NodeId::from_bytes(bytes)
        };
        (0..count).map(id).collect()
    }

    /// However many are eligible, each of them is chosen equally often.
    fn check(eligible: usize, of: u32, count: usize) {
        let nodes = nodes(of);
        let admitted = &nodes[..eligible];
        let rng = &mut Rng::from_number(1);
        let mut load: BTreeMap<NodeId, u32> = BTreeMap::new();
        let choices = 6_000 * eligible / count;
        for _ in 0..choices {
            let partners = Partners::new(&nodes);
            for node in Uniform.pick(rng, partners, count, &|node| admitted.contains(node)) {
                *load.entry(node).or_default() += 1;
            }
        }
        // 6,000 expected; the standard deviation is at most 78.
        assert_eq!(load.len(), eligible);
        assert!(load.values().all(|load| (5_650..6_350).contains(load)), "{load:?}");
    }

    #[test]
    fn everybody_eligible_has_the_same_chance() {
        check(10, 10, 3);
        check(5, 10, 3);
        check(4, 60, 2);
        check(3, 200, 1);
    }

    #[test]
    fn few_are_looked_at_among_many() {
        let nodes = nodes(100_000);
        let rng = &mut Rng::from_number(1);
        let asked = Cell::new(0);
        let partners = Partners::shared(&nodes, 70_000);
        let admits = |node: &NodeId| {
            asked.set(asked.get() + 1);
            node.as_bytes()[3].is_multiple_of(2)
        };
        for _ in 0..100 {
            assert_eq!(Uniform.pick(rng, partners, 3, &admits).len(), 3);
        }
        assert!(asked.get() < 1_000, "{asked:?} of 100,000 looked at");
    }
}
