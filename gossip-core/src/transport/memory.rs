//! A network inside one process: bytes move between transports through bounded queues.
//!
//! Datagrams and streams differ by their addresses alone here: there are no links, and what a
//! [`MemoryNet::streams`] transport sends comes from its stream address.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use tokio::sync;

use super::{
    Address, Class, DATAGRAM_BYTES, Inbound, Outlet, OutletLimits, Rooms, SendReport, Transmit,
    Transport, TransportError,
};
use crate::id::Endpoints;

/// The bounds of a [`MemoryNet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "tests build it literally")]
pub struct MemoryLimits {
    /// Most bytes of a [`Class::Bulk`] frame. Default 1 MiB, as over a stream.
    pub bulk_bytes: usize,
    /// Most bytes of a [`Class::Gossip`] frame by datagram. Default [`DATAGRAM_BYTES`], as over UDP.
    pub gossip_bytes: usize,
    /// What one receiver holds: per sender, of how many senders, in all.
    pub inbox: OutletLimits,
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self { bulk_bytes: 1 << 20, gossip_bytes: DATAGRAM_BYTES, inbox: OutletLimits::default() }
    }
}

/// A switchboard of transports. Clones are the same network.
#[derive(Clone, Debug)]
pub struct MemoryNet {
    limits: MemoryLimits,
    ports: Arc<Mutex<BTreeMap<Address, Arc<Port>>>>,
}

/// One address of a [`MemoryNet`]; dropping it frees the address.
///
/// Frames lie at the receiver, in a queue per sender, until it takes them. A frame to an address
/// that nobody holds is accepted and lost, as over UDP.
#[derive(Debug)]
pub struct MemoryTransport {
    address: Address,
    net: MemoryNet,
    port: Arc<Port>,
    /// `recv` is one at a time: an outlet wakes one drainer.
    receiving: sync::Mutex<()>,
}

/// The receiving half of a transport, as its senders see it.
#[derive(Debug)]
struct Port {
    inbox: Outlet,
    rooms: Rooms,
}

impl MemoryNet {
    /// A network without transports.
    #[must_use]
    pub fn new(limits: MemoryLimits) -> Self {
        Self { limits, ports: Arc::default() }
    }

    /// A transport of datagrams at this address. An earlier one at the same address is closed, as
    /// when a node restarts.
    #[must_use]
    pub fn transport(&self, address: SocketAddr) -> MemoryTransport {
        self.at(Address::Socket(address))
    }

    /// A transport of streams at this address, beside one of datagrams if there is one. An earlier
    /// one is closed.
    #[must_use]
    pub fn streams(&self, address: SocketAddr) -> MemoryTransport {
        self.at(Address::Stream(address))
    }

    fn at(&self, address: Address) -> MemoryTransport {
        let port = Arc::new(Port {
            inbox: Outlet::new(self.limits.inbox),
            rooms: Rooms::new(self.limits.inbox.peers),
        });
        let earlier = self.ports().insert(address, Arc::clone(&port));
        if let Some(earlier) = earlier {
            self.shut(address, &earlier);
        }
        MemoryTransport { address, net: self.clone(), port, receiving: sync::Mutex::new(()) }
    }

    fn port(&self, address: Address) -> Option<Arc<Port>> {
        self.ports().get(&address).cloned()
    }

    /// Ends a port: what it holds is lost, and who waits for room there hears of it.
    fn shut(&self, address: Address, port: &Port) {
        port.inbox.close();
        let mut context = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(parcel)) = port.inbox.poll_next(&mut context) {
            self.announce(address, parcel.rooms);
        }
    }

    /// Tells senders that there is room again towards `address`.
    fn announce(&self, address: Address, senders: Vec<Address>) {
        for sender in senders.into_iter().filter_map(|sender| self.port(sender)) {
            sender.rooms.announce([address]);
        }
    }

    fn ports(&self) -> MutexGuard<'_, BTreeMap<Address, Arc<Port>>> {
        self.ports.lock().expect("nobody panics with the lock held")
    }
}

impl MemoryTransport {
    /// Whether it is an address of the kind that this transport serves.
    fn serves(&self, to: Address) -> bool {
        match to {
            Address::Link(_) => false,
            Address::Socket(_) => matches!(self.address, Address::Socket(_)),
            Address::Stream(_) => matches!(self.address, Address::Stream(_)),
        }
    }

    fn stop(&self) {
        let mut ports = self.net.ports();
        if ports.get(&self.address).is_some_and(|port| Arc::ptr_eq(port, &self.port)) {
            ports.remove(&self.address);
        }
        drop(ports);
        self.net.shut(self.address, &self.port);
    }
}

#[async_trait]
impl Transport for MemoryTransport {
    fn endpoints(&self) -> Endpoints {
        match self.address {
            Address::Socket(address) => Endpoints::datagram(address),
            Address::Stream(address) => Endpoints { datagram: Vec::new(), stream: vec![address] },
            Address::Link(_) => Endpoints::default(),
        }
    }

    fn max_payload(&self, class: Class) -> usize {
        match (class, self.address) {
            (Class::Gossip, Address::Socket(_)) => self.net.limits.gossip_bytes,
            (Class::Bulk, _) | (Class::Gossip, _) => self.net.limits.bulk_bytes,
        }
    }

    fn send(&self, batch: Vec<Transmit>) -> SendReport {
        let mut report = SendReport::default();
        let closed = self.port.inbox.is_closed();
        for Transmit { to, class, bytes } in batch {
            if bytes.len() > self.max_payload(class) {
                report.oversize += 1;
            } else if closed || !self.serves(to) {
                report.unroutable += 1;
            } else if let Some(port) = self.net.port(to)
                && !port.inbox.push([(self.address, bytes)]).full.is_empty()
            {
                report.full.push(to);
            } else {
                report.accepted += 1;
            }
        }
        report
    }

    async fn recv(&self) -> Result<Vec<Inbound>, TransportError> {
        let _receiving = self.receiving.lock().await;
        tokio::select! {
            biased;
            rooms = self.port.rooms.next() => Ok(rooms.into_iter().map(Inbound::Room).collect()),
            parcel = self.port.inbox.next() => {
                let parcel = parcel.ok_or(TransportError::Closed)?;
                self.net.announce(self.address, parcel.rooms);
                let from = parcel.address;
                Ok(parcel.frames.into_iter().map(|bytes| Inbound::Frame { from, bytes }).collect())
            }
        }
    }

    async fn close(&self) {
        self.stop();
    }
}

impl Drop for MemoryTransport {
    fn drop(&mut self) {
        self.stop();
    }
}
