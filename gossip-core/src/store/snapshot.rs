//! A snapshot file: all facts of a channel as their authors made them, whatever store they lie in.
//!
//! ```text
//! "gossip snapshot\n" · version · cluster (32) · channel (32) · taken at, ms since 1970 (u64)
//! length (u32) · a fact's bytes                 for each fact
//! 0 (u32) · how many facts (u64) · blake3 of everything before (32)
//! ```
//! Numbers are big-endian. It holds nothing secret that the channel does not, and proves nothing:
//! whoever restores it decodes and verifies each fact again.

mod reader;

use std::task::{Context, Waker};

use bytes::Bytes;
use thiserror::Error;

pub use self::reader::{Part, Reader, SnapshotError};
use super::{LeaseId, Store, StoreError, StoreOp, StoreReply};
use crate::fact::{Domain, Envelope};
use crate::id::{ShardId, TopicId};
use crate::time::Wall;

/// The version that is written.
pub const VERSION: u8 = 1;

const MAGIC: &[u8; 16] = b"gossip snapshot\n";

/// Bytes of everything before the first fact.
const BEGIN_BYTES: usize = MAGIC.len() + 1 + 32 + 32 + 8;

/// Bytes of everything after the last fact.
const END_BYTES: usize = 4 + 8 + 32;

/// Bytes that one scan asks for (guess: large enough for a disk, and nothing to a small machine).
const SCAN_BYTES: usize = 1 << 20;

/// Facts that one scan asks for (guess: small ones fill a fraction of the bytes).
const SCAN_FACTS: usize = 1_024;

/// Makes the bytes of a snapshot.
#[derive(Debug)]
pub struct Writer {
    facts: u64,
    hasher: blake3::Hasher,
}

impl Writer {
    /// Begins a snapshot of a channel as of this instant; appends its first bytes.
    #[must_use]
    pub fn begin(domain: &Domain, taken_at: Wall, out: &mut Vec<u8>) -> Self {
        let mut writer = Self { facts: 0, hasher: blake3::Hasher::new() };
        let (cluster, channel) = (domain.cluster(), domain.channel());
        let taken_at = taken_at.millis().to_be_bytes();
        writer.append(&[MAGIC, &[VERSION], cluster.as_bytes(), channel.as_bytes(), &taken_at], out);
        writer
    }

    /// Appends a fact.
    pub fn fact(&mut self, fact: &Envelope, out: &mut Vec<u8>) {
        self.facts += 1;
        let bytes = fact.bytes();
        self.append(&[&(bytes.len() as u32).to_be_bytes(), bytes], out);
    }

    /// Appends the last bytes; tells how many facts there are.
    pub fn end(mut self, out: &mut Vec<u8>) -> u64 {
        let facts = self.facts;
        self.append(&[&[0; 4], &facts.to_be_bytes()], out);
        out.extend_from_slice(self.hasher.finalize().as_bytes());
        facts
    }

    fn append(&mut self, parts: &[&[u8]], out: &mut Vec<u8>) {
        for part in parts {
            self.hasher.update(part);
            out.extend_from_slice(part);
        }
    }
}

/// Why a snapshot was not saved.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SaveError<E> {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bytes could not be written.
    #[error("the snapshot cannot be written")]
    Write(#[source] E),
}

/// Saves the state of a channel as it is now, `taken_at` by the caller's clock, while the store goes on; tells how many facts it has.
///
/// `write` takes the bytes in order; what it has taken of a snapshot that fails is of no use. A save
/// that fails, or is dropped before its end, holds on to nothing.
///
/// # Errors
/// See [`SaveError`].
pub async fn save<E>(
    store: &dyn Store,
    domain: &Domain,
    topics: &[TopicId],
    taken_at: Wall,
    mut write: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<u64, SaveError<E>> {
    let StoreReply::Leased(lease) = store.run(StoreOp::Lease).await? else {
        return Err(NO_ANSWER.into());
    };
    let _released = ReleaseOnDrop { lease, store };
    save_leased(store, lease, domain, topics, taken_at, &mut write).await
}

/// Ends a lease, also when whoever saves has failed or does not wait any more.
struct ReleaseOnDrop<'a> {
    lease: LeaseId,
    store: &'a dyn Store,
}

impl Drop for ReleaseOnDrop<'_> {
    fn drop(&mut self) {
        let mut release = self.store.run(StoreOp::Release(self.lease));
        // Polled once, it has its place among the ops; nobody needs its answer.
        let _ = release.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
}

async fn save_leased<E>(
    store: &dyn Store,
    lease: LeaseId,
    domain: &Domain,
    topics: &[TopicId],
    taken_at: Wall,
    write: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<u64, SaveError<E>> {
    let mut out = Vec::new();
    let mut writer = Writer::begin(domain, taken_at, &mut out);
    for topic in topics {
        let shard = ShardId { channel: domain.channel(), topic: *topic };
        let mut after = None;
        loop {
            let (prefix, limit, bytes) = (Bytes::new(), SCAN_FACTS, SCAN_BYTES);
            let scan = StoreOp::Scan { shard, prefix, after, limit, bytes, lease: Some(lease) };
            let StoreReply::Facts(facts) = store.run(scan).await? else {
                return Err(NO_ANSWER.into());
            };
            facts.iter().for_each(|fact| writer.fact(fact, &mut out));
            write(&out).map_err(SaveError::Write)?;
            out.clear();
            after = facts.last().map(Envelope::shared_key);
            if after.is_none() {
                break;
            }
        }
    }
    let facts = writer.end(&mut out);
    write(&out).map_err(SaveError::Write)?;
    Ok(facts)
}

const NO_ANSWER: StoreError = StoreError::Refused { reason: "an answer of another form" };
