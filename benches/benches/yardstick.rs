//! The ratios that the hot path is held to, each measured side by side in one process.
//!
//! One row compares two pieces of work on the same input, taken in turns: what else the machine
//! does falls on both. For steady numbers, keep the process on one core: `taskset -c 1 cargo
//! xtask bench yardstick`.
#![expect(clippy::print_stdout, reason = "its table is what it is for")]

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use ed25519_zebra::batch;
use gossip_benches::{BATCH, Dates, MANY, filled, merge};
use gossip_core::fact::{Envelope, Job, Verdict, Verified, Verifier};
use gossip_core::state::MemoryState;
use gossip_core::testkit::facts::{self, Author};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng as _;

/// How many batches a row measures.
const ROUNDS: u64 = 32;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut filters = arguments.iter().filter(|argument| !argument.starts_with('-')).peekable();
    if filters.peek().is_some() && !filters.any(|filter| "yardstick".contains(filter.as_str())) {
        return;
    }
    // Compiled as a test, it only shows that it works.
    let (held, rounds) = if arguments.iter().any(|argument| argument == "--bench") {
        (MANY, ROUNDS)
    } else {
        (BATCH, 1)
    };
    let mut state = filled(held);
    let mut rows = Vec::new();
    for (dates, numbers) in [(Dates::Newest, 0), (Dates::Between, 1)] {
        rows.push(signed(&mut state, dates, rounds, numbers * rounds));
    }
    for (dates, numbers) in [(Dates::Newest, 2), (Dates::Between, 3)] {
        rows.push(verified(&mut state, held, dates, rounds, numbers * rounds));
    }
    report(&rows);
}

/// Signed entries of distinct authors, from the bytes of their records into the store, against
/// checking nothing but the same signatures.
fn signed(state: &mut MemoryState, dates: Dates, rounds: u64, first: u64) -> Row {
    let domain = facts::domain();
    let mut pairs = Vec::new();
    for number in first..first + rounds {
        let facts = gossip_benches::batch(BATCH, number, dates, Author::signing);
        let records: Vec<_> = facts.iter().map(|fact| fact.bytes().clone()).collect();
        let claims: Vec<_> = facts.iter().map(|fact| claim(fact)).collect();
        let ours = || {
            let decode = |record| Envelope::decode(record, &domain).expect("a true fact decodes");
            let job = Job::new(domain.clone(), records.into_iter().map(decode).collect());
            let facts = job.run(&Verifier::new()).into_iter().map(good).collect();
            merge(state, facts)
        };
        let bare = || {
            let mut verifier = batch::Verifier::new();
            claims.iter().for_each(|(key, signature, message)| {
                verifier.queue((*key, *signature, message));
            });
            verifier.verify(ChaCha8Rng::from_seed([7; 32])).expect("all signatures are true");
        };
        pairs.push(in_turns(number, ours, bare));
    }
    Row {
        name: "signed entries merged, against bare batch verification",
        dates,
        // A rate against a rate: the bare time over ours.
        ratios: pairs.iter().map(|(ours, bare)| bare / ours).collect(),
        nanos: per_entry(&pairs),
        target: Target::AtLeast(0.85),
    }
}

/// Verified entries into the store, against hashing each and one insert into a hash map that
/// holds as many.
fn verified(state: &mut MemoryState, held: u64, dates: Dates, rounds: u64, first: u64) -> Row {
    let mut map: HashMap<[u8; 32], Bytes> = HashMap::with_capacity(2 * held as usize);
    map.extend(
        (0..held).map(|number| (*blake3::hash(&number.to_le_bytes()).as_bytes(), Bytes::new())),
    );
    let mut pairs = Vec::new();
    for number in first..first + rounds {
        let facts = gossip_benches::batch(BATCH, number, dates, Author::simulated);
        let entries: Vec<([u8; 32], Bytes)> = facts
            .iter()
            .map(|fact| (fact.key().try_into().expect("keys have 32 bytes"), fact.bytes().clone()))
            .collect();
        let ours = || merge(state, facts);
        let bare = || {
            for (key, bytes) in entries {
                black_box(blake3::hash(&bytes));
                map.insert(key, bytes);
            }
        };
        pairs.push(in_turns(number, ours, bare));
    }
    Row {
        name: "verified entries merged, against blake3 and a hash-map insert",
        dates,
        ratios: pairs.iter().map(|(ours, bare)| ours / bare).collect(),
        nanos: per_entry(&pairs),
        target: Target::AtMost(4.0),
    }
}

/// What one comparison found.
struct Row {
    name: &'static str,
    dates: Dates,
    ratios: Vec<f64>,
    /// Medians per entry: ours, and what it is compared with.
    nanos: (f64, f64),
    target: Target,
}

#[derive(Clone, Copy)]
enum Target {
    AtLeast(f64),
    AtMost(f64),
}

/// Seconds that each of two pieces of work takes; they take turns in going first.
fn in_turns<A, B>(turn: u64, ours: impl FnOnce() -> A, bare: impl FnOnce() -> B) -> (f64, f64) {
    if turn.is_multiple_of(2) {
        let ours = seconds(ours);
        (ours, seconds(bare))
    } else {
        let bare = seconds(bare);
        (seconds(ours), bare)
    }
}

fn seconds<A>(work: impl FnOnce() -> A) -> f64 {
    let begun = Instant::now();
    black_box(work());
    begun.elapsed().as_secs_f64()
}

fn per_entry(pairs: &[(f64, f64)]) -> (f64, f64) {
    let nanos = |seconds: Vec<f64>| quartiles(&seconds)[1] * 1e9 / BATCH as f64;
    (
        nanos(pairs.iter().map(|pair| pair.0).collect()),
        nanos(pairs.iter().map(|pair| pair.1).collect()),
    )
}

/// The lower quartile, the median and the upper quartile.
fn quartiles(values: &[f64]) -> [f64; 3] {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    [1, 2, 3].map(|quarter| sorted.get(last * quarter / 4).copied().unwrap_or(f64::NAN))
}

type Claim = (ed25519_zebra::VerificationKeyBytes, ed25519_zebra::Signature, Vec<u8>);

fn claim(fact: &Envelope) -> Claim {
    let mut message = Vec::new();
    facts::domain().signed_bytes(fact.kind(), fact.header_bytes(), &mut message);
    ((*fact.author().as_bytes()).into(), (*fact.signature().as_bytes()).into(), message)
}

fn good(verdict: Verdict) -> Verified<Envelope> {
    match verdict {
        Verdict::Good(fact) => fact,
        Verdict::Bad(fact, why) => panic!("{fact:?}: {why}"),
    }
}

fn report(rows: &[Row]) {
    println!(
        "\n{:62} {:>8} {:>17} {:>8} {:>8} {:>7}",
        "", "median", "quartiles", "ours ns", "bare ns", "target"
    );
    for row in rows {
        let [low, median, high] = quartiles(&row.ratios);
        let (target, passed) = match row.target {
            Target::AtLeast(least) => (format!(">= {least}"), median >= least),
            Target::AtMost(most) => (format!("<= {most}"), median <= most),
        };
        let name = format!("{}, {:?}", row.name, row.dates);
        println!(
            "{name:74} {median:8.3} {low:8.3}..{high:<7.3} {:8.0} {:8.0} {target:>7} {}",
            row.nanos.0,
            row.nanos.1,
            if passed { "PASS" } else { "MISS" }
        );
    }
}
