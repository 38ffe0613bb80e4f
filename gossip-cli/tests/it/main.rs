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
mod lifecycle;
mod real_input;
mod support;
