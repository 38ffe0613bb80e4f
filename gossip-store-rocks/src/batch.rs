//! One batch under construction: what merges put and delete, and what they have touched so far.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::mem;

use gossip_core::id::ShardId;
use gossip_core::store::catalogue::{Entry, Record};
use gossip_core::time::Wall;
use rocksdb::WriteBatch;

use crate::filter::Identity;
use crate::keys;
use crate::meta::{self, Time};
use crate::rows::{self, Held};
use crate::tables::Tables;

/// What is to be written in one step, and what follows for the catalogues once it is.
///
/// Heads are put last: once for each key, however many facts of it come, and in their order.
pub(crate) struct Batch<'db> {
    /// Bytes of the heads to come.
    bytes: usize,
    changes: Vec<(ShardId, Change)>,
    /// The last of the touched keys with this hash.
    last_touched: HashMap<u64, usize, BuildHasherDefault<Identity>>,
    scratch: Vec<u8>,
    tables: Tables<'db>,
    touched: Vec<Touched>,
    writes: WriteBatch,
}

/// What a write means for a catalogue.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Insert(Record),
    Remove(Record),
}

/// What follows from a batch once it is written.
pub(crate) struct Written {
    pub(crate) changes: Vec<(ShardId, Change)>,
    /// Kept until nobody waits any more, for to free a thousand facts takes its time.
    #[expect(dead_code, reason = "held, not used")]
    touched: Vec<Touched>,
}

/// The facts of a key as they are to be.
struct Touched {
    /// Another key with the same hash.
    before: Option<usize>,
    facts: Vec<Held>,
    shard: ShardId,
}

impl<'db> Batch<'db> {
    pub(crate) fn new(tables: Tables<'db>) -> Self {
        Self {
            bytes: 0,
            changes: Vec::new(),
            last_touched: HashMap::default(),
            scratch: Vec::new(),
            tables,
            touched: Vec::new(),
            writes: WriteBatch::default(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.touched.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.writes.size_in_bytes() + self.bytes
    }

    /// The facts that this batch gives a key, if it touches it.
    pub(crate) fn head(&self, shard: ShardId, key: &[u8], hash: u64) -> Option<&[Held]> {
        Some(&self.touched.get(self.find(shard, key, hash)?)?.facts)
    }

    /// Replaces the facts of a key, of which there is at least one.
    pub(crate) fn put_head(&mut self, shard: ShardId, hash: u64, facts: Vec<Held>) {
        self.bytes += facts.iter().map(|held| held.fact.bytes().len()).sum::<usize>();
        let key = facts.first().map(|held| held.fact.key()).unwrap_or_default();
        let found = self.find(shard, key, hash);
        if let Some(touched) = found.and_then(|at| self.touched.get_mut(at)) {
            touched.facts = facts;
            return;
        }
        let before = self.last_touched.insert(hash, self.touched.len());
        self.touched.push(Touched { before, facts, shard });
    }

    /// Where a key is among the touched.
    fn find(&self, shard: ShardId, key: &[u8], hash: u64) -> Option<usize> {
        let mut next = self.last_touched.get(&hash).copied();
        while let Some((at, touched)) = next.and_then(|at| Some((at, self.touched.get(at)?))) {
            if touched.place() == (shard, key) {
                return Some(at);
            }
            next = touched.before;
        }
        None
    }

    /// Adds what stands beside a new fact's head.
    pub(crate) fn insert(&mut self, shard: ShardId, held: &Held) {
        let Held { fact, apart } = held;
        rows::write_id(fact, &mut self.scratch);
        let row = keys::id(shard, fact.hlc(), fact.id());
        self.writes.put_cf(self.tables.ids, row, &self.scratch);
        if fact.expires_at() != Wall::ZERO {
            let row = keys::expiry(fact.expires_at(), shard, fact.hlc(), fact.id());
            self.writes.put_cf(self.tables.expiry, row, []);
        }
        if let Some(value) = fact.value().filter(|_| *apart) {
            self.writes.put_cf(self.tables.values, keys::value(shard, fact.id()), value);
        }
        self.changes.push((shard, Change::Insert(Record::of(fact, 0))));
    }

    /// Takes away what stands beside a fact's head.
    pub(crate) fn remove(&mut self, shard: ShardId, held: &Held) {
        let Held { fact, apart } = held;
        self.writes.delete_cf(self.tables.ids, keys::id(shard, fact.hlc(), fact.id()));
        let record = Record::of(fact, 0);
        self.announce(shard, record.expires_at(), record.entry());
        if *apart {
            self.writes.delete_cf(self.tables.values, keys::value(shard, fact.id()));
        }
        self.changes.push((shard, Change::Remove(record)));
    }

    /// Takes away the row that waits for a fact to expire at this instant, if it ever does.
    pub(crate) fn announce(&mut self, shard: ShardId, at: Wall, entry: &Entry) {
        if at != Wall::ZERO {
            let row = keys::expiry(at, shard, entry.hlc(), entry.id());
            self.writes.delete_cf(self.tables.expiry, row);
        }
    }

    /// Writes a head for which no later merge of this batch will ask; no facts delete it.
    pub(crate) fn rewrite_head(&mut self, row: &[u8], facts: &[Held]) {
        self.scratch.clear();
        facts.iter().for_each(|held| held.write(&mut self.scratch));
        if facts.is_empty() {
            self.writes.delete_cf(self.tables.heads, row);
        } else {
            self.writes.put_cf(self.tables.heads, row, &self.scratch);
        }
    }

    pub(crate) fn put_meta(&mut self, name: &[u8], row: &[u8]) {
        self.writes.put_cf(self.tables.meta, name, row);
    }

    pub(crate) fn delete_meta(&mut self, name: &[u8]) {
        self.writes.delete_cf(self.tables.meta, name);
    }

    /// Notes how far a shard's time has come.
    pub(crate) fn put_time(&mut self, shard: ShardId, time: Time) {
        self.put_meta(&meta::time_name(shard), &meta::write_time(time));
    }

    /// Deletes all heads, values and ids of a shard.
    pub(crate) fn wipe(&mut self, shard: ShardId) {
        let from = keys::shard(shard);
        // No key is longer than 512 bytes, so this comes after every row of the very last shard.
        let upto = keys::after_prefix(&from).unwrap_or_else(|| vec![0xff; 1_024]);
        for family in [self.tables.heads, self.tables.values, self.tables.ids] {
            self.writes.delete_range_cf(family, &from[..], &upto[..]);
        }
    }

    /// What to write, and what follows from it.
    pub(crate) fn into_parts(mut self) -> (WriteBatch, Written) {
        let mut touched = mem::take(&mut self.touched);
        touched.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
        let mut row = Vec::new();
        for one in &touched {
            let (shard, key) = one.place();
            keys::head(shard, key, &mut row);
            self.rewrite_head(&row, &one.facts);
        }
        (self.writes, Written { changes: self.changes, touched })
    }
}

impl Touched {
    /// Whose facts these are; in the order of rows.
    fn place(&self) -> (ShardId, &[u8]) {
        (self.shard, self.facts.first().map(|held| held.fact.key()).unwrap_or_default())
    }
}
