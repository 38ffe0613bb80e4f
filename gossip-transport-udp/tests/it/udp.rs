//! What is particular to UDP: unreachable ports, segmentation, bursts, strange datagrams.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::transport::{Address, Class, Inbound, OutletLimits, SendReport, Transmit};
use gossip_transport_udp::UdpStats;
use tokio::time::timeout;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn an_unreachable_port_does_not_break_recv() {
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (a, b) = (bind(loopback()), bind(loopback()));
    for _ in 0..200 {
        assert_eq!(a.send(vec![transmit(nobody, 100), transmit(endpoint(&b), 100)]).accepted, 2);
        assert_eq!(collect(&b, 1).await, [(100, 1)].into());
        assert_eq!(b.send(vec![transmit(endpoint(&a), 100)]).accepted, 1);
        assert_eq!(collect(&a, 1).await, [(100, 1)].into());
    }
}

#[tokio::test]
async fn a_refused_destination_is_counted_and_disturbs_nothing() {
    let (a, b) = (bind(loopback()), bind(loopback()));
    let segments = a.segments();
    // From a loopback source the kernel refuses to send to other machines.
    let elsewhere = SocketAddr::from(([192, 0, 2, 1], 7_000));
    let mut batch = vec![transmit(elsewhere, 100); 3];
    batch.extend(vec![transmit(endpoint(&b), 100); 3]);
    assert_eq!(a.send(batch).accepted, 6);
    assert_eq!(collect(&b, 3).await, [(100, 3)].into());
    let stats = a.stats();
    assert_eq!((stats.unsent_datagrams, stats.sent_datagrams), (3, 3));
    assert!(stats.send_errors >= 3, "{stats:?}");
    assert_eq!(a.segments(), segments, "it says nothing about segmentation");
}

#[tokio::test]
async fn destinations_of_no_use_are_unroutable() {
    let a = bind(loopback());
    for to in ["[::1]:7000", "127.0.0.1:0", "0.0.0.0:7000"] {
        let expected = SendReport { unroutable: 1, ..SendReport::default() };
        assert_eq!(a.send(vec![transmit(to.parse().unwrap(), 100)]), expected, "{to}");
    }
}

#[tokio::test]
async fn with_and_without_segmentation_the_same_frames_arrive() {
    // Runs of equal sizes, shorter ends, longer followers, and sizes that never repeat.
    let sizes: Vec<usize> = (0..400)
        .map(|n| match n % 100 {
            0..40 => 1_200,
            40 => 700,
            41..60 => 300,
            60..80 => 1,
            n => 1_300 - n * 10,
        })
        .collect();
    let mut expected = BTreeMap::new();
    sizes.iter().for_each(|size| *expected.entry(*size).or_insert(0) += 1);
    for segmentation in [true, false] {
        let a = bind(UdpConfig { segmentation, ..loopback() });
        let b = bind(loopback());
        let batch = sizes.iter().map(|size| transmit(endpoint(&b), *size)).collect();
        assert_eq!(a.send(batch).accepted, 400);
        assert_eq!(collect(&b, 400).await, expected, "segmentation {segmentation}");
        let UdpStats { sent_datagrams, sent_syscalls, send_errors, .. } = a.stats();
        assert_eq!((sent_datagrams, send_errors), (400, 0));
        let calls = if a.segments() { 20..200 } else { 400..401 };
        assert!(calls.contains(&sent_syscalls), "segmentation {segmentation}: {sent_syscalls}");
    }
}

#[tokio::test]
async fn datagrams_that_are_no_frames_are_counted_and_dropped() {
    let a = bind(loopback());
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    for size in [0, 1_201, 60_000, 1_200] {
        stranger.send_to(&filled(size), endpoint(&a)).unwrap();
    }
    assert_eq!(collect(&a, 1).await, [(1_200, 1)].into());
    assert_eq!(a.stats().refused_datagrams, 3);
}

#[tokio::test]
async fn two_receivers_share_what_arrives() {
    let (a, b) = (bind(loopback()), bind(loopback()));
    for _ in 0..50 {
        a.send(vec![transmit(endpoint(&b), 100)]);
        let received = tokio::select! {
            received = b.recv() => received,
            received = b.recv() => received,
        };
        assert_eq!(received.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_full_queue_is_counted() {
    let outlet = OutletLimits { peer_bytes: 2 * 164, ..OutletLimits::default() };
    let (a, b) = (bind(UdpConfig { outlet, ..loopback() }), bind(loopback()));
    let report = a.send(vec![transmit(endpoint(&b), 100); 5]);
    assert_eq!(report.full, [Address::Socket(endpoint(&b)); 3]);
    assert_eq!(a.stats().queue_full, 3);
    assert_eq!(collect(&b, 2).await, [(100, 2)].into());
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_is_received_or_counted_by_the_kernel() {
    for socket_buffer_bytes in [64 << 10, 4 << 20] {
        let hub = bind(UdpConfig { socket_buffer_bytes, ..loopback() });
        let outlet = OutletLimits { peer_bytes: 8 << 20, ..OutletLimits::default() };
        // Unsegmented, so that the kernel counts drops in datagrams.
        let config = UdpConfig { outlet, segmentation: false, ..loopback() };
        let senders: Vec<_> = (0..4).map(|_| bind(config.clone())).collect();
        for sender in &senders {
            let batch = vec![transmit(endpoint(&hub), 1_200); 2_500];
            assert_eq!(sender.send(batch).accepted, 2_500);
            sender.close().await;
            assert_eq!(sender.stats().sent_datagrams, 2_500);
        }
        let accounted = async {
            let mut received = 0;
            while received + kernel_drops(endpoint(&hub)) < 10_000 {
                received += frames(hub.recv().await.unwrap()).count();
            }
            received
        };
        let received = timeout(PATIENCE, accounted).await.expect("all 10,000 are accounted for");
        assert_eq!(received + kernel_drops(endpoint(&hub)), 10_000);
        assert_eq!(hub.stats().received_datagrams, received as u64);
        assert!(received < 10_000, "a burst beyond {socket_buffer_bytes} bytes loses some");
    }
}

/// The last column of the socket's line in `/proc/net/udp`.
///
/// The kernel writes that table in portions and counts lines to find where it was: where another
/// test closes its socket meanwhile, a line is passed over. So one reading proves no absence.
#[cfg(target_os = "linux")]
fn kernel_drops(at: SocketAddr) -> usize {
    let port = format!(":{:04X}", at.port());
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let table = std::fs::read_to_string("/proc/net/udp").expect("Linux lists its sockets");
        let mut lines = table.lines().map(str::split_whitespace);
        let listed = lines.find(|words| words.clone().nth(1).is_some_and(|at| at.ends_with(&port)));
        if let Some(mut words) = listed {
            let drops = words.next_back().and_then(|drops| drops.parse().ok());
            return drops.expect("the last column is a number");
        }
        assert!(std::time::Instant::now() < deadline, "port {port} is not listed");
    }
}

/// Receives this many frames, checks each, and counts them by size.
async fn collect(at: &UdpTransport, count: usize) -> BTreeMap<usize, usize> {
    let mut sizes = BTreeMap::new();
    let all = async {
        while sizes.values().sum::<usize>() < count {
            for bytes in frames(at.recv().await.expect("open")) {
                assert_eq!(bytes, filled(bytes.len()));
                *sizes.entry(bytes.len()).or_insert(0) += 1;
            }
        }
    };
    timeout(PATIENCE, all).await.expect("the frames arrive");
    sizes
}

fn frames(received: Vec<Inbound>) -> impl Iterator<Item = Bytes> {
    received.into_iter().filter_map(|inbound| match inbound {
        Inbound::Frame { bytes, .. } => Some(bytes),
        Inbound::Down(_) | Inbound::Room(_) | Inbound::Up(..) => None,
    })
}

fn endpoint(transport: &UdpTransport) -> SocketAddr {
    transport.endpoints().iter().next().expect("a transport has an endpoint")
}

fn transmit(to: SocketAddr, size: usize) -> Transmit {
    Transmit { to: Address::Socket(to), class: Class::Gossip, bytes: filled(size) }
}

/// Bytes that differ by their place, and by the size of the whole.
fn filled(size: usize) -> Bytes {
    (0..size).map(|at| (at * 31 + size) as u8).collect()
}
