//! Facts that no datagram carries, to and from members that only datagrams reach: told of in a
//! notice, and taken in chunks, at the pace of whoever takes them.
//!
//! The holder remembers nothing but facts at hand; the receiver keeps a table. What is whole enters
//! the pipeline as if it had come in one piece.

mod fetching;
mod lending;
mod pull;

use bytes::Bytes;

use self::fetching::{Come, Fetching};
use self::lending::Lending;
use super::env::Env;
use super::pipeline::Incoming;
use super::{Channel, Pending};
use crate::fact::{Envelope, Why};
use crate::id::{FactId, NodeId};
use crate::sketch::Symbol;
use crate::status::Status;
use crate::store::{StoreOp, StoreReply};
use crate::time::{Mono, earliest};
use crate::transport::Class;
use crate::wire::{AskChunks, Chunk, Large, MAX_CHUNKS, Parcel, Talk};

/// Both sides of a channel's large facts. Most channels have none, and no table either.
#[derive(Debug, Default)]
pub(super) struct LargeFacts(Option<Box<Tables>>);

#[derive(Debug, Default)]
struct Tables {
    fetching: Fetching,
    lending: Lending,
}

impl LargeFacts {
    /// Whether a fact whose id begins with these bytes is on its way.
    pub(super) fn names(&self, key: &[u8; 8]) -> bool {
        self.0.as_ref().is_some_and(|tables| tables.fetching.names(key))
    }

    /// What makes repair pause.
    pub(super) fn backlog(&self) -> usize {
        self.0.as_ref().map_or(0, |tables| tables.fetching.backlog())
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        let tables = self.0.as_ref()?;
        earliest([tables.fetching.deadline(), tables.lending.deadline()])
    }

    /// A fact was merged, perhaps in place of others.
    pub(super) fn inserted(&mut self, fact: &Envelope, displaced: &[FactId]) {
        if let Some(Tables { fetching, lending }) = self.0.as_deref_mut() {
            fetching.forget(&Symbol::of(fact));
            displaced.iter().for_each(|id| lending.forget(id));
        }
    }

    /// A member is gone.
    pub(super) fn gone(&mut self, member: NodeId) {
        if let Some(tables) = &mut self.0 {
            tables.fetching.gone(member);
        }
    }

    /// Everything is forgotten here.
    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    pub(super) fn describe(&self, status: &mut Status) {
        let counts = self.0.as_ref().map_or((0, 0, 0), |tables| {
            let Tables { fetching, lending } = &**tables;
            (fetching.len(), fetching.held(), lending.waiting())
        });
        for (name, count) in [
            ("large-facts", counts.0),
            ("large-facts-bytes", counts.1),
            ("large-facts-asked", counts.2),
        ] {
            *status.queues.entry(name).or_default() += count;
        }
    }

    fn tables(&mut self) -> &mut Tables {
        self.0.get_or_insert_default()
    }
}

impl Channel {
    /// Sends a fact, or a notice of it where it can only go in chunks.
    pub(super) fn give(
        &mut self,
        env: &mut Env<'_>,
        to: NodeId,
        class: Class,
        fact: &Envelope,
        feedback: bool,
    ) {
        let bytes = fact.bytes().len();
        if bytes <= env.datagram_fact_bytes || (env.streams)(&to) {
            return env.send_fact(self.id(), to, class, fact, feedback);
        }
        self.large.tables().lending.keep(env.now.mono, fact);
        let large = Large { symbol: Symbol::of(fact), bytes: bytes as u32, feedback };
        env.send(self.id(), to, class, Parcel::Talk(Talk::Large(large)));
    }

    /// A member has a large fact for us.
    pub(super) fn on_large(&mut self, env: &mut Env<'_>, from: NodeId, large: Large) {
        let Large { symbol, bytes, feedback } = large;
        if self.is_stale(env, from) {
            return env.reject(Some(from), Why::StaleMember);
        }
        if self.is_view() || bytes as usize > env.fact_bytes {
            return env.reject(Some(from), Why::TooLarge);
        }
        if bytes == 0 {
            return env.reject(Some(from), Why::BadRecord);
        }
        // Whoever asked for it need not ask again.
        self.slots.reconcile.brought(env.now.mono, from);
        // What cannot be kept is not taken.
        if self.is_frozen(env) {
            return;
        }
        let (_, key) = symbol.parts();
        let is_known = self.recent.names(&key);
        let is_here = self.pipeline.names(&key) || self.parking.names(&key);
        if !is_known
            && !is_here
            && let Err(why) = self.large.tables().fetching.notice(from, &large)
        {
            return env.reject(Some(from), why);
        }
        if feedback {
            // "Knew it" means merged: what is on its way is news still.
            env.feedback(self.id(), from, FactId::beginning_with(&key), !is_known);
        }
        self.fetch_more(env);
    }

    /// Our store was asked whether it holds a large fact.
    pub(super) fn looked(&mut self, env: &mut Env<'_>, symbol: Symbol, reply: Option<StoreReply>) {
        let tables = self.large.tables();
        match reply {
            Some(StoreReply::Facts(held)) if held.is_empty() => {
                if let Some(holder) = tables.fetching.begin(env.now.mono, &symbol) {
                    self.ask_chunks(env, holder);
                }
            }
            Some(StoreReply::Facts(held)) => {
                tables.fetching.forget(&symbol);
                held.iter().for_each(|fact| self.recent.insert(fact.id()));
            }
            // The store failed: what it lacks, repair finds once it answers again.
            _ => tables.fetching.forget(&symbol),
        }
        self.fetch_more(env);
    }

    /// A chunk of a large fact came.
    pub(super) fn on_chunk(&mut self, env: &mut Env<'_>, from: NodeId, chunk: &Chunk) {
        let (now, symbol) = (env.now.mono, chunk.symbol);
        match self.large.tables().fetching.come(now, &from, chunk) {
            Ok(Come::Part) => return self.ask_chunks(env, from),
            Ok(Come::Gone) => self.large.tables().fetching.failed(&symbol),
            Ok(Come::Whole(bytes)) => self.whole(env, from, &symbol, bytes),
            Err(why) => return env.reject(Some(from), why),
        }
        self.fetch_more(env);
    }

    /// A member asks for chunks.
    pub(super) fn on_ask_chunks(&mut self, env: &mut Env<'_>, from: NodeId, asked: AskChunks) {
        if self.is_view() || asked.chunks.len() > MAX_CHUNKS {
            return env.reject(Some(from), Why::TooLarge);
        }
        let lending = &mut self.large.tables().lending;
        if let Some(fact) = lending.find(&asked) {
            return self.lend(env, from, &fact, &asked);
        }
        let symbol = asked.symbol;
        match lending.wait(from, asked) {
            Ok(true) => self.look(env, symbol, Pending::Lend { symbol }),
            Ok(false) => {}
            Err(why) => env.reject(Some(from), why),
        }
    }

    /// Our store was asked for a fact of which others want chunks.
    pub(super) fn found(&mut self, env: &mut Env<'_>, symbol: Symbol, reply: Option<StoreReply>) {
        let waiting = self.large.tables().lending.found(&symbol);
        // A failed store says nothing: they ask again, or somebody else.
        let Some(StoreReply::Facts(facts)) = reply else { return };
        for (to, asked) in waiting {
            if let Some(fact) = lending::pick(facts.iter(), &asked) {
                self.lend(env, to, fact, &asked);
            } else {
                let chunk = Talk::Chunk(lending::not_held(symbol));
                env.send(self.id(), to, Class::Bulk, Parcel::Talk(chunk));
            }
        }
    }

    /// A fact of a member was found false: if it is one that others have too, it is taken from them.
    pub(super) fn was_false(&mut self, env: &mut Env<'_>, fact: &Envelope) {
        if let Some(tables) = &mut self.large.0 {
            tables.fetching.failed(&Symbol::of(fact));
            self.fetch_more(env);
        }
    }

    /// Time passed.
    pub(super) fn wake_large(&mut self, env: &mut Env<'_>) {
        let now = env.now.mono;
        if self.large.deadline().is_none_or(|due| due > now) {
            return;
        }
        let Tables { fetching, lending } = self.large.tables();
        lending.pass(now);
        fetching.pass(now).iter().for_each(|symbol| fetching.failed(symbol));
        for holder in fetching.holders() {
            self.ask_chunks(env, holder);
        }
        self.fetch_more(env);
    }

    /// Begins with as many facts as may be on their way.
    fn fetch_more(&mut self, env: &mut Env<'_>) {
        while let Some(symbol) = self.large.tables().fetching.next() {
            self.look(env, symbol, Pending::Look { symbol });
        }
    }

    fn look(&mut self, env: &mut Env<'_>, symbol: Symbol, pending: Pending) {
        let op = StoreOp::Fetch { shard: self.shard, symbols: vec![symbol], bytes: 0 };
        self.ask(env, pending, op);
    }

    fn ask_chunks(&mut self, env: &mut Env<'_>, holder: NodeId) {
        if let Some(asked) = self.large.tables().fetching.ask(env.now.mono, &holder) {
            env.send(self.id(), holder, Class::Gossip, Parcel::Talk(Talk::AskChunks(asked)));
        }
    }

    fn whole(&mut self, env: &mut Env<'_>, from: NodeId, symbol: &Symbol, bytes: Bytes) {
        let fact =
            if self.is_stale(env, from) { Err(Why::StaleMember) } else { self.decode(env, bytes) };
        let is_meant = |fact: &Envelope| Symbol::of(fact) == *symbol;
        match fact.and_then(|fact| if is_meant(&fact) { Ok(fact) } else { Err(Why::BadFact) }) {
            Ok(fact) => {
                self.large.tables().fetching.taken(symbol);
                self.admit(env, Incoming { fact, from, feedback: false });
                self.pump(env);
            }
            Err(why) => {
                self.large.tables().fetching.failed(symbol);
                env.reject(Some(from), why);
            }
        }
    }

    fn lend(&mut self, env: &mut Env<'_>, to: NodeId, fact: &Envelope, asked: &AskChunks) {
        let (now, channel) = (env.now.mono, self.id());
        let lending = &mut self.large.tables().lending;
        lending.keep(now, fact);
        env.status.facts_sent += u64::from(asked.chunks.contains(&0));
        match lending.chunks(now, to, fact, asked) {
            Ok(chunks) => chunks.into_iter().for_each(|chunk| {
                env.send(channel, to, Class::Bulk, Parcel::Talk(Talk::Chunk(chunk)));
            }),
            Err(why) => env.reject(Some(to), why),
        }
    }
}
