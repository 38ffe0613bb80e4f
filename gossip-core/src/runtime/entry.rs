//! A live entry as applications read it.

use bytes::Bytes;

use crate::fact::Envelope;
use crate::id::{FactId, NodeId};
use crate::time::{Hlc, Wall};

/// A key with its value, live when it was read. Cloning shares the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry(Envelope);

impl Entry {
    pub(super) const fn new(fact: Envelope) -> Self {
        Self(fact)
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.0.key()
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        // A live entry has one; an empty value is the same as none to a reader.
        self.0.value().unwrap_or_default()
    }

    /// The value, sharing the bytes.
    #[must_use]
    pub fn shared_value(&self) -> Bytes {
        self.0.shared_value().unwrap_or_default()
    }

    /// The version: later writes have higher ones.
    #[must_use]
    pub const fn version(&self) -> Hlc {
        self.0.hlc()
    }

    /// Who wrote it.
    #[must_use]
    pub fn author(&self) -> NodeId {
        self.0.author()
    }

    /// When it deletes itself, if it does.
    #[must_use]
    pub fn expires_at(&self) -> Option<Wall> {
        Some(self.0.expires_at()).filter(|at| *at != Wall::ZERO)
    }

    /// The id of the fact that says so.
    #[must_use]
    pub const fn id(&self) -> FactId {
        self.0.id()
    }

    /// The whole fact.
    #[must_use]
    pub const fn fact(&self) -> &Envelope {
        &self.0
    }
}
