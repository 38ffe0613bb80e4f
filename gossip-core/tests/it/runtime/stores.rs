//! A store that misbehaves.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use gossip_core::store::{MemoryStore, Restored, Store, StoreError, StoreOp, StoreReply};
use tokio::time::timeout;

/// A memory store that does something else than it should when it is to merge.
#[derive(Debug)]
pub(super) struct Stuck {
    how: How,
    inner: MemoryStore,
    merges: AtomicUsize,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    /// Nothing else.
    Answer,
    /// From the first merge on, nothing is answered.
    Hang,
    Panic,
}

impl Stuck {
    pub(super) fn new(how: How) -> Self {
        Self { how, inner: MemoryStore::new(), merges: AtomicUsize::new(0) }
    }

    /// How many merges have begun.
    pub(super) fn merges(&self) -> usize {
        self.merges.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Store for Stuck {
    fn kind(&self) -> &'static str {
        "stuck"
    }

    async fn load(&self) -> Result<Restored, StoreError> {
        self.inner.load().await
    }

    async fn run(&self, op: StoreOp) -> Result<StoreReply, StoreError> {
        if matches!(self.how, How::Hang) && self.merges() > 0 {
            return pending().await;
        }
        if let StoreOp::Merge(_) = op {
            self.merges.fetch_add(1, Ordering::Relaxed);
            match self.how {
                How::Answer => {}
                How::Hang => pending().await,
                How::Panic => panic!("as the test wants"),
            }
        }
        self.inner.run(op).await
    }
}

/// A memory store on a disk that takes its time to flush.
#[derive(Debug)]
pub(super) struct SlowFlush {
    inner: MemoryStore,
    takes: Duration,
}

impl SlowFlush {
    pub(super) fn new(takes: Duration) -> Self {
        Self { inner: MemoryStore::new(), takes }
    }
}

#[async_trait]
impl Store for SlowFlush {
    fn kind(&self) -> &'static str {
        "slow-flush"
    }

    async fn load(&self) -> Result<Restored, StoreError> {
        self.inner.load().await
    }

    async fn run(&self, op: StoreOp) -> Result<StoreReply, StoreError> {
        let flushes = matches!(op, StoreOp::Remember { .. } | StoreOp::Sync { .. });
        // The op takes its place at once.
        let reply = self.inner.run(op).await;
        if flushes {
            let _ = timeout(self.takes, pending::<()>()).await;
        }
        reply
    }
}
