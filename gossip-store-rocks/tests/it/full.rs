//! A disk that takes no more: the store is poisoned, goes on reading, and is whole when reopened.
//!
//! The limit is that of a process on the length of its files, which needs no privilege: a shell
//! ignores the signal for it, sets it, and becomes this test.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use gossip_core::store::{MetaName, Store as _, StoreError, StoreOp, StoreReply};
use gossip_core::testkit::facts::at_minute;

use crate::support::{author, everything, merge_op, open};

const CHILD: &str = "GOSSIP_TEST_FULL_STORE";

/// Blocks of 512 bytes, or of 1,024 in some shells: room for at least 1,000 facts.
const BLOCKS: u32 = 4_000;

#[tokio::test]
async fn a_full_disk_poisons_and_loses_nothing() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let test = std::env::current_exe().expect("the test has a file");
    let mut child = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f {BLOCKS}; exec \"$0\" \"$@\"");
    child.args(["-c", &script]).arg(test);
    child.args(["--exact", "full::until_the_disk_is_full", "--nocapture"]);
    let output = child.env(CHILD, directory.path()).output().expect("a shell runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let durable = said.lines().find_map(|line| line.strip_prefix("durable "));
    let durable: u64 = durable.and_then(|number| number.parse().ok()).expect("it says so");
    assert!(durable > 100, "{said}");
    let store = open(directory.path());
    let restored = store.load().await.expect("it loads");
    let commit = restored.commit;
    assert!(commit >= durable, "{commit} of {durable}");
    assert_eq!(restored.meta.get(&MetaName::Incarnation), Some(&Bytes::from_static(b"7")));
    assert_eq!(everything(&store).await.len() as u64, commit);
    let fact = author(1).put("again", "v", at_minute(1));
    store.run(merge_op(&[fact])).await.expect("it takes writes again");
    store.run(StoreOp::Sync { commit: commit + 1 }).await.expect("and syncs");
}

/// Runs in the limited process alone.
#[tokio::test]
async fn until_the_disk_is_full() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let store = open(Path::new(&path));
    let (name, value) = (MetaName::Incarnation, Some(Bytes::from_static(b"7")));
    store.run(StoreOp::Remember { name, value }).await.expect("there is room");
    let mut durable = 0_u64;
    let error = loop {
        let fact = author(1).put(durable.to_be_bytes(), [7; 1_000], at_minute(durable));
        match store.run(merge_op(&[fact])).await {
            Err(error) => break error,
            Ok(StoreReply::Merged { commit, .. }) => {
                match store.run(StoreOp::Sync { commit }).await {
                    Err(error) => break error,
                    Ok(_) => durable = commit,
                }
            }
            other => panic!("not merged: {other:?}"),
        }
        assert!(durable < 100_000, "the disk is never full");
    };
    let StoreError::Poisoned { reason } = &error else { panic!("{error}") };
    assert!(reason.contains("File too large"), "{reason}");
    // Every write is refused with the same reason; every read is answered.
    let shard = author(1).shard();
    let (epoch, floor) = Default::default();
    let (name, wall) = (MetaName::Left, Default::default());
    for write in [
        merge_op(&[author(1).put("k", "v", at_minute(1))]),
        StoreOp::Remember { name, value: None },
        StoreOp::Sweep { shard, wall, epoch, floor },
        StoreOp::Sync { commit: 1 },
        StoreOp::Wipe { shard, commit: 0 },
    ] {
        assert_eq!(store.run(write).await.expect_err("it is poisoned"), error);
    }
    assert_eq!(everything(&store).await.len() as u64, durable, "no half of a write is seen");
    let key = Bytes::copy_from_slice(&0_u64.to_be_bytes());
    for read in [StoreOp::Get { shard, key }, StoreOp::Lease] {
        store.run(read).await.expect("reads go on");
    }
    println!("durable {durable}");
    store.close().await.expect_err("not everything became durable");
}
