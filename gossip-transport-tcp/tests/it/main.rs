//! The TCP transport on real loopback sockets.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use gossip_core::testkit::transport::{Capabilities, transport_conformance};
use gossip_core::transport::Transport;
use gossip_transport_tcp::{TcpConfig, TcpTransport};

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

async fn conforms(config: TcpConfig) {
    let make = async |count: usize| {
        let transport = |_| Arc::new(bind(config.clone())) as Arc<dyn Transport>;
        (0..count).map(transport).collect()
    };
    transport_conformance(make, Capabilities { bounded_queue: true, links: true }).await;
}

fn loopback() -> TcpConfig {
    TcpConfig::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

fn bind(config: TcpConfig) -> TcpTransport {
    TcpTransport::bind(config).expect("loopback has a free port")
}
