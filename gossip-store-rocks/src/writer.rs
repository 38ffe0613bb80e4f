//! The writing thread: it takes ops in their order, and writes those that came together as one.

use std::collections::BTreeMap;
use std::mem;
use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender};

use gossip_core::id::ShardId;
use gossip_core::state::Totals;
use gossip_core::store::{
    LeaseId, MAX_LEASES, MAX_ROW, Merge, Merged, StoreError, StoreOp, StoreReply,
};
use gossip_core::time::{Epoch, Wall};
use tokio::sync::oneshot;

use crate::batch::{Batch, Change, Written};
use crate::checkpoint;
use crate::error::Damage;
use crate::filter::Filter;
use crate::health::Health;
use crate::keys;
use crate::load::{self, Loaded, Shard};
use crate::merge::Merger;
use crate::meta;
use crate::reader::Read;
use crate::request::{Reply, Request};
use crate::sweep::{Sweep, sweep};
use crate::syncer::{Applied, Progress};
use crate::tables::Tables;
use crate::view::View;
use crate::wishes::Wishes;

/// A batch is written at the latest when it has so many bytes (guess: some ten merges of
/// 1,000 entries; a larger one gains nothing more and makes the first of them wait).
const BATCH_BYTES: usize = 4 << 20;

/// Everything that the writing thread owns.
pub(crate) struct Writer<'db> {
    /// Who waits for the batch, and for what.
    answers: Vec<(Reply, Answer)>,
    batch: Batch<'db>,
    /// The last commit, the batch's included.
    commit: u64,
    filter: Filter,
    health: Health,
    leases: BTreeMap<LeaseId, View<'db>>,
    /// How many leases were granted.
    leased: u64,
    progress: Progress,
    reads: Sender<Read<'db>>,
    pub(crate) shards: BTreeMap<ShardId, Shard>,
    tables: Tables<'db>,
    /// What reads see, until the next write.
    view: Option<View<'db>>,
    wishes: &'db Wishes,
    written: u64,
}

/// What an op is answered once its batch is written.
enum Answer {
    Applied(StoreReply),
    /// When the log is synced, which comes later.
    Durable,
}

impl<'db> Writer<'db> {
    pub(crate) fn new(
        tables: Tables<'db>,
        loaded: Loaded,
        health: Health,
        progress: Progress,
        reads: Sender<Read<'db>>,
        wishes: &'db Wishes,
    ) -> Self {
        let Loaded { filter, restored, shards, sketches: _ } = loaded;
        Self {
            answers: Vec::new(),
            batch: Batch::new(tables),
            commit: restored.commit,
            filter,
            health,
            leases: BTreeMap::new(),
            leased: 0,
            progress,
            reads,
            shards,
            tables,
            view: None,
            wishes,
            written: restored.commit,
        }
    }

    /// Runs ops until the handle is gone or asks to close; then who waits for that.
    pub(crate) fn work(
        &mut self,
        requests: &Receiver<Request>,
    ) -> Option<oneshot::Sender<Result<(), StoreError>>> {
        while let Ok(first) = requests.recv() {
            let mut next = Some(first);
            while let Some(request) = next {
                match request {
                    Request::Close(reply) => {
                        self.write();
                        self.checkpoint();
                        return Some(reply);
                    }
                    Request::Run(op, reply) => self.run(op, reply),
                }
                if self.batch.bytes() > BATCH_BYTES {
                    self.write();
                }
                next = requests.try_recv().ok();
            }
            // Nobody else has come, so nobody is kept waiting for company.
            self.write();
        }
        None
    }

    /// Leaves the sketches for the next opening. If it fails, that makes them anew.
    fn checkpoint(&self) {
        if self.health.check().is_ok()
            && let Err(error) = checkpoint::write(&self.tables, self.written, &self.shards)
        {
            tracing::warn!(%error, "the sketches are not kept");
        }
    }

    fn run(&mut self, op: StoreOp, reply: Reply) {
        let answer = match op {
            StoreOp::Merge(merge) => self.merge(merge).map(Answer::Applied),
            StoreOp::Remember { name, value } => self.health.check().map(|()| {
                match value {
                    Some(value) => self.batch.put_meta(&name.to_bytes(), &value),
                    None => self.batch.delete_meta(&name.to_bytes()),
                }
                Answer::Durable
            }),
            StoreOp::Sync { commit } => self.health.check().and_then(|()| match commit {
                commit if commit > self.commit => {
                    refuse("a commit that has not happened cannot become durable")
                }
                commit if commit <= self.progress.durable() => Ok(Answer::Applied(self.synced())),
                _ => Ok(Answer::Durable),
            }),
            // These look at what is written, or change more than heads.
            other @ (StoreOp::Describe(_)
            | StoreOp::Fetch { .. }
            | StoreOp::Get { .. }
            | StoreOp::Lease
            | StoreOp::Release(_)
            | StoreOp::Scan { .. }
            | StoreOp::Sift { .. }
            | StoreOp::Sketch { .. }
            | StoreOp::Sweep { .. }
            | StoreOp::Take { .. }
            | StoreOp::Total { .. }
            | StoreOp::Wipe { .. }) => {
                self.write();
                return self.run_alone(other, reply);
            }
        };
        match answer {
            Ok(answer) => self.answers.push((reply, answer)),
            Err(error) => send(reply, Err(error)),
        }
    }

    /// Runs an op when no batch is under way.
    fn run_alone(&mut self, op: StoreOp, reply: Reply) {
        let answer = match op {
            StoreOp::Lease => {
                let lease = self.lease();
                // Whoever does not wait any more could never release it.
                if reply.send(Ok(StoreReply::Leased(lease))).is_err() {
                    self.leases.remove(&lease);
                }
                return;
            }
            StoreOp::Release(lease) => {
                self.leases.remove(&lease);
                Ok(self.synced())
            }
            StoreOp::Sweep { shard, wall, epoch, floor } => self.sweep(shard, wall, epoch, floor),
            StoreOp::Total { shard, set } => {
                let totals = self.shards.get(&shard).map(|shard| shard.catalogue.total(set));
                let (commit, durable) = (self.commit, self.progress.durable());
                let totals = totals.unwrap_or_default();
                Ok(StoreReply::Totals(Totals { commit, durable, ..totals }))
            }
            StoreOp::Sketch { shard, epoch, cells, key } => self.sketch(shard, epoch, cells, key),
            StoreOp::Wipe { shard, commit } => self.wipe(shard, commit),
            read @ (StoreOp::Describe(_)
            | StoreOp::Fetch { .. }
            | StoreOp::Get { .. }
            | StoreOp::Merge(_)
            | StoreOp::Remember { .. }
            | StoreOp::Scan { .. }
            | StoreOp::Sift { .. }
            | StoreOp::Sync { .. }
            | StoreOp::Take { .. }) => match self.question(read) {
                Ok((question, view)) => {
                    // Gone only after a panic, which has ended the whole store.
                    let _ = self.reads.send(Read { question, reply, view });
                    return;
                }
                Err(error) => Err(error),
            },
        };
        send(reply, answer);
    }

    fn merge(&mut self, merge: Merge) -> Result<StoreReply, StoreError> {
        self.health.check()?;
        if merge.facts.iter().any(|fact| fact.topic() != merge.shard.topic) {
            return refuse("a fact of another topic");
        }
        self.raise(merge.shard, merge.epoch);
        let shard = self.shards.entry(merge.shard).or_default();
        let merger = Merger {
            batch: &mut self.batch,
            epoch: shard.catalogue.epoch(),
            filter: &mut self.filter,
            view: &View::present(self.tables),
        };
        let outcomes = merger.merge(merge).map_err(|damage| self.spoil(damage))?;
        if outcomes.iter().any(|outcome| matches!(outcome, Merged::Inserted(_))) {
            self.commit += 1;
        }
        Ok(StoreReply::Merged { outcomes, commit: self.commit })
    }

    /// Lets a shard's time pass, as far as the catalogue is concerned.
    fn raise(&mut self, shard_id: ShardId, epoch: Epoch) {
        let shard = self.shards.entry(shard_id).or_default();
        if epoch.min(Epoch::NEVER.previous()) <= shard.catalogue.epoch() {
            return;
        }
        // Whatever the batch inserts was held before the time passed.
        self.write();
        let shard = self.shards.entry(shard_id).or_default();
        shard.catalogue.raise(epoch);
        shard.time = meta::time_of(&shard.catalogue);
        self.batch.put_time(shard_id, shard.time);
    }

    fn sweep(
        &mut self,
        shard_id: ShardId,
        wall: Wall,
        epoch: Epoch,
        floor: Epoch,
    ) -> Result<StoreReply, StoreError> {
        self.health.check()?;
        self.raise(shard_id, epoch);
        let shard = self.shards.entry(shard_id).or_default();
        let view = View::present(self.tables);
        let swept = sweep(&view, &mut self.batch, &shard.catalogue, shard_id, wall, floor);
        let left = shard.catalogue.left();
        let time = (shard.catalogue.epoch(), 0);
        if shard.time != time {
            self.batch.put_time(shard_id, time);
        }
        let swept = swept.map_err(|damage| self.spoil(damage))?;
        let Sweep { due, expired, dropped } = swept;
        self.commit_batch()?;
        let shard = self.shards.entry(shard_id).or_default();
        shard.time = time;
        shard.catalogue.take_left();
        due.iter().for_each(|(at, entry)| shard.catalogue.announce(*at, entry));
        let next = shard.catalogue.next_sweep(wall, floor);
        self.refresh_filter();
        Ok(StoreReply::Swept { expired, next, left, dropped })
    }

    fn sketch(
        &mut self,
        shard: ShardId,
        epoch: Epoch,
        cells: Range<usize>,
        key: u64,
    ) -> Result<StoreReply, StoreError> {
        if cells.len() > MAX_ROW {
            return refuse("a row of cells has an end");
        }
        let (commit, durable) = (self.commit, self.progress.durable());
        let catalogue = &mut self.shards.entry(shard).or_default().catalogue;
        let (row, totals) = catalogue.sketch(epoch, cells, key);
        Ok(StoreReply::Sketched { row, totals: Totals { commit, durable, ..totals } })
    }

    fn wipe(&mut self, shard_id: ShardId, commit: u64) -> Result<StoreReply, StoreError> {
        self.health.check()?;
        // The catalogue knows everything that is held: nothing is read.
        let shard = self.shards.entry(shard_id).or_default();
        for (at, entry) in shard.catalogue.due(Wall::from_millis(u64::MAX)) {
            self.batch.announce(shard_id, at, &entry);
        }
        let held = shard.catalogue.entries().map(|entry| entry.id()).collect();
        self.batch.wipe(shard_id);
        self.batch.delete_meta(&meta::time_name(shard_id));
        self.commit = self.commit.max(commit);
        self.commit_batch()?;
        self.shards.remove(&shard_id);
        self.refresh_filter();
        Ok(StoreReply::Wiped { held, commit: self.commit })
    }

    /// Lets go of hashes whose keys are gone, if they are many; only sweeps and wipes make them so.
    /// It reads all ids, about 1 s per million, after at least as many keys have gone.
    fn refresh_filter(&mut self) {
        if self.filter.is_stale(self.shards.values().map(|shard| shard.catalogue.len()).sum()) {
            match load::filter(&self.tables) {
                Ok(filter) => self.filter = filter,
                Err(damage) => tracing::warn!(%damage, "the filter of keys stays as it is"),
            }
        }
    }

    fn lease(&mut self) -> LeaseId {
        let lease = LeaseId::from_number(self.leased);
        self.leased += 1;
        let view = self.fixed_view();
        self.leases.insert(lease, view);
        if self.leases.len() > MAX_LEASES {
            self.leases.pop_first();
        }
        lease
    }

    /// What is written by now.
    pub(crate) fn fixed_view(&mut self) -> View<'db> {
        self.view.get_or_insert_with(|| View::fixed(self.tables)).clone()
    }

    /// The view of a lease.
    pub(crate) fn leased(&self, lease: LeaseId) -> Result<View<'db>, StoreError> {
        match self.leases.get(&lease) {
            Some(view) => Ok(view.clone()),
            None => refuse("the lease has ended; begin the scan again"),
        }
    }

    /// Whether a key may have facts.
    pub(crate) fn may_have(&self, shard: ShardId, key: &[u8], row: &mut Vec<u8>) -> bool {
        keys::head(shard, key, row);
        self.filter.may_contain(self.filter.hash(row))
    }

    fn synced(&self) -> StoreReply {
        StoreReply::Synced { commit: self.progress.durable() }
    }

    /// Writes the batch and answers who waited for it.
    fn write(&mut self) {
        let outcome = self.write_batch();
        let mut replies = Vec::new();
        for (reply, answer) in mem::take(&mut self.answers) {
            match (&outcome, answer) {
                (Err(error), _) => send(reply, Err(error.clone())),
                (Ok(_), Answer::Applied(applied)) => send(reply, Ok(applied)),
                (Ok(_), Answer::Durable) => replies.push(reply),
            }
        }
        if !replies.is_empty() {
            // Closed only after a panic, which has ended the whole store.
            self.wishes.push(replies, self.progress.applied().sequence);
        }
        // Nobody waits for this: the next op comes after it.
        if let Ok(Some(written)) = outcome {
            self.learn(written);
        }
    }

    /// Writes the batch when nobody waits for it yet.
    fn commit_batch(&mut self) -> Result<(), StoreError> {
        if let Some(written) = self.write_batch()? {
            self.learn(written);
        }
        Ok(())
    }

    /// Writes the batch as one, if there is anything in it.
    fn write_batch(&mut self) -> Result<Option<Written>, StoreError> {
        let mut batch = mem::replace(&mut self.batch, Batch::new(self.tables));
        if let Err(error) = self.health.check() {
            self.commit = self.written;
            return Err(error);
        }
        if self.commit > self.written {
            batch.put_meta(meta::COMMIT, &self.commit.to_be_bytes());
        }
        if batch.is_empty() {
            return Ok(None);
        }
        let (writes, written) = batch.into_parts();
        if let Err(error) = self.tables.db.write(writes) {
            self.commit = self.written;
            return Err(self.health.poison(error));
        }
        self.view = None;
        self.written = self.commit;
        let sequence = self.tables.db.latest_sequence_number();
        self.progress.apply(Applied { commit: self.commit, sequence });
        Ok(Some(written))
    }

    /// Tells the catalogues what was written.
    fn learn(&mut self, written: Written) {
        for (shard, change) in written.changes {
            let catalogue = &mut self.shards.entry(shard).or_default().catalogue;
            match change {
                Change::Insert(record) => catalogue.insert(&record, false),
                Change::Remove(record) => catalogue.remove(&record),
            }
        }
    }

    /// Something on the disk is not as it was written: the half-made batch must not be written.
    fn spoil(&mut self, damage: Damage) -> StoreError {
        self.health.poison(damage)
    }
}

fn send(reply: Reply, answer: Result<StoreReply, StoreError>) {
    // Whoever does not wait any more needs no answer.
    let _ = reply.send(answer);
}

pub(crate) fn refuse<T>(reason: &'static str) -> Result<T, StoreError> {
    Err(StoreError::Refused { reason })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use gossip_core::fact::{Envelope, Verified};
    use gossip_core::strategy::retain::LastWrite;
    use gossip_core::testkit::facts::{Author, at_minute, domain};

    use super::*;
    use crate::config::RocksConfig;
    use crate::open::{Opened, open};
    use crate::syncer::Applied;

    fn run(writer: &mut Writer<'_>, op: StoreOp) -> StoreReply {
        let (reply, mut answer) = oneshot::channel();
        writer.run(op, reply);
        writer.write();
        answer.try_recv().unwrap().unwrap()
    }

    fn merge(facts: Vec<Verified<Envelope>>) -> StoreOp {
        let shard = Author::simulated(0, &domain()).shard();
        let (retain, epoch) = (std::sync::Arc::new(LastWrite::default()), Epoch::ZERO);
        StoreOp::Merge(Merge { shard, retain, facts, epoch, floor: epoch })
    }

    #[test]
    fn keys_that_are_gone_leave_the_filter_and_the_others_stay() {
        let directory = tempfile::tempdir().unwrap();
        let Opened { db, .. } = open(directory.path(), &RocksConfig::default()).unwrap();
        let (tables, wishes) = (Tables::of(&db).unwrap(), Wishes::default());
        let (reads, _next) = mpsc::channel();
        let progress = Progress::new(Applied { commit: 0, sequence: 0 });
        let loaded = load::load(&tables).unwrap();
        let writer = &mut Writer::new(tables, loaded, Health::default(), progress, reads, &wishes);
        let author = Author::simulated(0, &domain());
        let dead = |number: u64| author.delete(number.to_be_bytes(), at_minute(1));
        let live = |number: u64| author.put(format!("live {number}"), "v", at_minute(1));
        run(writer, merge((0..100).map(live).collect()));
        run(writer, merge((0..1_000).map(dead).collect()));
        let (shard, wall, last) = (author.shard(), Wall::ZERO, Epoch::NEVER.previous());
        let sweep = || StoreOp::Sweep { shard, wall, epoch: last, floor: last };
        let swept = run(writer, sweep());
        assert!(matches!(swept, StoreReply::Swept { dropped: 1_000, .. }), "{swept:?}");
        assert!(!writer.filter.is_stale(100), "few stale hashes do not matter");
        run(writer, merge((1_000..2_000).map(dead).collect()));
        run(writer, sweep());
        assert!(!writer.filter.is_stale(100) && !writer.filter.is_stale(0), "only the live stay");
        let StoreReply::Merged { outcomes, .. } =
            run(writer, merge((0..100).map(live).chain([dead(5)]).collect()))
        else {
            panic!("not merged")
        };
        let (gone, known) = outcomes.split_last().unwrap();
        assert!(known.iter().all(|outcome| *outcome == Merged::Known), "{known:?}");
        assert_eq!(*gone, Merged::Inserted(vec![]));
        run(writer, StoreOp::Wipe { shard, commit: 0 });
        assert!(!writer.filter.is_stale(0));
    }
}
