//! The shape of replicated state: where facts stand in time order, and how sets of them compare.

mod sum;

pub use self::sum::Sum;

use serde::{Deserialize, Serialize};

use crate::fact::Envelope;
use crate::time::{Epoch, Hlc};

/// A place in a shard's time order: version first, then the first half of the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "its layout is frozen inside range messages")]
pub struct Point {
    /// The version.
    pub hlc: Hlc,
    /// The first 16 bytes of the id: enough that nobody can make two facts share a point.
    pub id: [u8; 16],
}

impl Point {
    /// Before every fact.
    pub const MIN: Self = Self { hlc: Hlc::ZERO, id: [0; 16] };
    /// After every fact that the clock bound lets in.
    pub const END: Self = Self { hlc: Hlc::MAX, id: [0xff; 16] };

    /// Where a fact stands.
    #[must_use]
    pub fn of(fact: &Envelope) -> Self {
        Self { hlc: fact.hlc(), id: fact.id().short() }
    }
}

/// A half-open range of the time order: `from` belongs to it, `upto` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a pair and nothing else")]
pub struct Span {
    /// Where it begins.
    pub from: Point,
    /// Where it ends.
    pub upto: Point,
}

impl Span {
    /// The whole order.
    pub const ALL: Self = Self { from: Point::MIN, upto: Point::END };

    /// Whether a point lies in it.
    #[must_use]
    pub fn contains(&self, point: Point) -> bool {
        self.from <= point && point < self.upto
    }
}

/// Which facts of a shard are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_enums, reason = "its layout is frozen inside range messages")]
pub enum Set {
    /// The compared set of an epoch: everything that leaves later.
    Active(Epoch),
    /// What left the compared set in the epochs `from..=upto`: the dormant.
    Dormant {
        /// The first epoch.
        from: Epoch,
        /// The last epoch.
        upto: Epoch,
    },
}

impl Set {
    /// Whether a fact that leaves the compared set at this epoch belongs to it.
    #[must_use]
    pub fn contains(&self, leaves_at: Epoch) -> bool {
        match *self {
            Self::Active(epoch) => leaves_at > epoch,
            Self::Dormant { from, upto } => from <= leaves_at && leaves_at <= upto,
        }
    }
}

/// One fact in a list that a partner compares with its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "its layout is frozen inside range messages")]
pub struct Item {
    /// Where it stands.
    pub point: Point,
    /// What it competes for, hashed: of two items with the same rival hash only the one with the
    /// higher version is worth sending. Zero: it competes with nothing.
    pub rival: [u8; 8],
}

/// A stretch of the time order in summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "its layout is frozen inside range messages")]
pub struct Part {
    /// Where it ends; it begins where the part before it ends.
    pub upto: Point,
    /// How many facts it holds.
    pub count: u64,
    /// The fingerprint of their ids.
    pub fingerprint: [u8; 16],
}

/// A shard's compared set in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores build it literally")]
pub struct Totals {
    /// Facts of the set that have a value.
    pub entries: u64,
    /// The others: deletions, and what a sweep has announced as expired.
    pub tombstones: u64,
    /// All held facts that leave up to the set's epoch (`upto`, if it is a dormant set): they
    /// still reject older offers.
    pub dormant: u64,
    /// The ids of the asked set: replicas hold the same facts exactly when these are equal.
    pub sum: Sum,
    /// The last commit.
    pub commit: u64,
    /// Everything up to this commit is durable.
    pub durable: u64,
}
