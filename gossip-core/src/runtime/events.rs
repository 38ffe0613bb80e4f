//! The fan-out of events: a ring that the slowest subscriber falls out of.

use std::sync::Arc;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::io::Event;

/// What a subscriber sees next.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "subscribers must consider a gap")]
pub enum Happening {
    /// Something happened.
    Event(Arc<Event>),
    /// This subscriber was too slow: so many events are gone for it. Others have them.
    Missed(u64),
}

/// Events of a node, from the subscription on. It never stalls the node.
#[derive(Debug)]
pub struct Events(Option<broadcast::Receiver<Arc<Event>>>);

impl Events {
    /// `None`: of a node that has stopped.
    pub(super) const fn new(receiver: Option<broadcast::Receiver<Arc<Event>>>) -> Self {
        Self(receiver)
    }

    /// Waits for the next one; `None` once the node has stopped and all was seen. Cancel-safe.
    pub async fn next(&mut self) -> Option<Happening> {
        match self.0.as_mut()?.recv().await {
            Ok(event) => Some(Happening::Event(event)),
            Err(RecvError::Lagged(missed)) => Some(Happening::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

/// Tells whoever listens.
pub(super) fn publish(subscribers: &broadcast::Sender<Arc<Event>>, event: Event) {
    if subscribers.receiver_count() > 0 {
        // The last subscriber may leave at this moment: then nobody listens.
        let _ = subscribers.send(Arc::new(event));
    }
}
