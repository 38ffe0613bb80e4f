//! Whether the store may still be written: after a failed write or sync it is poisoned.

use std::sync::{Arc, OnceLock};

use gossip_core::store::StoreError;

/// Shared by all threads of a store. Whoever is poisoned stays so until the store is opened again:
/// what a failed sync has left of the pages it was to write, nobody can tell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health(Arc<OnceLock<String>>);

impl Health {
    /// Refuses once it is poisoned.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.0.get().map_or(Ok(()), |reason| Err(poisoned(reason)))
    }

    /// Poisons the store; the first reason stays.
    pub(crate) fn poison(&self, reason: impl ToString) -> StoreError {
        let reason = self.0.get_or_init(|| {
            let reason = reason.to_string();
            tracing::error!(%reason, "the store is poisoned: no more writes until it is reopened");
            reason
        });
        poisoned(reason)
    }
}

fn poisoned(reason: &str) -> StoreError {
    StoreError::Poisoned { reason: reason.to_owned() }
}
