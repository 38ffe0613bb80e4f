//! Time that passes in a benchmark of whole nodes: until something holds, or as a part of what is measured.

use std::time::{Duration, Instant};

/// How long to wait for something.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "benchmarks build it literally")]
pub struct Patience {
    /// How often to look.
    pub every: Duration,
    /// When to give up.
    pub most: Duration,
}

/// Waits until something holds.
///
/// # Panics
/// If it takes longer than it may.
pub async fn until(what: &str, patience: Patience, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < patience.most, "{what}: not after {:?}", patience.most);
        pass(patience.every).await;
    }
}

/// Lets time pass: a window in which something is counted, or a place among the rounds of nodes.
pub async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}
