//! The slots' traits. One folder per slot holds the implementations, which import traits only.
//!
//! Two tiers, no third. A *policy* answers one question, sends nothing and has no timer:
//! [`Sampler`], [`Overlay`], [`Removal`], [`Retain`]. A *protocol* owns kinds on the wire and a
//! deadline, and acts only through its [`Cx`]: [`Dissemination`], [`Reconcile`]. A [`Detector`] is
//! one too, of the node and not of a channel: it acts through findings ([`detector::DetectorCx`]).

mod connections;
mod cx;
pub mod detector;
pub mod dissemination;
pub mod overlay;
mod partners;
pub mod reconcile;
pub mod removal;
pub mod retain;
mod rounds;
pub mod sampler;

pub use self::cx::{Cx, Effect, SlotToken, Standing};
pub use self::detector::Detector;
pub use self::dissemination::{Direction, Dissemination};
pub use self::overlay::Overlay;
pub use self::partners::Partners;
pub use self::reconcile::Reconcile;
pub use self::removal::{Contact, Heat, Removal};
pub use self::retain::Retain;
pub use self::sampler::Sampler;
