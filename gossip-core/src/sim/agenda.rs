//! What is going to happen, in the order of time; what is due at the same instant, in the order in
//! which it was planned.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use crate::time::Mono;

/// Things that are going to happen.
///
/// Millions may be planned. They stand in slots of a millisecond; only the slot whose time has come
/// is put in order, so that taking the next one touches little memory.
pub(super) struct Agenda<T> {
    /// What is due in slots up to the present one, in order.
    present: VecDeque<Planned<T>>,
    present_slot: u64,
    /// What was planned for those slots since, for an instant before the last one there.
    between: BinaryHeap<Planned<T>>,
    later: BTreeMap<u64, Vec<Planned<T>>>,
    /// Room of slots that are over, for new ones.
    spare: Vec<Vec<Planned<T>>>,
    /// How many things were ever planned.
    sequence: u64,
}

struct Planned<T> {
    due: Mono,
    sequence: u64,
    what: T,
}

impl<T> Agenda<T> {
    pub(super) const fn new() -> Self {
        Self {
            present: VecDeque::new(),
            present_slot: 0,
            between: BinaryHeap::new(),
            later: BTreeMap::new(),
            spare: Vec::new(),
            sequence: 0,
        }
    }

    /// Plans something.
    pub(super) fn plan(&mut self, due: Mono, what: T) {
        self.sequence += 1;
        let planned = Planned { due, sequence: self.sequence, what };
        let slot = slot_of(due);
        if slot > self.present_slot {
            let room = || self.spare.pop().unwrap_or_default();
            self.later.entry(slot).or_insert_with(room).push(planned);
        } else if self.present.back().is_none_or(|last| last.due <= due) {
            self.present.push_back(planned);
        } else {
            self.between.push(planned);
        }
    }

    /// Takes the next thing that is due up to some instant, and when it is due.
    pub(super) fn next(&mut self, until: Mono) -> Option<(Mono, T)> {
        while self.present.is_empty()
            && self.between.is_empty()
            && let Some(slot) = self.later.first_entry()
            && *slot.key() <= slot_of(until)
        {
            let (slot, mut planned) = slot.remove_entry();
            self.present_slot = slot;
            planned.sort_unstable_by_key(|it| (it.due, it.sequence));
            let over = std::mem::replace(&mut self.present, planned.into());
            if self.spare.len() < SPARE {
                self.spare.push(over.into());
            }
        }
        let is_between = match (self.present.front(), self.between.peek()) {
            (Some(first), Some(between)) => first < between,
            (first, _) => first.is_none(),
        };
        let first = if is_between { self.between.peek() } else { self.present.front() };
        if first?.due > until {
            return None;
        }
        let first = if is_between { self.between.pop() } else { self.present.pop_front() };
        first.map(|Planned { due, what, .. }| (due, what))
    }
}

/// Most slots whose room is kept.
const SPARE: usize = 64;

/// A slot is 2^20 ns: about a millisecond.
const fn slot_of(due: Mono) -> u64 {
    due.nanos() >> 20
}

/// Ordered so that the greatest comes first.
impl<T> Ord for Planned<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.sequence).cmp(&(self.due, self.sequence))
    }
}

impl<T> PartialOrd for Planned<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Planned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Planned<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// Things planned at random times come as a sorted map of all of them has them.
    #[test]
    fn things_come_in_order() {
        for (seed, spread) in [(1, 10), (2, 1 << 20), (3, 1 << 22), (4, 1 << 40)] {
            let rng = &mut Rng::from_number(seed);
            let mut agenda = Agenda::new();
            let mut model = BTreeMap::new();
            let mut now = Mono::ZERO;
            for number in 0..20_000_u64 {
                if rng.chance(0.5) {
                    let due = Mono::from_nanos(now.nanos() + rng.below(spread));
                    agenda.plan(due, number);
                    model.insert((due, number), ());
                    continue;
                }
                let until = Mono::from_nanos(now.nanos() + rng.below(spread / 2));
                let expected = model.keys().next().copied().filter(|(due, _)| *due <= until);
                assert_eq!(agenda.next(until), expected, "seed {seed}, step {number}");
                match expected {
                    Some(first) => {
                        model.remove(&first);
                        now = first.0;
                    }
                    None => now = until,
                }
            }
            let rest = std::iter::from_fn(|| agenda.next(Mono::MAX));
            assert!(rest.eq(model.into_keys()), "seed {seed}");
        }
    }
}
