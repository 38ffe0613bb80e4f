//! The sweep of Lifeguard's paper (arXiv:1707.00788, section V-D): how many nodes are slow, for how long,
//! and how long they are well in between.

use std::time::Duration;

/// How many nodes are slow.
const NODES: [u32; 9] = [1, 4, 8, 12, 16, 20, 24, 28, 32];

/// For how many milliseconds they are.
const SLOW_MS: [u64; 6] = [128, 512, 2_048, 8_192, 16_384, 32_768];

/// How many milliseconds they are well in between.
const WELL_MS: [u64; 8] = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384];

/// How many points there are.
pub(super) const POINTS: u64 = (NODES.len() * SLOW_MS.len() * WELL_MS.len()) as u64;

/// The most nodes that are slow at any point.
pub(super) const MOST_SLOW: u32 = 32;

/// From seed to seed so many points are passed over: next to the golden section of all, without a
/// common divisor. So any number of seeds in a row are spread evenly, and as many as there are points
/// play each once.
const STRIDE: u64 = 265;

/// One point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Point {
    pub(super) nodes: u32,
    pub(super) slow: Duration,
    pub(super) well: Duration,
}

impl Point {
    /// The point that a seed plays.
    pub(super) fn of(seed: u64) -> Self {
        let mut rest = ((seed % POINTS) * STRIDE % POINTS) as usize;
        let mut next = |count: usize| {
            let place = rest % count;
            rest /= count;
            place
        };
        let (well, slow, nodes) = (next(WELL_MS.len()), next(SLOW_MS.len()), next(NODES.len()));
        let millis = |all: &[u64], at: usize| {
            Duration::from_millis(all.get(at).copied().unwrap_or_default())
        };
        Self {
            nodes: NODES.get(nodes).copied().unwrap_or_default(),
            slow: millis(&SLOW_MS, slow),
            well: millis(&WELL_MS, well),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn as_many_seeds_as_points_play_each_once() {
        for first in [0, 1, 1_000_003] {
            let points: BTreeSet<_> = (first..first + POINTS).map(Point::of).collect();
            assert_eq!(points.len(), 432);
        }
        assert_eq!(NODES.iter().max(), Some(&MOST_SLOW));
    }

    #[test]
    fn a_share_of_them_is_spread_evenly() {
        let points: Vec<_> = (1..=72).map(Point::of).collect();
        for nodes in NODES {
            let count = points.iter().filter(|point| point.nodes == nodes).count();
            assert!((6..=10).contains(&count), "{count} of 8 for {nodes} nodes");
        }
        for slow in SLOW_MS.map(Duration::from_millis) {
            let count = points.iter().filter(|point| point.slow == slow).count();
            assert!((9..=15).contains(&count), "{count} of 12 for {slow:?}");
        }
        for well in WELL_MS.map(Duration::from_millis) {
            let count = points.iter().filter(|point| point.well == well).count();
            assert_eq!(count, 9, "for {well:?}");
        }
    }
}
