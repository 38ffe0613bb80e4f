//! The store port: what a node keeps, asked for as effects that take effect in order.
//!
//! A node never touches a disk. It emits a [`StoreOp`] with a ticket, a driver runs it on a
//! [`Store`], and the [`StoreReply`] comes back as an input.
//!
//! **Order.** An op takes its place when its future is first polled; several may be on their way
//! at a time. Each op sees what the ops before it did, and none after it. *Answers* come in any
//! order: a node hears those to merges, sifts, sweeps and wipes of one shard in the order of the
//! questions, whatever the order of their arrival.
//!
//! **Durability.** A merge is answered when applied; [`StoreOp::Sync`] and [`StoreOp::Remember`]
//! are answered when durable, which may take seconds, and hold up no later op. So a driver polls
//! the future of each op once, in order, and collects answers as they come. Durability has no gaps:
//! after a crash, a store holds what some first part of its ops did, and nothing of the rest.
//!
//! **Errors.** An error means "outcome unknown".

pub mod catalogue;
pub mod decision;
mod heart;
mod memory;
pub mod room;
pub mod snapshot;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use thiserror::Error;

pub use self::catalogue::{KEPT, MAX_ROW, Row};
pub use self::heart::MemoryState;
pub use self::memory::MemoryStore;
use crate::fact::{Envelope, Verified};
use crate::id::{ChannelId, FactId, NodeId, ShardId, TopicId};
use crate::sketch::Symbol;
use crate::state::{Item, Part, Point, Set, Span, Totals};
use crate::strategy::Retain;
use crate::time::{Epoch, Hlc, Wall};

/// Something a store does. Every op is answered exactly once.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a store that ignores an op must not compile")]
pub enum StoreOp {
    /// Describe ranges of a set to a partner: answered by [`StoreReply::Described`].
    Describe(Describe),
    /// The facts with these symbols, those that are held: answered by [`StoreReply::Facts`].
    Fetch {
        /// The shard.
        shard: ShardId,
        /// What partners name them by, in the order in which they are wanted. Should several facts
        /// have one symbol, all of them are given.
        symbols: Vec<Symbol>,
        /// Facts are taken until the next one would exceed so many bytes. The first one is taken
        /// however large it is.
        bytes: usize,
    },
    /// All retained facts of a key, tombstones included: answered by [`StoreReply::Facts`].
    Get {
        /// The shard.
        shard: ShardId,
        /// The key.
        key: Bytes,
    },
    /// Hold on to everything as it is now, to be scanned later whatever comes: answered by
    /// [`StoreReply::Leased`]. Of more than [`MAX_LEASES`] the oldest ends.
    Lease,
    /// Merge verified facts, atomically: answered by [`StoreReply::Merged`].
    Merge(Merge),
    /// End a lease, if it has not ended: answered by [`StoreReply::Synced`] with what is durable
    /// anyway.
    Release(LeaseId),
    /// Keep a small thing beside the state: answered by [`StoreReply::Synced`] once durable.
    Remember {
        /// Its name.
        name: MetaName,
        /// What to keep; `None` forgets it. It counts as no commit.
        value: Option<Bytes>,
    },
    /// Facts in key order: answered by [`StoreReply::Facts`].
    Scan {
        /// The shard.
        shard: ShardId,
        /// Only keys that begin so.
        prefix: Bytes,
        /// Only keys after this one.
        after: Option<Bytes>,
        /// Keys are taken until the next one would exceed so many facts. A key is never split: the
        /// first one is taken even if it alone exceeds them, unless this is 0.
        limit: usize,
        /// Or until the next one would exceed so many bytes; the first one is taken however large.
        bytes: usize,
        /// As of when: `None` is now. A lease that has ended is refused; begin the scan again.
        lease: Option<LeaseId>,
    },
    /// Which of these (unverified) facts are worth a verification: answered by
    /// [`StoreReply::Sifted`].
    Sift {
        /// The shard.
        shard: ShardId,
        /// The channel's retain rule.
        retain: Arc<dyn Retain>,
        /// The facts; nothing of them is kept.
        facts: Vec<Envelope>,
    },
    /// Sum up a compared set in cells: answered by [`StoreReply::Sketched`].
    Sketch {
        /// The shard.
        shard: ShardId,
        /// The compared set's epoch.
        epoch: Epoch,
        /// Which cells; more than [`MAX_ROW`] are refused.
        cells: Range<usize>,
        /// Under which key. Those under 0 are kept, as far as [`KEPT`]; all others take a look at every
        /// fact.
        key: u64,
    },
    /// Let time pass over a shard: answered by [`StoreReply::Swept`].
    Sweep {
        /// The shard.
        shard: ShardId,
        /// What has expired by this instant is announced once.
        wall: Wall,
        /// What leaves the compared set of this epoch becomes dormant.
        epoch: Epoch,
        /// Dormant facts that left before this epoch are dropped: what left first goes first, in
        /// time order, and at most [`DROP_LIMIT`] at a time.
        floor: Epoch,
    },
    /// The facts of a stretch in time order, as far as one answer reaches: answered by
    /// [`StoreReply::Taken`].
    Take {
        /// The shard.
        shard: ShardId,
        /// The set.
        set: Set,
        /// The stretch.
        span: Span,
        /// Facts are taken until the next one would exceed so many bytes, and at most
        /// [`TAKE_LIMIT`]. The first one is taken however large it is.
        bytes: usize,
    },
    /// Answered by [`StoreReply::Synced`] once everything up to this commit is durable.
    Sync {
        /// The commit number; one that has not happened is refused.
        commit: u64,
    },
    /// Count and sum up a shard's compared set: answered by [`StoreReply::Totals`].
    Total {
        /// The shard.
        shard: ShardId,
        /// The compared set.
        set: Set,
    },
    /// Forget everything of a shard: what a newcomer does before it takes the state. Answered by
    /// [`StoreReply::Wiped`] with what was held.
    Wipe {
        /// The shard.
        shard: ShardId,
        /// The last commit is raised to this, if it is below; in the same step, so that no crash
        /// leaves one without the other.
        commit: u64,
    },
}

/// Verified facts for one shard.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "an op's arguments")]
pub struct Merge {
    /// The shard.
    pub shard: ShardId,
    /// The channel's retain rule.
    pub retain: Arc<dyn Retain>,
    /// The facts, all of this shard's channel and topic.
    pub facts: Vec<Verified<Envelope>>,
    /// The node's epoch: what has left its compared set is dormant from now on, merged or held.
    pub epoch: Epoch,
    /// Facts that left the compared set before this epoch were dropped; they stay away.
    pub floor: Epoch,
}

/// A question about ranges of a set.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "an op's arguments")]
pub struct Describe {
    /// The shard.
    pub shard: ShardId,
    /// The set.
    pub set: Set,
    /// The channel's retain rule: it says which facts are rivals.
    pub retain: Arc<dyn Retain>,
    /// One question per range.
    pub asks: Vec<Ask>,
}

/// A question about one range.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "an op's arguments")]
pub struct Ask {
    /// The range.
    pub span: Span,
    /// Answer [`Description::Same`] if the range's fingerprint is this.
    pub unless: Option<[u8; 16]>,
    /// List the range's items if there are no more than this.
    pub leaf: usize,
    /// Otherwise split it into so many parts of about equal counts; less than 2 is refused.
    pub ways: usize,
}

/// What a range holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an answer has exactly these forms")]
pub enum Description {
    /// The range has the fingerprint that the question named.
    Same,
    /// All its items, in time order.
    Items(Vec<Item>),
    /// Its parts in order; the last one ends where the range ends.
    Parts(Vec<Part>),
}

/// How one fact fared in a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a merge has exactly these outcomes")]
pub enum Merged {
    /// It is new and retained; the facts with these ids it displaced.
    Inserted(Vec<FactId>),
    /// It was held already.
    Known,
    /// The retain rule prefers what is held. A dormant fact that alone displaces the new one is
    /// named, for the offerer has missed it. Dormant is what left the compared set of the highest
    /// epoch that a merge or sweep of the shard has named.
    Obsolete(Option<Envelope>),
    /// It left the compared set before the floor: dropped once already.
    Collected,
}

/// How one unverified fact compares with what is held.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a sift has exactly these outcomes")]
pub enum Sifted {
    /// A merge would probably insert it.
    Candidate,
    /// It is held already.
    Known,
    /// See [`Merged::Obsolete`].
    Obsolete(Option<Envelope>),
}

/// The answer to a [`StoreOp`].
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "each op has its one answer")]
pub enum StoreReply {
    /// One description per question.
    Described(Vec<Description>),
    /// Facts, in the order the op states.
    Facts(Vec<Envelope>),
    /// The name of a new lease.
    Leased(LeaseId),
    /// A merge was applied, though perhaps not durable yet.
    Merged {
        /// One outcome per fact, in order.
        outcomes: Vec<Merged>,
        /// The last commit. A merge that inserts anything is one; beside it, only a wipe raises
        /// the number.
        commit: u64,
    },
    /// One outcome per fact, in order.
    Sifted(Vec<Sifted>),
    /// A compared set in cells, and in numbers, both as of the same moment.
    Sketched {
        /// The cells.
        row: Row,
        /// The numbers.
        totals: Totals,
    },
    /// Time has passed.
    Swept {
        /// What expired since the last sweep; at most [`SWEEP_LIMIT`] facts and, but for the first,
        /// [`SWEEP_BYTES`]. The rest comes next time.
        expired: Vec<Envelope>,
        /// When to sweep again: when the next fact expires, if any does; at once, at or before the
        /// asked instant, if there is more to announce or to drop.
        next: Option<Wall>,
        /// How many held facts became dormant since the last sweep, by merges or this sweep.
        left: usize,
        /// How many dormant facts were dropped.
        dropped: usize,
    },
    /// The first facts of a stretch.
    Taken {
        /// The facts, in time order.
        facts: Vec<Envelope>,
        /// Where to go on: the next fact, or the stretch's end if nothing is left.
        upto: Point,
        /// How many facts of the stretch are left.
        left: u64,
    },
    /// Everything up to this commit is durable.
    Synced {
        /// The commit number: at least the asked one.
        commit: u64,
    },
    /// The shard's totals.
    Totals(Totals),
    /// A shard is empty, though perhaps not durably yet.
    Wiped {
        /// The ids of what was held, in any order.
        held: Vec<FactId>,
        /// The last commit: at least the asked one.
        commit: u64,
    },
}

/// Most dormant facts that one sweep drops (guess: some tens of milliseconds from a disk, so that
/// what comes behind it hardly waits). A node sweeps again after 100 ms while more are left.
pub const DROP_LIMIT: usize = 4_096;

/// Most bytes of expired facts that one sweep announces, but for the first, which may be longer
/// (guess: a few such answers at a time are nothing to a small machine).
pub const SWEEP_BYTES: usize = 1 << 20;

/// Most expired facts that one sweep announces (guess: they become as many events at once).
pub const SWEEP_LIMIT: usize = 1_024;

/// Most facts that one [`StoreOp::Take`] gives (guess: what 128 KiB hold of small facts; a question
/// for them takes some milliseconds from a disk).
pub const TAKE_LIMIT: usize = 1_024;

/// Most leases that a store grants at a time (guess: exports are rare, and each holds on to what
/// is displaced meanwhile). One more ends the oldest.
pub const MAX_LEASES: usize = 8;

/// A consistent view of a whole store, as of the [`StoreOp::Lease`] that made it. It ends with its
/// [`StoreOp::Release`], with the store, or when [`MAX_LEASES`] younger ones were granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(u64);

impl LeaseId {
    /// The lease with this number; stores count them and never grant one twice.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }
}

/// A small thing that a node keeps beside its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum MetaName {
    /// The largest fact of the node's cluster.
    FactBytes,
    /// Dormant facts of a shard that left before this epoch were dropped.
    Floor(ShardId),
    /// The highest incarnation that this node has used.
    Incarnation,
    /// This node has said goodbye since its last start: what it holds is a newcomer's.
    Left,
    /// The last word of a member. Empty: it is waited for, and nothing else is known of it any more.
    Member(NodeId),
    /// Whose store this is: the cluster's id and the node's, 64 bytes.
    Owner,
    /// A member's signed receipt for a channel's state.
    Receipt(ChannelId, NodeId),
}

impl MetaName {
    /// Its bytes in a store, for ever: a letter and what it names.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Floor(shard) => [&b"F"[..], shard.channel.as_bytes(), &[shard.topic.0]].concat(),
            Self::FactBytes => b"B".to_vec(),
            Self::Incarnation => b"I".to_vec(),
            Self::Left => b"L".to_vec(),
            Self::Member(node) => [&b"M"[..], node.as_bytes()].concat(),
            Self::Owner => b"O".to_vec(),
            Self::Receipt(channel, node) => {
                [&b"R"[..], channel.as_bytes(), node.as_bytes()].concat()
            }
        }
    }

    /// The name with these bytes, if there is one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (letter, rest) = bytes.split_first()?;
        let (first, last) = rest.split_at_checked(32).unwrap_or((rest, &[]));
        let name: Option<[u8; 32]> = first.try_into().ok();
        match (letter, name, last) {
            (b'F', Some(channel), [topic]) => {
                let channel = ChannelId::from_bytes(channel);
                Some(Self::Floor(ShardId { channel, topic: TopicId(*topic) }))
            }
            (b'B', None, []) if first.is_empty() => Some(Self::FactBytes),
            (b'I', None, []) if first.is_empty() => Some(Self::Incarnation),
            (b'L', None, []) if first.is_empty() => Some(Self::Left),
            (b'M', Some(node), []) => Some(Self::Member(NodeId::from_bytes(node))),
            (b'O', None, []) if first.is_empty() => Some(Self::Owner),
            (b'R', Some(channel), node) => {
                let node = NodeId::from_bytes(node.try_into().ok()?);
                Some(Self::Receipt(ChannelId::from_bytes(channel), node))
            }
            _ => None,
        }
    }
}

/// What a store holds when a node starts.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "stores build it literally")]
pub struct Restored {
    /// The last commit that is here.
    pub commit: u64,
    /// The highest version held.
    pub hlc: Hlc,
    /// Everything remembered.
    pub meta: BTreeMap<MetaName, Bytes>,
}

/// A store's failure. After any of them the outcome of the op is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store was closed, or its worker is gone. Nothing more will be answered.
    #[error("the store is closed")]
    Closed,
    /// A write or sync failed; the store refuses all further writes at once and goes on
    /// answering reads. State on disk is as of the last durable commit. Free space or replace the
    /// disk, then restart the node.
    #[error("the store is poisoned after a failed write: {reason}")]
    Poisoned {
        /// What the system said.
        reason: String,
    },
    /// An op names a shard of the wrong kind, or breaks the port's contract. Nothing changed.
    #[error("the store refused an op: {reason}")]
    Refused {
        /// What was wrong with it.
        reason: &'static str,
    },
    /// A read failed, or what was read is damaged. Writes go on. Look at the disk; if the damage
    /// stays, start the node on an empty store: it takes the cluster's state.
    #[error("the store cannot be read: {reason}")]
    Unreadable {
        /// What the system said.
        reason: String,
    },
}

/// A place that keeps facts. Implementations pass the conformance suite of `testkit`.
#[async_trait]
pub trait Store: Debug + Send + Sync + 'static {
    /// What a status line calls it, such as `memory`.
    fn kind(&self) -> &'static str;

    /// What is here; called once, before any op.
    ///
    /// # Errors
    /// When the store cannot be read: the node must not start.
    async fn load(&self) -> Result<Restored, StoreError>;

    /// Runs one op. It takes its place in the order of ops when the future is first polled; a
    /// future that is dropped later may leave the op done or not.
    ///
    /// # Errors
    /// See [`StoreError`]; the outcome is unknown.
    async fn run(&self, op: StoreOp) -> Result<StoreReply, StoreError>;

    /// This store, if it answers each op at once, for all it holds is in memory: then whoever drives a
    /// node may spare the ways to a worker and back.
    fn immediate(&self) -> Option<&dyn Immediate> {
        None
    }

    /// Makes durable what was applied and lets go of everything, so that another process may open
    /// the store. Ops that come later are answered [`StoreError::Closed`]. A store that holds
    /// nothing outside of its memory does nothing.
    ///
    /// # Errors
    /// When not everything became durable; it is closed all the same.
    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A [`Store`] that never waits.
pub trait Immediate {
    /// Runs one op, as [`Store::run`] does.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn apply(&self, op: StoreOp) -> Result<StoreReply, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_their_bytes_and_nothing_else_is() {
        let (channel, node) = (ChannelId::from_bytes([1; 32]), NodeId::from_bytes([2; 32]));
        let names = [
            MetaName::FactBytes,
            MetaName::Floor(ShardId { channel, topic: TopicId(3) }),
            MetaName::Incarnation,
            MetaName::Left,
            MetaName::Member(node),
            MetaName::Owner,
            MetaName::Receipt(channel, node),
        ];
        for name in names {
            let bytes = name.to_bytes();
            assert_eq!(MetaName::from_bytes(&bytes), Some(name));
            for end in 0..bytes.len() {
                assert_eq!(MetaName::from_bytes(&bytes[..end]), None, "{name:?} cut at {end}");
            }
            assert_eq!(MetaName::from_bytes(&[&bytes[..], b"x"].concat()), None, "{name:?} and x");
        }
    }
}
