//! How many partners are served in one period, and where the refused try next: the connection limit
//! and hunting (Demers et al. 1987, section 1.4).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::id::NodeId;
use crate::time::Mono;

/// Both sides of it: whom we serve, and whom we call.
///
/// At most `limit` callers are served between two rounds of ours, or in one period if those are further
/// apart; a caller that was refused tries another partner, up to `hunt` times, and nobody twice in
/// one round.
#[derive(Debug)]
pub(super) struct Connections {
    accepted: BTreeSet<NodeId>,
    /// Calls that are not answered yet, and how often each was refused before.
    calls: BTreeMap<NodeId, u32>,
    /// When each contact began that is not a period old: our round does not end those of others.
    contacts: BTreeMap<NodeId, Mono>,
    hunt: u32,
    limit: u32,
    period: Duration,
    /// Since when callers are counted.
    since: Mono,
    tried: BTreeSet<NodeId>,
}

impl Connections {
    /// A limit of 0 is none.
    pub(super) const fn new(limit: u32, hunt: u32, period: Duration) -> Self {
        Self {
            accepted: BTreeSet::new(),
            calls: BTreeMap::new(),
            contacts: BTreeMap::new(),
            hunt,
            limit,
            period,
            since: Mono::ZERO,
            tried: BTreeSet::new(),
        }
    }

    pub(super) const fn is_limited(&self) -> bool {
        self.limit > 0
    }

    /// Whether this caller is served; one that was accepted is so again.
    pub(super) fn accepts(&mut self, now: Mono, caller: NodeId) -> bool {
        if !self.is_limited() {
            return true;
        }
        if now.since(self.since) >= self.period {
            self.begin_window(now);
        }
        if self.accepted.len() < self.limit as usize {
            self.accepted.insert(caller);
        }
        let accepts = self.accepted.contains(&caller);
        if accepts {
            self.contacts.insert(caller, now);
        }
        accepts
    }

    /// Whether this member called us or we it, less than a period ago, and the call was accepted.
    pub(super) fn is_met(&self, now: Mono, member: NodeId) -> bool {
        let began = self.contacts.get(&member);
        !self.is_limited() || began.is_some_and(|began| now.since(*began) < self.period)
    }

    /// A round of ours begins: what was called in the one before is over.
    pub(super) fn begin_round(&mut self, now: Mono) {
        self.begin_window(now);
        self.calls.clear();
        self.tried.clear();
    }

    /// We call this partner, after so many refusals.
    pub(super) fn call(&mut self, partner: NodeId, refusals: u32) {
        self.calls.insert(partner, refusals);
        self.tried.insert(partner);
    }

    /// Whether it was tried in this round.
    pub(super) fn tried(&self, partner: &NodeId) -> bool {
        self.tried.contains(partner)
    }

    /// A partner accepts; false if we did not call it.
    pub(super) fn welcomed(&mut self, now: Mono, by: NodeId) -> bool {
        let called = self.calls.remove(&by).is_some();
        if called {
            self.contacts.insert(by, now);
        }
        called
    }

    /// A partner is busy: after how many refusals another may be called, if we called it and may hunt
    /// on.
    pub(super) fn refused(&mut self, by: NodeId) -> Option<u32> {
        let refusals = self.calls.remove(&by)?;
        (refusals < self.hunt).then_some(refusals + 1)
    }

    /// A member is gone.
    pub(super) fn gone(&mut self, member: NodeId) {
        self.calls.remove(&member);
        self.contacts.remove(&member);
    }

    fn begin_window(&mut self, now: Mono) {
        self.since = now;
        self.accepted.clear();
        self.contacts.retain(|_, began| now.since(*began) < self.period);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn node(number: u8) -> NodeId {
        NodeId::from_bytes([number; 32])
    }

    #[test]
    fn serves_so_many_in_a_period() {
        let mut connections = Connections::new(2, 0, SECOND);
        let (first, second) = (Mono::ZERO + SECOND, Mono::ZERO + 2 * SECOND);
        assert!(connections.accepts(first, node(1)));
        assert!(connections.accepts(first, node(2)));
        assert!(!connections.accepts(first, node(3)));
        assert!(connections.accepts(first, node(1)), "accepted already");
        assert!(connections.accepts(second, node(3)), "the next period");
        connections.begin_round(second);
        assert!(connections.accepts(second, node(4)) && connections.accepts(second, node(5)));
        let mut unlimited = Connections::new(0, 0, SECOND);
        assert!((0..100).all(|number| unlimited.accepts(first, node(number))));
    }

    #[test]
    fn hunts_so_often() {
        let mut connections = Connections::new(1, 2, SECOND);
        assert_eq!(connections.refused(node(1)), None, "never called");
        connections.call(node(1), 0);
        assert_eq!(connections.refused(node(1)), Some(1));
        connections.call(node(2), 1);
        assert_eq!(connections.refused(node(2)), Some(2));
        connections.call(node(3), 2);
        assert_eq!(connections.refused(node(3)), None, "hunted enough");
        assert!(connections.tried(&node(2)) && !connections.tried(&node(4)));
        assert!(!connections.welcomed(Mono::ZERO, node(3)));
        connections.begin_round(Mono::ZERO);
        connections.call(node(3), 0);
        assert!(connections.welcomed(Mono::ZERO, node(3)) && !connections.tried(&node(1)));
    }

    #[test]
    fn a_contact_lasts_a_period() {
        let mut connections = Connections::new(1, 0, SECOND);
        let at = |millis| Mono::ZERO + Duration::from_millis(millis);
        assert!(connections.accepts(at(900), node(1)) && !connections.accepts(at(900), node(2)));
        connections.call(node(3), 0);
        assert!(connections.welcomed(at(900), node(3)));
        connections.begin_round(at(1_000));
        for (number, met) in [(1, true), (2, false), (3, true), (4, false)] {
            assert_eq!(connections.is_met(at(1_800), node(number)), met, "{number}");
            assert!(!connections.is_met(at(1_900), node(number)));
        }
        connections.begin_round(at(2_000));
        assert!(connections.contacts.is_empty());
    }
}
