//! Merging into the memory store: new keys by their dates, newer versions, and what is known.

use std::cell::RefCell;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use gossip_benches::{BATCH, Dates, MANY, batch, entry, filled, merge, shard};
use gossip_core::store::StoreOp;
use gossip_core::strategy::retain::LastWrite;
use gossip_core::testkit::facts::{self, Author};

/// The store grows by what is merged: by a few hundred batches, so by less than a third.
fn into_many(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("merge/into 10^6");
    group.throughput(Throughput::Elements(BATCH)).sample_size(20);
    let state = RefCell::new(filled(MANY));
    let mut number = 0..;
    for dates in [Dates::Newest, Dates::Between] {
        group.bench_function(format!("{dates:?}"), |bencher| {
            let fresh = || batch(BATCH, number.next().unwrap_or(0), dates, Author::simulated);
            let work = |facts| merge(&mut state.borrow_mut(), facts);
            bencher.iter_batched(fresh, work, BatchSize::PerIteration);
        });
    }
    let author = Author::simulated(0, &facts::domain());
    let held: Vec<_> = (0..BATCH).map(|number| entry(&author, number * 900)).collect();
    group.bench_function("Known", |bencher| {
        let work = |facts| merge(&mut state.borrow_mut(), facts);
        bencher.iter_batched(|| held.clone(), work, BatchSize::PerIteration);
    });
    group.bench_function("sift Known", |bencher| {
        let facts: Vec<_> = held.iter().map(|fact| fact.clone().into_inner()).collect();
        let retain = std::sync::Arc::new(LastWrite::default());
        let op = || StoreOp::Sift { shard: shard(), retain: retain.clone(), facts: facts.clone() };
        let work = |op| black_box(state.borrow_mut().apply(op));
        bencher.iter_batched(op, work, BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, into_many);
criterion_main!(benches);
