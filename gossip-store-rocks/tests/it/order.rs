//! Several ops on their way at a time: their order is that of their first polls.

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{FutureExt as _, poll};
use gossip_core::state::Set;
use gossip_core::store::{MetaName, Store as _, StoreError, StoreOp, StoreReply};
use gossip_core::testkit::facts::at_minute;
use gossip_core::time::Epoch;
use gossip_store_rocks::RocksConfig;
use tokio::time::timeout;

use crate::support::{PATIENCE, author, everything, merge_op, open, try_open};

#[tokio::test]
async fn reads_see_what_was_merged_before_them_and_nothing_later() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let store = open(directory.path());
    let (shard, key) = (author(1).shard(), Bytes::from_static(b"k"));
    // Polled once in order, then awaited in the wrong one.
    let mut answers = Vec::new();
    for number in 0..200_u64 {
        let fact = author(1).put("k", number.to_be_bytes(), at_minute(number));
        for op in [merge_op(&[fact]), StoreOp::Get { shard, key: key.clone() }] {
            let mut answer = store.run(op);
            if let std::task::Poll::Ready(early) = poll!(&mut answer) {
                answer = async move { early }.boxed();
            }
            answers.push(answer);
        }
    }
    let replies = async {
        let mut replies = Vec::new();
        for answer in answers.into_iter().rev() {
            replies.push(answer.await.expect("a healthy store answers"));
        }
        replies
    };
    let mut replies = timeout(PATIENCE, replies).await.expect("everything is answered");
    replies.reverse();
    for (number, pair) in replies.chunks(2).enumerate() {
        let [StoreReply::Merged { commit, .. }, StoreReply::Facts(facts)] = pair else {
            panic!("{pair:?}")
        };
        assert_eq!(*commit, number as u64 + 1);
        let hlcs: Vec<_> = facts.iter().map(|fact| fact.hlc()).collect();
        assert_eq!(hlcs, [at_minute(number as u64)]);
    }
}

#[tokio::test]
async fn an_op_that_nobody_waits_for_is_run_all_the_same() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let store = open(directory.path());
    let fact = author(1).put("k", "v", at_minute(1));
    assert!(poll!(store.run(merge_op(std::slice::from_ref(&fact)))).is_pending());
    assert_eq!(everything(&store).await, [fact.into_inner()]);
}

#[tokio::test]
async fn one_sync_answers_many() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let config = RocksConfig { statistics: true, ..RocksConfig::default() };
    let store = try_open(directory.path(), config).expect("it opens");
    let write = async |number: u64| {
        let fact = author(1).put(number.to_be_bytes(), "v", at_minute(number));
        for _ in 0..10 {
            let reply = store.run(merge_op(std::slice::from_ref(&fact))).await;
            let Ok(StoreReply::Merged { commit, .. }) = reply else { panic!("{reply:?}") };
            let synced = store.run(StoreOp::Sync { commit }).await;
            assert!(matches!(synced, Ok(StoreReply::Synced { commit: upto }) if upto >= commit));
        }
        let (name, value) = (MetaName::Incarnation, Some(Bytes::from_static(b"7")));
        let kept = store.run(StoreOp::Remember { name, value }).await;
        assert!(matches!(kept, Ok(StoreReply::Synced { .. })));
    };
    timeout(PATIENCE, join_all((0..64).map(write))).await.expect("everything is answered");
    let totals = StoreOp::Total { shard: author(1).shard(), set: Set::Active(Epoch::ZERO) };
    let Ok(StoreReply::Totals(totals)) = store.run(totals).await else { panic!("totals") };
    assert_eq!((totals.commit, totals.durable), (64, 64));
    let syncs = store.log_syncs();
    assert!((1..64).contains(&syncs), "{syncs} syncs for 128 wishes that needed one");
}

#[tokio::test]
async fn closing_keeps_everything_and_ends_everything() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let store = open(directory.path());
    let fact = author(1).put("k", "v", at_minute(1));
    let merged = store.run(merge_op(std::slice::from_ref(&fact)));
    let (merged, closed) = timeout(PATIENCE, async { tokio::join!(merged, store.close()) })
        .await
        .expect("both are answered");
    assert!(merged.is_ok() && closed == Ok(()), "{merged:?} {closed:?}");
    let late = store.run(merge_op(std::slice::from_ref(&fact))).await;
    assert_eq!(late.expect_err("it is closed"), StoreError::Closed);
    assert_eq!(store.close().await, Err(StoreError::Closed));
    // Its files are free while the handle is still there.
    let store = open(directory.path());
    assert_eq!(everything(&store).await, [fact.into_inner()]);
    assert_eq!(store.load().await.expect("it loads").commit, 1);
}
