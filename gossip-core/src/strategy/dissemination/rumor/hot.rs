//! The facts that are told, and those that may still be asked for.

use std::collections::{BTreeMap, BTreeSet};

use crate::fact::Envelope;
use crate::id::{FactId, NodeId};
use crate::strategy::Heat;
use crate::time::Mono;

/// The first 8 bytes of an id, as partners name it.
pub(super) type Short = [u8; 8];

/// The short form of an id.
pub(super) fn short(id: FactId) -> Short {
    let mut short = [0; 8];
    short.copy_from_slice(id.as_bytes().split_at(8).0);
    short
}

/// A fact that is still told.
#[derive(Debug)]
pub(super) struct Hot {
    pub(super) fact: Envelope,
    pub(super) from: Option<NodeId>,
    pub(super) heat: Heat,
    /// Whether it was pushed before its first round: whoever lacks it still is the exception.
    pub(super) is_out: bool,
    /// Whether somebody needed it, or only asked, since our last round: how pulls are judged.
    pub(super) needed: bool,
    pub(super) asked: bool,
    /// To whom it was offered and who has not asked for it yet.
    offered: BTreeSet<NodeId>,
    /// Members with whom the smaller counter was ours, since our last round.
    pub(super) outlived: BTreeSet<NodeId>,
    pub(super) rounds: u32,
    /// To whom it was sent or who has named it, and how many sendings each has yet to judge.
    pub(super) sent_to: BTreeMap<NodeId, u32>,
    /// Its place in the order of arrival.
    arrival: u64,
}

impl Hot {
    /// It is sent to a member, who may judge that once.
    pub(super) fn sent(&mut self, to: NodeId) {
        *self.sent_to.entry(to).or_default() += 1;
    }

    /// A member has it.
    pub(super) fn held_by(&mut self, member: NodeId) {
        self.sent_to.entry(member).or_default();
    }

    /// A member judges a sending; false if it has judged all that there were.
    pub(super) fn judge(&mut self, by: NodeId) -> bool {
        let open = self.sent_to.get_mut(&by).filter(|open| **open > 0);
        open.map(|open| *open -= 1).is_some()
    }
}

/// A fact that is told no more, but sent to whom it was offered.
#[derive(Debug)]
struct Cooling {
    fact: Envelope,
    offered: BTreeSet<NodeId>,
    until: Mono,
}

/// All of them, bounded in number and bytes: what cools longest makes room, then the oldest rumor.
#[derive(Debug)]
pub(super) struct HotFacts {
    arrivals: u64,
    /// What all of them take, those that cool included.
    bytes: usize,
    cooling: BTreeMap<Short, Cooling>,
    /// When each of those that cool is dropped.
    due: BTreeSet<(Mono, Short)>,
    /// Boxed, for a map makes room for eleven at once and most of the time one is told.
    facts: BTreeMap<Short, Box<Hot>>,
    most: usize,
    most_bytes: usize,
    /// Arrival order, oldest first: which rumor ends early when there are too many.
    order: BTreeMap<u64, Short>,
}

impl HotFacts {
    pub(super) const fn new(most: usize, most_bytes: usize) -> Self {
        Self {
            arrivals: 0,
            bytes: 0,
            cooling: BTreeMap::new(),
            due: BTreeSet::new(),
            facts: BTreeMap::new(),
            most,
            most_bytes,
            order: BTreeMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.facts.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    pub(super) fn get(&self, key: &Short) -> Option<&Hot> {
        self.facts.get(key).map(|hot| &**hot)
    }

    pub(super) fn get_mut(&mut self, key: &Short) -> Option<&mut Hot> {
        self.facts.get_mut(key).map(|hot| &mut **hot)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Short, &Hot)> {
        self.facts.iter().map(|(key, hot)| (key, &**hot))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&Short, &mut Hot)> {
        self.facts.iter_mut().map(|(key, hot)| (key, &mut **hot))
    }

    /// The latest first.
    pub(super) fn latest(&self) -> impl Iterator<Item = Short> + use<'_> {
        self.order.values().rev().copied()
    }

    /// A fact is told from now on.
    pub(super) fn insert(&mut self, fact: &Envelope, from: Option<NodeId>) {
        let key = short(fact.id());
        self.forget(&key);
        let bytes = fact.bytes().len();
        while self.bytes + bytes > self.most_bytes && self.drop_coolest() {}
        while (self.len() >= self.most || self.bytes + bytes > self.most_bytes)
            && let Some(oldest) = self.order.first_key_value().map(|(_, key)| *key)
        {
            self.end(&oldest);
        }
        let hot = Box::new(Hot {
            fact: fact.clone(),
            from,
            heat: Heat::default(),
            is_out: false,
            needed: false,
            asked: false,
            offered: BTreeSet::new(),
            outlived: BTreeSet::new(),
            rounds: 0,
            sent_to: BTreeMap::new(),
            arrival: self.arrivals,
        });
        self.bytes += bytes;
        self.facts.insert(key, hot);
        self.order.insert(self.arrivals, key);
        self.arrivals += 1;
    }

    /// A fact is told no more.
    pub(super) fn end(&mut self, key: &Short) -> Option<Hot> {
        let hot = *self.facts.remove(key)?;
        self.order.remove(&hot.arrival);
        self.bytes -= hot.fact.bytes().len();
        Some(hot)
    }

    /// A fact is told no more, but sent until then to whom it was offered.
    pub(super) fn cool(&mut self, key: &Short, until: Mono) {
        let Some(Hot { fact, offered, .. }) = self.end(key) else { return };
        if offered.is_empty() {
            return;
        }
        if self.cooling.len() >= self.most {
            self.drop_coolest();
        }
        self.bytes += fact.bytes().len();
        self.due.insert((until, *key));
        self.cooling.insert(*key, Cooling { fact, offered, until });
    }

    /// A fact is offered to a member: it may ask for it once.
    pub(super) fn offer(&mut self, key: &Short, to: NodeId) {
        if let Some(hot) = self.facts.get_mut(key) {
            hot.offered.insert(to);
        }
    }

    /// Whether a fact can be sent to who asks for it.
    pub(super) fn holds(&self, key: &Short) -> bool {
        self.facts.contains_key(key) || self.cooling.contains_key(key)
    }

    /// A fact that was offered to this member, which has not asked for it yet.
    pub(super) fn offered(&self, key: &Short, to: NodeId) -> Option<&Envelope> {
        let hot = self.facts.get(key).map(|hot| (&hot.fact, &hot.offered));
        let cooling = self.cooling.get(key).map(|cooling| (&cooling.fact, &cooling.offered));
        let (fact, offered) = hot.or(cooling)?;
        offered.contains(&to).then_some(fact)
    }

    /// A member was sent what it asked for.
    pub(super) fn served(&mut self, key: &Short, to: NodeId) {
        let hot = self.facts.get_mut(key).map(|hot| &mut hot.offered);
        let cooling = self.cooling.get_mut(key).map(|cooling| &mut cooling.offered);
        if let Some(offered) = hot.or(cooling) {
            offered.remove(&to);
            if offered.is_empty() {
                self.drop_cooling(key);
            }
        }
    }

    /// A newer fact took its place.
    pub(super) fn forget(&mut self, key: &Short) {
        self.end(key);
        self.drop_cooling(key);
    }

    /// When the first of those that cool is dropped.
    pub(super) fn expiry(&self) -> Option<Mono> {
        self.due.first().map(|(until, _)| *until)
    }

    pub(super) fn expire(&mut self, now: Mono) {
        while self.expiry().is_some_and(|until| until <= now) {
            self.drop_coolest();
        }
    }

    /// Drops what has cooled longest; false if nothing cools.
    fn drop_coolest(&mut self) -> bool {
        let Some((_, key)) = self.due.first().copied() else { return false };
        self.drop_cooling(&key);
        true
    }

    fn drop_cooling(&mut self, key: &Short) {
        if let Some(Cooling { fact, until, .. }) = self.cooling.remove(key) {
            self.bytes -= fact.bytes().len();
            self.due.remove(&(until, *key));
        }
    }
}
