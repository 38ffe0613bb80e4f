//! The suite of the store port, with stores that are closed or dropped and opened again.

use async_trait::async_trait;
use gossip_core::store::{Restored, Store, StoreError, StoreOp, StoreReply};
use gossip_core::testkit::store_conformance;
use gossip_store_rocks::RocksStore;
use tempfile::TempDir;

use crate::support::open;

/// A store in a directory of its own.
#[derive(Debug)]
struct Housed {
    store: RocksStore,
    directory: TempDir,
}

impl Housed {
    fn new() -> Self {
        Self::within(tempfile::tempdir().expect("a directory for the test"))
    }

    fn within(directory: TempDir) -> Self {
        Self { store: open(directory.path()), directory }
    }
}

#[async_trait]
impl Store for Housed {
    fn kind(&self) -> &'static str {
        self.store.kind()
    }

    async fn load(&self) -> Result<Restored, StoreError> {
        self.store.load().await
    }

    async fn run(&self, op: StoreOp) -> Result<StoreReply, StoreError> {
        self.store.run(op).await
    }
}

#[tokio::test]
async fn it_conforms_when_it_is_closed() {
    let reopen = async |housed: Housed| {
        let Housed { store, directory } = housed;
        store.close().await.expect("a healthy store closes");
        drop(store);
        Housed::within(directory)
    };
    store_conformance(async || Housed::new(), reopen).await;
}

#[tokio::test]
async fn it_conforms_when_it_is_dropped() {
    let reopen = async |housed: Housed| {
        let Housed { store, directory } = housed;
        drop(store);
        Housed::within(directory)
    };
    store_conformance(async || Housed::new(), reopen).await;
}
