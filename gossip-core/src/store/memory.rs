//! The memory store: nothing survives the process.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::MemoryState;
use super::{Immediate, Restored, Store, StoreError, StoreOp, StoreReply};

/// A [`MemoryState`] behind a lock, which no call holds while it waits.
#[derive(Default)]
pub struct MemoryStore(Mutex<MemoryState>);

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn kind(&self) -> &'static str {
        "memory"
    }

    async fn load(&self) -> Result<Restored, StoreError> {
        Ok(self.0.lock().map_err(poisoned)?.restored())
    }

    async fn run(&self, op: StoreOp) -> Result<StoreReply, StoreError> {
        self.apply(op)
    }

    fn immediate(&self) -> Option<&dyn Immediate> {
        Some(self)
    }
}

impl Immediate for MemoryStore {
    fn apply(&self, op: StoreOp) -> Result<StoreReply, StoreError> {
        self.0.lock().map_err(poisoned)?.apply(op)
    }
}

/// A retain rule that panicked has left the state between two facts.
fn poisoned<T>(_: PoisonError<T>) -> StoreError {
    StoreError::Poisoned { reason: "an earlier op panicked".to_owned() }
}
