//! How many cells to send, and when sketches are not the way.

use super::Method;
use crate::sketch::{Cell, Peeler, plan};
use crate::store::catalogue::MAX_ROW;

/// Cells in one record: they fit a datagram, what seals it included.
pub(super) const RECORD: usize = 56;

/// Most cells that are sent unasked: 24 datagrams, for all that is known of who wants them is that it
/// receives at its address.
pub(super) const FIRST: usize = 24 * RECORD;

/// Most cells that one question asks for: 160 KiB, which is less than one answer of facts may be.
pub(super) const MORE: usize = 8_192;

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
    let likely = plan::likely(guess);
    let listed = LISTED_BYTES * fewer as f64;
    // A guess may be twice as high as the truth, and ranges cost twenty times what cells do.
    if (likely * Cell::BYTES) as f64 > listed || likely > 2 * MAX_ROW {
        return Plan::Ranges;
    }
    Plan::Cells { now: plan::first(guess).min(FIRST), likely: likely.min(MAX_ROW) }
}

/// What a fact takes that a range lists, with its share of what frames the list.
const LISTED_BYTES: f64 = 36.0;

/// How far to go on where so many cells were not enough.
pub(super) fn next(method: Method, peeler: &Peeler, likely: usize) -> usize {
    let held = peeler.cells();
    match method {
        Method::Adaptive => plan::next(peeler, likely),
        Method::Range | Method::Rateless => held + (held / 8).max(RECORD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_for_those_who_share_next_to_nothing() {
        let plan = |guess, ours, theirs| answer(Method::Adaptive, guess, (ours, theirs));
        assert_eq!(plan(1_000.0, 1_000, 0), Plan::Ranges);
        assert_eq!(plan(1_900.0, 1_000, 1_000), Plan::Ranges);
        assert!(matches!(plan(1_000.0, 1_000, 1_000), Plan::Cells { .. }));
        assert!(matches!(plan(100_000.0, 1_000_000, 1_000_000), Plan::Cells { now: FIRST, .. }));
        assert!(matches!(
            plan(200_000.0, 1_000_000, 1_000_000),
            Plan::Cells { likely: MAX_ROW, .. }
        ));
        assert_eq!(plan(300_000.0, 1_000_000, 1_000_000), Plan::Ranges);
    }

    #[test]
    fn a_guess_of_nothing_is_two() {
        let plan = answer(Method::Adaptive, 0.0, (1_000, 1_000));
        assert_eq!(plan, answer(Method::Adaptive, 2.0, (1_000, 1_000)));
        assert!(matches!(plan, Plan::Cells { now: 2..20, likely: 2..20 }), "{plan:?}");
    }
}
