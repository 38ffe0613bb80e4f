//! Sift, verify, merge: the one way of every fact, whatever brought it.
//!
//! ```text
//!  arrived ─▶ known or pending? ─▶ queue of its peer ─▶ sift ─▶ candidates ─▶ verify ─▶ merge
//!                 │ answered at once    │ bounded, fair    │ known, obsolete     │ false: blame
//! ```
//! Bounded in bytes per peer and in total. Round robin over peers; a batch for the verifier
//! never mixes them. What is shed, repair brings back.

use std::collections::{BTreeMap, VecDeque};

use super::env::{ChannelEffect, Env};
use super::parking::Parking;
use super::turns::Turns;
use super::{Channel, Pending};
use crate::config::Limits;
use crate::fact::{Envelope, Job, MAX_BATCH, Signature, Verdict, Verdicts, Verified, Why};
use crate::id::{FactId, NodeId};
use crate::membership::subject;
use crate::mistake::{Mistake, made};
use crate::store::{Merge, Sifted, StoreOp, StoreReply};
use crate::time::Epoch;

/// Most facts in one question to the store.
const SIFT_BATCH: usize = 256;
/// Questions to the store on their way at a time: the next batch grows while they are.
const SIFTS: usize = 2;
/// Verifier jobs on their way at a time: enough to keep a pool busy.
const VERIFIES: usize = 4;
/// Merges on their way at a time.
const MERGES: usize = 2;
/// Most facts of a slowed peer in one job: one false fact costs so many single checks.
const SLOWED_BATCH: usize = 8;
/// Most peers that wait for the outcome of one fact; feedback to more is not worth its memory.
const WAITERS: usize = 16;
/// What a pending fact takes besides its bytes.
const PER_FACT: usize = 256;

/// A decoded fact that somebody brought.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) fact: Envelope,
    pub(super) feedback: bool,
    pub(super) from: NodeId,
}

/// Somebody who brought a pending fact.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiter {
    pub(super) feedback: bool,
    pub(super) from: NodeId,
}

/// Where facts wait. A fact is pending from its arrival to the end of its merge, under its whole
/// identity: the id and the signature (the header holds the hash of the value), so that a forged
/// copy hides nothing.
#[derive(Debug)]
pub(super) struct Pipeline {
    bytes: usize,
    candidates: Queues,
    limits: Limits,
    pub(super) merging: usize,
    pending: BTreeMap<(FactId, Signature), Flight>,
    ready: VecDeque<(Verified<Envelope>, Option<NodeId>)>,
    sifting: usize,
    verifying: usize,
    waiting: Queues,
    weight: BTreeMap<NodeId, usize>,
}

/// A pending fact's cost and audience; the first waiter pays.
#[derive(Debug)]
struct Flight {
    bytes: usize,
    waiters: Vec<Waiter>,
}

/// A queue per peer, served in turn.
#[derive(Debug, Default)]
struct Queues {
    queues: BTreeMap<NodeId, VecDeque<Incoming>>,
    turns: VecDeque<NodeId>,
}

impl Queues {
    fn push(&mut self, incoming: Incoming) {
        let queue = self.queues.entry(incoming.from).or_default();
        if queue.is_empty() {
            self.turns.push_back(incoming.from);
        }
        queue.push_back(incoming);
    }

    /// The next peer's batch; the peer goes to the end of the line if it has more.
    fn take(&mut self, most: impl Fn(&NodeId) -> usize) -> Option<(NodeId, Vec<Incoming>)> {
        let peer = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&peer)?;
        let batch = queue.drain(..most(&peer).min(queue.len())).collect();
        if queue.is_empty() {
            self.queues.remove(&peer);
        } else {
            self.turns.push_back(peer);
        }
        Some((peer, batch))
    }

    /// So many facts, of as many peers as it takes.
    fn take_of_all(&mut self, most: usize) -> Vec<Incoming> {
        let mut all = Vec::new();
        while all.len() < most
            && let Some((_, batch)) = self.take(|_| most - all.len())
        {
            all.extend(batch);
        }
        all
    }

    fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    fn drop_last(&mut self, peer: &NodeId) -> Option<Incoming> {
        let queue = self.queues.get_mut(peer)?;
        let last = queue.pop_back();
        if queue.is_empty() {
            self.queues.remove(peer);
            self.turns.retain(|other| other != peer);
        }
        last
    }
}

impl Pipeline {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            bytes: 0,
            candidates: Queues::default(),
            limits,
            merging: 0,
            pending: BTreeMap::new(),
            ready: VecDeque::new(),
            sifting: 0,
            verifying: 0,
            waiting: Queues::default(),
            weight: BTreeMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether the id of a pending fact begins with these bytes.
    pub(super) fn names(&self, key: &[u8; 8]) -> bool {
        let first = (FactId::beginning_with(key), Signature::from_bytes([0; 64]));
        let next = self.pending.range(first..).next();
        next.is_some_and(|((id, _), _)| id.as_bytes().starts_with(key))
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// A verified fact that may be merged.
    pub(super) fn ready(&mut self, fact: Verified<Envelope>, from: Option<NodeId>) {
        self.ready.push_back((fact, from));
    }

    /// A fact's way ends, whatever came of it. Returns who brought it.
    pub(super) fn finish(&mut self, fact: &Envelope) -> Vec<Waiter> {
        let Some(Flight { bytes, waiters }) = self.pending.remove(&(fact.id(), fact.signature()))
        else {
            return Vec::new();
        };
        self.bytes -= bytes;
        if let Some(payer) = waiters.first()
            && let Some(weight) = self.weight.get_mut(&payer.from)
        {
            *weight -= bytes;
            if *weight == 0 {
                self.weight.remove(&payer.from);
            }
        }
        waiters
    }

    fn enter(&mut self, incoming: Incoming) {
        let bytes = incoming.fact.bytes().len() + PER_FACT;
        let Incoming { feedback, from, .. } = incoming;
        let key = (incoming.fact.id(), incoming.fact.signature());
        self.bytes += bytes;
        *self.weight.entry(from).or_default() += bytes;
        self.pending.insert(key, Flight { bytes, waiters: vec![Waiter { feedback, from }] });
        self.waiting.push(incoming);
    }

    /// Makes room for one more fact of this peer, at the expense of the heaviest.
    fn make_room(&mut self, from: NodeId) -> Result<Option<Incoming>, Why> {
        if made(Mistake::UnboundedQueue) {
            return Ok(None);
        }
        let weight = |peer: &NodeId| self.weight.get(peer).copied().unwrap_or(0);
        if weight(&from) >= self.limits.peer_bytes {
            return Err(Why::PeerQueueFull);
        }
        if self.bytes < self.limits.channel_bytes {
            return Ok(None);
        }
        // Whatever stage its facts wait in; what is at the store or the verifier is past shedding.
        let queued = self.waiting.queues.keys().chain(self.candidates.queues.keys()).copied();
        match queued.max_by_key(weight) {
            Some(heaviest) if heaviest != from => {
                let shed = self.waiting.drop_last(&heaviest);
                Ok(shed.or_else(|| self.candidates.drop_last(&heaviest)))
            }
            _ => Err(Why::QueueFull),
        }
    }
}

impl Channel {
    /// A decoded fact enters, unless it is known or under way.
    pub(super) fn admit(&mut self, env: &mut Env<'_>, incoming: Incoming) {
        let Incoming { fact, feedback, from } = &incoming;
        let waiter = Waiter { feedback: *feedback, from: *from };
        if self.recent.contains(&fact.id()) {
            env.status.verify.skipped_known += 1;
            env.status.duplicates += 1;
            return self.feedback(env, waiter, fact, false);
        }
        if self.parking.contains(fact) {
            env.status.verify.skipped_known += 1;
            return;
        }
        if let Some(flight) = self.pipeline.pending.get_mut(&(fact.id(), fact.signature())) {
            env.status.verify.skipped_known += 1;
            env.status.duplicates += 1;
            if flight.waiters.len() < WAITERS {
                flight.waiters.push(waiter);
            }
            return;
        }
        if let Err(why) = self.may_enter(env, fact) {
            return env.reject(Some(*from), why);
        }
        match self.pipeline.make_room(*from) {
            Ok(None) => {}
            Ok(Some(shed)) => {
                if !made(Mistake::ForgetShed) {
                    self.pipeline.finish(&shed.fact);
                }
                env.reject(Some(shed.from), Why::QueueFull);
            }
            Err(why) => return env.reject(Some(*from), why),
        }
        self.pipeline.enter(incoming);
    }

    /// Whether a fact that nobody here knows is worth its verification.
    pub(super) fn may_enter(&self, env: &Env<'_>, fact: &Envelope) -> Result<(), Why> {
        if self.is_view() && !(env.has_room)(&about(fact)) {
            return Err(Why::TableFull);
        }
        // What is past its life costs no signature check, however often it comes.
        if self.is_view() && fact.leaves_at() < self.floor(env) {
            return Err(Why::Collected);
        }
        if made(Mistake::ExpireByArrival) && fact.expires_at() < env.now.wall {
            let lives = fact.is_tombstone() || fact.is_live(env.now.wall);
            return if lives { Ok(()) } else { Err(Why::Obsolete) };
        }
        if Parking::is_far(env.now.wall, fact) { Err(Why::FarAhead) } else { Ok(()) }
    }

    /// Moves facts on, as far as each stage has room. Called once all that came together is in.
    pub(crate) fn pump(&mut self, env: &mut Env<'_>) {
        while self.pipeline.sifting < SIFTS && !self.pipeline.waiting.is_empty() {
            self.pipeline.sifting += 1;
            let batch = self.pipeline.waiting.take_of_all(SIFT_BATCH);
            let facts = batch.iter().map(|incoming| incoming.fact.clone()).collect();
            let retain = self.retain.clone();
            let op = StoreOp::Sift { shard: self.shard, retain, facts };
            self.ask(env, Pending::Sift(batch), op);
        }
        let slowed = env.slowed;
        let most = |peer: &NodeId| if slowed(peer) { SLOWED_BATCH } else { MAX_BATCH };
        while self.pipeline.verifying < VERIFIES
            && let Some((from, batch)) = self.pipeline.candidates.take(most)
        {
            self.pipeline.verifying += 1;
            env.status.verify.checked += batch.len() as u64;
            let facts = batch.into_iter().map(|incoming| incoming.fact).collect();
            let ticket = env.ticket();
            self.pending.insert(ticket, Pending::Verify { from });
            let job = Job::new(self.domain.clone(), facts);
            env.effects.push_back(ChannelEffect::Verify(self.id(), ticket, job));
        }
        if self.is_frozen(env) {
            while let Some((fact, from)) = self.pipeline.ready.pop_front() {
                self.relay(env, &fact, from);
            }
        }
        // Of the view one fact at a time, for it may take the last place.
        let (merges, most) = if self.is_view() { (1, 1) } else { (MERGES, MAX_BATCH) };
        // Before a wipe, a merge would be in vain.
        while !self.is_renewing()
            && self.pipeline.merging < merges
            && let Some((fact, from)) = self.pipeline.ready.front()
        {
            if self.is_view() && !(env.has_room)(&about(fact)) {
                env.reject(*from, Why::TableFull);
                let shed = self.pipeline.ready.pop_front();
                shed.map(|(fact, _)| self.pipeline.finish(&fact));
                continue;
            }
            self.pipeline.merging += 1;
            let most = most.min(self.pipeline.ready.len());
            let batch: Vec<_> = self.pipeline.ready.drain(..most).collect();
            batch.iter().for_each(|(fact, _)| self.collect.comes(env.now, fact.leaves_at()));
            let facts = batch.iter().map(|(fact, _)| fact.clone()).collect();
            let op = self.merge_op(env, facts);
            self.ask(env, Pending::Merge(batch), op);
        }
    }

    pub(super) fn merge_op(&self, env: &Env<'_>, facts: Vec<Verified<Envelope>>) -> StoreOp {
        StoreOp::Merge(Merge {
            shard: self.shard,
            retain: self.retain.clone(),
            facts,
            epoch: Epoch::of(env.now.wall),
            floor: self.floor(env),
        })
    }

    pub(super) fn ask(&mut self, env: &mut Env<'_>, pending: Pending, op: StoreOp) {
        let ticket = env.ticket();
        if Turns::has(&op) {
            self.turns.wait(ticket);
        }
        self.pending.insert(ticket, pending);
        env.effects.push_back(ChannelEffect::Store(self.id(), ticket, op));
    }

    pub(super) fn sifted(
        &mut self,
        env: &mut Env<'_>,
        batch: Vec<Incoming>,
        reply: Option<StoreReply>,
    ) {
        self.pipeline.sifting -= 1;
        let Some(StoreReply::Sifted(outcomes)) = reply else {
            for incoming in batch {
                self.pipeline.finish(&incoming.fact);
                env.reject(Some(incoming.from), Why::StoreFailed);
            }
            return;
        };
        for (incoming, outcome) in batch.into_iter().zip(outcomes) {
            match outcome {
                Sifted::Candidate => self.pipeline.candidates.push(incoming),
                Sifted::Known => {
                    env.status.verify.skipped_known += 1;
                    env.status.duplicates += 1;
                    self.recent.insert(incoming.fact.id());
                    let waiters = self.pipeline.finish(&incoming.fact);
                    self.settle(env, waiters, &incoming.fact, false);
                }
                Sifted::Obsolete(by) => {
                    env.status.verify.skipped_known += 1;
                    let waiters = self.pipeline.finish(&incoming.fact);
                    self.settle(env, waiters, &incoming.fact, false);
                    self.obsolete(env, Some(incoming.from), by);
                }
            }
        }
        // Repair pauses while too much waits here; what was known makes room without any merge.
        self.wake_repair(env, true);
    }

    pub(super) fn judged(&mut self, env: &mut Env<'_>, from: NodeId, verdicts: Verdicts) {
        self.pipeline.verifying -= 1;
        let mut blamed = false;
        for verdict in verdicts {
            match verdict {
                Verdict::Good(fact) => self.ripen(env, fact, Some(from)),
                Verdict::Bad(fact, why) => {
                    env.status.verify.failed += 1;
                    self.pipeline.finish(&fact);
                    self.was_false(env, &fact);
                    env.reject(Some(from), why);
                    blamed = true;
                }
            }
        }
        if blamed {
            env.effects.push_back(ChannelEffect::Blame(from));
        }
    }

    /// A verified fact: merged now, or parked until its date is near.
    pub(super) fn ripen(
        &mut self,
        env: &mut Env<'_>,
        fact: Verified<Envelope>,
        from: Option<NodeId>,
    ) {
        let wall = env.now.wall;
        if !Parking::is_early(wall, &fact) {
            return self.pipeline.ready(fact, from);
        }
        self.pipeline.finish(&fact);
        if self.parking.park(wall, fact, from) {
            env.status.parked += 1;
        } else {
            env.reject(from, Why::FarAhead);
        }
    }
}
/// Whose place in the view a fact takes.
fn about(fact: &Envelope) -> NodeId {
    subject(fact).unwrap_or_else(|_| fact.author())
}
