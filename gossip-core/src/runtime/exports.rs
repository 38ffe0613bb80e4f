//! Exports: own writes handed to the application before the node forgets them.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::io::{Export, ExportError, Ticket};

/// How long a stop waits for an export that is being written (guess: as for the store).
const PATIENCE: Duration = Duration::from_secs(5);

/// Keeps what a node is about to forget: own writes that perhaps nobody else has.
///
/// A node that returns from a goodbye, or that has lost state, forgets what it holds and takes the
/// cluster's state. It exports its own writes before, some hundred at a time, and goes on only when
/// they are kept. Without an exporter they are told as [`Event::Exported`](crate::io::Event::Exported)
/// alone, and lost if nobody listens.
pub trait Exporter: Debug + Send + Sync + 'static {
    /// Makes these facts durable, beside those of earlier calls. It may block: it is called on
    /// tokio's blocking threads. After a crash the same facts come again.
    ///
    /// # Errors
    /// What the system said. Nothing is forgotten; the same facts come again some seconds later.
    fn keep(&self, export: &Export) -> io::Result<()>;
}

/// Exports on their way: the node has one at a time.
#[derive(Debug)]
pub(super) struct Exports {
    exporter: Option<Arc<dyn Exporter>>,
    running: JoinSet<Exported>,
}

/// An export's answer.
pub(super) type Exported = (Ticket, Result<(), ExportError>);

impl Exports {
    pub(super) fn new(exporter: Option<Arc<dyn Exporter>>) -> Self {
        Self { exporter, running: JoinSet::new() }
    }

    pub(super) fn push(&mut self, ticket: Ticket, export: Export) {
        let exporter = self.exporter.clone();
        self.running.spawn_blocking(move || {
            let kept = exporter.map_or(Ok(()), |exporter| exporter.keep(&export));
            (ticket, kept.map_err(|error| ExportError { reason: error.to_string() }))
        });
    }

    /// Waits for the next answer; `None` while nothing runs, `Some(None)` if the exporter panicked.
    /// Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Option<Exported>> {
        Some(self.running.join_next().await?.ok())
    }

    /// Sees an export that runs end.
    pub(super) async fn stop(mut self) {
        // A thread that hangs in a write cannot be aborted.
        if timeout(PATIENCE, self.running.shutdown()).await.is_err() {
            tracing::warn!("an export did not end in time");
        }
    }
}
