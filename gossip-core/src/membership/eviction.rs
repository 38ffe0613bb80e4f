//! What a node says about another one that it throws out.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::accusation::subject;
use super::alive::{decode, encode};
use crate::fact::{Envelope, FactKind, HORIZON, Why};

/// The content of an eviction. Its key is the evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "its layout is frozen")]
pub struct Eviction {
    /// The incarnation that ends, with all before it: a later one, which takes a restart, is a member again.
    pub incarnation: u64,
}

impl Eviction {
    /// The content as a fact's value.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        encode(self)
    }

    /// The content of an eviction.
    ///
    /// # Errors
    /// [`Why::BadFact`] when it does not decode.
    pub fn decode(fact: &Envelope) -> Result<Self, Why> {
        decode(fact, FactKind::EVICTION)
    }

    /// Whether it may stand in the view: about somebody else, and about an incarnation that there can be.
    ///
    /// # Errors
    /// [`Why::NotTheSubject`], [`Why::BadFact`], or what decoding finds.
    pub fn admit(fact: &Envelope) -> Result<(), Why> {
        let Self { incarnation } = Self::decode(fact)?;
        if subject(fact)? == fact.author() {
            return Err(Why::NotTheSubject);
        }
        check_incarnation(fact, incarnation)
    }
}

/// Whether a member can have had this incarnation when a fact was said. Incarnations follow clocks: one far ahead, as of the
/// last number that there is, could never be gone beyond.
pub(super) fn check_incarnation(fact: &Envelope, incarnation: u64) -> Result<(), Why> {
    let latest = (fact.hlc().wall() + HORIZON).millis();
    if incarnation <= latest { Ok(()) } else { Err(Why::BadFact) }
}
