//! The newcomer's way back: a node whose state may be long dead hands out its own writes, forgets
//! everything, and takes the cluster's state.
//!
//! ```text
//!  waiting for own writes
//!     ▼ the last has ended
//!  exporting page by page ──all durable outside──▶ wiping ──▶ remembering ──durable──▶ done
//!     ▲        │ failed, or read in vain              │ failed
//!     └─pause──┴──────────────────────────────────────┘
//! ```
//! Whoever left comes back so, and whoever lost state that others had seen it hold. Until it is
//! done, the channel says and takes nothing, so that nothing stale is heard of. Own writes that were
//! on their way are acknowledged first, and so are among what goes out. A crash begins it anew:
//! nothing is forgotten before the application has it, and the reason to forget is forgotten last.
//!
//! With the wipe a new *lineage* of commits begins: the number rises above all that this node is
//! known to have certified. So a receipt from before, whoever has it, is void at the next start and
//! makes nobody forget twice; and a backup from before is older than any receipt since.

use std::time::Duration;

use bytes::Bytes;

use super::env::{ChannelEffect, Env};
use super::{Channel, Pending};
use crate::fact::Envelope;
use crate::io::{Event, Export, ExportError, Ticket};
use crate::store::{MetaName, StoreOp, StoreReply};
use crate::time::Mono;

/// Most facts read at a time, and so most in one [`Export`] (a guess).
const PAGE: usize = 256;

/// Most bytes of them, unless the first key alone has more (a guess: an [`Export`] stays below a
/// mebibyte).
const PAGE_BYTES: usize = 512 << 10;

/// How long after a failure the same is tried again (a guess: somebody must make room).
const RETRY: Duration = Duration::from_secs(5);

/// The bits of a commit number that count within one lineage; those above count lineages. One of
/// more than 2^32 commits (50 days at 1,000 a second) takes the next one's numbers, and the lineage
/// after it begins above them.
const WITHIN_LINEAGE: u64 = u32::MAX as u64;

/// A way back that has begun.
#[derive(Debug, Default)]
pub(super) struct Renewal {
    /// A commit that this node certified once and has lost, or zero.
    commit: u64,
    /// When to go on with the keys after this one, once no own write is on its way.
    due: Option<(Mono, Option<Bytes>)>,
    exported: u64,
    /// Whether the application has been told that exporting fails.
    failing: bool,
}

impl Channel {
    /// What this node holds may be long dead: it takes the state anew. The commit is one that it
    /// certified once and has lost, if it is the reason; who has left names zero.
    pub(crate) fn take_anew(&mut self, env: &mut Env<'_>, commit: u64) {
        if self.renewal.is_none() {
            let due = Some((env.now.mono, None));
            self.renewal = Some(Renewal { commit, due, ..Renewal::default() });
            self.renew_if_due(env);
        }
    }

    /// Whether the channel is on its way back: it says and takes nothing.
    pub(crate) const fn is_renewing(&self) -> bool {
        self.renewal.is_some()
    }

    pub(super) fn renewal_deadline(&self) -> Option<Mono> {
        let (due, _) = self.renewal.as_ref()?.due.as_ref()?;
        (self.writes.waiting() == 0).then_some(*due)
    }

    /// Begins once the last own write has ended, and tries again what failed.
    pub(super) fn renew_if_due(&mut self, env: &mut Env<'_>) {
        if self.renewal_deadline().is_none_or(|due| due > env.now.mono) {
            return;
        }
        let after = self.renewal.as_mut().and_then(|renewal| renewal.due.take());
        // A store that refuses writes forgets nothing before another start: until then the same would
        // be handed out again and again.
        if let Some((_, after)) = after.filter(|_| !env.is_read_only()) {
            self.read_own(env, after);
        }
    }

    /// A page of what is held: our own part of it goes out before the next one is read.
    pub(super) fn own_read(
        &mut self,
        env: &mut Env<'_>,
        after: Option<Bytes>,
        reply: Option<StoreReply>,
    ) {
        let Some(StoreReply::Facts(page)) = reply else { return self.retry(env, after) };
        let Some(last) = page.last().map(Envelope::shared_key) else { return self.wipe(env) };
        let me = env.keys.id();
        let facts: Vec<_> = page.into_iter().filter(|fact| fact.author() == me).collect();
        if facts.is_empty() {
            return self.read_own(env, Some(last));
        }
        let (ticket, export) = (env.ticket(), Export { channel: self.id(), facts: facts.clone() });
        self.pending.insert(ticket, Pending::Export { facts, after, last });
        env.effects.push_back(ChannelEffect::Export(ticket, export));
    }

    /// The application has a page of our own writes, or could not keep it.
    pub(crate) fn exported(
        &mut self,
        env: &mut Env<'_>,
        ticket: Ticket,
        result: Result<(), ExportError>,
    ) {
        let pending = self.pending.remove(&ticket);
        let (Some(Pending::Export { facts, after, last }), Some(renewal)) =
            (pending, &mut self.renewal)
        else {
            return;
        };
        match result {
            Ok(()) => {
                renewal.exported += facts.len() as u64;
                env.event(Event::Exported { channel: self.id(), facts });
                self.read_own(env, Some(last));
            }
            Err(error) => {
                if !std::mem::replace(&mut renewal.failing, true) {
                    env.event(Event::ExportFailed { channel: self.id(), error });
                }
                self.retry(env, after);
            }
        }
    }

    /// Everything is forgotten here. Once that is durable, so is that there is nothing to forget.
    pub(super) fn wiped(&mut self, env: &mut Env<'_>, reply: Option<StoreReply>) {
        let Some(StoreReply::Wiped { held, .. }) = reply else { return self.retry(env, None) };
        self.recent.clear();
        self.large.clear();
        held.into_iter().for_each(|id| self.slots.dissemination.displaced(id));
        let op = StoreOp::Remember { name: MetaName::Left, value: None };
        self.ask(env, Pending::Renewed, op);
    }

    /// The way back ends: from now on this node is a newcomer like any other.
    pub(super) fn renewed(&mut self, env: &mut Env<'_>, reply: Option<StoreReply>) {
        if reply.is_none() {
            return self.retry(env, None);
        }
        self.collect.holds_nothing_stale();
        let exported = self.renewal.take().map_or(0, |renewal| renewal.exported);
        env.event(Event::Renewed { channel: self.id(), exported });
        self.slots.reconcile.changed(env.now.mono);
    }

    fn read_own(&mut self, env: &mut Env<'_>, after: Option<Bytes>) {
        let op = StoreOp::Scan {
            shard: self.shard,
            prefix: Bytes::new(),
            after: after.clone(),
            limit: PAGE,
            bytes: PAGE_BYTES,
            lease: None,
        };
        self.ask(env, Pending::Own { after }, op);
    }

    fn wipe(&mut self, env: &mut Env<'_>) {
        let lost = self.renewal.as_ref().map_or(0, |renewal| renewal.commit);
        let commit = next_lineage(self.collect.commit().max(lost));
        self.ask(env, Pending::Wipe, StoreOp::Wipe { shard: self.shard, commit });
    }

    fn retry(&mut self, env: &Env<'_>, after: Option<Bytes>) {
        if let Some(renewal) = &mut self.renewal {
            renewal.due = Some((env.now.mono + RETRY, after));
        }
    }
}

/// The first commit number of the lineage after this commit's.
const fn next_lineage(commit: u64) -> u64 {
    (commit | WITHIN_LINEAGE).saturating_add(1)
}
