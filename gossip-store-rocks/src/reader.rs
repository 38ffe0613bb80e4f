//! The reading thread: it answers from views that were fixed when an op had its turn, while the
//! writing thread goes on.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use bytes::Bytes;
use gossip_core::fact::Envelope;
use gossip_core::id::ShardId;
use gossip_core::state::Point;
use gossip_core::store::catalogue::Entry;
use gossip_core::store::decision::{Decision, decide};
use gossip_core::store::room::Room;
use gossip_core::store::{Description, Sifted, StoreError, StoreReply, TAKE_LIMIT};
use gossip_core::strategy::Retain;
use gossip_core::time::Epoch;

use crate::error::Damage;
use crate::health::Health;
use crate::keys;
use crate::request::Reply;
use crate::rows::Held;
use crate::view::View;

/// A read that has had its turn.
pub(crate) struct Read<'db> {
    pub(crate) question: Question,
    pub(crate) reply: Reply,
    pub(crate) view: View<'db>,
}

/// What is left to be read.
pub(crate) enum Question {
    /// Complete these descriptions: the listed items are those of the entries, in order.
    Describe {
        descriptions: Vec<Description>,
        listed: Vec<Entry>,
        retain: Arc<dyn Retain>,
        shard: ShardId,
    },
    Fetch {
        bytes: usize,
        entries: Vec<Entry>,
        shard: ShardId,
    },
    Get {
        key: Bytes,
        shard: ShardId,
    },
    Scan {
        after: Option<Bytes>,
        bytes: usize,
        limit: usize,
        prefix: Bytes,
        shard: ShardId,
    },
    Sift {
        epoch: Epoch,
        facts: Vec<Sifting>,
        retain: Arc<dyn Retain>,
        shard: ShardId,
    },
    /// The first facts of a stretch that holds so many and ends there.
    Take {
        bytes: usize,
        count: u64,
        entries: Vec<Entry>,
        shard: ShardId,
        upto: Point,
    },
}

/// A fact on its way through a sift.
pub(crate) enum Sifting {
    /// Memory has told.
    Done(Sifted),
    /// Its key is to be looked up.
    Open(Envelope),
}

/// Reads until nobody asks any more. A row that cannot be read fails the one who asked for it; a
/// panic, of a retain rule for one, poisons the store, and reading goes on.
pub(crate) fn work(reads: &Receiver<Read<'_>>, health: &Health) {
    while let Ok(Read { question, reply, view }) = reads.recv() {
        // A question leaves nothing behind but its answer.
        let answer = panic::catch_unwind(AssertUnwindSafe(|| answer(&view, question)));
        let answer = match answer {
            Ok(answer) => answer.map_err(|damage| {
                tracing::error!(%damage, "the store cannot be read");
                StoreError::Unreadable { reason: damage.to_string() }
            }),
            Err(_) => Err(health.poison("a read has panicked")),
        };
        // Whoever does not wait any more needs no answer.
        let _ = reply.send(answer);
    }
}

fn answer(view: &View<'_>, question: Question) -> Result<StoreReply, Damage> {
    Ok(match question {
        Question::Describe { descriptions, listed, retain, shard } => {
            StoreReply::Described(describe(view, descriptions, &listed, &*retain, shard)?)
        }
        Question::Fetch { bytes, entries, shard } => {
            let held = entries.iter().map(|entry| view.find(shard, entry));
            StoreReply::Facts(gather(view, shard, held, Room::new(usize::MAX, bytes))?)
        }
        Question::Get { key, shard } => {
            let mut row = Vec::new();
            keys::head(shard, &key, &mut row);
            let held = view.head(&row)?;
            let facts = held.iter().map(|held| view.whole(shard, held));
            StoreReply::Facts(facts.collect::<Result<_, _>>()?)
        }
        Question::Scan { after, bytes, limit, prefix, shard } => {
            StoreReply::Facts(view.scan(shard, &prefix, after.as_deref(), limit, bytes)?)
        }
        Question::Sift { epoch, facts, retain, shard } => {
            let sifted = facts.into_iter().map(|fact| match fact {
                Sifting::Done(sifted) => Ok(sifted),
                Sifting::Open(fact) => sift(view, &*retain, &fact, epoch, shard),
            });
            StoreReply::Sifted(sifted.collect::<Result<_, _>>()?)
        }
        Question::Take { bytes, count, entries, shard, upto } => {
            let held = stretch(view, shard, &entries);
            let facts = gather(view, shard, held, Room::new(TAKE_LIMIT, bytes))?;
            let upto = entries.get(facts.len()).map_or(upto, Entry::point);
            let left = count - facts.len() as u64;
            StoreReply::Taken { facts, upto, left }
        }
    })
}

/// Whole facts, as many as there is room for.
fn gather(
    view: &View<'_>,
    shard: ShardId,
    all: impl Iterator<Item = Result<Held, Damage>>,
    mut room: Room,
) -> Result<Vec<Envelope>, Damage> {
    let mut facts = Vec::new();
    for held in all {
        let fact = view.whole(shard, &held?)?;
        if !room.take(1, fact.bytes().len()) {
            break;
        }
        facts.push(fact);
    }
    Ok(facts)
}

/// Facts that follow one another in time: what names them is read in one go, and their heads together.
fn stretch(
    view: &View<'_>,
    shard: ShardId,
    entries: &[Entry],
) -> impl Iterator<Item = Result<Held, Damage>> {
    let mut names = view.names(shard);
    entries.chunks(TOGETHER).flat_map(move |entries| match view.found(shard, entries, &mut names) {
        Ok(held) => held.into_iter().map(Ok).collect(),
        Err(damage) => vec![Err(damage)],
    })
}

/// Heads that are looked up together (guess: what is read in vain at the end of an answer is little).
const TOGETHER: usize = 64;

fn describe(
    view: &View<'_>,
    mut descriptions: Vec<Description>,
    listed: &[Entry],
    retain: &dyn Retain,
    shard: ShardId,
) -> Result<Vec<Description>, Damage> {
    let items = descriptions.iter_mut().filter_map(|description| match description {
        Description::Items(items) => Some(items),
        Description::Parts(_) | Description::Same => None,
    });
    for (item, entry) in items.flatten().zip(listed) {
        item.rival = retain.rival(&view.find(shard, entry)?.fact);
    }
    Ok(descriptions)
}

fn sift(
    view: &View<'_>,
    retain: &dyn Retain,
    fact: &Envelope,
    epoch: Epoch,
    shard: ShardId,
) -> Result<Sifted, Damage> {
    let mut row = Vec::new();
    keys::head(shard, fact.key(), &mut row);
    let held = view.head(&row)?;
    Ok(match decide(retain, fact, held.iter().map(|held| &held.fact), epoch) {
        Decision::Known => Sifted::Known,
        Decision::Keep(_) | Decision::New => Sifted::Candidate,
        Decision::Obsolete(by) => {
            let by = by.and_then(|at| held.get(at)).map(|by| view.whole(shard, by));
            Sifted::Obsolete(by.transpose()?)
        }
    })
}
