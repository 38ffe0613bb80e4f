//! The running sum of a set of fact ids: order-free, reversible, and cheap to keep.

use std::sync::LazyLock;

use crate::id::FactId;

/// The ids of a set added up modulo 2^256, and their count.
///
/// Equal sets have equal sums. Different sets have different sums unless somebody crafts ids:
/// whoever searches through some 2^33 facts of their own can find two groups of about a thousand that
/// add up to the same (a generalised birthday), and so hide their own facts from a comparison, nobody
/// else's. Repair's audits find them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    count: u64,
    /// Least significant limb first.
    limbs: [u64; 4],
}

impl Sum {
    /// Adds an id.
    pub fn add(&mut self, id: &FactId) {
        self.add_limbs(limbs_of(id));
        self.count = self.count.wrapping_add(1);
    }

    /// Takes an id away that was added before.
    pub fn remove(&mut self, id: &FactId) {
        self.remove_limbs(limbs_of(id));
        self.count = self.count.wrapping_sub(1);
    }

    /// Adds all of another set.
    pub fn merge(&mut self, other: &Self) {
        self.add_limbs(other.limbs);
        self.count = self.count.wrapping_add(other.count);
    }

    /// Takes away a subset.
    pub fn subtract(&mut self, other: &Self) {
        self.remove_limbs(other.limbs);
        self.count = self.count.wrapping_sub(other.count);
    }

    /// How many ids it holds.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The whole sum as a 32-byte hash, for people.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        // Half of the work is the same each time.
        static BEGUN: LazyLock<blake3::Hasher> =
            LazyLock::new(|| blake3::Hasher::new_derive_key("gossip 2026 state hash v1"));
        let [a, b, c, d] = self.limbs;
        let numbers = [a, b, c, d, self.count].map(u64::to_le_bytes);
        *BEGUN.clone().update(numbers.as_flattened()).finalize().as_bytes()
    }

    /// The first half of [`hash`](Self::hash): what partners compare.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 16] {
        let mut short = [0; 16];
        short.copy_from_slice(self.hash().split_at(16).0);
        short
    }

    /// The fingerprint, unless the set is empty.
    #[must_use]
    pub fn mark(&self) -> Option<[u8; 16]> {
        (self.count > 0).then(|| self.fingerprint())
    }

    fn add_limbs(&mut self, other: [u64; 4]) {
        let mut carry = false;
        for (limb, other) in self.limbs.iter_mut().zip(other) {
            let (sum, over) = limb.overflowing_add(other);
            let (sum, again) = sum.overflowing_add(u64::from(carry));
            *limb = sum;
            carry = over || again;
        }
    }

    fn remove_limbs(&mut self, other: [u64; 4]) {
        let mut borrow = false;
        for (limb, other) in self.limbs.iter_mut().zip(other) {
            let (rest, under) = limb.overflowing_sub(other);
            let (rest, again) = rest.overflowing_sub(u64::from(borrow));
            *limb = rest;
            borrow = under || again;
        }
    }
}

fn limbs_of(id: &FactId) -> [u64; 4] {
    let mut limbs = [0; 4];
    for (limb, bytes) in limbs.iter_mut().zip(id.as_bytes().chunks_exact(8)) {
        let mut eight = [0; 8];
        eight.copy_from_slice(bytes);
        *limb = u64::from_le_bytes(eight);
    }
    limbs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_removal_undoes() {
        let ids: Vec<_> = (0..=255u8).map(|byte| FactId::from_bytes([byte; 32])).collect();
        let mut forward = Sum::default();
        let mut backward = Sum::default();
        ids.iter().for_each(|id| forward.add(id));
        ids.iter().rev().for_each(|id| backward.add(id));
        assert_eq!(forward, backward);
        let mut half = Sum::default();
        ids.iter().take(100).for_each(|id| half.add(id));
        forward.subtract(&half);
        ids.iter().skip(100).for_each(|id| forward.remove(id));
        assert_eq!(forward, Sum::default());
    }

    #[test]
    fn counts_tell_a_multiple_of_zero_apart() {
        let mut sum = Sum::default();
        sum.add(&FactId::from_bytes([0; 32]));
        assert_ne!(sum.fingerprint(), Sum::default().fingerprint());
    }
}
