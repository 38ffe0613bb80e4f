//! Reading a difference from its cells.

use super::places::Places;
use super::{Cell, Code, Symbol};

/// How large a difference is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a pair and nothing else")]
pub struct Estimate {
    /// About so many symbols.
    pub about: f64,
    /// Whether there may be many more: next to no cell is empty.
    pub is_least: bool,
}

/// So many empty cells say how many symbols there are, within a tenth.
const FEW: f64 = 8.0;

/// One symbol of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a pair and nothing else")]
pub struct Found {
    /// The symbol.
    pub symbol: Symbol,
    /// Whether it is in the set from which the other was taken away, and not in the other.
    pub ours: bool,
}

/// The cells of a difference, from which symbols are taken one after the other as they stand alone.
///
/// Cells may come in several parts. Work is in proportion to cells and symbols, whatever the cells
/// are: no more symbols are found than there are cells.
#[derive(Debug)]
pub struct Peeler {
    code: Code,
    key: u64,
    cells: Vec<Cell>,
    contradiction: bool,
    done: bool,
    found: Vec<Found>,
    /// Which of the cells held something when they came.
    held: Vec<bool>,
}

impl Peeler {
    /// Nothing is known yet of the difference.
    #[must_use]
    pub const fn new(code: Code, key: u64) -> Self {
        Self {
            code,
            key,
            cells: Vec::new(),
            contradiction: false,
            done: false,
            found: Vec::new(),
            held: Vec::new(),
        }
    }

    /// Takes the next cells of the difference, and finds what they give away.
    pub fn extend(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let from = self.cells.len();
        self.cells.extend(cells);
        self.held.extend(self.cells.iter().skip(from).map(|cell| !cell.is_empty()));
        let Self { code, key, cells, found, .. } = self;
        for Found { symbol, ours } in found {
            let hash = symbol.hash(*key);
            for place in Places::of(*code, hash, cells.len()).skip_while(|place| *place < from) {
                toggle(cells, place, *symbol, hash, !*ours);
            }
        }
        self.peel(from);
        self.conclude();
    }

    /// How many cells were given.
    #[must_use]
    pub const fn cells(&self) -> usize {
        self.cells.len()
    }

    /// What was found so far, in the order in which it stood alone.
    #[must_use]
    pub fn found(&self) -> &[Found] {
        &self.found
    }

    /// Whether that is everything: no cell holds anything else.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.done && !self.contradiction
    }

    /// Whether the cells cannot come from two sets: more of them will not help.
    #[must_use]
    pub const fn is_contradiction(&self) -> bool {
        self.contradiction
    }

    /// About how large the difference is, if there are enough cells to say anything about it.
    #[must_use]
    pub fn estimate(&self) -> Option<Estimate> {
        let tail = self.cells.len() / 2;
        let cells = (self.cells.len() - tail) as f64;
        let held = self.held.iter().skip(tail).filter(|held| **held).count() as f64;
        let share: f64 = (tail..self.cells.len()).map(|place| share(self.code, place)).sum();
        // A cell in which λ symbols are expected is empty with probability e^-λ. Where none is empty,
        // half a one is.
        let empty = (cells - held).max(0.5);
        let about = -ln(empty / cells) * cells / share;
        (cells >= 8.0).then_some(Estimate { about, is_least: empty < FEW })
    }

    /// Takes out what stands alone in cells from here on, and whatever stands alone then.
    fn peel(&mut self, from: usize) {
        let Self { code, key, cells, found, .. } = self;
        let mut places: Vec<_> = (from..cells.len()).collect();
        while let Some(place) = places.pop() {
            let Some(cell) = cells.get(place) else { continue };
            let Some((symbol, hash, ours)) = cell.alone(*key) else { continue };
            if found.len() >= cells.len() {
                self.contradiction = true;
                return;
            }
            let (waiting, mut belongs) = (places.len(), false);
            for at in Places::of(*code, hash, cells.len()) {
                belongs |= at == place;
                if toggle(cells, at, symbol, hash, !ours) {
                    places.push(at);
                }
            }
            if belongs {
                found.push(Found { symbol, ours });
            } else {
                // It merely looks like a symbol: everything is put back.
                places.truncate(waiting);
                for at in Places::of(*code, hash, cells.len()) {
                    toggle(cells, at, symbol, hash, ours);
                }
            }
        }
    }

    /// Everything is found once nothing is left in the first cell, where all symbols are.
    fn conclude(&mut self) {
        self.done = self.cells.first().is_some_and(Cell::is_empty);
        if self.done {
            // Who is found twice was left out of cells where it belongs.
            let mut symbols: Vec<_> = self.found.iter().map(|found| found.symbol).collect();
            symbols.sort_unstable();
            let distinct = symbols.is_sorted_by(|a, b| a < b);
            self.contradiction |= !distinct || !self.cells.iter().all(Cell::is_empty);
        }
    }
}

/// Adds a symbol to a cell or takes it away; whether the cell may hold one alone now.
fn toggle(cells: &mut [Cell], place: usize, symbol: Symbol, hash: u64, add: bool) -> bool {
    cells.get_mut(place).is_some_and(|cell| {
        cell.toggle(symbol, hash, add);
        cell.count & 1 == 1
    })
}

/// The share of symbols that is in a cell.
fn share(code: Code, place: usize) -> f64 {
    let of = |alpha: f64| 1.0 / (1.0 + alpha * place as f64);
    match code {
        Code::Regular => of(0.5),
        Code::Irregular => {
            (3.0 * of(2.0 / 16.0) + 9.0 * of(11.0 / 16.0) + 4.0 * of(13.0 / 16.0)) / 16.0
        }
    }
}

/// The natural logarithm, to a thousandth: libraries of different platforms differ in the last bit.
fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let exponent = (bits >> 52) as i32 - 1_023;
    let mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | 1_023 << 52);
    // ln m = 2 artanh((m - 1) / (m + 1)), of which three terms are enough for 1 ≤ m < 2.
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let series = 2.0 * t * (1.0 + t * t / 3.0 + t * t * t * t / 5.0);
    f64::from(exponent) * std::f64::consts::LN_2 + series
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Sketch;
    use super::*;
    use crate::rng::Rng;

    const CODES: [Code; 2] = [Code::Regular, Code::Irregular];

    fn symbols(rng: &mut Rng, count: usize) -> Vec<Symbol> {
        (0..count).map(|_| Symbol { hlc: rng.next_u64(), id: rng.next_u64() }).collect()
    }

    /// The difference of two sets' cells, theirs as they travel.
    fn difference(ours: &Sketch, theirs: &Sketch) -> Vec<Cell> {
        let theirs = theirs.cells().iter().map(|cell| Cell::from_bytes(cell.to_bytes()));
        ours.cells().iter().zip(theirs).map(|(ours, theirs)| ours.minus(&theirs)).collect()
    }

    /// How many cells it takes to read a difference of so many symbols.
    fn needed(code: Code, size: usize, seed: u64) -> usize {
        let rng = &mut Rng::from_number(seed);
        let mut sketch = Sketch::new(code, 0, 8 * size + 64);
        symbols(rng, size).into_iter().for_each(|symbol| sketch.add(symbol));
        let mut peeler = Peeler::new(code, 0);
        for cell in sketch.cells() {
            peeler.extend([*cell]);
            if peeler.is_done() {
                break;
            }
        }
        peeler.cells()
    }

    proptest! {
        /// Whatever two sets are, enough cells give exactly what is in one of them alone.
        #[test]
        fn the_difference_is_found(
            seed: u64, key: u64, common in 0_usize..300, ours in 0_usize..60, theirs in 0_usize..60,
            irregular: bool, first in 0_usize..400,
        ) {
            let code = if irregular { Code::Irregular } else { Code::Regular };
            let rng = &mut Rng::from_number(seed);
            let [common, ours, theirs] = [common, ours, theirs].map(|count| symbols(rng, count));
            let [mut a, mut b] = [&ours, &theirs].map(|own| {
                let mut sketch = Sketch::new(code, key, first);
                common.iter().chain(own).for_each(|symbol| sketch.add(*symbol));
                // Grown at once or later, and with something that came and went: the same.
                sketch.add(Symbol { hlc: 1, id: 1 });
                sketch.grow(2_000, common.iter().chain(own).copied().chain([Symbol { hlc: 1, id: 1 }]));
                sketch.remove(Symbol { hlc: 1, id: 1 });
                sketch
            });
            let mut peeler = Peeler::new(code, key);
            let cells = difference(&a, &b);
            let (head, tail) = cells.split_at(first.min(cells.len()));
            peeler.extend(head.iter().copied());
            peeler.extend(tail.iter().copied());
            prop_assert!(peeler.is_done());
            let mut found = [Vec::new(), Vec::new()];
            for Found { symbol, ours } in peeler.found() {
                found[usize::from(*ours)].push(*symbol);
            }
            found.iter_mut().for_each(|side| side.sort_unstable());
            let mut expected = [theirs.clone(), ours.clone()];
            expected.iter_mut().for_each(|side| side.sort_unstable());
            prop_assert_eq!(found, expected);
            // What is given to the other side makes both equal.
            ours.iter().for_each(|symbol| a.remove(*symbol));
            theirs.iter().for_each(|symbol| b.remove(*symbol));
            prop_assert_eq!(a.cells(), b.cells());
        }

        /// Cells that nobody made from sets end the work, within what cells allow.
        #[test]
        fn noise_is_bounded_work(cells in prop::collection::vec(any::<[u8; 20]>(), 0..200)) {
            let mut peeler = Peeler::new(Code::Irregular, 0);
            peeler.extend(cells.iter().map(|bytes| Cell::from_bytes(*bytes)));
            prop_assert!(peeler.found().len() <= cells.len());
        }
    }

    /// Whoever leaves a symbol out of a cell where it belongs makes it appear there again.
    #[test]
    fn a_symbol_that_comes_again_is_a_contradiction() {
        let mut sketch = Sketch::new(Code::Regular, 0, 50);
        sketch.add(Symbol { hlc: 5, id: 6 });
        let mut peeler = Peeler::new(Code::Regular, 0);
        peeler.extend(sketch.cells().iter().copied());
        assert!(peeler.is_done());
        peeler.extend([Cell::default(); 2_000]);
        assert!(peeler.is_contradiction() && !peeler.is_done());
    }

    /// What the paper prints for its code, and less for the irregular one: cells per symbol.
    #[test]
    fn as_many_cells_as_published() {
        let mean = |code, size: usize, runs: u64| {
            let cells: usize = (0..runs).map(|seed| needed(code, size, seed)).sum();
            cells as f64 / (size as f64 * runs as f64)
        };
        assert!((mean(Code::Regular, 100, 100) - 1.45).abs() < 0.05);
        assert!((mean(Code::Regular, 1_000, 20) - 1.375).abs() < 0.03);
        assert!((mean(Code::Irregular, 1_000, 20) - 1.16).abs() < 0.05);
    }

    #[test]
    fn one_symbol_takes_one_cell() {
        assert!(CODES.into_iter().all(|code| (0..100).all(|seed| needed(code, 1, seed) == 1)));
    }

    /// Once some cells are empty, they tell how large the difference is, within a fifth.
    #[test]
    fn the_size_is_estimated_before_it_is_read() {
        for code in CODES {
            for (size, cells) in [(1_000, 1_000), (5_000, 5_000)] {
                let rng = &mut Rng::from_number(size as u64);
                let mut sketch = Sketch::new(code, 0, cells);
                symbols(rng, size).into_iter().for_each(|symbol| sketch.add(symbol));
                let mut peeler = Peeler::new(code, 0);
                peeler.extend(sketch.cells().iter().copied());
                let estimate = peeler.estimate().unwrap().about / size as f64;
                assert!((estimate - 1.0).abs() < 0.2, "{code:?} {size} {cells} {estimate}");
            }
        }
    }

    #[test]
    fn logarithms_are_close() {
        for x in [1e-6, 0.02, 0.5, 0.999, 1.0, 1.5, 1.999, 7.0] {
            assert!((ln(x) - f64::ln(x)).abs() < 2e-3 * (1.0 + f64::ln(x).abs()), "{x}");
        }
    }
}
