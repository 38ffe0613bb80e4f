//! This machine's clocks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gossip_core::time::Wall;
use rustix::time::{ClockId, clock_gettime};

/// Now; before 1970 it is 1970.
pub(crate) fn now() -> Wall {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

/// The CPU time that this thread has used: what else the machine does is not in it.
pub(crate) fn cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
