//! The node's edges: everything that goes in and everything that comes out.
//!
//! Both enums are exhaustive on purpose: a driver that ignores an effect must not compile.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;

use crate::fact::{Envelope, Job, Verdicts, Why};
use crate::id::{ChannelId, FactId, NodeId};
use crate::membership::{Cause, Grounds, Member, MemberStatus, Testimony};
use crate::state::Totals;
use crate::status::{Status, Taking};
use crate::store::{StoreError, StoreOp, StoreReply};
use crate::time::{Epoch, Hlc, Mono, Wall};
use crate::transport::{Address, Inbound, Transmit};

/// Ties an answer to its question. A late answer to something that is gone dies quietly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub(crate) u64);

/// The driver's own number for a command; the answer brings it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_structs, reason = "a number and nothing else")]
pub struct RequestId(pub u64);

/// What a driver hands to [`Node::handle`](crate::node::Node::handle).
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "drivers build all of them")]
pub enum Input {
    /// The application wants something; an [`Output::Answer`] follows, at once or later.
    Command(RequestId, Command),
    /// The application has what was exported, or could not keep it.
    Exported(Ticket, Result<(), ExportError>),
    /// From now on the driver holds back what the node sends, as where sending blocks (`true`), or no more. A
    /// driver that never does so never says so.
    Held(bool),
    /// Something came from the network.
    Network(Inbound),
    /// A name was looked up. No address: it is unknown for now, and will be asked for again.
    Resolved {
        /// The name, as it was asked for.
        name: String,
        /// Its addresses.
        addresses: Vec<SocketAddr>,
    },
    /// The store answered.
    Stored(Ticket, Result<StoreReply, StoreError>),
    /// The verifier answered.
    Verified(Ticket, Verdicts),
    /// Time passed. A spurious one does nothing.
    Wake,
}

/// What a driver takes from [`Node::poll_output`](crate::node::Node::poll_output).
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver that ignores an effect must not compile")]
pub enum Output {
    /// The answer to a command.
    Answer(RequestId, Answer),
    /// Something that an application may want to know.
    Event(Event),
    /// Make these facts durable outside of the store and answer with [`Input::Exported`]: the store
    /// is about to forget them.
    Export(Ticket, Export),
    /// Look this `host:port` up and answer with [`Input::Resolved`].
    Resolve(String),
    /// Run this on the store, in order, and answer with [`Input::Stored`].
    Store(Ticket, StoreOp),
    /// Send this.
    Transmit(Transmit),
    /// Run this job and answer with [`Input::Verified`].
    Verify(Ticket, Job),
    /// Nothing more for now: ends the drain. Wake the node at this time, or never; a new one
    /// replaces the one before.
    Wait(Option<Mono>),
}

/// Something that an application asks of its node.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "the node must answer all of them")]
pub enum Command {
    /// Compare with every partner now: answered by [`Answer::Done`] at once; how it went shows
    /// in [`Status::equal_partners`].
    Compare {
        /// The channel.
        channel: ChannelId,
    },
    /// Throw a member out: answered by [`Answer::Done`] at once. Everybody stops talking with it, and so does it
    /// when it hears of that; a restart makes it a member again. Deletions still wait for it.
    Evict(NodeId),
    /// All current values of a key: answered by [`Answer::Facts`].
    Get {
        /// The channel.
        channel: ChannelId,
        /// The key.
        key: Bytes,
    },
    /// Talk to these seeds from now on, for ever: answered by [`Answer::Done`] at once.
    Join(Vec<Seed>),
    /// Say goodbye for good: answered by [`Answer::Done`] once it is durable here and told to
    /// partners. Nobody waits for this node any more, so it returns as a newcomer. Refused when the
    /// store cannot remember it: then nothing was said.
    Leave,
    /// Everybody known: answered by [`Answer::Members`].
    Members,
    /// Ask everybody who can be reached how the cluster looks from there: answered by
    /// [`Answer::Reports`] once all have answered, or after two seconds.
    Reports {
        /// Who alone is asked; `None`: everybody.
        of: Option<NodeId>,
        /// Whether each is to tell of all members; otherwise only of some of those that are well.
        full: bool,
    },
    /// Live facts in key order: answered by [`Answer::Facts`].
    Scan {
        /// The channel.
        channel: ChannelId,
        /// Only keys that begin so.
        prefix: Bytes,
        /// Only keys after this one.
        after: Option<Bytes>,
        /// At most so many.
        limit: usize,
    },
    /// Counters and queues: answered by [`Answer::Status`].
    Status,
    /// Say goodbye for now: answered by [`Answer::Done`] once told to partners. They stop talking
    /// to this node at once, and let go of nothing that it has not confirmed.
    Stop,
    /// Count and hash a channel's compared set: answered by [`Answer::Totals`].
    Total {
        /// The channel.
        channel: ChannelId,
        /// At which epoch.
        epoch: AtEpoch,
    },
    /// Why a member stands as it does: answered by [`Answer::Why`].
    Why(NodeId),
    /// Write: answered by [`Answer::Written`] once durable.
    Write {
        /// The channel.
        channel: ChannelId,
        /// The writes; each succeeds or fails on its own.
        writes: Vec<Write>,
    },
}

/// Which epoch a hash is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a question has these forms")]
pub enum AtEpoch {
    /// The one before the current: the same at all nodes except in the first moments of a minute.
    Last,
    /// This one.
    Number(Epoch),
    /// The current one.
    This,
}

/// How a node is found first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "peering must handle all of them")]
pub enum Seed {
    /// By address.
    Address(SocketAddr),
    /// By `host:port`, looked up anew on each try.
    Name(String),
}

/// One write of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "applications build it literally")]
pub struct Write {
    /// The key, at most [`MAX_KEY_BYTES`](crate::fact::MAX_KEY_BYTES).
    pub key: Bytes,
    /// The value; `None` deletes the key.
    pub value: Option<Bytes>,
    /// When the value turns into a tombstone by itself, from now; `None`: never.
    pub ttl: Option<Duration>,
}

/// A write that took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "applications take it apart")]
pub struct Written {
    /// Its fact.
    pub id: FactId,
    /// Its version.
    pub version: Hlc,
}

/// Why a write did not take place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The key is too long. Nothing was written.
    #[error("the key has {bytes} bytes; at most {limit} are allowed")]
    KeyTooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The fact would not fit what this cluster carries. Nothing was written.
    #[error(
        "key and value make a fact of {bytes} bytes; this cluster carries at most {limit}, so \
         with this key the value may have {value_limit}"
    )]
    TooLarge {
        /// The fact's bytes.
        bytes: usize,
        /// The cluster's limit.
        limit: usize,
        /// How long the value may be with this key.
        value_limit: usize,
    },
    /// The fact fits no datagram, and the node has not met its cluster yet: it does not know whether
    /// that carries it. Nothing was written: write again later.
    #[error(
        "a fact of {bytes} bytes, and this node has not met its cluster yet; until it has, it writes \
         facts of up to {limit} bytes: write again later"
    )]
    Unsettled {
        /// The fact's bytes.
        bytes: usize,
        /// What any cluster carries.
        limit: usize,
    },
    /// This node's clock disagrees with most partners. Nothing was written: set the clock.
    #[error(
        "this node's clock differs from most of its partners' by more than {limit_ms} ms; \
         set the clock, then write again"
    )]
    ClockDisagrees {
        /// The most it may differ.
        limit_ms: u64,
    },
    /// Too many writes wait for the store. Nothing was written: write again later.
    #[error("busy: {waiting} writes wait for the store; write again later")]
    Busy {
        /// How many wait.
        waiting: usize,
    },
    /// The store refuses writes since one of them failed. Nothing was written. Free space or
    /// replace the disk, then restart the node.
    #[error(
        "read-only: a write to this node's store failed; free space or replace the disk, then \
         restart the node"
    )]
    ReadOnly,
    /// This node is about to forget its state, for it may be long dead, and to take the cluster's.
    /// Nothing was written: write again later.
    #[error("this node is taking the cluster's state anew; write again later")]
    Renewing,
    /// The store failed. Whether it was written is unknown.
    #[error("the store failed, so it is unknown whether this was written")]
    StoreFailed,
    /// The node has left its cluster. Nothing was written.
    #[error("this node has left its cluster")]
    Left,
}

/// The answer to a [`Command`].
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "each command has its one answer")]
pub enum Answer {
    /// It is done.
    Done,
    /// Facts that are live now.
    Facts(Vec<Envelope>),
    /// Everybody known.
    Members {
        /// By id.
        members: Vec<Member>,
        /// Grows by one with every [`Event::Member`] and [`Event::Forgotten`].
        version: u64,
    },
    /// It cannot be done.
    Refused(Refused),
    /// How the cluster looks from wherever a report came, this node first.
    Reports(Vec<Testimony>),
    /// Counters and queues.
    Status(Box<Status>),
    /// A channel's compared set.
    Totals {
        /// Its epoch.
        epoch: Epoch,
        /// Its numbers.
        totals: Totals,
    },
    /// Why a member stands as it does.
    Why(Box<Grounds>),
    /// One result per write, in order.
    Written(Vec<Result<Written, WriteError>>),
}

/// Why a command was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refused {
    /// A goodbye is under way already.
    #[error("this node is leaving already")]
    Leaving,
    /// This node itself, or it is no member: nobody evicts itself, and who has left or was evicted evicts nobody.
    #[error("a node evicts others, and only while it is a member; to leave, leave")]
    Oneself,
    /// This node hands out its own writes, to take the cluster's state anew: leave when it has, or
    /// stop it.
    #[error("this node is taking the cluster's state anew; leave later, or stop it instead")]
    Renewing,
    /// The store did not do it, or not durably.
    #[error("the store failed")]
    StoreFailed,
    /// Nobody of that id is known.
    #[error("nobody of that id is known")]
    UnknownMember,
    /// This node is not in that channel.
    #[error("this node is not in that channel")]
    UnknownChannel,
}

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "watchers must consider each of them")]
pub enum Change {
    /// It was deleted.
    Delete,
    /// Its value expired.
    Expire,
    /// It has a new value.
    Put,
}

/// Something that an application may want to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A key changed.
    Changed {
        /// The channel.
        channel: ChannelId,
        /// How.
        change: Change,
        /// The fact that says so.
        fact: Envelope,
    },
    /// Most partners' clocks disagree with ours (or agree again): own writes are refused, and
    /// expired values are kept, until it is set right.
    ClockDisagrees(bool),
    /// This node was evicted: it says nothing any more until it is restarted.
    Evicted {
        /// By whom.
        by: NodeId,
    },
    /// Own writes could not be exported, so nothing is forgotten and the channel stands still. Told
    /// once; tried again every few seconds. Make room where exports go.
    ExportFailed {
        /// The channel.
        channel: ChannelId,
        /// What went wrong.
        error: ExportError,
    },
    /// These own writes were exported: see [`Export`].
    Exported {
        /// The channel.
        channel: ChannelId,
        /// Our own facts that nobody else may have.
        facts: Vec<Envelope>,
    },
    /// A member that was dead, left or evicted is none any more: whatever was said of it is past its life. If
    /// it comes back, it is new.
    Forgotten {
        /// Who it was.
        member: NodeId,
        /// The version of the members after this.
        version: u64,
    },
    /// Another process uses our key: the node writes and says nothing any more, and its driver
    /// stops it.
    IdentityInUse,
    /// A member's status changed, or what it says of itself. Whoever has [`Answer::Members`] of version
    /// `n` and all events from `n + 1` on knows all members.
    Member {
        /// The member as it is now.
        member: Box<Member>,
        /// What it was before, the same if it said something new; `None`: it is new.
        before: Option<MemberStatus>,
        /// Why.
        cause: Cause,
        /// Who brought it; this node, for what it concluded itself.
        by: NodeId,
        /// The version of the members after this.
        version: u64,
    },
    /// A member refused our first contact.
    RefusedBy {
        /// Where.
        address: Address,
        /// Why.
        why: Why,
    },
    /// Something from the network was not taken.
    Rejected {
        /// Whose it was, as far as that is known.
        from: Option<NodeId>,
        /// Where it came from.
        address: Option<Address>,
        /// Why it was not taken.
        why: Why,
    },
    /// This node came back from a goodbye, or had lost state that others had seen it hold. It has
    /// forgotten what it held, and takes the cluster's state like any newcomer.
    Renewed {
        /// The channel.
        channel: ChannelId,
        /// How many own facts were exported before.
        exported: u64,
    },
    /// A seed has not answered for some ten seconds: it is down, or listens on other transports or
    /// elsewhere. It is tried for ever; this is said once per silence.
    SeedSilent(Seed),
    /// Sessions are in the clear: anybody on the path reads and forges talk.
    SessionsInTheClear,
    /// The store failed; the node goes on with what it has. Told at the first failure, and when
    /// the store refuses all writes from now on; the status keeps the reason.
    StoreFailed(StoreError),
    /// Much is taken from partners, for this node holds next to nothing of it. Told every five seconds
    /// meanwhile.
    Taking {
        /// The channel.
        channel: ChannelId,
        /// How far it has come.
        taking: Taking,
    },
}

impl Event {
    /// The version of the members after this, if it changed them.
    #[must_use]
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest says nothing of members")]
    pub const fn members_version(&self) -> Option<u64> {
        match self {
            Self::Forgotten { version, .. } | Self::Member { version, .. } => Some(*version),
            _ => None,
        }
    }
}

/// Own writes that a node hands out before it forgets them. Others may have them or not: whoever
/// wants them back writes them again.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "drivers take it apart")]
pub struct Export {
    /// The channel.
    pub channel: ChannelId,
    /// Our own facts, in key order; the next export goes on after them. After a crash they come
    /// again from the first on.
    pub facts: Vec<Envelope>,
}

/// Why an export could not be kept. Nothing is forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("own writes could not be exported: {reason}")]
#[expect(clippy::exhaustive_structs, reason = "drivers build it literally")]
pub struct ExportError {
    /// What the system said.
    pub reason: String,
}

/// Handed to [`Node::new`](crate::node::Node::new) besides its configuration.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "drivers build it literally")]
pub struct Boot {
    /// Members that this node shares a list of with others: in place of a view of its own. Only a
    /// simulator has one.
    pub directory: Option<std::sync::Arc<crate::membership::Directory>>,
    /// Where this node can be reached, from its transport.
    pub endpoints: crate::id::Endpoints,
    /// What the store held.
    pub restored: crate::store::Restored,
    /// Randomness for everything that this node draws: fresh in production, a seed in a
    /// simulation.
    pub seed: [u8; 32],
}

/// A fact's remaining time to live.
#[must_use]
pub fn remaining(fact: &Envelope, wall: Wall) -> Option<Duration> {
    (fact.expires_at() != Wall::ZERO).then(|| fact.expires_at().since(wall))
}
