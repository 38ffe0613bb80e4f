//! Own writes: dated, signed once, merged, and acknowledged when durable.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::env::Env;
use super::{Channel, Pending};
use crate::config::SKEW;
use crate::fact::{self, Dot, Envelope, FactKind, MAX_BATCH, MAX_CONTEXT, MAX_KEY_BYTES, Verified};
use crate::id::TopicId;
use crate::io::{Answer, RequestId, Write, WriteError, Written};
use crate::mistake::{Mistake, made};
use crate::store::{Merged, StoreOp, StoreReply};
use crate::time::Wall;

/// One command's writes: its results as they come in.
#[derive(Debug)]
struct Request {
    missing: usize,
    results: Vec<Option<Result<Written, WriteError>>>,
}

/// Commands whose writes are not all done.
#[derive(Debug, Default)]
pub(super) struct Writes {
    requests: BTreeMap<RequestId, Request>,
    waiting: usize,
}

/// A write that waits for the siblings that it supersedes.
#[derive(Debug)]
pub(super) struct Draft {
    place: (RequestId, usize),
    write: Write,
}

/// Signed writes on their way through the store.
#[derive(Debug, Default)]
pub(super) struct Batch(Vec<(Verified<Envelope>, (RequestId, usize))>);

impl Writes {
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    fn done(
        &mut self,
        env: &mut Env<'_>,
        (id, index): (RequestId, usize),
        result: Result<Written, WriteError>,
    ) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        if let Some(place) = request.results.get_mut(index)
            && place.is_none()
        {
            *place = Some(result);
            request.missing -= 1;
            self.waiting -= 1;
        }
        if request.missing == 0
            && let Some(request) = self.requests.remove(&id)
        {
            env.answer(id, Answer::Written(request.results.into_iter().flatten().collect()));
        }
    }
}

impl Channel {
    /// Writes on behalf of the application.
    pub(crate) fn write(&mut self, env: &mut Env<'_>, id: RequestId, writes: Vec<Write>) {
        let count = writes.len();
        if count == 0 {
            return env.answer(id, Answer::Written(Vec::new()));
        }
        let refused = self.refusal(env, count);
        let results = (0..count).map(|_| None).collect();
        self.writes.waiting += count;
        self.writes.requests.insert(id, Request { missing: count, results });
        let mut batch = Batch::default();
        for (index, write) in writes.into_iter().enumerate() {
            let place = (id, index);
            if let Some(error) = refused {
                self.writes.done(env, place, Err(error));
            } else if self.retain.limit() > 1 {
                // The rule keeps siblings: what this write supersedes goes into its context.
                let op = StoreOp::Get { shard: self.shard, key: write.key.clone() };
                self.ask(env, Pending::Siblings(Draft { place, write }), op);
            } else {
                self.sign_into(env, &mut batch, place, write, Vec::new());
            }
        }
        self.send_writes(env, batch);
    }

    pub(super) fn siblings(&mut self, env: &mut Env<'_>, draft: Draft, reply: Option<StoreReply>) {
        let Draft { place, write } = draft;
        // Nothing is written into what is about to be forgotten, or after a goodbye.
        if let Some(error) = self.obstacle(env) {
            return self.writes.done(env, place, Err(error));
        }
        let Some(StoreReply::Facts(facts)) = reply else {
            return self.writes.done(env, place, Err(WriteError::StoreFailed));
        };
        let dot = |fact: &Envelope| Dot { author: fact.author(), hlc: fact.hlc() };
        let context = facts.iter().map(dot).take(MAX_CONTEXT).collect();
        let mut batch = Batch::default();
        self.sign_into(env, &mut batch, place, write, context);
        self.send_writes(env, batch);
    }

    pub(super) fn wrote(&mut self, env: &mut Env<'_>, batch: Batch, reply: Option<StoreReply>) {
        let Some(StoreReply::Merged { outcomes, commit }) = reply else {
            for (_, place) in batch.0 {
                self.writes.done(env, place, Err(WriteError::StoreFailed));
            }
            return;
        };
        for ((fact, _), outcome) in batch.0.iter().zip(outcomes) {
            // One of our own later writes may have superseded it already: it is written all the
            // same.
            if let Merged::Inserted(displaced) = outcome {
                self.inserted(env, fact, None, &displaced);
            }
        }
        if made(Mistake::AcknowledgeEarly) {
            return durable(env, &mut self.writes, batch, Some(StoreReply::Synced { commit }));
        }
        self.ask(env, Pending::Durable(batch), StoreOp::Sync { commit });
    }

    fn refusal(&self, env: &Env<'_>, count: usize) -> Option<WriteError> {
        let waiting = self.writes.waiting();
        let busy = waiting > 0 && waiting + count > self.limits.writes;
        self.obstacle(env).or_else(|| busy.then_some(WriteError::Busy { waiting }))
    }

    /// Why nothing can be written now, however little.
    fn obstacle(&self, env: &Env<'_>) -> Option<WriteError> {
        if env.left {
            Some(WriteError::Left)
        } else if env.is_read_only() {
            Some(WriteError::ReadOnly)
        } else if self.is_renewing() {
            Some(WriteError::Renewing)
        } else if env.clock_disagrees {
            let limit_ms = u64::try_from(SKEW.as_millis() / 2).unwrap_or(u64::MAX);
            Some(WriteError::ClockDisagrees { limit_ms })
        } else {
            None
        }
    }

    fn sign_into(
        &mut self,
        env: &mut Env<'_>,
        batch: &mut Batch,
        place: (RequestId, usize),
        write: Write,
        context: Vec<Dot>,
    ) {
        match self.sign(env, write, context) {
            Ok(fact) => batch.0.push((fact, place)),
            Err(error) => self.writes.done(env, place, Err(error)),
        }
    }

    fn sign(
        &self,
        env: &mut Env<'_>,
        write: Write,
        context: Vec<Dot>,
    ) -> Result<Verified<Envelope>, WriteError> {
        let Write { key, value, ttl } = write;
        if key.len() > MAX_KEY_BYTES {
            return Err(WriteError::KeyTooLong { bytes: key.len(), limit: MAX_KEY_BYTES });
        }
        let (key_bytes, value_bytes) = (key.len(), value.as_ref().map_or(0, Bytes::len));
        let hlc = env.clock.tick(env.now.wall);
        let expires_at = match ttl {
            Some(ttl) => (env.now.wall + ttl).max(Wall::from_millis(1)),
            None => Wall::ZERO,
        };
        let (kind, topic) = (FactKind::ENTRY, TopicId(0));
        let draft = fact::Draft { context, expires_at, hlc, key, kind, topic, value };
        let limit = env.writable_bytes;
        // Refused before it is signed, if it is hopeless; a mebibyte more is no reason to hash.
        let rough = key_bytes + value_bytes;
        let too_large = |bytes: usize| {
            if limit < env.fact_bytes && bytes <= env.fact_bytes {
                return WriteError::Unsettled { bytes, limit };
            }
            let value_limit = limit.saturating_sub(bytes.saturating_sub(value_bytes));
            WriteError::TooLarge { bytes, limit, value_limit }
        };
        if rough > limit {
            return Err(too_large(rough + Envelope::OVERHEAD + HEADER_BYTES));
        }
        let signed = draft.sign(env.keys, &self.domain).map_err(|_| too_large(rough))?;
        let bytes = signed.bytes().len();
        if bytes > limit { Err(too_large(bytes)) } else { Ok(signed) }
    }

    fn send_writes(&mut self, env: &mut Env<'_>, batch: Batch) {
        let mut rest = batch.0;
        while !rest.is_empty() {
            let later = rest.split_off(rest.len().min(MAX_BATCH));
            let facts = rest.iter().map(|(fact, _)| fact.clone()).collect();
            let op = self.merge_op(env, facts);
            self.ask(env, Pending::Write(Batch(rest)), op);
            rest = later;
        }
    }
}

/// About what a header takes besides its key: topic, author, version, flags, expiry, length,
/// hash, and the length of an empty context.
const HEADER_BYTES: usize = 1 + 32 + 2 + 8 + 1 + 6 + 3 + 32 + 1;

/// Writes became durable: they are acknowledged.
pub(super) fn durable(
    env: &mut Env<'_>,
    writes: &mut Writes,
    batch: Batch,
    reply: Option<StoreReply>,
) {
    let durable = matches!(reply, Some(StoreReply::Synced { .. }));
    for (fact, place) in batch.0 {
        let written = Written { id: fact.id(), version: fact.hlc() };
        let result = if durable { Ok(written) } else { Err(WriteError::StoreFailed) };
        writes.done(env, place, result);
    }
}
