//! The transport port: frames out, frames in, and an honest word about what was dropped.

#[cfg(feature = "runtime")]
mod listen;
#[cfg(feature = "runtime")]
mod memory;
#[cfg(feature = "runtime")]
mod outlet;
#[cfg(feature = "runtime")]
mod rooms;
#[cfg(feature = "runtime")]
mod split;

use std::fmt::Debug;
use std::net::SocketAddr;

use async_trait::async_trait;
use bytes::Bytes;
use thiserror::Error;

use crate::id::Endpoints;

#[cfg(feature = "runtime")]
pub use listen::{AdvertiseError, advertised, check_advertise, next_step};
#[cfg(feature = "runtime")]
pub use memory::{MemoryLimits, MemoryNet, MemoryTransport};
#[cfg(feature = "runtime")]
pub use outlet::{
    FRAME_OVERHEAD_BYTES, Outlet, OutletLimits, Parcel, Pushed, TURN_BYTES, TURN_FRAMES,
};
#[cfg(feature = "runtime")]
pub use rooms::Rooms;
#[cfg(feature = "runtime")]
pub use split::Split;

/// Most bytes of a datagram: what passes everywhere without fragments (house decision).
pub const DATAGRAM_BYTES: usize = 1_200;

/// How much a frame matters to the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "transports must route all of them")]
pub enum Class {
    /// May be lost: repair brings it back. As a datagram it is small; over a stream it may be as
    /// large as bulk, and goes before it.
    Gossip,
    /// May be large and is worth waiting for: streams carry it where they exist.
    Bulk,
}

/// A connection that a stream transport accepted or made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_structs, reason = "a number and nothing else")]
pub struct LinkId(pub u64);

/// Where a frame goes to or came from.
///
/// A node may take datagrams and streams at the same port number, so an address says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "transports must handle all of them")]
pub enum Address {
    /// Where somebody takes datagrams.
    Socket(SocketAddr),
    /// Where somebody takes streams: the connection to there, made when there is none.
    Stream(SocketAddr),
    /// Back along a connection that we accepted.
    Link(LinkId),
}

impl From<SocketAddr> for Address {
    /// Where datagrams are taken.
    fn from(address: SocketAddr) -> Self {
        Self::Socket(address)
    }
}

/// One frame to send.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "drivers and transports take it apart")]
pub struct Transmit {
    /// Where to.
    pub to: Address,
    /// How much it matters.
    pub class: Class,
    /// The frame. Cloning shares the bytes.
    pub bytes: Bytes,
}

/// Something that came from the network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a driver must pass on all of them")]
pub enum Inbound {
    /// A connection ended.
    Down(LinkId),
    /// A frame.
    Frame {
        /// Where from.
        from: Address,
        /// The frame.
        bytes: Bytes,
    },
    /// After a drop towards this address there is room again: said once, when half empty.
    Room(Address),
    /// A connection stands, in either direction.
    Up(LinkId, SocketAddr),
}

/// What became of a batch handed to [`Transport::send`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "transports build it literally")]
pub struct SendReport {
    /// How many frames were queued or sent.
    pub accepted: usize,
    /// Addresses whose queue was full, once per dropped frame.
    pub full: Vec<Address>,
    /// How many frames were larger than [`Transport::max_payload`]; never sent.
    pub oversize: usize,
    /// How many frames named a connection that no longer stands, or an address of a kind that
    /// this transport does not serve.
    pub unroutable: usize,
}

/// The most bytes of one frame, by class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a pair and nothing else")]
pub struct Payloads {
    /// Of a frame that goes as a datagram.
    pub gossip: usize,
    /// Of a frame that goes over a stream; without streams the same.
    pub bulk: usize,
}

impl Payloads {
    /// What a transport carries.
    #[must_use]
    pub fn of(transport: &dyn Transport) -> Self {
        let endpoints = transport.endpoints();
        let of = |has: bool, class| if has { transport.max_payload(class) } else { 0 };
        let gossip = of(!endpoints.datagram.is_empty(), Class::Gossip);
        let bulk = of(!endpoints.stream.is_empty(), Class::Bulk);
        // Without datagrams of its own a node still tells what fits one of a member's.
        let gossip = if gossip == 0 { DATAGRAM_BYTES.min(bulk) } else { gossip };
        Self { gossip, bulk: bulk.max(gossip) }
    }
}

impl From<usize> for Payloads {
    /// Datagrams of so many bytes, and nothing else.
    fn from(datagram: usize) -> Self {
        Self { gossip: datagram, bulk: datagram }
    }
}

/// The transport itself is broken, not a peer: final.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// It was closed.
    #[error("the transport is closed")]
    Closed,
    /// The socket failed for good. Nothing more will arrive; restart the node.
    #[error("the socket failed: {0}")]
    Socket(#[from] std::io::Error),
}

/// A way to move frames. Implementations pass the conformance suite of `testkit`.
#[async_trait]
pub trait Transport: Debug + Send + Sync + 'static {
    /// Datagram and/or stream addresses, as others can reach them.
    fn endpoints(&self) -> Endpoints;

    /// Most bytes of one frame of this class: of [`Class::Gossip`] by datagram where there are
    /// datagrams. A stream carries both classes up to the limit of [`Class::Bulk`].
    fn max_payload(&self, class: Class) -> usize;

    /// Queues frames and never waits: every peer's queue is bounded, what did not fit is told.
    fn send(&self, batch: Vec<Transmit>) -> SendReport;

    /// Waits for what the network brings; at least one item. Cancel-safe.
    ///
    /// # Errors
    /// Only when the transport itself is broken: final. A peer's fault is never an error.
    async fn recv(&self) -> Result<Vec<Inbound>, TransportError>;

    /// Sends what is queued, as far as that takes no waiting on a peer, then stops. `recv` ends
    /// with [`TransportError::Closed`].
    async fn close(&self);
}
