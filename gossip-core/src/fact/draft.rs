//! What an author is about to say, before it is signed.

use bytes::Bytes;

use super::header::{Domain, Dot, FactKind, Flags, Header, MAX_CONTEXT, MAX_KEY_BYTES};
use super::verify::Verified;
use super::{Envelope, Keys, Why};
use crate::id::TopicId;
use crate::time::{Hlc, Wall};

/// A fact before its signature.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "authors build it literally")]
pub struct Draft {
    /// What the author had seen of this key; at most [`MAX_CONTEXT`] dots.
    pub context: Vec<Dot>,
    /// When it turns into a tombstone in place; zero: never.
    pub expires_at: Wall,
    /// The version.
    pub hlc: Hlc,
    /// The key, at most [`MAX_KEY_BYTES`].
    pub key: Bytes,
    /// What it is about.
    pub kind: FactKind,
    /// The topic within the channel.
    pub topic: TopicId,
    /// The value; `None` deletes the key.
    pub value: Option<Bytes>,
}

impl Draft {
    /// Signs and encodes: once, for every frame and store to come.
    ///
    /// # Errors
    /// [`Why::TooLarge`] when the key, the context or the value exceeds its limit.
    pub fn sign(&self, keys: &dyn Keys, domain: &Domain) -> Result<Verified<Envelope>, Why> {
        let value = self.value.as_deref();
        let value_bytes = u32::try_from(value.map_or(0, <[u8]>::len)).map_err(|_| Why::TooLarge)?;
        if self.key.len() > MAX_KEY_BYTES || self.context.len() > MAX_CONTEXT {
            return Err(Why::TooLarge);
        }
        let header = Header {
            topic: self.topic,
            author: keys.id(),
            key: &self.key,
            hlc: self.hlc,
            flags: if value.is_none() { Flags::TOMBSTONE } else { Flags::NONE },
            expires_at: if value.is_none() { Wall::ZERO } else { self.expires_at },
            value_bytes,
            value_hash: value.map_or([0; 32], |value| *blake3::hash(value).as_bytes()),
            context: self.context.clone(),
        };
        let header = postcard::to_stdvec(&header).map_err(|_| Why::BadFact)?;
        let mut message = Vec::new();
        domain.signed_bytes(self.kind, &header, &mut message);
        let signature = keys.sign(&message);
        Envelope::encode(self.kind, &header, signature, value, domain).map(Verified::own)
    }
}
