//! What a node says about itself. Layouts are frozen for ever.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::fact::{Envelope, FactKind, Why};
use crate::id::{BootId, Endpoints, MAX_ADDRESSES};
use crate::wire::VERSION;

/// Most bytes of a node's name (guess: a host name's label).
pub const MAX_NAME_BYTES: usize = 63;

/// Most tags of a node, and most bytes of one tag's key or value (guesses: alive facts stay well
/// inside a datagram).
pub const MAX_TAGS: usize = 8;

/// The content of an alive fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "its layout is frozen")]
pub struct Alive {
    /// Grows with every start, and beyond every one that others remember.
    pub incarnation: u64,
    /// This start.
    pub boot: BootId,
    /// The X25519 key that others seal to.
    pub box_key: [u8; 32],
    /// Where the node listens.
    pub endpoints: Endpoints,
    /// A name for people; not unique.
    pub name: String,
    /// Free properties; at most [`MAX_TAGS`].
    pub tags: BTreeMap<String, String>,
    /// The lowest and highest wire version that the node speaks.
    pub versions: (u8, u8),
    /// One bit per thing that the node can do; none is defined yet.
    pub capabilities: u64,
    /// The version of the node's program.
    pub program: String,
}

/// The content of a leave fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "its layout is frozen")]
pub struct Leave {
    /// The incarnation that ends.
    pub incarnation: u64,
    /// Whether the node comes back with what it holds: then nothing is let go of that it has not
    /// confirmed. Otherwise nobody waits for it, and it comes back as a newcomer.
    pub returning: bool,
}

impl Alive {
    /// The wire versions of this code.
    pub const VERSIONS: (u8, u8) = (VERSION, VERSION);

    /// The content as a fact's value.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        encode(self)
    }

    /// The content of an alive fact.
    ///
    /// # Errors
    /// [`Why::BadFact`] when it does not decode, [`Why::TooLarge`] when a limit is passed.
    pub fn decode(fact: &Envelope) -> Result<Self, Why> {
        let alive: Self = decode(fact, FactKind::ALIVE)?;
        let long = |text: &String| text.len() > MAX_NAME_BYTES;
        let too_large = long(&alive.name)
            || long(&alive.program)
            || alive.tags.len() > MAX_TAGS
            || alive.tags.iter().any(|(key, value)| long(key) || long(value))
            || alive.endpoints.datagram.len() > MAX_ADDRESSES
            || alive.endpoints.stream.len() > MAX_ADDRESSES;
        if too_large { Err(Why::TooLarge) } else { Ok(alive) }
    }

    /// The content of a value that was decoded before, or that of nobody.
    pub(super) fn read(value: &[u8]) -> Self {
        postcard::from_bytes(value).unwrap_or_else(|_| Self {
            incarnation: 0,
            boot: BootId::default(),
            box_key: [0; 32],
            endpoints: Endpoints::default(),
            name: String::new(),
            tags: BTreeMap::new(),
            versions: Self::VERSIONS,
            capabilities: 0,
            program: String::new(),
        })
    }
}

/// Where the author of a value that was decoded before listens: what an [`Alive`] says up to there, and nothing
/// else is decoded.
pub(crate) fn endpoints(value: &[u8]) -> Endpoints {
    type Beginning = (u64, BootId, [u8; 32], Endpoints);
    let beginning = postcard::take_from_bytes::<Beginning>(value);
    beginning.map(|((.., endpoints), _)| endpoints).unwrap_or_default()
}

impl Leave {
    /// The content as a fact's value.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        encode(self)
    }

    /// The content of a leave fact.
    ///
    /// # Errors
    /// [`Why::BadFact`] when it does not decode.
    pub fn decode(fact: &Envelope) -> Result<Self, Why> {
        decode(fact, FactKind::LEAVE)
    }
}

/// Checks that a statement of a member about itself decodes.
///
/// # Errors
/// [`Why::WrongKind`] for any other fact; otherwise as decoding does.
pub(super) fn check(fact: &Envelope) -> Result<(), Why> {
    match fact.kind() {
        FactKind::ALIVE => Alive::decode(fact).map(drop),
        FactKind::LEAVE => Leave::decode(fact).map(drop),
        _ => Err(Why::WrongKind),
    }
}

/// The incarnation that a statement of a member about itself speaks of. It comes first in each, and nothing else
/// is decoded: the view asks for it with every fact that it weighs.
///
/// # Errors
/// [`Why::WrongKind`] for any other fact, [`Why::BadFact`] when there is no number.
pub fn incarnation(fact: &Envelope) -> Result<u64, Why> {
    if !matches!(fact.kind(), FactKind::ALIVE | FactKind::LEAVE) {
        return Err(Why::WrongKind);
    }
    let value = fact.value().ok_or(Why::BadFact)?;
    postcard::take_from_bytes(value).map(|(number, _)| number).map_err(|_| Why::BadFact)
}

pub(super) fn encode<T: Serialize>(value: &T) -> Bytes {
    #[expect(clippy::expect_used, reason = "encoding into memory that grows cannot fail")]
    Bytes::from(postcard::to_stdvec(value).expect("a statement encodes"))
}

pub(super) fn decode<'a, T: Deserialize<'a>>(fact: &'a Envelope, kind: FactKind) -> Result<T, Why> {
    if fact.kind() != kind {
        return Err(Why::WrongKind);
    }
    let value = fact.value().ok_or(Why::BadFact)?;
    let (content, rest) = postcard::take_from_bytes(value).map_err(|_| Why::BadFact)?;
    if rest.is_empty() { Ok(content) } else { Err(Why::BadFact) }
}
