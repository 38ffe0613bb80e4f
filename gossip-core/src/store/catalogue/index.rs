//! Facts in time order: sorted blocks, each with the sum of its ids.

use super::Entry;
use crate::state::{Point, Span, Sum};

/// Most entries of a block: moving half of one aside costs about as much as finding it.
const BLOCK: usize = 256;

/// A block that shrinks below this joins a neighbour if both together leave room to grow.
const SMALL: usize = BLOCK / 4;

/// Entries in order, with running sums.
///
/// Appending touches the last block only; any other change moves entries within one block.
/// Describing a span reads the sums of its blocks and the entries of the two at its ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// None is empty.
    blocks: Vec<Block>,
    sum: Sum,
}

#[derive(Clone, Debug)]
struct Block {
    /// The first entry, so that a search over blocks stays within their headers.
    first: Entry,
    sum: Sum,
    entries: Vec<Entry>,
}

impl Index {
    /// An index of these entries.
    pub(super) fn build(mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable();
        let mut index = Self::default();
        entries.into_iter().for_each(|entry| index.insert(entry));
        index
    }

    /// Adds an entry that is not there.
    pub(super) fn insert(&mut self, entry: Entry) {
        self.sum.add(&entry.id);
        let at = self.block_of(&entry);
        let is_last = at + 1 >= self.blocks.len();
        match self.blocks.get_mut(at) {
            Some(block) if block.entries.len() < BLOCK => block.insert(entry),
            // Whoever writes in time order fills every block to the brim.
            Some(block) if is_last && block.entries.last() < Some(&entry) => {
                self.blocks.push(Block::of(vec![entry]));
            }
            Some(block) => {
                let mut upper = block.split();
                if entry < upper.first {
                    block.insert(entry)
                } else {
                    upper.insert(entry)
                }
                self.blocks.insert(at + 1, upper);
            }
            None => self.blocks.push(Block::of(vec![entry])),
        }
    }

    /// Takes an entry away that is there.
    pub(super) fn remove(&mut self, entry: &Entry) {
        let at = self.block_of(entry);
        let left = self.blocks.get_mut(at).and_then(|block| block.remove(entry));
        debug_assert!(left.is_some(), "only what was inserted is removed");
        match left {
            None => return,
            Some(0) => drop(self.blocks.remove(at)),
            Some(left) if left < SMALL => self.join(at),
            Some(_) => {}
        }
        self.sum.remove(&entry.id);
    }

    /// The last entry in time order.
    pub(super) fn last(&self) -> Option<&Entry> {
        self.blocks.last()?.entries.last()
    }

    /// The sum of everything.
    pub(super) const fn total(&self) -> &Sum {
        &self.sum
    }

    /// The sum of a span.
    pub(super) fn sum(&self, span: &Span) -> Sum {
        if *span == Span::ALL {
            return self.sum;
        }
        let blocks = self.blocks_in(span);
        let mut sum = Sum::default();
        for (at, block) in blocks.iter().enumerate() {
            let part = block.part(span, at == 0 || at + 1 == blocks.len());
            if part.len() == block.entries.len() {
                sum.merge(&block.sum);
            } else {
                part.iter().for_each(|entry| sum.add(&entry.id));
            }
        }
        sum
    }

    /// The entries of a span in order.
    pub(super) fn entries(&self, span: &Span) -> impl Iterator<Item = &Entry> {
        self.blocks_in(span).iter().flat_map(|block| block.part(span, true))
    }

    /// Every `stride`-th point of a span, from its first one on; with long strides, the first
    /// point of the block instead, for then nobody has to add up parts of blocks.
    pub(super) fn sample(&self, span: &Span, stride: usize, samples: &mut Vec<Point>) {
        let blocks = self.blocks_in(span);
        let mut next = 0;
        for (at, block) in blocks.iter().enumerate() {
            let part = block.part(span, at == 0 || at + 1 == blocks.len());
            if stride <= BLOCK {
                samples.extend(part.iter().skip(next).step_by(stride).map(Entry::point));
            } else if next < part.len() {
                samples.extend(part.first().map(Entry::point));
            }
            let taken = part.len().saturating_sub(next).div_ceil(stride);
            next = next + taken * stride - part.len();
        }
    }

    /// Whether an entry is there.
    pub(super) fn contains(&self, entry: &Entry) -> bool {
        let block = self.blocks.get(self.block_of(entry));
        block.is_some_and(|block| block.entries.binary_search(entry).is_ok())
    }

    /// The entry at a point.
    pub(super) fn find(&self, point: Point) -> Option<Entry> {
        // The first entry at or after the point is in the last block that begins before the
        // point, or begins the next one.
        let after = self.blocks.partition_point(|block| block.first.point() < point);
        let mut blocks = self.blocks.iter().skip(after.saturating_sub(1)).take(2);
        let entry = blocks.find_map(|block| {
            block.entries.get(block.entries.partition_point(|entry| entry.point() < point))
        })?;
        (entry.point() == point).then_some(*entry)
    }

    /// Where the block is that holds or would take an entry; past the end if there is no block.
    fn block_of(&self, entry: &Entry) -> usize {
        self.blocks.partition_point(|block| block.first <= *entry).saturating_sub(1)
    }

    /// The blocks that can hold entries of a span. All but the first and last lie within it.
    fn blocks_in(&self, span: &Span) -> &[Block] {
        // No two facts share a point: a block that begins at `from` is the first one.
        let from = self.blocks.partition_point(|block| block.first.point() <= span.from);
        let upto = self.blocks.partition_point(|block| block.first.point() < span.upto);
        self.blocks.get(from.saturating_sub(1)..upto).unwrap_or_default()
    }

    /// Unites a small block with a neighbour that has room.
    fn join(&mut self, at: usize) {
        let len = |at: usize| self.blocks.get(at).map_or(BLOCK, |block| block.entries.len());
        let fits = |lower: usize| len(lower) + len(lower + 1) <= BLOCK - SMALL;
        let Some(lower) = [Some(at), at.checked_sub(1)].into_iter().flatten().find(|at| fits(*at))
        else {
            return;
        };
        let upper = self.blocks.remove(lower + 1);
        if let Some(block) = self.blocks.get_mut(lower) {
            block.sum.merge(&upper.sum);
            block.entries.extend(upper.entries);
        }
    }

    /// Recomputes everything that is derived.
    ///
    /// # Panics
    /// If order, sums or block sizes are wrong.
    pub(super) fn check(&self) {
        let mut total = Sum::default();
        for block in &self.blocks {
            let mut sum = Sum::default();
            block.entries.iter().for_each(|entry| sum.add(&entry.id));
            assert_eq!(sum, block.sum, "a block's sum is that of its entries");
            assert_eq!(Some(&block.first), block.entries.first(), "no block is empty");
            assert!(block.entries.len() <= BLOCK, "no block is too long");
            total.merge(&sum);
        }
        assert_eq!(total, self.sum, "the total is the sum of the blocks");
        let all: Vec<_> = self.blocks.iter().flat_map(|block| &block.entries).collect();
        assert!(all.is_sorted_by(|a, b| a < b), "entries ascend");
    }
}

impl Block {
    fn of(entries: Vec<Entry>) -> Self {
        let mut sum = Sum::default();
        entries.iter().for_each(|entry| sum.add(&entry.id));
        #[expect(clippy::expect_used, reason = "callers pass an entry or half a full block")]
        let first = *entries.first().expect("a block has entries");
        Self { first, sum, entries }
    }

    fn insert(&mut self, entry: Entry) {
        self.sum.add(&entry.id);
        self.first = self.first.min(entry);
        if self.entries.last() < Some(&entry) {
            self.entries.push(entry);
        } else {
            let at = self.entries.partition_point(|held| *held < entry);
            self.entries.insert(at, entry);
        }
    }

    /// How many are left, if the entry was there.
    fn remove(&mut self, entry: &Entry) -> Option<usize> {
        let at = self.entries.binary_search(entry).ok()?;
        self.entries.remove(at);
        self.sum.remove(&entry.id);
        self.first = self.entries.first().copied().unwrap_or(self.first);
        Some(self.entries.len())
    }

    /// Gives its upper half away.
    fn split(&mut self) -> Self {
        let upper = Self::of(self.entries.split_off(self.entries.len() / 2));
        self.sum.subtract(&upper.sum);
        upper
    }

    /// Its entries in a span; `may_cross` if it can reach beyond it.
    fn part(&self, span: &Span, may_cross: bool) -> &[Entry] {
        let lies_within = || {
            let last = self.entries.last().is_some_and(|last| last.point() < span.upto);
            last && self.first.point() >= span.from
        };
        if !may_cross || lies_within() {
            return &self.entries;
        }
        let from = self.entries.partition_point(|entry| entry.point() < span.from);
        let upto = self.entries.partition_point(|entry| entry.point() < span.upto);
        self.entries.get(from..upto).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::FactId;
    use crate::time::{Epoch, Hlc};

    fn entry(number: u64) -> Entry {
        let id = FactId::from_bytes(*blake3::hash(&number.to_le_bytes()).as_bytes());
        Entry { hlc: Hlc::from_bits(number / 3), id, slot: number as u32, leaves_at: Epoch::NEVER }
    }

    /// A permutation of `0..=1008`: multiples of a generator modulo a prime.
    fn shuffled() -> impl Iterator<Item = u64> {
        (0..1_009).map(|number| number * 367 % 1_009)
    }

    #[test]
    fn any_order_gives_the_same_index_and_removal_empties_it() {
        let mut index = Index::default();
        shuffled().for_each(|number| index.insert(entry(number)));
        index.check();
        let mut sorted: Vec<_> = (0..1_009).map(entry).collect();
        sorted.sort_unstable();
        assert!(index.entries(&Span::ALL).eq(&sorted));
        for (removed, number) in shuffled().enumerate() {
            index.remove(&entry(number));
            index.check();
            assert!(index.blocks.len() <= 2 + (1_009 - removed) / (BLOCK / 4), "blocks join");
        }
        assert!(index.blocks.is_empty());
    }

    #[test]
    fn appending_fills_blocks() {
        let mut index = Index::default();
        let mut sorted: Vec<_> = (0..1_024).map(entry).collect();
        sorted.sort_unstable();
        sorted.into_iter().for_each(|entry| index.insert(entry));
        assert_eq!(index.blocks.len(), 4);
    }

    #[test]
    fn spans_samples_and_points_match_brute_force() {
        let all = {
            let mut all: Vec<_> = (0..1_009).map(entry).collect();
            all.sort_unstable();
            all
        };
        let mut index = Index::default();
        shuffled().for_each(|number| index.insert(entry(number)));
        let point = |at: usize| all.get(at).map_or(Point::END, Entry::point);
        for (from, upto) in
            [(0, 1_009), (0, 1), (5, 5), (9, 3), (17, 700), (255, 513), (1_008, 1_009)]
        {
            let span = Span { from: point(from), upto: point(upto) };
            let expected: Vec<_> = all.iter().filter(|e| span.contains(e.point())).collect();
            assert!(index.entries(&span).eq(expected.iter().copied()));
            let mut sum = Sum::default();
            expected.iter().for_each(|entry| sum.add(&entry.id));
            assert_eq!(index.sum(&span), sum);
            for stride in [1, 7, 255, 256] {
                let mut samples = Vec::new();
                index.sample(&span, stride, &mut samples);
                let every = expected.iter().step_by(stride).map(|entry| entry.point());
                assert!(samples.iter().copied().eq(every), "stride {stride} of {from}..{upto}");
            }
        }
        let mut samples = Vec::new();
        index.sample(&Span::ALL, 300, &mut samples);
        assert_eq!(samples.len(), 1_009_usize.div_ceil(300));
        assert!(samples.iter().all(|at| index.blocks.iter().any(|b| b.first.point() == *at)));
        for entry in &all {
            assert_eq!(index.find(entry.point()), Some(*entry));
            let beside = Point { id: [7; 16], ..entry.point() };
            assert_eq!(index.find(beside), None);
        }
        assert_eq!(Index::default().find(Point::MIN), None);
    }
}
