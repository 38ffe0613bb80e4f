//! The sketch that a close leaves, and what becomes of it: taken where it is of what is there, and
//! otherwise made anew.

use std::fs;
use std::path::Path;

use gossip_core::sketch::{Code, Sketch, Symbol};
use gossip_core::store::{Row, Store as _, StoreOp, StoreReply};
use gossip_core::testkit::facts::at_minute;
use gossip_core::time::{Epoch, Wall};
use gossip_store_rocks::RocksStore;
use rocksdb::{DB, Options};
use tempfile::TempDir;

use crate::support::{author, everything, filled, merge, open};

/// More than a store keeps at first.
const CELLS: usize = 200;

async fn asked(store: &RocksStore) -> Row {
    let (shard, epoch) = (author(0).shard(), Epoch::ZERO);
    match store.run(StoreOp::Sketch { shard, epoch, cells: 0..CELLS, key: 0 }).await {
        Ok(StoreReply::Sketched { row, .. }) => row,
        other => panic!("no cells: {other:?}"),
    }
}

/// What the store says is what its facts make.
async fn assert_true(store: &RocksStore) {
    let (mut sketch, mut row) = (Sketch::new(Code::Irregular, 0, CELLS), Row::default());
    for fact in everything(store).await {
        sketch.add(Symbol::of(&fact));
        row.census.add(Symbol::of(&fact), 0);
    }
    row.cells = sketch.into_cells();
    assert_eq!(asked(store).await, row);
}

/// A store that was closed after somebody had asked for its sketch.
async fn closed() -> TempDir {
    let directory = filled(true).await;
    let store = open(directory.path());
    assert_eq!(store.sketches_found(), 0, "nobody has asked for one");
    assert_true(&store).await;
    store.close().await.expect("it closes");
    directory
}

/// What a crash at this moment leaves, but for what the system has not written yet.
fn copied(directory: &Path) -> TempDir {
    let copy = tempfile::tempdir().expect("a directory for the test");
    fs::create_dir(copy.path().join("db")).expect("it can be made");
    for part in ["", "db"] {
        for file in fs::read_dir(directory.join(part)).expect("it is listed") {
            let path = file.expect("its files are listed").path();
            if path.is_file() {
                let name = path.file_name().expect("a file has a name");
                fs::copy(&path, copy.path().join(part).join(name)).expect("it can be copied");
            }
        }
    }
    copy
}

#[tokio::test]
async fn a_close_leaves_the_sketch_for_the_next_opening() {
    let directory = closed().await;
    for _ in 0..2 {
        let store = open(directory.path());
        assert_eq!(store.sketches_found(), 1);
        assert_true(&store).await;
        let later = at_minute(200);
        merge(&store, &[author(2).put("later", "v", later), author(2).delete([5; 8], later)]).await;
        assert_true(&store).await;
        store.close().await.expect("it closes");
    }
    assert_true(&open(directory.path())).await;
}

#[tokio::test]
async fn after_a_crash_with_later_writes_it_is_made_anew() {
    let directory = closed().await;
    let store = open(directory.path());
    merge(&store, &[author(2).put("later", "v", at_minute(200))]).await;
    store.run(StoreOp::Sync { commit: 101 }).await.expect("it syncs");
    let crashed = copied(directory.path());
    let store = open(crashed.path());
    assert_eq!(store.sketches_found(), 0, "it is of an earlier commit");
    assert_eq!(everything(&store).await.len(), 101);
    assert_true(&store).await;
}

#[tokio::test]
async fn after_a_crash_in_another_epoch_it_is_made_anew() {
    let directory = closed().await;
    let store = open(directory.path());
    let (shard, wall, epoch) = (author(0).shard(), Wall::ZERO, Epoch::from_number(9));
    store.run(StoreOp::Sweep { shard, wall, epoch, floor: Epoch::ZERO }).await.expect("it sweeps");
    drop(store);
    let store = open(directory.path());
    assert_eq!(store.sketches_found(), 0, "the commit is the same, the epoch is not");
    assert_true(&store).await;
}

#[tokio::test]
async fn a_damaged_one_is_ignored() {
    type Damage = dyn Fn(&mut Vec<u8>);
    let directory = closed().await;
    let (options, path) = (Options::default(), directory.path().join("db"));
    let families = DB::list_cf(&options, &path).expect("there is a database");
    let change = |change: &Damage| {
        let db = DB::open_cf(&options, &path, &families).expect("it opens");
        let checkpoints = db.cf_handle("checkpoints").expect("it is there");
        let mut rows = db.raw_iterator_cf(checkpoints);
        rows.seek_to_first();
        let (key, row) = rows.item().expect("there is one");
        let (key, mut row) = (key.to_vec(), row.to_vec());
        change(&mut row);
        db.put_cf(checkpoints, key, row).expect("it is written");
    };
    let damages: [&Damage; 5] = [
        &|row| row[0] ^= 1,
        &|row| row[8] ^= 1,
        &|row| row[100] ^= 1,
        &|row| row.truncate(500),
        &Vec::clear,
    ];
    for damage in damages {
        change(damage);
        let store = open(directory.path());
        assert_eq!(store.sketches_found(), 0);
        assert_true(&store).await;
        store.close().await.expect("it closes");
        assert_eq!(open(directory.path()).sketches_found(), 1, "a close makes it good again");
    }
}
