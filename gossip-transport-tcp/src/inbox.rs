//! What came and is not yet taken: bounded in bytes, and links take turns.

use std::sync::Arc;

use gossip_core::transport::{FRAME_OVERHEAD_BYTES, Inbound};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc};

/// Batches that one [`Inbox::next`] joins at most.
const JOINED: usize = 16;

/// A queue of batches. A link has at most one batch waiting for room, and they get room in the
/// order in which they began to wait: who floods waits as often as it sends.
#[derive(Debug)]
pub(crate) struct Inbox {
    bytes: u32,
    receiver: Mutex<mpsc::UnboundedReceiver<Batch>>,
    room: Arc<Semaphore>,
    sender: mpsc::UnboundedSender<Batch>,
}

#[derive(Debug)]
struct Batch {
    items: Vec<Inbound>,
    /// Given back when the batch is taken. News of links need no room: there are two per link.
    _room: Option<OwnedSemaphorePermit>,
}

impl Inbox {
    pub(crate) fn new(bytes: usize) -> Self {
        let bytes = u32::try_from(bytes.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        let (sender, receiver) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(bytes as usize));
        Self { bytes, receiver: Mutex::new(receiver), room, sender }
    }

    /// Waits for room, in turn. A batch larger than all room waits until the inbox is empty.
    pub(crate) async fn frames(&self, items: Vec<Inbound>) {
        let cost: usize = items.iter().map(cost).sum();
        let cost = u32::try_from(cost).unwrap_or(u32::MAX).min(self.bytes);
        let room = Arc::clone(&self.room).acquire_many_owned(cost).await.ok();
        // The receiver is ours.
        let _ = self.sender.send(Batch { items, _room: room });
    }

    /// Queues news of a link, at once.
    pub(crate) fn news(&self, item: Inbound) {
        let _ = self.sender.send(Batch { items: vec![item], _room: None });
    }

    /// Waits for something; at least one item. Cancel-safe.
    pub(crate) async fn next(&self) -> Vec<Inbound> {
        let mut receiver = self.receiver.lock().await;
        let mut items = Vec::new();
        // The sender is ours, so this ends with a batch only; batches without items do not exist.
        if let Some(batch) = receiver.recv().await {
            items = batch.items;
        }
        for _ in 1..JOINED {
            let Ok(batch) = receiver.try_recv() else { break };
            items.extend(batch.items);
        }
        items
    }
}

fn cost(item: &Inbound) -> usize {
    match item {
        Inbound::Frame { bytes, .. } => bytes.len() + FRAME_OVERHEAD_BYTES,
        Inbound::Down(_) | Inbound::Room(_) | Inbound::Up(..) => FRAME_OVERHEAD_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use bytes::Bytes;
    use gossip_core::transport::{Address, LinkId};

    use super::*;

    fn frames(link: u64, sizes: &[usize]) -> Vec<Inbound> {
        let from = Address::Link(LinkId(link));
        let frame = |size: &usize| Inbound::Frame { from, bytes: Bytes::from(vec![0; *size]) };
        sizes.iter().map(frame).collect()
    }

    fn is_ready(future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        matches!(future.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()))
    }

    #[tokio::test]
    async fn who_floods_waits_behind_who_came_first() {
        let inbox = Inbox::new(1_000);
        inbox.frames(frames(1, &[436, 436])).await;
        let mut flood = Box::pin(inbox.frames(frames(1, &[400])));
        assert!(!is_ready(flood.as_mut()));
        let mut small = Box::pin(inbox.frames(frames(2, &[1])));
        assert!(!is_ready(small.as_mut()), "even who is small waits its turn");
        inbox.news(Inbound::Down(LinkId(3)));
        let mut taken = frames(1, &[436, 436]);
        taken.push(Inbound::Down(LinkId(3)));
        assert_eq!(inbox.next().await, taken);
        assert!(is_ready(flood.as_mut()) && is_ready(small.as_mut()));
    }

    #[tokio::test]
    async fn a_batch_beyond_all_room_passes_alone() {
        let inbox = Inbox::new(1_000);
        inbox.frames(frames(1, &[5_000])).await;
        let mut next = Box::pin(inbox.frames(frames(2, &[0])));
        assert!(!is_ready(next.as_mut()));
        assert_eq!(inbox.next().await, frames(1, &[5_000]));
        assert!(is_ready(next.as_mut()));
    }
}
