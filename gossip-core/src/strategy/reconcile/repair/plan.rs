//! How many cells to send, and when sketches are not the way.

use super::Method;
use crate::sketch::{Cell, Peeler};
use crate::store::catalogue::MAX_ROW;

/// Cells in one record: they fit a datagram, what seals it included.
pub(super) const RECORD: usize = 56;

/// Most cells that are sent unasked: 24 datagrams, for all that is known of who wants them is that it
/// receives at its address.
pub(super) const FIRST: usize = 24 * RECORD;

/// Most cells that one question asks for: 160 KiB, which is less than one answer of facts may be.
pub(super) const MORE: usize = 8_192;

/// Cells with which a difference of so many symbols is read, in four of five cases (measured for
/// 10 to 30,000; half of all small ones take a quarter less).
pub(super) fn cells_for(difference: f64) -> usize {
    (1.11 * difference + 2.9 * difference.sqrt()).ceil() as usize
}

/// What the answer to a glance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// So many cells at once, of as many as are likely in all (0: nobody guesses).
    Cells { now: usize, likely: usize },
    /// Stretches: where nearly everything differs a list costs less, and beyond the bound of sketches
    /// there is nothing else.
    Ranges,
}

/// What to answer where about `guess` facts differ between sets of so many.
pub(super) fn answer(method: Method, guess: f64, entries: (u64, u64)) -> Plan {
    match method {
        Method::Range => Plan::Ranges,
        // Whoever guesses nothing begins with what one datagram takes.
        Method::Rateless => Plan::Cells { now: RECORD, likely: 0 },
        Method::Adaptive => adaptive(guess, entries.0.min(entries.1)),
    }
}

fn adaptive(guess: f64, fewer: u64) -> Plan {
    // One cell would have told a difference of one.
    let guess = guess.max(2.0);
    let likely = cells_for(guess);
    let listed = LISTED_BYTES * fewer as f64;
    if (likely * Cell::BYTES) as f64 > listed || likely > MAX_ROW {
        return Plan::Ranges;
    }
    // Half of all guesses are too high anyway. Where few differ, guesses say less, and most
    // differences need less than the worst of them.
    let now = if guess < FEW {
        likely.min((10.0 + 0.9 * guess).ceil() as usize)
    } else {
        cells_for(guess * 0.95).min(FIRST)
    };
    Plan::Cells { now, likely }
}

/// Below this a difference counts as small: a datagram of cells is more than it needs (measured: 600
/// bytes in all for half of the differences of 10).
const FEW: f64 = 20.0;

/// What a fact takes that a range lists, with its share of what frames the list.
const LISTED_BYTES: f64 = 36.0;

/// How far to go on where so many cells were not enough.
pub(super) fn next(method: Method, peeler: &Peeler, likely: usize) -> usize {
    let held = peeler.cells();
    let least = match method {
        Method::Adaptive => held + (held / 16).max(6),
        Method::Range | Method::Rateless => return held + (held / 8).max(RECORD),
    };
    match peeler.estimate() {
        // Two that share all their cells so far may share many more: little by little takes for ever.
        Some(size) if peeler.found().len() as f64 > size.about * 0.7 => held + (held / 2).max(6),
        // Of few cells the tail says little.
        Some(_) | None if held < RECORD => held + (held / 4).max(6),
        Some(size) if size.is_least => cells_for(size.about).max(likely).max(least),
        Some(size) => cells_for(size.about * 1.05).max(least),
        None => least,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::sketch::{Code, Sketch, Symbol};

    #[test]
    fn so_many_cells_are_mostly_enough() {
        for size in [2_usize, 10, 100, 1_000] {
            let runs = 200;
            let enough = (0..runs).filter(|seed| {
                let rng = &mut Rng::from_number(*seed);
                let mut sketch = Sketch::new(Code::Irregular, 0, cells_for(size as f64));
                for _ in 0..size {
                    sketch.add(Symbol { hlc: rng.next_u64(), id: rng.next_u64() });
                }
                let mut peeler = Peeler::new(Code::Irregular, 0);
                peeler.extend(sketch.cells().iter().copied());
                peeler.is_done()
            });
            let share = enough.count() * 100 / runs as usize;
            assert!((60..=100).contains(&share), "{size}: {share} %");
        }
    }

    #[test]
    fn lists_are_for_those_who_share_next_to_nothing() {
        let plan = |guess, ours, theirs| answer(Method::Adaptive, guess, (ours, theirs));
        assert_eq!(plan(1_000.0, 1_000, 0), Plan::Ranges);
        assert_eq!(plan(1_900.0, 1_000, 1_000), Plan::Ranges);
        assert!(matches!(plan(1_000.0, 1_000, 1_000), Plan::Cells { .. }));
        assert!(matches!(plan(100_000.0, 1_000_000, 1_000_000), Plan::Cells { now: FIRST, .. }));
        assert_eq!(plan(200_000.0, 1_000_000, 1_000_000), Plan::Ranges);
    }

    #[test]
    fn a_guess_of_nothing_is_two() {
        let plan = answer(Method::Adaptive, 0.0, (1_000, 1_000));
        assert_eq!(plan, answer(Method::Adaptive, 2.0, (1_000, 1_000)));
        assert!(matches!(plan, Plan::Cells { now: 2..20, likely: 2..20 }), "{plan:?}");
    }
}
