//! One key of many has a wrong value at a replica: what travels until it is right, in three ways.
//!
//! *Ours*: sketches, as in [`cells`](crate::cells); known are the symbols of the old and of the new entry, so that nothing
//! else is sent. *A Merkle tree* over the hashes of keys, binary as Cassandra's, of 2^15 leaves for a million keys:
//! branches that differ are followed, then all entries of the leaf are sent, for the tree knows no smaller part (Cassandra
//! streams 30 of them for a damaged one: CASSANDRA-5263). *A full digest*: one exchange, of everything.

use gossip_core::rng::Rng;
use gossip_core::sketch::Cell;

use crate::cells::Kept;
use crate::digests::{Digest, Shape, Tree};
use crate::sets::{Item, items};
use crate::table::{Figures, Row, Target};

/// What opens a comparison of sketches.
const GLANCE_BYTES: usize = 60;

/// More cells than two entries ever take.
const CELLS: usize = 4_096;

/// What each way took, one value per wrong key.
struct Taken {
    bytes: Vec<f64>,
    trips: Vec<f64>,
    /// Entries sent beyond the wrong one.
    over_sent: Vec<f64>,
}

/// So many keys in a tree of this shape, of which as many as are asked for are wrong, one at a time: figures, and what a
/// tree sends in vain beside what chance lets expect.
#[must_use]
pub fn one_wrong_key(keys: usize, shape: Shape, wrong: usize) -> (Vec<Figures>, [Row; 2]) {
    let rng = &mut Rng::from_number(15);
    let held: Vec<_> = items(keys, rng).into_iter().map(|item| (rng.next_u64(), item)).collect();
    let mut near = Kept::default();
    held.iter().for_each(|(_, item)| near.add(item.symbol()));
    let near_tree = Tree::of(shape, held.iter().map(|(key, item)| (*key, item.id)));
    let (mut far, mut far_tree) = (near.clone(), near_tree.clone());
    let [mut ours, mut tree, mut full] = [const { Taken::NOTHING }; 3];
    let step = (keys / wrong).max(1);
    for (key, old) in held.iter().step_by(step) {
        let new = Item { seconds: old.seconds + 1, id: rng.bytes() };
        far.remove(old.symbol());
        far.add(new.symbol());
        let reading = near.read(far.guess(&near.glance()), &far.answer(0..CELLS));
        assert!(reading.peeler.is_done() && reading.peeler.found().len() == 2, "old and new");
        let cells = reading.peeler.cells() * Cell::BYTES;
        ours.add(GLANCE_BYTES + cells, reading.answers.len(), 0);
        far.remove(new.symbol());
        far.add(old.symbol());

        far_tree.replace(*key, old.id, new.id);
        let (cost, leaves) = near_tree.walk(&far_tree);
        let sent: usize = leaves.iter().map(|leaf| far_tree.held(*leaf)).sum();
        assert_eq!(leaves.len(), 1, "one key is below one leaf");
        tree.add(cost.bytes, cost.trips + 1, sent - 1);
        far_tree.replace(*key, new.id, old.id);
    }
    let digest = Digest::of(held.iter().map(|(_, item)| *item));
    let (cost, _) = digest.compare(&digest);
    full.add(cost.bytes, cost.trips, 0);
    // Other keys below the leaf of a key that is drawn at random.
    let expected = (keys - 1) as f64 / shape.leaves() as f64;
    let vain = mean(&tree.over_sent) / expected;
    let leaves = shape.leaves();
    let row = |target| Row {
        name: format!(
            "entries that a tree of {leaves} leaves sends in vain, mean, of {expected:.1}"
        ),
        ratios: vec![vain],
        nanos: None,
        target,
    };
    let ways = [("sketches", ours), ("a Merkle tree", tree), ("a full digest", full)];
    let figures = ways.map(|(way, taken)| Figures {
        name: format!("one wrong key of {keys}: {way}"),
        values: vec![
            ("bytes", taken.bytes),
            ("trips", taken.trips),
            ("entries in vain", taken.over_sent),
        ],
    });
    (figures.into(), [row(Target::AtLeast(0.95)), row(Target::AtMost(1.05))])
}

impl Taken {
    const NOTHING: Self = Self { bytes: Vec::new(), trips: Vec::new(), over_sent: Vec::new() };

    fn add(&mut self, bytes: usize, trips: usize, over_sent: usize) {
        self.bytes.push(bytes as f64);
        self.trips.push(trips as f64);
        self.over_sent.push(over_sent as f64);
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
