//! What an author signs, and the domain that separates one channel's signatures from another's.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::id::{ChannelId, ClusterId, FactId, NodeId, TopicId};
use crate::time::{EPOCH, Epoch, Hlc, Wall};

/// Longest key in bytes (house decision).
pub const MAX_KEY_BYTES: usize = 512;

/// Most dots in a header's context: one per sibling that `keep_siblings` retains (house decision).
pub const MAX_CONTEXT: usize = 16;

/// How long a tombstone stays in the compared set after its date: 24 h (a guess).
pub const HORIZON: Duration = Duration::from_secs(24 * 60 * 60);

/// How long what is said of a member stands in the view after its date: as long as a deletion (house horizon).
/// Who lives says so anew at least three times in that time.
pub const WORD_LIFE: Duration = HORIZON;

/// What a fact is about. A kind's layout is frozen for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[expect(clippy::exhaustive_structs, reason = "a number and nothing else")]
pub struct FactKind(pub u8);

impl FactKind {
    /// A key's value, or its tombstone.
    pub const ENTRY: Self = Self(1);
    /// A node's statement about itself.
    pub const ALIVE: Self = Self(2);
    /// A node's statement that it leaves.
    pub const LEAVE: Self = Self(3);
    /// A node's statement that another one does not answer it.
    pub const ACCUSATION: Self = Self(4);
    /// A node's statement that another one is a member no more.
    pub const EVICTION: Self = Self(5);
}

/// Yes-or-no properties of a fact, one bit each; unknown bits are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Flags(u8);

impl Flags {
    /// No property.
    pub const NONE: Self = Self(0);
    /// The key was deleted.
    pub const TOMBSTONE: Self = Self(1);

    /// The flags with these bits, unless one is unknown.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits <= 1 { Some(Self(bits)) } else { None }
    }

    /// Whether the key was deleted.
    #[must_use]
    pub const fn tombstone(self) -> bool {
        self.0 & 1 != 0
    }
}

/// One author's write, named by its version: what `keep_siblings` records as seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "its layout is frozen inside the header")]
pub struct Dot {
    /// Who wrote.
    pub author: NodeId,
    /// The version written.
    pub hlc: Hlc,
}

/// What the author signs. Field order is the wire order and frozen for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "its layout is frozen")]
pub struct Header<'a> {
    /// The topic within the channel.
    pub topic: TopicId,
    /// Who says this.
    pub author: NodeId,
    /// The key, at most [`MAX_KEY_BYTES`].
    #[serde(borrow)]
    pub key: &'a [u8],
    /// The version.
    pub hlc: Hlc,
    /// Yes-or-no properties.
    pub flags: Flags,
    /// When the entry turns into a tombstone in place; zero: never.
    pub expires_at: Wall,
    /// Length of the value in bytes; zero for a tombstone.
    pub value_bytes: u32,
    /// blake3 of the value; zeros for a tombstone.
    pub value_hash: [u8; 32],
    /// What the author had seen of this key; at most [`MAX_CONTEXT`], empty under `last_write`.
    #[serde(deserialize_with = "bounded_context")]
    pub context: Vec<Dot>,
}

impl Header<'_> {
    /// Whether all limits hold and a tombstone carries nothing.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let empty = self.value_bytes == 0 && self.value_hash == [0; 32];
        self.key.len() <= MAX_KEY_BYTES
            && self.context.len() <= MAX_CONTEXT
            && Flags::from_bits(self.flags.0).is_some()
            && (!self.flags.tombstone() || (empty && self.expires_at == Wall::ZERO))
    }
}

/// The first epoch whose compared set no longer holds a fact with these properties.
///
/// A tombstone leaves [`HORIZON`] after its date, what expires [`HORIZON`] after that, and whatever is
/// said of a member [`WORD_LIFE`] after its date; everything
/// else stays: [`Epoch::NEVER`]. This is a pure function of kind and header, so that replicas agree on
/// the compared set of any epoch without anybody signing it.
#[must_use]
pub fn leaves_at(kind: FactKind, flags: Flags, hlc: Hlc, expires_at: Wall) -> Epoch {
    leaves_after(HORIZON, kind, flags, hlc, expires_at)
}

fn leaves_after(
    horizon: Duration,
    kind: FactKind,
    flags: Flags,
    hlc: Hlc,
    expires_at: Wall,
) -> Epoch {
    if kind != FactKind::ENTRY {
        return Epoch::of(hlc.wall() + WORD_LIFE + EPOCH);
    }
    let dead_since = if flags.tombstone() {
        hlc.wall()
    } else if expires_at != Wall::ZERO {
        expires_at.max(hlc.wall())
    } else {
        return Epoch::NEVER;
    };
    Epoch::of(dead_since + horizon + EPOCH)
}

/// The cluster and channel that a fact belongs to: prefixed to what is signed and hashed, never
/// carried per fact.
#[derive(Clone)]
pub struct Domain {
    channel: ChannelId,
    cluster: ClusterId,
    horizon: Duration,
    /// Fed with everything that all ids of the domain have in common.
    ids: Arc<blake3::Hasher>,
    /// The same for entries, whose kind is fed too: that lets it finish with the domain's block,
    /// a third of what hashing most headers takes.
    entry_ids: Arc<blake3::Hasher>,
}

impl Domain {
    /// The domain of a channel.
    #[must_use]
    pub fn new(cluster: ClusterId, channel: ChannelId) -> Self {
        let mut ids = blake3::Hasher::new_derive_key("gossip 2026 fact id v1");
        ids.update(cluster.as_bytes()).update(channel.as_bytes());
        let mut entry_ids = ids.clone();
        entry_ids.update(&[FactKind::ENTRY.0]);
        let (ids, entry_ids) = (Arc::new(ids), Arc::new(entry_ids));
        Self { channel, cluster, horizon: HORIZON, ids, entry_ids }
    }

    /// The same domain with another [`HORIZON`], for simulations that cannot wait for days.
    #[must_use]
    pub(crate) fn with_horizon(self, horizon: Duration) -> Self {
        Self { horizon, ..self }
    }

    /// See [`leaves_at`].
    pub(super) fn leaves_at(
        &self,
        kind: FactKind,
        flags: Flags,
        hlc: Hlc,
        expires_at: Wall,
    ) -> Epoch {
        leaves_after(self.horizon, kind, flags, hlc, expires_at)
    }

    /// The channel.
    #[must_use]
    pub const fn channel(&self) -> ChannelId {
        self.channel
    }

    /// The cluster.
    #[must_use]
    pub const fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// The id of the fact with this kind and encoded header.
    #[must_use]
    pub fn fact_id(&self, kind: FactKind, header: &[u8]) -> FactId {
        let mut hasher = if kind == FactKind::ENTRY {
            blake3::Hasher::clone(&self.entry_ids)
        } else {
            let mut hasher = blake3::Hasher::clone(&self.ids);
            hasher.update(&[kind.0]);
            hasher
        };
        hasher.update(header);
        FactId::from_bytes(*hasher.finalize().as_bytes())
    }

    /// Writes the signed bytes of the fact with this kind and encoded header.
    pub fn signed_bytes(&self, kind: FactKind, header: &[u8], out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(b"gossip fact v1");
        out.extend_from_slice(self.cluster.as_bytes());
        out.extend_from_slice(self.channel.as_bytes());
        out.push(kind.0);
        out.extend_from_slice(header);
    }
}

/// Reads at most [`MAX_CONTEXT`] dots: the sender's count reserves no memory.
fn bounded_context<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Dot>, D::Error> {
    struct Dots;

    impl<'de> Visitor<'de> for Dots {
        type Value = Vec<Dot>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {MAX_CONTEXT} dots")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut dots: A) -> Result<Vec<Dot>, A::Error> {
            let mut context = Vec::new();
            while let Some(dot) = dots.next_element()? {
                if context.len() == MAX_CONTEXT {
                    return Err(A::Error::invalid_length(MAX_CONTEXT + 1, &self));
                }
                context.push(dot);
            }
            Ok(context)
        }
    }

    deserializer.deserialize_seq(Dots)
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Domain")
            .field("cluster", &self.cluster)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde::de::value::{Error, SeqDeserializer};

    use super::*;

    #[test]
    fn reading_a_context_stops_at_the_limit() {
        let dot = vec![vec![7u8; 32], vec![0u8; 8]];
        let read = |count: usize| {
            let mut taken = 0;
            let dots = std::iter::repeat_n(dot.clone(), count).inspect(|_| taken += 1);
            let context = bounded_context(SeqDeserializer::<_, Error>::new(dots));
            (context.map(|context| context.len()).ok(), taken)
        };
        assert_eq!(read(0), (Some(0), 0));
        assert_eq!(read(MAX_CONTEXT), (Some(MAX_CONTEXT), MAX_CONTEXT));
        assert_eq!(read(1_000_000), (None, MAX_CONTEXT + 1));

        let dot = Dot { author: NodeId::from_bytes([7; 32]), hlc: Hlc::ZERO };
        let header = |dots: usize| Header {
            topic: TopicId(0),
            author: dot.author,
            key: b"key",
            hlc: Hlc::ZERO,
            flags: Flags::NONE,
            expires_at: Wall::ZERO,
            value_bytes: 0,
            value_hash: [0; 32],
            context: vec![dot; dots],
        };
        let encoded = |dots| postcard::to_stdvec(&header(dots)).unwrap();
        let full = encoded(MAX_CONTEXT);
        assert_eq!(postcard::from_bytes::<Header<'_>>(&full).unwrap(), header(MAX_CONTEXT));
        assert!(postcard::from_bytes::<Header<'_>>(&encoded(MAX_CONTEXT + 1)).is_err());
    }

    #[test]
    fn only_the_dead_leave() {
        let hlc = Hlc::from_wall(Wall::from_millis(60_000 * 100));
        let day = 24 * 60;
        assert_eq!(leaves_at(FactKind::ENTRY, Flags::NONE, hlc, Wall::ZERO), Epoch::NEVER);
        assert_eq!(
            leaves_at(FactKind::ENTRY, Flags::TOMBSTONE, hlc, Wall::ZERO).number(),
            100 + day + 1
        );
        let expires = Wall::from_millis(60_000 * 200 + 1);
        assert_eq!(leaves_at(FactKind::ENTRY, Flags::NONE, hlc, expires).number(), 200 + day + 1);
        let past = Wall::from_millis(1);
        assert_eq!(leaves_at(FactKind::ENTRY, Flags::NONE, hlc, past).number(), 100 + day + 1);
    }
}
