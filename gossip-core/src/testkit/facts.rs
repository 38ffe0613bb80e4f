//! Facts for tests: an author who signs what it is told, at the version it is told.

use bytes::Bytes;

use crate::fact::{Domain, Dot, Draft, Envelope, FactKind, Keys, SigningKeys, SimKeys, Verified};
use crate::id::{ChannelId, ClusterId, NodeId, ShardId, TopicId};
use crate::time::{Hlc, Wall};

/// Somebody who writes into one shard.
#[derive(Debug)]
pub struct Author {
    domain: Domain,
    keys: Box<dyn Keys>,
    topic: TopicId,
}

impl Author {
    /// The simulated author with this number; only a simulator's verifier accepts its facts.
    #[must_use]
    pub fn simulated(number: u64, domain: &Domain) -> Self {
        Self::new(Box::new(SimKeys::new(number)), domain)
    }

    /// The author with this number and a real key.
    #[must_use]
    pub fn signing(number: u64, domain: &Domain) -> Self {
        let secret = blake3::derive_key("gossip 2026 test author v1", &number.to_le_bytes());
        Self::new(Box::new(SigningKeys::new(secret, secret)), domain)
    }

    /// An author with these keys.
    #[must_use]
    pub fn new(keys: Box<dyn Keys>, domain: &Domain) -> Self {
        Self { domain: domain.clone(), keys, topic: TopicId::default() }
    }

    /// The same author in another topic.
    #[must_use]
    pub fn in_topic(self, topic: TopicId) -> Self {
        Self { topic, ..self }
    }

    /// Who this is.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.keys.id()
    }

    /// The shard that it writes into.
    #[must_use]
    pub fn shard(&self) -> ShardId {
        ShardId { channel: self.domain.channel(), topic: self.topic }
    }

    /// A value.
    #[must_use]
    pub fn put(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        hlc: Hlc,
    ) -> Verified<Envelope> {
        self.expiring(key, value, hlc, Wall::ZERO)
    }

    /// A value that expires.
    #[must_use]
    pub fn expiring(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        hlc: Hlc,
        expires_at: Wall,
    ) -> Verified<Envelope> {
        let value = Some(Bytes::copy_from_slice(value.as_ref()));
        self.sign(&Draft { value, expires_at, ..self.draft(key, hlc) })
    }

    /// A value whose author had seen these.
    #[must_use]
    pub fn sibling(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        hlc: Hlc,
        context: Vec<Dot>,
    ) -> Verified<Envelope> {
        let value = Some(Bytes::copy_from_slice(value.as_ref()));
        self.sign(&Draft { value, context, ..self.draft(key, hlc) })
    }

    /// A deletion.
    #[must_use]
    pub fn delete(&self, key: impl AsRef<[u8]>, hlc: Hlc) -> Verified<Envelope> {
        self.sign(&self.draft(key, hlc))
    }

    /// A deletion to be changed into something else.
    #[must_use]
    pub fn draft(&self, key: impl AsRef<[u8]>, hlc: Hlc) -> Draft {
        Draft {
            context: Vec::new(),
            expires_at: Wall::ZERO,
            hlc,
            key: Bytes::copy_from_slice(key.as_ref()),
            kind: FactKind::ENTRY,
            topic: self.topic,
            value: None,
        }
    }

    /// Signs anything within limits.
    ///
    /// # Panics
    /// If it exceeds one.
    #[must_use]
    pub fn sign(&self, draft: &Draft) -> Verified<Envelope> {
        draft.sign(&*self.keys, &self.domain).expect("a test's facts are within limits")
    }
}

/// The domain of the main channel of a cluster named `test`.
#[must_use]
pub fn domain() -> Domain {
    let cluster = ClusterId::from_name("test");
    Domain::new(cluster, ChannelId::derived(cluster, ChannelId::MAIN))
}

/// An instant some minutes after 1970: epochs are easy to count there.
#[must_use]
pub const fn minute(number: u64) -> Wall {
    Wall::from_millis(number * 60_000)
}

/// The first version of a minute.
#[must_use]
pub const fn at_minute(number: u64) -> Hlc {
    Hlc::from_wall(minute(number))
}
