//! The store worker: ops take their place in the order in which they left the node, and are
//! answered as the store pleases.
//!
//! A disk that takes seconds to flush holds up those who wait for durability, and nobody else.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::poll;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::select;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, consume_budget};
use tokio::time::timeout;

use crate::io::Ticket;
use crate::store::{Store, StoreError, StoreOp, StoreReply};

/// Most ops at the store at a time, those that wait for durability apart (guess: enough to keep
/// any disk busy). More wait in line. Waits for durability have no bound here: the node has one per
/// own write that is not acknowledged, one per member and a few more, and none must hold up a read.
const AT_A_TIME: usize = 256;

/// How long a store may take to close (guess: more than a slow disk's flush). What was acknowledged
/// is durable already.
const CLOSING: Duration = Duration::from_secs(5);

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
    store: Arc<dyn Store>,
    worker: JoinHandle<()>,
}

impl Writer {
    pub(super) fn start(store: Arc<dyn Store>) -> Self {
        let (ops, next_op) = unbounded_channel();
        let (reply, replies) = unbounded_channel();
        let worker = tokio::spawn(work(Arc::clone(&store), next_op, reply));
        Self { in_flight: 0, ops, replies, store, worker }
    }

    pub(super) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Queues an op, or answers it at once. If the worker is gone, [`Self::answers`] tells.
    pub(super) fn push(&mut self, ticket: Ticket, op: StoreOp) -> Option<Stored> {
        if self.in_flight == 0
            && is_brief(&op)
            && let Some(store) = self.store.immediate()
        {
            return Some((ticket, store.apply(op)));
        }
        self.in_flight += 1;
        let _ = self.ops.send((ticket, op));
        None
    }

    /// Waits for answers and appends at most `limit`; false once the worker is gone: the store
    /// panicked. Cancel-safe.
    pub(super) async fn answers(&mut self, into: &mut Vec<Stored>, limit: usize) -> bool {
        let count = self.replies.recv_many(into, limit).await;
        self.in_flight -= count;
        count > 0
    }

    /// Ends the worker, also within an op that never ends: its outcome is unknown. Then closes the
    /// store, which is free after it, unless it blocks the thread beyond this patience.
    pub(super) async fn stop(self, patience: Duration) {
        let Self { store, worker, .. } = self;
        worker.abort();
        let ended = timeout(patience, worker).await.is_ok();
        match timeout(CLOSING, store.close()).await {
            Ok(Ok(())) if ended => {}
            Ok(Ok(())) | Err(_) => tracing::warn!("the store did not end in time"),
            Ok(Err(error)) => {
                tracing::error!(%error, "what was not acknowledged yet may not be on disk");
            }
        }
    }
}

/// Whether an op takes well under a millisecond where nothing waits: its facts are few, and none is looked
/// for. The others may take long, and must not hold up the driver.
const fn is_brief(op: &StoreOp) -> bool {
    matches!(op, StoreOp::Merge(_) | StoreOp::Sift { .. } | StoreOp::Sync { .. })
}

/// Polls each op once in the order of arrival, which is where it takes its place, and collects
/// answers as they come.
async fn work(
    store: Arc<dyn Store>,
    mut ops: UnboundedReceiver<(Ticket, StoreOp)>,
    replies: UnboundedSender<Stored>,
) {
    let store = &*store;
    let mut running = FuturesUnordered::new();
    // Those of them that wait for a disk to be flushed.
    let mut flushing = 0;
    loop {
        select! {
            next = ops.recv(), if running.len() - flushing < AT_A_TIME => {
                let Some((ticket, op)) = next else { return };
                let flushes = matches!(op, StoreOp::Remember { .. } | StoreOp::Sync { .. });
                let mut run = Box::pin(async move { (flushes, (ticket, store.run(op).await)) });
                match poll!(&mut run) {
                    Poll::Ready((_, stored)) => {
                        if replies.send(stored).is_err() {
                            return;
                        }
                    }
                    Poll::Pending => {
                        running.push(run);
                        flushing += usize::from(flushes);
                    }
                }
            }
            Some((flushes, stored)) = running.next() => {
                flushing -= usize::from(flushes);
                if replies.send(stored).is_err() {
                    return;
                }
            }
        }
        // A store that answers everything at once must not keep the thread for itself.
        consume_budget().await;
    }
}
