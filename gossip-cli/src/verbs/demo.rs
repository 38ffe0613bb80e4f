//! `demo`: a cluster of real nodes on real sockets in one process spreads one update.

mod cluster;
mod load;
mod show;
mod spread;

use std::time::Duration;

use anyhow::Context as _;
use gossip_core::id::ChannelId;
use serde::Serialize;

use self::cluster::Cluster;
use self::show::Show;
use self::spread::{Round, Spread};
use crate::admin::Port;
use crate::args::{DemoArgs, Global};
use crate::config::AdminSettings;
use crate::failure::Failure;
use crate::output;
use crate::signals::Signals;

/// How long each stage may take, unless --timeout says otherwise (a guess: ten times what 16
/// nodes need on two cores).
const PATIENCE: Duration = Duration::from_secs(60);

/// What a run of the demo found.
#[derive(Debug, Serialize)]
struct Report {
    nodes: usize,
    fanout: u16,
    mode: String,
    entries: usize,
    converged: bool,
    ms_to_all: u64,
    rounds_to_all: u64,
    datagrams: u64,
    bytes: u64,
    duplicates: u64,
    state_hash: String,
    per_round: Vec<Round>,
}

/// Carries the command out.
///
/// # Errors
/// When the nodes cannot be started, or a stage does not end in time.
pub(crate) fn run(global: &Global, arguments: &DemoArgs) -> anyhow::Result<()> {
    if arguments.kill + 2 > arguments.nodes {
        return Err(Failure::usage("--kill must leave at least two nodes"));
    }
    if global.channel != ChannelId::MAIN {
        return Err(Failure::usage("the demo's nodes are in one channel only: main"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("the system gave no threads")?.block_on(demonstrate(global, arguments))
}

async fn demonstrate(global: &Global, arguments: &DemoArgs) -> anyhow::Result<()> {
    let port = if arguments.keep { Some(admin_port(global).await?) } else { None };
    let patience = global.timeout.unwrap_or(PATIENCE);
    let show = Show::new(!global.json);
    show.title(arguments)?;
    let mut cluster = show.stage("start", Cluster::start(arguments, patience)).await?;
    let outcome = spread_one(global, arguments, &show, &mut cluster, port).await;
    // Their stores are closed before their directories vanish, however it went.
    cluster.stop().await;
    outcome
}

async fn spread_one(
    global: &Global,
    arguments: &DemoArgs,
    show: &Show,
    cluster: &mut Cluster,
    port: Option<Port>,
) -> anyhow::Result<()> {
    show.stage("meet", cluster.meet()).await?;
    let entries = show.stage("load", load::all(cluster, arguments)).await?;
    show.stage("agree", cluster.agree()).await?;
    show.stage("settle", cluster.settle()).await?;
    if arguments.kill > 0 {
        show.stage("kill", cluster.kill(arguments.kill)).await?;
    }
    let Spread { cost, per_round, to_all } = spread::watch(cluster, arguments.period, show).await?;
    let state_hash = cluster.agree().await?.hash;
    let report = Report {
        nodes: usize::from(arguments.nodes),
        fanout: arguments.fanout,
        mode: arguments.mode.clone(),
        entries: entries.count,
        converged: true,
        ms_to_all: u64::try_from(to_all.as_millis()).unwrap_or(u64::MAX),
        rounds_to_all: per_round.last().map_or(0, |round| round.round),
        datagrams: cost.datagrams,
        bytes: cost.bytes,
        duplicates: cost.duplicates,
        state_hash,
        per_round,
    };
    if global.json {
        output::json(&report)?;
    } else {
        show.result(&report, cluster.alive())?;
    }
    if let Some(port) = port {
        keep(port, cluster).await?;
    }
    Ok(())
}

async fn admin_port(global: &Global) -> anyhow::Result<Port> {
    let mut settings = crate::config::Settings::default().admin;
    if let Some(admin) = &global.admin {
        let listen = admin.parse();
        settings.listen = listen
            .map_err(|_| Failure::usage(format!("--admin expects an address, not `{admin}`")))?;
    }
    Port::bind(&AdminSettings { token_file: global.admin_token_file.clone(), ..settings }).await
}

async fn keep(port: Port, cluster: &Cluster) -> anyhow::Result<()> {
    let signals = Signals::catch()?;
    let address = port.address();
    let (first, name) = cluster.first()?;
    let serving = port.serve(first.clone(), name);
    output::note(&format!(
        "the cluster stays: gossip-cli --admin {address} members; Ctrl-C ends it"
    ));
    tokio::select! {
        () = signals.reach(1) => {}
        () = serving.left() => {}
    }
    serving.close().await;
    Ok(())
}
