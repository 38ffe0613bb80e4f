//! What the tests share.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use gossip_core::fact::{Envelope, Verified};
use gossip_core::store::{Merge, Merged, Store as _, StoreOp, StoreReply};
use gossip_core::strategy::retain::LastWrite;
use gossip_core::testkit::facts::{Author, domain};
use gossip_core::time::Epoch;
use gossip_store_rocks::{RocksConfig, RocksStore};

pub(crate) fn open(path: &Path) -> RocksStore {
    RocksStore::open(path, RocksConfig::default()).expect("the store opens")
}

/// The author with this number.
pub(crate) fn author(number: u64) -> Author {
    Author::simulated(number, &domain())
}

pub(crate) fn merge_op(facts: &[Verified<Envelope>]) -> StoreOp {
    StoreOp::Merge(Merge {
        shard: author(0).shard(),
        retain: Arc::new(LastWrite::default()),
        facts: facts.to_vec(),
        epoch: Epoch::ZERO,
        floor: Epoch::ZERO,
    })
}

pub(crate) async fn merge(store: &RocksStore, facts: &[Verified<Envelope>]) -> Vec<Merged> {
    match store.run(merge_op(facts)).await {
        Ok(StoreReply::Merged { outcomes, .. }) => outcomes,
        other => panic!("not merged: {other:?}"),
    }
}

pub(crate) fn scan_op() -> StoreOp {
    let (shard, prefix, limit, bytes) = (author(0).shard(), Bytes::new(), usize::MAX, usize::MAX);
    StoreOp::Scan { shard, prefix, after: None, limit, bytes, lease: None }
}

/// All facts of the authors' shard.
pub(crate) async fn everything(store: &RocksStore) -> Vec<Envelope> {
    match store.run(scan_op()).await {
        Ok(StoreReply::Facts(facts)) => facts,
        other => panic!("not facts: {other:?}"),
    }
}
