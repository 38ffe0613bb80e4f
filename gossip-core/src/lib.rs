//! The deterministic core of a gossip stack: a node as a pure function of (state, time, input).
//!
//! Everything slow, shared or external is an effect with an answer, so the same node runs under
//! tokio, in a simulator with many others, in a fuzzer and in a benchmark.

pub mod fact;
pub mod id;
pub mod rng;
pub mod state;
pub mod store;
pub mod strategy;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod time;
pub mod transport;
