//! What came and is not yet taken: bounded in bytes, and links take turns.

use std::net::SocketAddr;
use std::sync::Arc;

use gossip_core::transport::{FRAME_OVERHEAD_BYTES, Inbound, LinkId};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc};

/// Batches that one [`Inbox::next`] joins at most.
const JOINED: usize = 16;

/// A queue of batches. A link has at most one batch waiting for room, and they get room in the
/// order in which they began to wait: who floods waits as often as it sends.
#[derive(Debug)]
pub(crate) struct Inbox {
    bytes: u32,
    /// For links: a piece from the news that one stands until the news of its end is taken.
    links: Arc<Semaphore>,
    receiver: Mutex<mpsc::UnboundedReceiver<Batch>>,
    room: Arc<Semaphore>,
    sender: mpsc::UnboundedSender<Batch>,
}

#[derive(Debug)]
struct Batch {
    items: Vec<Inbound>,
    /// Given back when the batch is taken.
    _room: Option<OwnedSemaphorePermit>,
}

impl Inbox {
    pub(crate) fn new(bytes: usize, links: usize) -> Self {
        let bytes = u32::try_from(bytes.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        let (sender, receiver) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(bytes as usize));
        let links = Arc::new(Semaphore::new(links.clamp(1, Semaphore::MAX_PERMITS)));
        Self { bytes, links, receiver: Mutex::new(receiver), room, sender }
    }

    /// Waits for room, in turn. A batch larger than all room waits until the inbox is empty.
    pub(crate) async fn frames(&self, items: Vec<Inbound>) {
        let cost: usize = items.iter().map(cost).sum();
        let cost = u32::try_from(cost).unwrap_or(u32::MAX).min(self.bytes);
        let room = Arc::clone(&self.room).acquire_many_owned(cost).await.ok();
        self.queue(items, room);
    }

    /// Tells that a link stands, and gives what [`Self::down`] needs. Waits while the node has not
    /// heard of many others: who connects and leaves again and again fills no memory.
    pub(crate) async fn up(&self, link: LinkId, peer: SocketAddr) -> Option<OwnedSemaphorePermit> {
        let room = Arc::clone(&self.links).acquire_owned().await.ok();
        self.queue(vec![Inbound::Up(link, peer)], None);
        room
    }

    /// Tells that a link ended, at once.
    pub(crate) fn down(&self, link: LinkId, room: OwnedSemaphorePermit) {
        self.queue(vec![Inbound::Down(link)], Some(room));
    }

    fn queue(&self, items: Vec<Inbound>, room: Option<OwnedSemaphorePermit>) {
        // The receiver is ours.
        let _ = self.sender.send(Batch { items, _room: room });
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
    use gossip_core::transport::Address;

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
        let inbox = Inbox::new(1_000, 2);
        inbox.frames(frames(1, &[436, 436])).await;
        let mut flood = Box::pin(inbox.frames(frames(1, &[400])));
        assert!(!is_ready(flood.as_mut()));
        let mut small = Box::pin(inbox.frames(frames(2, &[1])));
        assert!(!is_ready(small.as_mut()), "even who is small waits its turn");
        let peer = ([127, 0, 0, 1], 7_000).into();
        let room = inbox.up(LinkId(3), peer).await.unwrap();
        inbox.down(LinkId(3), room);
        let mut taken = frames(1, &[436, 436]);
        taken.extend([Inbound::Up(LinkId(3), peer), Inbound::Down(LinkId(3))]);
        assert_eq!(inbox.next().await, taken);
        assert!(is_ready(flood.as_mut()) && is_ready(small.as_mut()));
    }

    #[tokio::test]
    async fn who_comes_and_goes_waits_until_the_node_has_heard_of_it() {
        let inbox = Inbox::new(1_000, 2);
        let peer = ([127, 0, 0, 1], 7_000).into();
        for link in [1, 2] {
            let room = inbox.up(LinkId(link), peer).await.unwrap();
            inbox.down(LinkId(link), room);
        }
        let mut third = Box::pin(async { drop(inbox.up(LinkId(3), peer).await) });
        assert!(!is_ready(third.as_mut()));
        assert_eq!(inbox.next().await.len(), 4);
        assert!(is_ready(third.as_mut()));
    }

    #[tokio::test]
    async fn a_batch_beyond_all_room_passes_alone() {
        let inbox = Inbox::new(1_000, 2);
        inbox.frames(frames(1, &[5_000])).await;
        let mut next = Box::pin(inbox.frames(frames(2, &[0])));
        assert!(!is_ready(next.as_mut()));
        assert_eq!(inbox.next().await, frames(1, &[5_000]));
        assert!(is_ready(next.as_mut()));
    }
}
