//! `snapshot show`: what a snapshot holds, once it is known to be whole and genuine.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gossip_core::fact::Envelope;
use gossip_core::id::ChannelId;
use gossip_core::time::Wall;
use serde::Serialize;

use super::reading::{self, Checked};
use crate::args::Global;
use crate::output::{self, STRONG, count, paint};

#[derive(Serialize)]
struct Shown {
    cluster: String,
    /// Its name, as far as an id tells.
    channel: Option<String>,
    channel_id: String,
    /// Milliseconds since 1970.
    taken_at: u64,
    facts: u64,
    entries: u64,
    expired: u64,
    tombstones: u64,
    bytes: u64,
    hash: String,
}

/// Carries the command out.
///
/// # Errors
/// When the file cannot be read, is not as it was written, or holds a false signature.
pub(super) fn run(global: &Global, path: &Path) -> anyhow::Result<()> {
    let (mut expired, mut tombstones) = (0, 0);
    let checked = reading::check(path, |_, taken_at, facts| {
        for fact in &facts {
            tombstones += u64::from(fact.value().is_none());
            expired += u64::from(fact.value().is_some() && has_expired(fact, taken_at));
        }
        Ok(())
    })?;
    let Checked { bytes, domain, facts, hash, taken_at } = checked;
    let (cluster, channel) = (domain.cluster(), domain.channel());
    let is_main = channel == ChannelId::derived(cluster, ChannelId::MAIN);
    let shown = Shown {
        cluster: cluster.to_string(),
        channel: is_main.then(|| ChannelId::MAIN.to_owned()),
        channel_id: channel.to_string(),
        taken_at: taken_at.millis(),
        facts,
        entries: facts - tombstones - expired,
        expired,
        tombstones,
        bytes,
        hash: blake3::Hash::from_bytes(hash).to_hex().to_string(),
    };
    if global.json { output::json(&shown) } else { output::line(&human(&shown)) }
}

fn has_expired(fact: &Envelope, at: Wall) -> bool {
    fact.expires_at() != Wall::ZERO && fact.expires_at() <= at
}

fn human(shown: &Shown) -> String {
    let taken = UNIX_EPOCH + Duration::from_millis(shown.taken_at);
    let age = SystemTime::now().duration_since(taken).unwrap_or_default();
    let lines = [
        format!(
            "channel   {}",
            paint(STRONG, shown.channel.as_deref().unwrap_or(&shown.channel_id))
        ),
        format!("cluster   {}", shown.cluster),
        format!(
            "taken     {}, {} ago",
            humantime::format_rfc3339_seconds(taken),
            output::time(age)
        ),
        format!(
            "holds     {} entries, {} tombstones, {} expired; {} bytes",
            count(shown.entries),
            count(shown.tombstones),
            count(shown.expired),
            count(shown.bytes)
        ),
        format!("hash      {}", shown.hash),
        format!("checked   every byte, and {} signatures", count(shown.facts)),
    ];
    lines.join("\n")
}
