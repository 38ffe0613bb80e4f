//! Which facts are compared in which epoch.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::super::index::{Entry, Index, Slot};
use super::super::selection::Selection;
use super::{Facts, Held};
use crate::state::{Point, Set, Span, Totals};
use crate::time::Epoch;

/// All facts of a shard by time order and by the epoch in which they leave the compared set.
///
/// What leaves after `epoch` is *active*, everything else *dormant*. Sets of other epochs are
/// made of these by adding or taking away what leaves in between.
#[derive(Clone, Debug, Default)]
pub(super) struct Sets {
    active: Group,
    dormant: BTreeMap<Epoch, Group>,
    epoch: Epoch,
    /// The active facts that ever leave.
    leaving: BTreeSet<(Epoch, Slot)>,
    /// How many became dormant since they were last asked for.
    left: usize,
}

#[derive(Clone, Debug, Default)]
struct Group {
    index: Index,
    /// How many of them have no value: deletions, and what was announced as expired.
    dead: u64,
}

impl Sets {
    pub(super) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) fn insert(&mut self, held: &Held, slot: Slot) {
        let leaves_at = held.fact.leaves_at();
        if leaves_at > self.epoch && leaves_at != Epoch::NEVER {
            self.leaving.insert((leaves_at, slot));
        }
        self.group(leaves_at).insert(held, slot);
    }

    pub(super) fn remove(&mut self, held: &Held, slot: Slot) {
        let leaves_at = held.fact.leaves_at();
        self.leaving.remove(&(leaves_at, slot));
        self.group(leaves_at).remove(held, slot);
        if self.dormant.get(&leaves_at).is_some_and(|group| group.count() == 0) {
            self.dormant.remove(&leaves_at);
        }
    }

    /// Notes that a fact of this epoch has lost its value.
    pub(super) fn die(&mut self, leaves_at: Epoch) {
        self.group(leaves_at).dead += 1;
    }

    /// Makes dormant what has left the compared set of this epoch.
    pub(super) fn raise(&mut self, epoch: Epoch, facts: &Facts) {
        // What never leaves is never dormant, whatever the clock says.
        let epoch = epoch.min(Epoch::NEVER.previous());
        if epoch <= self.epoch {
            return;
        }
        self.epoch = epoch;
        while let Some((leaves_at, slot)) = self.leaving.pop_first() {
            if leaves_at > epoch {
                self.leaving.insert((leaves_at, slot));
                break;
            }
            if let Some(held) = facts.get(slot as usize) {
                self.active.remove(held, slot);
                self.group(leaves_at).insert(held, slot);
                self.left += 1;
            }
        }
    }

    /// How many became dormant since the last call.
    pub(super) fn take_left(&mut self) -> usize {
        std::mem::take(&mut self.left)
    }

    /// The dormant facts that left before this epoch.
    pub(super) fn before(&self, floor: Epoch) -> Vec<Slot> {
        let groups = self.dormant.range(..floor).map(|(_, group)| group);
        groups.flat_map(|group| group.index.entries(&Span::ALL)).map(|entry| entry.slot).collect()
    }

    pub(super) fn find(&self, point: Point) -> Option<Slot> {
        let mut groups = std::iter::once(&self.active).chain(self.dormant.values());
        groups.find_map(|group| group.index.find(point))
    }

    /// Counts and sums up a set; `commit` and `durable` stay zero.
    pub(super) fn total(&self, set: Set, facts: &Facts) -> Totals {
        let epochs = epochs_of(set);
        let sum = self.select(set, facts).sum(&Span::ALL);
        let dead =
            |epochs| self.leaving(epochs, facts).filter(|(held, _)| held.dead).count() as u64;
        let active = if epochs.contains(&Epoch::NEVER) {
            self.active.dead - dead(before(&epochs))
        } else {
            dead(epochs.clone())
        };
        let dormant: u64 = self.dormant_in(&epochs).map(|group| group.dead).sum();
        let tombstones = active + dormant;
        let last = match set {
            Set::Active(epoch) | Set::Dormant { upto: epoch, .. } => epoch,
        };
        Totals {
            entries: sum.count() - tombstones,
            tombstones,
            dormant: self.count_until(last),
            sum,
            ..Totals::default()
        }
    }

    /// The facts of a set.
    pub(super) fn select(&self, set: Set, facts: &Facts) -> Selection<'_> {
        let epochs = epochs_of(set);
        let index = |epochs| {
            let leaving = self.leaving(epochs, facts);
            Index::build(leaving.map(|(held, slot)| Entry::of(&held.fact, slot)).collect())
        };
        let dormant = self.dormant_in(&epochs).map(|group| Cow::Borrowed(&group.index));
        let (active, minus) = if epochs.contains(&Epoch::NEVER) {
            (Cow::Borrowed(&self.active.index), index(before(&epochs)))
        } else {
            (Cow::Owned(index(epochs.clone())), Index::default())
        };
        let mut plus: Vec<_> = dormant.chain([active]).collect();
        plus.retain(|index| index.total().count() > 0);
        Selection { plus, minus }
    }

    /// How many facts have left the compared set of an epoch.
    fn count_until(&self, epoch: Epoch) -> u64 {
        let dormant: u64 = self.dormant.range(..=epoch).map(|(_, group)| group.count()).sum();
        let leaving = self.leaving.range(..=(epoch, Slot::MAX)).count() as u64;
        let never = self.active.count() - self.leaving.len() as u64;
        dormant + leaving + if epoch == Epoch::NEVER { never } else { 0 }
    }

    /// Compares every derived thing with the facts.
    ///
    /// # Panics
    /// If one is wrong.
    pub(super) fn check(&self, facts: &Facts) {
        let mut active = Group::default();
        let mut dormant = BTreeMap::<_, Group>::new();
        let mut leaving = BTreeSet::new();
        for (slot, held) in facts {
            let leaves_at = held.fact.leaves_at();
            if leaves_at <= self.epoch {
                dormant.entry(leaves_at).or_default().insert(held, slot as Slot);
                continue;
            }
            active.insert(held, slot as Slot);
            if leaves_at != Epoch::NEVER {
                leaving.insert((leaves_at, slot as Slot));
            }
        }
        assert_eq!(self.leaving, leaving, "what leaves is waited for");
        self.active.check(&active);
        assert!(self.dormant.keys().eq(dormant.keys()), "dormant facts stand under their epochs");
        self.dormant.values().zip(dormant.values()).for_each(|(group, truth)| group.check(truth));
    }

    fn dormant_in(&self, epochs: &RangeInclusive<Epoch>) -> impl Iterator<Item = &Group> {
        let groups = self.dormant.iter().filter(|(epoch, _)| epochs.contains(epoch));
        groups.map(|(_, group)| group)
    }

    /// The active facts that leave in some epochs.
    fn leaving<'a>(
        &'a self,
        epochs: RangeInclusive<Epoch>,
        facts: &'a Facts,
    ) -> impl Iterator<Item = (&'a Held, Slot)> {
        let (from, upto) = epochs.into_inner();
        // Asked backwards, a tree panics; so ask it for nothing.
        let from = (from.min(upto.next()), Slot::MIN);
        let slots = self.leaving.range(from..(upto.next(), Slot::MIN)).map(|(_, slot)| *slot);
        slots.filter_map(|slot| Some((facts.get(slot as usize)?, slot)))
    }

    fn group(&mut self, leaves_at: Epoch) -> &mut Group {
        if leaves_at > self.epoch {
            &mut self.active
        } else {
            self.dormant.entry(leaves_at).or_default()
        }
    }
}

impl Group {
    fn insert(&mut self, held: &Held, slot: Slot) {
        self.dead += u64::from(held.dead);
        self.index.insert(Entry::of(&held.fact, slot));
    }

    fn remove(&mut self, held: &Held, slot: Slot) {
        self.dead -= u64::from(held.dead);
        self.index.remove(&Entry::of(&held.fact, slot));
    }

    const fn count(&self) -> u64 {
        self.index.total().count()
    }

    fn check(&self, truth: &Self) {
        self.index.check();
        assert_eq!(self.dead, truth.dead, "the dead are counted");
        let (held, truth) = (self.index.entries(&Span::ALL), truth.index.entries(&Span::ALL));
        assert!(held.eq(truth), "every fact has its place in time");
    }
}

/// The epochs in which the facts of a set leave the compared set.
fn epochs_of(set: Set) -> RangeInclusive<Epoch> {
    match set {
        // After the last epoch nothing leaves.
        Set::Active(Epoch::NEVER) => Epoch::NEVER..=Epoch::ZERO,
        Set::Active(epoch) => epoch.next()..=Epoch::NEVER,
        Set::Dormant { from, upto } => from..=upto,
    }
}

/// All epochs before some.
fn before(epochs: &RangeInclusive<Epoch>) -> RangeInclusive<Epoch> {
    // Nothing active leaves in the very first epoch.
    Epoch::ZERO..=epochs.start().previous()
}
