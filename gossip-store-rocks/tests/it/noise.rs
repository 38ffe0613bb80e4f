//! Logs and manifests with what RocksDB's reader takes for a record of a log that is used again: it
//! would try to read that for ever. Each opening ends, with everything durable or a refusal.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use gossip_store_rocks::OpenError;

use crate::support::{assert_says, everything, files, filled, open, refusal};

const BLOCK: usize = 32 * 1024;

/// The types of such records in RocksDB's `db/log_format.h`.
const RECYCLED: [u8; 6] = [5, 6, 7, 8, 11, 131];

/// The start of a record.
fn header(kind: u8, length: u16) -> [u8; 7] {
    let [low, high] = length.to_le_bytes();
    [1, 2, 3, 4, low, high, kind]
}

fn append(file: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).open(file).expect("it is there");
    file.write_all(bytes).expect("it can be spoiled");
}

/// The last log, or the manifest.
fn last(directory: &Path, end: &str) -> PathBuf {
    files(directory, end).pop().expect("there is one")
}

/// Where the records of an undamaged file begin.
fn records(bytes: &[u8]) -> Vec<usize> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some([_, _, _, _, low, high, _, ..]) = bytes.get(at..) {
        found.push(at);
        at += 7 + usize::from(u16::from_le_bytes([*low, *high]));
        // Less than a header at a block's end is left out.
        if BLOCK - at % BLOCK < 7 {
            at = at.next_multiple_of(BLOCK);
        }
    }
    assert_eq!(at, bytes.len(), "it ends with a whole record");
    found
}

#[track_caller]
fn assert_refused(directory: &Path, file: &Path, spoiled: &[u8], words: &[&str]) {
    fs::write(file, spoiled).expect("it can be spoiled");
    for _ in 0..2 {
        let error = refusal(directory);
        assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
        assert_says(&error, words);
        assert!(fs::read(file).expect("it is there") == spoiled, "it is left as it is");
    }
}

#[tokio::test]
async fn a_log_with_any_type_behind_its_end_opens_with_everything_before() {
    // A length that leads nowhere, one that leads on, and one that leads out of the block.
    for length in [0, 9, u16::MAX] {
        for kind in RECYCLED.into_iter().chain([0, 1, 4, 9, 10, 130, 255]) {
            let directory = filled(false).await;
            let tail = [&header(kind, length)[..], &header(5, 2), b"noise", &[0; 100]].concat();
            append(&last(directory.path(), ".log"), &tail);
            let store = open(directory.path());
            assert_eq!(everything(&store).await.len(), 100, "type {kind}, length {length}");
        }
    }
}

#[tokio::test]
async fn noise_of_many_blocks_opens_with_everything_before() {
    let directory = filled(false).await;
    let log = last(directory.path(), ".log");
    let length = fs::metadata(&log).expect("it is there").len() as usize;
    // What is damaged in a known way is skipped with its block, and the reader goes on.
    let mut tail = header(1, 9).to_vec();
    for kind in 0..=u8::MAX {
        tail.resize((length + tail.len()).next_multiple_of(BLOCK) - length, 0xee);
        tail.extend(header(kind, u16::from(kind)));
    }
    append(&log, &tail);
    let store = open(directory.path());
    assert_eq!(everything(&store).await.len(), 100);
}

#[tokio::test]
async fn a_flipped_type_within_what_is_durable_is_refused_and_kept() {
    let directory = filled(false).await;
    let log = last(directory.path(), ".log");
    let whole = fs::read(&log).expect("it is read");
    let starts = records(&whole);
    let at_block = starts.iter().copied().find(|at| *at > 0 && at % BLOCK == 0);
    let [first, middle, end] = [starts[0], starts[starts.len() / 2], starts[starts.len() - 1]];
    for at in [first, middle, at_block.expect("it has blocks"), end] {
        for kind in RECYCLED {
            let mut spoiled = whole.clone();
            spoiled[at + 6] = kind;
            assert_refused(directory.path(), &log, &spoiled, &["was durable"]);
            spoiled[at + 4..at + 6].fill(0);
            assert_refused(directory.path(), &log, &spoiled, &["was durable"]);
        }
    }
    // The same behind another damage, in whose call RocksDB reads on.
    let mut spoiled = whole.clone();
    spoiled[middle] ^= 1;
    let next = middle.next_multiple_of(BLOCK);
    spoiled[next + 6] = 6;
    assert_refused(directory.path(), &log, &spoiled, &["was durable"]);
    fs::write(&log, &whole).expect("it can be mended");
    let store = open(directory.path());
    assert_eq!(everything(&store).await.len(), 100, "nothing was lost");
}

#[tokio::test]
async fn a_damaged_manifest_is_refused_and_kept() {
    for close in [false, true] {
        let directory = filled(close).await;
        let manifest = last(directory.path(), "MANIFEST");
        let whole = fs::read(&manifest).expect("it is read");
        let starts = records(&whole);
        assert!(starts.len() > 2, "it has a middle");
        for kind in RECYCLED {
            for at in [starts[0], starts[starts.len() / 2], starts[starts.len() - 1]] {
                let mut spoiled = whole.clone();
                spoiled[at + 6] = kind;
                assert_refused(directory.path(), &manifest, &spoiled, &["move the directory away"]);
            }
            let spoiled = [&whole[..], &header(kind, 0), b"noise"].concat();
            assert_refused(directory.path(), &manifest, &spoiled, &["move the directory away"]);
        }
        fs::write(&manifest, &whole).expect("it can be mended");
        let store = open(directory.path());
        assert_eq!(everything(&store).await.len(), 100, "nothing was lost");
    }
}
