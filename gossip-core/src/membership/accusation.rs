//! What a node says about another one: that it does not answer.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::alive::{decode, encode, incarnation};
use super::eviction::check_incarnation;
use crate::fact::{Envelope, FactKind, Why};
use crate::id::NodeId;
use crate::time::Hlc;

/// Which of a member's statements about itself: the later one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "its layout is frozen inside accusations")]
pub struct Word {
    /// The incarnation that it speaks of.
    pub incarnation: u64,
    /// When it was said.
    pub hlc: Hlc,
}

/// How sure an accuser is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(clippy::exhaustive_enums, reason = "its layout is frozen inside accusations")]
pub enum Charge {
    /// It answered neither the accuser nor whom it asked.
    Silent,
    /// It stayed silent until the accuser's suspicion ended.
    Dead,
}

/// The content of an accusation. Its key is the accused.
///
/// It names the last word that the accuser has of the accused, which refutes it by any newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "its layout is frozen")]
pub struct Accusation {
    /// The last word of the accused that the accuser has.
    pub word: Word,
    /// What it is accused of.
    pub charge: Charge,
}

impl Word {
    /// Which word a member's statement about itself is.
    ///
    /// # Errors
    /// As [`incarnation`] does.
    pub fn of(fact: &Envelope) -> Result<Self, Why> {
        Ok(Self { incarnation: incarnation(fact)?, hlc: fact.hlc() })
    }
}

impl Accusation {
    /// The content as a fact's value.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        encode(self)
    }

    /// The content of an accusation.
    ///
    /// # Errors
    /// [`Why::BadFact`] when it does not decode.
    pub fn decode(fact: &Envelope) -> Result<Self, Why> {
        decode(fact, FactKind::ACCUSATION)
    }

    /// Whether it may stand in the view: about somebody else, and about a word that there can be and was said before.
    ///
    /// # Errors
    /// [`Why::NotTheSubject`], [`Why::BadFact`], or what decoding finds.
    pub fn admit(fact: &Envelope) -> Result<(), Why> {
        let accusation = Self::decode(fact)?;
        if subject(fact)? == fact.author() {
            return Err(Why::NotTheSubject);
        }
        check_incarnation(fact, accusation.word.incarnation)?;
        if accusation.word.hlc <= fact.hlc() { Ok(()) } else { Err(Why::BadFact) }
    }
}

/// The member that a fact of the view is about.
///
/// # Errors
/// [`Why::BadFact`] when its key names nobody.
pub fn subject(fact: &Envelope) -> Result<NodeId, Why> {
    let id: [u8; 32] = fact.key().try_into().map_err(|_| Why::BadFact)?;
    Ok(NodeId::from_bytes(id))
}
