//! What a catalogue knows of one fact.

use crate::fact::{Envelope, FactKind, Flags, leaves_at};
use crate::id::FactId;
use crate::state::Point;
use crate::time::{Epoch, Hlc, Wall};

/// Where a store keeps a fact, if it is known by a number; opaque to a catalogue.
pub type Slot = u32;

/// A fact's place in time order.
///
/// Ordered by version and whole id, which refines the order of [`Point`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    pub(super) hlc: Hlc,
    pub(super) id: FactId,
    pub(super) slot: Slot,
    pub(super) leaves_at: Epoch,
}

impl Entry {
    /// The version.
    #[must_use]
    pub const fn hlc(&self) -> Hlc {
        self.hlc
    }

    /// The id.
    #[must_use]
    pub const fn id(&self) -> FactId {
        self.id
    }

    /// Where the store keeps it.
    #[must_use]
    pub const fn slot(&self) -> Slot {
        self.slot
    }

    /// Where it stands.
    #[must_use]
    pub fn point(&self) -> Point {
        Point { hlc: self.hlc, id: self.id.short() }
    }
}

/// Everything of a fact that a catalogue is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub(super) entry: Entry,
    pub(super) expires_at: Wall,
    pub(super) tombstone: bool,
}

impl Record {
    /// The record of a fact; `slot` is where the store keeps it, and 0 if it needs no number.
    #[must_use]
    pub fn of(fact: &Envelope, slot: Slot) -> Self {
        let (hlc, id, leaves_at) = (fact.hlc(), fact.id(), fact.leaves_at());
        Self {
            entry: Entry { hlc, id, slot, leaves_at },
            expires_at: fact.expires_at(),
            tombstone: fact.is_tombstone(),
        }
    }

    /// The record of an entry of which a store remembers no more than this; slot 0.
    #[must_use]
    pub fn new(hlc: Hlc, id: FactId, tombstone: bool, expires_at: Wall) -> Self {
        let flags = if tombstone { Flags::TOMBSTONE } else { Flags::NONE };
        let leaves_at = leaves_at(FactKind::ENTRY, flags, hlc, expires_at);
        Self { entry: Entry { hlc, id, slot: 0, leaves_at }, expires_at, tombstone }
    }

    /// Its place in time order.
    #[must_use]
    pub const fn entry(&self) -> &Entry {
        &self.entry
    }

    /// When it turns into a tombstone in place; zero: never.
    #[must_use]
    pub const fn expires_at(&self) -> Wall {
        self.expires_at
    }
}
