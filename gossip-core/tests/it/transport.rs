//! The memory transport keeps the laws of the port, and its own promises.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use gossip_core::testkit::transport::{Capabilities, transport_conformance};
use gossip_core::transport::{
    Address, Class, Inbound, MemoryLimits, MemoryNet, OutletLimits, SendReport, Transmit,
    Transport, TransportError,
};

#[tokio::test]
async fn memory_transport_conforms() {
    let make = async |count: usize| {
        let net = MemoryNet::new(MemoryLimits::default());
        let transport = |port| Arc::new(net.transport(at(port))) as Arc<dyn Transport>;
        (1..).take(count).map(transport).collect()
    };
    transport_conformance(make, Capabilities { bounded_queue: true }).await;
}

#[tokio::test]
async fn a_frame_to_nobody_is_accepted_and_lost() {
    let net = MemoryNet::new(MemoryLimits::default());
    let a = net.transport(at(1));
    assert_eq!(a.send(vec![to(at(2))]), SendReport { accepted: 1, ..SendReport::default() });
    let b = net.transport(at(2));
    a.send(vec![to(at(2))]);
    assert_eq!(b.recv().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_restart_takes_the_address_over() {
    let net = MemoryNet::new(MemoryLimits::default());
    let (a, b) = (net.transport(at(1)), net.transport(at(2)));
    let b_again = net.transport(at(2));
    assert!(matches!(b.recv().await, Err(TransportError::Closed)));
    drop(b);
    a.send(vec![to(at(2))]);
    assert_eq!(b_again.recv().await.unwrap().len(), 1);
}

#[tokio::test]
async fn who_waits_for_room_at_a_peer_that_ends_hears_of_it() {
    let inbox = OutletLimits { peer_bytes: 200, ..OutletLimits::default() };
    let net = MemoryNet::new(MemoryLimits { inbox, ..MemoryLimits::default() });
    let (a, b) = (net.transport(at(1)), net.transport(at(2)));
    let report = a.send(vec![to(at(2)), to(at(2)), to(at(2))]);
    assert_eq!(report.full, [Address::Socket(at(2))]);
    drop(b);
    assert_eq!(a.recv().await.unwrap(), [Inbound::Room(Address::Socket(at(2)))]);
}

#[tokio::test]
async fn bulk_frames_may_be_large() {
    let net = MemoryNet::new(MemoryLimits::default());
    let (a, b) = (net.transport(at(1)), net.transport(at(2)));
    let bytes = Bytes::from(vec![7; 1 << 20]);
    let large = Transmit { to: Address::Socket(at(2)), class: Class::Bulk, bytes: bytes.clone() };
    assert_eq!(a.send(vec![large]).accepted, 1);
    assert_eq!(b.recv().await.unwrap(), [Inbound::Frame { from: Address::Socket(at(1)), bytes }]);
}

/// A frame that costs 100 bytes of a queue.
fn to(address: SocketAddr) -> Transmit {
    let bytes = Bytes::from_static(&[7; 36]);
    Transmit { to: Address::Socket(address), class: Class::Gossip, bytes }
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
