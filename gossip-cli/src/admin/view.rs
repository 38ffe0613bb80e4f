//! A channel's state as of one moment, walked page by page, whatever is written meanwhile.

use std::sync::Arc;

use bytes::Bytes;
use gossip_core::fact::Envelope;
use gossip_core::id::{ChannelId, ShardId, TopicId};
use gossip_core::store::{LeaseId, Store, StoreError, StoreOp, StoreReply};
use tokio::runtime::Handle;

/// Facts read at a time: what a page costs, and what a slow reader holds.
const PAGE: usize = 1_024;

/// Bytes of them, unless one key alone has more.
const PAGE_BYTES: usize = 1 << 20;

/// A lease on the store, and how far it has been read.
#[derive(Debug)]
pub(super) struct View {
    after: Option<Bytes>,
    lease: LeaseId,
    prefix: Bytes,
    shard: ShardId,
    store: Arc<dyn Store>,
}

impl View {
    /// A view of everything under this prefix, as of now.
    pub(super) async fn take(
        store: Arc<dyn Store>,
        channel: ChannelId,
        prefix: Bytes,
    ) -> Result<Self, StoreError> {
        let StoreReply::Leased(lease) = store.run(StoreOp::Lease).await? else {
            unreachable!("{ANSWERS}")
        };
        let shard = ShardId { channel, topic: TopicId::default() };
        Ok(Self { after: None, lease, prefix, shard, store })
    }

    /// The next facts in key order, tombstones among them, all of a key at once; `None`: there are
    /// no more.
    pub(super) async fn page(&mut self) -> Result<Option<Vec<Envelope>>, StoreError> {
        let op = StoreOp::Scan {
            shard: self.shard,
            prefix: self.prefix.clone(),
            after: self.after.clone(),
            limit: PAGE,
            bytes: PAGE_BYTES,
            lease: Some(self.lease),
        };
        let StoreReply::Facts(facts) = self.store.run(op).await? else { unreachable!("{ANSWERS}") };
        let Some(last) = facts.last() else { return Ok(None) };
        self.after = Some(Bytes::copy_from_slice(last.key()));
        Ok(Some(facts))
    }
}

impl Drop for View {
    fn drop(&mut self) {
        let (store, lease) = (Arc::clone(&self.store), self.lease);
        // Without a runtime the store ends soon, and with it the lease.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { store.run(StoreOp::Release(lease)).await });
        }
    }
}

/// Why a reply has the form that its op has.
const ANSWERS: &str = "each op has its one answer";
