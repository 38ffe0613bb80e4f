//! Two older ways of comparing sets, small and plain: the full digest and the Merkle tree.

use std::cmp::Ordering;

use crate::cost::{Cost, timed};
use crate::sets::Item;

/// Bytes of an item in a full digest: id and version.
const DIGEST_BYTES: usize = 40;

/// Bytes of a fingerprint.
const FINGERPRINT_BYTES: usize = 16;

/// Everything, in the order of ids.
#[derive(Debug)]
pub struct Digest(Vec<Item>);

impl Digest {
    /// The digest of a set.
    pub fn of(items: impl Iterator<Item = Item>) -> Self {
        let mut items: Vec<_> = items.collect();
        items.sort_unstable_by_key(|item| item.id);
        Self(items)
    }

    /// Reads the difference from a partner that tells all it has: the cost, and how many are here
    /// alone and there alone.
    #[must_use]
    pub fn compare(&self, partner: &Self) -> (Cost, [usize; 2]) {
        let mut cost = Cost { trips: 1, ..Cost::default() };
        let message = timed(&mut cost.answering, || {
            let mut message = Vec::with_capacity(partner.0.len() * DIGEST_BYTES);
            for item in &partner.0 {
                message.extend_from_slice(&item.id);
                message.extend_from_slice(&item.seconds.to_be_bytes());
            }
            message
        });
        cost.bytes = message.len();
        let alone = timed(&mut cost.reading, || {
            let (items, _) = message.as_chunks::<DIGEST_BYTES>();
            let theirs = items.iter().filter_map(|item| item.first_chunk().copied());
            alone(self.0.iter().map(|item| item.id), theirs)
        });
        (cost, alone)
    }
}

/// How a tree branches.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "benchmarks build it literally")]
pub struct Shape {
    /// Bits that tell the children of a node apart.
    pub bits: u32,
    /// Levels below the root.
    pub levels: u32,
}

impl Shape {
    /// 65,536 leaves, few levels.
    pub const WIDE: Self = Self { bits: 4, levels: 4 };

    /// Children of a node.
    const fn fan_out(self) -> usize {
        1 << self.bits
    }

    /// How many leaves there are.
    #[must_use]
    pub const fn leaves(self) -> usize {
        1 << (self.bits * self.levels)
    }

    /// The leaf that this number is below.
    const fn leaf(self, place: u64) -> usize {
        (place >> (u64::BITS - self.bits * self.levels)) as usize
    }
}

/// A tree over numbers as random as hashes are, each with an id. A fingerprint is the sum without carry
/// of the ids below, which are hashes: that costs nothing to keep, and nobody crafts ids here.
#[derive(Clone, Debug)]
pub struct Tree {
    shape: Shape,
    /// From the root down to the leaves.
    levels: Vec<Vec<u128>>,
    /// The ids below each leaf, in order.
    leaves: Vec<Vec<[u8; 32]>>,
}

impl Tree {
    /// The tree of a set: numbers with ids.
    pub fn of(shape: Shape, items: impl Iterator<Item = (u64, [u8; 32])>) -> Self {
        let mut leaves = vec![Vec::new(); shape.leaves()];
        for (place, id) in items {
            if let Some(leaf) = leaves.get_mut(shape.leaf(place)) {
                leaf.push(id);
            }
        }
        leaves.iter_mut().for_each(|leaf| leaf.sort_unstable());
        let mut levels = vec![leaves.iter().map(|ids| ids.iter().map(word).fold(0, xor)).collect()];
        for _ in 0..shape.levels {
            let below: &Vec<u128> = levels.last().expect("the leaves are there");
            let above = below.chunks(shape.fan_out());
            levels.push(above.map(|of| of.iter().copied().fold(0, xor)).collect());
        }
        levels.reverse();
        Self { shape, levels, leaves }
    }

    /// Gives a number another id.
    pub fn replace(&mut self, place: u64, old: [u8; 32], new: [u8; 32]) {
        let mut node = self.shape.leaf(place);
        if let Some(leaf) = self.leaves.get_mut(node) {
            leaf.retain(|id| *id != old);
            leaf.insert(leaf.partition_point(|id| *id < new), new);
        }
        for level in self.levels.iter_mut().rev() {
            if let Some(sum) = level.get_mut(node) {
                *sum ^= word(&old) ^ word(&new);
            }
            node >>= self.shape.bits;
        }
    }

    /// How many ids are below a leaf.
    #[must_use]
    pub fn held(&self, leaf: usize) -> usize {
        self.leaves.get(leaf).map_or(0, Vec::len)
    }

    /// Finds the leaves that differ from a partner's: nodes that do are asked for their children.
    #[must_use]
    pub fn walk(&self, partner: &Self) -> (Cost, Vec<usize>) {
        let mut cost = Cost { bytes: FINGERPRINT_BYTES, ..Cost::default() };
        let mut differing = vec![0];
        let fan_out = self.shape.fan_out();
        for (ours, theirs) in self.levels.iter().zip(&partner.levels).skip(1) {
            let message = timed(&mut cost.answering, || {
                let mut message = Vec::new();
                for child in differing.iter().flat_map(|node| children(theirs, *node, fan_out)) {
                    message.extend_from_slice(&child.to_be_bytes());
                }
                message
            });
            cost.trips += 1;
            // Which nodes are asked for is a bit for each child.
            cost.bytes += message.len() + (differing.len() * fan_out).div_ceil(8);
            differing = timed(&mut cost.reading, || {
                let (theirs, _) = message.as_chunks::<FINGERPRINT_BYTES>();
                let places = differing.iter().flat_map(|node| node * fan_out..(node + 1) * fan_out);
                let ours = differing.iter().flat_map(|node| children(ours, *node, fan_out));
                let pairs = places.zip(ours.zip(theirs));
                pairs
                    .filter(|(_, (ours, theirs))| **ours != u128::from_be_bytes(**theirs))
                    .map(|(place, _)| place)
                    .collect()
            });
        }
        (cost, differing)
    }

    /// Reads the difference from a partner: of leaves that differ it asks for the lists. The cost, and
    /// how many are here alone and there alone.
    #[must_use]
    pub fn compare(&self, partner: &Self) -> (Cost, [usize; 2]) {
        let (mut cost, differing) = self.walk(partner);
        let lists = timed(&mut cost.answering, || {
            let lists = differing.iter().filter_map(|leaf| partner.leaves.get(*leaf));
            lists.map(|ids| ids.concat()).collect::<Vec<_>>()
        });
        cost.trips += 1;
        // A list begins with a byte that says how long it is.
        cost.bytes += lists.iter().map(|list| 1 + list.len()).sum::<usize>();
        let alone = timed(&mut cost.reading, || {
            let ours = differing.iter().filter_map(|leaf| self.leaves.get(*leaf));
            ours.zip(&lists).fold([0, 0], |[here, there], (ours, theirs)| {
                let (theirs, _) = theirs.as_chunks();
                let [more_here, more_there] = alone(ours.iter().copied(), theirs.iter().copied());
                [here + more_here, there + more_there]
            })
        });
        (cost, alone)
    }
}

/// The children of a node, of the level below it.
fn children(below: &[u128], node: usize, fan_out: usize) -> impl Iterator<Item = &u128> {
    below.get(node * fan_out..(node + 1) * fan_out).into_iter().flatten()
}

fn word(id: &[u8; 32]) -> u128 {
    // The last bytes, for the first ones may be the place.
    id.last_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes))
}

const fn xor(a: u128, b: u128) -> u128 {
    a ^ b
}

/// How many of two ascending rows are in one of them alone.
fn alone(
    ours: impl Iterator<Item = [u8; 32]>,
    theirs: impl Iterator<Item = [u8; 32]>,
) -> [usize; 2] {
    let (mut ours, mut theirs) = (ours.peekable(), theirs.peekable());
    let [mut here, mut there] = [0; 2];
    while let (Some(our), Some(their)) = (ours.peek(), theirs.peek()) {
        match our.cmp(their) {
            Ordering::Less => {
                here += 1;
                ours.next();
            }
            Ordering::Greater => {
                there += 1;
                theirs.next();
            }
            Ordering::Equal => {
                ours.next();
                theirs.next();
            }
        }
    }
    [here + ours.count(), there + theirs.count()]
}
