//! Tests of the core through its public face: one binary, one module per property.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that panics has failed")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for what it looks for")]

mod cluster;
mod contact;
mod detect;
mod durability;
mod epidemics;
mod epochs;
mod guarantees;
mod hostile;
mod joining;
mod large;
mod laws;
mod listed;
mod membership;
mod messages;
mod outages;
mod rest;
mod runtime;
mod sketches;
mod snapshot;
mod store;
mod strategies;
mod streams;
mod swarm;
mod tombstones;
mod transfer;
mod transport;
mod transport_faults;
mod validity;
mod wire_doc;
