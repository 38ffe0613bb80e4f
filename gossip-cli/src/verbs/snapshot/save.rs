//! `snapshot save`: a node's state as of one moment, into a file.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::time::Instant;

use gossip_core::store::snapshot::Part;
use indicatif::ProgressBar;
use serde::Serialize;

use super::reading;
use crate::admin::client::Client;
use crate::admin::documents::HashDocument;
use crate::args::Global;
use crate::failure::Failure;
use crate::files;
use crate::output::{self, count};

#[derive(Serialize)]
struct Saved {
    facts: u64,
    bytes: u64,
    hash: String,
    ms: u64,
}

/// Carries the command out: the file is there once it came as a whole, or as it was.
///
/// # Errors
/// When the node does not answer to the end, or the file cannot be written.
pub(super) fn run(global: &Global, path: &Path) -> anyhow::Result<()> {
    let begun = Instant::now();
    let client = Client::with_timeout(global, global.timeout)?;
    let mut body = client.body("/v1/snapshot", &[("channel", global.channel.as_str())])?;
    let bar = bar(&client, global)?;
    let (mut bytes, mut end) = (0, None);
    files::replace(path, |out| {
        let source = |piece: &mut [u8]| {
            let count = body.read(piece).map_err(|error| client.broken_off(error))?;
            out.write_all(piece.get(..count).unwrap_or_default())?;
            bytes += count as u64;
            Ok(count)
        };
        reading::read(source, |part| {
            match part {
                Part::Begin { .. } => {}
                Part::Fact(_) => bar.inc(1),
                Part::End { facts, hash } => end = Some((facts, hash)),
            }
            Ok(())
        })
    })?;
    bar.finish_and_clear();
    let (facts, hash) = end.ok_or_else(|| Failure::failed("the node sent no snapshot"))?;
    let hash = blake3::Hash::from_bytes(hash).to_hex().to_string();
    let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    if global.json {
        return output::json(&Saved { facts, bytes, hash, ms });
    }
    let (facts, bytes) = (count(facts), count(bytes));
    let time = output::time(begun.elapsed());
    output::line(&format!("{facts} facts, {bytes} bytes, to {} in {time}", path.display()))
}

/// A bar over about as many facts as there are.
fn bar(client: &Client, global: &Global) -> anyhow::Result<ProgressBar> {
    if !std::io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let query = [("channel", global.channel.as_str()), ("epoch", "this")];
    let hash: HashDocument = client.get("/v1/kv/hash", &query)?;
    let style = output::progress("{bar:40.green} {pos}/{len} facts {per_sec} {eta} left");
    Ok(ProgressBar::new(hash.entries + hash.tombstones).with_style(style))
}
