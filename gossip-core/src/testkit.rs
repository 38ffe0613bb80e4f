//! What strategies, stores and transports are held to: laws and conformance suites.
//!
//! Everything here panics when something does not hold, as a test wants it.

mod detector;
mod dissemination;
pub mod facts;
pub mod fuzz;
pub mod lone;
pub mod model;
mod mute;
mod overlay;
mod reconcile;
mod removal;
mod retain;
mod sampler;
mod script;
mod store;
#[cfg(feature = "runtime")]
pub mod transport;
mod wiretap;

pub use self::detector::detector_laws;
pub use self::dissemination::{MakeDissemination, dissemination_laws, exclusion_laws};
pub use self::mute::Mute;
pub use self::overlay::overlay_laws;
pub use self::reconcile::{MakeReconcile, reconcile_laws};
pub use self::removal::removal_laws;
pub use self::retain::{retain_laws, retain_laws_among};
pub use self::sampler::{sampler_laws, turn_laws};
pub use self::script::Script;
pub use self::store::store_conformance;
pub use self::wiretap::{Sent, Wiretap};
