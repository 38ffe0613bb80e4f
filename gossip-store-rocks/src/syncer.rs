//! The syncing thread: one sync of the log answers everybody who waited when it began.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use gossip_core::store::{StoreError, StoreReply};
use rocksdb::DB;

use crate::health::Health;
use crate::mark::Mark;
use crate::wishes::Wishes;

/// How long a sync waits at most for the company of the last one: those who were answered together
/// write again together, and one sync is to take them all, not one the first and another the rest
/// (guess: a writer that comes back at all does so within a few hundred microseconds).
const PATIENCE: Duration = Duration::from_millis(1);

/// A disk that syncs faster than this is not waited with: a crowd takes as long to come back, and
/// so the first of it may as well go ahead (measured with 64 writers on a disk of 0.15 ms).
const QUICK: Duration = Duration::from_micros(400);

/// How far the store has come, as all its threads know it.
#[derive(Clone, Debug)]
pub(crate) struct Progress(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    applied: Mutex<Applied>,
    durable: AtomicU64,
}

/// What is in the log. Both numbers are told together: whoever waits for the write has a sync that
/// knows of the commit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Applied {
    /// The last commit.
    pub(crate) commit: u64,
    /// RocksDB's number of the last write, which is no commit if it is something small.
    pub(crate) sequence: u64,
}

impl Progress {
    /// A store that was just opened: what it has found is on the disk.
    pub(crate) fn new(found: Applied) -> Self {
        let (applied, durable) = (Mutex::new(found), AtomicU64::new(found.commit));
        Self(Arc::new(Counts { applied, durable }))
    }

    /// How far the log has come.
    pub(crate) fn applied(&self) -> Applied {
        *self.0.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last commit that is durable.
    pub(crate) fn durable(&self) -> u64 {
        self.0.durable.load(Ordering::Acquire)
    }

    /// Notes how far the log has come.
    pub(crate) fn apply(&self, applied: Applied) {
        *self.0.applied.lock().unwrap_or_else(PoisonError::into_inner) = applied;
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
        let _panics = PoisonOnPanic { health: self.health, wishes };
        let (mut durable, mut answered, mut patience) = (Ok(0), 0, Duration::ZERO);
        while let Some(waiting) = wishes.take(answered, patience) {
            // The last sync may have covered it, if it was under way when they came.
            if durable.as_ref().is_ok_and(|upto| waiting.sequence > *upto) {
                let begun = Instant::now();
                durable = self.sync();
                patience = patience_after(begun.elapsed());
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
        // Told here once it is in the log, so the sync covers it. A write that is in the log and was
        // not told yet waits for the next sync, which can name its commit.
        let Applied { commit, sequence } = self.progress.applied();
        self.db.flush_wal(true).map_err(|error| self.health.poison(error))?;
        self.mark.write(sequence);
        self.progress.0.durable.store(commit, Ordering::Release);
        Ok(sequence)
    }
}

/// Nobody waits for a thread that is gone, and nothing is written that it would have to sync.
struct PoisonOnPanic<'a> {
    health: &'a Health,
    wishes: &'a Wishes,
}

impl Drop for PoisonOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.health.poison("the syncing thread has panicked");
            self.wishes.abandon();
        }
    }
}

/// Half of what a slow sync took: nobody waits much longer for company than for the disk.
fn patience_after(sync: Duration) -> Duration {
    if sync < QUICK { Duration::ZERO } else { (sync / 2).min(PATIENCE) }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;
    use crate::config::RocksConfig;
    use crate::open::{Opened, open};

    #[test]
    fn a_write_that_was_not_told_yet_waits_for_the_next_sync() {
        let directory = tempfile::tempdir().unwrap();
        let Opened { db, mark, .. } = open(directory.path(), &RocksConfig::default()).unwrap();
        let sequence = || db.latest_sequence_number();
        let progress = Progress::new(Applied { commit: 7, sequence: sequence() });
        let syncer =
            Syncer { db: &db, health: &Health::default(), mark: &mark, progress: &progress };
        db.put(b"in the log", b"").unwrap();
        let covered = syncer.sync().unwrap();
        assert_eq!(progress.durable(), 7);
        progress.apply(Applied { commit: 8, sequence: sequence() });
        assert!(progress.applied().sequence > covered, "commit 8 is still to be synced");
        assert_eq!(syncer.sync().unwrap(), sequence());
        assert_eq!((progress.durable(), mark.read()), (8, sequence()));
    }

    #[test]
    fn a_panic_poisons_and_lets_everybody_go() {
        let (health, wishes) = (Health::default(), Wishes::default());
        let (reply, mut answer) = tokio::sync::oneshot::channel();
        assert!(wishes.push(vec![reply], 1));
        let panicked = thread::scope(|scope| {
            let panics = || {
                let _panics = PoisonOnPanic { health: &health, wishes: &wishes };
                assert!(health.check().is_err(), "for the test");
            };
            scope.spawn(panics).join().is_err()
        });
        assert!(panicked && health.check().is_err());
        assert!(answer.try_recv().is_err_and(|error| error != TryRecvError::Empty));
        let (reply, _answer) = tokio::sync::oneshot::channel();
        assert!(!wishes.push(vec![reply], 1), "nobody will answer any more");
    }
}
