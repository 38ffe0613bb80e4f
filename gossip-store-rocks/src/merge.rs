//! Merging: each fact is decided against what its key has, on disk or in the batch under way.

use std::borrow::Cow;

use gossip_core::fact::{Envelope, Verified};
use gossip_core::id::ShardId;
use gossip_core::store::decision::{Decision, decide};
use gossip_core::store::{Merge, Merged};
use gossip_core::strategy::Retain;
use gossip_core::time::Epoch;

use crate::batch::Batch;
use crate::error::Damage;
use crate::filter::Filter;
use crate::keys;
use crate::rows::Held;
use crate::view::View;

/// What deciding needs to know.
pub(crate) struct Merger<'a, 'db> {
    pub(crate) batch: &'a mut Batch<'db>,
    /// What left up to this epoch is dormant.
    pub(crate) epoch: Epoch,
    pub(crate) filter: &'a mut Filter,
    pub(crate) view: &'a View<'db>,
}

impl Merger<'_, '_> {
    /// Merges facts in order into the batch.
    pub(crate) fn merge(mut self, merge: Merge) -> Result<Vec<Merged>, Damage> {
        let Merge { shard, retain, facts, epoch: _, floor } = merge;
        let mut row = Vec::new();
        let one = |fact| self.merge_one(shard, &*retain, fact, floor, &mut row);
        facts.into_iter().map(one).collect()
    }

    fn merge_one(
        &mut self,
        shard: ShardId,
        retain: &dyn Retain,
        fact: Verified<Envelope>,
        floor: Epoch,
        row: &mut Vec<u8>,
    ) -> Result<Merged, Damage> {
        keys::head(shard, fact.key(), row);
        let hash = self.filter.hash(row);
        let held = if !self.filter.may_contain(hash) {
            Cow::Borrowed(&[][..])
        } else if let Some(held) = self.batch.head(shard, fact.key(), hash) {
            Cow::Owned(held.to_vec())
        } else {
            Cow::Owned(self.view.head(row)?)
        };
        let order = match decide(retain, &fact, held.iter().map(|held| &held.fact), self.epoch) {
            Decision::Known => return Ok(Merged::Known),
            _ if fact.leaves_at() < floor => return Ok(Merged::Collected),
            Decision::Obsolete(by) => {
                let by = by.and_then(|at| held.get(at)).map(|by| self.view.whole(shard, by));
                return Ok(Merged::Obsolete(by.transpose()?));
            }
            Decision::Keep(order) => order,
            Decision::New => vec![None],
        };
        let new = Held::new(fact.into_inner());
        self.batch.insert(shard, &new);
        let mut displaced = Vec::new();
        for (at, held) in held.iter().enumerate() {
            if !order.contains(&Some(at)) {
                displaced.push(held.fact.id());
                self.batch.remove(shard, held);
            }
        }
        let mut new = Some(new);
        let place = |at: Option<usize>| match at {
            None => new.take(),
            Some(at) => held.get(at).cloned(),
        };
        self.batch.put_head(shard, hash, order.into_iter().filter_map(place).collect());
        self.filter.insert(hash);
        Ok(Merged::Inserted(displaced))
    }
}
