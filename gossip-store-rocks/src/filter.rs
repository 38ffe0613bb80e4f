//! Which keys are certainly new: the hashes of all that were ever seen.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState};

/// Hashes of the rows in `heads`.
///
/// A key whose hash is missing has no row, which saves a search through files for each new entry.
/// A hash stays when its row goes, so another key that shares it is safe. Once more than half of
/// them are stale, the writing thread makes a new filter of the ids, as an opening does. It takes 9
/// to 18 bytes for each hash. The hash is keyed at random: nobody can choose keys that collide.
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

    /// Whether most of the hashes are those of keys that are gone, if so many facts are held.
    pub(crate) fn is_stale(&self, facts: usize) -> bool {
        self.seen.len() > 2 * facts + SPARE
    }

    /// Whether it was missing.
    pub(crate) fn insert(&mut self, hash: u64) -> bool {
        self.seen.insert(hash)
    }
}

/// So few stale hashes do not matter (guess: some 10 KiB).
const SPARE: usize = 1_024;

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
