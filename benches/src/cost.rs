//! What it takes to compare two sets.

use crate::table::cpu_seconds;

/// What one comparison took.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "benchmarks build it literally")]
pub struct Cost {
    /// CPU seconds of the side that answers.
    pub answering: f64,
    /// CPU seconds of the side that asks, and knows the difference in the end.
    pub reading: f64,
    /// Bytes of both directions.
    pub bytes: usize,
    /// Round trips.
    pub trips: usize,
}

impl Cost {
    /// CPU seconds of both sides.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.answering + self.reading
    }

    /// The cheapest of three runs: the others find caches cold, or a busy machine.
    pub fn least(mut run: impl FnMut() -> Self) -> Self {
        let runs = [(); 3].map(|()| run()).into_iter();
        runs.min_by(|a, b| a.seconds().total_cmp(&b.seconds())).unwrap_or_default()
    }
}

/// Adds the CPU time that a piece of work takes.
pub fn timed<A>(seconds: &mut f64, work: impl FnOnce() -> A) -> A {
    let begun = cpu_seconds();
    let result = work();
    *seconds += cpu_seconds() - begun;
    result
}
