//! The memory transport keeps the laws of the port, and its own promises.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use gossip_core::id::Endpoints;
use gossip_core::testkit::transport::{Capabilities, transport_conformance};
use gossip_core::transport::{
    Address, Class, Inbound, LinkId, MemoryLimits, MemoryNet, OutletLimits, SendReport, Split,
    Transmit, Transport, TransportError,
};

#[tokio::test]
async fn memory_transport_conforms() {
    let make = async |count: usize| {
        let net = MemoryNet::new(MemoryLimits::default());
        let transport = |port| Arc::new(net.transport(at(port))) as Arc<dyn Transport>;
        (1..).take(count).map(transport).collect()
    };
    transport_conformance(make, Capabilities { bounded_queue: true, links: false }).await;
}

#[tokio::test]
async fn memory_streams_conform() {
    let make = async |count: usize| {
        let net = MemoryNet::new(MemoryLimits::default());
        let transport = |port| Arc::new(net.streams(at(port))) as Arc<dyn Transport>;
        (1..).take(count).map(transport).collect()
    };
    transport_conformance(make, Capabilities { bounded_queue: true, links: false }).await;
}

#[tokio::test]
async fn a_split_transport_conforms_by_both_kinds_of_address() {
    let make = async |count: usize| {
        let net = MemoryNet::new(MemoryLimits::default());
        (1..).take(count).map(|port| Arc::new(split(&net, port)) as Arc<dyn Transport>).collect()
    };
    transport_conformance(make, Capabilities { bounded_queue: true, links: false }).await;
}

#[tokio::test]
async fn a_split_transport_routes_by_the_address_and_adds_up_what_is_told() {
    let inbox = OutletLimits { peer_bytes: 200, ..OutletLimits::default() };
    let net = MemoryNet::new(MemoryLimits { inbox, ..MemoryLimits::default() });
    let (a, b) = (split(&net, 1), split(&net, 2));
    assert_eq!(b.endpoints(), Endpoints { datagram: vec![at(2)], stream: vec![at(2)] });
    assert_eq!(a.max_payload(Class::Gossip), MemoryLimits::default().gossip_bytes);
    assert_eq!(a.max_payload(Class::Bulk), MemoryLimits::default().bulk_bytes);
    let (socket, stream) = (Address::Socket(at(2)), Address::Stream(at(2)));
    let frame = |to, class, size| Transmit { to, class, bytes: vec![7; size].into() };
    let report = a.send(vec![
        frame(socket, Class::Gossip, 36),
        frame(socket, Class::Gossip, 36),
        frame(stream, Class::Bulk, 36),
        frame(socket, Class::Gossip, 36),
        frame(stream, Class::Gossip, 36),
        frame(stream, Class::Bulk, 36),
        frame(socket, Class::Gossip, 1_201),
        frame(Address::Link(LinkId(1)), Class::Bulk, 36),
    ]);
    let expected =
        SendReport { accepted: 4, full: vec![socket, stream], oversize: 1, unroutable: 1 };
    assert_eq!(report, expected);
    let mut from = Vec::new();
    while from.len() < 4 {
        for item in b.recv().await.unwrap() {
            if let Inbound::Frame { from: sender, .. } = item {
                from.push(sender);
            }
        }
    }
    from.sort();
    let (socket, stream) = (Address::Socket(at(1)), Address::Stream(at(1)));
    assert_eq!(from, [socket, socket, stream, stream]);
}

#[tokio::test]
async fn neither_half_of_a_split_transport_starves_the_other() {
    let net = MemoryNet::new(MemoryLimits::default());
    let (a, b) = (split(&net, 1), split(&net, 2));
    let frame = |to| Transmit { to, class: Class::Gossip, bytes: vec![7; 36].into() };
    for round in 0..100 {
        // What floods is never empty; what comes once is there within two turns.
        let (flood, one) = match round % 2 {
            0 => (Address::Socket(at(2)), Address::Stream(at(2))),
            _ => (Address::Stream(at(2)), Address::Socket(at(2))),
        };
        a.send(vec![frame(flood); 1_000]);
        a.send(vec![frame(one)]);
        let mut came = Vec::new();
        for _ in 0..2 {
            came.extend(b.recv().await.unwrap());
        }
        let is_one = |item: &Inbound| match (item, one) {
            (Inbound::Frame { from, .. }, Address::Stream(_)) => {
                matches!(from, Address::Stream(_))
            }
            (Inbound::Frame { from, .. }, _) => matches!(from, Address::Socket(_)),
            _ => false,
        };
        assert!(came.iter().any(is_one), "round {round}");
    }
}

#[tokio::test]
async fn a_split_transport_is_closed_as_a_whole() {
    let net = MemoryNet::new(MemoryLimits::default());
    let streams: Arc<dyn Transport> = Arc::new(net.streams(at(1)));
    let split = Split::new(Arc::new(net.transport(at(1))), Arc::clone(&streams));
    split.close().await;
    assert!(matches!(split.recv().await, Err(TransportError::Closed)));
    assert!(matches!(streams.recv().await, Err(TransportError::Closed)));
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

fn split(net: &MemoryNet, port: u16) -> Split {
    Split::new(Arc::new(net.transport(at(port))), Arc::new(net.streams(at(port))))
}

/// A frame that costs 100 bytes of a queue.
fn to(address: SocketAddr) -> Transmit {
    let bytes = Bytes::from_static(&[7; 36]);
    Transmit { to: Address::Socket(address), class: Class::Gossip, bytes }
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
