//! What a store says of its facts is what brute force says.

use super::{Checker, Observation, PerHost, Sight, shard_of};
use crate::sim::World;
use crate::sketch::{Code, Sketch, Symbol};
use crate::state::{Set, Sum};
use crate::store::{MemoryState, Row, StoreOp, StoreReply};

/// The hash of a store's compared set is that of its facts, its cells and census sum them up, and every
/// fact is found by its symbol.
/// A sample: after one in 128 changes of a store, after a crash and in the end, for it takes as long
/// as reading everything.
#[derive(Debug, Default)]
pub struct Index(PerHost<u32>);

/// One in so many ops is looked at.
const STRIDE: u32 = 128;

/// So many cells are compared: as few as a store keeps.
const CELLS: usize = 64;

impl Checker for Index {
    fn name(&self) -> &'static str {
        "index"
    }

    fn observe(&mut self, sight: &Sight<'_>, what: &Observation<'_>, broken: &mut Vec<String>) {
        let turn = self.0.of(sight.host());
        match what {
            Observation::Applied { .. } => *turn = (*turn + 1) % STRIDE,
            Observation::Crashed => *turn = 0,
            Observation::Flushed
            | Observation::Input(_)
            | Observation::Output(_)
            | Observation::PutBack
            | Observation::Started(_) => return,
        }
        if *turn == 0 {
            broken.extend(compare(sight.world(), sight.host()));
        }
    }

    fn finish(&mut self, world: &World, broken: &mut Vec<(usize, String)>) {
        for host in 0..world.len() {
            broken.extend(compare(world, host).map(|what| (host, what)));
        }
    }
}

/// The first thing in which a host's store is wrong about itself.
fn compare(world: &World, host: usize) -> Option<String> {
    let (shard, set) = (shard_of(world, host), Set::Active(world.epoch()));
    // Questions are asked of a copy: they may make what they look for.
    let mut store: MemoryState = world.held(host).clone();
    let facts = store.all(shard);
    let mut truth = Sum::default();
    let mut row = Row::default();
    let mut cells = Sketch::new(Code::Irregular, 0, CELLS);
    for fact in facts.iter().filter(|fact| set.contains(fact.leaves_at())) {
        truth.add(&fact.id());
        row.census.add(Symbol::of(fact), 0);
        cells.add(Symbol::of(fact));
    }
    row.cells = cells.into_cells();
    if let Ok(StoreReply::Totals(totals)) = store.apply(StoreOp::Total { shard, set })
        && totals.sum != truth
    {
        let (said, true_count) = (totals.sum.count(), truth.count());
        return Some(format!("the hash of {said} facts is not that of the {true_count} held"));
    }
    let sketch = StoreOp::Sketch { shard, epoch: world.epoch(), cells: 0..CELLS, key: 0 };
    if let Ok(StoreReply::Sketched { row: said, .. }) = store.apply(sketch)
        && said != row
    {
        return Some("the cells do not sum up what is held".to_owned());
    }
    let symbols: Vec<_> = facts.iter().map(Symbol::of).collect();
    match store.apply(StoreOp::Fetch { shard, symbols, bytes: usize::MAX }) {
        Ok(StoreReply::Facts(found)) if found == facts => None,
        Ok(StoreReply::Facts(found)) => {
            Some(format!("{} of {} facts are found by their symbols", found.len(), facts.len()))
        }
        other => Some(format!("facts cannot be looked up: {other:?}")),
    }
}
