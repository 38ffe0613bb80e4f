//! The program as users run it: real processes, real sockets.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test that panics has failed, and one that measures says so"
)]

mod admin;
mod cluster;
mod config;
mod demo;
#[cfg(all(feature = "rocks", target_os = "linux"))]
mod disks;
#[cfg(feature = "rocks")]
mod durable;
mod exchange;
mod health;
mod large;
#[cfg(feature = "rocks")]
mod ledger;
mod lifecycle;
mod real_input;
mod sim;
#[cfg(feature = "rocks")]
mod snapshots;
#[cfg(feature = "rocks")]
mod soak;
mod support;
#[cfg(feature = "rocks")]
mod transfer;
