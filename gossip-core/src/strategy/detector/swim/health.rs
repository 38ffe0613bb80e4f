//! Lifeguard's local health: how much a node distrusts itself.

use std::time::Duration;

/// A score from 0 to a limit; times are multiplied by it plus one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Health {
    limit: u32,
    score: u32,
}

impl Health {
    pub(super) const fn new(limit: u32) -> Self {
        Self { limit, score: 0 }
    }

    pub(super) fn worse(&mut self, by: u32) {
        self.score = self.score.saturating_add(by).min(self.limit);
    }

    pub(super) const fn better(&mut self) {
        self.score = self.score.saturating_sub(1);
    }

    pub(super) fn stretched(self, time: Duration) -> Duration {
        time * (self.score + 1)
    }
}
