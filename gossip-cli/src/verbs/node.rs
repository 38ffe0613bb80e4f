//! `node`: runs a node until it is told to stop.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use gossip_core::fact::{Keys as _, SigningKeys};
use gossip_core::io::Event;
use gossip_core::runtime::{Events, Gossip, Happening};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::admin::token::Token;
use crate::admin::{self, Admin, Guard, server};
use crate::args::{Global, NodeArgs};
use crate::config::{self, AdminSettings, Loaded, Settings};
use crate::failure::Failure;
use crate::launch::launch;
use crate::{identity, output};

/// Carries the command out.
///
/// # Errors
/// When the configuration is wrong, something cannot be bound, or the node fails while it runs.
pub(crate) fn run(global: &Global, arguments: &NodeArgs) -> anyhow::Result<()> {
    let loaded = configure(global, arguments)?;
    let settings = loaded.settings()?;
    log(&settings.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("the system gave no threads")?;
    let outcome = runtime.block_on(serve(settings));
    // What still runs then, such as a lookup of a name, is not waited for.
    runtime.shutdown_background();
    outcome
}

/// File, then environment, then the flags that were given.
fn configure(global: &Global, arguments: &NodeArgs) -> anyhow::Result<Loaded> {
    let NodeArgs { config, name, listen, transport, seed, data, store, identity, log } = arguments;
    let mut loaded = config::read(config.as_deref())?;
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let flags = [
        ("--name", "node.name", name.clone()),
        ("--listen", "transport.listen", listen.clone()),
        ("--transport", "transport.kind", transport.clone()),
        ("--data", "node.data", path(data)),
        ("--store", "store.kind", store.clone()),
        ("--identity", "node.identity", path(identity)),
        ("--log", "node.log", log.clone()),
        ("--admin", "admin.listen", global.admin.clone()),
        ("--admin-token-file", "admin.token_file", path(&global.admin_token_file)),
    ];
    for (flag, key, value) in flags {
        if let Some(value) = value {
            loaded.flag(flag, key, vec![value]);
        }
    }
    if !seed.is_empty() {
        loaded.flag("--seed", "node.seeds", seed.clone());
    }
    Ok(loaded)
}

#[derive(Serialize)]
struct Ready<'a> {
    event: &'static str,
    id: String,
    name: &'a str,
    listen: String,
    admin: String,
    version: &'static str,
}

async fn serve(settings: &Settings) -> anyhow::Result<()> {
    // From here on a signal is not lost.
    let mut signals = Signals::new()?;
    let (listener, guard) = admin_port(&settings.admin).await?;
    let admin_address = listener.local_addr()?;
    let keys = keys(settings)?;
    let gossip = launch(settings, Box::new(keys)).await?;
    let events = gossip.events();
    let name = settings.spec.name.clone();
    let admin = Arc::new(Admin { gossip: gossip.clone(), leave: Notify::new(), name });
    let close = Arc::new(Notify::new());
    let closing = Arc::clone(&close);
    let router = admin::router(Arc::clone(&admin), Arc::new(guard));
    let port =
        tokio::spawn(server::serve(listener, router, async move { closing.notified().await }));
    let endpoints = gossip.endpoints();
    output::warn("sessions are in the clear: whoever is on the path reads and forges talk (facts stay signed)");
    output::json(&Ready {
        event: "ready",
        id: gossip.id().to_string(),
        name: &settings.spec.name,
        listen: endpoints.iter().next().map(|address| address.to_string()).unwrap_or_default(),
        admin: admin_address.to_string(),
        version: env!("CARGO_PKG_VERSION"),
    })?;
    let outcome = tokio::select! {
        outcome = live(&gossip, &admin, events, &mut signals) => outcome,
        () = signals.second() => Err(Failure::failed("stopped at once by a second signal")),
    };
    close.notify_one();
    let stopped = async {
        gossip.shutdown().await;
        let _ = port.await;
    };
    tokio::select! {
        () = stopped => outcome,
        () = signals.second() => Err(Failure::failed("stopped at once by a second signal")),
    }
}

/// Until a signal, an admin or a failure ends it; leaves gracefully unless it has failed.
async fn live(
    gossip: &Gossip,
    admin: &Admin,
    events: Events,
    signals: &Signals,
) -> anyhow::Result<()> {
    tokio::select! {
        () = signals.first() => {
            output::note("leaving; a second signal stops at once");
            // A node that stopped by itself says why below.
            let _ = gossip.leave().await;
            Ok(())
        }
        () = admin.leave.notified() => Ok(()),
        reason = failure(events) => Err(Failure::failed(reason)),
        outcome = gossip.stopped() => outcome.map_err(|error| Failure::failed(error.to_string())),
    }
}
