//! Reading and writing the state of a channel.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use bytes::Bytes;
use gossip_core::id::{ChannelId, ShardId, TopicId};
use gossip_core::io::{AtEpoch, Write, WriteError, Written};
use gossip_core::store::{StoreOp, StoreReply};
use gossip_core::time::Hlc;
use serde::Deserialize;

use super::Admin;
use super::documents::{
    EntryDocument, HashDocument, WriteBatch, WriteDocument, WriteResult, WriteResults,
    parse_version, version,
};
use super::error::{self, Refusal, write_error};
use crate::binary::join;

#[derive(Debug, Deserialize)]
pub(super) struct KeyQuery {
    channel: String,
    key: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct HashQuery {
    channel: String,
    epoch: String,
}

/// The current value of a key: of several siblings the newest.
pub(super) async fn get(
    State(admin): State<Arc<Admin>>,
    Query(KeyQuery { channel, key }): Query<KeyQuery>,
) -> Result<Json<EntryDocument>, Refusal> {
    admin.channel(&channel)?;
    let entry = admin.node.gossip.get(key.clone()).await?;
    entry.as_ref().map(|entry| Json(entry.into())).ok_or_else(|| {
        let text = format!("`{key}` has no value at this node");
        Refusal::new(StatusCode::NOT_FOUND, "absent", text)
    })
}

/// Count and hash of the compared set.
pub(super) async fn hash(
    State(admin): State<Arc<Admin>>,
    Query(HashQuery { channel, epoch }): Query<HashQuery>,
) -> Result<Json<HashDocument>, Refusal> {
    let at = match epoch.as_str() {
        "last" => AtEpoch::Last,
        "this" => AtEpoch::This,
        _ => return Err(Refusal::bad_request("the epoch is `last` or `this`")),
    };
    let (epoch, totals) = admin.node.gossip.total(admin.channel(&channel)?, at).await?;
    Ok(Json(HashDocument {
        channel,
        epoch: epoch.number(),
        entries: totals.entries,
        tombstones: totals.tombstones,
        state_hash: blake3::Hash::from_bytes(totals.sum.hash()).to_hex().to_string(),
    }))
}

/// Puts and deletes; each succeeds or fails on its own.
pub(super) async fn write(
    State(admin): State<Arc<Admin>>,
    Json(WriteBatch { channel, writes }): Json<WriteBatch>,
) -> Result<Json<WriteResults>, Refusal> {
    let channel = admin.channel(&channel)?;
    let writes = writes.into_iter().map(WriteDocument::into_write);
    let writes = writes.collect::<Result<Vec<_>, _>>()?;
    let superseded = superseded(&admin, channel, &writes).await?;
    let wanted = writes.into_iter().zip(&superseded).filter(|(_, superseded)| !**superseded);
    let wanted = wanted.map(|((write, _), _)| write).collect();
    let mut results = admin.node.gossip.write(channel, wanted).await?.into_iter().map(result);
    let mut next = || results.next().unwrap_or_else(|| unreachable!("each write has a result"));
    let results = superseded.into_iter().map(|superseded| match superseded {
        true => WriteResult::Error(error::superseded()),
        false => next(),
    });
    Ok(Json(WriteResults { results: results.collect() }))
}

/// Which of these the node holds something as new for: deletions count.
async fn superseded(
    admin: &Admin,
    channel: ChannelId,
    writes: &[(Write, Option<Hlc>)],
) -> Result<Vec<bool>, Refusal> {
    let mut superseded = vec![false; writes.len()];
    let any = writes.iter().any(|(_, version)| version.is_some());
    // What a newcomer still holds is about to be forgotten: it proves nothing.
    if !any || admin.node.gossip.status().await?.renewing {
        return Ok(superseded);
    }
    let shard = ShardId { channel, topic: TopicId::default() };
    for ((write, version), superseded) in writes.iter().zip(&mut superseded) {
        let Some(version) = version else { continue };
        let op = StoreOp::Get { shard, key: write.key.clone() };
        let StoreReply::Facts(facts) = admin.node.store.run(op).await? else {
            unreachable!("a lookup is answered by facts")
        };
        *superseded = facts.iter().any(|fact| fact.hlc() >= *version);
    }
    Ok(superseded)
}

impl WriteDocument {
    /// The write, and the version that is not to be written over.
    fn into_write(self) -> Result<(Write, Option<Hlc>), Refusal> {
        let Self { key, key_base64, value, value_base64, ttl_ms, version } = self;
        let bytes = |name, text, base64| {
            join(name, text, base64).map_err(Refusal::bad_request).map(|b| b.map(Bytes::from))
        };
        let key = bytes("key", key, key_base64)?;
        let key = key.ok_or_else(|| Refusal::bad_request("a write needs a `key`"))?;
        let value = bytes("value", value, value_base64)?;
        let version = version.as_deref().map(parse_version).transpose();
        let version = version.map_err(Refusal::bad_request)?;
        Ok((Write { key, value, ttl: ttl_ms.map(Duration::from_millis) }, version))
    }
}

fn result(result: Result<Written, WriteError>) -> WriteResult {
    match result {
        Ok(Written { id, version: hlc }) => {
            WriteResult::Written { id: id.to_string(), version: version(hlc) }
        }
        Err(error) => WriteResult::Error(write_error(error)),
    }
}
