//! The laws of the sampler slot.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::NodeId;
use crate::rng::Rng;
use crate::strategy::{Partners, Sampler};

/// Choices made with one sampler: enough for several passes over a few dozen partners.
const CHOICES: usize = 200;

/// Holds a sampler to the laws of [`Sampler`]: it returns distinct eligible partners, and
/// `min(count, eligible)` of them, even when partners come and go and others are eligible from call
/// to call, and whether the list of partners is ours or shared.
///
/// # Panics
/// If a law is broken.
pub fn sampler_laws(make: impl Fn() -> Box<dyn Sampler>, seeds: std::ops::Range<u64>) {
    assert!(!make().name().is_empty(), "a sampler has a name");
    for seed in seeds {
        let rng = &mut Rng::from_number(seed);
        let everybody = nodes(rng.index(40));
        let mut sampler = make();
        let (mut nodes, mut place, mut share) = (everybody.clone(), everybody.len(), 1.0);
        for _ in 0..CHOICES {
            if rng.chance(0.1) {
                let stay = rng.index(5) as f64 / 4.0;
                nodes = everybody.iter().copied().filter(|_| rng.chance(stay)).collect();
                place = rng.index(nodes.len() + 1);
                share = rng.index(5) as f64 / 4.0;
            }
            let partners = Partners::shared(&nodes, place);
            let eligible: Vec<_> = partners.iter().filter(|_| rng.chance(share)).collect();
            let count = rng.index(eligible.len() + 3);
            let chosen = sampler.pick(rng, partners, count, &|node| eligible.contains(node));
            let distinct: BTreeSet<_> = chosen.iter().collect();
            assert_eq!(distinct.len(), chosen.len(), "{sampler:?}, seed {seed}: somebody twice");
            let lawful = chosen.iter().all(|node| eligible.contains(node));
            assert!(lawful, "{sampler:?}, seed {seed}: chose who is not eligible");
            let expected = count.min(eligible.len());
            assert_eq!(chosen.len(), expected, "{sampler:?}, seed {seed}: too few or too many");
        }
    }
}

/// Holds a sampler that takes turns to what it promises beyond [`sampler_laws`]: of `n` steady
/// partners each is chosen within `2n - 1` choices, and in the end nobody was chosen more than
/// once oftener than another, however many are chosen at a time.
///
/// # Panics
/// If a law is broken.
pub fn turn_laws(make: impl Fn() -> Box<dyn Sampler>, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let rng = &mut Rng::from_number(seed);
        let nodes = nodes(1 + rng.index(30));
        let partners = Partners::new(&nodes);
        let mut sampler = make();
        let mut waiting: BTreeMap<_, usize> = partners.iter().map(|node| (node, 0)).collect();
        let mut load = waiting.clone();
        for _ in 0..CHOICES {
            let count = 1 + rng.index(partners.len());
            for chosen in sampler.pick(rng, partners, count, &|_| true) {
                *load.entry(chosen).or_default() += 1;
                waiting.values_mut().for_each(|choices| *choices += 1);
                waiting.insert(chosen, 0);
                let longest = waiting.values().max().copied().unwrap_or(0);
                let limit = 2 * partners.len() - 1;
                assert!(longest < limit, "{sampler:?}, seed {seed}: somebody waits for ever");
            }
        }
        let (least, most) = (load.values().min(), load.values().max());
        let spread = most.zip(least).map_or(0, |(most, least)| most - least);
        assert!(spread <= 1, "{sampler:?}, seed {seed}: an uneven load: {load:?}");
    }
}

/// So many nodes, in ascending order.
pub(super) fn nodes(count: usize) -> Vec<NodeId> {
    let id = |number: usize| *blake3::hash(&number.to_le_bytes()).as_bytes();
    let mut nodes: Vec<_> = (0..count).map(id).map(NodeId::from_bytes).collect();
    nodes.sort_unstable();
    nodes
}
