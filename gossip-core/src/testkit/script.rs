//! Random ops that meet each other: few keys, few minutes, all around the horizon.

use std::sync::Arc;

use bytes::Bytes;

use super::facts::{Author, at_minute, domain, minute};
use super::model::Model;
use crate::fact::{Envelope, HORIZON, Verified};
use crate::id::{NodeId, ShardId, TopicId};
use crate::rng::Rng;
use crate::sketch::Symbol;
use crate::state::{Point, Set, Span};
use crate::store::{Ask, Describe, LeaseId, Merge, MetaName, StoreOp};
use crate::strategy::Retain;
use crate::time::{Epoch, Hlc};

/// Minutes in which a script's facts are dated.
const MINUTES: u64 = 12;

/// More than any rule retains for a key.
const AUTHORS: u64 = 20;

/// Makes ops out of dice.
#[derive(Debug)]
pub struct Script {
    authors: Vec<Author>,
    retain: Arc<dyn Retain>,
}

impl Script {
    /// A script under a retain rule.
    #[must_use]
    pub fn new(retain: Arc<dyn Retain>) -> Self {
        let author =
            |number| Author::simulated(number / 2, &domain()).in_topic(TopicId((number % 2) as u8));
        Self { authors: (0..AUTHORS * 2).map(author).collect(), retain }
    }

    /// The shards that it touches.
    #[must_use]
    pub fn shards(&self) -> [ShardId; 2] {
        let channel = domain().channel();
        [0, 1].map(|topic| ShardId { channel, topic: TopicId(topic) })
    }

    /// The op of one die, in a state that the model knows.
    #[must_use]
    pub fn op(&self, die: u64, model: &Model) -> StoreOp {
        let rng = &mut Rng::from_number(die);
        let author = self.author(rng);
        let shard = author.shard();
        match rng.below(16) {
            0..=5 => self.merge(rng, author),
            6 => StoreOp::Sift {
                shard,
                retain: Arc::clone(&self.retain),
                facts: self.facts(rng, author).into_iter().map(Verified::into_inner).collect(),
            },
            7 | 8 => {
                let epoch = epoch(rng);
                let floor = Epoch::from_number(epoch.number().saturating_sub(rng.below(6) as u32));
                StoreOp::Sweep { shard, wall: minute(rng.below(2 * MINUTES)), epoch, floor }
            }
            9 | 10 => self.describe(rng, shard, model),
            11 if rng.below(2) == 0 => StoreOp::Total { shard, set: set(rng) },
            11 => {
                let (from, count) = (rng.below(100) as usize, rng.below(100) as usize);
                let key = rng.below(2) * rng.next_u64();
                StoreOp::Sketch { shard, epoch: epoch(rng), cells: from..from + count, key }
            }
            12 => scan(rng, shard, model),
            13 => StoreOp::Get { shard, key: key(rng) },
            14 if rng.below(2) == 0 => fetch(rng, shard, model),
            14 => take(rng, shard, model),
            _ => rare(rng, shard, model),
        }
    }

    fn author(&self, rng: &mut Rng) -> &Author {
        let at = rng.below(self.authors.len() as u64) as usize;
        self.authors.get(at).expect("there are authors")
    }

    fn merge(&self, rng: &mut Rng, author: &Author) -> StoreOp {
        let epoch = epoch(rng);
        let floor = Epoch::from_number(epoch.number().saturating_sub(rng.below(8) as u32));
        StoreOp::Merge(Merge {
            shard: author.shard(),
            retain: Arc::clone(&self.retain),
            facts: self.facts(rng, author),
            epoch,
            floor,
        })
    }

    /// Some facts in the author's topic, by that author and others.
    fn facts(&self, rng: &mut Rng, author: &Author) -> Vec<Verified<Envelope>> {
        let topic = author.shard().topic;
        let mut facts = Vec::new();
        for _ in 0..=rng.below(8) {
            let author = self.author(rng);
            if author.shard().topic == topic {
                facts.push(fact(rng, author));
            }
        }
        facts
    }

    fn describe(&self, rng: &mut Rng, shard: ShardId, model: &Model) -> StoreOp {
        let set = set(rng);
        let asks = (0..rng.below(4)).map(|_| {
            let span = span(rng);
            let unless = match rng.below(4) {
                0 => Some(model.sum(shard, set, &span).fingerprint()),
                1 => Some(rng.bytes()),
                _ => None,
            };
            Ask { span, unless, leaf: rng.below(6) as usize, ways: 2 + rng.below(4) as usize }
        });
        let asks = asks.collect();
        StoreOp::Describe(Describe { shard, set, retain: Arc::clone(&self.retain), asks })
    }
}

fn fact(rng: &mut Rng, author: &Author) -> Verified<Envelope> {
    let key = key(rng);
    // Versions collide now and then.
    let hlc = Hlc::from_bits(at_minute(rng.below(MINUTES)).bits() + rng.below(2));
    match rng.below(3) {
        0 => author.put(key, rng.bytes::<2>(), hlc),
        1 => author.expiring(key, "for a while", hlc, minute(1 + rng.below(2 * MINUTES))),
        _ => author.delete(key, hlc),
    }
}

fn key(rng: &mut Rng) -> Bytes {
    let keys: [&'static [u8]; 6] =
        [b"", b"a", b"a\0", b"long key 1", b"long key 2", b"long key 2 and more"];
    let key = keys.get(rng.below(keys.len() as u64) as usize).copied();
    Bytes::from_static(key.unwrap_or_default())
}

/// An epoch around those in which a script's facts leave.
fn epoch(rng: &mut Rng) -> Epoch {
    let horizon = HORIZON.as_secs() / 60;
    Epoch::from_number((horizon + rng.below(2 * MINUTES + 3)) as u32)
}

fn set(rng: &mut Rng) -> Set {
    match rng.below(8) {
        0..=3 => Set::Active(epoch(rng)),
        4 => Set::Active(Epoch::ZERO),
        5 => Set::Active(Epoch::NEVER),
        6 => Set::Dormant { from: epoch(rng), upto: Epoch::NEVER },
        _ => Set::Dormant { from: epoch(rng), upto: epoch(rng) },
    }
}

fn span(rng: &mut Rng) -> Span {
    if rng.below(3) == 0 {
        return Span::ALL;
    }
    let mut point = || Point { hlc: at_minute(rng.below(MINUTES + 1)), id: rng.bytes() };
    Span { from: point(), upto: point() }
}

fn scan(rng: &mut Rng, shard: ShardId, model: &Model) -> StoreOp {
    let prefixes: [&'static [u8]; 5] = [b"", b"a", b"long key", b"long key 2", b"zzz"];
    let prefix = prefixes.get(rng.below(prefixes.len() as u64) as usize).copied();
    let after = (rng.below(2) == 0).then(|| key(rng));
    let prefix = Bytes::from_static(prefix.unwrap_or_default());
    let lease = any_lease(rng, model).filter(|_| rng.below(2) == 0);
    let (limit, bytes) = (rng.below(8) as usize, rng.below(4_000) as usize);
    StoreOp::Scan { shard, prefix, after, limit, bytes, lease }
}

/// A lease that has not ended.
fn any_lease(rng: &mut Rng, model: &Model) -> Option<LeaseId> {
    let leases: Vec<_> = model.leases().collect();
    leases.get(rng.below(leases.len().max(1) as u64) as usize).copied()
}

/// Symbols of held facts, and others beside them.
fn fetch(rng: &mut Rng, shard: ShardId, model: &Model) -> StoreOp {
    let held = model.facts(shard);
    let mut symbols: Vec<_> = held.iter().map(Symbol::of).filter(|_| rng.below(2) == 0).collect();
    symbols.extend((0..3).map(|minute| Symbol { hlc: at_minute(minute).bits(), id: minute }));
    StoreOp::Fetch { shard, symbols, bytes: rng.below(2_000) as usize }
}

/// A stretch between held facts, or of everything.
fn take(rng: &mut Rng, shard: ShardId, model: &Model) -> StoreOp {
    let held = model.facts(shard);
    let point = |rng: &mut Rng, otherwise| {
        let at = rng.below(held.len() as u64 + 1) as usize;
        held.get(at).map_or(otherwise, Point::of)
    };
    let span = Span { from: point(rng, Point::MIN), upto: point(rng, Point::END) };
    StoreOp::Take { shard, set: set(rng), span, bytes: rng.below(4_000) as usize }
}

fn rare(rng: &mut Rng, shard: ShardId, model: &Model) -> StoreOp {
    let name = match rng.below(3) {
        0 => MetaName::Floor(shard),
        1 => MetaName::Incarnation,
        _ => MetaName::Member(NodeId::from_bytes([rng.below(3) as u8; 32])),
    };
    let value = (rng.below(3) > 0).then(|| Bytes::copy_from_slice(&rng.bytes::<4>()));
    match rng.below(12) {
        0 => StoreOp::Wipe { shard, commit: (model.commit() + rng.below(3)).saturating_sub(1) },
        1 | 2 => StoreOp::Sync { commit: model.commit() },
        3..=5 => StoreOp::Lease,
        6 => match any_lease(rng, model) {
            None => StoreOp::Lease,
            Some(lease) => StoreOp::Release(lease),
        },
        _ => StoreOp::Remember { name, value },
    }
}
