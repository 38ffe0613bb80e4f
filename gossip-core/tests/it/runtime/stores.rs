//! A store that misbehaves.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use gossip_core::store::{MemoryStore, Restored, Store, StoreError, StoreOp, StoreReply};

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
        if let StoreOp::Merge(_) = op {
            self.merges.fetch_add(1, Ordering::Relaxed);
            match self.how {
                How::Answer => {}
                How::Hang => std::future::pending().await,
                How::Panic => panic!("as the test wants"),
            }
        }
        self.inner.run(op).await
    }
}
