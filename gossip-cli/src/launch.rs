//! From settings to a running node.

use std::sync::Arc;

use gossip_core::config::ConfigError;
use gossip_core::fact::Keys;
use gossip_core::runtime::{self, Gossip, SpawnError};
use gossip_core::transport::Transport;
use gossip_transport_udp::{BindError, UdpConfig, UdpTransport};

use crate::config::{Settings, TransportSettings};
use crate::failure::Failure;
use crate::registry;

/// Binds the transport and starts a node on it.
///
/// # Errors
/// What the transport, the store or the checks of the configuration refused.
pub(crate) async fn launch(settings: &Settings, keys: Box<dyn Keys>) -> anyhow::Result<Gossip> {
    let transport = bind(&settings.transport)?;
    let store = registry::make(registry::STORES, &settings.store, ());
    let strategies = settings.choices.strategies(keys);
    let spec = settings.spec.clone();
    runtime::spawn(spec, strategies, transport, store, settings.runtime.clone()).await.map_err(refused)
}

fn bind(settings: &TransportSettings) -> anyhow::Result<Arc<dyn Transport>> {
    let TransportSettings { advertise, kind, listen, segmentation, socket_buffer_bytes } = settings;
    match kind.as_str() {
        "udp" => {
            let transport = UdpTransport::bind(UdpConfig {
                advertise: *advertise,
                segmentation: *segmentation,
                socket_buffer_bytes: *socket_buffer_bytes,
                ..UdpConfig::new(*listen)
            });
            Ok(Arc::new(transport.map_err(unbound)?))
        }
        other => unreachable!("`{other}` is in no list of transports"),
    }
}

fn refused(error: SpawnError) -> anyhow::Error {
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others are no fault of the settings")]
    match error {
        SpawnError::Config(error) => contradiction(&error),
        other => Failure::failed(other.to_string()),
    }
}

fn contradiction(error: &ConfigError) -> anyhow::Error {
    Failure::usage(format!("the configuration contradicts itself: {error}"))
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
