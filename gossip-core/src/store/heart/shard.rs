//! One shard's facts: what every operation of the memory store does to them.

mod check;
mod heads;
mod sets;

use std::collections::BTreeSet;

use bytes::Bytes;
use slab::Slab;

use self::heads::Heads;
use self::sets::Sets;
use super::index::{Entry, Slot};
use crate::fact::{Envelope, Verified};
use crate::state::{Item, Point, Set, Totals};
use crate::store::{Describe, Description, Merge, Merged, SWEEP_LIMIT, Sifted, StoreReply};
use crate::strategy::Retain;
use crate::time::{Epoch, Hlc, Wall};

/// The facts of a shard, each in one slot, and everything they are found by.
#[derive(Clone, Debug, Default)]
pub(super) struct Shard {
    /// What is yet to be announced as expired.
    expiry: BTreeSet<(Wall, Slot)>,
    facts: Facts,
    heads: Heads,
    sets: Sets,
}

type Facts = Slab<Held>;

#[derive(Clone, Debug)]
struct Held {
    /// Whether it is a deletion or was announced as expired.
    dead: bool,
    fact: Envelope,
}

/// How a new fact fares against what its key has.
enum Decision<'a> {
    Known,
    /// The key's facts are to be these; `None` is the new one.
    Keep(Vec<Option<Slot>>),
    /// The key has no fact yet.
    New,
    /// A dormant fact that alone displaces it is named.
    Obsolete(Option<&'a Envelope>),
}

impl Shard {
    /// Merges facts in order.
    pub(super) fn merge(&mut self, merge: Merge) -> Vec<Merged> {
        let Merge { shard: _, retain, facts, epoch, floor } = merge;
        self.sets.raise(epoch, &self.facts);
        facts.iter().map(|fact| self.merge_one(&*retain, fact, floor)).collect()
    }

    fn merge_one(
        &mut self,
        retain: &dyn Retain,
        fact: &Verified<Envelope>,
        floor: Epoch,
    ) -> Merged {
        let head = self.heads.head(fact.key(), &self.facts);
        match decide(retain, fact, head.slots(), &self.facts, self.sets.epoch()) {
            Decision::Known => Merged::Known,
            _ if fact.leaves_at() < floor => Merged::Collected,
            Decision::Obsolete(by) => Merged::Obsolete(by.cloned()),
            Decision::Keep(order) => {
                let slot = self.facts.vacant_key() as Slot;
                let after: Vec<_> = order.into_iter().map(|kept| kept.unwrap_or(slot)).collect();
                let displaced = head.slots().iter().copied().filter(|held| !after.contains(held));
                let displaced: Vec<_> = displaced.collect();
                head.set(&after);
                self.insert(fact.compact().into_inner(), slot);
                Merged::Inserted(displaced.into_iter().filter_map(|slot| self.take(slot)).collect())
            }
            Decision::New => {
                let slot = self.facts.vacant_key() as Slot;
                head.set(&[slot]);
                self.insert(fact.compact().into_inner(), slot);
                Merged::Inserted(Vec::new())
            }
        }
    }

    /// Decides as a merge would, and keeps nothing.
    pub(super) fn sift(&self, retain: &dyn Retain, facts: &[Envelope]) -> Vec<Sifted> {
        let sift = |fact: &Envelope| {
            let slots = self.heads.slots(fact.key(), &self.facts);
            match decide(retain, fact, slots, &self.facts, self.sets.epoch()) {
                Decision::Known => Sifted::Known,
                Decision::Keep(_) | Decision::New => Sifted::Candidate,
                Decision::Obsolete(by) => Sifted::Obsolete(by.cloned()),
            }
        };
        facts.iter().map(sift).collect()
    }

    /// Lets time pass.
    pub(super) fn sweep(&mut self, wall: Wall, epoch: Epoch, floor: Epoch) -> StoreReply {
        let mut expired = Vec::new();
        while expired.len() < SWEEP_LIMIT
            && let Some((at, slot)) = self.expiry.first().copied()
            && at <= wall
        {
            self.expiry.remove(&(at, slot));
            let Some(held) = self.facts.get_mut(slot as usize) else { continue };
            held.dead = true;
            self.sets.die(held.fact.leaves_at());
            expired.push(held.fact.clone());
        }
        self.sets.raise(epoch, &self.facts);
        let left = self.sets.take_left();
        let dropped = self.sets.before(floor);
        for slot in &dropped {
            self.discard(*slot);
        }
        let next = self.expiry.first().map(|(at, _)| *at);
        StoreReply::Swept { expired, next, left, dropped: dropped.len() }
    }

    /// Answers a partner's questions.
    pub(super) fn describe(&self, describe: &Describe) -> Vec<Description> {
        let selection = self.sets.select(describe.set, &self.facts);
        let rival = |slot| self.get(slot).map_or([0; 8], |fact| describe.retain.rival(fact));
        let item = |entry: &Entry| Item { point: entry.point(), rival: rival(entry.slot) };
        describe.asks.iter().map(|ask| selection.describe(ask, item)).collect()
    }

    /// Counts and sums up a set; `commit` and `durable` stay zero.
    pub(super) fn total(&self, set: Set) -> Totals {
        self.sets.total(set, &self.facts)
    }

    /// The facts at those points that are held.
    pub(super) fn fetch(&self, points: &[Point]) -> Vec<Envelope> {
        points.iter().filter_map(|point| self.fact(self.sets.find(*point))).collect()
    }

    /// The facts of a key in the order of the retain rule.
    pub(super) fn head(&self, key: &[u8]) -> Vec<Envelope> {
        self.siblings(self.heads.slots(key, &self.facts)).cloned().collect()
    }

    /// Whole keys until the next one would exceed the limit, but at least one key.
    pub(super) fn scan(&self, prefix: &[u8], after: Option<&Bytes>, limit: usize) -> Vec<Envelope> {
        let mut facts = Vec::new();
        for (_, slots) in self.heads.scan(prefix, after.map(|key| &**key), &self.facts) {
            if limit == 0 || (!facts.is_empty() && facts.len() + slots.len() > limit) {
                break;
            }
            facts.extend(self.siblings(slots).cloned());
        }
        facts
    }

    /// Everything, in key order.
    pub(super) fn into_facts(self) -> Vec<Envelope> {
        self.scan(&[], None, usize::MAX)
    }

    /// How many facts are held.
    pub(super) fn len(&self) -> usize {
        self.facts.len()
    }

    /// The highest version held.
    pub(super) fn hlc(&self) -> Hlc {
        self.facts.iter().map(|(_, held)| held.fact.hlc()).max().unwrap_or_default()
    }

    /// Puts a fact that its key already names into the vacant slot.
    fn insert(&mut self, fact: Envelope, slot: Slot) {
        let held = Held { dead: fact.is_tombstone(), fact };
        if held.fact.expires_at() != Wall::ZERO {
            self.expiry.insert((held.fact.expires_at(), slot));
        }
        self.sets.insert(&held, slot);
        self.facts.insert(held);
    }

    /// Removes a fact from everything, its key included.
    fn discard(&mut self, slot: Slot) {
        if let Some(held) = self.facts.get(slot as usize) {
            let head = self.heads.head(held.fact.key(), &self.facts);
            let rest: Vec<_> = head.slots().iter().copied().filter(|held| *held != slot).collect();
            head.set(&rest);
            self.take(slot);
        }
    }

    /// Removes a fact from everything but its key.
    fn take(&mut self, slot: Slot) -> Option<Envelope> {
        let held = self.facts.try_remove(slot as usize)?;
        self.expiry.remove(&(held.fact.expires_at(), slot));
        self.sets.remove(&held, slot);
        Some(held.fact)
    }

    fn get(&self, slot: Slot) -> Option<&Envelope> {
        self.facts.get(slot as usize).map(|held| &held.fact)
    }

    fn fact(&self, slot: Option<Slot>) -> Option<Envelope> {
        self.get(slot?).cloned()
    }

    fn siblings(&self, slots: &[Slot]) -> impl Iterator<Item = &Envelope> {
        slots.iter().filter_map(|slot| self.get(*slot))
    }
}

/// Decides between a fact and those in `slots`, which its key has; `epoch` says what is dormant.
fn decide<'a>(
    retain: &dyn Retain,
    fact: &Envelope,
    slots: &[Slot],
    facts: &'a Facts,
    epoch: Epoch,
) -> Decision<'a> {
    let held = || slots.iter().filter_map(|slot| Some((*slot, &facts.get(*slot as usize)?.fact)));
    if slots.is_empty() {
        return Decision::New;
    }
    if held().any(|(_, held)| held.id() == fact.id()) {
        return Decision::Known;
    }
    let mut kept: Vec<_> = held().map(|(_, held)| held).chain([fact]).collect();
    retain.retain(&mut kept);
    debug_assert!((1..=retain.limit()).contains(&kept.len()), "{retain:?} breaks a law");
    if kept.iter().any(|kept| kept.id() == fact.id()) {
        let slot_of = |kept: &Envelope| held().find(|(_, held)| held.id() == kept.id());
        let order = kept.into_iter().map(|kept| slot_of(kept).map(|(slot, _)| slot));
        return Decision::Keep(order.collect());
    }
    let mut dormant = held().map(|(_, held)| held).filter(|held| held.leaves_at() <= epoch);
    Decision::Obsolete(dormant.find(|held| supersedes(retain, held, fact)))
}

/// Whether a fact alone displaces another of its key.
fn supersedes(retain: &dyn Retain, held: &Envelope, fact: &Envelope) -> bool {
    let mut both = vec![held, fact];
    retain.retain(&mut both);
    both.iter().all(|kept| kept.id() != fact.id())
}
