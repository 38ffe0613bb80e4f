//! The holder's side: facts that others take in chunks, and what they ask for.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use crate::fact::{Envelope, Why};
use crate::id::{FactId, NodeId};
use crate::sketch::Symbol;
use crate::time::Mono;
use crate::wire::{AskChunks, CHUNK_BYTES, Chunk, MAX_CHUNKS};

/// Bytes of facts that are kept at hand, so that not each question costs a read of the store; one fact
/// may be larger (guess: what a few members take at a time).
const AT_HAND: usize = 4 * 1024 * 1024;

/// A fact is at hand for so long after somebody asked for it last (guess).
const KEPT: Duration = Duration::from_secs(5);

/// Most questions that wait for the store, and most of one member.
const WAITING: usize = 256;
const WAITING_OF_ONE: usize = 8;

/// Most chunks that one member is sent at one moment: two questions' worth, so that no frame full of
/// questions provokes a flood.
const AT_ONCE: usize = 2 * MAX_CHUNKS;

/// Facts at hand, the one that was asked for last at the end.
#[derive(Debug, Default)]
pub(super) struct Lending {
    bytes: usize,
    facts: VecDeque<(Envelope, Mono)>,
    /// How many chunks each member was sent at this moment.
    sent: BTreeMap<NodeId, usize>,
    sent_at: Mono,
    /// What was asked for while the store looks for the fact.
    waiting: BTreeMap<Symbol, Vec<(NodeId, AskChunks)>>,
    waiting_in_all: usize,
}

impl Lending {
    /// A fact will be asked for soon, or was just now.
    pub(super) fn keep(&mut self, now: Mono, fact: &Envelope) {
        self.forget(&fact.id());
        self.bytes += fact.bytes().len();
        self.facts.push_back((fact.clone(), now + KEPT));
        while self.bytes > AT_HAND && self.facts.len() > 1 {
            self.drop_first();
        }
    }

    /// A newer fact took its place.
    pub(super) fn forget(&mut self, id: &FactId) {
        self.bytes -= self.of(id).map_or(0, |fact| fact.bytes().len());
        self.facts.retain(|(fact, _)| fact.id() != *id);
    }

    /// Drops what nobody has asked for of late.
    pub(super) fn pass(&mut self, now: Mono) {
        while self.deadline().is_some_and(|due| due <= now) {
            self.drop_first();
        }
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        self.facts.front().map(|(_, until)| *until)
    }

    pub(super) const fn waiting(&self) -> usize {
        self.waiting_in_all
    }

    /// The fact that a member asks for, if it is at hand.
    pub(super) fn find(&self, asked: &AskChunks) -> Option<Envelope> {
        let facts = self.facts.iter().map(|(fact, _)| fact);
        pick(facts, asked).cloned()
    }

    /// A question waits for the store; whether that is to be asked.
    pub(super) fn wait(&mut self, from: NodeId, asked: AskChunks) -> Result<bool, Why> {
        let of_one = self.waiting.values().flatten().filter(|(asker, _)| *asker == from).count();
        if of_one >= WAITING_OF_ONE {
            return Err(Why::PeerQueueFull);
        }
        if self.waiting_in_all >= WAITING {
            return Err(Why::QueueFull);
        }
        let waiting = self.waiting.entry(asked.symbol).or_default();
        waiting.push((from, asked));
        self.waiting_in_all += 1;
        Ok(waiting.len() == 1)
    }

    /// The store has answered: who waits for it.
    pub(super) fn found(&mut self, symbol: &Symbol) -> Vec<(NodeId, AskChunks)> {
        let waiting = self.waiting.remove(symbol).unwrap_or_default();
        self.waiting_in_all -= waiting.len();
        waiting
    }

    /// The chunks of a fact that a member asks for, as many as it may have now.
    pub(super) fn chunks(
        &mut self,
        now: Mono,
        to: NodeId,
        fact: &Envelope,
        asked: &AskChunks,
    ) -> Result<Vec<Chunk>, Why> {
        if self.sent_at != now {
            (self.sent_at, self.sent) = (now, BTreeMap::new());
        }
        let sent = self.sent.entry(to).or_default();
        let room = AT_ONCE.saturating_sub(*sent);
        let places = asked.chunks.iter().take(room);
        let chunks: Option<Vec<_>> = places.map(|place| cut(fact, *place)).collect();
        *sent += asked.chunks.len().min(room);
        chunks.ok_or(Why::BadRecord)
    }

    fn of(&self, id: &FactId) -> Option<&Envelope> {
        self.facts.iter().map(|(fact, _)| fact).find(|fact| fact.id() == *id)
    }

    fn drop_first(&mut self) {
        self.bytes -= self.facts.pop_front().map_or(0, |(fact, _)| fact.bytes().len());
    }
}

/// Which of some facts a member asks for.
pub(super) fn pick<'a>(
    mut facts: impl Iterator<Item = &'a Envelope>,
    asked: &AskChunks,
) -> Option<&'a Envelope> {
    let is_meant = |fact: &&Envelope| {
        fact.bytes().len() == asked.bytes as usize && Symbol::of(fact) == asked.symbol
    };
    facts.find(is_meant)
}

/// What a member hears that asks for what is not held.
pub(super) const fn not_held(symbol: Symbol) -> Chunk {
    Chunk { symbol, place: 0, bytes: Bytes::new() }
}

/// A chunk of a fact, if it has that many.
fn cut(fact: &Envelope, place: u32) -> Option<Chunk> {
    let bytes = fact.bytes();
    let from = (place as usize).checked_mul(CHUNK_BYTES).filter(|from| *from < bytes.len())?;
    let bytes = bytes.slice(from..bytes.len().min(from + CHUNK_BYTES));
    Some(Chunk { symbol: Symbol::of(fact), place, bytes })
}
