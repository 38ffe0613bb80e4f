//! Stores as older programs left them, and the rows that today's program writes.
//!
//! `tests/fixtures/schema-N` is a whole store of schema N, `schema-N.txt` all its rows, and
//! `schema-N-names` the same with the names that were added to it later. Whoever changes the form
//! of a row sees the rows differ; then the schema is to be raised, and a fixture of the new one is
//! written by `GOSSIP_WRITE_FIXTURE=1 cargo test -p gossip-store-rocks --test it fixture`. A
//! fixture of an older schema is never written again.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use gossip_core::fact::{Envelope, HORIZON, Verified};
use gossip_core::id::{ChannelId, NodeId, ShardId, TopicId};
use gossip_core::store::{Merge, MetaName, Store as _, StoreOp, StoreReply};
use gossip_core::strategy::retain::KeepSiblings;
use gossip_core::testkit::facts::{Author, at_minute, domain, minute};
use gossip_core::testkit::model::Model;
use gossip_core::time::Epoch;
use gossip_store_rocks::RocksStore;
use rocksdb::{DB, IteratorMode, Options};

use crate::support::open;

const WRITE: &str = "GOSSIP_WRITE_FIXTURE";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The ops that make a fixture: every form of every row. Frozen, as schema 1 is.
fn ops() -> Vec<StoreOp> {
    let author = |number| Author::signing(number, &domain());
    let other = author(1).in_topic(TopicId(7));
    let epoch = |minute: u64| Epoch::from_number((HORIZON.as_secs() / 60 + minute) as u32);
    let merge = |shard, epoch, facts: &[Verified<Envelope>]| {
        let (retain, facts) = (Arc::new(KeepSiblings::default()), facts.to_vec());
        StoreOp::Merge(Merge { shard, retain, facts, epoch, floor: Epoch::ZERO })
    };
    let shard = author(1).shard();
    let remember = |name, value: &'static str| StoreOp::Remember {
        name,
        value: Some(Bytes::from_static(value.as_bytes())),
    };
    let (channel, node) = (ChannelId::from_bytes([1; 32]), NodeId::from_bytes([2; 32]));
    let first = [
        author(1).put("plain", "a value", at_minute(1)),
        author(1).put("long", [b'x'; 1_025], at_minute(2)),
        author(1).put("siblings", "of one", at_minute(3)),
        author(2).put("siblings", [b'y'; 2_000], at_minute(3)),
        author(1).put("displaced", [b'z'; 3_000], at_minute(1)),
        author(1).delete("deleted", at_minute(4)),
        author(1).delete("dropped", at_minute(1)),
        author(1).expiring("expired", "soon", at_minute(1), minute(5)),
        author(1).expiring("expires", "later", at_minute(1), minute(50)),
    ];
    vec![
        merge(shard, Epoch::ZERO, &first),
        merge(other.shard(), Epoch::ZERO, &[other.put("", "", at_minute(6))]),
        merge(shard, epoch(3), &[author(1).put("displaced", "by this", at_minute(7))]),
        StoreOp::Sweep { shard, wall: minute(6), epoch: epoch(4), floor: epoch(3) },
        merge(shard, epoch(6), &[author(3).put("siblings", "of three", at_minute(8))]),
        remember(MetaName::Floor(shard), "floor"),
        remember(MetaName::Incarnation, "incarnation"),
        remember(MetaName::Left, "left"),
        remember(MetaName::Member(node), "member"),
        remember(MetaName::Receipt(channel, node), "receipt"),
    ]
}

/// What the names of small rows make that were added after schema 1 was frozen.
fn new_names() -> Vec<StoreOp> {
    let remember = |name| StoreOp::Remember { name, value: Some(Bytes::from_static(b"new")) };
    vec![remember(MetaName::FactBytes), remember(MetaName::Owner)]
}

/// Runs the ops on a new store: some are in sorted files, the last ones in the log alone.
async fn write(path: &Path, more: Vec<StoreOp>) -> Model {
    let mut model = Model::default();
    let mut ops = ops();
    let last = [ops.split_off(4), more].concat();
    for ops in [ops, last] {
        let store = open(path);
        for op in ops {
            let reply = store.run(op.clone()).await.expect("a healthy store answers");
            model.compare(op, reply);
        }
        if model.meta().is_empty() {
            store.close().await.expect("a healthy store closes");
        }
    }
    model
}

/// Everything that a store answers is what the model has.
async fn compare(store: &RocksStore, mut model: Model) {
    let restored = store.load().await.expect("it loads");
    assert_eq!((restored.commit, restored.hlc), (model.commit(), model.hlc()));
    assert_eq!(restored.meta, *model.meta());
    let domain = domain();
    for topic in [0, 7] {
        let shard = ShardId { channel: domain.channel(), topic: TopicId(topic) };
        let (prefix, limit, bytes) = (Bytes::new(), usize::MAX, usize::MAX);
        let scan = StoreOp::Scan { shard, prefix, after: None, limit, bytes, lease: None };
        let reply = store.run(scan.clone()).await.expect("it scans");
        let StoreReply::Facts(facts) = &reply else { panic!("{reply:?}") };
        for fact in facts {
            let decoded = Envelope::decode(fact.bytes().clone(), &domain);
            assert_eq!(decoded.as_ref(), Ok(fact), "the author's bytes came back");
        }
        model.compare(scan, reply);
        // Expiry, dormancy and what is left of them go on where they were.
        let (wall, epoch) = (minute(60), Epoch::from_number(2_000));
        let sweep = StoreOp::Sweep { shard, wall, epoch, floor: Epoch::from_number(1_446) };
        let reply = store.run(sweep.clone()).await.expect("it sweeps");
        model.compare(sweep, reply);
    }
}

/// All rows of a store that nobody has open, as text.
fn rows(path: &Path) -> String {
    let (options, path) = (Options::default(), path.join("db"));
    let families = DB::list_cf(&options, &path).expect("there is a database");
    let db = DB::open_cf_for_read_only(&options, &path, &families, false).expect("it opens");
    let mut text = String::new();
    for family in &families {
        writeln!(text, "# {family}").expect("text grows");
        let handle = db.cf_handle(family).expect("it is open");
        for row in db.iterator_cf(handle, IteratorMode::Start) {
            let (key, value) = row.expect("a row is read");
            writeln!(text, "{} = {}", hex(&key), hex(&value)).expect("text grows");
        }
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory can be made");
    for entry in fs::read_dir(from).expect("the fixture is there") {
        let entry = entry.expect("it is listed");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a file can be copied");
        }
    }
}

#[tokio::test]
async fn the_layout_is_that_of_its_schema() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let path = directory.path();
    write(path, new_names()).await;
    let format = fs::read_to_string(path.join("FORMAT")).expect("it is there");
    let schema = format.strip_prefix("gossip-store-rocks\nschema ").expect("it names a schema");
    let name = format!("schema-{}-names", schema.trim_end());
    if std::env::var_os(WRITE).is_some() {
        // RocksDB's diary, its options and the lock say nothing of what is in the store.
        for file in fs::read_dir(path.join("db")).expect("it is listed") {
            let file = file.expect("it is listed");
            let said = file.file_name().into_string().expect("names are text");
            if ["LOG", "LOCK", "OPTIONS"].iter().any(|start| said.starts_with(start)) {
                fs::remove_file(file.path()).expect("it can be removed");
            }
        }
        fs::remove_file(path.join("LOCK")).expect("it can be removed");
        copy(path, &fixture(&name));
        fs::write(fixture(&format!("{name}.txt")), rows(path)).expect("it can be written");
    }
    let expected = fs::read_to_string(fixture(&format!("{name}.txt"))).expect("it is committed");
    assert!(rows(path) == expected, "the layout has changed; raise the schema and see the top");
}

#[tokio::test]
async fn a_store_of_schema_1_opens_with_everything_in_it() {
    for (name, more) in [("schema-1", vec![]), ("schema-1-names", new_names())] {
        let directory = tempfile::tempdir().expect("a directory for the test");
        let (old, new) = (directory.path().join("old"), directory.path().join("new"));
        copy(&fixture(name), &old);
        let model = write(&new, more).await;
        let expected =
            fs::read_to_string(fixture(&format!("{name}.txt"))).expect("it is committed");
        assert_eq!(rows(&old), expected);
        compare(&open(&old), model).await;
    }
}
