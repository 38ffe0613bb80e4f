//! A fact as it travels: one shared run of bytes, decoded within limits, and where its parts are.

use std::ops::Range;

use bytes::Bytes;
use postcard::ser_flavors::Size;
use postcard::serialize_with_flavor;
use serde::{Deserialize, Serialize};

use super::header::{Domain, FactKind, Header, leaves_at};
use super::{Signature, Why};
use crate::id::{FactId, NodeId, TopicId};
use crate::time::{Epoch, Hlc, Wall};

/// A fact that was decoded and is consistent in itself; its signature may still be false.
///
/// Cloning shares the bytes. The author encodes them once; frames, retransmissions and stores
/// all use the same run.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    bytes: Bytes,
    expires_at: Wall,
    header: Range<u32>,
    hlc: Hlc,
    id: FactId,
    key: Range<u32>,
    kind: FactKind,
    leaves_at: Epoch,
    tombstone: bool,
    topic: TopicId,
    value: Option<Range<u32>>,
}

/// The wire form of a fact's record body, after [`FIXED_BYTES`].
#[derive(Serialize, Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    header: &'a [u8],
    #[serde(borrow)]
    value: Option<&'a [u8]>,
}

/// Bytes of the kind, the proof and the signature, which come first.
const FIXED_BYTES: usize = 1 + 1 + 64;

/// Where in an encoded header its author stands: after the topic's one byte.
const AUTHOR_AT: usize = 1;

/// The proof that the signature is the author's own, direct. Others come later.
const DIRECT: u8 = 0;

impl Envelope {
    /// Bytes that a fact needs besides its encoded header and its value.
    pub const OVERHEAD: usize = 1 + 1 + 64 + 2 + 1 + 3;

    /// Decodes a record's body.
    ///
    /// # Errors
    /// [`Why::TooLarge`] from 4 GiB on; [`Why::BadFact`] unless every byte is consumed, all is
    /// canonical and within limits; [`Why::BadValue`] unless the value is the one that the header
    /// states.
    pub fn decode(bytes: Bytes, domain: &Domain) -> Result<Self, Why> {
        // The ranges below have 32 bits.
        u32::try_from(bytes.len()).map_err(|_| Why::TooLarge)?;
        let (fixed, body_bytes) = bytes.split_first_chunk::<FIXED_BYTES>().ok_or(Why::BadFact)?;
        let [kind, proof, ..] = *fixed;
        let body: Body<'_> = postcard::from_bytes(body_bytes).map_err(|_| Why::BadFact)?;
        let header: Header<'_> = postcard::from_bytes(body.header).map_err(|_| Why::BadFact)?;
        // A relay's copy must be the author's bytes: nothing after them, numbers in their shortest
        // form.
        if proof != DIRECT || !is_canonical(&body, body_bytes) {
            return Err(Why::BadFact);
        }
        if !header.is_sound() || !is_canonical(&header, body.header) {
            return Err(Why::BadFact);
        }
        let kind = FactKind(kind);
        check_value(&header, body.value)?;
        let id = domain.fact_id(kind, body.header);
        let value = body.value.map(|value| range_in(&bytes, value));
        let envelope = Self::assemble(&bytes, kind, body.header, &header, id, value);
        let leaves_at = domain.leaves_at(kind, header.flags, header.hlc, header.expires_at);
        Ok(Self { bytes, leaves_at, ..envelope })
    }

    /// Takes back the bytes of a fact that was decoded before, as a store kept them beside its id.
    ///
    /// Hashes and limits are not checked again: a store vouches for its bytes by checksums.
    ///
    /// # Errors
    /// [`Why::BadFact`] when these are not the bytes of a fact.
    pub fn restore(bytes: Bytes, id: FactId) -> Result<Self, Why> {
        let body = bytes.get(FIXED_BYTES..).ok_or(Why::BadFact)?;
        let body: Body<'_> = postcard::from_bytes(body).map_err(|_| Why::BadFact)?;
        let value = body.value.map(|value| range_in(&bytes, value));
        Ok(Self { value, ..Self::restore_head(bytes, id)? })
    }

    /// Like [`restore`](Self::restore), of [`head_bytes`](Self::head_bytes) alone.
    ///
    /// The value is missing without a sign of it, so this is for a retain rule to look at and for
    /// nobody else.
    ///
    /// # Errors
    /// [`Why::BadFact`] when these are not the first bytes of a fact.
    pub fn restore_head(bytes: Bytes, id: FactId) -> Result<Self, Why> {
        let (fixed, body) = bytes.split_first_chunk::<FIXED_BYTES>().ok_or(Why::BadFact)?;
        let [kind, ..] = *fixed;
        let (encoded, _): (&[u8], _) = postcard::take_from_bytes(body).map_err(|_| Why::BadFact)?;
        let header: Header<'_> = postcard::from_bytes(encoded).map_err(|_| Why::BadFact)?;
        let envelope = Self::assemble(&bytes, FactKind(kind), encoded, &header, id, None);
        Ok(Self { bytes, ..envelope })
    }

    /// Everything but the bytes themselves.
    #[inline]
    fn assemble(
        bytes: &[u8],
        kind: FactKind,
        encoded: &[u8],
        header: &Header<'_>,
        id: FactId,
        value: Option<Range<u32>>,
    ) -> Self {
        Self {
            bytes: Bytes::new(),
            expires_at: header.expires_at,
            header: range_in(bytes, encoded),
            hlc: header.hlc,
            id,
            key: range_in(bytes, header.key),
            kind,
            leaves_at: leaves_at(kind, header.flags, header.hlc, header.expires_at),
            tombstone: header.flags.tombstone(),
            topic: header.topic,
            value,
        }
    }

    /// Encodes what an author just signed; the only place that encodes a fact.
    pub(super) fn encode(
        kind: FactKind,
        header: &[u8],
        signature: Signature,
        value: Option<&[u8]>,
        domain: &Domain,
    ) -> Result<Self, Why> {
        let mut encoded =
            Vec::with_capacity(Self::OVERHEAD + header.len() + value.map_or(0, <[u8]>::len));
        encoded.extend([kind.0, DIRECT]);
        encoded.extend_from_slice(signature.as_bytes());
        let encoded =
            postcard::to_extend(&Body { header, value }, encoded).map_err(|_| Why::BadFact)?;
        Self::decode(Bytes::from(encoded), domain)
    }

    /// The same fact in a run of its own, so that keeping it keeps no datagram alive.
    #[must_use]
    pub fn compact(&self) -> Self {
        // Not `..self.clone()`: sharing the old run for a moment takes two atomic operations.
        Self {
            bytes: Bytes::copy_from_slice(&self.bytes),
            header: self.header.clone(),
            key: self.key.clone(),
            value: self.value.clone(),
            ..*self
        }
    }

    /// The record body: what travels.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Who says this.
    #[must_use]
    pub fn author(&self) -> NodeId {
        let start = self.header.start as usize + AUTHOR_AT;
        let author = self.bytes.get(start..).and_then(|rest| rest.first_chunk());
        // decode() has read it there, so the default is never taken.
        NodeId::from_bytes(author.copied().unwrap_or_default())
    }

    /// The id: the hash of what is signed.
    #[must_use]
    pub const fn id(&self) -> FactId {
        self.id
    }

    /// What it is about.
    #[must_use]
    pub const fn kind(&self) -> FactKind {
        self.kind
    }

    /// The topic within the channel.
    #[must_use]
    pub const fn topic(&self) -> TopicId {
        self.topic
    }

    /// The version.
    #[must_use]
    pub const fn hlc(&self) -> Hlc {
        self.hlc
    }

    /// Whether the key was deleted.
    #[must_use]
    pub const fn is_tombstone(&self) -> bool {
        self.tombstone
    }

    /// When it turns into a tombstone in place; zero: never.
    #[must_use]
    pub const fn expires_at(&self) -> Wall {
        self.expires_at
    }

    /// The first epoch whose compared set does not hold it.
    #[must_use]
    pub const fn leaves_at(&self) -> Epoch {
        self.leaves_at
    }

    /// Whether a reader at this instant sees a value.
    #[must_use]
    pub fn is_live(&self, wall: Wall) -> bool {
        !self.tombstone && (self.expires_at == Wall::ZERO || wall < self.expires_at)
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.part(&self.key)
    }

    /// The key, sharing the bytes.
    #[must_use]
    pub fn shared_key(&self) -> Bytes {
        self.bytes.slice(self.key.start as usize..self.key.end as usize)
    }

    /// The encoded header: what is signed, without its domain.
    #[must_use]
    pub fn header_bytes(&self) -> &[u8] {
        self.part(&self.header)
    }

    /// The decoded header.
    #[must_use]
    pub fn header(&self) -> Header<'_> {
        #[expect(clippy::expect_used, reason = "decode() has decoded these very bytes")]
        postcard::from_bytes(self.header_bytes()).expect("a decoded header decodes again")
    }

    /// The value; `None` for a tombstone.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        self.value.as_ref().map(|range| self.part(range))
    }

    /// The value, sharing the bytes.
    #[must_use]
    pub fn shared_value(&self) -> Option<Bytes> {
        let range = self.value.as_ref()?;
        Some(self.bytes.slice(range.start as usize..range.end as usize))
    }

    /// The record body up to the value's own bytes, which are the last ones; all of a tombstone.
    #[must_use]
    pub fn head_bytes(&self) -> &[u8] {
        let end = self.value.as_ref().map_or(self.bytes.len(), |value| value.start as usize);
        self.bytes.get(..end).unwrap_or_default()
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> Signature {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(self.part(&(2..66)));
        Signature::from_bytes(bytes)
    }

    fn part(&self, range: &Range<u32>) -> &[u8] {
        // Ranges come from decode() of these bytes, so the default is never taken.
        self.bytes.get(range.start as usize..range.end as usize).unwrap_or_default()
    }
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Envelope")
            .field("kind", &self.kind.0)
            .field("id", &self.id)
            .field("author", &self.author())
            .field("key", &String::from_utf8_lossy(self.key()))
            .field("hlc", &self.hlc)
            .field("tombstone", &self.tombstone)
            .finish_non_exhaustive()
    }
}

/// Whether what was decoded has no other encoding that is as short: every part has a fixed length
/// or is a number in its shortest form, and nothing comes after it.
fn is_canonical<T: Serialize>(decoded: &T, encoded: &[u8]) -> bool {
    serialize_with_flavor(decoded, Size::default()).is_ok_and(|shortest| shortest == encoded.len())
}

fn check_value(header: &Header<'_>, value: Option<&[u8]>) -> Result<(), Why> {
    let fits = match value {
        None => header.flags.tombstone(),
        Some(value) => {
            !header.flags.tombstone()
                && value.len() == header.value_bytes as usize
                && *blake3::hash(value).as_bytes() == header.value_hash
        }
    };
    if fits { Ok(()) } else { Err(Why::BadValue) }
}

fn range_in(whole: &[u8], part: &[u8]) -> Range<u32> {
    let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    start as u32..(start + part.len()) as u32
}
