//! From settings to a running node.

use std::sync::Arc;

use gossip_core::config::ConfigError;
use gossip_core::fact::Keys;
use gossip_core::runtime::{self, Gossip, SpawnError};
use gossip_core::store::Store;
use gossip_core::strategy::Retain;

use crate::config::Settings;
use crate::disk::Place;
use crate::exporter::{FileExporter, NowhereToKeep};
use crate::failure::Failure;
use crate::sockets;

/// A running node, and what reads its store without asking it.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The name of its cluster.
    pub(crate) cluster: String,
    pub(crate) gossip: Gossip,
    /// The channel's rule: which of a key's facts a reader sees.
    pub(crate) retain: Arc<dyn Retain>,
    pub(crate) store: Arc<dyn Store>,
}

/// Opens the store, binds the transport and starts a node on both.
///
/// # Errors
/// What the transport, the store or the checks of the configuration refused.
pub(crate) async fn launch(settings: &Settings, keys: Box<dyn Keys>) -> anyhow::Result<Node> {
    let store = Place::of(settings)?.open().await?;
    let launched = start(settings, keys, Arc::clone(&store)).await;
    if launched.is_err() {
        // Whoever learns of the failure may remove its files or open them again. It counts itself.
        let _ = store.close().await;
    }
    launched
}

/// Binds only now: a store may take long to open, and peers would talk to nobody meanwhile.
async fn start(
    settings: &Settings,
    keys: Box<dyn Keys>,
    store: Arc<dyn Store>,
) -> anyhow::Result<Node> {
    let transport = sockets::bind(&settings.transport)?;
    let strategies = settings.choices.strategies(keys);
    let retain = Arc::clone(&strategies.main.retain);
    let mut options = settings.runtime.clone();
    options.exporter = Some(match &settings.data {
        Some(data) => Arc::new(FileExporter::new(data.clone())),
        None => Arc::new(NowhereToKeep),
    });
    let spec = settings.spec.clone();
    let gossip = runtime::spawn(spec, strategies, transport, Arc::clone(&store), options).await;
    Ok(Node {
        cluster: settings.spec.cluster.clone(),
        gossip: gossip.map_err(refused)?,
        retain,
        store,
    })
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
