//! The TCP transport on real loopback sockets.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::testkit::transport::{Capabilities, transport_conformance};
use gossip_core::transport::{
    Address, Class, Inbound, LinkId, SendReport, Split, Transmit, Transport,
};
use gossip_transport_tcp::{TcpConfig, TcpLimits, TcpTimes, TcpTransport};
use gossip_transport_udp::{UdpConfig, UdpTransport};
use tokio::time::timeout;

mod acceptance;
mod bind;
mod dials;
mod faults;
mod goodbye;
mod hostile;
mod links;
mod mixed;
mod slow;
mod stranger;

/// How long a test waits for what must come, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

const LINKS: Capabilities = Capabilities { bounded_queue: true, links: true };

#[tokio::test]
async fn tcp_conforms_on_ipv4() {
    conforms(loopback()).await;
}

#[tokio::test]
async fn tcp_conforms_on_ipv6_where_the_machine_has_it() {
    let loopback = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    if std::net::TcpListener::bind(loopback).is_ok() {
        conforms(TcpConfig::new(loopback)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tcp_conforms_on_several_threads() {
    let make = async |count: usize| transports(count, &loopback());
    // Somebody drains meanwhile, so queues do not fill up for certain.
    transport_conformance(make, Capabilities { bounded_queue: false, ..LINKS }).await;
}

#[tokio::test]
async fn udp_and_tcp_at_one_port_conform_together() {
    let make = async |count: usize| (0..count).map(|_| udp_and_tcp()).collect();
    transport_conformance(make, LINKS).await;
}

async fn conforms(config: TcpConfig) {
    transport_conformance(async |count: usize| transports(count, &config), LINKS).await;
}

fn transports(count: usize, config: &TcpConfig) -> Vec<Arc<dyn Transport>> {
    (0..count).map(|_| Arc::new(bind(config.clone())) as Arc<dyn Transport>).collect()
}

/// Both at one port number, as nodes have them.
fn udp_and_tcp() -> Arc<dyn Transport> {
    for _ in 0..100 {
        let tcp = bind(loopback());
        if let Ok(udp) = UdpTransport::bind(UdpConfig::new(endpoint(&tcp))) {
            return Arc::new(Split::new(Arc::new(udp), Arc::new(tcp)));
        }
    }
    panic!("no port is free for both");
}

fn loopback() -> TcpConfig {
    TcpConfig::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

/// Times that a test can wait for.
fn hasty() -> TcpConfig {
    let times = TcpTimes {
        back_off_max: Duration::from_millis(200),
        back_off_min: Duration::from_millis(20),
        handshake: Duration::from_millis(500),
        silence: Duration::from_millis(900),
        stall: Duration::from_millis(700),
        ..TcpTimes::default()
    };
    TcpConfig { times, ..loopback() }
}

fn bind(config: TcpConfig) -> TcpTransport {
    TcpTransport::bind(config).expect("loopback has a free port")
}

fn endpoint(transport: &TcpTransport) -> SocketAddr {
    transport.endpoints().iter().next().expect("a transport has an endpoint")
}

fn stream(transport: &TcpTransport) -> Address {
    Address::Stream(endpoint(transport))
}

fn transmit(to: Address, bytes: &Bytes) -> Transmit {
    Transmit { to, class: Class::Bulk, bytes: bytes.clone() }
}

fn accepted(count: usize) -> SendReport {
    SendReport { accepted: count, ..SendReport::default() }
}

/// Bytes that differ by their place, the seed, and the size of the whole.
fn filled(seed: usize, size: usize) -> Bytes {
    (0..size).map(|at| (at * 31 + seed * 7 + size) as u8).collect()
}

/// What one transport was told since it began.
#[derive(Debug, Default)]
struct Heard {
    down: BTreeSet<LinkId>,
    frames: Vec<(Address, Bytes)>,
    rooms: Vec<Address>,
    up: BTreeSet<LinkId>,
}

impl Heard {
    async fn more(&mut self, at: &TcpTransport) {
        for item in at.recv().await.expect("open") {
            match item {
                Inbound::Down(link) => {
                    assert!(self.up.contains(&link), "{link:?} stood");
                    assert!(self.down.insert(link), "{link:?} ends once");
                }
                Inbound::Frame { from, bytes } => self.frames.push((from, bytes)),
                Inbound::Room(address) => self.rooms.push(address),
                Inbound::Up(link, _) => assert!(self.up.insert(link), "{link:?} stands once"),
            }
        }
    }

    /// Receives until it is enough.
    async fn until(&mut self, what: &str, at: &TcpTransport, enough: impl Fn(&Self) -> bool) {
        within(what, async {
            while !enough(self) {
                self.more(at).await;
            }
        })
        .await;
    }

    fn standing(&self) -> Vec<LinkId> {
        self.up.difference(&self.down).copied().collect()
    }
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let late = |_| panic!("waited {PATIENCE:?} in vain: {what}");
    timeout(PATIENCE, future).await.unwrap_or_else(late)
}

/// Waits for a condition that no event tells of.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    within(what, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
