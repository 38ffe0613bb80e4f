//! What the tests share.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::fact::{Envelope, Verified};
use gossip_core::store::{Merge, Merged, Store as _, StoreOp, StoreReply};
use gossip_core::strategy::retain::LastWrite;
use gossip_core::testkit::facts::{Author, at_minute, domain};
use gossip_core::time::Epoch;
use gossip_store_rocks::{OpenError, RocksConfig, RocksStore};
use tempfile::TempDir;

/// Longer than anything here takes on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn open(path: &Path) -> RocksStore {
    try_open(path, RocksConfig::default()).expect("the store opens")
}

/// Opens a store, and fails if that does not end.
pub(crate) fn try_open(path: &Path, config: RocksConfig) -> Result<RocksStore, OpenError> {
    let ((opened, is_opened), path) = (mpsc::channel(), path.to_owned());
    // Not joined: one that does not end goes with the process.
    thread::spawn(move || drop(opened.send(RocksStore::open(&path, config))));
    is_opened.recv_timeout(PATIENCE).expect("an opening ends")
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

pub(crate) fn refusal(path: &Path) -> OpenError {
    match try_open(path, RocksConfig::default()) {
        Ok(store) => panic!("{store:?} opens"),
        Err(error) => error,
    }
}

pub(crate) fn assert_says(error: &OpenError, words: &[&str]) {
    let text = error.to_string();
    assert!(words.iter().all(|word| text.contains(word)), "{text:?} says {words:?}");
}

/// A store that was closed or dropped, with 100 commits, each durable.
pub(crate) async fn filled(close: bool) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let store = open(directory.path());
    for number in 0..100_u64 {
        merge(&store, &[author(1).put(number.to_be_bytes(), [7; 500], at_minute(number))]).await;
    }
    store.run(StoreOp::Sync { commit: 100 }).await.expect("it syncs");
    if close {
        store.close().await.expect("it closes");
    }
    directory
}

pub(crate) fn files(directory: &Path, end: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(directory.join("db")).expect("there is a database");
    let files = files.map(|file| file.expect("its files are listed").path());
    let mut files: Vec<_> = files.filter(|path| path.to_string_lossy().contains(end)).collect();
    files.sort();
    assert!(!files.is_empty(), "there are files with {end}");
    files
}
