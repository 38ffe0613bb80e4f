//! The node: a router between peering, the channels and the outside.
//!
//! A pure function of (state, time, input): [`Node::handle`] takes an [`Input`],
//! [`Node::poll_output`] drains [`Output`]s, and [`Output::Wait`] ends every drain.

mod detect;
mod explain;
mod forget;
mod life;
mod outbox;
mod probing;
mod reports;
mod router;
mod settle;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use self::forget::Forgetting;
use self::life::Life;
use self::outbox::Outbox;
use self::probing::Probing;
use self::reports::Inquiry;
use crate::channel::{Channel, ChannelEffect, Env, Feedback, Rules};
use crate::config::{ChannelSlots, Config, Strategies};
use crate::fact::{Domain, Keys, Protection, Why};
use crate::id::{ChannelId, NodeId, ShardId, TopicId};
use crate::io::{Answer, Boot, Command, Event, Input, Output, Refused, RequestId, Ticket};
use crate::membership::{Known, MemberStatus, Roster, ViewRetain};
use crate::mistake::{Mistake, made};
use crate::peering::{Introduction, Peering, Reach};
use crate::rng::Rng;
use crate::status::{PeerCounts, Status};
use crate::store::MemoryState;
use crate::store::{MetaName, Restored};
use crate::strategy::dissemination::RumorMongering;
use crate::strategy::reconcile::Repair;
use crate::strategy::removal::{Feedback as FeedbackRule, Limit};
use crate::strategy::{Detector, Overlay, Partners, Sampler};
use crate::time::{Epoch, Hlc, HybridClock, Mono, Now, earliest};

/// One member of a cluster.
#[derive(Debug)]
pub struct Node {
    /// What the store had committed before this start.
    boot_commit: u64,
    boot_mono: Mono,
    /// The view among them.
    channels: BTreeMap<ChannelId, Box<Channel>>,
    /// When the first of them wants to be woken, as of when one was last let act.
    channels_due: Option<Mono>,
    clock: HybridClock,
    clock_disagreed: bool,
    config: Config,
    deadline: Option<Mono>,
    detector: Box<dyn Detector>,
    /// The detector's own generator.
    detector_rng: Rng,
    effects: VecDeque<ChannelEffect>,
    feedback: Feedback,
    forgetting: Forgetting,
    inquiry: Inquiry,
    /// Whether all that follows from the inputs so far has been carried out.
    is_settled: bool,
    keys: Box<dyn Keys>,
    life: Life,
    next_ticket: u64,
    now: Now,
    outbox: Outbox,
    outputs: VecDeque<Output>,
    overlay: Box<dyn Overlay>,
    /// Live members with a session, ascending.
    partners: Vec<NodeId>,
    /// Whose session or verdict changed since partners were last looked at.
    changed: BTreeSet<NodeId>,
    peering: Peering,
    probing: Probing,
    /// Whether members came or left since links were last chosen.
    relink: bool,
    /// No choice of links before this.
    relink_from: Mono,
    /// The kinds of transport of members, each once: who joins must meet all of them.
    reaches: Vec<Reach>,
    /// Whether some of them may be nobody's any more.
    reaches_changed: bool,
    roster: Roster,
    routes: BTreeMap<Ticket, Room>,
    sampler: Box<dyn Sampler>,
    status: Status,
    /// When the node last noticed that it had not been run, and for how long.
    stood_still: Option<(Mono, Duration)>,
    /// Whether a channel was let act since their deadlines were last looked at: most frames are of no channel.
    stirred: bool,
    /// Channels whose facts that have come are yet to move on.
    unpumped: BTreeSet<ChannelId>,
    view_equal: BTreeMap<NodeId, Epoch>,
    view_id: ChannelId,
    /// The view's facts: always in memory, so that its questions are answered at once.
    view_state: MemoryState,
}

/// A wall clock that is this far from where the other one lets expect it was set, and did not drift (a guess).
const CLOCK_STEP: Duration = Duration::from_millis(100);

/// So many outputs or records have room for good: most frames have one in answer, which so needs no new memory.
const FEW: usize = 4;

/// Which machine asked; a ticket's answer goes there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Channel(ChannelId),
    Life,
    Peering,
}

impl Node {
    /// A node that begins now. Its first outputs ask the store to keep the new incarnation;
    /// nobody is talked to before it is durable.
    #[must_use]
    pub fn new(now: Now, config: Config, strategies: Strategies, boot: Boot) -> Self {
        let Strategies { detector, keys, overlay, sampler, main } = strategies;
        let Boot { directory, endpoints, restored, seed } = boot;
        let mut rng = Rng::from_seed(seed);
        let config = config.for_rule(main.retain.name());
        let (main_domain, view_domain) = (config.main().clone(), config.view().clone());
        let reach = Reach::of(&endpoints);
        let mut peering = Peering::new(&config, view_domain.clone(), reach, &mut rng);
        if let Some(directory) = directory {
            peering.list(directory, &keys.id());
        }
        let view = view_channel(&config, view_domain.clone(), &mut rng);
        let main = main_channel(&config, main_domain, main, &restored, &mut rng);
        let hlc = if made(Mistake::ForgetClock) { Hlc::ZERO } else { restored.hlc };
        let life = Life::new(now, &restored, endpoints, view_domain, &mut rng);
        let mut node = Self {
            boot_commit: restored.commit,
            boot_mono: now.mono,
            channels: BTreeMap::new(),
            channels_due: None,
            clock: HybridClock::resume(hlc),
            clock_disagreed: false,
            deadline: None,
            detector,
            detector_rng: rng.fork("detector"),
            effects: VecDeque::new(),
            feedback: Feedback::new(),
            forgetting: Forgetting::new(now.mono),
            inquiry: Inquiry::default(),
            is_settled: false,
            keys,
            life,
            next_ticket: 0,
            now,
            outbox: Outbox::new(config.payloads(), config.fits_datagram(), config.spec().compress),
            outputs: VecDeque::new(),
            overlay,
            partners: Vec::new(),
            changed: BTreeSet::new(),
            peering,
            probing: Probing::new(rng.fork("probing")),
            relink: false,
            relink_from: Mono::ZERO,
            reaches: Vec::new(),
            reaches_changed: false,
            roster: Roster::default(),
            routes: BTreeMap::new(),
            sampler,
            status: Status::default(),
            stood_still: None,
            stirred: true,
            unpumped: BTreeSet::new(),
            view_equal: BTreeMap::new(),
            view_id: view.id(),
            view_state: MemoryState::new(),
            config,
        };
        node.channels = [view, main].map(|channel| (channel.id(), Box::new(channel))).into();
        if node.keys.protection() == Protection::Clear {
            node.event(Event::SessionsInTheClear);
        }
        node.return_from_leave(&restored);
        node.begin_life();
        node.restore_members(&restored);
        node.settle();
        node
    }

    /// Who this node is.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.keys.id()
    }

    /// Takes an input. Everything that follows from it, and from others taken since the last drain, is
    /// drained with [`poll_output`](Self::poll_output): what arrives together is answered together.
    pub fn handle(&mut self, now: Now, input: Input) {
        // A wall clock that was set moves what waits for a date.
        let expected = self.now.wall + now.mono.since(self.now.mono);
        self.stirred |= expected.distance(now.wall) >= CLOCK_STEP;
        // Time that stands still is fine; a driver's clock that goes back is not believed.
        self.now = Now { mono: now.mono.max(self.now.mono), wall: now.wall };
        match input {
            Input::Command(request, command) => self.command(request, command),
            Input::Exported(ticket, result) => {
                if let Some(Room::Channel(channel)) = self.routes.remove(&ticket) {
                    self.in_channel(channel, |channel, env| channel.exported(env, ticket, result));
                }
            }
            Input::Held(held) => self.sending_held(held),
            Input::Network(inbound) => self.network(inbound),
            Input::Resolved { name, addresses } => {
                let us = self.introduction();
                self.peering.resolved(self.now, name, &addresses, &us);
            }
            Input::Stored(ticket, reply) => match self.routes.remove(&ticket) {
                Some(Room::Channel(channel)) => {
                    self.in_channel(channel, |channel, env| channel.stored(env, ticket, reply));
                }
                Some(Room::Life) => self.life_stored(ticket, reply),
                Some(Room::Peering) | None => {}
            },
            Input::Verified(ticket, verdicts) => match self.routes.remove(&ticket) {
                Some(Room::Channel(channel)) => self.in_channel(channel, |channel, env| {
                    channel.verified(env, ticket, verdicts);
                }),
                Some(Room::Peering) => {
                    let us = self.introduction();
                    self.peering.verified(self.now, ticket, verdicts, &us);
                }
                Some(Room::Life) => self.members_verified(verdicts),
                None => {}
            },
            Input::Wake => {}
        }
        if let Some(due) = self.deadline.take_if(|due| *due <= self.now.mono) {
            self.was_late(self.now.mono.since(due));
            self.wake();
        }
        self.is_settled = false;
        // Whom to hear, and of what start, decides about the very next frame.
        if self.peering.has_effects() {
            self.settle();
        }
    }

    /// The next effect. [`Output::Wait`] says that there is none for now.
    pub fn poll_output(&mut self) -> Output {
        if !self.is_settled {
            self.settle();
        }
        let Some(output) = self.outputs.pop_front() else {
            // Of many nodes in one process most are at rest: queues that are empty take hardly any room.
            if self.outputs.capacity() > FEW {
                self.outputs = VecDeque::new();
            }
            return Output::Wait(self.deadline);
        };
        output
    }

    fn command(&mut self, request: RequestId, command: Command) {
        match command {
            Command::Compare { channel } => {
                self.on_channel(request, channel, |channel, env| {
                    channel.survey(env);
                    env.answer(request, Answer::Done);
                });
            }
            Command::Evict(member) => self.evict(request, member),
            Command::Get { channel, key } => {
                self.on_channel(request, channel, |channel, env| channel.get(env, request, key));
            }
            Command::Join(seeds) => {
                self.peering.add_seeds(self.now.mono, seeds);
                self.answer(request, Answer::Done);
            }
            Command::Leave => self.leave(request),
            Command::Stop => self.stop(request),
            Command::Members => {
                let members = self.roster.tell_all();
                let version = self.roster.version();
                self.answer(request, Answer::Members { members, version });
            }
            Command::Reports { of, full } => self.inquire(request, of, full),
            Command::Scan { channel, prefix, after, limit } => {
                self.on_channel(request, channel, |channel, env| {
                    channel.scan(env, request, prefix, after, limit);
                });
            }
            Command::Status => {
                let status = Box::new(self.status());
                self.answer(request, Answer::Status(status));
            }
            Command::Total { channel, epoch } => {
                self.on_channel(request, channel, |channel, env| {
                    channel.total(env, request, epoch);
                });
            }
            Command::Why(member) => self.why(request, member),
            Command::Write { channel, writes } => {
                self.on_channel(request, channel, |channel, env| {
                    channel.write(env, request, writes);
                });
            }
        }
    }

    /// Counters and queues as they are now.
    #[must_use]
    pub fn status(&self) -> Status {
        let mut status = self.status.clone();
        status.uptime = self.now.mono.since(self.boot_mono);
        status.peers = PeerCounts {
            alive: match self.peering.listed() {
                Some(others) => others.len() + 1,
                None => self.roster.count(MemberStatus::Alive),
            },
            suspect: self.roster.count(MemberStatus::Suspect),
            dead: self.roster.count(MemberStatus::Dead),
            left: self.roster.count(MemberStatus::Left),
            evicted: self.roster.count(MemberStatus::Evicted),
        };
        let partners = self.peering.listed().unwrap_or_else(|| Partners::new(&self.partners));
        for channel in self.channels.values() {
            channel.describe(partners, &mut status);
        }
        self.peering.describe(&mut status);
        status.queues.insert("awaited", self.forgetting.awaited());
        status.queues.insert("gone", self.forgetting.gone());
        status.queues.insert("view-facts", self.view_state.facts());
        status.queues.insert("tickets", self.routes.len());
        status
    }

    /// Counters alone, at no cost.
    #[cfg(feature = "sim")]
    pub(crate) const fn counters(&self) -> &Status {
        &self.status
    }

    /// How many members are known, this one included.
    #[cfg(feature = "sim")]
    pub(crate) fn known(&self) -> usize {
        self.roster.len()
    }

    /// How many members are alive in its eyes, and how many dead.
    #[cfg(feature = "sim")]
    pub(crate) fn living_and_dead(&self) -> (usize, usize) {
        (self.roster.count(MemberStatus::Alive), self.roster.count(MemberStatus::Dead))
    }

    /// With how many members a session stands.
    #[cfg(feature = "sim")]
    pub(crate) fn sessions(&self) -> usize {
        self.peering.linked().count()
    }

    /// Rumors of the main channels that are still told.
    #[cfg(feature = "sim")]
    pub(crate) fn rumors(&self) -> usize {
        self.channels
            .values()
            .filter(|channel| !channel.is_view())
            .map(|channel| channel.rumors())
            .sum()
    }

    fn wake(&mut self) {
        self.live();
        if self.life.is_evicted() {
            return;
        }
        let dials = self.peering.deadline().is_some_and(|due| due <= self.now.mono);
        if dials && self.life.is_known() {
            let us = self.introduction();
            self.peering.wake(self.now, &us);
        }
        self.detect();
        self.forget_the_gone();
        self.poll_inquiry();
        if self.channels_due().is_some_and(|due| due <= self.now.mono) {
            let channels: Vec<_> = self.wakeful().map(Channel::id).collect();
            for channel in channels {
                self.in_channel(channel, Channel::wake);
            }
        }
    }

    /// When the first channel wants to be woken.
    fn channels_due(&mut self) -> Option<Mono> {
        if std::mem::take(&mut self.stirred) {
            let read_only = self.status.store.read_only;
            let due = self.wakeful().map(|channel| channel.deadline(self.now, read_only));
            self.channels_due = earliest(due);
        }
        self.channels_due
    }

    /// Channels with something to do: where a directory says who is where, views are at rest.
    fn wakeful(&self) -> impl Iterator<Item = &Channel> {
        let listed = self.peering.listed().is_some();
        self.channels.values().map(|channel| &**channel).filter(move |it| !(listed && it.is_view()))
    }

    fn answer(&mut self, request: RequestId, answer: Answer) {
        self.outputs.push_back(Output::Answer(request, answer));
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn reject(
        &mut self,
        from: Option<NodeId>,
        address: Option<crate::transport::Address>,
        why: Why,
    ) {
        *self.status.rejected.entry(why).or_default() += 1;
        self.event(Event::Rejected { from, address, why });
    }

    fn on_channel(
        &mut self,
        request: RequestId,
        channel: ChannelId,
        act: impl FnOnce(&mut Channel, &mut Env<'_>),
    ) {
        if channel != self.view_id && self.channels.contains_key(&channel) {
            self.in_channel(channel, act);
        } else {
            self.answer(request, Answer::Refused(Refused::UnknownChannel));
        }
    }

    fn in_channel(&mut self, id: ChannelId, act: impl FnOnce(&mut Channel, &mut Env<'_>)) {
        self.refresh_partners();
        self.stirred = true;
        let Some(channel) = self.channels.get_mut(&id) else { return };
        let (peering, mono) = (&self.peering, self.now.mono);
        let slowed = |node: &NodeId| peering.is_slowed(mono, node);
        let streams = |node: &NodeId| peering.has_stream(mono, node);
        let (roster, me, limit) = (&self.roster, self.keys.id(), self.config.spec().limits.members);
        // Whoever has a place in the view is about to have one in the roster.
        let is_full = self.view_state.facts() >= limit;
        let has_room = |node: &NodeId| match roster.member(node) {
            None => *node == me || (!is_full && roster.has_room(node, limit)),
            Some(_) => true,
        };
        let required = || match peering.listed() {
            Some(listed) => listed.iter().collect(),
            None => required(roster, me).map(|(member, _)| *member).collect(),
        };
        let partners = match peering.listed() {
            // Views say who is where, and that is known.
            Some(_) if channel.is_view() => Partners::default(),
            Some(listed) => listed,
            None => Partners::new(&self.partners),
        };
        let outbox = &mut self.outbox;
        let mut send = |channel: ChannelId, to, class, parcel| {
            outbox.push(to, Some(channel.tag()), class, parcel);
        };
        let mut env = Env {
            awaits: self.forgetting.awaits(),
            boot: self.life.boot(),
            clock: &mut self.clock,
            clock_disagrees: peering.clock_disagrees(),
            datagram_fact_bytes: self.config.fits_datagram(),
            effects: &mut self.effects,
            fact_bytes: self.config.fact_limit().bytes as usize,
            writable_bytes: self.config.writable(),
            feedback: &mut self.feedback,
            has_room: &has_room,
            keys: &*self.keys,
            left: self.life.has_left(),
            me,
            next_ticket: &mut self.next_ticket,
            now: self.now,
            partners,
            required: &required,
            sampler: &mut *self.sampler,
            send: &mut send,
            slowed: &slowed,
            status: &mut self.status,
            streams: &streams,
            view_equal: &self.view_equal,
        };
        act(channel, &mut env);
    }

    fn in_view(&mut self, act: impl FnOnce(&mut Channel, &mut Env<'_>)) {
        self.in_channel(self.view_id, act);
    }

    /// Who can be talked to at once, and by which ways those are reached who count. Only those are looked at
    /// of whom something changed: where thousands join, most changes are about one of them.
    fn refresh_partners(&mut self) {
        let me = self.keys.id();
        for member in std::mem::take(&mut self.changed).into_iter().filter(|it| *it != me) {
            let known = self.roster.member(&member);
            let is_live = known
                .is_some_and(|it| matches!(it.status, MemberStatus::Alive | MemberStatus::Suspect));
            list(&mut self.partners, member, is_live && self.peering.has_session(&member));
            match known.filter(|member| member.may_return()) {
                Some(known) => add_reach(&mut self.reaches, known),
                // Nobody knows yet who makes a session before its word has come; who is forgotten was known.
                None => self.reaches_changed |= known.is_some(),
            }
        }
        if std::mem::take(&mut self.reaches_changed) {
            self.reaches.clear();
            required(&self.roster, me).for_each(|(_, known)| add_reach(&mut self.reaches, known));
        }
    }

    fn introduction(&mut self) -> Introduction {
        // Who came a moment ago must be met as well.
        self.refresh_partners();
        Introduction {
            alive: self.life.alive_bytes(),
            commit: if made(Mistake::ForgetLoss) { u64::MAX } else { self.boot_commit },
            fact_limit: self.config.fact_limit(),
            me: self.keys.id(),
            members: self.reaches.clone(),
        }
    }
}

/// The others that must confirm before dormant facts are dropped.
fn required(roster: &Roster, me: NodeId) -> impl Iterator<Item = (&NodeId, &Known)> {
    roster.iter().filter(move |(member, known)| **member != me && known.may_return())
}

/// Lists a member, or does not from now on.
fn list(members: &mut Vec<NodeId>, member: NodeId, is_listed: bool) {
    match members.binary_search(&member) {
        Ok(place) if !is_listed => drop(members.remove(place)),
        Err(place) if is_listed => members.insert(place, member),
        _ => {}
    }
}

fn add_reach(reaches: &mut Vec<Reach>, known: &Known) {
    let reach = Reach::of(&known.endpoints());
    if reach.is_known() && !reaches.contains(&reach) {
        reaches.push(reach);
    }
}

fn view_channel(config: &Config, domain: Domain, rng: &mut Rng) -> Channel {
    let spec = config.spec();
    let removal = Box::new(FeedbackRule::new(Limit::default()));
    let slots = ChannelSlots {
        dissemination: Box::new(RumorMongering::new(spec.view_rumors, removal)),
        reconcile: Box::new(Repair::new(spec.view_repair)),
        retain: Arc::new(ViewRetain::default()),
    };
    Channel::new(domain, Rules::View, slots, spec.limits, rng, Epoch::ZERO, 0)
}

fn main_channel(
    config: &Config,
    domain: Domain,
    slots: ChannelSlots,
    restored: &Restored,
    rng: &mut Rng,
) -> Channel {
    let shard = ShardId { channel: domain.channel(), topic: TopicId(0) };
    let floor = restored.meta.get(&MetaName::Floor(shard)).map_or(Epoch::ZERO, epoch_of);
    let limits = config.spec().limits;
    let mut channel = Channel::new(domain, Rules::Open, slots, limits, rng, floor, restored.commit);
    for (name, value) in &restored.meta {
        if let MetaName::Receipt(of, member) = name
            && *of == channel.id()
        {
            channel.restore_receipt(*member, value);
        }
    }
    channel
}

fn epoch_of(stored: &bytes::Bytes) -> Epoch {
    let number = stored.as_ref().try_into().map_or(0, u32::from_be_bytes);
    Epoch::from_number(number)
}
