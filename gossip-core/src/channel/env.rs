//! What a channel may see and do: made anew for each call.

use std::collections::{BTreeMap, VecDeque};

use crate::fact::{Envelope, Job, Keys, Why};
use crate::id::{BootId, ChannelId, FactId, NodeId};
use crate::io::{Answer, Change, Event, Export, RequestId, Ticket};
use crate::status::Status;
use crate::store::{StoreError, StoreOp};
use crate::strategy::{Partners, Sampler};
use crate::time::{Epoch, HybridClock, Now};
use crate::transport::Class;
use crate::wire::Parcel;

/// What a channel wants done.
#[derive(Debug)]
pub(crate) enum ChannelEffect {
    Answer(RequestId, Answer),
    /// The member's facts were false: slow its address down.
    Blame(NodeId),
    /// A comparison that we began with this member ended equal.
    Equal(ChannelId, NodeId),
    Event(Event),
    Export(Ticket, Export),
    Rejected(Option<NodeId>, Why),
    Store(ChannelId, Ticket, StoreOp),
    Verify(ChannelId, Ticket, Job),
    /// The view has a new last word about a member, and who brought it; `None`: this node itself.
    ViewChanged(Envelope, Option<NodeId>),
}

/// Which pushed facts were new, per channel and member, until the call ends.
pub(crate) type Feedback = BTreeMap<(ChannelId, NodeId), (Vec<[u8; 8]>, Vec<[u8; 8]>)>;

/// Time, randomness, identity, and places for effects.
pub(crate) struct Env<'a> {
    /// Whether somebody is waited for who is no known member any more.
    pub(crate) awaits: bool,
    /// This start of ours.
    pub(crate) boot: BootId,
    pub(crate) clock: &'a mut HybridClock,
    /// Whether most partners' clocks disagree with ours.
    pub(crate) clock_disagrees: bool,
    /// The largest fact that goes as a datagram.
    pub(crate) datagram_fact_bytes: usize,
    pub(crate) effects: &'a mut VecDeque<ChannelEffect>,
    /// The largest fact that is taken.
    pub(crate) fact_bytes: usize,
    /// The largest fact that may be written.
    pub(crate) writable_bytes: usize,
    pub(crate) feedback: &'a mut Feedback,
    /// Whether the table of members has room for this one, or has it already.
    pub(crate) has_room: &'a dyn Fn(&NodeId) -> bool,
    pub(crate) keys: &'a dyn Keys,
    pub(crate) left: bool,
    /// Who we are.
    pub(crate) me: NodeId,
    pub(crate) next_ticket: &'a mut u64,
    pub(crate) now: Now,
    pub(crate) partners: Partners<'a>,
    /// Members whose confirmation is needed before dormant facts are dropped: listed anew for who asks.
    pub(crate) required: &'a dyn Fn() -> Vec<NodeId>,
    pub(crate) sampler: &'a mut dyn Sampler,
    /// Queues a record of a channel for a member.
    pub(crate) send: &'a mut dyn FnMut(ChannelId, NodeId, Class, Parcel),
    /// Members whose facts are checked in small batches, for some were false.
    pub(crate) slowed: &'a dyn Fn(&NodeId) -> bool,
    pub(crate) status: &'a mut Status,
    /// Whether a stream leads to a member, or may yet.
    pub(crate) streams: &'a dyn Fn(&NodeId) -> bool,
    /// When a comparison of views with a member last ended equal.
    pub(crate) view_equal: &'a BTreeMap<NodeId, Epoch>,
}

impl Env<'_> {
    pub(crate) fn ticket(&mut self) -> Ticket {
        *self.next_ticket += 1;
        Ticket(*self.next_ticket)
    }

    pub(crate) fn answer(&mut self, request: RequestId, answer: Answer) {
        self.effects.push_back(ChannelEffect::Answer(request, answer));
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.effects.push_back(ChannelEffect::Event(event));
    }

    pub(crate) fn reject(&mut self, from: Option<NodeId>, why: Why) {
        self.effects.push_back(ChannelEffect::Rejected(from, why));
    }

    /// The application hears of the first failure, and of the one that ends all writing.
    pub(crate) fn store_failed(&mut self, error: StoreError) {
        if self.status.store.failed(&error) {
            self.event(Event::StoreFailed(error));
        }
    }

    /// Whether the store refuses writes until a restart.
    pub(crate) const fn is_read_only(&self) -> bool {
        self.status.store.read_only
    }

    pub(crate) fn send(&mut self, channel: ChannelId, to: NodeId, class: Class, parcel: Parcel) {
        (self.send)(channel, to, class, parcel);
    }

    pub(crate) fn send_fact(
        &mut self,
        channel: ChannelId,
        to: NodeId,
        class: Class,
        fact: &Envelope,
        feedback: bool,
    ) {
        self.status.facts_sent += 1;
        self.send(channel, to, class, Parcel::Fact { bytes: fact.bytes().clone(), feedback });
    }

    pub(crate) fn feedback(&mut self, channel: ChannelId, to: NodeId, id: FactId, new: bool) {
        let (known, fresh) = self.feedback.entry((channel, to)).or_default();
        let [a, b, c, d, e, f, g, h, ..] = *id.as_bytes();
        if new { fresh } else { known }.push([a, b, c, d, e, f, g, h]);
    }

    pub(crate) fn changed(&mut self, channel: ChannelId, fact: &Envelope) {
        let change = if fact.is_tombstone() { Change::Delete } else { Change::Put };
        // What expired on its way is announced as expired, by the next sweep.
        if fact.is_tombstone() || fact.is_live(self.now.wall) {
            self.event(Event::Changed { channel, change, fact: fact.clone() });
        }
    }
}
