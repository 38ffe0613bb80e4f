//! No queue and no table grows beyond its limit.

use super::{Checker, Observation, PerHost, Sight};
use crate::config::Config;
use crate::io::Output;
use crate::membership::ViewRetain;
use crate::status::Status;
use crate::strategy::Retain as _;
use crate::transport::DATAGRAM_BYTES;

/// What a node's status counts stays within its configuration's limits. A sample: one in 16 times
/// that a node has nothing left to say, for a node that counts everything does nothing else. What
/// grows and shrinks again in between is not seen.
#[derive(Debug, Default)]
pub struct Bounds(PerHost<u32>);

/// One in so many drains is looked at.
const STRIDE: u32 = 16;

/// What a pending fact takes besides its bytes.
const PER_FACT: usize = 256;

impl Checker for Bounds {
    fn name(&self) -> &'static str {
        "bounds"
    }

    fn observe(&mut self, sight: &Sight<'_>, what: &Observation<'_>, broken: &mut Vec<String>) {
        let Observation::Output(Output::Wait(_)) = what else { return };
        let turn = self.0.of(sight.host());
        *turn = (*turn + 1) % STRIDE;
        let (Some(node), 1) = (sight.world().node(sight.host()), *turn) else { return };
        if let Some(config) = sight.world().configuration(sight.host()) {
            broken.extend(exceeded(config, &node.status()));
        }
    }
}

/// What of all that a node counts is above its limit, or has none.
#[must_use]
pub fn exceeded(config: &Config, status: &Status) -> Vec<String> {
    let limits = &config.spec().limits;
    let peers = status.peers;
    let members = peers.alive + peers.suspect + peers.dead + peers.left;
    let queues = status.queues.iter().map(|(name, count)| (*name, *count, limit(config, name)));
    let counts = queues.chain([("members", members, Some(limits.members))]);
    let told = |(name, count, limit): (&str, usize, Option<usize>)| match limit {
        None => Some(format!("the queue {name} has no limit here")),
        Some(limit) => (count > limit).then(|| format!("{name} is {count}; the limit is {limit}")),
    };
    counts.filter_map(told).collect()
}

/// The most of each that a node may hold. Both of its channels have their own pipeline, parking,
/// rumors and repair.
fn limit(config: &Config, name: &str) -> Option<usize> {
    let limits = &config.spec().limits;
    // One fact more than fits may be in.
    let one_fact = config.fact_limit().bytes as usize + PER_FACT;
    let unmerged_bytes = 2 * (limits.channel_bytes + one_fact);
    Some(match name {
        "agreements" => 2 * 4 * limits.members,
        "awaited" => 1_024 + 1,
        "gone" => limits.members,
        "answers" | "rumors" => 2 * 4_096,
        "dials" => limits.members + 64,
        "facts-parked" => 2 * limits.parked,
        "facts-unmerged" => unmerged_bytes / PER_FACT,
        "facts-unmerged-bytes" => unmerged_bytes,
        "hellos" => limits.hellos,
        // As many as are taken at a time, each from another holder.
        "large-facts" => 1_024,
        "large-facts-asked" => 256,
        "large-facts-bytes" => 8 * (config.fact_limit().bytes as usize + DATAGRAM_BYTES),
        "links" => limits.links,
        "paces" => limits.paces,
        "sessions" => limits.members,
        "view-facts" => limits.members * ViewRetain::default().limit(),
        // Own questions, answers to partners, receipts, and what commands ask for.
        "tickets" => limits.hellos + 8 + 256 + 4_096 + 2 * limits.members + 2 * limits.writes,
        "writes" => limits.writes,
        _ => return None,
    })
}
