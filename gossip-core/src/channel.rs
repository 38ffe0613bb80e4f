//! One isolated world of state: its pipeline, dissemination, repair, own writes and collection.
//!
//! A machine with methods in and effects out, like the node around it. The membership view is a
//! channel as well; only its rules differ.

mod collect;
mod env;
mod large;
mod parking;
mod pipeline;
mod reads;
mod recent;
mod renewal;
mod slots;
mod turns;
mod writes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use self::collect::Collect;
pub(crate) use self::env::{ChannelEffect, Env, Feedback};
use self::large::LargeFacts;
use self::parking::Parking;
use self::pipeline::{Incoming, Pipeline, Waiter};
use self::reads::Read;
use self::recent::Recent;
use self::renewal::Renewal;
use self::slots::Slots;
use self::turns::Turns;
use self::writes::Writes;
use crate::config::{ChannelSlots, Limits};
use crate::fact::{Domain, Envelope, FactKind, Verdicts, Verified, Why};
use crate::id::{ChannelId, FactId, NodeId, ShardId, TopicId};
use crate::io::Ticket;
use crate::rng::Rng;
use crate::sketch::Symbol;
use crate::store::{Merged, StoreError, StoreReply};
use crate::strategy::{Partners, Retain, SlotToken};
use crate::time::{Epoch, Mono, Now, earliest};
use crate::transport::Class;

/// The wall clock's step: nothing ripens sooner.
const MILLISECOND: Duration = Duration::from_millis(1);

/// A channel of this node.
#[derive(Debug)]
pub(crate) struct Channel {
    collect: Collect,
    domain: Domain,
    large: LargeFacts,
    limits: Limits,
    parking: Parking,
    pending: BTreeMap<Ticket, Pending>,
    pipeline: Pipeline,
    recent: Recent,
    /// The newcomer's way back, while this node is on it.
    renewal: Option<Renewal>,
    retain: Arc<dyn Retain>,
    /// The slots' own generator.
    rng: Rng,
    rules: Rules,
    shard: ShardId,
    slots: Slots,
    turns: Turns,
    writes: Writes,
}

/// What may stand in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// Entries of anybody with a valid signature: certificates come with identities.
    Open,
    /// Statements of members about themselves.
    View,
}

impl Rules {
    /// Whether the channel has such facts at all: what needs no signature to be refused.
    fn has(self, fact: &Envelope) -> Result<(), Why> {
        if fact.topic() != TopicId(0) {
            return Err(Why::UnknownTopic);
        }
        match self {
            Self::Open if fact.kind() == FactKind::ENTRY => Ok(()),
            Self::Open => Err(Why::WrongKind),
            Self::View => crate::membership::admit(fact),
        }
    }
}

/// What a ticket's answer is for.
#[derive(Debug)]
enum Pending {
    /// Which of a peer's facts are worth a verification.
    Sift(Vec<Incoming>),
    /// A peer's facts at the verifier.
    Verify { from: NodeId },
    /// Facts being merged, each with who brought it.
    Merge(Vec<(Verified<Envelope>, Option<NodeId>)>),
    /// Own writes being merged.
    Write(writes::Batch),
    /// Own writes becoming durable.
    Durable(writes::Batch),
    /// The siblings that an own write supersedes.
    Siblings(writes::Draft),
    /// Whether a large fact that a member tells of is held already.
    Look { symbol: Symbol },
    /// A large fact of which members want chunks.
    Lend { symbol: Symbol },
    /// The repair slot's question.
    Reconcile(SlotToken),
    /// An application's question.
    Read(Read),
    /// Something kept beside the state; a failure shows in the status.
    Remember,
    /// Time passing over the shard.
    Sweep,
    /// What we hold becoming durable, before we say so to a member.
    Receipt { to: NodeId, exchange: u32, commit: u64 },
    /// Our own writes being looked for, after this key.
    Own { after: Option<Bytes> },
    /// Our own writes being exported: those of one page, which begins and ends after these keys.
    Export { facts: Vec<Envelope>, after: Option<Bytes>, last: Bytes },
    /// Everything being forgotten, for it may be long dead.
    Wipe,
    /// That becoming durable.
    Renewed,
}

impl Channel {
    pub(crate) fn new(
        domain: Domain,
        rules: Rules,
        slots: ChannelSlots,
        limits: Limits,
        rng: &mut Rng,
        floor: Epoch,
        boot_commit: u64,
    ) -> Self {
        let ChannelSlots { dissemination, reconcile, retain } = slots;
        let shard = ShardId { channel: domain.channel(), topic: TopicId(0) };
        Self {
            collect: Collect::new(floor, boot_commit),
            domain,
            large: LargeFacts::default(),
            limits,
            parking: Parking::new(limits.parked),
            pending: BTreeMap::new(),
            pipeline: Pipeline::new(limits),
            recent: Recent::new(limits.recent),
            renewal: None,
            retain,
            rng: rng.fork("channel slots"),
            rules,
            shard,
            slots: Slots { dissemination, reconcile },
            turns: Turns::default(),
            writes: Writes::default(),
        }
    }

    pub(crate) const fn id(&self) -> ChannelId {
        self.domain.channel()
    }

    /// A fact arrived, still in bytes.
    pub(crate) fn on_fact(
        &mut self,
        env: &mut Env<'_>,
        from: NodeId,
        bytes: Bytes,
        feedback: bool,
    ) {
        if self.is_renewing() {
            return env.reject(Some(from), Why::NotReady);
        }
        if self.is_stale(env, from) {
            return env.reject(Some(from), Why::StaleMember);
        }
        match self.decode(env, bytes) {
            Ok(fact) => {
                self.slots.reconcile.brought(env.now.mono, from);
                self.admit(env, Incoming { fact, from, feedback });
            }
            Err(why) => env.reject(Some(from), why),
        }
    }

    /// A fact that may stand here, its signature aside.
    fn decode(&self, env: &Env<'_>, bytes: Bytes) -> Result<Envelope, Why> {
        if bytes.len() > env.fact_bytes {
            return Err(Why::TooLarge);
        }
        let fact = Envelope::decode(bytes, &self.domain)?;
        self.rules.has(&fact).map(|()| fact)
    }

    /// A fact that was verified outside of this channel's pipeline, such as a Hello's.
    pub(crate) fn on_verified_fact(
        &mut self,
        env: &mut Env<'_>,
        fact: Verified<Envelope>,
        from: Option<NodeId>,
    ) {
        if self.recent.contains(&fact.id()) || self.parking.contains(&fact) {
            return;
        }
        match self.may_enter(env, &fact) {
            Ok(()) => self.ripen(env, fact, from),
            Err(why) => env.reject(from, why),
        }
        self.pump(env);
    }

    /// The store answered one of our questions; perhaps its turn has not come yet.
    pub(crate) fn stored(
        &mut self,
        env: &mut Env<'_>,
        ticket: Ticket,
        reply: Result<StoreReply, StoreError>,
    ) {
        for (ticket, reply) in self.turns.take(ticket, reply) {
            self.answered(env, ticket, reply);
        }
        // The last own write may have ended.
        self.renew_if_due(env);
        self.pump(env);
    }

    fn answered(
        &mut self,
        env: &mut Env<'_>,
        ticket: Ticket,
        reply: Result<StoreReply, StoreError>,
    ) {
        let Some(pending) = self.pending.remove(&ticket) else { return };
        let reply = match reply {
            Ok(reply) => Some(reply),
            Err(error) => {
                env.store_failed(error);
                None
            }
        };
        self.collect.note(reply.as_ref());
        match pending {
            Pending::Sift(batch) => self.sifted(env, batch, reply),
            Pending::Merge(batch) => self.merged(env, batch, reply),
            Pending::Write(batch) => self.wrote(env, batch, reply),
            Pending::Durable(batch) => writes::durable(env, &mut self.writes, batch, reply),
            Pending::Siblings(draft) => self.siblings(env, draft, reply),
            Pending::Look { symbol } => self.looked(env, symbol, reply),
            Pending::Lend { symbol } => self.found(env, symbol, reply),
            Pending::Reconcile(token) => self.with_slots(env, |slots, cx| {
                slots.reconcile.stored(cx, token, reply);
            }),
            Pending::Read(read) => self.answer_read(env, read, reply),
            Pending::Sweep => self.swept(env, reply),
            Pending::Receipt { to, exchange, commit } => {
                self.give_receipt(env, to, exchange, commit, reply);
            }
            Pending::Own { after } => self.own_read(env, after, reply),
            Pending::Wipe => self.wiped(env, reply),
            Pending::Renewed => self.renewed(env, reply),
            Pending::Export { .. } | Pending::Remember | Pending::Verify { .. } => {}
        }
    }

    /// The verifier answered.
    pub(crate) fn verified(&mut self, env: &mut Env<'_>, ticket: Ticket, verdicts: Verdicts) {
        let Some(Pending::Verify { from }) = self.pending.remove(&ticket) else { return };
        self.judged(env, from, verdicts);
        self.pump(env);
    }

    /// Time passed.
    pub(crate) fn wake(&mut self, env: &mut Env<'_>) {
        if self.is_renewing() {
            return self.renew_if_due(env);
        }
        for (fact, from) in self.parking.ripe(env.now.wall) {
            self.pipeline.ready(fact, from);
        }
        self.sweep_if_due(env);
        self.pump(env);
        self.wake_large(env);
        self.with_slots(env, |slots, cx| {
            if slots.dissemination.deadline().is_some_and(|due| due <= cx.now.mono) {
                slots.dissemination.wake(cx);
            }
        });
        self.wake_repair(env, false);
    }

    /// When `wake` is worth calling next.
    pub(crate) fn deadline(&self, now: Now, read_only: bool) -> Option<Mono> {
        if self.is_renewing() {
            return self.renewal_deadline();
        }
        let parked =
            self.parking.next().map(|wall| now.mono + wall.since(now.wall).max(MILLISECOND));
        let own = [
            self.slots.dissemination.deadline(),
            self.slots.reconcile.deadline().filter(|_| !read_only || self.is_view()),
            self.collect.deadline(),
            self.large.deadline(),
            parked,
        ];
        earliest(own)
    }

    /// A member cannot be reached any more.
    pub(crate) fn gone(&mut self, member: NodeId) {
        self.slots.reconcile.gone(member);
        self.slots.dissemination.gone(member);
        self.large.gone(member);
        self.collect.gone(&member);
    }

    /// What waits here, for the status.
    pub(crate) fn describe(&self, partners: Partners<'_>, status: &mut crate::status::Status) {
        let (hot, rounds) = self.slots.dissemination.counts();
        status.rounds += rounds;
        if !self.is_view() {
            status.renewing = self.is_renewing();
            status.taking = self.slots.reconcile.taking();
            (status.store.commit, status.store.durable) = self.collect.commits();
            status.partners = partners.len();
            status.equal_partners = self.collect.agreeing(partners);
        }
        for (name, count) in [
            ("agreements", self.collect.len()),
            ("answers", self.slots.reconcile.answering()),
            ("facts-unmerged", self.pipeline.len()),
            ("facts-unmerged-bytes", self.pipeline.bytes()),
            ("facts-parked", self.parking.len()),
            ("rumors", hot),
            ("writes", self.writes.waiting()),
        ] {
            *status.queues.entry(name).or_default() += count;
        }
        self.large.describe(status);
    }

    /// Rumors that are still told.
    #[cfg(feature = "sim")]
    pub(crate) fn rumors(&self) -> usize {
        self.slots.dissemination.counts().0
    }

    pub(crate) const fn is_view(&self) -> bool {
        matches!(self.rules, Rules::View)
    }

    /// Whether nothing can be kept here: the view needs no store.
    const fn is_frozen(&self, env: &Env<'_>) -> bool {
        env.is_read_only() && !self.is_view()
    }

    /// Repair looks at what is due; with `always` also when nothing is, for facts were merged.
    fn wake_repair(&mut self, env: &mut Env<'_>, always: bool) {
        // What cannot be kept is not asked for; others ask us.
        if self.is_renewing() || self.is_frozen(env) {
            return;
        }
        self.with_slots(env, |slots, cx| {
            if always || slots.reconcile.deadline().is_some_and(|due| due <= cx.now.mono) {
                slots.reconcile.wake(cx);
            }
        });
    }

    /// A fact is new here: it is told on, shown to watchers, and repair takes note.
    fn inserted(
        &mut self,
        env: &mut Env<'_>,
        fact: &Envelope,
        from: Option<NodeId>,
        displaced: &[FactId],
    ) {
        self.recent.insert(fact.id());
        self.collect.disagrees();
        env.clock.observe(fact.hlc());
        self.slots.reconcile.changed(env.now.mono);
        self.large.inserted(fact, displaced);
        for old in displaced {
            self.recent.remove(old);
            self.slots.dissemination.displaced(*old);
        }
        // What left the compared set long ago is no news.
        if fact.leaves_at() > Epoch::of(env.now.wall) {
            self.with_slots(env, |slots, cx| slots.dissemination.fresh(cx, fact, from));
        }
        self.collect.expires(env.now, fact.expires_at());
        env.changed(self.id(), fact);
        if self.is_view() {
            env.effects.push_back(ChannelEffect::ViewChanged(fact.clone(), from));
        }
    }

    /// How a fact fared: for who tells rumors, and for the waiters that want to know.
    fn settle(&mut self, env: &mut Env<'_>, waiters: Vec<Waiter>, fact: &Envelope, new: bool) {
        self.slots.dissemination.settled(fact.id());
        for (place, waiter) in waiters.into_iter().enumerate() {
            // "The partner knew" means merged: who brought it while it was pending brought news.
            self.feedback(env, waiter, fact, new || place > 0);
        }
    }

    fn feedback(&mut self, env: &mut Env<'_>, waiter: Waiter, fact: &Envelope, new: bool) {
        if waiter.feedback {
            env.feedback(self.id(), waiter.from, fact.id(), new);
        }
    }

    fn merged(
        &mut self,
        env: &mut Env<'_>,
        batch: Vec<(Verified<Envelope>, Option<NodeId>)>,
        reply: Option<StoreReply>,
    ) {
        self.pipeline.merging -= 1;
        let Some(StoreReply::Merged { outcomes, .. }) = reply else {
            for (fact, from) in batch {
                if self.is_frozen(env) {
                    self.relay(env, &fact, from);
                } else {
                    self.pipeline.finish(&fact);
                    env.reject(from, Why::StoreFailed);
                }
            }
            return;
        };
        for ((fact, from), outcome) in batch.into_iter().zip(outcomes) {
            let waiters = self.pipeline.finish(&fact);
            let new = matches!(outcome, Merged::Inserted(_));
            self.settle(env, waiters, &fact, new);
            match outcome {
                Merged::Inserted(displaced) => self.inserted(env, &fact, from, &displaced),
                Merged::Known => self.recent.insert(fact.id()),
                Merged::Obsolete(by) => self.obsolete(env, from, by),
                Merged::Collected => env.reject(from, Why::Collected),
            }
        }
        self.wake_repair(env, true);
    }

    /// A fact of somebody that cannot be kept here is told on all the same, once.
    fn relay(&mut self, env: &mut Env<'_>, fact: &Verified<Envelope>, from: Option<NodeId>) {
        let waiters = self.pipeline.finish(fact);
        let new = !self.recent.contains(&fact.id());
        self.settle(env, waiters, fact, new);
        if new {
            self.recent.insert(fact.id());
            self.with_slots(env, |slots, cx| slots.dissemination.fresh(cx, fact, from));
            env.status.relayed += 1;
        }
    }

    /// An older offer: a dormant fact answers it with itself.
    fn obsolete(&mut self, env: &mut Env<'_>, from: Option<NodeId>, by: Option<Envelope>) {
        env.reject(from, Why::Obsolete);
        if let (Some(dormant), Some(from)) = (by, from) {
            self.give(env, from, Class::Gossip, &dormant, false);
        }
    }
}
