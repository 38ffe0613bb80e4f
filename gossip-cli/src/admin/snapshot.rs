//! A snapshot of a channel as of one moment, tombstones among it, as the bytes of a file.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use bytes::Bytes;
use futures_util::stream;
use gossip_core::fact::Domain;
use gossip_core::id::ClusterId;
use gossip_core::store::StoreError;
use gossip_core::store::snapshot::Writer;
use serde::Deserialize;

use super::Admin;
use super::error::Refusal;
use super::view::View;
use crate::clock;

#[derive(Debug, Deserialize)]
pub(super) struct SnapshotQuery {
    channel: String,
}

/// The bytes of the file, made as the reader takes them; a failure breaks them off.
pub(super) async fn snapshot(
    State(admin): State<Arc<Admin>>,
    Query(SnapshotQuery { channel }): Query<SnapshotQuery>,
) -> Result<Body, Refusal> {
    let (node, channel) = (&admin.node, admin.channel(&channel)?);
    let domain = Domain::new(ClusterId::from_name(&node.cluster), channel);
    let view = View::take(Arc::clone(&node.store), channel, Bytes::new()).await?;
    let mut begins = Vec::new();
    let writer = Writer::begin(&domain, clock::now(), &mut begins);
    let start = Writing { begins: Some(begins), view, writer: Some(writer) };
    Ok(Body::from_stream(stream::unfold(start, async |mut writing| {
        let piece = writing.next().await.transpose()?;
        Some((piece.map(Bytes::from), writing))
    })))
}

struct Writing {
    begins: Option<Vec<u8>>,
    view: View,
    writer: Option<Writer>,
}

impl Writing {
    /// The next bytes; `None`: there are no more.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(begins) = self.begins.take() {
            return Ok(Some(begins));
        }
        let Some(mut writer) = self.writer.take() else { return Ok(None) };
        let mut bytes = Vec::new();
        let Some(page) = self.view.page().await? else {
            writer.end(&mut bytes);
            return Ok(Some(bytes));
        };
        page.iter().for_each(|fact| writer.fact(fact, &mut bytes));
        self.writer = Some(writer);
        Ok(Some(bytes))
    }
}
