//! Snapshots read from anywhere, with every signature checked.

use std::fs::File;
use std::io::{IsTerminal as _, Read};
use std::path::Path;

use gossip_core::fact::{Domain, Envelope, Job, MAX_BATCH, Verdict, Verified, Verifier};
use gossip_core::store::snapshot::{
    SnapshotEnd, SnapshotError, SnapshotHead, SnapshotPart, SnapshotReader,
};
use indicatif::ProgressBar;

use crate::failure::Failure;
use crate::output;

/// Bytes read at a time.
const PIECE: usize = 1 << 16;

/// Reads a source to its end, and hands every part on.
///
/// # Errors
/// When the source cannot be read, or is no whole and unchanged snapshot; what was handed on then
/// may be a part only.
pub(super) fn read(
    mut source: impl FnMut(&mut [u8]) -> anyhow::Result<usize>,
    mut each: impl FnMut(SnapshotPart) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let failed = |error: SnapshotError| Failure::failed(error.to_string());
    let (mut reader, mut piece) = (SnapshotReader::new(), vec![0; PIECE]);
    loop {
        let count = source(&mut piece)?;
        if count == 0 {
            return reader.finish().map_err(failed);
        }
        reader.push(piece.get(..count).unwrap_or_default());
        while let Some(part) = reader.next_part().map_err(failed)? {
            each(part)?;
        }
    }
}

/// A snapshot in a file.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) bytes: u64,
    pub(super) end: SnapshotEnd,
    pub(super) head: SnapshotHead,
}

/// Reads a file, checks every signature, and hands the facts on in batches.
///
/// # Errors
/// As [`read`]; or when a signature is false.
pub(super) fn check(
    path: &Path,
    mut batch: impl FnMut(&SnapshotHead, Vec<Verified<Envelope>>) -> anyhow::Result<()>,
) -> anyhow::Result<Checked> {
    let failed = |error| Failure::failed(format!("cannot read {}: {error}", path.display()));
    let mut file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let bar = if std::io::stderr().is_terminal() {
        let template = "{bar:40.green} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
        ProgressBar::new(bytes).with_style(output::progress(template))
    } else {
        ProgressBar::hidden()
    };
    let (mut head, mut end, mut facts) = (None, None, Vec::new());
    let source = |piece: &mut [u8]| {
        let count = file.read(piece).map_err(failed)?;
        bar.inc(count as u64);
        Ok(count)
    };
    read(source, |part| {
        match part {
            SnapshotPart::Head(found) => head = Some(found),
            SnapshotPart::Fact(fact) => facts.push(fact),
            SnapshotPart::End(found) => end = Some(found),
        }
        if facts.len() == MAX_BATCH || (end.is_some() && !facts.is_empty()) {
            let head = head.as_ref().ok_or_else(|| Failure::failed(HEADLESS))?;
            let facts = std::mem::take(&mut facts);
            batch(head, verified(&Domain::new(head.cluster, head.channel), facts)?)?;
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    let (Some(head), Some(end)) = (head, end) else { return Err(Failure::failed(HEADLESS)) };
    Ok(Checked { bytes, end, head })
}

/// The facts, if each was signed by its author.
fn verified(domain: &Domain, facts: Vec<Envelope>) -> anyhow::Result<Vec<Verified<Envelope>>> {
    let verdicts = Job::new(domain.clone(), facts).run(&Verifier::new());
    let good = verdicts.into_iter().map(|verdict| match verdict {
        Verdict::Good(fact) => Ok(fact),
        Verdict::Bad(fact, _) => {
            let key = String::from_utf8_lossy(fact.key()).into_owned();
            let text =
                format!("the signature of `{key}` is not its author's: do not trust this snapshot");
            Err(Failure::failed(text))
        }
    });
    good.collect()
}

const HEADLESS: &str = "the snapshot has no head";
