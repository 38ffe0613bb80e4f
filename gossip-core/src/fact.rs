//! Facts: statements their author signed once, that anybody relays byte for byte and checks.
//!
//! A fact is a [`Header`] under a signature, and perhaps a value whose hash the header holds.
//! [`Envelope`] is the received form, [`Verified`] the proof that a check happened: only a
//! [`Verdicts`] and our own signing make one. Talk between two nodes is not here: it is never
//! signed and never relayed.

mod claims;
mod draft;
mod envelope;
mod header;
mod keys;
mod reason;
mod shared;
mod verify;

pub use self::claims::{Claims, is_small_order};
pub use self::draft::Draft;
pub use self::envelope::Envelope;
pub use self::header::{
    Domain, Dot, FactKind, Flags, HORIZON, Header, MAX_CONTEXT, MAX_KEY_BYTES, WORD_LIFE, leaves_at,
};
#[cfg(feature = "sim")]
pub use self::keys::SimKeys;
pub use self::keys::{Keys, Protection, Signature, SigningKeys};
pub use self::reason::{Blame, Why};
pub use self::shared::SharedVerdicts;
pub use self::verify::{Job, MAX_BATCH, Verdict, Verdicts, Verified, Verifier};
