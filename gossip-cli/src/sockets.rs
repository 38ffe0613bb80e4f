//! The sockets that a node talks over: datagrams, streams or both.

use std::sync::Arc;

use gossip_core::transport::Transport;
use gossip_transport_udp::{BindError, UdpConfig, UdpTransport};

use crate::config::TransportSettings;
use crate::failure::Failure;

/// Binds what the settings ask for.
///
/// # Errors
/// When an address cannot be had, or others could not reach the node by it.
pub(crate) fn bind(settings: &TransportSettings) -> anyhow::Result<Arc<dyn Transport>> {
    match settings.kind.as_str() {
        "udp" => Ok(Arc::new(datagrams(settings)?)),
        other => unreachable!("`{other}` is in no list of transports"),
    }
}

fn datagrams(settings: &TransportSettings) -> anyhow::Result<UdpTransport> {
    let TransportSettings { advertise, kind: _, listen, segmentation, socket_buffer_bytes } =
        settings;
    let transport = UdpTransport::bind(UdpConfig {
        advertise: *advertise,
        segmentation: *segmentation,
        socket_buffer_bytes: *socket_buffer_bytes,
        ..UdpConfig::new(*listen)
    });
    transport.map_err(unbound)
}

fn unbound(error: BindError) -> anyhow::Error {
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others are no fault of the settings")]
    match error {
        BindError::Advertise { .. } | BindError::Unadvertised { .. } => {
            Failure::usage(format!("{error} (key transport.advertise)"))
        }
        other => Failure::failed(other.to_string()),
    }
}
