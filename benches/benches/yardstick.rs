//! The ratios that the hot path is held to, each measured side by side in one process.
//!
//! One row compares two pieces of work on the same input, taken in turns: what else the machine
//! does falls on both. For steady numbers, keep the process on one core: `taskset -c 1 cargo
//! xtask bench yardstick`.

use std::collections::HashMap;
use std::hint::black_box;

use bytes::Bytes;
use ed25519_zebra::batch;
use gossip_benches::table::{Row, Target, in_turns, per_entry, report};
use gossip_benches::{BATCH, Dates, KEY_BYTES, MANY, Mesh, VALUE_BYTES, claim, filled, merge};
use gossip_core::fact::{Envelope, Job, Verdict, Verified, Verifier};
use gossip_core::store::MemoryState;
use gossip_core::strategy::dissemination::RumorConfig;
use gossip_core::strategy::reconcile::RepairConfig;
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
    rows.push(sending());
    report(&rows, "ratios.json").expect("the table's file can be written");
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
        name: format!("signed entries merged, against bare batch verification; {dates:?}"),
        // A rate against a rate: the bare time over ours.
        ratios: pairs.iter().map(|(ours, bare)| bare / ours).collect(),
        nanos: Some(per_entry(&pairs, BATCH)),
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
        name: format!("verified entries merged, against blake3 and a hash-map insert; {dates:?}"),
        ratios: pairs.iter().map(|(ours, bare)| ours / bare).collect(),
        nanos: Some(per_entry(&pairs, BATCH)),
        target: Target::AtMost(4.0),
    }
}

/// What telling one fact to more partners allocates per byte of its value: a frame for each, and
/// nothing else. Were it encoded anew for each, that would be at least twice as much.
fn sending() -> Row {
    const FEW: usize = 1;
    const MANY: usize = 32;
    let per_partner = (copies(MANY) - copies(FEW)) / (MANY - FEW) as f64;
    Row {
        name: "copies of a written value per partner that it is told, its frame included"
            .to_owned(),
        ratios: vec![per_partner],
        nanos: None,
        target: Target::AtMost(1.0),
    }
}

/// Bytes allocated per byte of a value while a node writes it and tells so many partners.
fn copies(partners: usize) -> f64 {
    let (short, long) = (VALUE_BYTES, 4 * VALUE_BYTES);
    let more = allocated(partners, long) as f64 - allocated(partners, short) as f64;
    more / (long - short) as f64
}

fn allocated(partners: usize, value_bytes: usize) -> u64 {
    let rumors = RumorConfig { fan_out: partners, ..RumorConfig::default() };
    let repair = RepairConfig::default();
    let mut mesh = Mesh::new(partners + 1, rumors, repair, &MemoryState::new());
    mesh.run_for(30 * rumors.period);
    assert!(mesh.known().iter().all(|known| *known == partners + 1), "everybody is linked");
    let value = vec![7; value_bytes];
    let mut frames = Vec::new();
    let counts = allocation_counter::measure(|| {
        mesh.write(0, vec![1; KEY_BYTES], value);
        frames = mesh.run_alone(0, 2 * rumors.period);
    });
    let told = frames.iter().filter(|frame| frame.bytes.windows(value_bytes).any(is_value)).count();
    assert_eq!(told, partners, "every partner is told once");
    counts.bytes_total
}

fn is_value(window: &[u8]) -> bool {
    window.iter().all(|byte| *byte == 7)
}

fn good(verdict: Verdict) -> Verified<Envelope> {
    match verdict {
        Verdict::Good(fact) => fact,
        Verdict::Bad(fact, why) => panic!("{fact:?}: {why}"),
    }
}
