//! What the threads of a store ask of each other.

use gossip_core::store::{StoreError, StoreOp, StoreReply};
use tokio::sync::oneshot;

/// Where an answer goes.
pub(crate) type Reply = oneshot::Sender<Result<StoreReply, StoreError>>;

/// What the handle asks of the writing thread, in order.
#[derive(Debug)]
pub(crate) enum Request {
    /// Make everything durable and end; answered when the files are free.
    Close(oneshot::Sender<Result<(), StoreError>>),
    /// Run an op.
    Run(StoreOp, Reply),
}
