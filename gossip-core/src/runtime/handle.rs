//! The handle: what applications do with a running node.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::oneshot;

use super::driver::{Line, Request};
use super::{DriverError, Entry, Events, MemberChanges};
use crate::id::{ChannelId, Endpoints, NodeId};
use crate::io::{Answer, AtEpoch, Command, Refused, Seed, Write, WriteError, Written};
use crate::membership::{Grounds, Member, Testimony};
use crate::state::Totals;
use crate::status::Status;
use crate::time::Epoch;

/// A running node. Clones are the same node; it stops when the last one is dropped.
///
/// Every call may be dropped while it waits: what was asked is then done or not.
#[derive(Clone, Debug)]
pub struct Gossip {
    endpoints: Endpoints,
    id: NodeId,
    line: Line,
    main_channel: ChannelId,
    store_kind: &'static str,
}

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GossipError {
    /// Too many calls (65,536) wait for the store. Nothing was done.
    #[error("busy: too many calls wait for the store; try again later")]
    Busy,
    /// The node cannot do it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The node has stopped. Whether a write was kept is unknown.
    #[error("this node has stopped")]
    Stopped,
    /// The write did not take place, or its outcome is unknown.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Gossip {
    pub(super) const fn new(
        line: Line,
        id: NodeId,
        main_channel: ChannelId,
        endpoints: Endpoints,
        store_kind: &'static str,
    ) -> Self {
        Self { endpoints, id, line, main_channel, store_kind }
    }

    /// Who this node is.
    #[must_use]
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// The channel that every member is in, where [`put`](Self::put) writes.
    #[must_use]
    pub const fn main_channel(&self) -> ChannelId {
        self.main_channel
    }

    /// Where others reach this node.
    #[must_use]
    pub fn endpoints(&self) -> Endpoints {
        self.endpoints.clone()
    }

    /// What kind of store it has, such as `memory`.
    #[must_use]
    pub const fn store_kind(&self) -> &'static str {
        self.store_kind
    }

    /// Events from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(self.line.events.upgrade().map(|events| events.subscribe()))
    }

    /// Writes a key of the main channel; done once durable here.
    ///
    /// # Errors
    /// [`GossipError`].
    pub async fn put(
        &self,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
    ) -> Result<Written, GossipError> {
        self.write_one(Write { key: key.into(), value: Some(value.into()), ttl: None }).await
    }

    /// Writes a key that deletes itself after `ttl`.
    ///
    /// # Errors
    /// [`GossipError`].
    pub async fn put_for(
        &self,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
        ttl: Duration,
    ) -> Result<Written, GossipError> {
        self.write_one(Write { key: key.into(), value: Some(value.into()), ttl: Some(ttl) }).await
    }

    /// Deletes a key, whether it exists or not.
    ///
    /// # Errors
    /// [`GossipError`].
    pub async fn delete(&self, key: impl Into<Bytes>) -> Result<Written, GossipError> {
        self.write_one(Write { key: key.into(), value: None, ttl: None }).await
    }

    /// The current value of a key: of several siblings the newest.
    ///
    /// # Errors
    /// [`GossipError`].
    pub async fn get(&self, key: impl Into<Bytes>) -> Result<Option<Entry>, GossipError> {
        let command = Command::Get { channel: self.main_channel, key: key.into() };
        let entries = self.entries(command).await?;
        Ok(entries.into_iter().max_by_key(|entry| (entry.version(), entry.id())))
    }

    /// Writes to a channel in one go; each write succeeds or fails on its own.
    ///
    /// # Errors
    /// [`GossipError`], but never `Write`: that is in the results.
    pub async fn write(
        &self,
        channel: ChannelId,
        writes: Vec<Write>,
    ) -> Result<Vec<Result<Written, WriteError>>, GossipError> {
        let Answer::Written(results) = self.ask(Command::Write { channel, writes }).await? else {
            unreachable!("{ANSWERS}")
        };
        Ok(results)
    }

    /// Live entries whose keys begin with `prefix` and come after `after`, in key order.
    ///
    /// # Errors
    /// [`GossipError`].
    pub async fn scan(
        &self,
        channel: ChannelId,
        prefix: Bytes,
        after: Option<Bytes>,
        limit: usize,
    ) -> Result<Vec<Entry>, GossipError> {
        self.entries(Command::Scan { channel, prefix, after, limit }).await
    }

    /// Count and hash of what a channel compares: equal at nodes that hold the same.
    ///
    /// # Errors
    /// [`GossipError`].
    pub async fn total(
        &self,
        channel: ChannelId,
        epoch: AtEpoch,
    ) -> Result<(Epoch, Totals), GossipError> {
        let Answer::Totals { epoch, totals } = self.ask(Command::Total { channel, epoch }).await?
        else {
            unreachable!("{ANSWERS}")
        };
        Ok((epoch, totals))
    }

    /// Compares a channel with every partner now, instead of when it is due; does not wait for the
    /// outcome, which shows in [`Status::equal_partners`].
    ///
    /// # Errors
    /// [`GossipError`].
    pub async fn compare(&self, channel: ChannelId) -> Result<(), GossipError> {
        self.ask(Command::Compare { channel }).await.map(drop)
    }

    /// Everybody known, this node included, by id.
    ///
    /// # Errors
    /// [`GossipError`].
    pub async fn members(&self) -> Result<Vec<Member>, GossipError> {
        self.versioned_members().await.map(|(members, _)| members)
    }

    /// The same, and their version, which grows by one with every
    /// [`Event::Member`](crate::io::Event::Member).
    ///
    /// # Errors
    /// [`GossipError`].
    pub async fn versioned_members(&self) -> Result<(Vec<Member>, u64), GossipError> {
        let Answer::Members { members, version } = self.ask(Command::Members).await? else {
            unreachable!("{ANSWERS}")
        };
        Ok((members, version))
    }

    /// Everybody known, and then every change, without a gap.
    #[must_use]
    pub fn follow_members(&self) -> MemberChanges {
        MemberChanges::new(self.clone(), self.events())
    }

    /// Throws a member out, in the name of this node: nobody talks with it any more, until it is started anew.
    ///
    /// # Errors
    /// [`GossipError`]; `Refused` when no such member is known, or it is this node itself.
    pub async fn evict(&self, member: NodeId) -> Result<(), GossipError> {
        self.ask(Command::Evict(member)).await.map(|_done| ())
    }

    /// Why a member stands as it does: what was tried and heard, and what is waited for.
    ///
    /// # Errors
    /// [`GossipError`]; `Refused` when no such member is known.
    pub async fn why(&self, member: NodeId) -> Result<Grounds, GossipError> {
        let Answer::Why(grounds) = self.ask(Command::Why(member)).await? else {
            unreachable!("{ANSWERS}")
        };
        Ok(*grounds)
    }

    /// How the cluster looks from wherever an answer comes within two seconds, this node first;
    /// [`diagnose`](crate::membership::diagnose) says what is wrong. `full`: each tells of all members,
    /// where a stream leads here; otherwise only of some of those that are well. `of`: one is asked alone.
    ///
    /// # Errors
    /// [`GossipError`].
    pub async fn reports(
        &self,
        of: Option<NodeId>,
        full: bool,
    ) -> Result<Vec<Testimony>, GossipError> {
        let Answer::Reports(testimonies) = self.ask(Command::Reports { of, full }).await? else {
            unreachable!("{ANSWERS}")
        };
        Ok(testimonies)
    }

    /// Counters and queues, the driver's own (`commands`, `lookups`, `store-ops`,
    /// `verifier-jobs`) among them.
    ///
    /// # Errors
    /// [`GossipError`].
    pub async fn status(&self) -> Result<Status, GossipError> {
        let Answer::Status(status) = self.ask(Command::Status).await? else {
            unreachable!("{ANSWERS}")
        };
        Ok(*status)
    }

    /// Talks to these seeds from now on, for ever; does not wait until one answers.
    ///
    /// # Errors
    /// [`GossipError`].
    pub async fn join(&self, seeds: Vec<Seed>) -> Result<(), GossipError> {
        self.ask(Command::Join(seeds)).await.map(drop)
    }

    /// Says goodbye for now, so that others see this node leave instead of suspecting it, and wait
    /// for it: it returns with what its store holds. It answers reads until it is shut down, but
    /// writes nothing more. Right for nodes whose store is durable.
    ///
    /// # Errors
    /// [`GossipError`].
    pub async fn stop(&self) -> Result<(), GossipError> {
        self.ask(Command::Stop).await.map(drop)
    }

    /// Says goodbye for good. Nobody waits for this node any more: if it returns, it exports its
    /// own writes, forgets what it holds, and takes the cluster's state. Otherwise as
    /// [`stop`](Self::stop).
    ///
    /// # Errors
    /// [`GossipError`]; `Refused` when the store could not remember it, and then nothing was said.
    pub async fn leave(&self) -> Result<(), GossipError> {
        self.ask(Command::Leave).await.map(drop)
    }

    /// Stops the node and waits until it has stopped, its store and transport closed or let go: a
    /// few milliseconds, or some seconds if one of them hangs. Others notice it by its silence, unless it left before.
    pub async fn shutdown(&self) {
        // Where nobody takes it, the node stops already.
        let _ = self.line.requests.send(Request::Stop).await;
        let _ = self.stopped().await;
    }

    /// Waits until the node has stopped, and says why.
    ///
    /// # Errors
    /// [`DriverError`] if it was not asked to.
    pub async fn stopped(&self) -> Result<(), Arc<DriverError>> {
        let mut stopped = self.line.stopped.clone();
        while stopped.changed().await.is_ok() {}
        let outcome = stopped.borrow();
        outcome.clone()
    }

    async fn write_one(&self, write: Write) -> Result<Written, GossipError> {
        let results = self.write(self.main_channel, vec![write]).await?;
        let result = results.into_iter().next();
        Ok(result.unwrap_or_else(|| unreachable!("one write has one result"))?)
    }

    async fn entries(&self, command: Command) -> Result<Vec<Entry>, GossipError> {
        let Answer::Facts(facts) = self.ask(command).await? else { unreachable!("{ANSWERS}") };
        Ok(facts.into_iter().map(Entry::new).collect())
    }

    async fn ask(&self, command: Command) -> Result<Answer, GossipError> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Command(command, reply);
        self.line.requests.send(request).await.map_err(|_| GossipError::Stopped)?;
        match answer.await.map_err(|_| GossipError::Stopped)?? {
            Answer::Refused(refused) => Err(refused.into()),
            answer @ (Answer::Done
            | Answer::Facts(_)
            | Answer::Members { .. }
            | Answer::Reports(_)
            | Answer::Status(_)
            | Answer::Totals { .. }
            | Answer::Why(_)
            | Answer::Written(_)) => Ok(answer),
        }
    }
}

/// Why an answer has the form that its command has.
const ANSWERS: &str = "each command has its one answer";
