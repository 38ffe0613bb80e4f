//! Two sets that differ a little, of ids as random as hashes are.

use gossip_core::rng::Rng;
use gossip_core::sketch::Symbol;

/// Over how many seconds items are spread.
pub const SECONDS: u64 = 1_000_000;

/// A fact as comparisons of sets know it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "benchmarks read it")]
pub struct Item {
    /// When it was written.
    pub seconds: u64,
    /// Its whole id.
    pub id: [u8; 32],
}

impl Item {
    /// What sketches know of it.
    #[must_use]
    pub fn symbol(&self) -> Symbol {
        let id = self.id.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
        Symbol { hlc: self.seconds << 16, id }
    }
}

/// Two sets of equal size, or of sizes that differ by one.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "benchmarks read it")]
pub struct Sets<'a> {
    /// What both hold.
    pub common: &'a [Item],
    /// What only the side that reads holds.
    pub here: Vec<Item>,
    /// What only the side that answers holds.
    pub there: Vec<Item>,
}

impl<'a> Sets<'a> {
    /// Sets that differ by so many items: as many of `all` as leave the larger one with all of them.
    pub fn new(all: &'a [Item], difference: usize, rng: &mut Rng) -> Self {
        let (fewer, more) = (difference / 2, difference.div_ceil(2));
        let (common, _) = all.split_at(all.len().saturating_sub(more));
        Self { common, here: items(fewer, rng), there: items(more, rng) }
    }
}

/// So many items, uniform in time.
pub fn items(count: usize, rng: &mut Rng) -> Vec<Item> {
    (0..count).map(|_| Item { seconds: rng.below(SECONDS), id: rng.bytes() }).collect()
}
