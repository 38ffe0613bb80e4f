//! The clocks of a running node: tokio's for timers, the system's for dates.

use std::time::SystemTime;

use tokio::time::Instant;

use crate::time::{Mono, Now, Wall};

/// Where monotonic time began. Timers follow tokio's clock, so that a test may pause it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn now(self) -> Now {
        Now { mono: Mono::ZERO + self.0.elapsed(), wall: wall() }
    }

    /// When tokio's clock reads this; `None`: beyond what it can express.
    pub(super) fn instant(self, mono: Mono) -> Option<Instant> {
        self.0.checked_add(mono.since(Mono::ZERO))
    }
}

fn wall() -> Wall {
    #[expect(clippy::disallowed_methods, reason = "this is where the core is told the time")]
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    // A clock before 1970 is as wrong as one that says 1970; the node notices either.
    Wall::ZERO + since_1970.unwrap_or_default()
}
