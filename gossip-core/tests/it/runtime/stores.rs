//! Stores that misbehave.

use async_trait::async_trait;
use gossip_core::store::{MemoryStore, Restored, Store, StoreError, StoreOp, StoreReply};

/// A memory store that does not answer merges.
#[derive(Debug)]
pub(super) struct Stuck {
    pub(super) how: How,
    pub(super) inner: MemoryStore,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    Hang,
    Panic,
}

impl Stuck {
    pub(super) fn new(how: How) -> Self {
        Self { how, inner: MemoryStore::new() }
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
        match (&op, self.how) {
            (StoreOp::Merge(_), How::Hang) => std::future::pending().await,
            (StoreOp::Merge(_), How::Panic) => panic!("as the test wants"),
            _ => self.inner.run(op).await,
        }
    }
}
