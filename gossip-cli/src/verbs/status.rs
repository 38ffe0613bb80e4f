//! `status`: a node in numbers.

use std::time::Duration;

use crate::admin::client::Client;
use crate::admin::documents::StatusDocument;
use crate::args::Global;
use crate::output::{self, BAD, GOOD, STRONG, count, paint};

/// Carries the command out.
///
/// # Errors
/// When the node does not answer.
pub(crate) fn run(global: &Global) -> anyhow::Result<()> {
    let status: StatusDocument = Client::new(global)?.get("/v1/status", &[])?;
    if global.json { output::json(&status) } else { output::line(&human(&status)) }
}

fn human(status: &StatusDocument) -> String {
    let name = if status.name.is_empty() { "a node" } else { &status.name };
    let (peers, wire, verify) = (&status.peers, &status.wire, &status.verify);
    let health = match &status.store.reason {
        None => paint(GOOD, "healthy"),
        Some(_) if status.store.read_only => paint(BAD, "READ-ONLY"),
        Some(_) => paint(BAD, "FAILED"),
    };
    let mut lines = vec![
        format!("{} {}", paint(STRONG, name), status.id),
        format!("up        {}", output::time(Duration::from_millis(status.uptime_ms))),
        format!(
            "members   {} alive, {} suspect, {} dead, {} left, {} evicted",
            peers.alive, peers.suspect, peers.dead, peers.left, peers.evicted
        ),
        format!(
            "state     {} entries in {}, store {} {health}",
            count(status.entries),
            status.channels.join(", "),
            status.store.kind
        ),
        format!(
            "durable   {} of {} commits",
            count(status.store.durable),
            count(status.store.commit)
        ),
        format!(
            "sent      {} frames, {} bytes, {} facts",
            count(wire.sent_frames),
            count(wire.sent_bytes),
            count(status.facts_sent)
        ),
        format!(
            "received  {} frames, {} bytes, {} facts known before",
            count(wire.received_frames),
            count(wire.received_bytes),
            count(status.duplicates)
        ),
        format!(
            "verified  {} signatures, {} skipped, {} false",
            count(verify.checked),
            count(verify.skipped_known),
            count(verify.failed)
        ),
        format!("rounds    {}", count(status.rounds)),
        format!("equal     with {} of {} partners", status.equal_partners, status.partners),
    ];
    let listed =
        |pairs: Vec<String>| if pairs.is_empty() { "none".into() } else { pairs.join(", ") };
    let queues = status.queues.iter().filter(|(_, count)| **count > 0);
    let queues = queues.map(|(name, count)| format!("{count} {name}")).collect();
    lines.push(format!("waiting   {}", listed(queues)));
    let rejected = status.rejected.iter().map(|(why, count)| format!("{count} {why}")).collect();
    lines.push(format!("rejected  {}", listed(rejected)));
    lines.extend(status.taking.map(|taking| {
        let (taken, left) = (count(taking.taken), count(taking.left));
        format!(
            "taking    {taken} entries so far, about {left} left, from {} partners",
            taking.partners
        )
    }));
    lines.extend(status.store.reason.iter().map(|reason| paint(BAD, reason)));
    lines.join("\n")
}
