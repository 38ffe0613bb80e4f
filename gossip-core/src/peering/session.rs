//! Sessions that stand: one per member, found by the id that its frames carry.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::SKEW;
use crate::id::{NodeId, SessionId};
use crate::time::{Mono, Now};
use crate::transport::Address;
use crate::wire::Hello;

/// A session older than this is made anew (house decision).
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// A partner's clock further from ours than this contradicts it (house decision: half of the
/// skew that facts may have).
const CLOCK_BOUND: Duration = Duration::from_millis(SKEW.as_millis() as u64 / 2);

/// One session.
#[derive(Clone, Copy, Debug)]
struct Session {
    address: Address,
    /// Whether the partner's clock is too far from ours.
    clock_off: bool,
    ours: SessionId,
    /// The partner's id before it made the session anew: its last frames still carry it.
    previous: Option<SessionId>,
    since: Mono,
    theirs: SessionId,
}

/// All sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_node: BTreeMap<NodeId, Session>,
    by_ours: BTreeMap<SessionId, NodeId>,
    by_theirs: BTreeMap<SessionId, NodeId>,
    /// Sessions whose partner's clock is off.
    clocks_off: usize,
}

impl Sessions {
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.by_node.keys().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.by_node.len()
    }

    pub(super) fn address(&self, node: &NodeId) -> Option<Address> {
        self.by_node.get(node).map(|session| session.address)
    }

    pub(super) fn route(&self, node: &NodeId) -> Option<(SessionId, Address)> {
        self.by_node.get(node).map(|session| (session.ours, session.address))
    }

    pub(super) fn sender(&self, theirs: SessionId, from: Address) -> Option<NodeId> {
        let node = self.by_theirs.get(&theirs)?;
        (self.address(node)? == from).then_some(*node)
    }

    /// The member to which our frames carry this id, at this address.
    pub(super) fn ours(&self, ours: SessionId, from: Address) -> Option<NodeId> {
        let node = self.by_ours.get(&ours)?;
        (self.address(node)? == from).then_some(*node)
    }

    /// Whether there is no session with this member, or one that has become too old, or one whose
    /// Hello says that a clock is wrong: it may have been set right since.
    pub(super) fn is_stale(&self, now: Mono, node: &NodeId) -> bool {
        let stale = |session: &Session| now.since(session.since) > LIFETIME || session.clock_off;
        self.by_node.get(node).is_none_or(stale)
    }

    /// Our id of a session that already has this id of theirs, or had it when both sides dialled
    /// at once: to begin anew for a repeated Hello would orphan the one in use.
    pub(super) fn standing(
        &self,
        node: &NodeId,
        theirs: SessionId,
        address: Address,
    ) -> Option<SessionId> {
        let session = self.by_node.get(node)?;
        let known = session.theirs == theirs || session.previous == Some(theirs);
        (known && session.address == address).then_some(session.ours)
    }

    /// Whether another member's frames carry this id.
    pub(super) fn is_taken(&self, theirs: SessionId, node: &NodeId) -> bool {
        self.by_theirs.get(&theirs).is_some_and(|other| other != node)
    }

    pub(super) fn establish(
        &mut self,
        now: Now,
        node: NodeId,
        ours: SessionId,
        hello: &Hello,
        address: Address,
    ) {
        let old = self.by_node.get(&node).copied();
        let theirs = hello.session;
        let previous = old.map(|old| old.theirs).filter(|old| *old != theirs);
        if let Some(forgotten) = old.and_then(|old| old.previous)
            && Some(forgotten) != previous
            && forgotten != theirs
        {
            self.by_theirs.remove(&forgotten);
        }
        let clock_off = now.wall.distance(hello.wall) > CLOCK_BOUND;
        let session = Session { address, clock_off, ours, previous, since: now.mono, theirs };
        if let Some(old) = self.by_node.insert(node, session) {
            self.by_ours.remove(&old.ours);
            self.clocks_off -= usize::from(old.clock_off);
        }
        self.clocks_off += usize::from(clock_off);
        self.by_ours.insert(ours, node);
        self.by_theirs.insert(theirs, node);
    }

    /// Ends a session; false when there is none.
    pub(super) fn remove(&mut self, node: &NodeId) -> bool {
        let Some(session) = self.by_node.remove(node) else { return false };
        self.by_ours.remove(&session.ours);
        self.clocks_off -= usize::from(session.clock_off);
        for theirs in [Some(session.theirs), session.previous].into_iter().flatten() {
            self.by_theirs.remove(&theirs);
        }
        true
    }

    /// Whether more than half of at least two partners' clocks are off.
    pub(super) fn clock_disagrees(&self) -> bool {
        self.by_node.len() >= 2 && self.clocks_off * 2 > self.by_node.len()
    }
}
