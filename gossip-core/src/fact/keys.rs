//! Signing, sealing and opening: one boxed slot, real in production, cheap in the simulator.

use std::fmt;

use bytes::Bytes;
use ed25519_dalek::Signer as _;

use super::{Claims, Why};
use crate::id::{NodeId, SessionId};

/// An ed25519 signature: R, then s.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature([u8; 64]);

impl Signature {
    /// The signature with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// All 64 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "Signature({a:02x}{b:02x}{c:02x}{d:02x})")
    }
}

/// How frames between two nodes are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a node that mistakes one for the other is unsafe")]
pub enum Protection {
    /// Not at all: anybody on the path reads and forges talk. Facts stay signed.
    Clear,
    /// Sealed under a key that only the two ends have.
    Sealed,
}

/// A node's secrets: the only holder of them inside a node.
pub trait Keys: fmt::Debug + Send {
    /// Who this is.
    fn id(&self) -> NodeId;

    /// Signs a message.
    fn sign(&self, message: &[u8]) -> Signature;

    /// Whether this signature over this message is that node's: for the few words of talk that
    /// are signed. Facts go to the verifier, in batches.
    fn vouches(&self, author: NodeId, signature: Signature, message: &[u8]) -> bool;

    /// The X25519 key that others seal to; new at each start.
    fn box_public(&self) -> [u8; 32];

    /// How [`seal`](Self::seal) protects.
    fn protection(&self) -> Protection;

    /// Protects the records of one frame of a session that this node sends in. Not asked where
    /// sessions are in the clear.
    fn seal(&self, session: SessionId, records: Bytes) -> Bytes;

    /// Takes the protection off a received frame.
    ///
    /// # Errors
    /// A reason blamed [`Unproven`](super::Blame::Unproven) when the frame is not the partner's.
    fn open(&self, session: SessionId, frame: Bytes) -> Result<Bytes, Why>;
}

/// A real ed25519 key. Sessions are in the clear: sealing is not built yet.
pub struct SigningKeys {
    box_public: [u8; 32],
    id: NodeId,
    signing: ed25519_dalek::SigningKey,
}

impl SigningKeys {
    /// The key with this secret; `boot_secret` is fresh randomness of this start.
    #[must_use]
    pub fn new(secret: [u8; 32], boot_secret: [u8; 32]) -> Self {
        let signing = ed25519_dalek::SigningKey::from_bytes(&secret);
        let id = NodeId::from_bytes(signing.verifying_key().to_bytes());
        let box_public =
            curve25519_dalek::MontgomeryPoint::mul_base_clamped(boot_secret).to_bytes();
        Self { box_public, id, signing }
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Keys for SigningKeys {
    fn id(&self) -> NodeId {
        self.id
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.signing.sign(message).to_bytes())
    }

    fn vouches(&self, author: NodeId, signature: Signature, message: &[u8]) -> bool {
        let mut claims = Claims::with_capacity(1);
        claims.push(author, signature, message);
        claims.check().all(|verdict| verdict.is_ok())
    }

    fn box_public(&self) -> [u8; 32] {
        self.box_public
    }

    fn protection(&self) -> Protection {
        Protection::Clear
    }

    fn seal(&self, _session: SessionId, records: Bytes) -> Bytes {
        records
    }

    fn open(&self, _session: SessionId, frame: Bytes) -> Result<Bytes, Why> {
        Ok(frame)
    }
}

/// Hash-based stand-in for signatures: a simulated node's key. Only a simulator's verifier
/// accepts what it signs.
#[cfg(feature = "sim")]
#[derive(Clone, Copy, Debug)]
pub struct SimKeys(NodeId);

#[cfg(feature = "sim")]
impl SimKeys {
    /// The key of the simulated node with this number.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self(NodeId::from_bytes(blake3::derive_key(
            "gossip 2026 simulated node v1",
            &number.to_le_bytes(),
        )))
    }

    pub(super) fn signature(author: NodeId, message: &[u8]) -> Signature {
        let half = blake3::keyed_hash(author.as_bytes(), message);
        let mut bytes = [0; 64];
        let (head, tail) = bytes.split_at_mut(32);
        head.copy_from_slice(half.as_bytes());
        tail.copy_from_slice(half.as_bytes());
        Signature(bytes)
    }
}

#[cfg(feature = "sim")]
impl Keys for SimKeys {
    fn id(&self) -> NodeId {
        self.0
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Self::signature(self.0, message)
    }

    fn vouches(&self, author: NodeId, signature: Signature, message: &[u8]) -> bool {
        Self::signature(author, message) == signature
    }

    fn box_public(&self) -> [u8; 32] {
        *self.0.as_bytes()
    }

    fn protection(&self) -> Protection {
        Protection::Clear
    }

    fn seal(&self, _session: SessionId, records: Bytes) -> Bytes {
        records
    }

    fn open(&self, _session: SessionId, frame: Bytes) -> Result<Bytes, Why> {
        Ok(frame)
    }
}
