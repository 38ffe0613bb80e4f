//! Answers that go on: one JSON document per line, made as the reader takes them.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use bytes::Bytes;
use futures_util::stream;
use gossip_core::id::ChannelId;
use gossip_core::io::{Change, Event};
use gossip_core::runtime::{Entry, Events, Gossip, Happening};
use serde::{Deserialize, Serialize};

use super::Admin;
use super::documents::{ChangeDocument, Changed, EntryDocument, lossy, version};
use super::error::Refusal;

/// Entries read from the store at a time: what a page costs, and what a slow reader holds.
const PAGE: usize = 500;

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
        gossip: admin.gossip.clone(),
        left: limit.unwrap_or(u64::MAX),
        prefix: Bytes::from(prefix),
    };
    Ok(lines(scan, async |mut scan| {
        let page = scan.page().await?;
        let documents: Vec<_> = page.iter().map(EntryDocument::from).collect();
        Some((documents, scan))
    }))
}

/// Changes from now on: the answer begins when the subscription stands.
pub(super) async fn watch(
    State(admin): State<Arc<Admin>>,
    Query(WatchQuery { channel, prefix }): Query<WatchQuery>,
) -> Result<Body, Refusal> {
    let channel = admin.channel(&channel)?;
    let watch = Watch { channel, events: admin.gossip.events(), prefix };
    Ok(lines(watch, async |mut watch| {
        let change = watch.next().await?;
        Some((vec![change], watch))
    }))
}

/// A body of lines: `next` makes some of them out of a state, or ends the body.
pub(super) fn lines<S, T, F>(start: S, next: impl Fn(S) -> F + Send + 'static) -> Body
where
    S: Send + 'static,
    T: Serialize,
    F: Future<Output = Option<(Vec<T>, S)>> + Send,
{
    Body::from_stream(stream::unfold((start, Arc::new(next)), async |(state, next)| {
        let (documents, state) = next(state).await?;
        let mut bytes = Vec::new();
        for document in documents {
            serde_json::to_writer(&mut bytes, &document).ok()?;
            bytes.push(b'\n');
        }
        Some((Ok::<_, Infallible>(Bytes::from(bytes)), (state, next)))
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
    async fn page(&mut self) -> Option<Vec<Entry>> {
        let limit = usize::try_from(self.left).unwrap_or(usize::MAX).min(PAGE);
        if limit == 0 {
            return None;
        }
        let (prefix, after) = (self.prefix.clone(), self.after.clone());
        let page = self.gossip.scan(self.channel, prefix, after, limit).await.ok()?;
        self.after = Some(Bytes::copy_from_slice(page.last()?.key()));
        self.left = self.left.saturating_sub(page.len() as u64);
        Some(page)
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
                _ => {}
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
