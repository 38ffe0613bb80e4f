//! The store on RocksDB against RocksDB alone, each measured side by side in one process.
//!
//! Both sides get the same rows under the same options, in directories beside this program: put
//! that on a disk, for what is synced there is to be durable. Signing stands apart.
//!
//! Beside that, how long it takes to open a large store and to answer its first comparison: after a
//! clean stop, which leaves a sketch, and after a crash, which leaves none.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use gossip_benches::bare::{Bare, Rows};
use gossip_benches::table::{Figures, Row, Target, in_turns, per_entry, report_with};
use gossip_benches::{Dates, MANY, batch, entry, rewritten, shard};
use gossip_core::fact::{Envelope, Verified};
use gossip_core::store::{Merge, Merged, Store as _, StoreOp, StoreReply};
use gossip_core::strategy::retain::LastWrite;
use gossip_core::testkit::facts::{self, Author};
use gossip_core::time::Epoch;
use gossip_store_rocks::{RocksConfig, RocksStore};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// Entries of one merge.
const ENTRIES: u64 = 1_000;

/// How much is measured.
#[derive(Clone, Copy)]
struct Size {
    /// Entries that are there before.
    held: u64,
    /// Entries of the store that is opened.
    opened: u64,
    rounds: u64,
    /// Durable merges of each task in a round, and synced puts to compare them with.
    puts: u64,
}

/// A row's name and what measures it.
type Named = (&'static str, fn(Size) -> Row);

/// How many tasks write at a time.
const WRITERS: u64 = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filters = arguments.iter().filter(|argument| !argument.starts_with('-'));
    let filters: Vec<_> = filters.map(String::as_str).collect();
    let is_wanted =
        |name: &str| filters.is_empty() || filters.iter().any(|part| name.contains(*part));
    // Compiled as a test, it only shows that it works.
    let size = if arguments.iter().any(|argument| argument == "--bench") {
        Size { held: 100_000, opened: MANY, rounds: 48, puts: 32 }
    } else {
        Size { held: ENTRIES, opened: ENTRIES, rounds: 1, puts: 1 }
    };
    let all: [Named; 3] =
        [("store/fresh", fresh), ("store/overwrites", overwrites), ("store/durable", durable)];
    let wanted = all.iter().filter(|(name, _)| is_wanted(name));
    let rows: Vec<_> = wanted.map(|(_, row)| row(size)).collect();
    let figures = if is_wanted("store/opening") { opening(size) } else { Vec::new() };
    if !rows.is_empty() || !figures.is_empty() {
        report_with(&figures, &rows, "ratios-store.json").expect("the table's file can be written");
    }
}

/// New entries, in the order of their dates, under keys of no order.
fn fresh(size: Size) -> Row {
    let sides = Sides::new(size.held);
    let mut pairs = Vec::new();
    for round in 0..size.rounds {
        let facts = batch(ENTRIES, round, Dates::Newest, Author::simulated);
        let rows: Vec<_> = facts.iter().map(|fact| Rows::of(fact, None)).collect();
        pairs.push(sides.measure(round, facts, &rows));
    }
    Row {
        name: "new entries merged in batches, against bare RocksDB batches".to_owned(),
        ratios: pairs.iter().map(|(ours, bare)| bare / ours).collect(),
        nanos: Some(per_entry(&pairs, ENTRIES)),
        target: Target::AtLeast(0.8),
    }
}

/// Newer versions of entries that are there; bare RocksDB is told what they displace.
fn overwrites(size: Size) -> Row {
    let sides = Sides::new(size.held);
    let author = Author::simulated(0, &facts::domain());
    let mut pairs = Vec::new();
    for round in 0..size.rounds {
        // Entries that lie far apart, and each is written again in many rounds.
        let numbers = (0..ENTRIES).map(|at| (at * 7_919 + round % 4) % size.held);
        let (mut facts, mut rows) = (Vec::new(), Vec::new());
        for number in numbers {
            let old = match round.checked_sub(4) {
                None => entry(&author, number),
                Some(before) => rewritten(&author, number, before + 1),
            };
            let new = rewritten(&author, number, round + 1);
            rows.push(Rows::of(&new, Some(&old)));
            facts.push(new);
        }
        pairs.push(sides.measure(round, facts, &rows));
    }
    Row {
        name: "entries overwritten in batches, against bare RocksDB batches".to_owned(),
        ratios: pairs.iter().map(|(ours, bare)| bare / ours).collect(),
        nanos: Some(per_entry(&pairs, ENTRIES)),
        target: Target::AtLeast(0.55),
    }
}

/// One entry at a time, each merged and synced before the next, by many tasks; against one sync
/// for each put.
fn durable(size: Size) -> Row {
    let Sides { bare, runtime, store } = Sides::new(ENTRIES);
    let store = Arc::new(store.open);
    let total = WRITERS * size.puts;
    let mut pairs = Vec::new();
    for round in 0..size.rounds.div_ceil(4) {
        let mut facts = batch(total, round, Dates::Newest, Author::simulated);
        let rows: Vec<_> =
            facts.iter().take(size.puts as usize).map(|fact| Rows::of(fact, None)).collect();
        let shares: Vec<_> =
            (0..WRITERS).map(|_| facts.split_off(facts.len() - size.puts as usize)).collect();
        let ours = || {
            let write = |share| runtime.spawn(write_durably(Arc::clone(&store), share));
            let writers: Vec<_> = shares.into_iter().map(write).collect();
            for writer in writers {
                runtime.block_on(writer).expect("a writer ends");
            }
        };
        let one_by_one =
            || rows.iter().for_each(|rows| bare.open.write(std::slice::from_ref(rows), true));
        let (ours, one_by_one) = in_turns(round, ours, one_by_one);
        pairs.push((ours / total as f64, one_by_one / size.puts as f64));
    }
    Row {
        name: "durable merges by 64 tasks, against one sync for each put".to_owned(),
        ratios: pairs.iter().map(|(ours, bare)| bare / ours).collect(),
        nanos: Some(per_entry(&pairs, 1)),
        target: Target::AtLeast(20.0),
    }
}

/// Opening a store and answering its first comparison, with a sketch and without.
fn opening(size: Size) -> Vec<Figures> {
    let runtime = Builder::new_current_thread().build().expect("a runtime starts");
    let author = Author::simulated(0, &facts::domain());
    let open = |path: &Path| RocksStore::open(path, RocksConfig::default()).expect("it opens");
    let Housed { open: store, directory } = Housed::new(open);
    let run = |store: &RocksStore, op| runtime.block_on(store.run(op)).expect("it answers");
    for first in (0..size.opened).step_by(ENTRIES as usize) {
        let facts = (first..first + ENTRIES).map(|number| entry(&author, number)).collect();
        run(&store, merge_op(facts));
    }
    let look = || StoreOp::Sketch { shard: shard(), epoch: Epoch::ZERO, cells: 0..64, key: 0 };
    run(&store, look());
    runtime.block_on(store.close()).expect("it closes");
    drop(store);
    let millis = |begun: Instant| begun.elapsed().as_secs_f64() * 1e3;
    let measure = |found: usize| {
        let begun = Instant::now();
        let store = open(directory.path());
        let opening = millis(begun);
        assert_eq!(store.sketches_found(), found);
        let begun = Instant::now();
        run(&store, look());
        (opening, millis(begun), store)
    };
    let (mut clean, mut crashed) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    let note = |figures: &mut [Vec<f64>; 2], opening, looking| {
        figures.iter_mut().zip([opening, looking]).for_each(|(all, one)| all.push(one));
    };
    for turn in 0..size.rounds.div_ceil(8) {
        let (opening, looking, store) = measure(1);
        note(&mut clean, opening, looking);
        run(&store, merge_op(batch(1, turn, Dates::Newest, Author::simulated)));
        // Dropped: what a crash of the process leaves.
        drop(store);
        let (opening, looking, store) = measure(0);
        note(&mut crashed, opening, looking);
        runtime.block_on(store.close()).expect("it closes");
    }
    let cases = [("a clean stop", clean), ("a crash", crashed)];
    let figures = cases.map(|(stop, [opening, looking])| Figures {
        name: format!("a store of {} after {stop}", size.opened),
        values: vec![("ms to open", opening), ("ms to the first cells", looking)],
    });
    figures.into()
}

async fn write_durably(store: Arc<RocksStore>, share: Vec<Verified<Envelope>>) {
    for fact in share {
        let reply = store.run(merge_op(vec![fact])).await;
        let Ok(StoreReply::Merged { commit, .. }) = reply else { panic!("{reply:?}") };
        store.run(StoreOp::Sync { commit }).await.expect("a healthy store syncs");
    }
}

/// The two stores of a comparison.
struct Sides {
    bare: Housed<Bare>,
    runtime: Runtime,
    store: Housed<RocksStore>,
}

/// A store in a directory of its own, which goes after it.
struct Housed<T> {
    open: T,
    directory: TempDir,
}

impl Sides {
    fn new(held: u64) -> Self {
        // One thread, as a node's driver is one task.
        let runtime = Builder::new_current_thread().build().expect("a runtime starts");
        let sides = Self {
            bare: Housed::new(Bare::open),
            runtime,
            store: Housed::new(|path| {
                RocksStore::open(path, RocksConfig::default()).expect("the store opens")
            }),
        };
        let author = Author::simulated(0, &facts::domain());
        for first in (0..held).step_by(ENTRIES as usize) {
            let facts = (first..first + ENTRIES).map(|number| entry(&author, number));
            let facts: Vec<_> = facts.collect();
            let rows: Vec<_> = facts.iter().map(|fact| Rows::of(fact, None)).collect();
            sides.measure(0, facts, &rows);
        }
        sides
    }

    /// Seconds that both take for the same rows.
    fn measure(&self, turn: u64, facts: Vec<Verified<Envelope>>, rows: &[Rows]) -> (f64, f64) {
        let op = merge_op(facts);
        let mut reply = None;
        let ours = || reply = Some(self.runtime.block_on(self.store.open.run(op)));
        let pair = in_turns(turn, ours, || self.bare.open.write(rows, false));
        let Some(Ok(StoreReply::Merged { outcomes, .. })) = &reply else { panic!("{reply:?}") };
        for (outcome, rows) in outcomes.iter().zip(rows) {
            let Merged::Inserted(displaced) = outcome else { panic!("{outcome:?}") };
            assert_eq!(displaced.is_empty(), !rows.displaces(), "both change the same");
        }
        pair
    }
}

fn merge_op(facts: Vec<Verified<Envelope>>) -> StoreOp {
    let retain = Arc::new(LastWrite::default());
    let (epoch, floor) = (Epoch::ZERO, Epoch::ZERO);
    StoreOp::Merge(Merge { shard: shard(), retain, facts, epoch, floor })
}

impl<T> Housed<T> {
    fn new(open: impl FnOnce(&Path) -> T) -> Self {
        let program = std::env::current_exe().expect("this program has a file");
        let beside = program.parent().map(PathBuf::from).unwrap_or_default();
        let directory = tempfile::tempdir_in(beside).expect("a directory beside the program");
        Self { open: open(directory.path()), directory }
    }
}
