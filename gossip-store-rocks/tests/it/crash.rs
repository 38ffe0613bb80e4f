//! Crashes that lose what was never synced: after random ops the log is cut to its length at the
//! last sync, or anywhere between there and its end, and the store is opened again.
//!
//! A killed process alone proves nothing here, for the system keeps its pages. What was synced is
//! learned from RocksDB's own count of syncs, so a store cannot claim one that never happened.
//!
//! Ops are on their way one by one, or many at a time, which are then written and synced together.
//! The crash comes after them all, or while some are on their way and nobody has an answer.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use gossip_core::fact::Envelope;
use gossip_core::id::ShardId;
use gossip_core::rng::Rng;
use gossip_core::state::{Set, Totals};
use gossip_core::store::{MemoryState, MetaName, Store as _, StoreError, StoreOp, StoreReply};
use gossip_core::strategy::Retain;
use gossip_core::strategy::retain::{KeepSiblings, LastWrite};
use gossip_core::testkit::Script;
use gossip_core::testkit::model::Model;
use gossip_core::time::{Epoch, Hlc};
use gossip_store_rocks::{RocksConfig, RocksStore};

use crate::support::try_open;

/// Whether the store under test keeps its promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Honesty {
    /// It answers `Remember` before the log is synced.
    ForgetsToSyncSmallThings,
    /// It answers `Sync` without syncing.
    ForgetsToSync,
    Honest,
}

/// What is to be found after a crash, if it came right after some op.
#[derive(Clone)]
struct Moment {
    model: Model,
    state: MemoryState,
}

impl Moment {
    /// Runs an op; false if the store's reply belongs to another moment.
    fn step(&mut self, op: &StoreOp, reply: &StoreReply) -> bool {
        let expected = self.state.apply(op.clone()).expect("a script keeps the contract");
        let agrees = match (&expected, reply) {
            (StoreReply::Synced { .. }, StoreReply::Synced { .. })
            | (StoreReply::Leased(_), StoreReply::Leased(_)) => true,
            // What is durable by now differs, and says nothing of what is there.
            (StoreReply::Totals(totals), StoreReply::Totals(given)) => {
                *totals == Totals { durable: totals.durable, ..*given }
            }
            (
                StoreReply::Sketched { row, totals },
                StoreReply::Sketched { row: given_row, totals: given },
            ) => row == given_row && *totals == Totals { durable: totals.durable, ..*given },
            _ => format!("{expected:?}") == format!("{reply:?}"),
        };
        if agrees {
            self.model.compare(op.clone(), reply.clone());
        }
        agrees
    }

    /// Runs an op whose answer nobody has seen.
    fn advance(&mut self, op: &StoreOp) {
        let reply = self.state.apply(op.clone()).expect("a script keeps the contract");
        self.model.compare(op.clone(), reply);
    }
}

/// A store that is run and crashed, and what should be in it.
struct Subject {
    config: RocksConfig,
    directory: tempfile::TempDir,
    honesty: Honesty,
    /// What the crash leaves of the store's mark, if not the last one.
    mark: Option<Vec<u8>>,
    script: Script,
    /// After each op since the store was opened. After a crash there may be some that look alike:
    /// how far a shard's time had come shows only later.
    moments: Vec<Vec<Moment>>,
    /// The highest commit that was answered as durable.
    promised: u64,
    /// The last moment that has something remembered.
    remembered: usize,
    /// How long each log was when it was last synced.
    synced: BTreeMap<PathBuf, u64>,
    store: RocksStore,
}

impl Subject {
    fn new(retain: Arc<dyn Retain>, honesty: Honesty, memtable_bytes: usize) -> Self {
        let directory = tempfile::tempdir().expect("a directory for the test");
        let config = RocksConfig { memtable_bytes, statistics: true, ..RocksConfig::default() };
        let store = try_open(directory.path(), config.clone()).expect("it opens");
        let moment = Moment { model: Model::default(), state: MemoryState::new() };
        Self {
            config,
            directory,
            honesty,
            mark: None,
            script: Script::new(retain),
            moments: vec![vec![moment]],
            promised: 0,
            remembered: 0,
            synced: BTreeMap::new(),
            store,
        }
    }

    async fn step(&mut self, die: u64) {
        let op = self.script.op(die, self.model());
        let syncs = self.store.log_syncs();
        let reply = self.run(op.clone()).await.unwrap_or_else(|error| panic!("{op:?}: {error}"));
        if self.store.log_syncs() > syncs && is_durable(&op) {
            self.synced = logs(self.directory.path());
        }
        self.answered(&op, &reply);
    }

    /// Many ops on their way at a time: the same happens as if they were run one by one.
    async fn group(&mut self, rng: &mut Rng) {
        let ops = self.ops(rng);
        let syncs = self.store.log_syncs();
        let answers = ops.iter().map(|op| self.store.run(op.clone()));
        // All are polled in their order before any is answered.
        let replies = join_all(answers).await;
        // What was written after the last of the syncs counts as synced too, for want of knowing.
        if self.store.log_syncs() > syncs && ops.iter().any(is_durable) {
            self.synced = logs(self.directory.path());
        }
        let mut promised = 0;
        for (op, reply) in ops.iter().zip(replies) {
            let mut reply = reply.unwrap_or_else(|error| panic!("{op:?}: {error}"));
            // By the time of the answer, commits behind it may be durable too.
            if let StoreReply::Synced { commit } = &mut reply {
                promised = promised.max(*commit);
                *commit = self.model().commit().min(*commit);
            }
            self.answered(op, &reply);
        }
        assert!(promised <= self.model().commit(), "{promised} never happened");
        self.promised = self.promised.max(promised);
    }

    /// Many ops on their way that nobody hears of any more; what the disk says of syncs is put back
    /// to what it was, for it may never have got there.
    fn group_of_nobody(&mut self, rng: &mut Rng) {
        let ops = self.ops(rng);
        let mark = self.directory.path().join("DURABLE");
        let before = fs::read(&mark).expect("it is there");
        for op in &ops {
            let mut moments = self.moments.last().expect("there is a moment").clone();
            moments.iter_mut().for_each(|moment| moment.advance(op));
            self.note(op, moments);
            if let Some(early) = self.store.run(op.clone()).now_or_never() {
                early.unwrap_or_else(|error| panic!("{op:?}: {error}"));
            }
        }
        self.mark = Some(before);
    }

    /// Ops of a script that goes on without hearing of their answers.
    fn ops(&self, rng: &mut Rng) -> Vec<StoreOp> {
        let moments = self.moments.last().and_then(|moments| moments.first());
        let mut moment = moments.expect("there is a moment").clone();
        let mut ops = Vec::new();
        for _ in 0..2 + rng.below(19) {
            let op = self.script.op(rng.next_u64(), &moment.model);
            moment.advance(&op);
            ops.push(op);
        }
        ops
    }

    fn answered(&mut self, op: &StoreOp, reply: &StoreReply) {
        let mut moments = self.moments.last().expect("there is a moment").clone();
        match (op, reply) {
            (StoreOp::Sync { .. }, StoreReply::Synced { commit }) => {
                self.promised = self.promised.max(*commit);
            }
            (StoreOp::Remember { .. }, _) => self.remembered = self.moments.len(),
            _ => {}
        }
        moments.retain_mut(|moment| moment.step(op, reply));
        assert!(!moments.is_empty(), "{op:?} was answered by {reply:?}");
        self.note(op, moments);
    }

    /// Adds what is there after an op. What only asks makes no new moment.
    fn note(&mut self, op: &StoreOp, moments: Vec<Moment>) {
        let writes = matches!(
            op,
            StoreOp::Merge(_)
                | StoreOp::Remember { .. }
                | StoreOp::Sweep { .. }
                | StoreOp::Wipe { .. }
        );
        if !writes {
            self.moments.pop();
        }
        self.moments.push(moments);
    }

    fn model(&self) -> &Model {
        let moment = self.moments.last().and_then(|moments| moments.first());
        &moment.expect("there is a moment").model
    }

    async fn run(&self, op: StoreOp) -> Result<StoreReply, StoreError> {
        let forgets = match op {
            StoreOp::Sync { .. } => self.honesty == Honesty::ForgetsToSync,
            StoreOp::Remember { .. } => self.honesty == Honesty::ForgetsToSyncSmallThings,
            _ => false,
        };
        if !forgets {
            return self.store.run(op).await;
        }
        let commit = self.model().commit();
        if let StoreOp::Remember { .. } = op {
            // Written, as its place in the order demands, but not waited for.
            drop(self.store.run(op).now_or_never());
        }
        Ok(StoreReply::Synced { commit })
    }

    /// Cuts the log, opens the store again, and goes on from the moment that is found.
    async fn crash(self, rng: &mut Rng) -> Self {
        let Self { config, directory, honesty, script, moments, promised, remembered, .. } = self;
        drop(self.store);
        let length = logs(directory.path());
        if let Some(mark) = self.mark {
            fs::write(directory.path().join("DURABLE"), mark).expect("it can be written");
        }
        if let Some((newest, length)) = length.last_key_value() {
            let synced = self.synced.get(newest).copied().unwrap_or(0);
            cut(newest, synced, *length, rng);
        }
        let store = try_open(directory.path(), config.clone()).expect("it opens again");
        let found = Content::of_store(&store, &script.shards()).await;
        assert!(found.commit >= promised, "commit {promised} was durable, not {}", found.commit);
        let after = moments.into_iter().skip(remembered).flatten();
        let alike = after.filter_map(|mut moment| {
            let expected = Content::of_state(&mut moment.state, &script.shards());
            moment.model.reopen();
            moment.state.reopen();
            (expected == found).then_some(moment)
        });
        let alike: Vec<_> = alike.collect();
        assert!(!alike.is_empty(), "what is found was there once, after the last answer");
        Self {
            config,
            directory,
            honesty,
            mark: None,
            script,
            moments: vec![alike],
            promised: found.commit,
            remembered: 0,
            synced: BTreeMap::new(),
            store,
        }
    }
}

const fn is_durable(op: &StoreOp) -> bool {
    matches!(op, StoreOp::Remember { .. } | StoreOp::Sync { .. })
}

/// The logs of a store and their lengths; the newest has the last name.
fn logs(store: &Path) -> BTreeMap<PathBuf, u64> {
    let files = fs::read_dir(store.join("db")).expect("the store has a database");
    let files = files.map(|file| file.expect("its files are listed").path());
    let logs = files.filter(|path| path.extension().is_some_and(|end| end == "log"));
    logs.map(|path| (path.clone(), fs::metadata(path).map_or(0, |data| data.len()))).collect()
}

/// Cuts a log between what was synced and its end; now and then what follows is not nothing, but
/// zeros or what the disk had there before.
fn cut(log: &Path, synced: u64, length: u64, rng: &mut Rng) {
    assert!(synced <= length, "a log does not shrink");
    let kept = match rng.below(2) {
        0 => synced,
        _ => synced + rng.below(length - synced + 1),
    };
    let mut file = OpenOptions::new().write(true).open(log).expect("the log is there");
    file.set_len(kept).expect("a log can be cut");
    match rng.below(3) {
        0 => file.set_len(length).expect("a log can be filled with zeros"),
        1 => {
            file.seek(SeekFrom::End(0)).expect("a log has an end");
            file.write_all(&noise(kept, length, rng)).expect("noise can be written");
        }
        _ => {}
    }
}

/// What the disk had there before. Where RocksDB looks for a record's type, which is behind all
/// that is whole and at each block's start, half of it has one that RocksDB knows.
fn noise(from: u64, upto: u64, rng: &mut Rng) -> Vec<u8> {
    let mut noise: Vec<u8> = (from..upto).flat_map(|_| rng.bytes::<1>()).collect();
    let blocks = (from / BLOCK + 1..).map(|block| block * BLOCK);
    for start in iter::once(from).chain(blocks.take_while(|start| *start < upto)) {
        let kind = noise.get_mut((start - from) as usize + 6);
        let known = KINDS.get(rng.below(2 * KINDS.len() as u64) as usize);
        if let (Some(kind), Some(known)) = (kind, known) {
            *kind = *known;
        }
    }
    noise
}

/// The blocks of RocksDB's logs: after something damaged it reads on at the next one.
const BLOCK: u64 = 32 * 1024;

/// The types that records can have there.
const KINDS: [u8; 14] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 130, 131];

/// Everything that a store tells.
#[derive(Debug, PartialEq)]
struct Content {
    commit: u64,
    hlc: Hlc,
    meta: BTreeMap<MetaName, Bytes>,
    shards: Vec<(Vec<Envelope>, Vec<Totals>)>,
}

impl Content {
    async fn of_store(store: &RocksStore, shards: &[ShardId]) -> Self {
        let restored = store.load().await.expect("it loads");
        let mut contents = Vec::new();
        for shard in shards {
            let mut replies = Vec::new();
            for op in questions(*shard) {
                replies.push(store.run(op).await.expect("a question is answered"));
            }
            contents.push(content(replies));
        }
        Self { commit: restored.commit, hlc: restored.hlc, meta: restored.meta, shards: contents }
    }

    fn of_state(state: &mut MemoryState, shards: &[ShardId]) -> Self {
        let restored = state.restored();
        let mut answer = |op| state.apply(op).expect("a question is answered");
        let shards = shards
            .iter()
            .map(|shard| content(questions(*shard).into_iter().map(&mut answer).collect()));
        let shards = shards.collect();
        Self { commit: restored.commit, hlc: restored.hlc, meta: restored.meta, shards }
    }
}

fn questions(shard: ShardId) -> Vec<StoreOp> {
    let (prefix, limit, bytes) = (Bytes::new(), usize::MAX, usize::MAX);
    let dormant = Set::Dormant { from: Epoch::ZERO, upto: Epoch::NEVER };
    vec![
        StoreOp::Scan { shard, prefix, after: None, limit, bytes, lease: None },
        StoreOp::Total { shard, set: Set::Active(Epoch::ZERO) },
        StoreOp::Total { shard, set: Set::Active(Epoch::from_number(1_450)) },
        StoreOp::Total { shard, set: dormant },
    ]
}

fn content(replies: Vec<StoreReply>) -> (Vec<Envelope>, Vec<Totals>) {
    let (mut all, mut totals) = (Vec::new(), Vec::new());
    for reply in replies {
        match reply {
            StoreReply::Facts(facts) => all = facts,
            // What is durable by now differs, and says nothing of what is there.
            StoreReply::Totals(total) => totals.push(Totals { durable: 0, ..total }),
            other => panic!("not an answer to a question: {other:?}"),
        }
    }
    (all, totals)
}

async fn crashes(seed: u64, honesty: Honesty, memtable_bytes: usize, ops: u64) {
    let rng = &mut Rng::from_number(seed);
    let retain: Arc<dyn Retain> = match seed % 2 {
        0 => Arc::new(LastWrite::default()),
        _ => Arc::new(KeepSiblings::default()),
    };
    let mut subject = Subject::new(retain, honesty, memtable_bytes);
    for _ in 0..4 {
        for _ in 0..1 + rng.below(ops) {
            match rng.below(8) {
                0 if honesty == Honesty::Honest => subject.group(rng).await,
                _ => subject.step(rng.next_u64()).await,
            }
        }
        if honesty == Honesty::Honest && rng.below(2) == 0 {
            subject.group_of_nobody(rng);
        }
        subject = subject.crash(rng).await;
    }
}

#[tokio::test]
async fn what_was_durable_is_there_and_no_half_of_anything() {
    for seed in 0..24 {
        crashes(seed, Honesty::Honest, 64 << 20, 60).await;
    }
}

/// So little memory that logs are switched and files are merged all the time.
#[tokio::test]
async fn crashes_between_files_lose_nothing() {
    for seed in 0..6 {
        crashes(seed, Honesty::Honest, 0, 300).await;
    }
}

#[tokio::test]
async fn forgotten_syncs_are_found() {
    for honesty in [Honesty::ForgetsToSync, Honesty::ForgetsToSyncSmallThings] {
        let mut found = false;
        for seed in 0..24 {
            let tasks = tokio::task::LocalSet::new();
            let run = tasks.spawn_local(crashes(seed, honesty, 64 << 20, 60));
            found |= tasks.run_until(run).await.is_err_and(|error| error.is_panic());
        }
        assert!(found, "{honesty:?} is found");
    }
}
