//! What a node says of itself and of others when it is asked how the cluster looks from there.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::time::Wall;

/// Most members that a [`Report`] over datagrams speaks of: with frame and header they fit one.
pub const SIGHTINGS: usize = 25;

/// Most members that a [`Report`] over a stream speaks of (house decision: the members that a cluster is
/// made for; 32 bytes each).
pub const MAX_SIGHTINGS: usize = 4_096;

/// The most that one [`Sighting`] takes.
pub const SIGHTING_BYTES: usize = 40;

/// Most members that a [`Report`] says to be [`Astray`] (a guess: one names the cause, and a datagram has room).
pub const MAX_ASTRAY: usize = 4;

/// "How does the cluster look from there?"
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the wire form of one record")]
pub struct Query {
    /// Chosen by the asker; the answer repeats it.
    pub nonce: u32,
    /// Whether to tell of all members, over a stream if one leads to the asker.
    pub full: bool,
}

/// "So the cluster looks from here": the answer to a [`Talk::Query`](super::Talk::Query).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the wire form of one record")]
pub struct Report {
    /// The asker's number.
    pub nonce: u32,
    /// What the sender's clock says.
    pub wall: Wall,
    /// The version of the sender's program.
    pub program: String,
    /// How often the sender's view has changed since it started.
    pub version: u64,
    /// A hash of who is a member, in which incarnation, and how it stands; suspects count as alive.
    pub view: [u8; 8],
    /// Members alive, suspect, dead, left and evicted, the sender itself included.
    pub counts: [u32; 5],
    /// When the sender last noticed that it had not been run: how many milliseconds ago, and for how
    /// many.
    pub stood_still: Option<(u64, u32)>,
    /// Other members, those first with whom something is wrong: [`SIGHTINGS`] at most over datagrams.
    pub sightings: Vec<Sighting>,
    /// Members that do not answer where they say that they listen, and speak from elsewhere: [`MAX_ASTRAY`] at
    /// most.
    pub astray: Vec<Astray>,
}

/// A member that is somewhere else than it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the wire form of one record")]
pub struct Astray {
    /// The first bytes of its id.
    pub member: [u8; 8],
    /// Where it is reached, or spoke from last.
    pub at: SocketAddr,
}

/// How another member looks from where a [`Report`] is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the wire form of one record")]
pub struct Sighting {
    /// The first bytes of its id.
    pub member: [u8; 8],
    /// 0 alive, 1 suspect, 2 dead, 3 left, 4 evicted.
    pub status: u8,
    /// The link with it: 0 good, 1 its frames arrive but it answers nothing, 2 others have answers of it
    /// only, 3 silent.
    pub link: u8,
    /// Which percentage of the last probes had no answer, if enough were sent to tell.
    pub loss: Option<u8>,
    /// Its incarnation.
    pub incarnation: u64,
    /// How many milliseconds ago a frame of its arrived, if one did.
    pub heard_ms: Option<u32>,
    /// How many milliseconds ago it answered a probe, if it did.
    pub answered_ms: Option<u32>,
    /// How many milliseconds the last measured round trip took, if one was measured.
    pub rtt_ms: Option<u16>,
}
