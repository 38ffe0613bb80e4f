//! Letting go: expiry, epochs, and the evidence by which dormant deletions are dropped.
//!
//! A deletion leaves the compared set after the horizon and stays dormant: it still rejects
//! older offers. It is dropped once every member known, not left, has since ended a comparison
//! equal with this node, dormant facts and views included, after both sides were durable. The
//! proof is each member's signed receipt. Whoever states an older commit in its Hello than its
//! receipt names has lost state: it is shown its own receipt, and takes the state anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

use super::env::Env;
use super::{Channel, Pending};
use crate::fact::{Signature, Why};
use crate::id::{BootId, NodeId};
use crate::io::{Change, Event};
use crate::mistake::{Mistake, made};
use crate::store::{MetaName, StoreOp, StoreReply};
use crate::strategy::Partners;
use crate::time::{Epoch, Mono, Now, Wall};
use crate::transport::Class;
use crate::wire::{Parcel, Receipt, Talk};

/// Sweeps are at least this far apart, so that many expiries share one.
const SWEEP_PAUSE: Duration = Duration::from_millis(100);

/// The exchange number of a receipt that answers a [`Talk::Stale`]. Real exchanges begin at 1.
const ANEW: u32 = 0;

/// How long facts of a member wait after it has taken the state anew: what it sent before that may
/// still be on its way, and a receipt may overtake it (guess: packets that travel longer are rare;
/// above, its new writes come later from it, below, the dead come back).
const STRAGGLERS: Duration = Duration::from_secs(5);

/// What is known about the past that may be forgotten.
#[derive(Debug)]
pub(super) struct Collect {
    /// The commit that the store held at the start: zero means that nothing can be stale.
    boot_commit: u64,
    commit: u64,
    durable: u64,
    /// When a fact came last that had left the compared set before: see [`Self::comes`].
    latecomer: Option<Mono>,
    /// With whom a comparison found the compared sets equal, and nothing was merged since.
    agreed: BTreeSet<NodeId>,
    /// In which exchange a member was asked for its receipt.
    asked: BTreeMap<NodeId, u32>,
    /// With whom which exchange ended equal at which epoch.
    equal: BTreeMap<NodeId, (u32, Epoch)>,
    /// Receipts that came for an exchange, which may still be running.
    offered: BTreeMap<NodeId, Receipt>,
    /// Up to which epoch a member has confirmed everything.
    confirmed: BTreeMap<NodeId, Epoch>,
    due: Option<Mono>,
    floor: Epoch,
    /// Who waits for a receipt of ours until it is durable.
    promised: BTreeSet<NodeId>,
    receipts: BTreeMap<NodeId, Receipt>,
    /// Members that have lost what they certified; each is told at every word of its until it
    /// certifies anew.
    stale: BTreeMap<NodeId, Stale>,
    sweeping: bool,
}

/// A member that has lost what it certified.
#[derive(Debug)]
struct Stale {
    /// When it is heard again, once it has certified anew.
    heard_at: Option<Mono>,
    receipt: Receipt,
}

impl Collect {
    pub(super) const fn new(floor: Epoch, boot_commit: u64) -> Self {
        Self {
            boot_commit,
            commit: boot_commit,
            durable: boot_commit,
            latecomer: None,
            agreed: BTreeSet::new(),
            asked: BTreeMap::new(),
            equal: BTreeMap::new(),
            offered: BTreeMap::new(),
            confirmed: BTreeMap::new(),
            due: Some(Mono::ZERO),
            floor,
            promised: BTreeSet::new(),
            receipts: BTreeMap::new(),
            stale: BTreeMap::new(),
            sweeping: false,
        }
    }

    /// How many members' words are remembered.
    pub(super) fn len(&self) -> usize {
        let Self { agreed, asked, confirmed, equal, offered, receipts, stale, .. } = self;
        let receipts = asked.len() + offered.len() + receipts.len() + stale.len();
        agreed.len() + confirmed.len() + equal.len() + receipts
    }

    /// Takes note of what a store's answer says about commits: a read that was answered before an
    /// earlier merge has seen it all the same.
    pub(super) fn note(&mut self, reply: Option<&StoreReply>) {
        let (commit, durable) = match reply {
            Some(StoreReply::Merged { commit, .. } | StoreReply::Wiped { commit, .. }) => {
                (*commit, 0)
            }
            Some(StoreReply::Synced { commit }) => (0, *commit),
            Some(StoreReply::Totals(totals) | StoreReply::Sketched { totals, .. }) => {
                (totals.commit, totals.durable)
            }
            Some(
                StoreReply::Described(_)
                | StoreReply::Facts(_)
                | StoreReply::Leased(_)
                | StoreReply::Sifted(_)
                | StoreReply::Swept { .. }
                | StoreReply::Taken { .. },
            )
            | None => return,
        };
        self.commit = self.commit.max(commit);
        self.durable = self.durable.max(durable);
    }

    pub(super) const fn commit(&self) -> u64 {
        self.commit
    }

    /// The last commit, and the last one that is known to be durable.
    pub(super) const fn commits(&self) -> (u64, u64) {
        (self.commit, self.durable)
    }

    /// Everything that was held at the start is forgotten.
    pub(super) const fn holds_nothing_stale(&mut self) {
        self.boot_commit = 0;
    }

    pub(super) fn agreed(&mut self, with: NodeId) {
        self.agreed.insert(with);
    }

    /// A member is gone, and what it found a moment ago with it. What it confirmed stays.
    pub(super) fn gone(&mut self, member: &NodeId) {
        self.agreed.remove(member);
        self.asked.remove(member);
        self.equal.remove(member);
        self.offered.remove(member);
    }

    /// The set is another one now: who agreed with the old one may not agree with it.
    pub(super) fn disagrees(&mut self) {
        self.agreed.clear();
    }

    pub(super) fn agreeing(&self, partners: Partners<'_>) -> usize {
        self.agreed.iter().filter(|member| partners.contains(member)).count()
    }

    /// A comparison begins in which the member is asked for its receipt.
    pub(super) fn asks(&mut self, member: NodeId, exchange: u32) {
        self.asked.insert(member, exchange);
    }

    pub(super) fn equal(&mut self, with: NodeId, began: Mono, exchange: u32, epoch: Epoch) {
        self.agreed.insert(with);
        if self.latecomer.is_none_or(|latecomer| latecomer < began) {
            self.equal.insert(with, (exchange, epoch));
        }
    }

    /// A fact is about to be merged. If it has left the compared set already, as a deletion that was
    /// cut off for longer than the horizon, whoever confirmed that epoch did so without it, and may
    /// hold what it deletes: all of them confirm anew. What the store is asked from now on it answers
    /// with the fact.
    pub(super) fn comes(&mut self, now: Now, leaves_at: Epoch) {
        // A partner's epoch, at which both compare, may be one ahead of ours.
        let is_late = leaves_at <= Epoch::of(now.wall).next();
        if !is_late || leaves_at < self.floor {
            return;
        }
        self.latecomer = Some(now.mono);
        self.equal.retain(|_, (_, epoch)| *epoch < leaves_at);
        for confirmed in self.confirmed.values_mut() {
            *confirmed = leaves_at.previous().min(*confirmed);
        }
    }

    /// A receipt and an equal end of the same exchange, whichever came first.
    fn take_confirmation(&mut self, from: NodeId) -> Option<(Receipt, Epoch)> {
        let (exchange, epoch) = *self.equal.get(&from)?;
        let receipt = *self.offered.get(&from).filter(|offer| offer.exchange == exchange)?;
        self.equal.remove(&from);
        self.offered.remove(&from);
        Some((receipt, epoch))
    }

    /// A fact will expire: the sweep must not come later than that.
    pub(super) fn expires(&mut self, now: Now, at: Wall) {
        if at != Wall::ZERO {
            let due = now.mono + at.since(now.wall).max(SWEEP_PAUSE);
            self.due = Some(self.due.map_or(due, |old| old.min(due)));
        }
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        self.due.filter(|_| !self.sweeping)
    }

    /// The epoch below which every one of these members has confirmed that it needs nothing.
    fn confirmed_floor(
        &self,
        members: &[NodeId],
        view_equal: &BTreeMap<NodeId, Epoch>,
    ) -> Option<Epoch> {
        let confirmed = |member| {
            let state = *self.confirmed.get(member)?;
            Some(state.min(*view_equal.get(member)?))
        };
        // Nobody else known is no evidence at all: they may just not have been found yet.
        let all: Option<Vec<_>> = members.iter().map(confirmed).collect();
        all?.into_iter().min().map(Epoch::next)
    }
}

impl Channel {
    pub(super) fn sweep_if_due(&mut self, env: &mut Env<'_>) {
        if self.collect.deadline().is_none_or(|due| due > env.now.mono) {
            return;
        }
        if self.is_view() {
            return self.sweep(env);
        }
        // A store that refuses writes lets go of nothing: reads judge expiry by themselves.
        if env.is_read_only() {
            self.collect.due = None;
            return;
        }
        // A clock that most partners contradict must not let go of anything.
        if env.clock_disagrees {
            self.collect.due = Some(env.now.mono + SWEEP_PAUSE * 10);
            return;
        }
        self.raise_floor(env);
        self.sweep(env);
    }

    /// The epoch before which facts that have left the compared set are gone. What is said of members goes by
    /// its date alone, which its author signed: no copy of it is younger, whoever brings it. A clock that
    /// most partners contradict says of no word that it is old.
    pub(super) fn floor(&self, env: &Env<'_>) -> Epoch {
        match (self.is_view(), env.clock_disagrees) {
            (false, _) => self.collect.floor,
            (true, false) => Epoch::of(env.now.wall),
            (true, true) => Epoch::ZERO,
        }
    }

    fn sweep(&mut self, env: &mut Env<'_>) {
        self.collect.sweeping = true;
        let (wall, floor) = (env.now.wall, self.floor(env));
        let op = StoreOp::Sweep { shard: self.shard, wall, epoch: Epoch::of(wall), floor };
        self.ask(env, Pending::Sweep, op);
    }

    pub(super) fn swept(&mut self, env: &mut Env<'_>, reply: Option<StoreReply>) {
        self.collect.sweeping = false;
        let wall = env.now.wall;
        let to_next_epoch = Epoch::of(wall).next().start().since(wall);
        let mut pause = to_next_epoch + Duration::from_millis(1);
        if let Some(StoreReply::Swept { expired, next, left, dropped }) = reply {
            for fact in expired {
                let channel = self.id();
                env.event(Event::Changed { channel, change: Change::Expire, fact });
            }
            if let Some(next) = next {
                pause = pause.min(next.since(wall));
            }
            if left > 0 {
                // The compared set is another one now.
                self.slots.reconcile.changed(env.now.mono);
            }
            env.status.collected += dropped as u64;
        }
        self.collect.due = Some(env.now.mono + pause.max(SWEEP_PAUSE));
    }

    fn raise_floor(&mut self, env: &mut Env<'_>) {
        // Where siblings live side by side, what is dead hides what its author had seen of others: with
        // it gone, that would be read again.
        if self.retain.limit() > 1 || env.awaits {
            return;
        }
        let confirmed = if made(Mistake::DropUnconfirmed) {
            Some(Epoch::of(env.now.wall).next())
        } else {
            self.collect.confirmed_floor(&(env.required)(), env.view_equal)
        };
        let Some(floor) = confirmed.filter(|floor| *floor > self.collect.floor) else { return };
        self.collect.floor = floor;
        let value = Some(Bytes::copy_from_slice(&floor.number().to_be_bytes()));
        let op = StoreOp::Remember { name: MetaName::Floor(self.shard), value };
        self.ask(env, Pending::Remember, op);
    }

    /// A member wants our receipt: what we hold must be durable first.
    pub(super) fn prepare_receipt(&mut self, env: &mut Env<'_>, to: NodeId, exchange: u32) {
        // What cannot become durable is not promised; what is on its way says the same. Who waits for somebody whom
        // others may never have heard of holds them back as well: nobody lets go of what it confirms nothing of.
        let holds_back = env.awaits && exchange != ANEW;
        if env.is_read_only() || holds_back || !self.collect.promised.insert(to) {
            return;
        }
        let commit = self.collect.commit();
        if made(Mistake::PromiseEarly) {
            let reply = Some(StoreReply::Synced { commit });
            return self.give_receipt(env, to, exchange, commit, reply);
        }
        self.ask(env, Pending::Receipt { to, exchange, commit }, StoreOp::Sync { commit });
    }

    pub(super) fn give_receipt(
        &mut self,
        env: &mut Env<'_>,
        to: NodeId,
        exchange: u32,
        commit: u64,
        reply: Option<StoreReply>,
    ) {
        self.collect.promised.remove(&to);
        if !matches!(reply, Some(StoreReply::Synced { .. })) {
            return;
        }
        let message = self.receipt_message(env.boot, exchange, commit);
        let receipt = Receipt::new(env.boot, exchange, commit, env.keys.sign(&message));
        env.send(self.id(), to, Class::Gossip, Parcel::Talk(Talk::Receipt(receipt)));
    }

    /// A member says that everything which it compared with us is durable there.
    pub(super) fn on_receipt(&mut self, env: &mut Env<'_>, from: NodeId, receipt: Receipt) {
        if receipt.exchange == ANEW {
            // It has nothing stale any more; what it certified before counts no longer.
            if self.collect.stale.contains_key(&from) && self.is_signed(env, from, &receipt) {
                self.collect.receipts.remove(&from);
                if let Some(stale) = self.collect.stale.get_mut(&from) {
                    stale.heard_at.get_or_insert(env.now.mono + STRAGGLERS);
                }
            }
            return;
        }
        if self.collect.asked.get(&from) != Some(&receipt.exchange) {
            return env.reject(Some(from), Why::Unasked);
        }
        self.collect.asked.remove(&from);
        self.collect.offered.insert(from, receipt);
        self.confirm(env, from);
    }

    /// Takes note of a member's confirmation once both halves of it are here.
    pub(super) fn confirm(&mut self, env: &mut Env<'_>, from: NodeId) {
        let Some((receipt, epoch)) = self.collect.take_confirmation(from) else { return };
        // At most one check per exchange that we began: no partner can make us work.
        if !self.is_signed(env, from, &receipt) {
            return env.reject(Some(from), Why::BadSignature);
        }
        self.collect.confirmed.insert(from, epoch);
        self.collect.receipts.insert(from, receipt);
        let mut value = receipt.commit.to_be_bytes().to_vec();
        value.extend_from_slice(&receipt.exchange.to_be_bytes());
        value.extend_from_slice(&receipt.boot.0);
        value.extend_from_slice(receipt.signature().as_bytes());
        let name = MetaName::Receipt(self.id(), from);
        let op = StoreOp::Remember { name, value: Some(Bytes::from(value)) };
        self.ask(env, Pending::Remember, op);
    }

    /// A session with a member stands that is worth a comparison.
    pub(crate) fn met(&mut self, env: &mut Env<'_>, from: NodeId, returned: bool) {
        self.with_slots(env, |slots, cx| slots.reconcile.met(cx, from, returned));
    }

    /// A member said Hello, and what its store held at its start: if a receipt of an earlier start
    /// names a later commit, it has lost state that others let go of on its word.
    pub(crate) fn on_hello(
        &mut self,
        env: &mut Env<'_>,
        (from, returned): (NodeId, bool),
        boot: BootId,
        commit: u64,
    ) {
        if returned || self.collect.boot_commit > 0 {
            self.met(env, from, returned);
        }
        // What was found a moment ago was found with what may have been another start.
        self.collect.gone(&from);
        let receipt = self.collect.receipts.get(&from).copied();
        if receipt.is_none_or(|receipt| receipt.boot != boot) {
            // Between two starts it may have given up its state and taken an older one: it confirms
            // anew.
            self.collect.confirmed.remove(&from);
        }
        let lost = |receipt: &Receipt| receipt.boot != boot && receipt.commit > commit;
        match receipt.filter(lost) {
            Some(receipt) => {
                self.collect.stale.insert(from, Stale { heard_at: None, receipt });
            }
            None => {
                let now = env.now.mono;
                let waits = |stale: &Stale| stale.heard_at.is_some_and(|at| at > now);
                self.collect.stale.retain(|member, stale| *member != from || waits(stale));
            }
        }
    }

    /// Whether a member has lost state and not taken it anew: it is told so, and its facts wait. So
    /// do those that it may have sent before it did.
    pub(super) fn is_stale(&mut self, env: &mut Env<'_>, from: NodeId) -> bool {
        let Some(Stale { heard_at, receipt }) = self.collect.stale.get(&from) else { return false };
        match heard_at {
            None => env.send(self.id(), from, Class::Gossip, Parcel::Talk(Talk::Stale(*receipt))),
            Some(at) if *at <= env.now.mono => {
                self.collect.stale.remove(&from);
                return false;
            }
            Some(_) => {}
        }
        true
    }

    /// Somebody shows us a receipt of ours with a later commit than our store had at the start.
    /// Only our own signature convinces us.
    pub(super) fn on_stale(&mut self, env: &mut Env<'_>, from: NodeId, receipt: Receipt) {
        if !self.is_signed(env, env.keys.id(), &receipt) {
            return env.reject(Some(from), Why::BadSignature);
        }
        // A store that was empty at the start can hold nothing stale, and what we certified since
        // is here.
        let since = receipt.boot == env.boot || receipt.commit <= self.collect.boot_commit;
        if self.collect.boot_commit == 0 || since {
            return self.prepare_receipt(env, from, ANEW);
        }
        self.take_anew(env, receipt.commit);
    }

    /// Restores what others once certified, after a restart.
    pub(crate) fn restore_receipt(&mut self, from: NodeId, stored: &[u8]) {
        let Some((commit, signature)) = stored.split_first_chunk::<8>() else { return };
        let Some((exchange, signature)) = signature.split_first_chunk::<4>() else { return };
        let Some((boot, signature)) = signature.split_first_chunk::<8>() else { return };
        let Ok(signature) = <[u8; 64]>::try_from(signature) else { return };
        let (boot, commit) = (BootId(*boot), u64::from_be_bytes(*commit));
        let exchange = u32::from_be_bytes(*exchange);
        let receipt = Receipt::new(boot, exchange, commit, Signature::from_bytes(signature));
        self.collect.receipts.insert(from, receipt);
    }

    /// A member is forgotten; its receipt is kept if it is still waited for.
    pub(crate) fn forget(&mut self, member: &NodeId, waits: bool) {
        self.collect.gone(member);
        self.collect.confirmed.remove(member);
        self.collect.stale.remove(member);
        if !waits {
            self.collect.receipts.remove(member);
        }
    }

    fn is_signed(&self, env: &Env<'_>, by: NodeId, receipt: &Receipt) -> bool {
        let message = self.receipt_message(receipt.boot, receipt.exchange, receipt.commit);
        env.keys.vouches(by, receipt.signature(), &message)
    }

    fn receipt_message(&self, boot: BootId, exchange: u32, commit: u64) -> Vec<u8> {
        let mut message = b"gossip receipt v1".to_vec();
        message.extend_from_slice(self.domain.cluster().as_bytes());
        message.extend_from_slice(self.domain.channel().as_bytes());
        message.extend_from_slice(&boot.0);
        message.extend_from_slice(&exchange.to_be_bytes());
        message.extend_from_slice(&commit.to_be_bytes());
        message
    }
}
