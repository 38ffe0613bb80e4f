//! Two older ways of comparing sets, small and plain: the full digest and the Merkle tree.

use std::cmp::Ordering;

use crate::cost::{Cost, timed};
use crate::sets::Item;

/// Bytes of an item in a full digest: id and version.
const DIGEST_BYTES: usize = 40;

/// Children of a tree's node.
const FAN_OUT: usize = 16;

/// Levels below the root, of four bits each: 65,536 leaves.
const LEVELS: u32 = 4;

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

/// A tree over the first bits of ids. A fingerprint is the sum without carry of the ids below, which
/// are hashes: that costs nothing to keep, and nobody crafts ids here.
#[derive(Debug)]
pub struct Tree {
    /// From the root down to the leaves.
    levels: Vec<Vec<u128>>,
    /// The ids below each leaf, in order.
    leaves: Vec<Vec<[u8; 32]>>,
}

impl Tree {
    /// The tree of a set.
    pub fn of(items: impl Iterator<Item = Item>) -> Self {
        let mut leaves = vec![Vec::new(); FAN_OUT.pow(LEVELS)];
        for item in items {
            let place = item.id.first_chunk().map_or(0, |first| u16::from_be_bytes(*first));
            if let Some(leaf) = leaves.get_mut(usize::from(place)) {
                leaf.push(item.id);
            }
        }
        leaves.iter_mut().for_each(|leaf| leaf.sort_unstable());
        let mut levels = vec![leaves.iter().map(|ids| ids.iter().map(word).fold(0, xor)).collect()];
        for _ in 0..LEVELS {
            let below: &Vec<u128> = levels.last().expect("the leaves are there");
            let above = below.chunks(FAN_OUT).map(|of| of.iter().copied().fold(0, xor)).collect();
            levels.push(above);
        }
        levels.reverse();
        Self { levels, leaves }
    }

    /// Reads the difference from a partner: nodes that differ are asked for their children, and the
    /// leaves for their lists. The cost, and how many are here alone and there alone.
    #[must_use]
    pub fn compare(&self, partner: &Self) -> (Cost, [usize; 2]) {
        let mut cost = Cost { bytes: FINGERPRINT_BYTES, ..Cost::default() };
        let mut differing = vec![0];
        for (ours, theirs) in self.levels.iter().zip(&partner.levels).skip(1) {
            let message = timed(&mut cost.answering, || {
                let mut message = Vec::new();
                for child in differing.iter().flat_map(|node| children(theirs, *node)) {
                    message.extend_from_slice(&child.to_be_bytes());
                }
                message
            });
            cost.trips += 1;
            // Which nodes are asked for is a bit for each child.
            cost.bytes += message.len() + differing.len() * FAN_OUT / 8;
            differing = timed(&mut cost.reading, || {
                let (theirs, _) = message.as_chunks::<FINGERPRINT_BYTES>();
                let places = differing.iter().flat_map(|node| node * FAN_OUT..(node + 1) * FAN_OUT);
                let ours = differing.iter().flat_map(|node| children(ours, *node));
                let pairs = places.zip(ours.zip(theirs));
                pairs
                    .filter(|(_, (ours, theirs))| **ours != u128::from_be_bytes(**theirs))
                    .map(|(place, _)| place)
                    .collect()
            });
        }
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
fn children(below: &[u128], node: usize) -> impl Iterator<Item = &u128> {
    below.get(node * FAN_OUT..(node + 1) * FAN_OUT).into_iter().flatten()
}

fn word(id: &[u8; 32]) -> u128 {
    // The last bytes, for the first ones are the place.
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
