//! A table of members in the order of their ids, for what is asked for with every frame.

use std::cmp::Ordering;

use slab::Slab;

use super::{NodeId, beginning_of};

/// A place in a table: as long as an entry stands, it stands there.
pub(crate) type Slot = u32;

/// Entries in slots, and the order of their ids beside them.
///
/// The order holds the beginning of each id, which is its own unless somebody has tried for long. Ids are keys, which are
/// spread evenly: where one stands is guessed from its beginning, and is a few places away, mostly in the same line of memory or
/// the next one, where a tree of whole ids takes a dozen. Ids that somebody has chosen take a search by halves at worst. Who
/// comes or goes moves 16 bytes of everybody behind it.
#[derive(Clone, Debug)]
pub(crate) struct ById<V> {
    entries: Slab<(NodeId, V)>,
    order: Vec<(u64, Slot)>,
}

/// So many places next to the guess are looked at first: a line of memory.
const NEAR: usize = 4;

impl<V> ById<V> {
    pub(crate) const fn new() -> Self {
        Self { entries: Slab::new(), order: Vec::new() }
    }

    pub(crate) const fn len(&self) -> usize {
        self.order.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Where an entry stands.
    pub(crate) fn slot(&self, id: &NodeId) -> Option<Slot> {
        self.order.get(self.place(id).ok()?).map(|(_, slot)| *slot)
    }

    /// What stands there, and whose it is.
    pub(crate) fn at(&self, slot: Slot) -> Option<&(NodeId, V)> {
        self.entries.get(slot as usize)
    }

    pub(crate) fn contains(&self, id: &NodeId) -> bool {
        self.place(id).is_ok()
    }

    pub(crate) fn get(&self, id: &NodeId) -> Option<&V> {
        self.at(self.slot(id)?).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, id: &NodeId) -> Option<&mut V> {
        let slot = self.slot(id)?;
        self.entries.get_mut(slot as usize).map(|(_, value)| value)
    }

    /// Adds an entry, or replaces its value; where it stands, and the value before.
    pub(crate) fn insert(&mut self, id: NodeId, value: V) -> (Slot, Option<V>) {
        let place = match self.place(&id) {
            Ok(place) => place,
            Err(place) => {
                let slot = self.entries.insert((id, value)) as Slot;
                self.order.insert(place, (beginning_of(id.as_bytes()), slot));
                return (slot, None);
            }
        };
        let slot = self.order.get(place).map_or(0, |(_, slot)| *slot);
        let old = self.entries.get_mut(slot as usize);
        (slot, old.map(|(_, old)| std::mem::replace(old, value)))
    }

    /// Takes an entry away that is there.
    pub(crate) fn remove(&mut self, id: &NodeId) -> Option<V> {
        let (_, slot) = self.order.remove(self.place(id).ok()?);
        self.entries.try_remove(slot as usize).map(|(_, value)| value)
    }

    /// All entries, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&NodeId, &V)> {
        let entries = self.order.iter().filter_map(|(_, slot)| self.at(*slot));
        entries.map(|(id, value)| (id, value))
    }

    /// The same, each to be changed.
    pub(crate) fn for_each_mut(&mut self, mut change: impl FnMut(&NodeId, &mut V)) {
        for (_, slot) in &self.order {
            if let Some((id, value)) = self.entries.get_mut(*slot as usize) {
                change(id, value);
            }
        }
    }

    /// Where an entry stands in the order, or would.
    fn place(&self, id: &NodeId) -> Result<usize, usize> {
        let beginning = beginning_of(id.as_bytes());
        let mut place = self.first_from(beginning);
        // Mostly there is one that begins so. The rest of it is far away.
        while let Some((_, slot)) = self.order.get(place).filter(|(other, _)| *other == beginning) {
            match self.at(*slot).map(|(other, _)| other.cmp(id)) {
                Some(Ordering::Equal) => return Ok(place),
                Some(Ordering::Less) => place += 1,
                Some(Ordering::Greater) | None => break,
            }
        }
        Err(place)
    }

    /// The place of the first id that begins so, or with more.
    fn first_from(&self, beginning: u64) -> usize {
        let len = self.order.len();
        let is_before = |place: usize| self.order.get(place).is_some_and(|it| it.0 < beginning);
        let guess = ((u128::from(beginning) * len as u128) >> u64::BITS) as usize;
        // It is from `low` to `high`; each step goes twice as far.
        let (mut low, mut high, mut step) = (0, guess, NEAR);
        if is_before(guess) {
            (low, high) = (guess + 1, guess + 1 + step);
            while is_before(high) {
                step *= 2;
                (low, high) = (high + 1, high + 1 + step);
            }
            high = high.min(len);
        } else {
            while high > 0 {
                let next = high.saturating_sub(step);
                if is_before(next) {
                    low = next + 1;
                    break;
                }
                (high, step) = (next, step * 2);
            }
        }
        let between = self.order.get(low..high).unwrap_or_default();
        low + between.partition_point(|(other, _)| *other < beginning)
    }
}

impl<V> Default for ById<V> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Few ids, many of which begin alike, and all at one end.
    fn id(number: u8) -> NodeId {
        let mut bytes = [number / 4; 32];
        bytes[31] = number % 4;
        NodeId::from_bytes(bytes)
    }

    #[test]
    fn wherever_ids_lie_all_are_found() {
        let spread = |number: u64| *blake3::hash(&number.to_be_bytes()).as_bytes();
        let near = |end: u8| {
            move |number: u64| {
                let mut bytes = [end; 32];
                bytes[2..10].copy_from_slice(&number.to_be_bytes());
                bytes
            }
        };
        let shapes: [&dyn Fn(u64) -> [u8; 32]; 3] = [&spread, &near(0), &near(255)];
        for shape in shapes {
            let mut table = ById::new();
            for number in 0..1_000 {
                table.insert(NodeId::from_bytes(shape(number)), number);
            }
            assert!(table.iter().is_sorted_by_key(|(id, _)| *id));
            for number in 0..1_000 {
                assert_eq!(table.get(&NodeId::from_bytes(shape(number))), Some(&number));
                assert_eq!(table.get(&NodeId::from_bytes(shape(number + 1_000))), None);
            }
        }
    }

    proptest! {
        #[test]
        fn it_does_what_a_tree_does(steps in prop::collection::vec((0..40_u8, any::<bool>()), 1..300)) {
            let (mut table, mut tree) = (ById::default(), BTreeMap::new());
            for (value, (number, adds)) in steps.into_iter().enumerate() {
                let id = id(number);
                if adds {
                    let (slot, old) = table.insert(id, value);
                    prop_assert_eq!(old, tree.insert(id, value));
                    prop_assert_eq!((table.slot(&id), table.at(slot)), (Some(slot), Some(&(id, value))));
                } else {
                    prop_assert_eq!(table.remove(&id), tree.remove(&id));
                }
                table.for_each_mut(|_, value| *value += 1);
                tree.values_mut().for_each(|value| *value += 1);
                prop_assert!(table.iter().eq(tree.iter()));
                prop_assert_eq!((table.len(), table.is_empty()), (tree.len(), tree.is_empty()));
                for id in (0..40).map(self::id) {
                    prop_assert_eq!(table.get(&id), tree.get(&id));
                    prop_assert_eq!(table.get_mut(&id), tree.get_mut(&id));
                    prop_assert_eq!(table.contains(&id), tree.contains_key(&id));
                }
            }
        }
    }

    #[test]
    fn an_entry_keeps_its_place_while_others_come_and_go() {
        let mut table = ById::new();
        let (slot, _) = table.insert(id(20), 'a');
        (0..40).filter(|number| *number != 20).for_each(|number| _ = table.insert(id(number), 'b'));
        (0..20).for_each(|number| _ = table.remove(&id(number)));
        assert_eq!((table.slot(&id(20)), table.at(slot)), (Some(slot), Some(&(id(20), 'a'))));
    }
}
