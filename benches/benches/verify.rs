//! Checking signatures in jobs of several sizes, against the bare library on the same ones.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ed25519_zebra::batch;
use gossip_benches::{Claim, Dates, claim};
use gossip_core::fact::{Job, Verifier};
use gossip_core::testkit::facts::{self, Author};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng as _;

/// Few authors make a batch cheaper: its terms for one key are added up.
const FEW: u64 = 4;

fn jobs(criterion: &mut Criterion) {
    for (authors, modulus) in [("distinct authors", u64::MAX), ("4 authors", FEW)] {
        let mut group = criterion.benchmark_group(format!("verify/{authors}"));
        group.sample_size(20);
        for count in [1, 8, 64, 256, 1_024] {
            let author = |number, domain: &_| Author::signing(number % modulus, domain);
            let facts = gossip_benches::batch(count, 0, Dates::Newest, author);
            let facts: Vec<_> = facts.into_iter().map(|fact| fact.into_inner()).collect();
            let claims: Vec<_> = facts.iter().map(claim).collect();
            group.throughput(Throughput::Elements(count));
            group.bench_function(BenchmarkId::new("job", count), |bencher| {
                let job = || Job::new(facts::domain(), facts.clone());
                let run = |job: Job| job.run(&Verifier::new());
                bencher.iter_batched(job, run, BatchSize::SmallInput);
            });
            group.bench_function(BenchmarkId::new("zebra", count), |bencher| {
                bencher.iter(|| bare(&claims));
            });
        }
        group.finish();
    }
}

fn bare(claims: &[Claim]) {
    let mut verifier = batch::Verifier::new();
    for (key, signature, message) in claims {
        verifier.queue((*key, *signature, message));
    }
    verifier.verify(ChaCha8Rng::from_seed([7; 32])).expect("all signatures are true");
}

criterion_group!(benches, jobs);
criterion_main!(benches);
