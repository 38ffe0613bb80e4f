//! What two lists of one stretch lack of one another.

use std::collections::{BTreeMap, BTreeSet};

use crate::sketch::Symbol;
use crate::state::{Item, Point, Span};
use crate::time::Hlc;

/// What one side has and the other both lacks and would keep.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) missing_here: Vec<Symbol>,
    pub(super) missing_there: Vec<Symbol>,
}

/// Compares two full lists of the same stretch. What a higher version of the same rival on the
/// other side displaces is missing nowhere: it never travels.
pub(super) fn compare(ours: &[Item], theirs: &[Item]) -> Difference {
    Difference { missing_here: lacking(ours, theirs), missing_there: lacking(theirs, ours) }
}

fn lacking(holder: &[Item], other: &[Item]) -> Vec<Symbol> {
    let held: BTreeSet<Point> = holder.iter().map(|item| item.point).collect();
    let mut newest: BTreeMap<[u8; 8], Hlc> = BTreeMap::new();
    for item in holder.iter().filter(|item| item.rival != [0; 8]) {
        let hlc = newest.entry(item.rival).or_insert(item.point.hlc);
        *hlc = item.point.hlc.max(*hlc);
    }
    let wanted = |item: &&Item| {
        !held.contains(&item.point)
            && newest.get(&item.rival).is_none_or(|held| *held <= item.point.hlc)
    };
    other.iter().filter(wanted).map(|item| Symbol::at(&item.point)).collect()
}

/// Cuts a full list into stretches of at most `items`, which together cover the whole order.
pub(super) fn stretches(all: &[Item], items: usize) -> Vec<(Span, Vec<Item>)> {
    let mut from = Point::MIN;
    let mut stretches = Vec::new();
    let mut rest = all;
    loop {
        let (list, after) = rest.split_at(items.min(rest.len()));
        let upto = after.first().map_or(Point::END, |item| item.point);
        stretches.push((Span { from, upto }, list.to_vec()));
        if after.is_empty() {
            return stretches;
        }
        (from, rest) = (upto, after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(version: u64, id: u8, rival: u8) -> Item {
        let point = Point { hlc: Hlc::from_bits(version), id: [id; 16] };
        Item { point, rival: [rival; 8] }
    }

    #[test]
    fn what_is_displaced_is_missing_nowhere() {
        let ours = [item(1, 1, 7), item(5, 2, 8)];
        let theirs = [item(2, 3, 7), item(4, 4, 8), item(6, 5, 9)];
        let difference = compare(&ours, &theirs);
        assert_eq!(
            difference.missing_here,
            [&theirs[0], &theirs[2]].map(|it| Symbol::at(&it.point))
        );
        assert_eq!(difference.missing_there, [Symbol::at(&ours[1].point)]);
    }

    #[test]
    fn without_rivals_everything_counts() {
        let difference = compare(&[item(1, 1, 0)], &[item(2, 2, 0)]);
        assert_eq!((difference.missing_here.len(), difference.missing_there.len()), (1, 1));
    }

    #[test]
    fn stretches_cover_everything_once() {
        let all: Vec<_> = (1..=70).map(|n| item(n, n as u8, 0)).collect();
        let cut = stretches(&all, 32);
        assert_eq!(cut.iter().map(|(_, items)| items.len()).collect::<Vec<_>>(), [32, 32, 6]);
        assert_eq!((cut[0].0.from, cut[2].0.upto), (Point::MIN, Point::END));
        assert!(cut.windows(2).all(|pair| pair[0].0.upto == pair[1].0.from));
        assert!(cut.iter().all(|(span, items)| items.iter().all(|i| span.contains(i.point))));
        assert_eq!(stretches(&[], 32).len(), 1, "an empty replica says so");
    }
}
