//! What nodes cost per round: idle, spreading one fact, and finding large states equal.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gossip_benches::{Mesh, VALUE_BYTES, filled};
use gossip_core::store::MemoryState;
use gossip_core::strategy::dissemination::RumorConfig;
use gossip_core::strategy::reconcile::RepairConfig;

/// One rumor round by default.
const ROUND: Duration = Duration::from_secs(1);

const NODES: usize = 16;

/// Rounds within which a fact has reached all [`NODES`].
const SPREAD: u32 = 8;

fn idle(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("round/idle");
    for nodes in [2, NODES] {
        let mut mesh = met(nodes, RepairConfig::default(), &MemoryState::new());
        group.throughput(Throughput::Elements(nodes as u64));
        group.bench_function(format!("one second of {nodes} nodes"), |bencher| {
            bencher.iter(|| mesh.run_for(ROUND));
        });
    }
    group.finish();
}

fn spreading(criterion: &mut Criterion) {
    let mut mesh = met(NODES, RepairConfig::default(), &MemoryState::new());
    let mut group = criterion.benchmark_group("round/spread");
    group.throughput(Throughput::Elements(NODES as u64));
    let mut written = 0u64;
    group.bench_function(format!("one fact to {NODES} nodes, {SPREAD} rounds"), |bencher| {
        bencher.iter(|| {
            written += 1;
            mesh.write(0, written.to_le_bytes().to_vec(), vec![7; VALUE_BYTES]);
            mesh.run_for(ROUND * SPREAD);
        });
    });
    assert!(mesh.held().iter().all(|held| *held == written), "every node has every fact");
    group.finish();
}

fn equal_states(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("round/repair");
    for facts in [0, 100_000] {
        // Both nodes begin one comparison in each round.
        let repair = RepairConfig { period: ROUND, period_max: ROUND, ..RepairConfig::default() };
        let mut mesh = met(2, repair, &filled(facts));
        group.bench_function(format!("two comparisons of {facts} equal facts"), |bencher| {
            bencher.iter(|| mesh.run_for(ROUND));
        });
        assert!(mesh.held().iter().all(|held| *held == facts), "nothing was lost");
    }
    group.finish();
}

/// Nodes that know one another and have nothing to say.
fn met(nodes: usize, repair: RepairConfig, state: &MemoryState) -> Mesh {
    let mut mesh = Mesh::new(nodes, RumorConfig::default(), repair, state);
    mesh.run_for(30 * ROUND);
    assert!(mesh.known().iter().all(|known| *known == nodes), "everybody knows everybody");
    mesh
}

criterion_group!(benches, idle, spreading, equal_states);
criterion_main!(benches);
