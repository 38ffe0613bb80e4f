//! What waits in a node, and how much of it there may be.

use crate::config::Config;
use crate::status::Status;

/// Holds every queue of a node against its named bound.
///
/// # Panics
/// If one is exceeded, or has no bound.
pub fn check_bounds(config: &Config, status: &Status) {
    let limits = &config.spec().limits;
    // One fact more than fits may be in, and each costs some memory besides its bytes.
    let unmerged_bytes = 2 * (limits.channel_bytes + 2 * config.fact_limit().bytes as usize);
    for (&name, &count) in &status.queues {
        let bound = match name {
            "agreements" => 2 * 4 * limits.members,
            "answers" => 2 * 4_096,
            "dials" => limits.members + 64,
            "facts-parked" => 2 * limits.parked,
            "facts-unmerged" => unmerged_bytes / 256,
            "facts-unmerged-bytes" => unmerged_bytes,
            "hellos" => limits.hellos,
            "links" => limits.links,
            "paces" => 2 * limits.paces,
            "rumors" => 2 * 4_096,
            "sessions" => limits.members,
            // Own questions, answers to partners, receipts, and what commands ask for.
            "tickets" => limits.hellos + 4_096 + 2 * limits.members + 2 * limits.writes,
            // What was on its way when the last place was taken still comes in.
            "view-facts" => limits.members + unmerged_bytes / 256,
            "writes" => limits.writes.max(1),
            unknown => panic!("the queue {unknown} has no bound here"),
        };
        assert!(count <= bound, "{name} is {count}; its bound is {bound}");
    }
    let peers = status.peers;
    let members = peers.alive + peers.suspect + peers.dead + peers.left;
    assert!(members <= limits.members, "{members} members; the bound is {}", limits.members);
}
