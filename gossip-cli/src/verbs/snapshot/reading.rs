//! Snapshots read from anywhere, with every signature checked.

use std::fs::File;
use std::io::{IsTerminal as _, Read};
use std::path::Path;

use bytes::Bytes;
use gossip_core::fact::{Domain, Envelope, Job, MAX_BATCH, Verdict, Verified, Verifier};
use gossip_core::store::snapshot::{Part, Reader, SnapshotError};
use gossip_core::time::Wall;
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
    mut each: impl FnMut(Part) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let failed = |error: SnapshotError| Failure::failed(error.to_string());
    let (mut reader, mut piece) = (Reader::new(), vec![0; PIECE]);
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
    pub(super) domain: Domain,
    pub(super) facts: u64,
    pub(super) hash: [u8; 32],
    pub(super) taken_at: Wall,
}

/// Reads a file, checks every signature, and hands the facts on in batches.
///
/// # Errors
/// As [`read`]; or when a signature is false.
pub(super) fn check(
    path: &Path,
    mut batch: impl FnMut(&Domain, Wall, Vec<Verified<Envelope>>) -> anyhow::Result<()>,
) -> anyhow::Result<Checked> {
    let failed = |error| Failure::failed(format!("cannot read {}: {error}", path.display()));
    let mut file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let bar = bar(bytes);
    let (mut begin, mut end, mut waiting) = (None, None, Vec::new());
    let source = |piece: &mut [u8]| {
        let count = file.read(piece).map_err(failed)?;
        bar.inc(count as u64);
        Ok(count)
    };
    read(source, |part| {
        match part {
            Part::Begin { domain, taken_at } => begin = Some((domain, taken_at)),
            Part::Fact(bytes) => waiting.push(bytes),
            Part::End { facts, hash } => end = Some((facts, hash)),
        }
        let Some((domain, taken_at)) = &begin else { return Ok(()) };
        if waiting.len() == MAX_BATCH || (end.is_some() && !waiting.is_empty()) {
            let facts = std::mem::take(&mut waiting).into_iter().map(|bytes| decode(bytes, domain));
            batch(domain, *taken_at, verified(domain, facts.collect::<Result<_, _>>()?)?)?;
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    let (Some((domain, taken_at)), Some((facts, hash))) = (begin, end) else {
        unreachable!("whatever ends well has begun and ended")
    };
    Ok(Checked { bytes, domain, facts, hash, taken_at })
}

fn bar(bytes: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = "{bar:40.green} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
    ProgressBar::new(bytes).with_style(output::progress(template))
}

fn decode(bytes: Bytes, domain: &Domain) -> anyhow::Result<Envelope> {
    let failed = |why| {
        Failure::failed(format!("the snapshot holds what is no fact ({why}): do not trust it"))
    };
    Envelope::decode(bytes, domain).map_err(failed)
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
