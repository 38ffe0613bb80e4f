//! Answers that go on: one JSON document per line, made as the reader takes them.

use std::sync::Arc;

use axum::BoxError;
use axum::body::Body;
use axum::extract::{Query, State};
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use gossip_core::id::ChannelId;
use gossip_core::io::{Change, Event};
use gossip_core::runtime::{Entry, Events, Gossip, GossipError, Happening};
use serde::{Deserialize, Serialize};

use super::Admin;
use super::documents::{ChangeDocument, Changed, EntryDocument, lossy, version};
use super::error::Refusal;

/// Entries read from the store at a time: what a page costs, and what a slow reader holds. At the
/// largest entries 64 MiB.
const PAGE: usize = 64;

#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    channel: String,
    prefix: String,
    limit: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WatchQuery {
    channel: String,
    prefix: String,
}

/// Entries in key order.
pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    Query(ListQuery { channel, prefix, limit }): Query<ListQuery>,
) -> Result<Body, Refusal> {
    let scan = Scan {
        after: None,
        channel: admin.channel(&channel)?,
        gossip: admin.node.gossip.clone(),
        left: limit.unwrap_or(u64::MAX),
        prefix: Bytes::from(prefix),
    };
    Ok(lines(stream::unfold(scan, async |mut scan| {
        let page = scan.page().await.transpose()?;
        let documents = page.map(|page| page.iter().map(EntryDocument::from).collect());
        Some((documents, scan))
    })))
}

/// Changes from now on: the answer begins when the subscription stands.
pub(super) async fn watch(
    State(admin): State<Arc<Admin>>,
    Query(WatchQuery { channel, prefix }): Query<WatchQuery>,
) -> Result<Body, Refusal> {
    let channel = admin.channel(&channel)?;
    let watch = Watch { channel, events: admin.node.gossip.events(), prefix };
    Ok(lines(stream::unfold(watch, async |mut watch| {
        let change = watch.next().await?;
        Some((Ok::<_, GossipError>(vec![change]), watch))
    })))
}

/// A body of one line per document; the stream is asked for more as the reader takes them. A
/// failure breaks the body off, so that nobody takes a part for the whole.
pub(super) fn lines<T: Serialize, E: Into<BoxError>>(
    documents: impl Stream<Item = Result<Vec<T>, E>> + Send + 'static,
) -> Body {
    Body::from_stream(documents.map(|documents| {
        let mut lines = Vec::new();
        for document in documents.map_err(Into::into)? {
            serde_json::to_writer(&mut lines, &document)?;
            lines.push(b'\n');
        }
        Ok::<_, BoxError>(Bytes::from(lines))
    }))
}

/// A walk over a channel, page by page.
struct Scan {
    after: Option<Bytes>,
    channel: ChannelId,
    gossip: Gossip,
    left: u64,
    prefix: Bytes,
}

impl Scan {
    /// The next entries; `None`: there are no more.
    async fn page(&mut self) -> Result<Option<Vec<Entry>>, GossipError> {
        let limit = usize::try_from(self.left).unwrap_or(usize::MAX).min(PAGE);
        if limit == 0 {
            return Ok(None);
        }
        let (prefix, after) = (self.prefix.clone(), self.after.clone());
        let page = self.gossip.scan(self.channel, prefix, after, limit).await?;
        let Some(last) = page.last() else { return Ok(None) };
        self.after = Some(Bytes::copy_from_slice(last.key()));
        self.left = self.left.saturating_sub(page.len() as u64);
        Ok(Some(page))
    }
}

/// A subscription to one channel's keys with a prefix.
struct Watch {
    channel: ChannelId,
    events: Events,
    prefix: String,
}

impl Watch {
    async fn next(&mut self) -> Option<ChangeDocument> {
        loop {
            match self.events.next().await? {
                Happening::Missed(missed) => return Some(ChangeDocument::Missed { missed }),
                Happening::Event(event) => {
                    if let Some(change) = self.change(&event) {
                        return Some(change);
                    }
                }
            }
        }
    }

    fn change(&self, event: &Event) -> Option<ChangeDocument> {
        let Event::Changed { channel, change, fact } = event else { return None };
        if *channel != self.channel || !fact.key().starts_with(self.prefix.as_bytes()) {
            return None;
        }
        let changed = Changed {
            key: lossy(fact.key()),
            value: fact.value().map(lossy),
            version: version(fact.hlc()),
            author: fact.author().to_string(),
        };
        Some(match change {
            Change::Delete => ChangeDocument::Delete(changed),
            Change::Expire => ChangeDocument::Expire(Changed { value: None, ..changed }),
            Change::Put => ChangeDocument::Put(changed),
        })
    }
}
