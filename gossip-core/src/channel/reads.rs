//! Questions of the application to a channel's state.

use bytes::Bytes;

use super::env::Env;
use super::{Channel, Pending};
use crate::fact::Envelope;
use crate::io::{Answer, AtEpoch, Refused, RequestId};
use crate::state::Set;
use crate::store::{StoreOp, StoreReply};
use crate::time::Epoch;

/// Most facts that one question to the store returns while a scan collects live ones.
const SCAN_BATCH: usize = 1_024;

/// Most bytes of them, unless the first key alone has more (guess: what a scan skips over, such as
/// deletions, costs no more memory than this).
const SCAN_BYTES: usize = 1 << 20;

/// A question on its way.
#[derive(Debug)]
pub(super) enum Read {
    Get(RequestId),
    Scan(Scan),
    Total(RequestId, Epoch),
}

/// A scan that goes on until it has found enough live facts.
#[derive(Debug)]
pub(super) struct Scan {
    found: Vec<Envelope>,
    limit: usize,
    prefix: Bytes,
    request: RequestId,
}

impl Channel {
    pub(crate) fn get(&mut self, env: &mut Env<'_>, request: RequestId, key: Bytes) {
        let op = StoreOp::Get { shard: self.shard, key };
        self.ask(env, Pending::Read(Read::Get(request)), op);
    }

    pub(crate) fn scan(
        &mut self,
        env: &mut Env<'_>,
        request: RequestId,
        prefix: Bytes,
        after: Option<Bytes>,
        limit: usize,
    ) {
        let scan = Scan { found: Vec::new(), limit, prefix, request };
        self.scan_on(env, scan, after);
    }

    pub(crate) fn total(&mut self, env: &mut Env<'_>, request: RequestId, at: AtEpoch) {
        let current = Epoch::of(env.now.wall);
        let epoch = match at {
            AtEpoch::Last => current.previous(),
            AtEpoch::Number(epoch) => epoch,
            AtEpoch::This => current,
        };
        let op = StoreOp::Total { shard: self.shard, set: Set::Active(epoch) };
        self.ask(env, Pending::Read(Read::Total(request, epoch)), op);
    }

    pub(super) fn answer_read(&mut self, env: &mut Env<'_>, read: Read, reply: Option<StoreReply>) {
        match (read, reply) {
            (Read::Get(request), Some(StoreReply::Facts(facts))) => {
                let live = self.readable(env, &facts);
                env.answer(request, Answer::Facts(live));
            }
            (Read::Scan(scan), Some(StoreReply::Facts(facts))) => self.scanned(env, scan, &facts),
            (Read::Total(request, epoch), Some(StoreReply::Totals(totals))) => {
                env.answer(request, Answer::Totals { epoch, totals });
            }
            (
                Read::Get(request) | Read::Scan(Scan { request, .. }) | Read::Total(request, _),
                _,
            ) => {
                env.answer(request, Answer::Refused(Refused::StoreFailed));
            }
        }
    }

    fn scan_on(&mut self, env: &mut Env<'_>, scan: Scan, after: Option<Bytes>) {
        let prefix = scan.prefix.clone();
        let limit = scan.limit.saturating_sub(scan.found.len()).clamp(1, SCAN_BATCH);
        let (shard, bytes) = (self.shard, SCAN_BYTES);
        let op = StoreOp::Scan { shard, prefix, after, limit, bytes, lease: None };
        self.ask(env, Pending::Read(Read::Scan(scan)), op);
    }

    fn scanned(&mut self, env: &mut Env<'_>, mut scan: Scan, facts: &[Envelope]) {
        for siblings in facts.chunk_by(|a, b| a.key() == b.key()) {
            scan.found.extend(self.readable(env, siblings));
        }
        let last = facts.last().map(Envelope::shared_key);
        if last.is_none() || scan.found.len() >= scan.limit {
            scan.found.truncate(scan.limit);
            return env.answer(scan.request, Answer::Facts(scan.found));
        }
        self.scan_on(env, scan, last);
    }

    /// Of one key's facts, those that a reader sees now.
    fn readable(&self, env: &Env<'_>, facts: &[Envelope]) -> Vec<Envelope> {
        let seen = self.retain.read(facts);
        seen.into_iter().filter(|fact| fact.is_live(env.now.wall)).cloned().collect()
    }
}
