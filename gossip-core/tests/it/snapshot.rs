//! Snapshot files: made from a store that goes on, read in pieces, and refused when damaged.

use std::convert::Infallible;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Waker};

use async_trait::async_trait;
use bytes::Bytes;
use gossip_core::fact::{Envelope, Verified};
use gossip_core::id::TopicId;
use gossip_core::store::snapshot::{Part, Reader, SaveError, SnapshotError, save};
use gossip_core::store::{MemoryStore, Merge, Restored, Store, StoreError, StoreOp, StoreReply};
use gossip_core::strategy::retain::KeepSiblings;
use gossip_core::testkit::facts::{Author, at_minute, domain, minute};
use gossip_core::time::Epoch;
use proptest::prelude::*;

async fn merge(store: &MemoryStore, facts: &[Verified<Envelope>]) {
    let shard = Author::simulated(0, &domain()).shard();
    for fact in facts {
        let (retain, facts) = (Arc::new(KeepSiblings::default()), vec![fact.clone()]);
        let (epoch, floor) = (Epoch::ZERO, Epoch::ZERO);
        let shard = gossip_core::id::ShardId { topic: fact.topic(), ..shard };
        let merge = Merge { shard, retain, facts, epoch, floor };
        store.run(StoreOp::Merge(merge)).await.expect("a merge within the contract");
    }
}

/// More facts than one scan gives, of every form and in two topics.
fn facts() -> Vec<Verified<Envelope>> {
    let author = |number: u64| Author::simulated(number, &domain());
    let fact = |number: u64| match number % 4 {
        0 => author(1).put(number.to_be_bytes(), [7; 300], at_minute(number)),
        1 => author(1).delete(number.to_be_bytes(), at_minute(number)),
        2 => author(1).expiring(number.to_be_bytes(), "v", at_minute(number), minute(number + 9)),
        _ => author(number).put("siblings", "", at_minute(number)),
    };
    let here = (0..600).map(fact);
    here.chain([author(1).in_topic(TopicId(3)).put("there", "", at_minute(1))]).collect()
}

async fn snapshot(store: &MemoryStore) -> Vec<u8> {
    let mut file = Vec::new();
    let write = |bytes: &[u8]| {
        file.extend_from_slice(bytes);
        Ok::<_, Infallible>(())
    };
    let saved = save(store, &domain(), &[TopicId(0), TopicId(3)], minute(700), write).await;
    assert!(saved.expect("it is saved") > 400);
    file
}

/// The facts of a snapshot, pushed in pieces of this length.
fn read(file: &[u8], piece: usize) -> Result<Vec<Bytes>, SnapshotError> {
    let (mut reader, mut facts) = (Reader::new(), Vec::new());
    for bytes in file.chunks(piece) {
        reader.push(bytes);
        while let Some(part) = reader.next_part()? {
            match part {
                Part::Begin { domain: found, taken_at } => {
                    assert_eq!(found.cluster(), domain().cluster());
                    assert_eq!(found.channel(), domain().channel());
                    assert_eq!(taken_at, minute(700));
                }
                Part::Fact(bytes) => facts.push(bytes),
                Part::End { facts: count, .. } => assert_eq!(count, facts.len() as u64),
            }
        }
    }
    reader.finish().map(|()| facts)
}

#[tokio::test]
async fn everything_comes_back_in_the_authors_bytes() {
    let store = MemoryStore::new();
    merge(&store, &facts()).await;
    let file = snapshot(&store).await;
    for piece in [1, 7, 4_096, usize::MAX] {
        let read = read(&file, piece).expect("it is whole");
        let again = MemoryStore::new();
        let verified: Vec<_> = facts();
        for bytes in &read {
            let fact = Envelope::decode(bytes.clone(), &domain()).expect("an author's bytes");
            let known = verified.iter().find(|known| known.id() == fact.id());
            merge(&again, &[known.expect("one of those").clone()]).await;
        }
        assert_eq!(snapshot(&again).await, file, "pieces of {piece}");
    }
}

#[tokio::test]
async fn what_is_cut_or_damaged_is_refused() {
    let store = MemoryStore::new();
    merge(&store, &facts()).await;
    let file = snapshot(&store).await;
    for end in [0, 1, 16, 17, 81, 89, 90, file.len() / 2, file.len() - 33, file.len() - 1] {
        assert_eq!(read(&file[..end], 999), Err(SnapshotError::Cut), "cut at {end}");
    }
    assert_eq!(read(b"a letter", 999), Err(SnapshotError::NotASnapshot));
    let changed = |at: usize, to: u8| {
        let mut file = file.clone();
        file[at] = to;
        read(&file, 999)
    };
    assert_eq!(changed(16, 2), Err(SnapshotError::NewerVersion { found: 2 }));
    assert!(matches!(changed(16, 0), Err(SnapshotError::Damaged { .. })), "no version");
    assert!(matches!(changed(89, 0xff), Err(SnapshotError::Damaged { .. })), "a fact's length");
    let longer = [&file[..], b"x"].concat();
    assert!(matches!(read(&longer, 999), Err(SnapshotError::Damaged { .. })), "more at its end");
}

/// A store that answers no scan, and fails whoever releases a lease.
#[derive(Debug, Default)]
struct Stuck {
    released: Mutex<usize>,
    scans: bool,
    store: MemoryStore,
}

#[async_trait]
impl Store for Stuck {
    fn kind(&self) -> &'static str {
        "stuck"
    }

    async fn load(&self) -> Result<Restored, StoreError> {
        self.store.load().await
    }

    async fn run(&self, op: StoreOp) -> Result<StoreReply, StoreError> {
        match op {
            StoreOp::Release(_) => {
                *self.released.lock().expect("no test panics with it") += 1;
                Err(StoreError::Closed)
            }
            StoreOp::Scan { .. } if !self.scans => std::future::pending().await,
            other => self.store.run(other).await,
        }
    }
}

#[tokio::test]
async fn a_save_that_fails_or_is_dropped_releases_its_lease() {
    let topics = [TopicId(0)];
    let store = Stuck { scans: true, ..Stuck::default() };
    merge(&store.store, &facts()).await;
    let full = |_: &[u8]| Err("no space");
    let error = save(&store, &domain(), &topics, minute(700), full).await;
    assert!(matches!(error, Err(SaveError::Write("no space"))), "{error:?}");
    assert_eq!(*store.released.lock().expect("nobody panics"), 1);
    let stuck = Stuck::default();
    let write = |_: &[u8]| Ok::<_, Infallible>(());
    let domain = domain();
    let mut saving = Box::pin(save(&stuck, &domain, &topics, minute(700), write));
    let polled = saving.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "{polled:?}");
    assert_eq!(*stuck.released.lock().expect("nobody panics"), 0);
    drop(saving);
    assert_eq!(*stuck.released.lock().expect("nobody panics"), 1);
}

/// Whole, made once.
static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("it starts");
    runtime.block_on(async {
        let store = MemoryStore::new();
        merge(&store, &facts()).await;
        snapshot(&store).await
    })
});

proptest! {
    #[test]
    fn no_changed_bit_is_overlooked(at: prop::sample::Index, bit in 0_u8..8) {
        let mut file = FILE.clone();
        let at = at.index(file.len());
        file[at] ^= 1 << bit;
        // Names of the cluster and the channel are bound by the hash at its end.
        let (mut reader, mut whole) = (Reader::new(), Ok(()));
        reader.push(&file);
        loop {
            match reader.next_part() {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => {
                    whole = Err(error);
                    break;
                }
            }
        }
        prop_assert!(whole.and_then(|()| reader.finish()).is_err());
    }
}
