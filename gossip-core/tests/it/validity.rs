//! The fact layer accepts exactly what it says, and the same alone as in a batch.

mod envelopes;
mod mutants;
mod rules;
mod wycheproof;

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity as _, IsIdentity as _};
use gossip_core::fact::{Claims, Signature, Why};
use gossip_core::id::NodeId;
use gossip_core::rng::Rng;
use sha2::{Digest as _, Sha512};

/// "This key signed this message", true or not, in bytes that may be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Claim {
    author: [u8; 32],
    r: [u8; 32],
    s: [u8; 32],
    message: Vec<u8>,
}

impl Claim {
    /// What production says when nothing else is checked with it.
    fn alone(&self) -> Result<(), Why> {
        judge([self]).pop().unwrap()
    }

    fn signature(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&self.r);
        bytes[32..].copy_from_slice(&self.s);
        bytes
    }

    fn challenge(&self) -> Scalar {
        challenge(&self.r, &self.author, &self.message)
    }

    /// ZIP-215, written down once more from its text.
    fn holds_by_zip_215(&self) -> bool {
        self.error().is_some_and(|error| error.mul_by_cofactor().is_identity())
    }

    /// The equation without the cofactor, over the same decoding.
    fn holds_without_cofactor(&self) -> bool {
        self.error().is_some_and(|error| error.is_identity())
    }

    /// `[s]B - R - [k]A`; `None` when a point does not decode or s is not canonical.
    fn error(&self) -> Option<EdwardsPoint> {
        let a = CompressedEdwardsY(self.author).decompress()?;
        let r = CompressedEdwardsY(self.r).decompress()?;
        let below_order = self.s.iter().rev().lt(ORDER.iter().rev());
        let s = Scalar::from_bytes_mod_order(self.s);
        below_order.then(|| s * ED25519_BASEPOINT_POINT - r - self.challenge() * a)
    }
}

/// A key that may carry torsion, and signs so that the cofactored equation holds.
struct Signer {
    author: [u8; 32],
    secret: Scalar,
}

impl Signer {
    fn new(secret: Scalar, torsion: EdwardsPoint) -> Self {
        Self { author: (secret * ED25519_BASEPOINT_POINT + torsion).compress().0, secret }
    }

    fn random(rng: &mut Rng, torsion: EdwardsPoint) -> Self {
        Self::new(random_scalar(rng), torsion)
    }

    /// Signs under R = [nonce]B + torsion.
    fn sign(&self, nonce: Scalar, torsion: EdwardsPoint, message: &[u8]) -> Claim {
        let r = (EdwardsPoint::mul_base(&nonce) + torsion).compress().0;
        self.sign_under(r, nonce, message)
    }

    /// Signs under an R encoded like this, a point that is [nonce]B but for torsion.
    fn sign_under(&self, r: [u8; 32], nonce: Scalar, message: &[u8]) -> Claim {
        let k = challenge(&r, &self.author, message);
        let s = (nonce + k * self.secret).to_bytes();
        Claim { author: self.author, r, s, message: message.to_vec() }
    }
}

/// What production says about claims that are checked in one go.
fn judge<'a>(claims: impl IntoIterator<Item = &'a Claim>) -> Vec<Result<(), Why>> {
    gather(claims).check().collect()
}

/// Whether production's one equation over these claims holds.
fn hold_together<'a>(claims: impl IntoIterator<Item = &'a Claim>) -> bool {
    gather(claims).hold_together()
}

fn gather<'a>(claims: impl IntoIterator<Item = &'a Claim>) -> Claims {
    let mut gathered = Claims::default();
    for claim in claims {
        let author = NodeId::from_bytes(claim.author);
        gathered.push(author, Signature::from_bytes(claim.signature()), &claim.message);
    }
    gathered
}

fn challenge(r: &[u8; 32], author: &[u8; 32], message: &[u8]) -> Scalar {
    let hash = Sha512::new().chain_update(r).chain_update(author).chain_update(message);
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

fn random_scalar(rng: &mut Rng) -> Scalar {
    Scalar::from_bytes_mod_order_wide(&rng.bytes())
}

/// Every encoding of the eight points of small order: 8 canonical, 6 not.
fn small_order_encodings() -> Vec<[u8; 32]> {
    let canonical = EIGHT_TORSION.iter().map(|point| point.compress().0);
    let others =
        non_canonical_encodings().into_iter().filter(|bytes| decoded(bytes).is_small_order());
    canonical.chain(others).collect()
}

/// Every encoding of a point other than its canonical one: 26, of which 6 are of small order.
fn non_canonical_encodings() -> Vec<[u8; 32]> {
    // y = 1 and y = p - 1 with the sign of x, which is zero there; y from p to 2^255 - 1.
    let mut ys = vec![field_bytes(1), near_prime(-1)];
    ys.extend((0..19).map(near_prime));
    let signed = |y: [u8; 32]| [y, with_sign(y)];
    let decodes = |bytes: &[u8; 32]| CompressedEdwardsY(*bytes).decompress().is_some();
    let canonical = |bytes: &[u8; 32]| decoded(bytes).compress().0 == *bytes;
    ys.into_iter().flat_map(signed).filter(|bytes| decodes(bytes) && !canonical(bytes)).collect()
}

fn decoded(bytes: &[u8; 32]) -> EdwardsPoint {
    CompressedEdwardsY(*bytes).decompress().unwrap_or_else(EdwardsPoint::identity)
}

fn field_bytes(small: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = small;
    bytes
}

/// The field's prime 2^255 - 19 plus this, little-endian.
fn near_prime(offset: i8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed_u8.wrapping_add_signed(offset);
    bytes[31] = 0x7f;
    bytes
}

fn with_sign(mut bytes: [u8; 32]) -> [u8; 32] {
    bytes[31] |= 0x80;
    bytes
}

/// s plus so many times the group's order: the same number to who does not check; `None` when it
/// does not fit.
fn plus_order(s: [u8; 32], times: u32) -> Option<[u8; 32]> {
    let mut bytes = s;
    for _ in 0..times {
        let mut carry = 0;
        for (byte, add) in bytes.iter_mut().zip(ORDER) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = sum as u8;
            carry = sum >> 8;
        }
        if carry != 0 {
            return None;
        }
    }
    Some(bytes)
}

/// 2^252 + 27742317777372353535851937790883648493, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];
