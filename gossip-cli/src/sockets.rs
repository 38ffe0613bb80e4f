//! The sockets that a node talks over: datagrams, streams, or both on one port number.

use std::fmt::Display;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use gossip_core::transport::{DATAGRAM_BYTES, Payloads, Split, Transport};
use gossip_transport_tcp::{BindError, TcpConfig, TcpLimits, TcpTransport};
use gossip_transport_udp::{UdpConfig, UdpTransport};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::TransportSettings;
use crate::failure::Failure;

/// How often a port that the system chose for datagrams may turn out to be taken for streams.
const TRIES: usize = 32;

/// Binds what the settings ask for.
///
/// # Errors
/// When an address cannot be had, or others could not reach the node by it.
pub(crate) fn bind(settings: &TransportSettings) -> anyhow::Result<Arc<dyn Transport>> {
    let listen = settings.listen;
    match settings.kind.as_str() {
        "tcp" => Ok(Arc::new(streams(settings, listen).map_err(no_streams)?)),
        "udp" => Ok(Arc::new(datagrams(settings)?)),
        "udp+tcp" => both(settings),
        other => unreachable!("`{other}` is in no list of transports"),
    }
}

/// What these settings will carry, as far as that is known before anything is bound.
pub(crate) fn payloads(settings: &TransportSettings) -> Payloads {
    let bulk = match settings.kind.as_str() {
        "udp" => DATAGRAM_BYTES,
        _ => TcpLimits::default().frame_bytes,
    };
    Payloads { gossip: DATAGRAM_BYTES, bulk }
}

/// Allows this process as many descriptors as the system lets it have: links and files of a store
/// take hundreds, and many systems begin with 1,024.
pub(crate) fn raise_descriptor_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // Where it is refused, what there is has to do.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}

fn both(settings: &TransportSettings) -> anyhow::Result<Arc<dyn Transport>> {
    let mut tries = if settings.listen.port() == 0 { TRIES } else { 1 };
    loop {
        tries -= 1;
        let datagrams = datagrams(settings)?;
        let mut listen = settings.listen;
        if let (0, Some(bound)) = (listen.port(), datagrams.endpoints().datagram.first()) {
            listen.set_port(bound.port());
        }
        match streams(settings, listen) {
            Err(BindError::Socket { source, .. })
                if source.kind() == ErrorKind::AddrInUse && tries > 0 => {}
            outcome => {
                let streams = Arc::new(outcome.map_err(no_streams)?);
                return Ok(Arc::new(Split::new(Arc::new(datagrams), streams)));
            }
        }
    }
}

fn datagrams(settings: &TransportSettings) -> anyhow::Result<UdpTransport> {
    use gossip_transport_udp::BindError;
    let transport = UdpTransport::bind(UdpConfig {
        advertise: settings.advertise,
        segmentation: settings.segmentation,
        socket_buffer_bytes: settings.socket_buffer_bytes,
        ..UdpConfig::new(settings.listen)
    });
    transport.map_err(|error| {
        let ours = matches!(error, BindError::Advertise(_));
        unbound(error, ours)
    })
}

fn streams(settings: &TransportSettings, listen: SocketAddr) -> Result<TcpTransport, BindError> {
    let limits = TcpLimits {
        accepted_per_host: settings.links_per_host,
        links: settings.links,
        ..TcpLimits::default()
    };
    let config = TcpConfig { advertise: settings.advertise, limits, ..TcpConfig::new(listen) };
    TcpTransport::bind(config)
}

fn no_streams(error: BindError) -> anyhow::Error {
    let ours = matches!(error, BindError::Advertise(_));
    unbound(error, ours)
}

/// The failure, which is the settings' own or the system's.
fn unbound(error: impl Display, ours: bool) -> anyhow::Error {
    if ours {
        Failure::usage(format!("{error} (key transport.advertise)"))
    } else {
        Failure::failed(error.to_string())
    }
}
