//! What watches a world: checkers see everything that happens, and say what must not.
//!
//! A checker knows what the nodes promise and nothing of how they keep it: it keeps a model of its
//! own, from what goes in and comes out of nodes and disks.

mod acknowledged;
mod agreement;
mod answers;
mod bounds;
mod clocks;
mod index;
mod letting_go;
mod lives;
mod renewals;
mod tickets;
mod verified;
mod versions;
mod watchers;

use std::fmt;

use bytes::Bytes;

pub use self::acknowledged::Acknowledged;
pub use self::agreement::Agreement;
pub use self::answers::Answers;
pub use self::bounds::{Bounds, exceeded};
pub use self::clocks::Clocks;
pub use self::index::Index;
pub use self::letting_go::LettingGo;
pub use self::lives::Lives;
pub use self::renewals::Renewals;
pub use self::tickets::Tickets;
pub use self::verified::Signatures;
pub use self::versions::Versions;
pub use self::watchers::Watchers;
use super::World;
use crate::fact::Envelope;
use crate::id::{FactId, NodeId, ShardId, TopicId};
use crate::io::{Input, Output};
use crate::store::{MemoryState, MetaName, Restored, StoreError, StoreOp, StoreReply};
use crate::time::{Hlc, Mono, Now};

/// Something that happened at a host.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "checkers take it apart")]
pub enum Observation<'a> {
    /// Its store did this; the node hears of it later, or never.
    Applied {
        /// The op: one that changes what is held.
        op: &'a StoreOp,
        /// The answer.
        reply: &'a Result<StoreReply, StoreError>,
    },
    /// Its node was killed; the disk holds what is left.
    Crashed,
    /// All that its store did is durable.
    Flushed,
    /// Its node is given this.
    Input(&'a Input),
    /// Its node wants this, and it is about to be carried out.
    Output(&'a Output),
    /// An older content of its disk was put back.
    PutBack,
    /// A node starts on this.
    Started(&'a Restored),
}

/// What a checker may look at when something happens.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    pub(super) host: usize,
    pub(super) now: Now,
    pub(super) world: &'a World,
}

impl<'a> Sight<'a> {
    /// The host.
    #[must_use]
    pub const fn host(&self) -> usize {
        self.host
    }

    /// Virtual time, and what the host's clock shows.
    #[must_use]
    pub const fn now(&self) -> Now {
        self.now
    }

    /// Everything else.
    #[must_use]
    pub const fn world(&self) -> &'a World {
        self.world
    }

    /// What the host's node reads.
    fn held(&self) -> &'a MemoryState {
        self.world.held(self.host)
    }

    /// What a crash could not take from the host.
    fn durable(&self) -> &'a MemoryState {
        self.world.durable(self.host)
    }

    fn shard(&self) -> ShardId {
        shard_of(self.world, self.host)
    }

    fn me(&self) -> NodeId {
        self.world.id(self.host)
    }
}

impl fmt::Debug for Sight<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sight").field("host", &self.host).field("now", &self.now).finish()
    }
}

/// Watches a world. What it says is a violation: a promise that was broken.
pub trait Checker {
    /// The promise's name, kebab-case.
    fn name(&self) -> &'static str;

    /// Something happened at a host.
    fn observe(&mut self, sight: &Sight<'_>, what: &Observation<'_>, broken: &mut Vec<String>);

    /// Everything is calm, and nodes have had time to agree.
    fn finish(&mut self, _world: &World, _broken: &mut Vec<(usize, String)>) {}
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "reports take it apart")]
pub struct Violation {
    /// When.
    pub at: Mono,
    /// The checker that noticed.
    pub checker: &'static str,
    /// Where.
    pub host: usize,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.at.since(Mono::ZERO).as_secs_f64();
        write!(f, "{}: host {} at {seconds:.3} s: {}", self.checker, self.host, self.what)
    }
}

/// All checkers, for worlds whose main channel keeps the last write, or siblings where the world
/// [says so](World::expect_siblings).
///
/// Most look at everything that happens. [`Bounds`] and [`Index`] look at samples; [`Agreement`], and
/// [`Acknowledged`] for what was lost, look in the end.
#[must_use]
pub fn all() -> Vec<Box<dyn Checker>> {
    vec![
        Box::new(Acknowledged::default()),
        Box::new(Agreement::default()),
        Box::new(Answers::default()),
        Box::new(Bounds::default()),
        Box::new(Clocks::default()),
        Box::new(Index::default()),
        Box::new(LettingGo::default()),
        Box::new(Lives::default()),
        Box::new(Renewals::default()),
        Box::new(Signatures::default()),
        Box::new(Tickets::default()),
        Box::new(Versions::default()),
        Box::new(Watchers::default()),
    ]
}

/// What facts compete for: of those in one lane a store keeps the newest. A key is a lane where the
/// last write wins, and has one for each author where siblings are kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Lane {
    key: Bytes,
    author: Option<NodeId>,
}

impl Lane {
    fn of(world: &World, fact: &Envelope) -> Self {
        Self { key: key_of(fact), author: world.keeps_siblings.then(|| fact.author()) }
    }

    /// What a host's store, as it is read or as it is durable, has in this lane.
    fn head(&self, world: &World, host: usize, state: &MemoryState) -> Option<Envelope> {
        let facts = state.head(shard_of(world, host), &self.key);
        facts.into_iter().find(|fact| self.author.is_none_or(|author| author == fact.author()))
    }
}

/// Whether a fact's author had seen another, so that no reader sees that beside it.
fn overwrites(fact: &Envelope, other: &Envelope) -> bool {
    let seen = fact.header().context;
    seen.iter().any(|dot| dot.author == other.author() && dot.hlc >= other.hlc())
}

/// By which order the newest of a lane is told.
type Version = (Hlc, NodeId, FactId);

fn version(fact: &Envelope) -> Version {
    (fact.hlc(), fact.author(), fact.id())
}

fn shard_of(world: &World, host: usize) -> ShardId {
    ShardId { channel: world.main_channel(host), topic: TopicId(0) }
}

/// How a fact is named in a report.
fn named(fact: &Envelope) -> String {
    let kind = if fact.is_tombstone() { "deletion" } else { "value" };
    format!("{kind} of {} at {:?}", text(fact.key()), fact.hlc())
}

fn text(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}

/// Whether a host holds what it must forget before it says anything.
fn must_renew(world: &World, host: usize) -> bool {
    world.durable(host).meta(&MetaName::Left).is_some()
}

/// A host's own part of a model; a host is new when it is asked for first.
#[derive(Debug)]
struct PerHost<T>(Vec<T>);

impl<T> Default for PerHost<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Default> PerHost<T> {
    fn of(&mut self, host: usize) -> &mut T {
        if self.0.len() <= host {
            self.0.resize_with(host + 1, T::default);
        }
        #[expect(clippy::expect_used, reason = "it was just made")]
        self.0.get_mut(host).expect("the host has a part")
    }
}

/// What a merge inserted, each with what it displaced.
fn inserted<'a>(
    op: &'a StoreOp,
    reply: &Result<StoreReply, StoreError>,
) -> impl Iterator<Item = &'a Envelope> {
    let outcomes = match reply {
        Ok(StoreReply::Merged { outcomes, .. }) => outcomes.clone(),
        _ => Vec::new(),
    };
    let facts = if let StoreOp::Merge(merge) = op { merge.facts.as_slice() } else { &[] };
    let new = |outcome: &crate::store::Merged| matches!(outcome, crate::store::Merged::Inserted(_));
    facts.iter().zip(outcomes).filter(move |(_, outcome)| new(outcome)).map(|(fact, _)| &**fact)
}

/// The key of a fact, to be kept.
fn key_of(fact: &Envelope) -> Bytes {
    Bytes::copy_from_slice(fact.key())
}

#[cfg(test)]
mod tests;
