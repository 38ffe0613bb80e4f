//! Which keys are certainly new: the hashes of all that were ever seen.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState};

/// Hashes of the rows in `heads`.
///
/// A key whose hash is missing has no row, which saves a search through files for each new entry.
/// A hash stays when its row goes, so another key that shares it is safe; the next opening starts
/// afresh. It takes 9 to 18 bytes for each key. The hash is keyed at random: nobody can choose keys that collide.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    hasher: RandomState,
    seen: HashSet<u64, BuildHasherDefault<Identity>>,
}

impl Filter {
    pub(crate) fn hash(&self, row: &[u8]) -> u64 {
        self.hasher.hash_one(row)
    }

    pub(crate) fn may_contain(&self, hash: u64) -> bool {
        self.seen.contains(&hash)
    }

    /// Whether it was missing.
    pub(crate) fn insert(&mut self, hash: u64) -> bool {
        self.seen.insert(hash)
    }
}

/// What is hashed already.
#[derive(Debug, Default)]
pub(crate) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}
