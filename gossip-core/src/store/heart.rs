//! What a memory store holds, as a plain value: the simulator copies it to play a crash.

mod shard;

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;

use self::shard::Shard;
use super::{
    LeaseId, MAX_LEASES, MAX_ROW, Merge, Merged, MetaName, Restored, StoreError, StoreOp,
    StoreReply,
};
use crate::fact::Envelope;
use crate::id::ShardId;
use crate::state::Totals;
use crate::time::Epoch;

/// The shards of a node and what it keeps beside them.
///
/// An op that fails has changed nothing. A clone shares the facts' bytes.
#[derive(Clone, Debug, Default)]
pub struct MemoryState {
    commit: u64,
    leases: BTreeMap<LeaseId, Shards>,
    /// How many leases were granted.
    leased: u64,
    meta: BTreeMap<MetaName, Bytes>,
    shards: Shards,
}

/// Boxed, for a map makes room for eleven at once and most stores have one.
type Shards = BTreeMap<ShardId, Box<Shard>>;

impl MemoryState {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs one op. Nothing is durable, so everything that was applied counts as durable.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the op breaks the port's contract.
    pub fn apply(&mut self, op: StoreOp) -> Result<StoreReply, StoreError> {
        Ok(match op {
            StoreOp::Describe(describe) => {
                if describe.asks.iter().any(|ask| ask.ways < 2) {
                    return refuse("a range is split into at least two parts");
                }
                StoreReply::Described(self.shard(describe.shard).describe(&describe))
            }
            StoreOp::Fetch { shard, symbols, bytes } => {
                StoreReply::Facts(self.shard(shard).fetch(&symbols, bytes))
            }
            StoreOp::Get { shard, key } => StoreReply::Facts(self.shard(shard).head(&key)),
            StoreOp::Lease => StoreReply::Leased(self.lease()),
            StoreOp::Merge(merge) => return self.merge(merge),
            StoreOp::Release(lease) => {
                self.leases.remove(&lease);
                StoreReply::Synced { commit: self.commit }
            }
            StoreOp::Remember { name, value } => {
                match value {
                    Some(value) => self.meta.insert(name, value),
                    None => self.meta.remove(&name),
                };
                StoreReply::Synced { commit: self.commit }
            }
            StoreOp::Scan { shard, prefix, after, limit, bytes, lease } => {
                let shards = match lease {
                    None => &self.shards,
                    Some(lease) => match self.leases.get(&lease) {
                        None => return refuse("the lease has ended; begin the scan again"),
                        Some(shards) => shards,
                    },
                };
                let shard = shards.get(&shard);
                let facts = shard.map(|it| it.scan(&prefix, after.as_ref(), limit, bytes));
                StoreReply::Facts(facts.unwrap_or_default())
            }
            StoreOp::Sift { shard, retain, facts } => {
                StoreReply::Sifted(self.shard(shard).sift(&*retain, &facts))
            }
            StoreOp::Sketch { shard, epoch, cells, key } => {
                return self.sketch(shard, epoch, cells, key);
            }
            StoreOp::Sweep { shard, wall, epoch, floor } => {
                self.shard(shard).sweep(wall, epoch, floor)
            }
            StoreOp::Sync { commit } => {
                if commit > self.commit {
                    return refuse("a commit that has not happened cannot become durable");
                }
                StoreReply::Synced { commit: self.commit }
            }
            StoreOp::Take { shard, set, span, bytes } => {
                self.shard(shard).stretch(set, &span, bytes)
            }
            StoreOp::Total { shard, set } => {
                let totals = self.shard(shard).total(set);
                StoreReply::Totals(Totals { commit: self.commit, durable: self.commit, ..totals })
            }
            StoreOp::Wipe { shard, commit } => {
                let held = self.shards.remove(&shard).unwrap_or_default();
                self.commit = self.commit.max(commit);
                StoreReply::Wiped { held: held.ids(), commit: self.commit }
            }
        })
    }

    /// What a restart does to it: leases end.
    pub fn reopen(&mut self) {
        self.leases.clear();
        self.leased = 0;
    }

    /// What a node that starts on this state is told.
    #[must_use]
    pub fn restored(&self) -> Restored {
        let hlc = self.shards.values().map(|shard| shard.hlc()).max().unwrap_or_default();
        Restored { commit: self.commit, hlc, meta: self.meta.clone() }
    }

    /// All facts of a shard, in key order.
    #[must_use]
    pub fn all(&self, shard: ShardId) -> Vec<Envelope> {
        let shard = self.shards.get(&shard);
        shard.map(|shard| shard.scan(&[], None, usize::MAX, usize::MAX)).unwrap_or_default()
    }

    /// The facts of a key, in the order of the retain rule.
    #[must_use]
    pub fn head(&self, shard: ShardId, key: &[u8]) -> Vec<Envelope> {
        self.shards.get(&shard).map(|shard| shard.head(key)).unwrap_or_default()
    }

    /// The last commit.
    #[must_use]
    pub const fn commit(&self) -> u64 {
        self.commit
    }

    /// What is kept under a name.
    #[must_use]
    pub fn meta(&self, name: &MetaName) -> Option<&Bytes> {
        self.meta.get(name)
    }

    /// How many facts are held.
    #[must_use]
    pub fn facts(&self) -> usize {
        self.shards.values().map(|shard| shard.len()).sum()
    }

    /// Recomputes every index, sum and count from the facts alone; for tests, as slow as it
    /// sounds.
    ///
    /// # Panics
    /// If one of them is wrong.
    pub fn check(&self) {
        self.shards.values().for_each(|shard| shard.check());
    }

    fn merge(&mut self, merge: Merge) -> Result<StoreReply, StoreError> {
        if merge.facts.iter().any(|fact| fact.topic() != merge.shard.topic) {
            return refuse("a fact of another topic");
        }
        let outcomes = self.shard(merge.shard).merge(merge);
        if outcomes.iter().any(|outcome| matches!(outcome, Merged::Inserted(_))) {
            self.commit += 1;
        }
        Ok(StoreReply::Merged { outcomes, commit: self.commit })
    }

    fn sketch(
        &mut self,
        shard: ShardId,
        epoch: Epoch,
        cells: Range<usize>,
        key: u64,
    ) -> Result<StoreReply, StoreError> {
        if cells.len() > MAX_ROW {
            return refuse("a row of cells has an end");
        }
        let (row, totals) = self.shard(shard).sketch(epoch, cells, key);
        let totals = Totals { commit: self.commit, durable: self.commit, ..totals };
        Ok(StoreReply::Sketched { row, totals })
    }

    fn lease(&mut self) -> LeaseId {
        let lease = LeaseId::from_number(self.leased);
        self.leased += 1;
        self.leases.insert(lease, self.shards.clone());
        if self.leases.len() > MAX_LEASES {
            self.leases.pop_first();
        }
        lease
    }

    fn shard(&mut self, id: ShardId) -> &mut Shard {
        self.shards.entry(id).or_default()
    }
}

fn refuse(reason: &'static str) -> Result<StoreReply, StoreError> {
    Err(StoreError::Refused { reason })
}
