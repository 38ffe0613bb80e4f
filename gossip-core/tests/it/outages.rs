//! Loss, a partition, crashes: what was missed comes back soon, and then all are quiet.

use std::time::Duration;

use gossip_core::sim::outages::{self, Config};

fn quantile(sorted: &[u32], percent: usize) -> u32 {
    sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1]
}

#[test]
fn what_was_missed_comes_within_seconds() {
    // Which crashes come together decides most of a run's longest waits, so they are judged together.
    let mut missed = Vec::new();
    for seed in 1..=4 {
        let config = Config { nodes: 200, ..Config::default() };
        let mut outcome = outages::run(&config, seed);
        assert_eq!(outcome.never, 0, "seed {seed}: everybody gets everything");
        assert!(outcome.crashes > 5 && outcome.missed.len() > 1_000, "seed {seed}: nothing missed");
        let reached = quantile(&outcome.reached, 99);
        assert!(reached <= 5_000, "seed {seed}: {reached} ms");
        missed.append(&mut outcome.missed);
        // Under loss each half minute costs about the same; none costs more than those before.
        let (first, last) = (outcome.quiet_bytes[0], *outcome.quiet_bytes.last().unwrap());
        assert!(last <= first + first / 4, "seed {seed}: {:?}", outcome.quiet_bytes);
    }
    missed.sort_unstable();
    let missed = quantile(&missed, 99);
    assert!(missed <= 5_000, "{missed} ms");
}

/// Without trouble nobody misses anything, so the accounts are right.
#[test]
fn without_trouble_nothing_is_missed() {
    let calm = Config {
        nodes: 50,
        duration: Duration::from_secs(20),
        loss: 0.0,
        partition: Duration::ZERO,
        churn: 0.0,
        ..Config::default()
    };
    let outcome = outages::run(&calm, 1);
    assert_eq!((outcome.never, outcome.crashes, outcome.missed.len()), (0, 0, 0));
    assert_eq!(outcome.reached.len() as u64, outcome.written * 49);
}
