//! Frames: records into datagrams and out again, facts decoded, and what hashing them takes.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use gossip_benches::entry;
use gossip_core::fact::Envelope;
use gossip_core::id::{ChannelTag, SessionId};
use gossip_core::testkit::facts::{self, Author};
use gossip_core::wire::{Frame, Packer, Parcel, Record, Records, decode_frame};

/// Bytes of a datagram that any path carries.
const DATAGRAM_BYTES: usize = 1_200;

/// Facts on their way to one peer in one go.
const FACTS: u64 = 256;

fn decode(criterion: &mut Criterion) {
    let domain = facts::domain();
    let fact = entry(&Author::simulated(0, &domain), 1);
    let mut group = criterion.benchmark_group("wire/fact");
    group.throughput(Throughput::Elements(1));
    group.bench_function("decode", |bencher| {
        let bytes = fact.bytes().clone();
        let decode = |bytes| Envelope::decode(bytes, &domain).expect("a true fact decodes");
        bencher.iter_batched(|| bytes.clone(), decode, BatchSize::SmallInput);
    });
    // Most of a decode, and no part of it can be left out.
    group.bench_function("hash of its value", |bencher| {
        let value = fact.value().expect("it has a value");
        bencher.iter(|| blake3::hash(black_box(value)));
    });
    group.bench_function("its id", |bencher| {
        bencher.iter(|| domain.fact_id(fact.kind(), black_box(fact.header_bytes())));
    });
    group.bench_function("signed bytes", |bencher| {
        let mut message = Vec::new();
        bencher.iter(|| {
            domain.signed_bytes(fact.kind(), black_box(fact.header_bytes()), &mut message);
        });
    });
    group.finish();
}

fn frames(criterion: &mut Criterion) {
    let tag = Some(facts::domain().channel().tag());
    let author = Author::simulated(0, &facts::domain());
    let parcels: Vec<_> = (0..FACTS)
        .map(|number| Parcel::Fact {
            bytes: entry(&author, number).bytes().clone(),
            feedback: true,
        })
        .collect();
    let frames = pack(tag, &parcels);
    let mut group = criterion.benchmark_group("wire/frames");
    group.throughput(Throughput::Elements(frames.len() as u64));
    group.bench_function(format!("pack {FACTS} facts"), |bencher| {
        bencher.iter(|| pack(tag, black_box(&parcels)));
    });
    group.bench_function(format!("unpack {FACTS} facts"), |bencher| {
        bencher.iter(|| frames.iter().map(unpack).sum::<usize>());
    });
    group.finish();
}

/// The data frames that these parcels take.
fn pack(tag: Option<ChannelTag>, parcels: &[Parcel]) -> Vec<Bytes> {
    let mut packer = Packer::new(DATAGRAM_BYTES);
    for parcel in parcels {
        assert!(packer.push(tag, parcel), "every entry fits a datagram");
    }
    let frame = |sealed| Frame::Data { session: SessionId::default(), sealed }.encode();
    packer.finish().into_iter().map(frame).collect()
}

/// How many facts a frame has.
fn unpack(frame: &Bytes) -> usize {
    let Ok(Frame::Data { sealed, .. }) = decode_frame(frame) else { return 0 };
    Records::new(sealed).filter(|record| matches!(record, Ok(Record::Fact { .. }))).count()
}

criterion_group!(benches, decode, frames);
criterion_main!(benches);
