//! The store worker: runs ops one after another, in the order in which they left the node.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::io::Ticket;
use crate::store::{Store, StoreError, StoreOp, StoreReply};

/// An op's answer.
pub(super) type Stored = (Ticket, Result<StoreReply, StoreError>);

/// The driver's end of the worker.
///
/// Both queues are without a bound of their own: one answer comes per op, and the node limits
/// the ops on their way (pipeline credit, `Limits::writes`, one window per repair partner), as
/// the driver limits the commands that make it read.
#[derive(Debug)]
pub(super) struct Writer {
    /// How many ops are not answered yet.
    in_flight: usize,
    ops: UnboundedSender<(Ticket, StoreOp)>,
    replies: UnboundedReceiver<Stored>,
    worker: JoinHandle<()>,
}

impl Writer {
    pub(super) fn start(store: Arc<dyn Store>) -> Self {
        let (ops, next_op) = unbounded_channel();
        let (reply, replies) = unbounded_channel();
        let worker = tokio::spawn(work(store, next_op, reply));
        Self { in_flight: 0, ops, replies, worker }
    }

    pub(super) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Queues an op. If the worker is gone, [`Self::answers`] tells.
    pub(super) fn push(&mut self, ticket: Ticket, op: StoreOp) {
        self.in_flight += 1;
        let _ = self.ops.send((ticket, op));
    }

    /// Waits for answers and appends at most `limit`; false once the worker is gone: the store
    /// panicked. Cancel-safe.
    pub(super) async fn answers(&mut self, into: &mut Vec<Stored>, limit: usize) -> bool {
        let count = self.replies.recv_many(into, limit).await;
        self.in_flight -= count;
        count > 0
    }

    /// Ends the worker, also within an op that never ends: its outcome is unknown. Then the store
    /// is free, unless it blocks the thread beyond this patience.
    pub(super) async fn stop(self, patience: Duration) {
        self.worker.abort();
        if timeout(patience, self.worker).await.is_err() {
            tracing::warn!("the store did not end in time");
        }
    }
}

async fn work(
    store: Arc<dyn Store>,
    mut ops: UnboundedReceiver<(Ticket, StoreOp)>,
    replies: UnboundedSender<Stored>,
) {
    while let Some((ticket, op)) = ops.recv().await {
        let reply = store.run(op).await;
        if replies.send((ticket, reply)).is_err() {
            return;
        }
    }
}
