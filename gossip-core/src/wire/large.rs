//! Large facts over datagrams: a notice, and chunks that the receiver asks for.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::sketch::Symbol;

/// Bytes of a fact in each of its chunks, but for the last: with frame, channel and names it fills a
/// datagram.
pub const CHUNK_BYTES: usize = 1_152;

/// Most chunks that one record asks for: the answer stays below half of the receive buffer that Linux
/// grants without being asked (guess).
pub const MAX_CHUNKS: usize = 64;

/// "I have this fact for you, and no datagram carries it: take it in chunks."
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the wire form of one record")]
pub struct Large {
    /// Which fact.
    pub symbol: Symbol,
    /// How many bytes it has.
    pub bytes: u32,
    /// Whether the sender wants to hear if it was new.
    pub feedback: bool,
}

/// "Send me these chunks of this fact."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the wire form of one record")]
pub struct AskChunks {
    /// Which fact.
    pub symbol: Symbol,
    /// How many bytes it has: of two facts with one symbol it tells which.
    pub bytes: u32,
    /// The chunks' places, at most [`MAX_CHUNKS`].
    pub chunks: Vec<u32>,
}

/// A chunk of a fact: the answer to a [`AskChunks`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the wire form of one record")]
pub struct Chunk {
    /// Of which fact.
    pub symbol: Symbol,
    /// Its place.
    pub place: u32,
    /// Its bytes; none: the fact is not held any more.
    pub bytes: Bytes,
}
