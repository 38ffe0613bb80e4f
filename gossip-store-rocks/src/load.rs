//! What an opening reads: small rows, ids, expiries and sketches, but no heads and no values.

use std::collections::{BTreeMap, BTreeSet};

use gossip_core::id::ShardId;
use gossip_core::store::Restored;
use gossip_core::store::catalogue::Catalogue;
use rocksdb::ColumnFamily;

use crate::checkpoint;
use crate::error::Damage;
use crate::filter::Filter;
use crate::keys;
use crate::meta::{self, Meta, Time};
use crate::rows;
use crate::tables::Tables;

/// A shard as the store has it in memory.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    pub(crate) catalogue: Catalogue,
    /// What the row of its time says.
    pub(crate) time: Time,
}

/// Everything that the store has in memory.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) filter: Filter,
    pub(crate) restored: Restored,
    pub(crate) shards: BTreeMap<ShardId, Shard>,
    /// How many shards have the sketch that the last close left.
    pub(crate) sketches: usize,
}

/// Reads what is there.
pub(crate) fn load(tables: &Tables<'_>) -> Result<Loaded, Damage> {
    let mut meta = Meta::default();
    each_row(tables, tables.meta, |name, row| meta.read(name, row))?;
    let mut waiting = BTreeSet::new();
    each_row(tables, tables.expiry, |row, _| {
        let (_, shard, hlc, id) = keys::read_expiry(row).ok_or(Damage::Row("expiry"))?;
        waiting.insert((shard, hlc, id));
        Ok(())
    })?;
    let mut loaded = Loaded::default();
    for (shard, (epoch, left)) in meta.times {
        let shard = loaded.shards.entry(shard).or_default();
        shard.catalogue = Catalogue::resume(epoch, left);
        shard.time = meta::time_of(&shard.catalogue);
    }
    let mut head = Vec::new();
    each_row(tables, tables.ids, |row, value| {
        let (shard, hlc, id) = keys::read_id(row).ok_or(Damage::Row("ids"))?;
        let (record, key) = rows::read_id(hlc, id, value)?;
        keys::head(shard, key, &mut head);
        loaded.filter.insert(loaded.filter.hash(&head));
        let announced = !waiting.contains(&(shard, hlc, id));
        loaded.shards.entry(shard).or_default().catalogue.insert(&record, announced);
        Ok(())
    })?;
    let hlc = loaded.shards.values().map(|shard| shard.catalogue.hlc()).max();
    let (commit, hlc) = (meta.commit, hlc.unwrap_or_default());
    loaded.sketches = checkpoint::read(tables, commit, &mut loaded.shards);
    loaded.restored = Restored { commit, hlc, meta: meta.names };
    Ok(loaded)
}

/// The filter of all keys that are there.
pub(crate) fn filter(tables: &Tables<'_>) -> Result<Filter, Damage> {
    let (mut filter, mut head) = (Filter::default(), Vec::new());
    each_row(tables, tables.ids, |row, value| {
        let (shard, hlc, id) = keys::read_id(row).ok_or(Damage::Row("ids"))?;
        let (_, key) = rows::read_id(hlc, id, value)?;
        keys::head(shard, key, &mut head);
        filter.insert(filter.hash(&head));
        Ok(())
    })?;
    Ok(filter)
}

/// Calls back with every row of a column family.
pub(crate) fn each_row(
    tables: &Tables<'_>,
    family: &ColumnFamily,
    mut row: impl FnMut(&[u8], &[u8]) -> Result<(), Damage>,
) -> Result<(), Damage> {
    let mut rows = tables.db.raw_iterator_cf(family);
    rows.seek_to_first();
    while let Some((key, value)) = rows.item() {
        row(key, value)?;
        rows.next();
    }
    Ok(rows.status()?)
}
