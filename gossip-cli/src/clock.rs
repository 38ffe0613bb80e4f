//! This machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use gossip_core::time::Wall;

/// Now; before 1970 it is 1970.
pub(crate) fn now() -> Wall {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}
