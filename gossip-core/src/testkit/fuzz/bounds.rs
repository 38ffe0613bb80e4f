//! What waits in a node, and how much of it there may be.

use crate::config::Config;
use crate::sim::check;
use crate::status::Status;

/// Holds every queue of a node against its named limit.
///
/// # Panics
/// If one is exceeded, or has no limit.
pub fn check_bounds(config: &Config, status: &Status) {
    let exceeded = check::exceeded(config, status);
    assert!(exceeded.is_empty(), "{exceeded:?}");
}
