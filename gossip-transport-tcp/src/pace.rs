//! How slow a peer may be in the middle of something.

use std::time::Duration;

use tokio::time::Instant;

/// What must pass in one `stall`: as much as one turn of a queue.
const PACE_BYTES: usize = 64 << 10;

/// A deadline that moves on with every [`PACE_BYTES`] that passed.
#[derive(Debug)]
pub(crate) struct Pace {
    deadline: Instant,
    passed: usize,
    stall: Duration,
}

impl Pace {
    pub(crate) fn new(stall: Duration) -> Self {
        Self { deadline: Instant::now() + stall, passed: 0, stall }
    }

    /// Our own node took nothing for so long.
    pub(crate) fn forgive(&mut self, pause: Duration) {
        self.deadline += pause;
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(crate) fn passed(&mut self, bytes: usize) {
        self.passed += bytes;
        if self.passed >= PACE_BYTES {
            *self = Self::new(self.stall);
        }
    }
}
