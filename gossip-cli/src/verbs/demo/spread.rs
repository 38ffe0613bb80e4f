//! One update on its way: who has it when, and what that cost.

use std::time::Duration;

use anyhow::Context as _;
use gossip_core::io::Event;
use gossip_core::runtime::{Events, Gossip, Happening};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::cluster::{Cluster, Named, Sums};
use super::show::Show;
use crate::failure::Failure;

/// The update's key.
const PROBE: &[u8] = b"demo/update";

/// A round: who has the update at its end, and facts sent in it by all nodes.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Round {
    pub(super) round: u64,
    pub(super) infected: usize,
    pub(super) sent: u64,
}

/// How the update spread.
#[derive(Debug)]
pub(super) struct Spread {
    /// What all nodes did from the put until the end of the last round.
    pub(super) cost: Sums,
    pub(super) per_round: Vec<Round>,
    pub(super) to_all: Duration,
}

/// Puts the update at a random node and watches it until everybody has it.
pub(super) async fn watch(
    cluster: &mut Cluster,
    period: Duration,
    show: &Show,
) -> anyhow::Result<Spread> {
    let alive = cluster.alive();
    let at = cluster.rng.index(alive);
    let Named { name, node } = cluster.nodes.get(at).context("no such node")?;
    let (sender, mut infections) = mpsc::unbounded_channel();
    let mut watchers = JoinSet::new();
    for Named { node, .. } in &cluster.nodes {
        let (gossip, events, sender) = (node.gossip.clone(), node.gossip.events(), sender.clone());
        watchers.spawn(async move {
            if has_it(gossip, events).await {
                // Whoever listens may have given up.
                let _ = sender.send(Instant::now());
            }
        });
    }
    show.origin(name)?;
    let before = cluster.sums().await?;
    let put = Instant::now();
    node.gossip.put(PROBE, "spread the word").await?;
    let mut times: Vec<Duration> = Vec::new();
    let mut per_round: Vec<Round> = Vec::new();
    let mut last = before;
    while times.len() < alive {
        let round = per_round.len() as u64 + 1;
        let end = put + period * u32::try_from(round).unwrap_or(u32::MAX);
        while let Ok(Some(time)) = tokio::time::timeout_at(end, infections.recv()).await {
            times.push(time.saturating_duration_since(put));
            if times.len() == alive {
                // The round is over when its time is, so that all it sent counts.
                tokio::time::sleep_until(end).await;
            }
        }
        let sums = cluster.sums().await?;
        let sent = sums.facts_sent - last.facts_sent;
        last = sums;
        let row = Round { round, infected: times.len(), sent };
        show.round(row, alive)?;
        per_round.push(row);
        if put.elapsed() > cluster.patience() {
            let text = format!("only {} of {alive} nodes have the update in time", times.len());
            return Err(Failure::failed(text));
        }
    }
    let cost = Sums {
        bytes: last.bytes - before.bytes,
        datagrams: last.datagrams - before.datagrams,
        duplicates: last.duplicates - before.duplicates,
        facts_sent: last.facts_sent - before.facts_sent,
    };
    Ok(Spread { cost, per_round, to_all: times.into_iter().max().unwrap_or_default() })
}

/// Waits until this node has the update; false when it stops before.
async fn has_it(gossip: Gossip, mut events: Events) -> bool {
    while let Some(happening) = events.next().await {
        let found = match happening {
            Happening::Event(event) => {
                matches!(&*event, Event::Changed { fact, .. } if fact.key() == PROBE)
            }
            // What was missed may have been it.
            Happening::Missed(_) => gossip.get(PROBE).await.is_ok_and(|entry| entry.is_some()),
        };
        if found {
            return true;
        }
    }
    false
}
