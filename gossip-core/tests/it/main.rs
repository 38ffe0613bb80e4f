//! Tests of the core through its public face: one binary, one module per property.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that panics has failed")]

mod cluster;
mod contact;
mod epochs;
mod hostile;
mod laws;
mod messages;
mod runtime;
mod store;
mod strategies;
mod transport;
mod transport_faults;
mod validity;
mod wire_doc;
