//! Our way of comparing two sets: what a store keeps of its own, what it answers, how that is read.
//!
//! How many cells are asked for follows the plan that nodes have (`sketch::plan`), from the guess on; not
//! in it are ranges, to which nodes go where cells are not worth their bytes.

use std::ops::Range;

use gossip_core::sketch::{Cell, Census, Code, Peeler, Sketch, Symbol, plan};
pub use gossip_core::store::catalogue::KEPT;
use gossip_core::wire::Glance;

/// Most cells of a first answer, and of the first question.
const FIRST: usize = 24 * 56;
const WINDOW: usize = 32_768;

/// What a store keeps of its set.
#[derive(Clone, Debug)]
pub struct Kept {
    census: Census,
    sketch: Sketch,
}

/// A difference that was read.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "benchmarks read it")]
pub struct Reading {
    /// What was asked for, one answer after the other.
    pub answers: Vec<Range<usize>>,
    /// What was found in it.
    pub peeler: Peeler,
}

impl Default for Kept {
    fn default() -> Self {
        Self { census: Census::default(), sketch: Sketch::new(Code::Irregular, 0, KEPT) }
    }
}

impl Kept {
    /// Adds a symbol that is not in the set.
    pub fn add(&mut self, symbol: Symbol) {
        self.census.add(symbol, 0);
        self.sketch.add(symbol);
    }

    /// Takes away a symbol that is in the set.
    pub fn remove(&mut self, symbol: Symbol) {
        self.census.remove(symbol, 0);
        self.sketch.remove(symbol);
    }

    /// Bytes of the kept cells.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of_val(self.sketch.cells())
    }

    /// What opens an exchange.
    #[must_use]
    pub fn glance(&self) -> Glance {
        let first = self.sketch.cells().first().copied().unwrap_or_default();
        Glance::new(0, &self.census, first)
    }

    /// How much differs from a set of which this is known: 1 where the first cell says so.
    #[must_use]
    pub fn guess(&self, theirs: &Glance) -> f64 {
        let first = self.sketch.cells().first().map(|cell| cell.minus(&theirs.cell));
        if first.is_some_and(|cell| cell.single(0).is_some()) {
            return 1.0;
        }
        theirs.difference(&self.census).max(2.0)
    }

    /// The cells at some places, as they travel.
    #[must_use]
    pub fn answer(&self, places: Range<usize>) -> Vec<u8> {
        let part = self.sketch.part(places, std::iter::empty());
        let mut bytes = Vec::with_capacity(part.cells().len() * Cell::BYTES);
        part.cells().iter().for_each(|cell| bytes.extend_from_slice(&cell.to_bytes()));
        bytes
    }

    /// Reads the difference from the cells of another set, of which it takes as many as it would
    /// ask for.
    #[must_use]
    pub fn read(&self, guess: f64, theirs: &[u8]) -> Reading {
        let (theirs, _) = theirs.as_chunks();
        let likely = plan::likely(guess);
        let mut upto = if guess < 2.0 { 1 } else { plan::first(guess).min(FIRST) };
        let mut window = WINDOW;
        let mut reading = Reading { answers: Vec::new(), peeler: Peeler::new(Code::Irregular, 0) };
        let mut pairs = self.sketch.cells().iter().zip(theirs);
        loop {
            let (from, peeler) = (reading.peeler.cells(), &mut reading.peeler);
            let part = pairs.by_ref().take(upto - from);
            peeler.extend(part.map(|(ours, theirs)| ours.minus(&Cell::from_bytes(*theirs))));
            reading.answers.push(from..peeler.cells());
            if peeler.is_done() || peeler.is_contradiction() || peeler.cells() < upto {
                return reading;
            }
            upto = plan::next(peeler, likely).min(upto + window);
            window *= 4;
        }
    }
}
