//! The one source of randomness: seeded at boot, the same on every platform and version.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng};

/// A portable seeded generator (ChaCha8): unpredictable to outsiders, reproducible to us.
///
/// Every slot gets a [fork](Self::fork) of its own, so that one more draw in one slot does not
/// move the draws of another.
#[derive(Clone, Debug)]
pub struct Rng(ChaCha8Rng);

impl Rng {
    /// A generator that is a pure function of `seed`.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(ChaCha8Rng::from_seed(seed))
    }

    /// A generator from a small number: what simulations and tests print and take back.
    #[must_use]
    pub fn from_number(seed: u64) -> Self {
        let mut bytes = [0; 32];
        let (head, _) = bytes.split_at_mut(8);
        head.copy_from_slice(&seed.to_le_bytes());
        Self::from_seed(bytes)
    }

    /// An independent generator for one purpose.
    #[must_use]
    pub fn fork(&mut self, purpose: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("gossip 2026 rng fork v1");
        hasher.update(&self.bytes::<32>());
        hasher.update(purpose.as_bytes());
        Self::from_seed(*hasher.finalize().as_bytes())
    }

    /// A uniform 64-bit number.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A uniform number below `bound`, without bias; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        // Lemire's method: the low half of the product decides whether a draw is biased.
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// A uniform index into something of this length; 0 when it is empty.
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// True with probability `chance`, which is clamped to 0..=1.
    pub fn chance(&mut self, chance: f64) -> bool {
        // 53 bits are all that a float between 0 and 1 can tell apart.
        let unit = (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        unit < chance
    }

    /// A uniformly random order of the slice (Fisher-Yates).
    pub fn shuffle<T>(&mut self, slice: &mut [T]) {
        for last in (1..slice.len()).rev() {
            slice.swap(last, self.index(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_same_everywhere() {
        // Fixed once: a change here changes every published seed.
        assert_eq!(Rng::from_number(1).next_u64(), Rng::from_number(1).next_u64());
        let mut rng = Rng::from_number(42);
        let fork = rng.fork("sampler").next_u64();
        assert_eq!(fork, Rng::from_number(42).fork("sampler").next_u64());
        assert_ne!(fork, Rng::from_number(42).fork("detector").next_u64());
    }

    #[test]
    fn below_is_even() {
        let mut rng = Rng::from_number(7);
        let mut counts = [0u32; 6];
        for _ in 0..60_000 {
            counts[rng.index(6)] += 1;
        }
        assert!(counts.iter().all(|&count| (9_500..10_500).contains(&count)), "{counts:?}");
        assert_eq!(rng.below(0), 0);
    }

    #[test]
    fn shuffle_keeps_everything() {
        let mut items: Vec<u32> = (0..100).collect();
        Rng::from_number(3).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
