//! The slots' traits. One folder per slot holds the implementations, which import traits only.
//!
//! Two tiers, no third. A *policy* answers one question, sends nothing and has no timer. A
//! *protocol* owns kinds on the wire and a deadline, and acts only through its context.

pub mod retain;

pub use self::retain::Retain;
