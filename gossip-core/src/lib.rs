//! The deterministic core of a gossip stack: a node as a pure function of (state, time, input).
//!
//! Everything slow, shared or external is an effect with an answer, so the same node runs under
//! tokio, in a simulator with many others, in a fuzzer and in a benchmark.

mod channel;
pub mod config;
pub mod fact;
pub mod id;
pub mod io;
pub mod membership;
mod mistake;
pub mod node;
mod peering;
pub mod rng;
#[cfg(feature = "runtime")]
pub mod runtime;
#[cfg(feature = "sim")]
pub mod sim;
pub mod sketch;
pub mod state;
pub mod status;
pub mod store;
pub mod strategy;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod time;
pub mod transport;
pub mod wire;

/// The README's example compiles and runs as a documentation test.
#[cfg(all(doctest, feature = "runtime"))]
#[doc = include_str!("../../README.md")]
struct Readme;
