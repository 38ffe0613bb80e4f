//! The context: all that a protocol may know, and its only way to act.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Partners, Retain, Sampler};
use crate::fact::{Envelope, Why};
use crate::id::{NodeId, ShardId};
use crate::rng::Rng;
use crate::store::StoreOp;
use crate::time::Now;
use crate::transport::Class;
use crate::wire::Talk;

/// A protocol's own number for a store op; the answer brings it back.
pub type SlotToken = u64;

/// How a fact stands that somebody names by the first 8 bytes of its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a fact is one of these")]
pub enum Standing {
    /// It was merged lately.
    Merged,
    /// It waits to be verified, to be merged, or for its time to come.
    Pending,
    /// Nothing is remembered of it: it may still be in the store.
    Unknown,
}

/// What a protocol wants done.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a channel must carry out each of them")]
pub enum Effect {
    /// A comparison that this member began found the compared sets equal.
    Agreed {
        /// The member.
        with: NodeId,
    },
    /// A comparison that we began with this member ended equal, dormant facts included.
    Equal {
        /// The member.
        with: NodeId,
        /// When it began: nothing that was merged before is missing in it.
        began: crate::time::Mono,
        /// Our number of the exchange.
        exchange: u32,
        /// The epoch compared.
        epoch: crate::time::Epoch,
    },
    /// Send a fact as its author encoded it.
    Fact {
        /// To whom.
        to: NodeId,
        /// Whether it is worth waiting for.
        class: Class,
        /// The fact.
        fact: Envelope,
        /// Whether to ask if it was new.
        feedback: bool,
    },
    /// Sign a receipt of what is durable and send it.
    GiveReceipt {
        /// To whom.
        to: NodeId,
        /// The exchange.
        exchange: u32,
    },
    /// Count that a member was told that we are busy.
    Refused,
    /// Count a rejection and make it known.
    Reject {
        /// Whose message it was.
        from: NodeId,
        /// Why it was not taken.
        why: Why,
    },
    /// Run a store op; the answer comes to the same slot.
    Store {
        /// The slot's number for it.
        token: SlotToken,
        /// The op.
        op: StoreOp,
    },
    /// Make known how far a transfer has come.
    Taking(crate::status::Taking),
    /// Say something.
    Talk {
        /// To whom.
        to: NodeId,
        /// What must not overtake bulk facts is bulk as well.
        class: Class,
        /// What.
        talk: Talk,
    },
}

/// Time, randomness, partners, and a place for effects: made anew for each call.
#[expect(clippy::exhaustive_structs, reason = "drivers of a single slot build it literally")]
pub struct Cx<'a> {
    /// Bytes of facts that wait to be verified and merged: a slot that fetches pauses when this
    /// grows.
    pub backlog_bytes: usize,
    /// Where effects go.
    pub effects: &'a mut Vec<Effect>,
    /// The epoch before which this node has dropped dormant facts.
    pub floor: crate::time::Epoch,
    /// How a fact stands, by the first 8 bytes of its id.
    pub knows: &'a dyn Fn(&[u8; 8]) -> Standing,
    /// Who we are.
    pub me: NodeId,
    /// What time it is.
    pub now: Now,
    /// Whom we can talk to.
    pub partners: Partners<'a>,
    /// Whether the store refuses writes: what is given to this node it cannot keep.
    pub read_only: bool,
    /// The channel's retain rule.
    pub retain: &'a Arc<dyn Retain>,
    /// The slot's own generator.
    pub rng: &'a mut Rng,
    /// The node's sampler.
    pub sampler: &'a mut dyn Sampler,
    /// The shard.
    pub shard: ShardId,
}

impl Cx<'_> {
    /// Says something to a member.
    pub fn talk(&mut self, to: NodeId, talk: Talk) {
        self.effects.push(Effect::Talk { to, class: Class::Gossip, talk });
    }

    /// Says something to a member after the bulk facts that were sent to it.
    pub fn talk_after_bulk(&mut self, to: NodeId, talk: Talk) {
        self.effects.push(Effect::Talk { to, class: Class::Bulk, talk });
    }

    /// Sends a fact to a member.
    pub fn fact(&mut self, to: NodeId, fact: Envelope, feedback: bool) {
        self.effects.push(Effect::Fact { to, class: Class::Gossip, fact, feedback });
    }

    /// Sends a fact to a member that asked for it, over a stream if one leads there and it is worth
    /// one.
    pub fn bulk(&mut self, to: NodeId, fact: Envelope) {
        self.effects.push(Effect::Fact { to, class: Class::Bulk, fact, feedback: false });
    }

    /// Asks the store; the answer comes to the same slot under this number.
    pub fn store(&mut self, token: SlotToken, op: StoreOp) {
        self.effects.push(Effect::Store { token, op });
    }

    /// Counts a rejection.
    pub fn reject(&mut self, from: NodeId, why: Why) {
        self.effects.push(Effect::Reject { from, why });
    }

    /// Up to `count` distinct partners that `eligible` admits.
    pub fn pick(&mut self, count: usize, eligible: impl Fn(&NodeId) -> bool) -> Vec<NodeId> {
        self.sampler.pick(self.rng, self.partners, count, &eligible)
    }

    /// A random time below a limit; zero if that is zero.
    pub fn time_below(&mut self, limit: Duration) -> Duration {
        let nanos = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(if nanos == 0 { 0 } else { self.rng.below(nanos) })
    }
}

impl fmt::Debug for Cx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx").field("me", &self.me).field("now", &self.now).finish_non_exhaustive()
    }
}
