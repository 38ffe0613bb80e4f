//! Integration tests of gossip-core.

mod transport;
mod transport_faults;
