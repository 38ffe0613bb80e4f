//! The syncing thread: one sync of the log answers everybody who waited when it began.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

use gossip_core::store::{StoreError, StoreReply};
use rocksdb::DB;

use crate::health::Health;
use crate::mark::Mark;
use crate::request::Reply;

/// How far the store has come, as all its threads know it.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    applied: Arc<AtomicU64>,
    durable: Arc<AtomicU64>,
}

impl Progress {
    /// A store that was just opened: what it has found is on the disk.
    pub(crate) fn new(commit: u64) -> Self {
        let at = || Arc::new(AtomicU64::new(commit));
        Self { applied: at(), durable: at() }
    }

    /// The last commit that is durable.
    pub(crate) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Notes that a commit is in the log.
    pub(crate) fn apply(&self, commit: u64) {
        self.applied.store(commit, Ordering::Release);
    }
}

/// Somebody waits until the log is durable up to a sequence number.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) reply: Reply,
    pub(crate) sequence: u64,
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
    pub(crate) fn work(self, wishes: &Receiver<Wish>) {
        let mut durable = Ok(0);
        while let Ok(first) = wishes.recv() {
            let waiting: Vec<_> = std::iter::once(first).chain(wishes.try_iter()).collect();
            // Some came while the last sync was under way, and it has covered what they wait for.
            let missing = |wish: &Wish| durable.as_ref().is_ok_and(|upto| wish.sequence > *upto);
            if waiting.iter().any(missing) {
                durable = self.sync();
            }
            let commit = self.progress.durable();
            let answer = durable.as_ref().map(|_| StoreReply::Synced { commit });
            for Wish { reply, sequence: _ } in waiting {
                // Whoever does not wait any more needs no answer.
                let _ = reply.send(answer.clone().map_err(StoreError::clone));
            }
        }
    }

    /// Makes durable what is in the log, and tells up to which sequence number; writes go on
    /// meanwhile.
    ///
    /// # Errors
    /// When the store is poisoned, as it is after a sync that failed.
    pub(crate) fn sync(&self) -> Result<u64, StoreError> {
        self.health.check()?;
        // Both are in the log before they are told here, so the sync covers them.
        let commit = self.progress.applied.load(Ordering::Acquire);
        let sequence = self.db.latest_sequence_number();
        self.db.flush_wal(true).map_err(|error| self.health.poison(error))?;
        self.mark.write(sequence);
        self.progress.durable.store(commit, Ordering::Release);
        Ok(sequence)
    }
}
