//! Threads that are stuck or panic: nobody waits for ever, and nothing goes wrong in silence.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use bytes::Bytes;
use futures_util::poll;
use gossip_core::fact::Envelope;
use gossip_core::store::{Merge, Store as _, StoreError, StoreOp};
use gossip_core::strategy::Retain;
use gossip_core::testkit::facts::at_minute;
use gossip_core::time::Epoch;
use gossip_store_rocks::{OpenError, RocksConfig};

use crate::support::{PATIENCE, author, everything, merge, merge_op, open, try_open};

/// A rule that says when it is asked, and is stuck until somebody lets it go.
#[derive(Debug)]
struct Stuck {
    asked: Sender<()>,
    go_on: Mutex<Receiver<()>>,
}

impl Retain for Stuck {
    fn name(&self) -> &'static str {
        "stuck"
    }

    fn limit(&self) -> usize {
        1
    }

    fn retain(&self, facts: &mut Vec<&Envelope>) {
        self.asked.send(()).expect("the test listens");
        let go_on = self.go_on.lock().expect("nobody panics with it");
        go_on.recv_timeout(PATIENCE).expect("the test lets it go");
        facts.truncate(1);
    }

    fn rival(&self, _: &Envelope) -> [u8; 8] {
        [0; 8]
    }
}

#[derive(Debug)]
struct Panics;

impl Retain for Panics {
    fn name(&self) -> &'static str {
        "panics"
    }

    fn limit(&self) -> usize {
        1
    }

    fn retain(&self, _: &mut Vec<&Envelope>) {
        panic!("for the test");
    }

    fn rival(&self, _: &Envelope) -> [u8; 8] {
        [0; 8]
    }
}

#[tokio::test]
async fn a_drop_after_a_close_that_is_stuck_waits_for_nothing() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let store = open(directory.path());
    merge(&store, &[author(1).put("k", "old", at_minute(1))]).await;
    let ((asked, is_asked), (let_go, go_on)) = (mpsc::channel(), mpsc::channel());
    let retain = Arc::new(Stuck { asked, go_on: Mutex::new(go_on) });
    let facts = vec![author(1).put("k", "new", at_minute(2))];
    let (shard, epoch) = (author(1).shard(), Epoch::ZERO);
    let op = StoreOp::Merge(Merge { shard, retain, facts, epoch, floor: epoch });
    assert!(poll!(store.run(op)).is_pending());
    is_asked.recv_timeout(PATIENCE).expect("it is stuck");
    assert!(poll!(store.close()).is_pending());
    let (dropped, is_dropped) = mpsc::channel();
    let dropping = thread::spawn(move || {
        drop(store);
        dropped.send(()).expect("the test listens");
    });
    is_dropped.recv_timeout(PATIENCE / 2).expect("a drop waits for nothing");
    dropping.join().expect("it drops");
    // What was asked for before happens all the same, and then the files are free.
    let_go.send(()).expect("it listens");
    let begun = Instant::now();
    let store = loop {
        match try_open(directory.path(), RocksConfig::default()) {
            Ok(store) => break store,
            Err(OpenError::InUse { .. }) => assert!(begun.elapsed() < PATIENCE, "it ends"),
            Err(error) => panic!("{error}"),
        }
        thread::yield_now();
    };
    assert_eq!(everything(&store).await.len(), 1);
}

#[tokio::test]
async fn a_read_that_panics_poisons_and_reading_goes_on() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let store = open(directory.path());
    let old = author(1).put("k", "old", at_minute(1)).into_inner();
    merge(&store, &[author(1).put("k", "old", at_minute(1))]).await;
    let (shard, retain) = (author(1).shard(), Arc::new(Panics));
    let facts = vec![author(1).put("k", "new", at_minute(2)).into_inner()];
    let sift = store.run(StoreOp::Sift { shard, retain, facts }).await;
    let error = sift.expect_err("it has panicked");
    assert!(matches!(&error, StoreError::Poisoned { reason } if reason.contains("panicked")));
    let write = merge_op(&[author(1).put("j", "", at_minute(3))]);
    assert_eq!(store.run(write).await.expect_err("it is poisoned"), error);
    assert_eq!(everything(&store).await, [old]);
    store.run(StoreOp::Get { shard, key: Bytes::from_static(b"k") }).await.expect("it reads");
}
