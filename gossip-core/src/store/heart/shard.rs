//! One shard's facts: what every operation of the memory store does to them.

mod check;
mod heads;

use std::ops::Range;

use bytes::Bytes;
use slab::Slab;

use self::heads::Heads;
use crate::fact::{Envelope, Verified};
use crate::id::FactId;
use crate::mistake::{Mistake, made};
use crate::sketch::Symbol;
use crate::state::{Item, Set, Span, Totals};
use crate::store::catalogue::{Catalogue, Entry, Record, Row, Slot};
use crate::store::decision::{Decision, decide};
use crate::store::room::Room;
use crate::store::{
    DROP_LIMIT, Describe, Description, Merge, Merged, SWEEP_BYTES, SWEEP_LIMIT, Sifted, StoreReply,
    TAKE_LIMIT,
};
use crate::strategy::Retain;
use crate::time::{Epoch, Hlc, Wall};

/// The facts of a shard, each in one slot, and everything they are found by.
#[derive(Clone, Debug, Default)]
pub(super) struct Shard {
    catalogue: Catalogue,
    facts: Facts,
    heads: Heads,
}

type Facts = Slab<Envelope>;

impl Shard {
    /// Merges facts in order.
    pub(super) fn merge(&mut self, merge: Merge) -> Vec<Merged> {
        let Merge { shard: _, retain, facts, epoch, floor } = merge;
        self.raise(epoch);
        let merge = |fact: &Verified<Envelope>| {
            let merged = self.merge_one(&*retain, fact, floor);
            if made(Mistake::ForgetTombstone) && fact.is_tombstone() {
                let slots = self.heads.slots(fact.key(), &self.facts).to_vec();
                slots.into_iter().for_each(|slot| self.discard(slot));
            }
            merged
        };
        facts.iter().map(merge).collect()
    }

    fn merge_one(
        &mut self,
        retain: &dyn Retain,
        fact: &Verified<Envelope>,
        floor: Epoch,
    ) -> Merged {
        let head = self.heads.head(fact.key(), &self.facts);
        match decide(retain, fact, siblings(head.slots(), &self.facts), self.catalogue.epoch()) {
            Decision::Known => Merged::Known,
            _ if fact.leaves_at() < floor => Merged::Collected,
            Decision::Obsolete(by) => Merged::Obsolete(
                by.and_then(|at| self.facts.get(*head.slots().get(at)? as usize).cloned()),
            ),
            Decision::Keep(order) => {
                let slot = self.facts.vacant_key() as Slot;
                let held = |at| head.slots().get(at).copied().unwrap_or(slot);
                let after: Vec<_> = order.into_iter().map(|at| at.map_or(slot, held)).collect();
                let displaced = head.slots().iter().copied().filter(|held| !after.contains(held));
                let displaced: Vec<_> = displaced.collect();
                head.set(&after);
                self.insert(fact.compact().into_inner(), slot);
                let displaced = displaced.into_iter().filter_map(|slot| self.take(slot));
                Merged::Inserted(displaced.map(|fact| fact.id()).collect())
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
            let held = siblings(slots, &self.facts);
            match decide(retain, fact, held.clone(), self.catalogue.epoch()) {
                Decision::Known => Sifted::Known,
                Decision::Keep(_) | Decision::New => Sifted::Candidate,
                Decision::Obsolete(by) => {
                    Sifted::Obsolete(by.and_then(|at| held.clone().nth(at)).cloned())
                }
            }
        };
        facts.iter().map(sift).collect()
    }

    /// Lets time pass.
    pub(super) fn sweep(&mut self, wall: Wall, epoch: Epoch, floor: Epoch) -> StoreReply {
        let fact = |(at, entry): (Wall, Entry)| Some((at, entry, self.get(entry.slot())?.clone()));
        let mut room = Room::new(SWEEP_LIMIT, SWEEP_BYTES);
        let fits = |(_, _, fact): &(Wall, Entry, Envelope)| room.take(1, fact.bytes().len());
        let due: Vec<_> = self.catalogue.due(wall).filter_map(fact).take_while(fits).collect();
        due.iter().for_each(|(at, entry, _)| self.catalogue.announce(*at, entry));
        let expired = due.into_iter().map(|(_, _, fact)| fact).collect();
        self.raise(epoch);
        let left = self.catalogue.take_left();
        let dropped = self.catalogue.before(floor).take(DROP_LIMIT);
        let dropped: Vec<_> = dropped.map(Entry::slot).collect();
        dropped.iter().for_each(|slot| self.discard(*slot));
        let next = self.catalogue.next_sweep(wall, floor);
        StoreReply::Swept { expired, next, left, dropped: dropped.len() }
    }

    /// Answers a partner's questions.
    pub(super) fn describe(&self, describe: &Describe) -> Vec<Description> {
        let rival = |slot| self.get(slot).map_or([0; 8], |fact| describe.retain.rival(fact));
        let item = |entry: &Entry| Item { point: entry.point(), rival: rival(entry.slot()) };
        self.catalogue.describe(describe.set, &describe.asks, item)
    }

    /// Sums up the compared set of an epoch in cells and in numbers; `commit` and `durable` stay zero.
    pub(super) fn sketch(&mut self, epoch: Epoch, cells: Range<usize>, key: u64) -> (Row, Totals) {
        self.catalogue.sketch(epoch, cells, key)
    }

    /// Counts and sums up a set; `commit` and `durable` stay zero.
    pub(super) fn total(&self, set: Set) -> Totals {
        self.catalogue.total(set)
    }

    /// The facts with those symbols that are held, as far as so many bytes reach.
    pub(super) fn fetch(&self, symbols: &[Symbol], bytes: usize) -> Vec<Envelope> {
        let entries = symbols.iter().flat_map(|symbol| self.catalogue.named(*symbol));
        let mut room = Room::new(usize::MAX, bytes);
        let facts = entries.filter_map(|entry| self.get(entry.slot()).cloned());
        facts.take_while(|fact| room.take(1, fact.bytes().len())).collect()
    }

    /// The first facts of a span of a set, as far as so many bytes reach.
    pub(super) fn stretch(&self, set: Set, span: &Span, bytes: usize) -> StoreReply {
        let (count, entries) = self.catalogue.stretch(set, span);
        let mut room = Room::new(TAKE_LIMIT, bytes);
        let facts = entries.iter().filter_map(|entry| self.get(entry.slot()).cloned());
        let facts: Vec<_> = facts.take_while(|fact| room.take(1, fact.bytes().len())).collect();
        let upto = entries.get(facts.len()).map_or(span.upto, Entry::point);
        let left = count - facts.len() as u64;
        StoreReply::Taken { facts, upto, left }
    }

    /// The facts of a key in the order of the retain rule.
    pub(super) fn head(&self, key: &[u8]) -> Vec<Envelope> {
        siblings(self.heads.slots(key, &self.facts), &self.facts).cloned().collect()
    }

    /// Whole keys until the next one would exceed a limit, but at least one key.
    pub(super) fn scan(
        &self,
        prefix: &[u8],
        after: Option<&Bytes>,
        limit: usize,
        bytes: usize,
    ) -> Vec<Envelope> {
        let mut room = Room::new(limit, bytes);
        let fits = |slots: &&[Slot]| {
            let bytes = siblings(slots, &self.facts).map(|fact| fact.bytes().len()).sum();
            limit > 0 && room.take(slots.len(), bytes)
        };
        let keys = self.heads.scan(prefix, after.map(|key| &**key), &self.facts);
        let keys = keys.map(|(_, slots)| slots).take_while(fits);
        keys.flat_map(|slots| siblings(slots, &self.facts)).cloned().collect()
    }

    /// The ids of everything.
    pub(super) fn ids(&self) -> Vec<FactId> {
        self.catalogue.entries().map(Entry::id).collect()
    }

    /// How many facts are held.
    pub(super) fn len(&self) -> usize {
        self.facts.len()
    }

    /// The highest version held.
    pub(super) fn hlc(&self) -> Hlc {
        self.catalogue.hlc()
    }

    fn raise(&mut self, epoch: Epoch) {
        if !made(Mistake::ForgetEpoch) {
            self.catalogue.raise(epoch);
        }
    }

    /// Puts a fact that its key already names into the vacant slot.
    fn insert(&mut self, fact: Envelope, slot: Slot) {
        self.catalogue.insert(&Record::of(&fact, slot), false);
        self.facts.insert(fact);
    }

    /// Removes a fact from everything, its key included.
    fn discard(&mut self, slot: Slot) {
        if let Some(fact) = self.facts.get(slot as usize) {
            let head = self.heads.head(fact.key(), &self.facts);
            let rest: Vec<_> = head.slots().iter().copied().filter(|held| *held != slot).collect();
            head.set(&rest);
            self.take(slot);
        }
    }

    /// Removes a fact from everything but its key.
    fn take(&mut self, slot: Slot) -> Option<Envelope> {
        let fact = self.facts.try_remove(slot as usize)?;
        if !made(Mistake::KeepIndexEntry) {
            self.catalogue.remove(&Record::of(&fact, slot));
        }
        Some(fact)
    }

    fn get(&self, slot: Slot) -> Option<&Envelope> {
        self.facts.get(slot as usize)
    }
}

fn siblings<'a>(slots: &'a [Slot], facts: &'a Facts) -> impl Iterator<Item = &'a Envelope> + Clone {
    slots.iter().filter_map(|slot| facts.get(*slot as usize))
}
