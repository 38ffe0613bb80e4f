//! Snapshot files: a channel's facts as their authors signed them, whatever store they come from.
//!
//! ```text
//! magic 8 | version u32 | head: length u32, postcard | per fact: length u32, the author's bytes
//!         | 0 u32 | number of facts u64 | blake3 of everything before, 32 bytes
//! ```
//! Numbers are little-endian. Both directions are pure: a [`SnapshotWriter`] makes bytes of facts,
//! a [`SnapshotReader`] makes facts of bytes as they come and holds one fact at a time. What is read
//! is consistent in itself and as it was written; signatures are the reader's to check.

use bytes::{Buf as _, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::fact::{Domain, Envelope, Why};
use crate::id::{ChannelId, ClusterId};
use crate::time::Wall;

/// What a snapshot is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "its layout is that of version 1")]
pub struct SnapshotHead {
    /// The cluster.
    pub cluster: ClusterId,
    /// The cluster's name.
    pub cluster_name: String,
    /// The channel.
    pub channel: ChannelId,
    /// The channel's name.
    pub channel_name: String,
    /// The name of the channel's retain rule.
    pub retain: String,
    /// As of when, by the clock of the node that wrote it.
    pub taken_at: Wall,
}

/// Why bytes are no snapshot that can be read. What came before the fault was as it was written,
/// but may be a part only.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Something in it was changed after it was written.
    #[error("the snapshot is damaged: its checksum differs; take another copy of it")]
    Checksum,
    /// A fact is none, or too long.
    #[error("fact {number} of the snapshot is not valid ({why}); take another copy of it")]
    Fact {
        /// Which, counted from 1.
        number: u64,
        /// Why.
        why: Why,
    },
    /// The head cannot be read.
    #[error("the head of the snapshot cannot be read; take another copy of it")]
    Head,
    /// A newer version of this program wrote it.
    #[error("the snapshot has version {found}, and this program knows {VERSION}; use a newer one")]
    NewerVersion {
        /// Its version.
        found: u32,
    },
    /// It begins otherwise.
    #[error("this is no snapshot")]
    NotASnapshot,
    /// More follows where it ends.
    #[error("something follows the end of the snapshot; take another copy of it")]
    Surplus,
    /// It ends too early.
    #[error("the snapshot was cut off after {facts} facts; take another copy of it")]
    Truncated {
        /// How many facts were read.
        facts: u64,
    },
}

/// The end of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what a snapshot ends with")]
pub struct SnapshotEnd {
    /// How many facts it holds.
    pub facts: u64,
    /// The hash of everything before the hash.
    pub hash: [u8; 32],
}

/// Makes the bytes of a snapshot, piece by piece.
#[derive(Debug)]
pub struct SnapshotWriter {
    facts: u64,
    hasher: blake3::Hasher,
}

impl SnapshotWriter {
    /// Begins a snapshot; returns its first bytes.
    #[must_use]
    pub fn begin(head: &SnapshotHead) -> (Self, Vec<u8>) {
        #[expect(clippy::expect_used, reason = "plain data with lengths")]
        let head = postcard::to_stdvec(head).expect("a head is encoded");
        let mut bytes = [&MAGIC[..], &VERSION.to_le_bytes()].concat();
        push(&mut bytes, &head);
        let mut writer = Self { facts: 0, hasher: blake3::Hasher::new() };
        writer.hasher.update(&bytes);
        (writer, bytes)
    }

    /// The bytes of these facts, which are of the head's channel.
    #[must_use]
    pub fn facts<'a>(&mut self, facts: impl IntoIterator<Item = &'a Envelope>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for fact in facts {
            push(&mut bytes, fact.bytes());
            self.facts += 1;
        }
        self.hasher.update(&bytes);
        bytes
    }

    /// Ends the snapshot; returns its last bytes.
    #[must_use]
    pub fn end(mut self) -> Vec<u8> {
        let mut bytes = [&0_u32.to_le_bytes()[..], &self.facts.to_le_bytes()].concat();
        self.hasher.update(&bytes);
        bytes.extend(self.hasher.finalize().as_bytes());
        bytes
    }
}

/// What comes next in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a snapshot has these parts")]
pub enum SnapshotPart {
    /// What it is of; comes first.
    Head(SnapshotHead),
    /// A fact.
    Fact(Envelope),
    /// The end, and with it the proof that everything was as it was written.
    End(SnapshotEnd),
}

/// Makes facts of a snapshot's bytes.
#[derive(Debug, Default)]
pub struct SnapshotReader {
    buffer: BytesMut,
    domain: Option<Domain>,
    ended: bool,
    facts: u64,
    hasher: blake3::Hasher,
}

impl SnapshotReader {
    /// A reader that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the file.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next part that is there; `None`: more bytes are needed, or the end was returned.
    ///
    /// # Errors
    /// What is wrong; then nothing more can be read.
    pub fn next_part(&mut self) -> Result<Option<SnapshotPart>, SnapshotError> {
        match &self.domain {
            _ if self.ended && self.buffer.is_empty() => Ok(None),
            _ if self.ended => Err(SnapshotError::Surplus),
            None => self.head(),
            Some(domain) => {
                let domain = domain.clone();
                self.fact_or_end(&domain)
            }
        }
    }

    /// Says that no more bytes come.
    ///
    /// # Errors
    /// [`SnapshotError::Truncated`] unless the end was read.
    pub const fn finish(&self) -> Result<(), SnapshotError> {
        if self.ended { Ok(()) } else { Err(SnapshotError::Truncated { facts: self.facts }) }
    }

    fn head(&mut self) -> Result<Option<SnapshotPart>, SnapshotError> {
        let known = self.buffer.len().min(MAGIC.len());
        if self.buffer.get(..known) != MAGIC.get(..known) {
            return Err(SnapshotError::NotASnapshot);
        }
        let Some(found) = number(&self.buffer, MAGIC.len()) else { return Ok(None) };
        if found != VERSION {
            return Err(SnapshotError::NewerVersion { found });
        }
        let Some(length) = number(&self.buffer, MAGIC.len() + 4) else { return Ok(None) };
        if length > HEAD_BYTES {
            return Err(SnapshotError::Head);
        }
        let begins = MAGIC.len() + 8;
        let Some(bytes) = self.take(begins + length as usize) else { return Ok(None) };
        let head = bytes.get(begins..).unwrap_or_default();
        let head: SnapshotHead = postcard::from_bytes(head).map_err(|_| SnapshotError::Head)?;
        self.domain = Some(Domain::new(head.cluster, head.channel));
        Ok(Some(SnapshotPart::Head(head)))
    }

    fn fact_or_end(&mut self, domain: &Domain) -> Result<Option<SnapshotPart>, SnapshotError> {
        let number = self.facts + 1;
        match self::number(&self.buffer, 0) {
            None => Ok(None),
            Some(0) => self.end(),
            Some(length) if length > FACT_BYTES => {
                Err(SnapshotError::Fact { number, why: Why::TooLarge })
            }
            Some(length) => {
                let Some(bytes) = self.take(4 + length as usize) else { return Ok(None) };
                let fact = Envelope::decode(bytes.slice(4..), domain);
                let fact = fact.map_err(|why| SnapshotError::Fact { number, why })?;
                self.facts = number;
                Ok(Some(SnapshotPart::Fact(fact)))
            }
        }
    }

    fn end(&mut self) -> Result<Option<SnapshotPart>, SnapshotError> {
        if self.buffer.len() < END_BYTES {
            return Ok(None);
        }
        let counted = self.take(4 + 8).unwrap_or_default();
        let hash = *self.hasher.finalize().as_bytes();
        let written = self.buffer.split_to(hash.len());
        let facts = counted.get(4..).unwrap_or_default() == self.facts.to_le_bytes();
        if !facts || written[..] != hash {
            return Err(SnapshotError::Checksum);
        }
        self.ended = true;
        Ok(Some(SnapshotPart::End(SnapshotEnd { facts: self.facts, hash })))
    }

    /// The next bytes, hashed, if that many are there.
    fn take(&mut self, count: usize) -> Option<Bytes> {
        if self.buffer.len() < count {
            return None;
        }
        let bytes = self.buffer.copy_to_bytes(count);
        self.hasher.update(&bytes);
        Some(bytes)
    }
}

fn push(bytes: &mut Vec<u8>, part: &[u8]) {
    // Facts and heads are far below 4 GiB.
    bytes.extend((part.len() as u32).to_le_bytes());
    bytes.extend(part);
}

/// The number at this place, once it is there.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

const MAGIC: &[u8; 8] = b"gossnap\0";

/// The version that is written; readers know it alone.
const VERSION: u32 = 1;

/// Longest head: two ids and three names.
const HEAD_BYTES: u32 = 4_096;

/// Longest fact: above every limit that a cluster can have.
const FACT_BYTES: u32 = 16 << 20;

/// The zero, the number of facts and the hash.
const END_BYTES: usize = 4 + 8 + 32;
