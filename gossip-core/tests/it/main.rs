//! Integration tests of gossip-core.

mod transport;
