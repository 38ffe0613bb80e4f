//! What strategies, stores and transports are held to: laws and conformance suites.
//!
//! Everything here panics when something does not hold, as a test wants it.

pub mod facts;
pub mod fuzz;
pub mod lone;
pub mod model;
mod retain;
mod script;
mod store;
#[cfg(feature = "runtime")]
pub mod transport;

pub use self::retain::retain_laws;
pub use self::script::Script;
pub use self::store::store_conformance;
