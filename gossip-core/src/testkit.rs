//! Laws of the strategy slots and conformance suites of the ports, for us and for implementers.

#[cfg(feature = "runtime")]
pub mod transport;
