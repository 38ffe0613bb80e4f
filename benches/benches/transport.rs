//! What bulk costs over TCP: frames of three sizes, and a bare copy of the same frames.

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gossip_benches::Streams;

/// Bytes of one measurement.
const COPIED_BYTES: usize = 16 << 20;

fn bulk(criterion: &mut Criterion) {
    let mut streams = Streams::new();
    let mut group = criterion.benchmark_group("transport/tcp");
    group.sample_size(20);
    for frame_bytes in [1 << 10, 64 << 10, 1 << 20] {
        let (frame, frames) = (Bytes::from(vec![7; frame_bytes]), COPIED_BYTES / frame_bytes);
        group.throughput(Throughput::Bytes(COPIED_BYTES as u64));
        group.bench_function(format!("frames of {} KiB", frame_bytes >> 10), |bencher| {
            bencher.iter(|| streams.ours(&frame, frames));
        });
        group.bench_function(format!("a bare copy of {} KiB", frame_bytes >> 10), |bencher| {
            bencher.iter(|| streams.bare(&frame, frames));
        });
    }
    group.finish();
}

criterion_group!(benches, bulk);
criterion_main!(benches);
