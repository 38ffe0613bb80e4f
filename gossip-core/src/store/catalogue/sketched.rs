//! The sketch of a catalogue's active facts: made when somebody first asks for it, kept true from
//! then on.

use std::ops::Range;

use super::Entry;
use crate::sketch::{Cell, Census, Code, Sketch, Symbol, bytes};

/// The code of all sketches that stores keep.
const CODE: Code = Code::Irregular;

/// Most cells that are kept: 1.5 MiB of them, enough for differences of some 59,000 (measured: 1.11
/// cells per symbol). Those beyond are summed up anew for whoever asks.
pub const KEPT: usize = 1 << 16;

/// Fewest cells that are kept once there are any: 1.5 KiB.
const FEWEST: usize = 64;

/// For so many facts one cell is kept at least: 0.4 bytes for each, beside 60 (a guess: few sets differ by
/// more than a hundredth, and to make cells anew takes a look at all facts).
const FACTS_PER_CELL: u64 = 64;

/// Most cells in one answer: enough for a difference of 118,000, and 3 MiB of them.
pub const MAX_ROW: usize = 1 << 17;

/// One in so many answers is compared with the facts, in debug builds.
const CHECKED: u32 = 256;

/// Sets of more facts are not compared.
const CHECKED_FACTS: u64 = 4_096;

/// What is kept.
#[derive(Clone, Debug)]
pub(super) struct Sketched {
    /// How many answers were given.
    answers: u32,
    census: Census,
    key: u64,
    sketch: Sketch,
    /// Where the longest row ends that was asked for since the last epoch began.
    wanted: usize,
}

/// What a partner is told of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores build it literally")]
pub struct Row {
    /// For an estimate of how much differs.
    pub census: Census,
    /// The asked cells.
    pub cells: Vec<Cell>,
}

impl Row {
    /// What two replicas compare under a key that nobody knew before: the first half of the blake3 hash of
    /// census (each counter's lower byte first) and cells as they travel.
    #[must_use]
    pub fn digest(&self) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new();
        self.census.counters().iter().for_each(|counter| {
            hasher.update(&counter.to_le_bytes());
        });
        self.cells.iter().for_each(|cell| {
            hasher.update(&cell.to_bytes());
        });
        let mut digest = [0; 16];
        digest.copy_from_slice(hasher.finalize().as_bytes().split_at(16).0);
        digest
    }
}

impl Sketched {
    /// The sketch of these facts, who are so many, with as many cells as are kept of rows that end there.
    pub(super) fn of<'a>(end: usize, facts: impl Iterator<Item = &'a Entry>, count: u64) -> Self {
        Self::under(0, 0..kept(end, count), facts)
    }

    /// These cells of these facts under a key.
    pub(super) fn under<'a>(
        key: u64,
        cells: Range<usize>,
        facts: impl Iterator<Item = &'a Entry>,
    ) -> Self {
        let mut census = Census::default();
        let mut sketch = Sketch::within(CODE, key, cells);
        for symbol in facts.map(symbol_of) {
            census.add(symbol, key);
            sketch.add(symbol);
        }
        Self { answers: 0, census, key, sketch, wanted: 0 }
    }

    pub(super) fn add(&mut self, fact: &Entry) {
        self.census.add(symbol_of(fact), self.key);
        self.sketch.add(symbol_of(fact));
    }

    pub(super) fn remove(&mut self, fact: &Entry) {
        self.census.remove(symbol_of(fact), self.key);
        self.sketch.remove(symbol_of(fact));
    }

    /// Makes it as long as is asked for, as far as cells are kept; `facts` are those that it sums up, and
    /// so many.
    pub(super) fn grow<'a>(
        &mut self,
        end: usize,
        facts: impl Iterator<Item = &'a Entry>,
        count: u64,
    ) {
        self.wanted = self.wanted.max(end);
        self.sketch.grow(kept(end, count), facts.map(symbol_of));
    }

    /// Makes it half as long if since the last call nobody has asked for more; so many facts it sums up.
    pub(super) fn shrink(&mut self, count: u64) {
        let half = self.sketch.cells().len() / 2;
        if kept(self.wanted, count) <= half {
            self.sketch.shorten(half);
        }
        self.wanted = 0;
    }

    /// Some cells of the facts that it sums up, and of `more`, but without `less`; `facts` are all that it
    /// sums up, and looked at for cells that are not kept.
    pub(super) fn row<'a>(
        &self,
        cells: Range<usize>,
        facts: impl Iterator<Item = &'a Entry>,
        more: impl Iterator<Item = Entry>,
        less: impl Iterator<Item = Entry>,
    ) -> Row {
        let mut census = self.census;
        let mut sketch = self.sketch.part(cells, facts.map(symbol_of));
        for fact in more {
            census.add(symbol_of(&fact), self.key);
            sketch.add(symbol_of(&fact));
        }
        for fact in less {
            census.remove(symbol_of(&fact), self.key);
            sketch.remove(symbol_of(&fact));
        }
        Row { census, cells: sketch.into_cells() }
    }

    /// Whether an answer is one of those that are compared with what it sums up.
    pub(super) fn is_checked(&mut self, count: u64) -> bool {
        self.answers = self.answers.wrapping_add(1);
        self.answers.is_multiple_of(CHECKED) && count <= CHECKED_FACTS
    }

    /// # Panics
    /// If it is not the sketch of these facts.
    pub(super) fn check<'a>(&self, facts: impl Iterator<Item = &'a Entry>) {
        let truth = Self::under(0, 0..self.sketch.cells().len(), facts);
        assert_eq!(self.census, truth.census, "the census counts what is held");
        assert_eq!(self.sketch.cells(), truth.sketch.cells(), "cells sum up what is held");
    }

    /// Adds its bytes.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        bytes::write(&self.census, &self.sketch, bytes);
    }

    /// What has these bytes.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (census, sketch) = bytes::read(CODE, 0, bytes)?;
        (sketch.cells().len() <= KEPT).then_some(Self {
            answers: 0,
            census,
            key: 0,
            sketch,
            wanted: 0,
        })
    }
}

/// How many cells are kept of rows that end there, of a set of so many facts.
fn kept(end: usize, count: u64) -> usize {
    let fewest = usize::try_from(count / FACTS_PER_CELL).unwrap_or(KEPT);
    let cells = end.max(fewest).clamp(FEWEST, KEPT);
    cells.next_power_of_two()
}

fn symbol_of(fact: &Entry) -> Symbol {
    Symbol::new(fact.hlc, &fact.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sketch_is_as_long_as_it_is_asked_for() {
        let mut sketched = Sketched::of(1, [].iter(), 0);
        let len = |sketched: &Sketched| sketched.sketch.cells().len();
        assert_eq!(len(&sketched), FEWEST);
        for (wanted, cells) in
            [(65, 128), (64, 128), (1_000, 1_024), (MAX_ROW, KEPT), (KEPT + 1, KEPT)]
        {
            sketched.grow(wanted, [].iter(), 0);
            assert_eq!(len(&sketched), cells, "{wanted}");
        }
        // What was asked for since the last epoch stays; then half goes with each epoch.
        let lengths = std::iter::from_fn(|| {
            sketched.shrink(0);
            Some(len(&sketched))
        });
        let lengths: Vec<_> = lengths.take(12).collect();
        let halves = [KEPT, KEPT / 2, KEPT / 4, KEPT / 8, 4_096, 2_048, 1_024, 512, 256, 128];
        assert_eq!(lengths, [&halves[..], &[FEWEST, FEWEST]].concat());
    }

    #[test]
    fn large_sets_keep_more() {
        assert_eq!([0, 4_096, 4_160, 1_000_000].map(|count| kept(1, count)), [64, 64, 128, 16_384]);
        assert_eq!(kept(1, u64::MAX), KEPT);
        let mut sketched = Sketched::of(40_000, [].iter(), 1_000_000);
        (0..5).for_each(|_| sketched.shrink(1_000_000));
        assert_eq!(sketched.sketch.cells().len(), 16_384);
    }
}
