//! The sketch of a catalogue's active facts: made when somebody first asks for it, kept true from
//! then on.

use std::ops::Range;

use super::Entry;
use crate::sketch::{Cell, Census, Code, Sketch, Symbol};

/// The code of all sketches that stores keep.
const CODE: Code = Code::Irregular;

/// Most cells that are kept: 1.5 MiB of them, enough for differences of some 59,000 (measured: 1.11
/// cells per symbol). Those beyond are summed up anew for whoever asks.
const KEPT: usize = 1 << 16;

/// Fewest cells that are kept once there are any: 1.5 KiB.
const FEWEST: usize = 64;

/// Most cells in one answer: enough for a difference of 118,000, and 3 MiB of them.
pub const MAX_ROW: usize = 1 << 17;

/// What is kept.
#[derive(Clone, Debug)]
pub(super) struct Sketched {
    census: Census,
    sketch: Sketch,
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

impl Sketched {
    /// The sketch of these facts, of as many cells as were asked for or a few more.
    pub(super) fn of<'a>(cells: usize, facts: impl Iterator<Item = &'a Entry>) -> Self {
        let mut census = Census::default();
        let mut sketch = Sketch::new(CODE, 0, kept(cells));
        for symbol in facts.map(symbol_of) {
            census.add(symbol, 0);
            sketch.add(symbol);
        }
        Self { census, sketch }
    }

    pub(super) fn add(&mut self, fact: &Entry) {
        self.census.add(symbol_of(fact), 0);
        self.sketch.add(symbol_of(fact));
    }

    pub(super) fn remove(&mut self, fact: &Entry) {
        self.census.remove(symbol_of(fact), 0);
        self.sketch.remove(symbol_of(fact));
    }

    /// Makes it as long as is asked for, as far as cells are kept; `facts` are those that it sums up.
    pub(super) fn grow<'a>(&mut self, cells: usize, facts: impl Iterator<Item = &'a Entry>) {
        self.sketch.grow(kept(cells), facts.map(symbol_of));
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
            census.add(symbol_of(&fact), 0);
            sketch.add(symbol_of(&fact));
        }
        for fact in less {
            census.remove(symbol_of(&fact), 0);
            sketch.remove(symbol_of(&fact));
        }
        Row { census, cells: sketch.into_cells() }
    }

    /// # Panics
    /// If it is not the sketch of these facts.
    pub(super) fn check<'a>(&self, facts: impl Iterator<Item = &'a Entry>) {
        let truth = Self::of(self.sketch.cells().len(), facts);
        assert_eq!(self.census, truth.census, "the census counts what is held");
        assert_eq!(self.sketch.cells(), truth.sketch.cells(), "cells sum up what is held");
    }
}

fn kept(cells: usize) -> usize {
    cells.max(FEWEST).checked_next_power_of_two().map_or(KEPT, |cells| cells.min(KEPT))
}

fn symbol_of(fact: &Entry) -> Symbol {
    Symbol::new(fact.hlc, &fact.id)
}
