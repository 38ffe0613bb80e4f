//! Directories that are something else, in use, newer, or damaged: each is refused by its name.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use gossip_core::store::{Store as _, StoreError, StoreOp};
use gossip_core::testkit::facts::at_minute;
use gossip_store_rocks::OpenError;
use rocksdb::{ColumnFamily, DB, Options};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

use crate::support::{
    assert_says, author, everything, files, filled, merge, merge_op, open, refusal,
};

const CHILD: &str = "GOSSIP_TEST_STORE";

/// Writes something else over the middle of a file.
fn spoil(path: &Path) {
    let file = OpenOptions::new().write(true).open(path).expect("the file is there");
    let middle = file.metadata().expect("it has a length").len() / 2;
    file.write_all_at(b"something else", middle).expect("it can be spoiled");
}

#[tokio::test]
async fn one_process_and_one_handle_at_a_time() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let store = open(directory.path());
    let error = refusal(directory.path());
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    assert_says(&error, &["in use by another process", "stop that one"]);
    // The same from another process, which is this very test with nothing else to do.
    let test = std::env::current_exe().expect("the test has a file");
    let mut other = Command::new(test);
    other.args(["--exact", "opening::the_other_process", "--nocapture"]);
    let output = other.env(CHILD, directory.path()).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("in use by another process"), "{said}");
    drop(store);
    open(directory.path());
}

#[test]
fn the_other_process() {
    if let Some(path) = std::env::var_os(CHILD) {
        println!("{}", refusal(Path::new(&path)));
    }
}

#[test]
fn a_newer_schema_is_left_alone() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    drop(open(directory.path()));
    let format = directory.path().join("FORMAT");
    fs::write(&format, "gossip-store-rocks\nschema 2\n").expect("it can be written");
    let error = refusal(directory.path());
    assert!(matches!(error, OpenError::NewerSchema { found: 2, known: 1, .. }), "{error:?}");
    assert_says(&error, &["schema 2", "run the newer program"]);
    fs::write(&format, "gossip-store-rocks\nschema 1\n").expect("it can be written");
    open(directory.path());
}

#[tokio::test]
async fn a_name_that_is_not_known_is_a_newer_program_s() {
    let directory = filled(true).await;
    for name in [&b"Z9"[..], b"Bx", b"z"] {
        let (options, path) = (Options::default(), directory.path().join("db"));
        let families = DB::list_cf(&options, &path).expect("there is a database");
        let change = |change: fn(&DB, &ColumnFamily, &[u8]) -> Result<(), rocksdb::Error>| {
            let db = DB::open_cf(&options, &path, &families).expect("it opens");
            change(&db, db.cf_handle("meta").expect("it is there"), name).expect("it is written");
        };
        change(|db, meta, name| db.put_cf(meta, name, b"new"));
        let error = refusal(directory.path());
        assert!(matches!(error, OpenError::NewerContent { .. }), "{error:?}");
        let said = name.escape_ascii().to_string();
        assert_says(&error, &["unknown name", &said, "run the newer program"]);
        change(|db, meta, name| db.delete_cf(meta, name));
        assert_eq!(everything(&open(directory.path())).await.len(), 100, "nothing was lost");
    }
}

#[test]
fn what_is_no_store_is_left_alone() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let path = directory.path();
    fs::write(path.join("letter.txt"), "dear").expect("it can be written");
    let error = refusal(path);
    assert!(matches!(error, OpenError::NotAStore { .. }), "{error:?}");
    assert_says(&error, &["holds no store", "name an empty directory"]);
    assert_eq!(fs::read_dir(path).expect("it is listed").count(), 1, "nothing was made there");
    fs::write(path.join("FORMAT"), "gossip-store-paper\nschema 1\n").expect("it can be written");
    let error = refusal(path);
    assert!(matches!(&error, OpenError::OtherStore { kind, .. } if kind == "gossip-store-paper"));
    assert_says(&error, &["another kind", "start with that kind"]);
    for text in
        ["gossip-store-rocks\n", "gossip-store-rocks\nschema x\n", "gossip-store-rocks\nschema 0\n"]
    {
        fs::write(path.join("FORMAT"), text).expect("it can be written");
        let error = refusal(path);
        assert!(matches!(error, OpenError::Corrupt { .. }), "{text:?}: {error:?}");
    }
}

#[test]
fn a_creation_that_was_cut_short_is_taken_up() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    fs::write(directory.path().join("FORMAT.new"), "gossip-st").expect("it can be written");
    fs::write(directory.path().join("LOCK"), "").expect("it can be written");
    drop(open(directory.path()));
    // At any later moment of its creation RocksDB's files may be there, whole or not.
    let format = ["FORMAT", "FORMAT.new"].map(|name| directory.path().join(name));
    fs::rename(&format[0], &format[1]).expect("it can be renamed");
    drop(open(directory.path()));
    fs::rename(&format[0], &format[1]).expect("it can be renamed");
    for file in files(directory.path(), "") {
        if !file.to_string_lossy().contains("MANIFEST") {
            fs::remove_file(file).expect("it can be removed");
        }
    }
    drop(open(directory.path()));
    assert!(format[0].exists() && !format[1].exists(), "it is a store now");
    // A store that says nothing any more is none.
    fs::remove_file(&format[0]).expect("it can be removed");
    assert!(matches!(refusal(directory.path()), OpenError::NotAStore { .. }));
    let nested = directory.path().join("a/b/c");
    open(&nested);
}

#[tokio::test]
async fn a_lost_database_is_refused_whatever_was_promised() {
    for lost in ["CURRENT", ""] {
        let directory = filled(true).await;
        fs::remove_file(directory.path().join("DURABLE")).expect("it is there");
        for file in files(directory.path(), lost) {
            fs::remove_file(file).expect("it can be removed");
        }
        let left = fs::read_dir(directory.path().join("db")).expect("it is listed").count();
        for _ in 0..2 {
            let error = refusal(directory.path());
            assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
            assert_says(&error, &["CURRENT is missing", "move the directory away"]);
        }
        let after = fs::read_dir(directory.path().join("db")).expect("it is listed").count();
        assert_eq!(left, after, "nothing is made in its place");
    }
}

#[test]
fn a_file_or_a_forbidden_directory_is_refused() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let file = directory.path().join("file");
    fs::write(&file, "").expect("it can be written");
    for path in [file.clone(), file.join("below")] {
        let error = refusal(&path);
        assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
        assert_says(&error, &["file", "belongs to the user"]);
    }
    let store = directory.path().join("store");
    drop(open(&store));
    let mut permissions = fs::metadata(&store).expect("it is there").permissions();
    let allowed = permissions.clone();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0);
    fs::set_permissions(&store, permissions).expect("its owner may");
    // Root may do everything, unless a thread of it gives that up.
    let error = std::thread::scope(|scope| scope.spawn(|| unprivileged(&store)).join());
    let error = error.expect("the thread ends");
    fs::set_permissions(&store, allowed).expect("its owner may");
    assert!(
        matches!(&error, OpenError::Io { source, .. }
        if source.kind() == std::io::ErrorKind::PermissionDenied),
        "{error:?}"
    );
    assert_says(&error, &["denied", "belongs to the user"]);
    open(&store);
}

fn unprivileged(path: &Path) -> OpenError {
    let mut sets = capabilities(None).expect("a thread knows what it may");
    sets.effective -= CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
    set_capabilities(None, sets).expect("anybody may give up a privilege");
    refusal(path)
}

#[tokio::test]
async fn a_log_that_is_torn_at_its_end_opens_as_of_the_last_whole_batch() {
    for tail in [&b""[..], b"noise that was on the disk before", &[0; 40_000]] {
        let directory = filled(false).await;
        let store = open(directory.path());
        // Applied and never durable.
        for number in 100..110_u64 {
            merge(&store, &[author(1).put(number.to_be_bytes(), [7; 500], at_minute(number))])
                .await;
        }
        drop(store);
        let log = files(directory.path(), ".log").pop().expect("there is a log");
        let mut file = OpenOptions::new().append(true).open(&log).expect("it is there");
        let length = file.metadata().expect("it has a length").len();
        file.set_len(length - 300).expect("it can be cut");
        file.write_all(tail).expect("it can be spoiled");
        let store = open(directory.path());
        let restored = store.load().await.expect("it loads");
        assert_eq!(restored.commit, 109, "with {} bytes behind it", tail.len());
        assert_eq!(everything(&store).await.len(), 109);
    }
}

#[tokio::test]
async fn a_log_that_is_damaged_in_its_middle_is_refused_and_kept() {
    let directory = filled(false).await;
    let log = files(directory.path(), ".log").pop().expect("there is a log");
    spoil(&log);
    let spoiled = fs::read(&log).expect("it is read");
    for _ in 0..2 {
        let error = refusal(directory.path());
        assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
        assert_says(&error, &["was durable", "move the directory away", "from a snapshot"]);
        assert_eq!(fs::read(&log).expect("it is there"), spoiled, "nothing is thrown away");
    }
    // Without the mark nobody knows what was promised: the store is as of the damage.
    fs::remove_file(directory.path().join("DURABLE")).expect("it is there");
    let store = open(directory.path());
    let commit = store.load().await.expect("it loads").commit;
    assert!((1..100).contains(&commit), "{commit}");
    assert_eq!(everything(&store).await.len() as u64, commit);
}

#[tokio::test]
async fn a_lost_or_damaged_file_is_refused() {
    for (end, damage) in [
        ("CURRENT", (|path| fs::remove_file(path)) as fn(&Path) -> std::io::Result<()>),
        ("CURRENT", |path| fs::write(path, "MANIFEST-999999\n")),
        ("MANIFEST", |path| fs::remove_file(path)),
        ("MANIFEST", |path| {
            spoil(path);
            Ok(())
        }),
        (".sst", |path| fs::remove_file(path)),
        (".sst", |path| OpenOptions::new().write(true).open(path)?.set_len(100)),
    ] {
        let directory = filled(true).await;
        for file in files(directory.path(), end) {
            damage(&file).expect("a file can be damaged");
        }
        let error = refusal(directory.path());
        assert!(matches!(error, OpenError::Corrupt { .. }), "{end}: {error:?}");
    }
}

#[tokio::test]
async fn an_unreadable_row_fails_its_readers_and_the_merges_that_need_it() {
    let directory = filled(true).await;
    // The largest file has the heads; what opening reads stays whole.
    let length = |path: &PathBuf| fs::metadata(path).expect("it is there").len();
    let heads = files(directory.path(), ".sst").into_iter().max_by_key(length);
    spoil(&heads.expect("there is a file"));
    let store = open(directory.path());
    let scan = crate::support::scan_op();
    let error = store.run(scan).await.expect_err("a damaged block is not read");
    assert!(matches!(&error, StoreError::Unreadable { .. }), "{error:?}");
    // Whoever does not need that block goes on.
    let fact = author(1).put("new", "", at_minute(1));
    merge(&store, std::slice::from_ref(&fact)).await;
    store.run(StoreOp::Sync { commit: 101 }).await.expect("it syncs");
    let again = (0..100_u64).map(|at| author(1).put(at.to_be_bytes(), "", at_minute(200)));
    let again = merge_op(&again.collect::<Vec<_>>());
    let error = store.run(again).await.expect_err("what cannot be read is not overwritten");
    assert!(matches!(&error, StoreError::Poisoned { .. }), "{error:?}");
    let late = store.run(merge_op(&[fact])).await.expect_err("it is poisoned");
    assert_eq!(late, error);
}
