//! A disk that lags, and forgets in a crash what was not synced.

use std::time::Duration;

use crate::id::{ChannelId, ShardId, TopicId};
use crate::io::Ticket;
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
    durable: MemoryState,
    state: MemoryState,
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

impl Disk {
    /// What is on the disk now, to be put back later.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        self.clone()
    }

    /// Puts an older content back, as an operator with a backup does.
    pub fn restore(&mut self, snapshot: Self) {
        *self = Self { waiting: Vec::new(), ..snapshot };
        self.durable = self.state.clone();
    }

    /// The answer, or `None` if it comes with the next flush.
    pub(super) fn run(
        &mut self,
        ticket: Ticket,
        op: StoreOp,
    ) -> Option<Result<StoreReply, StoreError>> {
        let durability = matches!(op, StoreOp::Sync { .. } | StoreOp::Remember { .. });
        if let Some(error) = self.refusal(&op) {
            return Some(Err(error));
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
            return waiting.into_iter().map(|(ticket, _)| (ticket, Err(full()))).collect();
        }
        self.durable = self.state.clone();
        waiting
    }

    pub(super) fn crash(&mut self) {
        self.waiting.clear();
        self.state = self.durable.clone();
        self.state.reopen();
    }

    pub(super) fn restored(&self) -> Restored {
        self.state.restored()
    }

    fn refusal(&self, op: &StoreOp) -> Option<StoreError> {
        let writes = match op {
            StoreOp::Merge(_)
            | StoreOp::Remember { .. }
            | StoreOp::Sweep { .. }
            | StoreOp::Sync { .. }
            | StoreOp::Wipe { .. } => true,
            StoreOp::Describe(_)
            | StoreOp::Fetch { .. }
            | StoreOp::Get { .. }
            | StoreOp::Lease
            | StoreOp::Release(_)
            | StoreOp::Scan { .. }
            | StoreOp::Sift { .. }
            | StoreOp::Total { .. } => false,
        };
        match self.fault {
            Fault::Writes if writes => Some(full()),
            Fault::Reads if !writes => {
                Some(StoreError::Unreadable { reason: String::from("input/output error") })
            }
            Fault::None | Fault::Reads | Fault::Writes => None,
        }
    }

    pub(super) fn totals(&mut self, channel: ChannelId, set: Set) -> Totals {
        let shard = ShardId { channel, topic: TopicId(0) };
        match self.state.apply(StoreOp::Total { shard, set }) {
            Ok(StoreReply::Totals(totals)) => totals,
            _ => Totals::default(),
        }
    }
}

fn full() -> StoreError {
    StoreError::Poisoned { reason: String::from("no space left on device") }
}
