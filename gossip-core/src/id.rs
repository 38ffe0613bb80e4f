//! Names of things: nodes, clusters, channels, topics, facts, sessions, and where nodes listen.

mod by_id;

use std::cmp::Ordering;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub(crate) use self::by_id::{ById, Slot};

/// The first 8 bytes of a name: where two numbers differ, their order is that of the names.
fn beginning_of(name: &[u8; 32]) -> u64 {
    u64::from_be_bytes(name.first_chunk().copied().unwrap_or_default())
}

/// Defines a 32-byte name that is shown as lower-case hex.
macro_rules! name32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name([u8; 32]);

        impl Ord for $name {
            /// By the bytes; mostly the first eight tell, and as one number they do so at once.
            fn cmp(&self, other: &Self) -> Ordering {
                let beginnings = beginning_of(&self.0).cmp(&beginning_of(&other.0));
                beginnings.then_with(|| self.0.cmp(&other.0))
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl $name {
            /// The name with these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes of the name.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let [a, b, c, d, ..] = self.0;
                write!(f, concat!(stringify!($name), "({:02x}{:02x}{:02x}{:02x})"), a, b, c, d)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse_hex(text).map(Self)
            }
        }
    };
}

name32! {
    /// A node: its ed25519 public key.
    NodeId
}
name32! {
    /// A cluster: blake3 of its name alone.
    ClusterId
}
name32! {
    /// A channel: an isolated world of state inside a cluster.
    ChannelId
}
name32! {
    /// A fact: blake3 of its signed bytes, the signature excluded.
    FactId
}

impl FactId {
    /// The first of all ids that begin with these bytes.
    pub(crate) fn beginning_with(bytes: &[u8; 8]) -> Self {
        let mut id = [0; 32];
        id.split_at_mut(8).0.copy_from_slice(bytes);
        Self(id)
    }
}

impl ClusterId {
    /// The cluster of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        Self(blake3::derive_key("gossip 2026 cluster id v1", name.as_bytes()))
    }
}

impl ChannelId {
    /// The name of the channel that every member of a cluster is in.
    pub const MAIN: &'static str = "main";

    /// The channel that a cluster derives from a name, such as [`Self::MAIN`].
    #[must_use]
    pub fn derived(cluster: ClusterId, name: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("gossip 2026 channel id v1");
        hasher.update(cluster.as_bytes()).update(name.as_bytes());
        Self(*hasher.finalize().as_bytes())
    }

    /// The system channel whose one shard is the membership view.
    ///
    /// Its name contains a byte that no configured channel name may contain.
    #[must_use]
    pub fn view(cluster: ClusterId) -> Self {
        Self::derived(cluster, "\0view")
    }

    /// What a frame names the channel by: the first 8 bytes. Signatures bind all 32.
    #[must_use]
    pub const fn tag(&self) -> ChannelTag {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        ChannelTag([a, b, c, d, e, f, g, h])
    }
}

impl FactId {
    /// The first 16 bytes: what comparisons send.
    #[must_use]
    pub fn short(&self) -> [u8; 16] {
        let mut short = [0; 16];
        short.copy_from_slice(self.0.split_at(16).0);
        short
    }
}

/// The first 8 bytes of a [`ChannelId`], as frames carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChannelTag(pub(crate) [u8; 8]);

/// A topic: a key prefix fixed at the channel's creation; 0 holds the rest.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
#[expect(clippy::exhaustive_structs, reason = "a number and nothing else")]
pub struct TopicId(pub u8);

/// A shard, the unit of state: hash, repair and fairness are per shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_structs, reason = "a pair and nothing else")]
pub struct ShardId {
    /// The channel.
    pub channel: ChannelId,
    /// The topic within the channel.
    pub topic: TopicId,
}

/// One start of a node's process: random, new at each start.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
#[expect(clippy::exhaustive_structs, reason = "a number and nothing else")]
pub struct BootId(pub [u8; 8]);

/// One direction of a session, chosen at random by its sender and carried in every frame.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
#[expect(clippy::exhaustive_structs, reason = "a number and nothing else")]
pub struct SessionId(pub [u8; 8]);

/// Most addresses of one kind that a node may announce (guess: IPv4 and IPv6, inside and outside).
pub const MAX_ADDRESSES: usize = 4;

/// Where a node can be reached, as others see it; at most [`MAX_ADDRESSES`] of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "its layout is frozen inside the alive fact")]
pub struct Endpoints {
    /// Addresses that take datagrams, best first.
    pub datagram: Vec<SocketAddr>,
    /// Addresses that take streams, best first.
    pub stream: Vec<SocketAddr>,
}

impl Endpoints {
    /// Endpoints with one datagram address.
    #[must_use]
    pub fn datagram(address: SocketAddr) -> Self {
        Self { datagram: vec![address], stream: Vec::new() }
    }

    /// Every address, datagram ones first.
    pub fn iter(&self) -> impl Iterator<Item = SocketAddr> {
        self.datagram.iter().chain(&self.stream).copied()
    }
}

/// Text that is not 64 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an id is 64 hex digits; this has {length} characters or others than 0-9 and a-f")]
pub struct ParseIdError {
    length: usize,
}

fn parse_hex(text: &str) -> Result<[u8; 32], ParseIdError> {
    let error = ParseIdError { length: text.chars().count() };
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(error);
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(pair).map_err(|_| error)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| error)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trips_and_refuses() {
        let id = NodeId::from_bytes([0xab; 32]);
        assert_eq!(id.to_string().parse::<NodeId>(), Ok(id));
        assert!("ab".parse::<NodeId>().is_err());
        assert!("zz".repeat(32).parse::<NodeId>().is_err());
        assert!("+1".repeat(32).parse::<NodeId>().is_err());
    }

    #[test]
    fn system_names_are_apart() {
        let cluster = ClusterId::from_name("demo");
        assert_ne!(ChannelId::view(cluster), ChannelId::derived(cluster, "view"));
        assert_ne!(
            ChannelId::derived(cluster, ChannelId::MAIN),
            ChannelId::derived(ClusterId::from_name("other"), ChannelId::MAIN)
        );
    }
}
