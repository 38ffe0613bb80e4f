//! Members that are forgotten: whatever was said of them is past its life.
//!
//! ```text
//!  dead, left, evicted ──last word a day old──▶ out of the view ──gone for an hour here──▶ forgotten
//!                                                                                             │
//!                          known again, as any newcomer ◀──── a new word of its own ──────────┘
//! ```
//! docs/algorithms/membership.md says why no old word brings anybody back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

use super::Node;
use crate::fact::{Envelope, FactKind};
use crate::id::NodeId;
use crate::io::Event;
use crate::membership::{MemberStatus, subject};
use crate::store::MetaName;
use crate::time::{EPOCH, Mono};

/// How long a member is gone at least, by our own time, before it is forgotten: contacts out of a store that was
/// away for long are tried for so long (a guess: some 240 dials each).
const GRACE: Duration = Duration::from_secs(60 * 60);

/// Most forgotten members that are waited for by name. If there are more, nobody's deletions are let go of any
/// more, as if one of them never came (a guess: 32 KiB of names).
const MAX_AWAITED: usize = 1_024;

/// Under this name it is kept that more are waited for than are named: it is nobody's key.
const NOBODY: NodeId = NodeId::from_bytes([0; 32]);

/// Who is gone, and who is waited for although nothing else is known of it.
#[derive(Debug)]
pub(super) struct Forgetting {
    /// Forgotten members that may come back with what they hold, and [`NOBODY`] for any number of others.
    awaited: BTreeSet<NodeId>,
    /// Since when members have been found to be gone.
    gone: BTreeMap<NodeId, Mono>,
    /// When to look again: what is said of members ends with an epoch.
    next: Mono,
}

impl Forgetting {
    pub(super) fn new(now: Mono) -> Self {
        Self { awaited: BTreeSet::new(), gone: BTreeMap::new(), next: now + EPOCH }
    }

    /// Whether somebody is waited for whom the roster does not know.
    pub(super) fn awaits(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// How many are, by name.
    pub(super) fn awaited(&self) -> usize {
        self.awaited.len()
    }

    /// How many members are gone and not forgotten yet.
    pub(super) fn gone(&self) -> usize {
        self.gone.len()
    }
}

impl Node {
    /// When to look for who is to be forgotten.
    pub(super) fn forgets_at(&self) -> Option<Mono> {
        let others = self.roster.len() > 1 || self.roster.evictions() > 0;
        (others && self.peering.listed().is_none()).then_some(self.forgetting.next)
    }

    /// Forgets who is gone, once nothing that was said of it is in the view any more.
    pub(super) fn forget_the_gone(&mut self) {
        let now = self.now.mono;
        if self.forgets_at().is_none_or(|due| due > now) {
            return;
        }
        self.forgetting.next = now + EPOCH;
        let me = self.keys.id();
        let gone = &mut self.forgetting.gone;
        for (id, member) in self.roster.iter().filter(|(id, _)| **id != me) {
            if matches!(member.status, MemberStatus::Alive | MemberStatus::Suspect) {
                gone.remove(id);
            } else {
                gone.entry(*id).or_insert(now);
            }
        }
        let long = gone.iter().filter(|(_, since)| now.since(**since) >= GRACE);
        let long: Vec<_> = long.map(|(member, _)| *member).collect();
        for member in long {
            if !self.is_spoken_of(&member) {
                self.forget(member);
            }
        }
        for stranger in self.roster.evicted_strangers() {
            if !self.is_spoken_of(&stranger) {
                self.roster.forget(&stranger);
            }
        }
        // A clock that was set forward by a day made our own word an old one.
        if self.life.is_known() && !self.life.has_left() && !self.is_spoken_of(&me) {
            self.state_alive();
        }
    }

    /// A member is known again, whoever it was.
    pub(super) fn await_no_more(&mut self, member: &NodeId) {
        self.forgetting.awaited.remove(member);
    }

    /// Takes back that somebody is waited for, as it was kept for this start.
    pub(super) fn restore_awaited(&mut self, member: NodeId) {
        self.forgetting.awaited.insert(member);
    }

    /// A fact of a member, out of our store, that is past its life: no word for the view, but a place to look at.
    pub(super) fn past_word(&mut self, fact: &Envelope) {
        let Ok(member) = subject(fact) else { return };
        match fact.kind() {
            FactKind::ALIVE => self.view_changed(fact, None),
            FactKind::EVICTION => self.await_return(member),
            _ => drop(self.remember(MetaName::Member(member), None)),
        }
    }

    /// Whether the view has a word of a member, or its eviction. Accusations alone are about nobody.
    fn is_spoken_of(&self, member: &NodeId) -> bool {
        self.about(member).iter().any(|fact| fact.kind() != FactKind::ACCUSATION)
    }

    fn forget(&mut self, id: NodeId) {
        let Some(member) = self.roster.member(&id) else { return };
        let waits = member.may_return();
        self.roster.forget(&id);
        self.forgetting.gone.remove(&id);
        self.changed.insert(id);
        self.reaches_changed = true;
        self.detector.forget(id);
        self.peering.forget(self.now.mono, id);
        self.view_equal.remove(&id);
        (self.relink, self.stirred) = (true, true);
        for channel in self.channels.values_mut() {
            channel.forget(&id, waits);
        }
        if waits {
            self.await_return(id);
        } else {
            self.erase(MetaName::Member(id));
            self.erase(MetaName::Receipt(self.config.main_channel(), id));
        }
        self.event(Event::Forgotten { member: id, version: self.roster.version() });
    }

    fn await_return(&mut self, id: NodeId) {
        let has_room = self.forgetting.awaited.len() < MAX_AWAITED;
        let name = if has_room { id } else { NOBODY };
        if !has_room {
            self.erase(MetaName::Member(id));
            self.erase(MetaName::Receipt(self.config.main_channel(), id));
            self.channels.values_mut().for_each(|channel| channel.forget(&id, false));
        }
        self.forgetting.awaited.insert(name);
        if !self.status.store.read_only {
            self.remember(MetaName::Member(name), Some(Bytes::new()));
        }
    }

    fn erase(&mut self, name: MetaName) {
        if !self.status.store.read_only {
            self.remember(name, None);
        }
    }
}
