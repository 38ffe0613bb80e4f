//! In which cells a symbol is: an endless ascending row of places that begins with 0.
//!
//! Under exponent α a symbol is in cell i with probability 1 / (1 + α i). From cell i on, the next
//! is beyond j with probability about ((i + o) / (j + o))^(1/α), where o = (1 + 1/α) / 2; so from a
//! uniform u follows j = ⌈(i + o) u^-α - o⌉. For α = 1/2 that is the formula of Yang et al. 2024.

use std::sync::LazyLock;

use super::Code;

/// The places of one symbol.
#[derive(Clone, Debug)]
pub(super) struct Places {
    kind: &'static Kind,
    next: u64,
    random: u64,
}

impl Places {
    /// The places of the symbol with this hash.
    pub(super) fn of(code: Code, hash: u64) -> Self {
        let kinds = &*KINDS;
        let kind = match code {
            Code::Regular => &kinds.regular,
            // The weights are 3, 9 and 4 sixteenths. The last bits of the hash are in no check.
            Code::Irregular => match hash & 15 {
                0..3 => &kinds.dense,
                3..12 => &kinds.middle,
                _ => &kinds.sparse,
            },
        };
        Self { kind, next: 0, random: hash }
    }
}

impl Iterator for Places {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let place = usize::try_from(self.next).ok().filter(|_| self.next < u64::MAX)?;
        // The next number of SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let offset = self.kind.offset;
        let beyond = (self.next as f64 + offset) * self.kind.factor(mixed ^ (mixed >> 31)) - offset;
        // Beyond 2^64 the conversion stays there, and the row ends.
        self.next = (beyond.ceil() as u64).max(self.next.saturating_add(1));
        Some(place)
    }
}

/// Symbols of one exponent α.
#[derive(Debug)]
struct Kind {
    offset: f64,
    /// 2^(α k).
    octaves: [f64; 65],
    /// (1 + k/256)^-α.
    steps: [f64; STEPS + 1],
}

const STEPS: usize = 256;

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
        let mut octaves = [1.0; 65];
        octaves.iter_mut().fold(1.0, |product, it| {
            *it = product;
            product * octave
        });
        Self {
            offset: f64::midpoint(1.0, 1.0 / alpha),
            octaves,
            steps: std::array::from_fn(|step| 1.0 / power(1.0 + step as f64 / STEPS as f64)),
        }
    }

    /// u^-α for the uniform number 0 < u < 1 that these bits make.
    fn factor(&self, bits: u64) -> f64 {
        // u = 2^-(zeros + 1) (1 + fraction).
        let zeros = bits.leading_zeros();
        let fraction = bits.checked_shl(zeros + 1).unwrap_or(0);
        let step = (fraction >> 56) as usize;
        let rest = (fraction << 8 >> 11) as f64 / (1_u64 << 53) as f64;
        let at = |step: usize| self.steps.get(step).copied().unwrap_or(1.0);
        let (low, high) = (at(step), at(step + 1));
        let octave = self.octaves.get(zeros as usize + 1).copied().unwrap_or(1.0);
        octave * (low + (high - low) * rest)
    }
}

#[derive(Debug)]
struct Kinds {
    regular: Kind,
    dense: Kind,
    middle: Kind,
    sparse: Kind,
}

static KINDS: LazyLock<Kinds> = LazyLock::new(|| Kinds {
    regular: Kind::new(8),
    // In many cells, for α is small: what comes late is in these.
    dense: Kind::new(2),
    middle: Kind::new(11),
    sparse: Kind::new(13),
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn factors_are_powers() {
        for sixteenths in [2, 8, 11, 13] {
            let kind = Kind::new(sixteenths);
            for bits in [u64::MAX, 1 << 63, 0x1234_5678_9abc_def0, 0xff, 1] {
                let uniform = bits as f64 / 2_f64.powi(64);
                let expected = uniform.powf(-f64::from(sixteenths) / 16.0);
                let ratio = kind.factor(bits) / expected;
                assert!((ratio - 1.0).abs() < 1e-4, "{sixteenths} {bits:x} {ratio}");
            }
            assert!(kind.factor(0).is_finite());
        }
    }

    /// Cell i holds one symbol of 1 + α i, within four standard deviations.
    #[test]
    fn cells_are_as_full_as_the_exponent_says() {
        let rng = &mut Rng::from_number(1);
        let runs = 200_000;
        let mut held = vec![0_u32; 1_000];
        for _ in 0..runs {
            for place in Places::of(Code::Regular, rng.next_u64()).take_while(|at| *at < 1_000) {
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
            let places: Vec<_> = Places::of(Code::Irregular, hash).take(2_000).collect();
            assert_eq!(places.first(), Some(&0));
            assert!(places.is_sorted_by(|a, b| a < b));
        }
    }
}
