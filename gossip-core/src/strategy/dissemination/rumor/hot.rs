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
    /// Whether somebody needed it, or only asked, since our last round: how pulls are judged.
    pub(super) needed: bool,
    pub(super) asked: bool,
    /// Contacts since our last round in which the smaller counter was ours.
    pub(super) outlived: u32,
    pub(super) rounds: u32,
    pub(super) sent_to: BTreeSet<NodeId>,
    /// Its place in the order of arrival.
    arrival: u64,
}

/// All of them, bounded in number and bytes: the oldest makes room.
#[derive(Debug)]
pub(super) struct HotFacts {
    arrivals: u64,
    /// What all of them take.
    bytes: usize,
    /// What is told no more, until when it is sent to whom it was offered.
    cooling: BTreeMap<Short, (Envelope, Mono)>,
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
        self.end(&key);
        let bytes = fact.bytes().len();
        while (self.len() >= self.most || self.bytes + bytes > self.most_bytes)
            && let Some(oldest) = self.order.first_key_value().map(|(_, key)| *key)
        {
            self.end(&oldest);
        }
        let hot = Box::new(Hot {
            fact: fact.clone(),
            from,
            heat: Heat::default(),
            needed: false,
            asked: false,
            outlived: 0,
            rounds: 0,
            sent_to: BTreeSet::new(),
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
        if let Some(hot) = self.end(key)
            && self.cooling.len() < self.most
        {
            self.cooling.insert(*key, (hot.fact, until));
        }
    }

    /// A fact that somebody asks for.
    pub(super) fn asked(&self, key: &Short) -> Option<&Envelope> {
        let hot = self.facts.get(key).map(|hot| &hot.fact);
        hot.or_else(|| self.cooling.get(key).map(|(fact, _)| fact))
    }

    /// A newer fact took its place.
    pub(super) fn forget(&mut self, key: &Short) {
        self.end(key);
        self.cooling.remove(key);
    }

    pub(super) fn expire(&mut self, now: Mono) {
        self.cooling.retain(|_, (_, until)| *until > now);
    }
}
