//! Sketches as a close leaves them, so that the next opening need not make them anew.
//!
//! They are worth nothing but time: whatever is wrong with one, it is ignored.

use std::collections::BTreeMap;

use gossip_core::id::ShardId;
use rocksdb::WriteBatch;

use crate::error::Damage;
use crate::keys;
use crate::load::{Shard, each_row};
use crate::tables::Tables;

/// Writes the sketches of all shards as they are after this commit, in place of all that were there.
pub(crate) fn write(
    tables: &Tables<'_>,
    commit: u64,
    shards: &BTreeMap<ShardId, Shard>,
) -> Result<(), rocksdb::Error> {
    let mut batch = WriteBatch::default();
    let mut rows = tables.db.raw_iterator_cf(tables.checkpoints);
    rows.seek_to_first();
    while let Some(key) = rows.key() {
        batch.delete_cf(tables.checkpoints, key);
        rows.next();
    }
    for (shard, held) in shards {
        if let Some(sketch) = held.catalogue.checkpoint() {
            let row = [&commit.to_be_bytes()[..], &sketch].concat();
            batch.put_cf(tables.checkpoints, keys::shard(*shard), row);
        }
    }
    if batch.is_empty() { Ok(()) } else { tables.db.write(batch) }
}

/// Gives each shard its sketch, where there is one of this commit; how many there are.
pub(crate) fn read(
    tables: &Tables<'_>,
    commit: u64,
    shards: &mut BTreeMap<ShardId, Shard>,
) -> usize {
    let mut taken = 0;
    let outcome = each_row(tables, tables.checkpoints, |key, row| {
        let shard = keys::read_shard(key).and_then(|shard| shards.get_mut(&shard));
        let sketch = row.strip_prefix(&commit.to_be_bytes());
        if let (Some(shard), Some(sketch)) = (shard, sketch) {
            taken += usize::from(shard.catalogue.take_checkpoint(sketch));
        }
        Ok::<_, Damage>(())
    });
    if let Err(damage) = outcome {
        tracing::warn!(%damage, "the sketches are made anew");
    }
    taken
}
