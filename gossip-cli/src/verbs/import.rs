//! `kv import`: all records of a file, in batches, several on their way at a time.

use std::io::{IsTerminal as _, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget};
use serde::Serialize;

use crate::admin::client::{Busy, Client, TIMEOUT};
use crate::admin::documents::{self, WriteBatch, WriteDocument, WriteResult, WriteResults};
use crate::admin::error::{BUSY, SUPERSEDED};
use crate::args::Global;
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::output::{self, count};
use crate::records::{self, Record, Rejected};

/// Writes per request: one round trip and one signature batch (measured: 250 to 1,000 are alike).
const BATCH: usize = 500;

/// Bytes of keys and values per request, one larger record aside: a request stays below what the
/// admin port takes, escapes included.
const BATCH_BYTES: usize = 1 << 20;

/// Requests on their way at a time: reading, signing and storing overlap (a guess).
const WORKERS: usize = 4;

/// How long to pause when the node is busy: first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

/// Rejections that are told one by one; the rest is only counted.
const TOLD: usize = 20;

#[derive(Debug, Default, Serialize)]
struct Imported {
    imported: u64,
    rejected: u64,
    /// Records that carry a version, and for whose key the node holds something as new.
    superseded: u64,
    ms: u64,
}

/// Carries the command out.
///
/// # Errors
/// Partial when records were rejected; others when the node does not answer.
pub(crate) fn run(global: &Global, file: &Path) -> anyhow::Result<()> {
    let started = Instant::now();
    let import = Import {
        bar: ProgressBar::hidden(),
        channel: global.channel.clone(),
        client: Client::new(global)?,
        patience: global.timeout.unwrap_or(TIMEOUT),
        tally: Mutex::default(),
    };
    let outcome = import.all(file);
    let mut tally = import.tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    if global.json {
        output::json(&tally)?;
    } else {
        let (imported, rejected) = (count(tally.imported), count(tally.rejected));
        let time = output::time(Duration::from_millis(tally.ms));
        output::line(&format!("{imported} imported, {rejected} rejected in {time}"))?;
        if tally.superseded > 0 {
            let superseded = count(tally.superseded);
            output::line(&format!(
                "{superseded} left out: the node holds the same version of the key, or a newer one"
            ))?;
        }
    }
    outcome?;
    match tally.rejected {
        0 => Ok(()),
        _ if tally.imported + tally.superseded == 0 => {
            Err(Failure::failed("every record was rejected"))
        }
        rejected => {
            Err(Failure::ending(Exit::Partial, format!("{rejected} records were rejected")))
        }
    }
}

struct Import {
    bar: ProgressBar,
    channel: String,
    client: Client,
    patience: Duration,
    tally: Mutex<Imported>,
}

impl Import {
    fn all(&self, file: &Path) -> anyhow::Result<()> {
        let (source, bytes) = records::open(file)?;
        if std::io::stderr().is_terminal() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.bar.set_length(bytes.unwrap_or(0));
            self.bar.set_style(match bytes {
                Some(_) => output::progress(
                    "{bar:40.green} {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
                ),
                None => output::spinner("{spinner} {bytes} {bytes_per_sec}"),
            });
        }
        let source = Counted { bar: self.bar.clone(), source };
        let records = records::read(file, source)?;
        let (batches, queue) = sync_channel(WORKERS);
        let queue = Mutex::new(queue);
        let outcome = thread::scope(|scope| {
            let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(|| self.work(&queue))).collect();
            self.feed(records, batches);
            let outcomes = workers.into_iter().map(|worker| {
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            // All of them have ended before the first failure counts.
            outcomes.collect::<Vec<_>>().into_iter().collect()
        });
        self.bar.finish_and_clear();
        outcome
    }

    /// Fills the queue with batches; stops when nobody takes them any more.
    fn feed(&self, records: records::Records, batches: SyncSender<Vec<Record>>) {
        let (mut batch, mut bytes) = (Vec::with_capacity(BATCH), 0);
        for record in records {
            let record_bytes = record.as_ref().map_or(0, Record::len);
            if bytes + record_bytes > BATCH_BYTES || batch.len() == BATCH {
                bytes = 0;
                if batches.send(std::mem::take(&mut batch)).is_err() {
                    return;
                }
            }
            bytes += record_bytes;
            match record {
                Ok(Record { line, expires_at: Some(at), .. }) if at <= clock::now().millis() => {
                    self.reject(&Rejected { line, reason: "has expired already".into() });
                }
                Ok(record) => batch.push(record),
                Err(rejected) => self.reject(&rejected),
            }
        }
        // The workers that would take it may have failed; they say so.
        let _ = batches.send(batch);
    }

    fn work(&self, queue: &Mutex<Receiver<Vec<Record>>>) -> anyhow::Result<()> {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(batch) = next else { return Ok(()) };
            if let Err(error) = self.write(batch) {
                // Others may go on; who feeds must not wait for us.
                while queue.lock().unwrap_or_else(PoisonError::into_inner).recv().is_ok() {}
                return Err(error);
            }
        }
    }

    /// Writes a batch; what the node is too busy for is tried again.
    fn write(&self, mut batch: Vec<Record>) -> anyhow::Result<()> {
        let begun = Instant::now();
        let (mut pause, longest) = PAUSES;
        while !batch.is_empty() {
            batch = self.attempt(batch)?;
            if batch.is_empty() {
                break;
            }
            if begun.elapsed() > self.patience {
                let text =
                    "the node stayed busy; import the rest later, or wait longer with --timeout";
                return Err(Failure::ending(Exit::TimedOut, text));
            }
            thread::sleep(pause);
            pause = (pause * 2).min(longest);
        }
        Ok(())
    }

    /// Writes a batch once, and returns what the node was too busy for.
    fn attempt(&self, batch: Vec<Record>) -> anyhow::Result<Vec<Record>> {
        let writes = batch.iter().map(write);
        let document = WriteBatch { channel: self.channel.clone(), writes: writes.collect() };
        let answer = match self.client.post::<WriteResults>("/v1/kv/write", &document) {
            Ok(answer) => answer,
            Err(error) if error.is::<Busy>() => return Ok(batch),
            Err(error) => return Err(error),
        };
        let mut again = Vec::new();
        let (mut imported, mut superseded) = (0, 0);
        for (record, result) in batch.into_iter().zip(answer.results) {
            match result {
                WriteResult::Written { .. } => imported += 1,
                WriteResult::Error(error) if error.code == BUSY => again.push(record),
                WriteResult::Error(error) if error.code == SUPERSEDED => superseded += 1,
                WriteResult::Error(error) => {
                    self.reject(&Rejected { line: record.line, reason: error.text });
                }
            }
        }
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.imported += imported;
        tally.superseded += superseded;
        drop(tally);
        Ok(again)
    }

    fn reject(&self, Rejected { line, reason }: &Rejected) {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.rejected += 1;
        let told = tally.rejected;
        drop(tally);
        let text = match told.cmp(&(TOLD as u64)) {
            std::cmp::Ordering::Less => format!("line {line}: {reason}"),
            std::cmp::Ordering::Equal => format!("line {line}: {reason}; more are only counted"),
            std::cmp::Ordering::Greater => return,
        };
        self.bar.suspend(|| output::warn(&text));
    }
}

/// The write that makes a record so.
fn write(Record { key, value, expires_at, version, .. }: &Record) -> WriteDocument {
    let ttl_ms = expires_at.map(|at| at.saturating_sub(clock::now().millis()));
    let version = version.map(documents::version);
    WriteDocument { ttl_ms, version, ..WriteDocument::new(key, value.as_deref()) }
}

/// A source that moves a bar.
struct Counted<R> {
    bar: ProgressBar,
    source: R,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.bar.inc(read as u64);
        Ok(read)
    }
}
