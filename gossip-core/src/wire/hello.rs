//! First contact: who speaks, which cluster and constants, and a proof of address.

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::frame::VERSION;
use crate::fact::{HORIZON, Why};
use crate::id::{ClusterId, SessionId};
use crate::time::{EPOCH, Wall};

/// Bytes of a cookie.
pub const COOKIE_BYTES: usize = 16;

/// What all members of a cluster must agree on. It travels as a hash; a mismatch is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "configuration builds it literally")]
pub struct Constants {
    /// The name of the main channel's retain rule.
    pub retain: &'static str,
    /// How far ahead of our clock a fact may be dated, in milliseconds.
    pub skew_ms: u64,
}

impl Constants {
    /// The hash that a Hello carries.
    #[must_use]
    pub fn hash(&self) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_derive_key("gossip 2026 cluster constants v1");
        let numbers = [self.skew_ms, EPOCH.as_secs(), HORIZON.as_secs()];
        for number in numbers {
            hasher.update(&number.to_le_bytes());
        }
        hasher.update(self.retain.as_bytes());
        let mut short = [0; 16];
        short.copy_from_slice(hasher.finalize().as_bytes().split_at(16).0);
        short
    }
}

/// The largest fact of a cluster, header, key and value included: a constant that whoever founds
/// the cluster sets, and that who joins takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "its layout is frozen inside Hello")]
pub struct FactLimit {
    /// The record body in bytes.
    pub bytes: u32,
    /// Whether it is settled. Who is new, was told seeds, and has met none of them yet, takes over
    /// what it finds.
    pub founded: bool,
}

impl FactLimit {
    /// What holds between who dialled and who answers: the dialler takes over what is settled, and
    /// of two that are not settled the smaller. Nobody's limit changes because a stranger dials.
    /// `None`: they belong to clusters that were founded differently, or the answerer has to dial.
    #[must_use]
    pub const fn agree(dialler: Self, answerer: Self) -> Option<u32> {
        let takes_over = answerer.founded || answerer.bytes < dialler.bytes;
        if dialler.bytes == answerer.bytes || (!dialler.founded && takes_over) {
            Some(answerer.bytes)
        } else {
            None
        }
    }
}

/// First contact, or the answer to it.
///
/// A Hello is larger than any answer that an unproven address can provoke (a Retry of 26 bytes),
/// so that nobody can be made to amplify.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the wire form of one record")]
pub struct Hello {
    /// The session of the partner's Hello that this one answers.
    pub answers: Option<SessionId>,
    /// The sender's alive fact, a record body of the system channel.
    pub alive: Bytes,
    /// One bit per thing that the sender can do; [`COMPRESSION`](Self::COMPRESSION) is the only one.
    pub capabilities: u64,
    /// The sender's cluster.
    pub cluster: ClusterId,
    /// The last commit of the sender's store when the sender started: a partner that holds a later
    /// receipt of an earlier start knows that state was lost.
    pub commit: u64,
    /// The hash of the cluster's [`Constants`].
    pub constants: [u8; 16],
    /// What a Retry asked to repeat.
    pub cookie: Option<[u8; COOKIE_BYTES]>,
    /// The largest fact that the sender's cluster carries.
    pub fact_limit: FactLimit,
    /// The session that the sender's frames will carry.
    pub session: SessionId,
    /// The lowest and highest wire version that the sender speaks.
    pub versions: (u8, u8),
    /// The sender's clock.
    pub wall: Wall,
}

impl Hello {
    /// The sender takes frames whose records are compressed.
    pub const COMPRESSION: u64 = 1;

    pub(super) fn encode(&self, out: &mut BytesMut) {
        #[expect(clippy::expect_used, reason = "encoding into memory that grows cannot fail")]
        out.put_slice(&postcard::to_stdvec(self).expect("a Hello encodes"));
    }

    pub(super) fn decode(body: &Bytes) -> Result<Self, Why> {
        let (hello, rest) = postcard::take_from_bytes::<Self>(body).map_err(|_| Why::BadFrame)?;
        if rest.is_empty() { Ok(hello) } else { Err(Why::BadFrame) }
    }

    /// Whether the sender takes frames whose records are compressed.
    #[must_use]
    pub const fn takes_compressed(&self) -> bool {
        self.capabilities & Self::COMPRESSION != 0
    }

    /// Whether we speak a common wire version.
    #[must_use]
    pub const fn speaks_ours(&self) -> bool {
        self.versions.0 <= VERSION && VERSION <= self.versions.1
    }
}
