//! What strategies, stores and transports are held to: laws and conformance suites.
//!
//! Everything here panics when something does not hold, as a test wants it.

pub mod facts;
