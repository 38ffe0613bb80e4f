//! A snapshot of a channel as of one moment, tombstones among it, as the bytes of a file.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use bytes::Bytes;
use futures_util::stream;
use gossip_core::id::ClusterId;
use gossip_core::store::StoreError;
use gossip_core::store::snapshot::{SnapshotHead, SnapshotWriter};
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
    let (node, id) = (&admin.node, admin.channel(&channel)?);
    let head = SnapshotHead {
        cluster: ClusterId::from_name(&node.cluster),
        cluster_name: node.cluster.clone(),
        channel: id,
        channel_name: channel,
        retain: node.retain.name().to_owned(),
        taken_at: clock::now(),
    };
    let view = View::take(Arc::clone(&node.store), id, Bytes::new()).await?;
    let (writer, begins) = SnapshotWriter::begin(&head);
    let start = Writing { begins: Some(begins), view, writer: Some(writer) };
    Ok(Body::from_stream(stream::unfold(start, async |mut writing| {
        let piece = writing.next().await.transpose()?;
        Some((piece.map(Bytes::from), writing))
    })))
}

struct Writing {
    begins: Option<Vec<u8>>,
    view: View,
    writer: Option<SnapshotWriter>,
}

impl Writing {
    /// The next bytes; `None`: there are no more.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(begins) = self.begins.take() {
            return Ok(Some(begins));
        }
        let Some(mut writer) = self.writer.take() else { return Ok(None) };
        let Some(page) = self.view.page().await? else { return Ok(Some(writer.end())) };
        let bytes = writer.facts(&page);
        self.writer = Some(writer);
        Ok(Some(bytes))
    }
}
