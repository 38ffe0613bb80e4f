//! No queue and no table grows beyond its limit.

use super::{Checker, Observation, PerHost, Sight};
use crate::config::Limits;
use crate::io::Output;

/// What a node's status counts stays within its configuration's limits. A sample: one in 16 times
/// that a node has nothing left to say, for a node that counts everything does nothing else. What
/// grows and shrinks again in between is not seen.
#[derive(Debug, Default)]
pub struct Bounds(PerHost<u32>);

/// One in so many drains is looked at.
const STRIDE: u32 = 16;

/// The largest fact that a datagram carries, and what a pending one takes besides.
const ONE_FACT: usize = 1_500;

impl Checker for Bounds {
    fn name(&self) -> &'static str {
        "bounds"
    }

    fn observe(&mut self, sight: &Sight<'_>, what: &Observation<'_>, broken: &mut Vec<String>) {
        let Observation::Output(Output::Wait(_)) = what else { return };
        let turn = self.0.of(sight.host());
        *turn = (*turn + 1) % STRIDE;
        let (Some(node), 1) = (sight.world().node(sight.host()), *turn) else { return };
        let Some(config) = sight.world().configuration(sight.host()) else { return };
        let queues = node.status().queues;
        for (name, limit) in limits(&config.limits) {
            let count = queues.get(name).copied().unwrap_or(0);
            if count > limit {
                broken.push(format!("{name} is {count}; the limit is {limit}"));
            }
        }
    }
}

/// The most of each that a node may hold. Both of its channels have their own pipeline and parking.
fn limits(limits: &Limits) -> [(&'static str, usize); 9] {
    [
        ("dials", limits.members + 64),
        ("facts-parked", limits.parked * 2),
        ("facts-unmerged-bytes", (limits.channel_bytes + ONE_FACT) * 2),
        ("hellos", limits.hellos),
        ("links", limits.links),
        ("paces", limits.paces),
        ("sessions", limits.members),
        ("view-facts", limits.members),
        ("writes", limits.writes),
    ]
}
