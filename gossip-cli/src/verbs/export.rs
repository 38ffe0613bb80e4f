//! `kv export`: all live entries of a node as of one moment, as lines that `kv import` reads.

use std::io::{IsTerminal as _, Write};
use std::path::PathBuf;
use std::time::Instant;

use indicatif::ProgressBar;
use serde::Serialize;

use crate::admin::client::Client;
use crate::args::Global;
use crate::files;
use crate::output::{self, count};

#[derive(Serialize)]
struct Exported {
    exported: u64,
    bytes: u64,
    ms: u64,
}

/// Carries the command out.
///
/// # Errors
/// When the node does not answer to the end, or the file cannot be written; then there is none.
pub(crate) fn run(global: &Global, file: Option<PathBuf>, prefix: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    let client = Client::with_timeout(global, global.timeout)?;
    let file = file.filter(|file| file.as_os_str() != "-");
    let Some(path) = file else {
        // A reader that goes away, as `head` does, ends it well.
        copy(&client, global, prefix, &mut std::io::stdout().lock(), &ProgressBar::hidden())?;
        return Ok(());
    };
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::no_length().with_style(output::spinner("{spinner} {pos} entries {per_sec}"))
    } else {
        ProgressBar::hidden()
    };
    let (exported, bytes) = files::replace(&path, |out| copy(&client, global, prefix, out, &bar))?;
    bar.finish_and_clear();
    let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    if global.json {
        return output::json(&Exported { exported, bytes, ms });
    }
    let time = output::time(begun.elapsed());
    let (exported, bytes) = (count(exported), count(bytes));
    output::line(&format!("{exported} entries, {bytes} bytes, to {} in {time}", path.display()))
}

/// Copies line by line; returns how many lines and bytes.
fn copy(
    client: &Client,
    global: &Global,
    prefix: &str,
    out: &mut dyn Write,
    bar: &ProgressBar,
) -> anyhow::Result<(u64, u64)> {
    let query = [("channel", global.channel.as_str()), ("prefix", prefix)];
    let (mut lines, mut bytes) = (0, 0);
    for line in client.raw_lines("/v1/kv/export", &query)? {
        let line = line?;
        out.write_all(&line)?;
        lines += 1;
        bytes += line.len() as u64;
        bar.inc(1);
    }
    out.flush()?;
    Ok((lines, bytes))
}
