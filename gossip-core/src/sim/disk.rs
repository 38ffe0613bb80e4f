//! A disk that lags, fails, and forgets in a crash what was not synced, or half of it.

use std::time::Duration;

use crate::id::{ChannelId, ShardId, TopicId};
use crate::io::Ticket;
use crate::rng::Rng;
use crate::state::{Set, Totals};
use crate::store::{MemoryState, Restored, StoreError, StoreOp, StoreReply};

/// What a host keeps. Ops apply at once and in order; `Sync` and `Remember` are answered by the
/// next flush.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// What it refuses to do.
    pub fault: Fault,
    /// How long an answer takes at most beyond the latency: later ops may be answered first.
    pub jitter: Duration,
    /// How long an answer takes.
    pub latency: Duration,
    /// How long after the first wish for durability the disk is flushed.
    pub sync_interval: Duration,
    counts: DiskCounts,
    durable: MemoryState,
    state: MemoryState,
    /// What changed `state` since it was `durable`, in order.
    unsynced: Vec<StoreOp>,
    waiting: Vec<(Ticket, Result<StoreReply, StoreError>)>,
}

/// What a disk refuses to do, until a script mends it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "scripts choose one")]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Reads fail one by one; writes go on.
    Reads,
    /// A write has failed: the store is poisoned, and reads go on.
    Writes,
}

/// How often a disk did what nobody wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain numbers")]
pub struct DiskCounts {
    /// Reads that failed.
    pub failed_reads: u64,
    /// Writes and syncs that failed.
    pub failed_writes: u64,
    /// Answers that took time.
    pub late: u64,
    /// Ops that a crash made undone.
    pub lost: u64,
    /// Crashes that left some of what was not synced, and lost the rest.
    pub torn: u64,
}

/// What a crash leaves of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "scripts choose one")]
pub enum Crash {
    /// Nothing.
    Clean,
    /// The first so many ops, as some blocks reach a disk and others do not.
    Torn,
}

/// Beyond so many unsynced ops the disk writes half of them back by itself, as systems do.
const WRITE_BACK: usize = 4_096;

impl Disk {
    /// A disk that never fails or lags and holds this.
    #[must_use]
    pub fn holding(state: MemoryState) -> Self {
        Self { state, ..Self::default() }
    }

    /// What is on the disk now, to be put back later.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        self.clone()
    }

    /// Puts an older content back, as an operator with a backup does.
    pub fn restore(&mut self, snapshot: Self) {
        let counts = self.counts;
        *self = Self { counts, waiting: Vec::new(), unsynced: Vec::new(), ..snapshot };
        self.durable = self.state.clone();
    }

    /// What it did that nobody wants, since the beginning.
    #[must_use]
    pub const fn counts(&self) -> DiskCounts {
        self.counts
    }

    /// What a node reads.
    pub(super) const fn held(&self) -> &MemoryState {
        &self.state
    }

    /// What a crash cannot take.
    pub(super) const fn durable(&self) -> &MemoryState {
        &self.durable
    }

    /// The answer, or `None` if it comes with the next flush.
    pub(super) fn run(
        &mut self,
        ticket: Ticket,
        op: StoreOp,
    ) -> Option<Result<StoreReply, StoreError>> {
        self.counts.late += u64::from(!(self.latency + self.jitter).is_zero());
        let durability = matches!(op, StoreOp::Sync { .. } | StoreOp::Remember { .. });
        if let Some(error) = self.refusal(&op) {
            return Some(Err(error));
        }
        if Self::changes(&op) {
            self.unsynced.push(op.clone());
            if self.unsynced.len() > WRITE_BACK {
                self.write_back(WRITE_BACK / 2);
            }
        }
        let reply = self.state.apply(op);
        if !durability {
            return Some(reply);
        }
        self.waiting.push((ticket, reply));
        None
    }

    /// Makes everything durable; the answers that waited for it.
    pub(super) fn flush(&mut self) -> Vec<(Ticket, Result<StoreReply, StoreError>)> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let waiting = std::mem::take(&mut self.waiting);
        if self.fault == Fault::Writes {
            self.counts.failed_writes += waiting.len() as u64;
            return waiting.into_iter().map(|(ticket, _)| (ticket, Err(full()))).collect();
        }
        self.write_back(self.unsynced.len());
        waiting
    }

    pub(super) fn crash(&mut self, crash: Crash, rng: &mut Rng) {
        let unsynced = self.unsynced.len();
        let kept = match crash {
            Crash::Clean => 0,
            Crash::Torn => rng.index(unsynced + 1),
        };
        self.counts.lost += (unsynced - kept) as u64;
        self.counts.torn += u64::from(kept > 0 && kept < unsynced);
        self.write_back(kept);
        self.unsynced.clear();
        self.waiting.clear();
        self.state = self.durable.clone();
        self.state.reopen();
    }

    pub(super) fn restored(&self) -> Restored {
        self.state.restored()
    }

    pub(super) fn totals(&mut self, channel: ChannelId, set: Set) -> Totals {
        let shard = ShardId { channel, topic: TopicId(0) };
        match self.state.apply(StoreOp::Total { shard, set }) {
            Ok(StoreReply::Totals(totals)) => totals,
            _ => Totals::default(),
        }
    }

    /// Does the first so many unsynced ops to what is durable.
    fn write_back(&mut self, count: usize) {
        for op in self.unsynced.drain(..count) {
            // What was refused is refused again.
            drop(self.durable.apply(op));
        }
    }

    fn refusal(&mut self, op: &StoreOp) -> Option<StoreError> {
        let writes = Self::changes(op) || matches!(op, StoreOp::Sync { .. });
        match self.fault {
            Fault::Writes if writes => {
                self.counts.failed_writes += 1;
                Some(full())
            }
            Fault::Reads if !writes => {
                self.counts.failed_reads += 1;
                Some(StoreError::Unreadable { reason: String::from("input/output error") })
            }
            Fault::None | Fault::Reads | Fault::Writes => None,
        }
    }

    /// Whether an op changes what is held.
    pub(super) const fn changes(op: &StoreOp) -> bool {
        match op {
            StoreOp::Merge(_)
            | StoreOp::Remember { .. }
            | StoreOp::Sweep { .. }
            | StoreOp::Wipe { .. } => true,
            StoreOp::Describe(_)
            | StoreOp::Fetch { .. }
            | StoreOp::Get { .. }
            | StoreOp::Lease
            | StoreOp::Release(_)
            | StoreOp::Scan { .. }
            | StoreOp::Sift { .. }
            | StoreOp::Sketch { .. }
            | StoreOp::Sync { .. }
            | StoreOp::Take { .. }
            | StoreOp::Total { .. } => false,
        }
    }
}

fn full() -> StoreError {
    StoreError::Poisoned { reason: String::from("no space left on device") }
}
