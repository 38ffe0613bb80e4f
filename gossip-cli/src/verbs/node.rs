//! `node`: runs a node until it is told to stop.

use std::path::PathBuf;

use anyhow::Context as _;
use gossip_core::fact::{SigningKeys, Why};
use gossip_core::io::{Event, Seed};
use gossip_core::membership::MemberStatus;
use gossip_core::runtime::{Events, Gossip, Happening};
use gossip_core::transport::{Address, LinkId};
use serde::Serialize;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::admin::{Port, Serving};
use crate::args::{Global, NodeArgs};
use crate::config::{self, Loaded, Settings};
use crate::failure::Failure;
use crate::launch::launch;
use crate::signals::Signals;
use crate::{disk, identity, output, sockets};

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
    sockets::raise_descriptor_limit();
    // From here on no signal is lost.
    let signals = Signals::catch()?;
    let port = Port::bind(&settings.admin).await?;
    let admin = port.address();
    let node = launch(settings, Box::new(keys(settings)?)).await?;
    let (gossip, durable) = (&node.gossip, disk::is_durable(node.store.kind()));
    if !durable {
        output::note("this node keeps its state in memory, for as long as it runs");
    }
    let events = gossip.events();
    let name = &settings.spec.name;
    let serving = port.serve(node.clone(), name.clone());
    output::warn("sessions are in the clear: anybody on the path reads and forges talk");
    let listen = gossip.endpoints().iter().next().map(|address| address.to_string());
    output::json(&Ready {
        event: "ready",
        id: gossip.id().to_string(),
        name,
        listen: listen.unwrap_or_default(),
        admin: admin.to_string(),
        version: env!("CARGO_PKG_VERSION"),
    })?;
    let whole_life = async {
        let outcome = live(gossip, durable, &serving, events, &signals).await;
        serving.close().await;
        gossip.shutdown().await;
        outcome
    };
    tokio::select! {
        outcome = whole_life => outcome,
        () = signals.reach(2) => Err(Failure::failed("stopped at once by a second signal")),
    }
}

/// Until a signal, an admin or a failure ends it.
async fn live(
    gossip: &Gossip,
    durable: bool,
    serving: &Serving,
    events: Events,
    signals: &Signals,
) -> anyhow::Result<()> {
    tokio::select! {
        () = signals.reach(1) => {
            // If the node stops by itself meanwhile, there is nobody left to say goodbye.
            let _ = if durable {
                output::note("stopping, to come back; a second signal stops at once");
                gossip.stop().await
            } else {
                output::note("leaving; a second signal stops at once");
                gossip.leave().await
            };
            Ok(())
        }
        () = serving.left() => Ok(()),
        reason = fatal(events) => Err(Failure::failed(reason)),
        outcome = gossip.stopped() => outcome.map_err(|error| Failure::failed(error.to_string())),
    }
}

/// Logs what people should know, until something ends the node.
async fn fatal(mut events: Events) -> &'static str {
    while let Some(happening) = events.next().await {
        let Happening::Event(event) = happening else { continue };
        #[expect(clippy::wildcard_enum_match_arm, reason = "all others need no word")]
        match &*event {
            Event::IdentityInUse => {
                return "another process uses this node's key: give each node its own --identity";
            }
            Event::ClockDisagrees(true) => tracing::warn!(
                "the clock differs from most partners': writes are refused until it is set"
            ),
            Event::ClockDisagrees(false) => tracing::info!("the clock agrees again"),
            Event::ExportFailed { error, .. } => tracing::error!(
                %error,
                "this node cannot give up its state; make room in its directory"
            ),
            Event::Renewed { exported, .. } => tracing::warn!(
                exported,
                "this node came back from a goodbye or had lost state: it takes the cluster's anew"
            ),
            Event::Member { member, before, cause, by, .. } => tracing::info!(
                member = %member.id,
                name = member.alive.name,
                status = member.status.name(),
                before = before.map(MemberStatus::name),
                cause = cause.name(),
                %by,
                "a member changed"
            ),
            Event::Forgotten { member, .. } => {
                tracing::info!(%member, "a member that was gone for a day is forgotten");
            }
            Event::RefusedBy { address, why } => {
                let at = place(*address);
                tracing::warn!(at, reason = %why, next = remedy(*why), "a member refuses this node");
            }
            Event::SeedSilent(seed) => {
                let seed = match seed {
                    Seed::Address(address) => address.to_string(),
                    Seed::Name(name) => name.clone(),
                };
                tracing::warn!(
                    seed,
                    "no answer from a seed for some time: is it up, and does it listen there on a \
                     transport that this node has (transport.kind)? It is tried for ever"
                );
            }
            Event::Taking { taking, .. } => tracing::info!(
                taken = taking.taken,
                left = taking.left,
                partners = taking.partners,
                "this node takes what it lacks from partners"
            ),
            Event::StoreFailed(error) => tracing::error!(%error, "the store failed"),
            Event::Rejected { from, why, .. } => tracing::debug!(?from, %why, "rejected"),
            _ => {}
        }
    }
    std::future::pending().await
}

/// The key that is kept, or a new one.
fn keys(settings: &Settings) -> anyhow::Result<SigningKeys> {
    let inside = settings.data.as_ref().map(|data| data.join("identity"));
    match settings.identity.as_ref().or(inside.as_ref()) {
        Some(directory) => identity::load(directory),
        None => {
            output::note("this node has a new key for this start only; --identity DIR keeps one");
            identity::fresh()
        }
    }
}

/// Logs to stderr, so that stdout is the ready line's alone.
fn log(filter: &str) -> anyhow::Result<()> {
    let filter: Targets = filter.parse().map_err(|error| {
        Failure::usage(format!(
            "`{filter}` is no log filter ({error}); write such as warn,gossip_core=debug"
        ))
    })?;
    let format = tracing_subscriber::fmt::layer()
        .with_ansi(output::stderr_colours())
        .with_writer(std::io::stderr);
    tracing_subscriber::registry().with(format).with(filter).init();
    Ok(())
}

/// An address as people write it.
fn place(address: Address) -> String {
    match address {
        Address::Socket(at) => format!("{at} (datagrams)"),
        Address::Stream(at) => format!("{at} (streams)"),
        Address::Link(LinkId(number)) => format!("connection {number}"),
    }
}

/// What a person can do about a refusal.
const fn remedy(why: Why) -> &'static str {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are no matter of configuration")]
    match why {
        Why::CannotCarry => {
            "the cluster's facts may be larger than this node's transport carries: start it with \
             --transport udp+tcp"
        }
        Why::NoCommonTransport => {
            "some member has none of this node's transports: start it with --transport udp+tcp"
        }
        Why::OtherCluster => "set node.cluster to the members' cluster, or take other seeds",
        Why::OtherConstants => "set store.retain as the members have it",
        Why::OtherLimit => {
            "leave node.fact_bytes unset; a node that has written in another cluster needs an empty \
             store"
        }
        Why::NoCommonVersion => "use a version of this program that speaks the members' protocol",
        _ => "see the members' logs",
    }
}
