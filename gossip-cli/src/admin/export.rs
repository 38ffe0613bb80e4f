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
use crate::clock;
use crate::exporter::line;
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
    let walk = Walk { retain, view, wall: clock::now() };
    Ok(lines(stream::unfold(walk, async |mut walk| {
        let page = walk.view.page().await.transpose()?;
        let records = page.map(|facts| walk.records(&facts));
        Some((records, walk))
    })))
}

struct Walk {
    retain: Arc<dyn Retain>,
    view: View,
    wall: Wall,
}

impl Walk {
    fn records(&self, facts: &[Envelope]) -> Vec<Line> {
        let keys = facts.chunk_by(|a, b| a.key() == b.key());
        keys.filter_map(|facts| self.newest(facts)).map(line).collect()
    }

    /// What a reader of these facts of one key sees, if anything.
    fn newest<'a>(&self, facts: &'a [Envelope]) -> Option<&'a Envelope> {
        let live = |fact: &&Envelope| {
            let left = remaining(fact, self.wall);
            fact.value().is_some() && left.is_none_or(|left| !left.is_zero())
        };
        let current = self.retain.read(facts).into_iter().filter(live);
        current.max_by_key(|fact| (fact.hlc(), fact.id()))
    }
}
