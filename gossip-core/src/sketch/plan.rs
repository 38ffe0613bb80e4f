//! How many cells it takes: at first, and from then on.

use super::Peeler;

/// Cells with which a difference of so many symbols is read under [`Code::Irregular`](super::Code), in
/// four of five cases (measured for 10 to 30,000; half of all small ones take a quarter less).
#[must_use]
pub fn likely(difference: f64) -> usize {
    (1.11 * difference + 2.9 * difference.sqrt()).ceil() as usize
}

/// How many cells to begin with where so many symbols differ by a guess that is as often too high as
/// too low.
#[must_use]
pub fn first(guess: f64) -> usize {
    if guess < FEW {
        // Where few differ, guesses say less, and most differences need less than the worst of them.
        likely(guess).min((13.0 + 0.6 * guess).ceil() as usize)
    } else {
        likely(guess * 0.95)
    }
}

/// How many cells to go on to where those that came were not enough; `guessed` are those that were likely
/// at first.
#[must_use]
pub fn next(peeler: &Peeler, guessed: usize) -> usize {
    let held = peeler.cells();
    let least = held + (held / 16).max(6);
    let Some(size) = peeler.estimate() else { return least };
    if peeler.found().len() as f64 > size.about * 0.7 {
        // Two that share all their cells so far may share many more: little by little takes for ever.
        held + (held / 2).max(6)
    } else if held < LITTLE {
        held + (held / 4).max(6)
    } else if size.is_least {
        likely(size.about).max(guessed).max(least)
    } else {
        likely(size.about * 1.05).max(least)
    }
}

/// Below this a difference counts as small: a datagram of cells is more than it needs (measured: 561
/// bytes in all for half of the differences of 10; with fewer cells those of 20 take more round trips).
const FEW: f64 = 20.0;

/// Of fewer cells the empty ones say little (a guess).
const LITTLE: usize = 56;

#[cfg(test)]
mod tests {
    use super::super::{Code, Sketch, Symbol};
    use super::*;
    use crate::rng::Rng;

    fn sketch(size: usize, cells: usize, seed: u64) -> Sketch {
        let rng = &mut Rng::from_number(seed);
        let mut sketch = Sketch::new(Code::Irregular, 0, cells);
        for _ in 0..size {
            sketch.add(Symbol { hlc: rng.next_u64(), id: rng.next_u64() });
        }
        sketch
    }

    #[test]
    fn so_many_cells_are_mostly_enough() {
        for size in [2_usize, 10, 100, 1_000] {
            let enough = (0..200).filter(|seed| {
                let mut peeler = Peeler::new(Code::Irregular, 0);
                let sketch = sketch(size, likely(size as f64), *seed);
                peeler.extend(sketch.cells().iter().copied());
                peeler.is_done()
            });
            let share = enough.count() / 2;
            assert!((60..=100).contains(&share), "{size}: {share} %");
        }
    }

    /// However wrong the guess: a few steps, and few cells beyond those that were needed.
    #[test]
    fn a_wrong_guess_costs_a_few_steps() {
        for (guess, seed, most) in [(10.0, 1, 14), (300.0, 2, 4), (1_000.0, 3, 4), (1_500.0, 4, 2)]
        {
            let sketch = sketch(1_000, 20_000, seed);
            let mut peeler = Peeler::new(Code::Irregular, 0);
            let (mut upto, mut steps) = (first(guess), 0);
            while !peeler.is_done() {
                let cells = sketch.cells().iter().skip(peeler.cells());
                let taken: Vec<_> = cells.take(upto - peeler.cells()).copied().collect();
                peeler.extend(taken);
                (upto, steps) = (next(&peeler, likely(guess)), steps + 1);
            }
            let cells = peeler.cells();
            assert!(steps <= most && cells <= 2_000, "guess {guess}: {steps} steps, {cells} cells");
        }
    }
}
