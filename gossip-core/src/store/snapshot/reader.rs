//! Reading a snapshot, piece by piece, as it comes from a file.

use bytes::{Buf as _, Bytes, BytesMut};
use thiserror::Error;

use super::{BEGIN_BYTES, END_BYTES, MAGIC, VERSION};
use crate::fact::Domain;
use crate::id::{ChannelId, ClusterId};
use crate::time::Wall;

/// The longest fact that is read: four times the most that a cluster allows. More is damage, and
/// not worth its memory.
const MAX_FACT_BYTES: usize = 4 << 20;

/// Takes the bytes of a snapshot in pieces of any length and gives its parts.
///
/// Facts come before the hash that covers them: what they are used for must not last before
/// [`Part::End`] has come.
#[derive(Debug)]
pub struct Reader {
    facts: u64,
    hasher: blake3::Hasher,
    /// What was pushed and not read.
    rest: BytesMut,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Begin,
    End,
    Facts,
}

/// A part of a snapshot, in the order of their coming.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a snapshot has exactly these parts")]
pub enum Part {
    /// First: what it is of.
    Begin {
        /// The channel that all facts are of.
        domain: Domain,
        /// As of when, by the clock of whoever made it.
        taken_at: Wall,
    },
    /// The bytes of a fact, not decoded and not verified.
    Fact(Bytes),
    /// Last: everything was as it was written.
    End {
        /// How many facts there were.
        facts: u64,
        /// The hash of everything before it: a name for this snapshot.
        hash: [u8; 32],
    },
}

/// What is wrong with a snapshot. Nothing of it should be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// It ends too early.
    #[error("the snapshot is cut short; copy it again from where it was made")]
    Cut,
    /// It is not as it was written.
    #[error("the snapshot is damaged: {what}; copy it again from where it was made")]
    Damaged {
        /// Where it shows.
        what: &'static str,
    },
    /// A newer program has made it.
    #[error("the snapshot has version {found}, and this program reads version {VERSION}")]
    NewerVersion {
        /// Its version.
        found: u8,
    },
    /// It is something else.
    #[error("this is no snapshot")]
    NotASnapshot,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader at the beginning.
    #[must_use]
    pub fn new() -> Self {
        Self { facts: 0, hasher: blake3::Hasher::new(), rest: BytesMut::new(), state: State::Begin }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    /// The next part; `None` until more bytes are pushed.
    ///
    /// # Errors
    /// See [`SnapshotError`]; the reader is of no use afterwards.
    pub fn next_part(&mut self) -> Result<Option<Part>, SnapshotError> {
        match self.state {
            State::Begin => self.begin(),
            State::Facts => self.fact_or_end(),
            State::End if self.rest.is_empty() => Ok(None),
            State::End => Err(damaged("bytes after its end")),
        }
    }

    /// To be asked when there are no more bytes.
    ///
    /// # Errors
    /// [`SnapshotError::Cut`] before [`Part::End`] has come.
    pub fn finish(&self) -> Result<(), SnapshotError> {
        if self.state == State::End { Ok(()) } else { Err(SnapshotError::Cut) }
    }

    fn begin(&mut self) -> Result<Option<Part>, SnapshotError> {
        let known = self.rest.len().min(MAGIC.len());
        if self.rest.get(..known) != MAGIC.get(..known) {
            return Err(SnapshotError::NotASnapshot);
        }
        match self.rest.get(MAGIC.len()).copied() {
            Some(0) => return Err(damaged("a version that never was")),
            Some(found) if found > VERSION => return Err(SnapshotError::NewerVersion { found }),
            Some(_) | None => {}
        }
        let Some(mut begin) = self.take(BEGIN_BYTES) else { return Ok(None) };
        self.hasher.update(&begin);
        begin.advance(MAGIC.len() + 1);
        let (mut cluster, mut channel) = ([0; 32], [0; 32]);
        begin.copy_to_slice(&mut cluster);
        begin.copy_to_slice(&mut channel);
        self.state = State::Facts;
        let (cluster, channel) = (ClusterId::from_bytes(cluster), ChannelId::from_bytes(channel));
        let (domain, taken_at) = (Domain::new(cluster, channel), begin.get_u64());
        Ok(Some(Part::Begin { domain, taken_at: Wall::from_millis(taken_at) }))
    }

    fn fact_or_end(&mut self) -> Result<Option<Part>, SnapshotError> {
        let Some(length) = self.rest.first_chunk() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if length > MAX_FACT_BYTES {
            return Err(damaged("a fact that is too long"));
        }
        if length == 0 {
            return self.end();
        }
        let Some(mut fact) = self.take(4 + length) else { return Ok(None) };
        self.hasher.update(&fact);
        fact.advance(4);
        self.facts += 1;
        Ok(Some(Part::Fact(fact)))
    }

    fn end(&mut self) -> Result<Option<Part>, SnapshotError> {
        let Some(mut end) = self.take(END_BYTES) else { return Ok(None) };
        let written = end.split_off(4 + 8);
        self.hasher.update(&end);
        let hash = *self.hasher.finalize().as_bytes();
        end.advance(4);
        if end.get_u64() != self.facts {
            return Err(damaged("another number of facts than it says"));
        }
        if written != hash[..] {
            return Err(damaged("its hash is another"));
        }
        self.state = State::End;
        Ok(Some(Part::End { facts: self.facts, hash }))
    }

    /// The next bytes, once so many are there.
    fn take(&mut self, length: usize) -> Option<Bytes> {
        (self.rest.len() >= length).then(|| self.rest.split_to(length).freeze())
    }
}

const fn damaged(what: &'static str) -> SnapshotError {
    SnapshotError::Damaged { what }
}
