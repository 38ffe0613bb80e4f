//! What the benchmarks share: entries of the reference size, and a store that holds many of them.

pub mod bare;
pub mod cells;
pub mod cost;
pub mod digests;
mod mesh;
pub mod sets;
pub mod table;
pub mod waiting;
pub mod wrong_key;

use std::sync::Arc;

use ed25519_zebra::{Signature, VerificationKeyBytes};
use gossip_core::fact::{Domain, Envelope, MAX_BATCH, Verified};
use gossip_core::id::{ShardId, TopicId};
use gossip_core::state::Set;
use gossip_core::store::MemoryState;
use gossip_core::store::{Merge, StoreOp, StoreReply};
use gossip_core::strategy::retain::LastWrite;
use gossip_core::testkit::facts::{self, Author};
use gossip_core::time::{Epoch, Hlc};

pub use self::mesh::{Handled, Mesh};

/// Bytes of an entry's key.
pub const KEY_BYTES: usize = 32;

/// Bytes of an entry's value.
pub const VALUE_BYTES: usize = 200;

/// Facts of a large store.
pub const MANY: u64 = 1_000_000;

/// Facts of one merge: as many as one verification takes.
pub const BATCH: u64 = MAX_BATCH as u64;

/// When entries were written, as seen by a store of [`filled`] entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "benchmarks name both")]
pub enum Dates {
    /// Anywhere between those that are there, as after a partition.
    Between,
    /// After all of them, as in daily life.
    Newest,
}

/// The shard of all entries.
#[must_use]
pub fn shard() -> ShardId {
    ShardId { channel: facts::domain().channel(), topic: TopicId::default() }
}

/// The entry with this number; a larger one is dated later.
#[must_use]
pub fn entry(author: &Author, number: u64) -> Verified<Envelope> {
    dated(author, number, 2 * number)
}

/// The entry with this number, written again: a larger version is dated later.
#[must_use]
pub fn rewritten(author: &Author, number: u64, version: u64) -> Verified<Envelope> {
    dated(author, number, 2 * (number + version * MANY))
}

/// So many new entries for a store of [`MANY`]: `batch` tells apart what one store gets, and
/// `author` makes the author of each.
#[must_use]
pub fn batch(
    count: u64,
    batch: u64,
    dates: Dates,
    author: impl Fn(u64, &Domain) -> Author,
) -> Vec<Verified<Envelope>> {
    let domain = facts::domain();
    let one = |at: u64| {
        let number = MANY + batch * count + at;
        let date = match dates {
            Dates::Between => 2 * shuffled(number % MANY) + 1,
            Dates::Newest => 2 * number,
        };
        dated(&author(number, &domain), number, date)
    };
    (0..count).map(one).collect()
}

/// A store of so many entries, which came in no order. At most [`MANY`].
///
/// # Panics
/// If the store refuses one.
#[must_use]
pub fn filled(count: u64) -> MemoryState {
    let author = Author::simulated(0, &facts::domain());
    let mut state = MemoryState::new();
    let numbers: Vec<_> = (0..MANY).map(shuffled).filter(|number| *number < count).collect();
    for numbers in numbers.chunks(MAX_BATCH) {
        let facts = numbers.iter().map(|number| entry(&author, *number)).collect();
        merge(&mut state, facts);
    }
    state
}

/// Merges facts as a node does.
///
/// # Panics
/// If the store refuses.
pub fn merge(state: &mut MemoryState, facts: Vec<Verified<Envelope>>) -> StoreReply {
    let retain = Arc::new(LastWrite::default());
    let merge = Merge { shard: shard(), retain, facts, epoch: Epoch::ZERO, floor: Epoch::ZERO };
    state.apply(StoreOp::Merge(merge)).expect("entries of this shard are merged")
}

/// How many facts of the shard a store holds.
///
/// # Panics
/// If the store refuses to tell.
pub fn held(state: &mut MemoryState) -> u64 {
    match state.apply(StoreOp::Total { shard: shard(), set: Set::Active(Epoch::ZERO) }) {
        Ok(StoreReply::Totals(totals)) => totals.sum.count(),
        other => panic!("not totals: {other:?}"),
    }
}

/// A signature with its key and message, as the library takes them.
pub type Claim = (VerificationKeyBytes, Signature, Vec<u8>);

/// What a fact's author claims.
#[must_use]
pub fn claim(fact: &Envelope) -> Claim {
    let mut message = Vec::new();
    facts::domain().signed_bytes(fact.kind(), fact.header_bytes(), &mut message);
    ((*fact.author().as_bytes()).into(), (*fact.signature().as_bytes()).into(), message)
}

/// A permutation of `0..MANY`: its factor has no divisor in common with a power of ten.
const fn shuffled(number: u64) -> u64 {
    number * 367_649 % MANY
}

fn dated(author: &Author, number: u64, date: u64) -> Verified<Envelope> {
    // Uniform keys and values of no structure, each a function of the number.
    let mut bytes = [0; KEY_BYTES + VALUE_BYTES];
    let mut rng = gossip_core::rng::Rng::from_number(number);
    bytes.chunks_exact_mut(8).for_each(|eight| eight.copy_from_slice(&rng.bytes::<8>()));
    let (key, value) = bytes.split_at(KEY_BYTES);
    let start = facts::at_minute(1).bits();
    author.put(key, value, Hlc::from_bits(start + date))
}
