//! The facts that are told, and those that may still be asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::told::Told;
use crate::fact::Envelope;
use crate::id::{FactId, NodeId};
use crate::strategy::Heat;
use crate::strategy::dissemination::Exclusions;
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
    /// Members with whom the smaller counter was ours, since our last round.
    pub(super) outlived: BTreeSet<NodeId>,
    pub(super) rounds: u32,
    /// Who was told of it or has named it.
    pub(super) told: Told,
    /// Whether waves alone tell it, and no rounds.
    pub(super) is_of_burst: bool,
    /// Its place in the order of arrival.
    arrival: u64,
}

impl Hot {
    /// Whether a member may be told of it.
    pub(super) fn may_be_told(&self, to: &NodeId, exclusions: Exclusions) -> bool {
        let Exclusions { recipients, sender } = exclusions;
        let is_told = recipients && self.told.contains(to);
        let is_teller = sender && self.from == Some(*to);
        !(is_told || is_teller)
    }
}

/// A fact that is told no more, but sent to whom it was offered.
#[derive(Debug)]
struct Cooling {
    hot: Box<Hot>,
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
            is_of_burst: false,
            outlived: BTreeSet::new(),
            rounds: 0,
            told: Told::default(),
            arrival: self.arrivals,
        });
        self.bytes += bytes;
        self.facts.insert(key, hot);
        self.order.insert(self.arrivals, key);
        self.arrivals += 1;
    }

    /// A fact is told no more.
    pub(super) fn end(&mut self, key: &Short) -> Option<Box<Hot>> {
        let hot = self.facts.remove(key)?;
        self.order.remove(&hot.arrival);
        self.bytes -= hot.fact.bytes().len();
        Some(hot)
    }

    /// A fact is told no more, but sent until then to whom it was offered.
    pub(super) fn cool(&mut self, key: &Short, until: Mono) {
        let Some(hot) = self.end(key).filter(|hot| hot.told.may_be_asked()) else { return };
        if self.cooling.len() >= self.most {
            self.drop_coolest();
        }
        self.bytes += hot.fact.bytes().len();
        self.due.insert((until, *key));
        self.cooling.insert(*key, Cooling { hot, until });
    }

    /// Whether a fact can be sent to who asks for it.
    pub(super) fn holds(&self, key: &Short) -> bool {
        self.facts.contains_key(key) || self.cooling.contains_key(key)
    }

    /// A fact that was offered to this member, which has not asked for it yet.
    pub(super) fn offered(&self, key: &Short, to: &NodeId) -> Option<&Envelope> {
        let cooling = || self.cooling.get(key).map(|cooling| &cooling.hot);
        let hot = self.facts.get(key).or_else(cooling)?;
        hot.told.may_ask(to).then_some(&hot.fact)
    }

    /// A member was sent what it asked for.
    pub(super) fn served(&mut self, key: &Short, to: &NodeId) {
        if let Some(hot) = self.facts.get_mut(key) {
            hot.told.served(to);
        } else if let Some(cooling) = self.cooling.get_mut(key) {
            cooling.hot.told.served(to);
            if !cooling.hot.told.may_be_asked() {
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
        if let Some(Cooling { hot, until }) = self.cooling.remove(key) {
            self.bytes -= hot.fact.bytes().len();
            self.due.remove(&(until, *key));
        }
    }
}
