//! Checking signatures: an effect that owns what it checks, and the only maker of [`Verified`].

use std::iter::{Map, Zip};
use std::ops::Deref;
use std::sync::Arc;
use std::vec::IntoIter;

use super::header::Domain;
use super::{Claims, Envelope, SharedVerdicts, Why};
use crate::mistake::{Mistake, made};

/// Most facts in one job: beyond it a batch gains nothing more (measured: 12.1 µs per signature
/// at 1,024 against 13.6 at 256), while one forged copy costs a full pass one by one.
pub const MAX_BATCH: usize = 1_024;

/// A value whose signature was checked, or that we signed ourselves.
///
/// Verified says "these bytes, this key", for ever; whether the author *may* say it is decided at
/// merge, and again when authority changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    pub(super) const fn own(value: T) -> Self {
        Self(value)
    }

    /// The value, without its proof.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl Verified<Envelope> {
    /// The same fact in a run of its own: see [`Envelope::compact`].
    #[must_use]
    pub fn compact(&self) -> Self {
        Self(self.0.compact())
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Facts of one peer, waiting for their signatures to be checked.
#[derive(Debug)]
pub struct Job {
    domain: Domain,
    envelopes: Vec<Envelope>,
}

impl Job {
    /// A job over facts of one domain that one peer brought.
    #[must_use]
    pub const fn new(domain: Domain, envelopes: Vec<Envelope>) -> Self {
        Self { domain, envelopes }
    }

    /// How many facts it owns.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.envelopes.len()
    }

    /// Whether it owns none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.envelopes.is_empty()
    }

    /// Checks every signature; pure, and as slow as the arithmetic.
    ///
    /// The batch is checked as one; when it fails, each fact alone: see [`Claims`].
    #[must_use]
    pub fn run(self, verifier: &Verifier) -> Verdicts {
        let Self { domain, envelopes } = self;
        let outcomes = match &verifier.0 {
            Mode::Zip215 => check(&domain, envelopes.iter()),
            Mode::Shared(verdicts) => verdicts.check(&envelopes, |facts| check(&domain, facts)),
            #[cfg(feature = "sim")]
            Mode::Simulated => check_simulated(&domain, &envelopes),
        };
        let outcomes = if made(Mistake::SkipVerification) {
            outcomes.into_iter().map(|_| Ok(())).collect()
        } else {
            outcomes
        };
        Verdicts { envelopes, outcomes }
    }
}

/// How one fact fared.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a signature is good or it is not")]
pub enum Verdict {
    /// The signature is its author's.
    Good(Verified<Envelope>),
    /// It is not.
    Bad(Envelope, Why),
}

/// The outcome of a [`Job`], in its order. Facts stay where they are until they are asked for.
#[derive(Debug)]
pub struct Verdicts {
    envelopes: Vec<Envelope>,
    /// One per envelope.
    outcomes: Vec<Outcome>,
}

type Outcome = Result<(), Why>;

impl IntoIterator for Verdicts {
    type Item = Verdict;
    type IntoIter =
        Map<Zip<IntoIter<Envelope>, IntoIter<Outcome>>, fn((Envelope, Outcome)) -> Verdict>;

    fn into_iter(self) -> Self::IntoIter {
        self.envelopes.into_iter().zip(self.outcomes).map(|(envelope, outcome)| match outcome {
            Ok(()) => Verdict::Good(Verified(envelope)),
            Err(why) => Verdict::Bad(envelope, why),
        })
    }
}

/// The rules by which signatures are checked.
#[derive(Clone, Debug)]
pub struct Verifier(Mode);

#[derive(Clone, Debug)]
enum Mode {
    Zip215,
    /// The same, but for what others have checked.
    Shared(Arc<SharedVerdicts>),
    #[cfg(feature = "sim")]
    Simulated,
}

impl Verifier {
    /// ZIP-215 rules (cofactored equation, canonical s), and no key of small order.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mode::Zip215)
    }

    /// The same rules; what a verifier with the same memory has found good is not checked again.
    #[must_use]
    pub const fn sharing(verdicts: Arc<SharedVerdicts>) -> Self {
        Self(Mode::Shared(verdicts))
    }

    /// Accepts what [`SimKeys`](super::SimKeys) sign, and nothing else.
    #[cfg(feature = "sim")]
    #[must_use]
    pub const fn simulated() -> Self {
        Self(Mode::Simulated)
    }
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new()
    }
}

fn check<'a>(domain: &Domain, envelopes: impl Iterator<Item = &'a Envelope>) -> Vec<Outcome> {
    let mut claims = Claims::with_capacity(envelopes.size_hint().1.unwrap_or(0));
    let mut message = Vec::new();
    for envelope in envelopes {
        let (kind, header) = (envelope.kind(), envelope.header_bytes());
        debug_assert_eq!(domain.fact_id(kind, header), envelope.id(), "one domain per job");
        domain.signed_bytes(kind, header, &mut message);
        claims.push_fact(envelope, &message);
    }
    claims.check().collect()
}

#[cfg(feature = "sim")]
fn check_simulated(domain: &Domain, envelopes: &[Envelope]) -> Vec<Outcome> {
    let mut message = Vec::new();
    let judge = |envelope: &Envelope| {
        domain.signed_bytes(envelope.kind(), envelope.header_bytes(), &mut message);
        let truth = super::SimKeys::signature(envelope.author(), &message);
        if truth == envelope.signature() { Ok(()) } else { Err(Why::BadSignature) }
    };
    envelopes.iter().map(judge).collect()
}
