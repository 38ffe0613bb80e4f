//! The syncing thread: one sync of the log answers everybody who waited when it began.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gossip_core::store::{StoreError, StoreReply};
use rocksdb::DB;

use crate::health::Health;
use crate::mark::Mark;
use crate::wishes::Wishes;

/// How long a sync waits for the company of the last one: those who were answered together write
/// again together, and one sync is to take them all, not one the first and another the rest. Never
/// longer than two syncs take, nor than this (guess: a writer that comes back at all does so within
/// a few hundred microseconds).
const PATIENCE: Duration = Duration::from_millis(1);

/// How far the store has come, as all its threads know it.
#[derive(Clone, Debug)]
pub(crate) struct Progress(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    applied: AtomicU64,
    durable: AtomicU64,
    /// RocksDB's number of the last write; at least that of the applied commit.
    sequence: AtomicU64,
}

impl Progress {
    /// A store that was just opened: what it has found is on the disk.
    pub(crate) fn new(commit: u64) -> Self {
        let (applied, durable) = (AtomicU64::new(commit), AtomicU64::new(commit));
        Self(Arc::new(Counts { applied, durable, sequence: AtomicU64::new(0) }))
    }

    /// The last commit that is in the log.
    pub(crate) fn applied(&self) -> u64 {
        self.0.applied.load(Ordering::Acquire)
    }

    /// The last commit that is durable.
    pub(crate) fn durable(&self) -> u64 {
        self.0.durable.load(Ordering::Acquire)
    }

    /// The last write that is in the log; asked after [`applied`](Self::applied), it covers that.
    pub(crate) fn sequence(&self) -> u64 {
        self.0.sequence.load(Ordering::Acquire)
    }

    /// Notes that a commit is in the log, and up to which write.
    pub(crate) fn apply(&self, commit: u64, sequence: u64) {
        self.0.sequence.store(sequence, Ordering::Release);
        self.0.applied.store(commit, Ordering::Release);
    }
}

/// What syncs.
#[derive(Clone, Copy)]
pub(crate) struct Syncer<'a> {
    pub(crate) db: &'a DB,
    pub(crate) health: &'a Health,
    pub(crate) mark: &'a Mark,
    pub(crate) progress: &'a Progress,
}

impl Syncer<'_> {
    /// Syncs whenever somebody waits, until nobody will any more.
    pub(crate) fn work(self, wishes: &Wishes) {
        let (mut durable, mut answered, mut patience) = (Ok(0), 0, Duration::ZERO);
        while let Some(waiting) = wishes.take(answered, patience) {
            // The last sync may have covered it, if it was under way when they came.
            if durable.as_ref().is_ok_and(|upto| waiting.sequence > *upto) {
                let begun = Instant::now();
                durable = self.sync();
                patience = (2 * begun.elapsed()).min(PATIENCE);
            }
            let commit = self.progress.durable();
            let answer = durable.as_ref().map(|_| StoreReply::Synced { commit });
            answered = waiting.replies.len();
            for reply in waiting.replies {
                // Whoever does not wait any more needs no answer.
                let _ = reply.send(answer.clone().map_err(StoreError::clone));
            }
        }
    }

    /// Makes durable what is in the log, and tells up to which write; others go on meanwhile.
    ///
    /// # Errors
    /// When the store is poisoned, as it is after a sync that failed.
    pub(crate) fn sync(&self) -> Result<u64, StoreError> {
        self.health.check()?;
        // Both are in the log before they are told here, so the sync covers them.
        let commit = self.progress.applied();
        let sequence = self.db.latest_sequence_number();
        self.db.flush_wal(true).map_err(|error| self.health.poison(error))?;
        self.mark.write(sequence);
        self.progress.0.durable.store(commit, Ordering::Release);
        Ok(sequence)
    }
}
