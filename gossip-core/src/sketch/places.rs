//! In which cells a symbol is: an endless ascending row of places that begins with 0.
//!
//! Under exponent α a symbol is in cell i with probability 1 / (1 + α i). From cell i on, the next
//! is beyond j with probability about ((i + o) / (j + o))^(1/α), where o = (1 + 1/α) / 2; so from a
//! uniform u follows j = ⌊(i + o) u^-α - o⌋ + 1. For α = 1/2 that is the formula of Yang et al. 2024.
//!
//! Each step waits for the one before it, so a step is one multiplication and three additions; all
//! else can be made ahead.

use std::sync::LazyLock;

use super::{Code, fold};

/// The places of one symbol that are before an end.
#[derive(Clone, Debug)]
pub(super) struct Places {
    kind: &'static Kind,
    /// Both are whole numbers: while they are small, rounding is by addition.
    next: f64,
    end: f64,
    random: u64,
}

impl Places {
    /// The places before `end` of the symbol with this hash; none is beyond 2^32.
    pub(super) fn of(code: Code, hash: u64, end: usize) -> Self {
        let kind = match code {
            Code::Regular => &KINDS.regular,
            // The weights are 3, 9 and 4 sixteenths. The last bits of the hash are in no check.
            Code::Irregular => {
                let [dense, middle, sparse] = &KINDS.irregular;
                let last = hash & 15;
                if last < 3 {
                    dense
                } else if last < 12 {
                    middle
                } else {
                    sparse
                }
            }
        };
        let end = f64::from(u32::try_from(end).unwrap_or(u32::MAX));
        Self { kind, next: 0.0, end, random: hash }
    }
}

impl Iterator for Places {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let Self { kind, next, end, random } = self;
        if *next >= *end {
            return None;
        }
        // The last bits of the sum are the whole number: it is below 2^32.
        let place = (*next + WHOLE).to_bits() as u32;
        // The next number of wyrand.
        *random = random.wrapping_add(0xa076_1d64_78bd_642f);
        let factor = kind.factor(fold(*random, *random ^ 0xe703_7ed1_a0b4_28db));
        // The nearest whole number to what is half less is the one below. The factor is above 1, so
        // that the place is never the same again.
        let beyond = *next * factor + (kind.offset * factor - (kind.offset + 0.5));
        *next = (beyond + WHOLE) - (WHOLE - 1.0);
        Some(place as usize)
    }
}

/// Added to it, numbers lose what they have behind the point.
const WHOLE: f64 = 1.5 * (1_u64 << 52) as f64;

/// Symbols of one exponent α.
#[derive(Debug)]
struct Kind {
    offset: f64,
    /// 2^(α k), and a millionth more.
    octaves: [f64; OCTAVES],
    /// What (1 + k/64)^-α .. (1 + (k + 1)/64)^-α is as a line: its height at 0, and its slope.
    lines: [(f64, f64); LINES],
}

/// As many as uniform numbers have bits.
const OCTAVES: usize = 53;

/// With so many, factors are right to some hundred-thousandths.
const LINES: usize = 64;

impl Kind {
    /// The kind with α in sixteenths, so that powers are made of square roots.
    fn new(sixteenths: u32) -> Self {
        let alpha = f64::from(sixteenths) / 16.0;
        let power = |base: f64| {
            // One bit of the exponent after the other: 1/2, 1/4, 1/8, 1/16.
            let mut root = base;
            [8, 4, 2, 1].into_iter().fold(1.0, |product, bit| {
                root = root.sqrt();
                if sixteenths & bit == 0 { product } else { product * root }
            })
        };
        let octave = power(2.0);
        let mut octaves = [1.0; OCTAVES];
        octaves.iter_mut().rev().fold(octave * (1.0 + 1e-6), |product, it| {
            *it = product;
            product * octave
        });
        let point = |step: usize| 1.0 + step as f64 / LINES as f64;
        let lines = std::array::from_fn(|step| {
            let (low, high) = (1.0 / power(point(step)), 1.0 / power(point(step + 1)));
            let slope = (high - low) * LINES as f64;
            (low - slope * point(step), slope)
        });
        Self { offset: f64::midpoint(1.0, 1.0 / alpha), octaves, lines }
    }

    /// u^-α for the uniform number 0 < u < 1 that these bits make.
    #[inline]
    fn factor(&self, bits: u64) -> f64 {
        // 2^53 u = 2^octave mantissa, exactly.
        let uniform = (((bits >> 11) | 1) as i64 as f64).to_bits();
        let octave = (uniform >> 52) as usize - 1_023;
        let mantissa = f64::from_bits((uniform & ((1 << 52) - 1)) | 1_023 << 52);
        let line = (uniform >> 46) as usize % LINES;
        let octave = self.octaves.get(octave).copied().unwrap_or(1.0);
        let (height, slope) = self.lines.get(line).copied().unwrap_or((1.0, 0.0));
        octave * (height + slope * mantissa)
    }
}

#[derive(Debug)]
struct Kinds {
    regular: Kind,
    irregular: [Kind; 3],
}

static KINDS: LazyLock<Kinds> = LazyLock::new(|| Kinds {
    regular: Kind::new(8),
    // The first is in many cells, for α is small: what comes late is in these.
    irregular: [2, 11, 13].map(Kind::new),
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn factors_are_powers() {
        for sixteenths in [2, 8, 11, 13] {
            let kind = Kind::new(sixteenths);
            for bits in [u64::MAX, 1 << 63, 0x1234_5678_9abc_def0, 0xff << 11, 1 << 11] {
                let uniform = bits as f64 / 2_f64.powi(64);
                assert!(kind.factor(bits) > 1.0, "places are never the same");
                let expected = uniform.powf(-f64::from(sixteenths) / 16.0);
                let ratio = kind.factor(bits) / expected;
                assert!((ratio - 1.0).abs() < 1e-4, "{sixteenths} {bits:x} {ratio}");
            }
            assert!(kind.factor(0) > 1.0 && kind.factor(0).is_finite());
        }
    }

    /// Cell i holds one symbol of 1 + α i, within four standard deviations.
    #[test]
    fn cells_are_as_full_as_the_exponent_says() {
        let rng = &mut Rng::from_number(1);
        let runs = 200_000;
        let mut held = vec![0_u32; 1_000];
        for _ in 0..runs {
            for place in Places::of(Code::Regular, rng.next_u64(), 1_000) {
                held[place] += 1;
            }
        }
        assert_eq!(held[0], runs);
        for (place, held) in held.into_iter().enumerate().skip(1) {
            let chance = 1.0 / (1.0 + place as f64 / 2.0);
            let expected = f64::from(runs) * chance;
            let error = (f64::from(held) - expected) / (expected * (1.0 - chance)).sqrt();
            assert!(error.abs() < 4.0 + expected * 0.002, "{place}: {held} for {expected}");
        }
    }

    #[test]
    fn places_ascend_and_end() {
        for hash in 0..1_000 {
            let places: Vec<_> =
                Places::of(Code::Irregular, hash, usize::MAX).take(2_000).collect();
            assert_eq!(places.first(), Some(&0));
            assert!(places.is_sorted_by(|a, b| a < b));
            let few = Places::of(Code::Irregular, hash, 1_000);
            assert!(few.eq(places.into_iter().take_while(|place| *place < 1_000)));
        }
        assert_eq!(Places::of(Code::Irregular, 0, 0).next(), None);
    }

    /// The same on every machine: these are from another program, in another language.
    #[test]
    fn places_are_the_same_everywhere() {
        let first = |code, hash| Places::of(code, hash, 1 << 20).take(6).collect::<Vec<_>>();
        assert_eq!(first(Code::Regular, 0), [0, 5, 6, 11, 17, 26]);
        assert_eq!(first(Code::Irregular, 1), [0, 1, 2, 3, 8, 20]);
        assert_eq!(first(Code::Irregular, 8), [0, 2, 5, 9, 11, 23]);
        assert_eq!(first(Code::Irregular, 15), [0, 4, 192, 317, 5_947, 6_418]);
    }
}
