//! Reading facts: as of now, or as of a moment that is held on to.

use std::sync::Arc;

use bytes::Bytes;
use gossip_core::fact::Envelope;
use gossip_core::id::{FactId, ShardId};
use gossip_core::store::catalogue::Entry;
use gossip_core::store::room::Room;
use rocksdb::{
    ColumnFamily, DBPinnableSlice, DBRawIterator, Direction, IteratorMode, ReadOptions, Snapshot,
};

use crate::error::Damage;
use crate::keys;
use crate::rows::{self, Held};
use crate::tables::Tables;

/// The rows of a moment.
#[derive(Clone)]
pub(crate) struct View<'db> {
    tables: Tables<'db>,
    /// `None`: whatever is there when it is looked at.
    snapshot: Option<Arc<Snapshot<'db>>>,
}

impl<'db> View<'db> {
    /// What is there whenever it is looked at: for the one thread that writes.
    pub(crate) const fn present(tables: Tables<'db>) -> Self {
        Self { tables, snapshot: None }
    }

    /// What is there now, from now on.
    pub(crate) fn fixed(tables: Tables<'db>) -> Self {
        Self { tables, snapshot: Some(Arc::new(tables.db.snapshot())) }
    }

    /// The facts of a key, without the values that stand apart. Empty if it has none.
    pub(crate) fn head(&self, row: &[u8]) -> Result<Vec<Held>, Damage> {
        let found = self.get(self.tables.heads, row)?;
        found.map_or_else(|| Ok(Vec::new()), |found| rows::read_head(&found))
    }

    /// A fact with its value.
    pub(crate) fn whole(&self, shard: ShardId, held: &Held) -> Result<Envelope, Damage> {
        if !held.apart || held.fact.value().is_some() {
            return Ok(held.fact.clone());
        }
        let value = self.get(self.tables.values, &keys::value(shard, held.fact.id()))?;
        rows::join(&held.fact, &value.ok_or(Damage::Missing("values"))?)
    }

    /// The key of a fact that the catalogue knows.
    pub(crate) fn key(&self, shard: ShardId, entry: &Entry) -> Result<Bytes, Damage> {
        let row = self.get(self.tables.ids, &keys::id(shard, entry.hlc(), entry.id()))?;
        let row = row.ok_or(Damage::Missing("ids"))?;
        let (_, key) = rows::read_id(entry.hlc(), entry.id(), &row)?;
        Ok(Bytes::copy_from_slice(key))
    }

    /// A fact that the catalogue knows, perhaps without its value.
    pub(crate) fn find(&self, shard: ShardId, entry: &Entry) -> Result<Held, Damage> {
        let mut row = Vec::new();
        keys::head(shard, &self.key(shard, entry)?, &mut row);
        find_in(self.head(&row)?, entry.id())
    }

    /// What names the facts of a shard, to be read in time order.
    pub(crate) fn names(&self, shard: ShardId) -> DBRawIterator<'_> {
        let mut options = ReadOptions::default();
        if let Some(end) = keys::after_prefix(&keys::shard(shard)) {
            options.set_iterate_upper_bound(end);
        }
        match &self.snapshot {
            Some(snapshot) => snapshot.raw_iterator_cf_opt(self.tables.ids, options),
            None => self.tables.db.raw_iterator_cf_opt(self.tables.ids, options),
        }
    }

    /// Facts that the catalogue knows, in the order in which it knows them, perhaps without their values.
    pub(crate) fn found(
        &self,
        shard: ShardId,
        entries: &[Entry],
        names: &mut DBRawIterator<'_>,
    ) -> Result<Vec<Held>, Damage> {
        let mut rows = Vec::with_capacity(entries.len());
        for (place, entry) in entries.iter().enumerate() {
            let name = keys::id(shard, entry.hlc(), entry.id());
            // Mostly it is the next one.
            if names.key() != Some(&name) {
                names.seek(name);
            }
            let row = names.value().filter(|_| names.key() == Some(&name));
            let Some(row) = row else {
                names.status()?;
                return Err(Damage::Missing("ids"));
            };
            let (_, key) = rows::read_id(entry.hlc(), entry.id(), row)?;
            let mut head = Vec::new();
            keys::head(shard, key, &mut head);
            rows.push((head, place));
            names.next();
        }
        rows.sort_unstable();
        let mut options = ReadOptions::default();
        if let Some(snapshot) = &self.snapshot {
            options.set_snapshot(snapshot);
        }
        let (db, heads) = (self.tables.db, self.tables.heads);
        let read = rows.iter().map(|(row, _)| row);
        let read = db.batched_multi_get_cf_opt(heads, read, true, &options);
        let mut found = Vec::with_capacity(entries.len());
        for ((_, place), row) in rows.iter().zip(read) {
            let (Some(row), Some(entry)) = (row?, entries.get(*place)) else {
                return Err(Damage::Missing("heads"));
            };
            found.push((*place, find_in(rows::read_head(&row)?, entry.id())?));
        }
        found.sort_unstable_by_key(|(place, _)| *place);
        Ok(found.into_iter().map(|(_, held)| held).collect())
    }

    /// The facts of whole keys, in order, until the next one would exceed a limit.
    pub(crate) fn scan(
        &self,
        shard: ShardId,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Envelope>, Damage> {
        let (mut first, mut from) = (Vec::new(), Vec::new());
        keys::head(shard, prefix, &mut first);
        match after.filter(|after| *after >= prefix) {
            // The first key after it is itself and a zero.
            Some(after) => {
                keys::head(shard, after, &mut from);
                from.push(0);
            }
            None => from.clone_from(&first),
        }
        let mut options = ReadOptions::default();
        if let Some(end) = keys::after_prefix(&first) {
            options.set_iterate_upper_bound(end);
        }
        let mode = IteratorMode::From(&from, Direction::Forward);
        let heads = self.tables.heads;
        let rows = match &self.snapshot {
            Some(snapshot) => snapshot.iterator_cf_opt(heads, options, mode),
            None => self.tables.db.iterator_cf_opt(heads, options, mode),
        };
        let mut facts = Vec::new();
        let mut room = Room::new(limit, bytes);
        for row in rows {
            let (_, row) = row?;
            let held = rows::read_head(&row)?;
            let whole = held.iter().map(|held| self.whole(shard, held));
            let whole: Vec<_> = whole.collect::<Result<_, _>>()?;
            let bytes = whole.iter().map(|fact| fact.bytes().len()).sum();
            if limit == 0 || !room.take(whole.len(), bytes) {
                break;
            }
            facts.extend(whole);
        }
        Ok(facts)
    }

    fn get(
        &self,
        family: &ColumnFamily,
        row: &[u8],
    ) -> Result<Option<DBPinnableSlice<'db>>, Damage> {
        let db = self.tables.db;
        let Some(snapshot) = &self.snapshot else { return Ok(db.get_pinned_cf(family, row)?) };
        let mut options = ReadOptions::default();
        options.set_snapshot(snapshot);
        Ok(db.get_pinned_cf_opt(family, row, &options)?)
    }
}

/// The fact with an id among those of its key.
pub(crate) fn find_in(held: Vec<Held>, id: FactId) -> Result<Held, Damage> {
    held.into_iter().find(|held| held.fact.id() == id).ok_or(Damage::Missing("heads"))
}
