//! The one rule by which signatures are accepted, for one claim as for a thousand.
//!
//! ZIP-215: keys and R may be encoded in any way that decodes, s is canonical, and the equation
//! `[8][s]B = [8]R + [8][k]A` holds. Because it is multiplied by the cofactor, the sum of many such
//! equations with random coefficients holds exactly when each does, so that checking together and
//! checking alone accept the same set. On top of ZIP-215, an author's key has no small order.

use std::fmt;

use ed25519_zebra::{Signature as ZebraSignature, VerificationKeyBytes, batch};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng as _;

use super::{Envelope, Signature, Why};
use crate::id::NodeId;

/// Claims "this author signed this message", gathered to be checked as one.
#[derive(Default)]
pub struct Claims {
    /// In the order pushed; `None` where the author's key has small order.
    items: Vec<Option<batch::Item>>,
    /// Everything that whoever made the claims could choose.
    transcript: Vec<u8>,
}

impl Claims {
    /// No claims, with room for this many of a usual size.
    #[must_use]
    pub fn with_capacity(claims: usize) -> Self {
        Self {
            items: Vec::with_capacity(claims),
            transcript: Vec::with_capacity(claims * USUAL_CLAIM_BYTES),
        }
    }

    /// Adds the claim that `author` signed `message`.
    pub fn push(&mut self, author: NodeId, signature: Signature, message: &[u8]) {
        // The length makes the transcript readable in one way only.
        self.transcript.extend_from_slice(&(message.len() as u64).to_le_bytes());
        self.transcript.extend_from_slice(author.as_bytes());
        self.transcript.extend_from_slice(signature.as_bytes());
        self.transcript.extend_from_slice(message);
        self.push_item(author, signature, message);
    }

    /// Adds the claim that a fact's author signed it; `message` is its signed bytes.
    ///
    /// The id is a hash of all that `message` says, the author included: to change either without
    /// the id is to find a collision. So the id stands for both, in a third of the bytes.
    pub(super) fn push_fact(&mut self, fact: &Envelope, message: &[u8]) {
        // No message has this length.
        self.transcript.extend_from_slice(&u64::MAX.to_le_bytes());
        self.transcript.extend_from_slice(fact.signature().as_bytes());
        self.transcript.extend_from_slice(fact.id().as_bytes());
        self.push_item(fact.author(), fact.signature(), message);
    }

    fn push_item(&mut self, author: NodeId, signature: Signature, message: &[u8]) {
        let key = VerificationKeyBytes::from(*author.as_bytes());
        let signature = ZebraSignature::from(*signature.as_bytes());
        let item = || batch::Item::from((key, signature, message));
        self.items.push((!is_small_order(author)).then(item));
    }

    /// Whether every claim holds, those of small-order keys left aside: one equation for all.
    ///
    /// Claims of which one is false pass with probability 2^-128, and finding any such takes as
    /// many tries: the coefficients are drawn after everything that a signer can choose (A, R, s
    /// and the message, of every claim) and depend on all of it. That they are drawn from a hash
    /// instead of fresh randomness makes the check a pure function. The library hands them out in
    /// the order of a hash table, which changes who gets which, and nothing in the argument.
    #[must_use]
    pub fn hold_together(&self) -> bool {
        let mut batch = batch::Verifier::new();
        self.items.iter().flatten().for_each(|item| batch.queue(item.clone()));
        batch.verify(ChaCha8Rng::from_seed(self.seed())).is_ok()
    }

    /// Judges each claim, in the order pushed: together, and when that fails each alone.
    ///
    /// The errors are [`Why::WeakKey`] and [`Why::BadSignature`].
    pub fn check(self) -> impl Iterator<Item = Result<(), Why>> {
        // A batch of one costs more than the check alone (measured: 34 µs against 29).
        let all_hold = self.items.len() > 1 && self.hold_together();
        self.items.into_iter().map(move |item| match item {
            None => Err(Why::WeakKey),
            Some(_) if all_hold => Ok(()),
            Some(item) => item.verify_single().map_err(|_| Why::BadSignature),
        })
    }

    /// What the coefficients are drawn from: a hash of everything.
    fn seed(&self) -> [u8; 32] {
        blake3::derive_key("gossip 2026 batch coefficients v1", &self.transcript)
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims").field("len", &self.items.len()).finish_non_exhaustive()
    }
}

/// Whether an encoded key is a point of small order, for which anybody can make signatures.
///
/// The eight points have few y coordinates, some with a second encoding above the field's prime;
/// the sign bit does not matter. Comparing encodings spares a decompression per fact.
#[must_use]
pub fn is_small_order(key: NodeId) -> bool {
    const LOW: [u8; 32] = [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ];
    const HIGH: [u8; 32] = [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ];
    let mut y = *key.as_bytes();
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    let [first, middle @ .., last] = y;
    let near_zero = last == 0 && middle == [0; 30] && first <= 1;
    // p - 1, p and p + 1, where p = 2^255 - 19 ends (little-endian: begins) with 0xed.
    let near_prime = last == 0x7f && middle == [0xff; 30] && (0xec..=0xee).contains(&first);
    near_zero || near_prime || y == LOW || y == HIGH
}

/// Transcript bytes of a fact.
const USUAL_CLAIM_BYTES: usize = 8 + 64 + 32;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::fact::{Domain, Draft, FactKind, SigningKeys};
    use crate::id::{ChannelId, ClusterId, TopicId};
    use crate::time::{Hlc, Wall};

    fn seed(claims: &[(u8, [u8; 64], &[u8])]) -> [u8; 32] {
        let mut gathered = Claims::default();
        for &(author, signature, message) in claims {
            let author = NodeId::from_bytes([author; 32]);
            gathered.push(author, Signature::from_bytes(signature), message);
        }
        gathered.seed()
    }

    #[test]
    fn coefficients_depend_on_everything_a_signer_chooses() {
        let plain = [5; 64];
        let (mut other_r, mut other_s) = (plain, plain);
        other_r[31] ^= 1;
        other_s[32] ^= 1;
        // A message that reads like a second claim: only the lengths tell.
        let swallowed = [&[4; 32][..], &plain].concat();
        let seeds = BTreeSet::from([
            seed(&[]),
            seed(&[(4, plain, b"a")]),
            seed(&[(6, plain, b"a")]),
            seed(&[(4, other_r, b"a")]),
            seed(&[(4, other_s, b"a")]),
            seed(&[(4, plain, b"b")]),
            seed(&[(4, plain, b"a"), (4, plain, b"b")]),
            seed(&[(4, plain, b"b"), (4, plain, b"a")]),
            seed(&[(4, plain, b"ab")]),
            seed(&[(4, plain, &swallowed)]),
            seed(&[(4, plain, b""), (4, plain, b"")]),
        ]);
        assert_eq!(seeds.len(), 11);
    }

    #[test]
    fn facts_are_told_apart_by_id_and_signature() {
        let domain = Domain::new(ClusterId::from_bytes([1; 32]), ChannelId::from_bytes([2; 32]));
        let fact = |secret: u8, key: &'static [u8]| {
            let draft = Draft {
                context: Vec::new(),
                expires_at: Wall::ZERO,
                hlc: Hlc::ZERO,
                key: key.into(),
                kind: FactKind::ENTRY,
                topic: TopicId::default(),
                value: None,
            };
            draft.sign(&SigningKeys::new([secret; 32], [3; 32]), &domain).unwrap().into_inner()
        };
        let altered = |at: usize| {
            let mut bytes = fact(4, b"a").bytes().to_vec();
            bytes[at] ^= 1;
            Envelope::decode(bytes.into(), &domain).unwrap()
        };
        let seed = |facts: &[Envelope]| {
            let mut gathered = Claims::default();
            facts.iter().for_each(|fact| gathered.push_fact(fact, b"not looked at"));
            gathered.seed()
        };
        // R begins at a record's third byte, s at its 35th.
        let (plain, other_r, other_s) = (fact(4, b"a"), altered(2), altered(2 + 32));
        assert!(plain.id() == other_r.id() && plain.id() == other_s.id());
        let seeds = BTreeSet::from([
            seed(&[]),
            seed(&[fact(4, b"b")]),
            seed(&[fact(5, b"a")]),
            seed(&[other_r]),
            seed(&[other_s]),
            seed(&[plain.clone(), fact(4, b"b")]),
            seed(&[fact(4, b"b"), plain.clone()]),
            seed(&[plain]),
        ]);
        assert_eq!(seeds.len(), 8);
    }
}
