//! What others keep of a channel: its live entries as records, all as of one moment.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use bytes::Bytes;
use futures_util::stream;
use gossip_core::fact::Envelope;
use gossip_core::io::remaining;
use gossip_core::strategy::Retain;
use gossip_core::time::Wall;
use serde::Deserialize;

use super::Admin;
use super::error::Refusal;
use super::stream::lines;
use super::view::View;
use crate::records::Line;

#[derive(Debug, Deserialize)]
pub(super) struct ExportQuery {
    channel: String,
    prefix: String,
}

/// Live entries in key order, as `kv import` reads them; of several siblings the newest.
pub(super) async fn export(
    State(admin): State<Arc<Admin>>,
    Query(ExportQuery { channel, prefix }): Query<ExportQuery>,
) -> Result<Body, Refusal> {
    let node = &admin.node;
    let (channel, retain) = (admin.channel(&channel)?, Arc::clone(&node.retain));
    let view = View::take(Arc::clone(&node.store), channel, Bytes::from(prefix)).await?;
    let wall = super::cluster::wall_now();
    Ok(lines(stream::unfold((view, retain), async move |(mut view, retain)| {
        let page = view.page().await.transpose()?;
        let records = page.map(|facts| {
            let keys = facts.chunk_by(|a, b| a.key() == b.key());
            keys.filter_map(|facts| record(&*retain, facts, wall)).collect()
        });
        Some((records, (view, retain)))
    })))
}

/// What a reader of these facts of one key sees, if anything.
fn record(retain: &dyn Retain, facts: &[Envelope], wall: Wall) -> Option<Line> {
    let live = |fact: &&Envelope| {
        fact.value().is_some() && remaining(fact, wall).is_none_or(|left| !left.is_zero())
    };
    let current = retain.read(facts).into_iter().filter(live);
    let newest = current.max_by_key(|fact| (fact.hlc(), fact.id()))?;
    let expires_at = Some(newest.expires_at()).filter(|at| *at != Wall::ZERO).map(Wall::millis);
    Some(Line::new(newest.key(), newest.value(), expires_at))
}
