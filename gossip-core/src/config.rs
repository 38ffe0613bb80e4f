//! What a node is told before it starts: a plain spec, checked once, sealed for good.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::fact::{Domain, Keys, WORD_LIFE};
use crate::id::{ChannelId, ClusterId, NodeId};
use crate::io::Seed;
use crate::membership::{MAX_NAME_BYTES, MAX_TAGS};
use crate::store::{MetaName, Restored};
use crate::strategy::detector::{Swim, SwimConfig};
use crate::strategy::dissemination::{RumorConfig, RumorMongering};
use crate::strategy::overlay::FullMesh;
use crate::strategy::reconcile::{Repair, RepairConfig};
use crate::strategy::removal::{Feedback, Limit};
use crate::strategy::retain::LastWrite;
use crate::strategy::sampler::Shuffled;
use crate::strategy::{Detector, Dissemination, Overlay, Reconcile, Retain, Sampler};
use crate::transport::{DATAGRAM_BYTES, Payloads};
use crate::wire::{Constants, FactLimit, Packer, record_len};

/// How far ahead of a node's clock a fact may be dated before it is parked: 10 s (a guess).
pub const SKEW: Duration = Duration::from_secs(10);

/// What a node is told before it starts. Plain: [`build`](Self::build) checks it.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "users build it literally over a default")]
pub struct ConfigSpec {
    /// The cluster's name; nodes of other clusters are refused. Default `gossip`.
    pub cluster: String,
    /// A name for people, at most 63 bytes; not unique. Default empty.
    pub name: String,
    /// Free properties that other members see; at most 8, each part at most 63 bytes. Default
    /// none.
    pub tags: BTreeMap<String, String>,
    /// The largest fact in bytes, header, key and value included: a constant of the cluster.
    /// Default: that of the cluster which the node joins or which its store was in. A node that
    /// founds one takes 1 MiB (house decision), or what its streams carry if that is less. Over
    /// datagrams alone large facts go in chunks; datagrams below 1,200 bytes carry none of those.
    pub fact_bytes: Option<usize>,
    /// Members to talk to first, redialled for ever. Default none.
    pub seeds: Vec<Seed>,
    /// Time before an unanswered first contact is tried again; doubles up to `redial_max`.
    /// Default 250 ms (a guess: above most round trips).
    pub redial_min: Duration,
    /// Longest time between tries to reach a seed; for a node without any session it is eight times `redial_min`, if
    /// that is less. For a dead member it is longer, where more than 30 are: two of them are tried per second
    /// then, all together, and eight by a node without any session. Default 15 s (a guess).
    pub redial_max: Duration,
    /// Most first contacts tried per second. Default 128 (a guess).
    pub dials_per_second: u32,
    /// Whether frames over streams travel compressed where that spares an eighth, to members that can take
    /// them so. Frames that come compressed are taken in any case. Default true.
    pub compress: bool,
    /// How often an unchanged alive fact is issued anew at most: with more than 15 members each takes its turn, so
    /// that together they issue about one every two seconds. A relayed one counts as a sign of life for so long
    /// after it was signed. Default 30 s (house decision); at most six hours, for after a day it is forgotten.
    pub alive_interval: Duration,
    /// How rumors of membership are told. Default: the id first and before rounds but once, for that somebody is alive is most of what a
    /// cluster at rest has to say.
    pub view_rumors: RumorConfig,
    /// How views are repaired. Default: as state is, with a period of 1 s: whom waves miss of a thousand that join is met
    /// at the next round.
    pub view_repair: RepairConfig,
    /// Bounds of what waits inside the node.
    pub limits: Limits,
}

impl Default for ConfigSpec {
    fn default() -> Self {
        Self {
            cluster: String::from("gossip"),
            name: String::new(),
            tags: BTreeMap::new(),
            fact_bytes: None,
            seeds: Vec::new(),
            redial_min: Duration::from_millis(250),
            redial_max: Duration::from_secs(15),
            dials_per_second: 128,
            compress: true,
            alive_interval: Duration::from_secs(30),
            view_rumors: RumorConfig {
                eager: 1,
                offer_after: 0,
                quiet: 16,
                ..RumorConfig::default()
            },
            view_repair: RepairConfig { period: Duration::from_secs(1), ..RepairConfig::default() },
            limits: Limits::default(),
        }
    }
}

/// Bounds of what waits inside a node. Beyond each, the heaviest user is shed and counted;
/// repair brings back what was shed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "users build it literally over a default")]
pub struct Limits {
    /// Bytes of unmerged facts of one peer in one channel. Default 2 MiB (a guess: some 100 ms
    /// of verification, and room for a full window of repair).
    pub peer_bytes: usize,
    /// Bytes of unmerged facts of one channel. Default 8 MiB (a guess).
    pub channel_bytes: usize,
    /// Facts from the future that are parked, in one channel. One author has at most an eighth.
    /// Default 1,024 (a guess).
    pub parked: usize,
    /// Ids of merged facts that are remembered, in one channel. Default 65,536 (1.5 MB).
    pub recent: usize,
    /// Own writes that wait for the store, in one channel. Default 65,536 (a guess).
    pub writes: usize,
    /// First contacts whose signature is being checked. Default 256 (a guess).
    pub hellos: usize,
    /// Members that are remembered, ourselves included, and sessions. Whoever comes when the
    /// table is full is refused; nobody known makes room. Default 80,000 (a guess: ten times the
    /// everyday network of 8,000 nodes would be 80 MB of alive facts).
    pub members: usize,
    /// Connections of which it is remembered from where they come; frames over others are heard
    /// only where a session began over them. Default 8,192 (a guess: above the pools of transports).
    pub links: usize,
    /// Addresses whose pace is remembered. Default 4,096 (a guess).
    pub paces: usize,
    /// Frames taken from one address per second once it has sent something malformed or
    /// unproven; forgiven after ten seconds. Default 50 (a guess).
    pub slowed_frames: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            peer_bytes: 2 * 1024 * 1024,
            channel_bytes: 8 * 1024 * 1024,
            parked: 1_024,
            recent: 65_536,
            writes: 65_536,
            hellos: 256,
            members: 80_000,
            links: 8_192,
            paces: 4_096,
            slowed_frames: 50,
        }
    }
}

/// A spec that passed all checks.
#[derive(Clone, Debug)]
pub struct Config {
    cluster: ClusterId,
    constants: Constants,
    fact_limit: FactLimit,
    main: Domain,
    payloads: Payloads,
    /// Shared by the machines of a node, and by the nodes of a simulation.
    spec: Arc<ConfigSpec>,
    view: Domain,
}

impl ConfigSpec {
    /// Checks the spec for a transport that carries frames of at most so many bytes.
    ///
    /// # Errors
    /// [`ConfigError`]; nothing is corrected silently.
    pub fn build(self, payloads: impl Into<Payloads>) -> Result<Config, ConfigError> {
        let payloads = payloads.into();
        let limit = carries(payloads);
        let fact_bytes = self.fact_bytes.unwrap_or_else(|| limit.min(MAX_FACT_BYTES));
        if self.name.len() > MAX_NAME_BYTES {
            return Err(ConfigError::NameTooLong { bytes: self.name.len() });
        }
        let long = |text: &String| text.len() > MAX_NAME_BYTES;
        if self.tags.len() > MAX_TAGS || self.tags.iter().any(|(k, v)| long(k) || long(v)) {
            return Err(ConfigError::Tags { count: self.tags.len() });
        }
        if !(MIN_FACT_BYTES..=limit.min(MAX_FACT_BYTES)).contains(&fact_bytes)
            || fits(payloads.gossip) < MIN_FACT_BYTES
        {
            return Err(ConfigError::FactBytes { asked: fact_bytes, limit });
        }
        for (key, value) in [
            ("redial_min", self.redial_min),
            ("redial_max", self.redial_max),
            ("alive_interval", self.alive_interval),
            ("view_rumors.period", self.view_rumors.period),
            ("view_repair.period", self.view_repair.period),
            ("view_repair.reply_timeout", self.view_repair.reply_timeout),
        ] {
            if value.is_zero() {
                return Err(ConfigError::Zero { key });
            }
        }
        for (key, value) in [
            ("view_rumors.fan_out", self.view_rumors.fan_out),
            ("view_rumors.hot_facts", self.view_rumors.hot_facts),
            ("view_repair.leaf", self.view_repair.leaf),
            ("view_repair.window", self.view_repair.window),
            ("limits.members", self.limits.members),
            ("limits.peer_bytes", self.limits.peer_bytes / fact_bytes),
            ("limits.channel_bytes", self.limits.channel_bytes / fact_bytes),
        ] {
            if value == 0 {
                return Err(ConfigError::Zero { key });
            }
        }
        if self.alive_interval > MAX_ALIVE_INTERVAL {
            return Err(ConfigError::AliveInterval);
        }
        check_repair("view_repair", &self.view_repair)?;
        if self.redial_min > self.redial_max {
            return Err(ConfigError::RedialOrder);
        }
        let skew_ms = u64::try_from(SKEW.as_millis()).unwrap_or(u64::MAX);
        // The rule is a slot; the node names it once it has it.
        let constants = Constants { retain: "", skew_ms };
        // Who is told of nobody founds a cluster.
        let founded = self.fact_bytes.is_some() || self.seeds.is_empty();
        let fact_limit = FactLimit { bytes: fact_bytes as u32, founded };
        let cluster = ClusterId::from_name(&self.cluster);
        let main = Domain::new(cluster, ChannelId::derived(cluster, ChannelId::MAIN));
        let view = Domain::new(cluster, ChannelId::view(cluster));
        let spec = Arc::new(self);
        Ok(Config { cluster, constants, fact_limit, main, payloads, spec, view })
    }
}

/// Whether a repair configuration can work at all.
///
/// # Errors
/// [`ConfigError::Repair`] names what is wrong; `section` is repeated in it.
pub fn check_repair(section: &'static str, repair: &RepairConfig) -> Result<(), ConfigError> {
    let full_digest = repair.leaf == usize::MAX;
    if !full_digest && !(1..=MAX_LEAF).contains(&repair.leaf) {
        return Err(ConfigError::Repair { section, key: "leaf", least: 1, most: MAX_LEAF });
    }
    if !(2..=MAX_WAYS).contains(&repair.ways) {
        return Err(ConfigError::Repair { section, key: "ways", least: 2, most: MAX_WAYS });
    }
    Ok(())
}

/// Most facts in a listed range: the list fits a datagram. An infinite leaf is the full digest,
/// which is cut into lists of its own.
pub const MAX_LEAF: usize = 32;

/// Most parts of a split range: their fingerprints fit a datagram.
pub const MAX_WAYS: usize = 24;

/// Longest `alive_interval`, and the longest time for which an unchanged word stands in any cluster: a quarter of what
/// a word lives, so that three may be lost (house horizon; a guess).
pub const MAX_ALIVE_INTERVAL: Duration = Duration::from_secs(WORD_LIFE.as_secs() / 4);

/// Smallest `fact_bytes` that still carries membership: an alive fact with full name and tags.
pub const MIN_FACT_BYTES: usize = 1_000;

/// Largest `fact_bytes`: 1 MiB (house decision).
pub const MAX_FACT_BYTES: usize = 1 << 20;

/// The largest fact that a frame of so many bytes has room for.
const fn fits(frame_bytes: usize) -> usize {
    let room = frame_bytes.saturating_sub(Packer::OVERHEAD);
    let head = record_len(room) - room;
    room.saturating_sub(head)
}

/// The largest fact that such frames carry, whole or in chunks.
const fn carries(payloads: Payloads) -> usize {
    let takes_chunks = payloads.bulk == payloads.gossip && payloads.gossip >= DATAGRAM_BYTES;
    if takes_chunks { MAX_FACT_BYTES } else { fits(payloads.bulk) }
}

impl Config {
    /// The cluster.
    #[must_use]
    pub const fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// The same configuration in a cluster whose main channel has this retain rule.
    #[must_use]
    pub(crate) const fn for_rule(mut self, name: &'static str) -> Self {
        self.constants.retain = name;
        self
    }

    /// The same configuration with another [`HORIZON`](crate::fact::HORIZON): a simulation cannot wait for days.
    #[cfg(feature = "sim")]
    #[must_use]
    pub fn with_horizon(self, horizon: Duration) -> Self {
        let [main, view] = [self.main, self.view].map(|domain| domain.with_horizon(horizon));
        Self { main, view, ..self }
    }

    /// What signatures and ids in the main channel begin with.
    pub(crate) const fn main(&self) -> &Domain {
        &self.main
    }

    /// The same of the view.
    pub(crate) const fn view(&self) -> &Domain {
        &self.view
    }

    /// What all members must agree on; the retain rule's name is filled in by the node.
    #[must_use]
    pub const fn constants(&self) -> &Constants {
        &self.constants
    }

    /// The largest fact of the cluster, as far as that is settled.
    #[must_use]
    pub const fn fact_limit(&self) -> FactLimit {
        self.fact_limit
    }

    /// The largest fact that may be written now. Who has not met its cluster yet does not know what
    /// that carries, but a datagram any cluster does.
    #[must_use]
    pub fn writable(&self) -> usize {
        let limit = self.fact_limit.bytes as usize;
        if self.fact_limit.founded { limit } else { limit.min(fits(DATAGRAM_BYTES)) }
    }

    /// What the transport carries.
    #[must_use]
    pub const fn payloads(&self) -> Payloads {
        self.payloads
    }

    /// The largest fact that goes as a datagram.
    #[must_use]
    pub const fn fits_datagram(&self) -> usize {
        fits(self.payloads.gossip)
    }

    /// The largest fact that this node can carry at all.
    #[must_use]
    pub const fn carries(&self) -> usize {
        carries(self.payloads)
    }

    /// Whether large facts can go in chunks, to members that no stream reaches.
    #[must_use]
    pub const fn has_chunks(&self) -> bool {
        self.payloads.gossip >= DATAGRAM_BYTES
    }

    /// The same configuration for a node on a store that was in a cluster before.
    ///
    /// # Errors
    /// [`ConfigError::ForeignStore`] when another node's store, or that of another cluster:
    /// its deletions may have been let go of on somebody else's word, so what it holds may be long
    /// dead. [`ConfigError::Founded`] when its cluster was founded with another limit than is asked
    /// for now, or with one that this node's transport cannot carry.
    pub fn resume(mut self, restored: &Restored, me: NodeId) -> Result<Self, ConfigError> {
        let owner = restored.meta.get(&MetaName::Owner);
        if owner.is_some_and(|owner| *owner != self.owner(me)) {
            return Err(ConfigError::ForeignStore);
        }
        let stored = restored.meta.get(&MetaName::FactBytes);
        let stored = stored.and_then(|bytes| bytes.as_ref().try_into().ok());
        let Some(stored) = stored.map(u32::from_be_bytes) else { return Ok(self) };
        let asked = self.spec.fact_bytes;
        let known = MIN_FACT_BYTES..=self.carries().min(MAX_FACT_BYTES);
        let differs = asked.is_some_and(|asked| asked != stored as usize);
        if differs || !known.contains(&(stored as usize)) {
            let limit = asked.unwrap_or_else(|| self.carries());
            return Err(ConfigError::Founded { stored: stored as usize, limit });
        }
        self.found(stored);
        Ok(self)
    }

    /// What a store of this node in this cluster says about itself.
    pub(crate) fn owner(&self, me: NodeId) -> Vec<u8> {
        [&self.cluster.as_bytes()[..], me.as_bytes()].concat()
    }

    /// The cluster's largest fact is settled.
    pub(crate) const fn found(&mut self, bytes: u32) {
        self.fact_limit = FactLimit { bytes, founded: true };
    }

    /// The spec that was checked.
    #[must_use]
    pub fn spec(&self) -> &ConfigSpec {
        &self.spec
    }

    /// The channel that every member is in.
    #[must_use]
    pub const fn main_channel(&self) -> ChannelId {
        self.main.channel()
    }
}

/// Why a spec was refused. Nothing was started.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Others would forget a living node.
    #[error("alive_interval is longer than six hours: others forget what is a day old")]
    AliveInterval,
    /// The largest fact does not fit.
    #[error(
        "fact_bytes is {asked}; it must be from {MIN_FACT_BYTES} to {limit}, which is the most that \
         this node's transport carries"
    )]
    FactBytes {
        /// What was asked for.
        asked: usize,
        /// What fits.
        limit: usize,
    },
    /// The store belongs to another node, or to a node of another cluster.
    #[error(
        "the store belongs to another identity or cluster; start the node with the identity and \
         cluster name that it was made with, or begin with an empty store"
    )]
    ForeignStore,
    /// The store comes from a cluster with another limit.
    #[error(
        "the store's cluster was founded with facts of up to {stored} bytes, and this configuration \
         and transport allow {limit}; use the transport of before (streams carry the largest \
         facts), leave fact_bytes unset, or begin with an empty store"
    )]
    Founded {
        /// The store's.
        stored: usize,
        /// This configuration's.
        limit: usize,
    },
    /// The name is too long.
    #[error("the name has {bytes} bytes; at most 63 are allowed")]
    NameTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The redial times contradict one another.
    #[error("redial_min is longer than redial_max")]
    RedialOrder,
    /// Too many tags, or one is too long.
    #[error("{count} tags; at most 8 are allowed, with at most 63 bytes in a key or value")]
    Tags {
        /// How many there are.
        count: usize,
    },
    /// A number of the repair strategy is out of range.
    #[error("{section}.{key} must be from {least} to {most}")]
    Repair {
        /// The section.
        section: &'static str,
        /// The number.
        key: &'static str,
        /// The smallest that works.
        least: usize,
        /// The largest that works.
        most: usize,
    },
    /// Something must not be zero, or too small for a single fact.
    #[error("{key} is zero or too small for a single fact")]
    Zero {
        /// Which.
        key: &'static str,
    },
}

/// A node's slots. Replace a field to replace a strategy.
#[expect(clippy::exhaustive_structs, reason = "users build it literally")]
pub struct Strategies {
    /// Who is alive.
    pub detector: Box<dyn Detector>,
    /// The node's secrets.
    pub keys: Box<dyn Keys>,
    /// With whom links are kept.
    pub overlay: Box<dyn Overlay>,
    /// Whom to talk to this time.
    pub sampler: Box<dyn Sampler>,
    /// The slots of the main channel.
    pub main: ChannelSlots,
}

/// A channel's slots.
#[expect(clippy::exhaustive_structs, reason = "users build it literally")]
pub struct ChannelSlots {
    /// How fresh facts spread.
    pub dissemination: Box<dyn Dissemination>,
    /// How replicas become equal.
    pub reconcile: Box<dyn Reconcile>,
    /// Which facts of a key are kept.
    pub retain: Arc<dyn Retain>,
}

impl Strategies {
    /// The defaults: full mesh, shuffled sampling, SWIM, push-pull rumors with feedback
    /// and counter (k = 2), range repair, last write wins.
    #[must_use]
    pub fn new(keys: Box<dyn Keys>) -> Self {
        Self {
            detector: Box::new(Swim::new(SwimConfig::default())),
            keys,
            overlay: Box::new(FullMesh::default()),
            sampler: Box::new(Shuffled::default()),
            main: ChannelSlots::new(RumorConfig::default(), RepairConfig::default()),
        }
    }
}

impl ChannelSlots {
    /// Rumors and range repair as configured, last write wins.
    #[must_use]
    pub fn new(rumors: RumorConfig, repair: RepairConfig) -> Self {
        let removal = Box::new(Feedback::new(Limit::default()));
        Self {
            dissemination: Box::new(RumorMongering::new(rumors, removal)),
            reconcile: Box::new(Repair::new(repair)),
            retain: Arc::new(LastWrite::default()),
        }
    }
}

impl fmt::Debug for Strategies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { detector, keys, overlay, sampler, main } = self;
        f.debug_struct("Strategies")
            .field("detector", &detector.name())
            .field("keys", &keys.id())
            .field("overlay", &overlay.name())
            .field("sampler", &sampler.name())
            .field("main", main)
            .finish()
    }
}

impl fmt::Debug for ChannelSlots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dissemination, reconcile, retain } = self;
        f.debug_struct("ChannelSlots")
            .field("dissemination", &dissemination.name())
            .field("reconcile", &reconcile.name())
            .field("retain", &retain.name())
            .finish()
    }
}
