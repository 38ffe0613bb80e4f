//! Comparing: what a store says of ranges of its time order, and of everything.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use gossip_benches::{MANY, filled, shard};
use gossip_core::state::{Part, Point, Set, Span};
use gossip_core::store::{Ask, Describe, Description, MemoryState, StoreOp, StoreReply};
use gossip_core::strategy::retain::LastWrite;
use gossip_core::time::Epoch;

/// As range reconciliation asks by default.
const LEAF: usize = 24;
const WAYS: usize = 16;

const SET: Set = Set::Active(Epoch::ZERO);

fn describing(criterion: &mut Criterion) {
    let mut state = filled(MANY);
    let mut group = criterion.benchmark_group("diff/describe of 10^6");
    // From the whole order down: each span is the middle part of the one before.
    let mut span = Span::ALL;
    let mut held = MANY;
    while let Description::Parts(parts) = describe(&mut state, span, None, LEAF) {
        group.bench_function(format!("split {held} into {WAYS}"), |bencher| {
            bencher.iter(|| describe(&mut state, black_box(span), None, LEAF));
        });
        let middle = inner(span.from, &parts);
        (span, held) = (middle.0, middle.1.count);
        group.bench_function(format!("equal fingerprint of {held}"), |bencher| {
            let same = Some(middle.1.fingerprint);
            bencher.iter(|| describe(&mut state, black_box(span), same, LEAF));
        });
    }
    group.bench_function(format!("list {held}"), |bencher| {
        bencher.iter(|| describe(&mut state, black_box(span), None, LEAF));
    });
    group.bench_function("total", |bencher| {
        let total = StoreOp::Total { shard: shard(), set: SET };
        bencher.iter(|| state.apply(black_box(total.clone())));
    });
    group.finish();
}

fn describe(
    state: &mut MemoryState,
    span: Span,
    unless: Option<[u8; 16]>,
    leaf: usize,
) -> Description {
    let asks = vec![Ask { span, unless, leaf, ways: WAYS }];
    let retain = Arc::new(LastWrite::default());
    let describe = Describe { shard: shard(), set: SET, retain, asks };
    match state.apply(StoreOp::Describe(describe)) {
        Ok(StoreReply::Described(mut descriptions)) => {
            descriptions.pop().expect("one answer per question")
        }
        other => panic!("not a description: {other:?}"),
    }
}

/// The middle part and where it lies.
fn inner(from: Point, parts: &[Part]) -> (Span, Part) {
    let starts = std::iter::once(from).chain(parts.iter().map(|part| part.upto));
    let (from, part) = starts.zip(parts).nth(parts.len() / 2).expect("a split has parts");
    (Span { from, upto: part.upto }, *part)
}

criterion_group!(benches, describing);
criterion_main!(benches);
