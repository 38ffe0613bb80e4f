//! Who we can talk to: first contact, sessions, pings, and the pace of addresses.
//!
//! ```text
//!  A                                   B
//!  │ Hello(session a) ───────────────▶ │   no state at B
//!  │ ◀─────────────── Retry(a, cookie) │
//!  │ Hello(session a, cookie) ───────▶ │   A's address is proven; its alive fact is verified
//!  │ ◀───── Hello(session b, answers a)│   B's session stands
//!  │                                   │   B's alive fact is verified: A's session stands
//! ```
//! A frame of an unknown session is answered with a Reset, upon which its sender dials anew.
//! Where hosts share a directory, all that is done already.

mod announced;
mod dial;
mod elsewhere;
mod hello;
mod listed;
mod pace;
mod reach;
mod session;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use self::dial::Dials;
pub(crate) use self::dial::{DialConfig, Target};
use self::elsewhere::Elsewhere;
use self::listed::Listed;
use self::pace::Pace;
pub(crate) use self::pace::Sender;
use self::reach::Links;
pub(crate) use self::reach::Reach;
pub(crate) use self::session::Route;
use self::session::Sessions;
use crate::config::Config;
use crate::fact::{Domain, Envelope, Job, Verified, Why};
use crate::id::{BootId, Endpoints, NodeId, SessionId};
use crate::io::{Seed, Ticket};
use crate::membership::Directory;
use crate::rng::Rng;
use crate::status::Status;
use crate::strategy::Partners;
use crate::time::{Mono, Now};
use crate::transport::{Address, LinkId};
use crate::wire::{FactLimit, Frame, Hello};

/// What peering wants done.
#[derive(Debug)]
pub(crate) enum PeeringEffect {
    /// A session with this start of a member stands; its store had this commit at that start. If we
    /// dialled it, it tells the largest fact of the cluster that we are in.
    Established {
        member: NodeId,
        boot: BootId,
        commit: u64,
        fact_bytes: Option<usize>,
    },
    /// Somebody said Hello in this member's name from an address that its word does not name, while its session
    /// stands at one that it does.
    Elsewhere(NodeId),
    /// No session with this member any more.
    Lost(NodeId),
    /// A frame of our own making.
    Frame(Address, Frame),
    /// Somebody at this address uses this frame's session, or is malformed.
    Rejected(Address, Option<NodeId>, Why),
    /// A member refused our Hello.
    RefusedBy(Address, Why),
    Resolve(String),
    /// A seed has not answered for long.
    Silent(Seed),
    /// The alive fact of a Hello, verified.
    Said(Verified<Envelope>),
    Verify(Ticket, Job),
}

/// What a Hello of ours says, besides its session.
#[derive(Clone, Debug)]
pub(crate) struct Introduction {
    pub(crate) alive: Bytes,
    pub(crate) commit: u64,
    /// The largest fact of our cluster, as far as that is settled.
    pub(crate) fact_limit: FactLimit,
    pub(crate) me: NodeId,
    /// What some members have and others lack: who joins must reach all of them.
    pub(crate) members: Vec<Reach>,
}

/// Sessions and everything that leads to them.
#[derive(Debug)]
pub(crate) struct Peering {
    config: Config,
    cookie_secret: [u8; 32],
    dials: Dials,
    effects: Vec<PeeringEffect>,
    elsewhere: Elsewhere,
    hellos: BTreeMap<Ticket, PendingHello>,
    links: Links,
    listed: Option<Listed>,
    pace: Pace,
    reach: Reach,
    rng: Rng,
    sessions: Sessions,
    view: Domain,
}

/// A Hello whose alive fact is being verified.
#[derive(Debug)]
struct PendingHello {
    from: Address,
    hello: Hello,
}

/// How long a cookie stays good: one to two of these.
const COOKIE_LIFETIME: Duration = Duration::from_secs(60);

/// How often one address is told that its session is unknown.
const RESET_PAUSE: Duration = Duration::from_millis(100);

impl Peering {
    pub(crate) fn new(config: &Config, view: Domain, reach: Reach, rng: &mut Rng) -> Self {
        let spec = config.spec();
        let dials = DialConfig {
            min: spec.redial_min,
            max: spec.redial_max,
            per_second: spec.dials_per_second,
        };
        let mut rng = rng.fork("peering");
        Self {
            config: config.clone(),
            cookie_secret: rng.bytes(),
            dials: Dials::new(dials),
            effects: Vec::new(),
            elsewhere: Elsewhere::default(),
            hellos: BTreeMap::new(),
            links: Links::new(spec.limits.links),
            listed: None,
            reach,
            pace: Pace::new(spec.limits.paces, spec.limits.slowed_frames),
            rng,
            sessions: Sessions::default(),
            view,
        }
    }

    /// Everybody in this directory is met already, if this node is listed in it.
    pub(crate) fn list(&mut self, directory: Arc<Directory>, me: &NodeId) {
        self.listed = Listed::new(directory, me);
    }

    /// Everybody whom a shared directory lists besides us; `None` where there is none.
    pub(crate) fn listed(&self) -> Option<Partners<'_>> {
        self.listed.as_ref().map(Listed::partners)
    }

    pub(crate) const fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    pub(crate) fn take_effects(&mut self) -> Vec<PeeringEffect> {
        std::mem::take(&mut self.effects)
    }

    /// Whether a frame of this sender is heard at all for now.
    pub(crate) fn hears(&mut self, now: Mono, sender: Sender) -> bool {
        self.pace.hears(now, sender)
    }

    /// Somebody who writes like this sender said something false or malformed.
    pub(crate) fn blame(&mut self, now: Mono, sender: Sender) {
        self.pace.blame(now, sender);
    }

    /// Whether who writes from this address may be told again that it is not heard.
    pub(crate) fn may_show(&mut self, now: Mono, from: Address, pause: Duration) -> bool {
        self.pace.may_reset(now, from, pause)
    }

    pub(crate) fn is_slowed(&self, now: Mono, node: &NodeId) -> bool {
        let slowed = |address| self.pace.is_slowed(now, Sender::Session(address));
        self.route(node).is_some_and(|route| slowed(route.gossip) || slowed(route.bulk))
    }

    pub(crate) fn address(&self, node: &NodeId) -> Option<Address> {
        self.route(node).map(|route| route.gossip)
    }

    /// The session that our frames to this member carry, and where they go.
    pub(crate) fn route(&self, node: &NodeId) -> Option<Route> {
        match &self.listed {
            Some(listed) => listed.route(node),
            None => self.sessions.route(node),
        }
    }

    /// The same for frames that leave now: over a stream only where one stands, or may yet.
    pub(crate) fn route_now(&mut self, now: Mono, node: &NodeId, bulk: bool) -> Option<Route> {
        if let Some(listed) = &self.listed {
            return listed.route(node);
        }
        let (route, is_stale) = self.sessions.route_now(now, node, bulk, &self.links)?;
        if is_stale {
            self.redial(now, *node);
        }
        Some(route)
    }

    /// Whether frames to this member that leave now may go over a stream.
    pub(crate) fn has_stream(&self, now: Mono, node: &NodeId) -> bool {
        self.listed.is_none() && self.sessions.has_stream(now, node, &self.links)
    }

    pub(crate) fn has_session(&self, node: &NodeId) -> bool {
        self.sessions.route(node).is_some()
    }

    /// Members with a session, ascending.
    pub(crate) fn linked(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.sessions.nodes()
    }

    /// Whose data frame this is: a known session, from where that member may speak.
    pub(crate) fn sender(&self, session: SessionId, from: Address) -> Option<NodeId> {
        match &self.listed {
            Some(listed) => listed.sender(session, from),
            None => self.sessions.sender(session, from, &self.links),
        }
    }

    /// Who is taken for dead and may go on with this session.
    pub(crate) fn buried(&self, now: Mono, session: SessionId, from: Address) -> Option<NodeId> {
        self.sessions.buried(now, session, from, &self.links)
    }

    /// Who was taken for dead goes on with this session.
    pub(crate) fn raise(&mut self, session: SessionId) {
        self.sessions.raise(session);
    }

    /// A data frame of this member was opened.
    pub(crate) fn arrived(&mut self, member: &NodeId, from: Address) {
        self.sessions.arrived(member, from);
    }

    /// A connection stands.
    pub(crate) fn up(&mut self, link: LinkId, peer: SocketAddr) {
        self.links.up(link, peer);
    }

    /// A connection ended.
    pub(crate) fn down(&mut self, now: Mono, link: LinkId) {
        for member in self.sessions.down(link) {
            self.drop_session(now, &member);
            self.dials.hurry(&Target::Member(member));
        }
        self.links.down(link);
    }

    /// Whether most partners' clocks differ from ours by more than half the bound.
    pub(crate) fn clock_disagrees(&self) -> bool {
        self.sessions.clock_disagrees()
    }

    /// Talks to these seeds from now on; who is listed has met everybody.
    pub(crate) fn add_seeds(&mut self, now: Mono, seeds: impl IntoIterator<Item = Seed>) {
        if self.listed.is_some() {
            return;
        }
        for seed in seeds {
            let addresses = match &seed {
                Seed::Address(address) => self.reach.guesses(&[*address]),
                Seed::Name(_) => Vec::new(),
            };
            self.dials.add(now, Target::Seed(seed), addresses);
        }
    }

    /// Keeps a link with this member from now on: it is dialled until a session stands, and again when that
    /// ends. Who does not know yet what its cluster carries asks in any case.
    pub(crate) fn link(
        &mut self,
        now: Mono,
        member: NodeId,
        endpoints: impl FnOnce() -> Endpoints,
        is_founded: bool,
    ) {
        if !(self.sessions.keep(&member, true) && is_founded) {
            self.dials.add(now, Target::Member(member), self.reach.ways(&endpoints()));
        }
    }

    /// A member says where it is; that matters if a link with it is kept.
    pub(crate) fn moved(&mut self, now: Mono, member: NodeId, endpoints: &Endpoints) {
        self.sessions.announced(&member, endpoints);
        let target = Target::Member(member);
        if self.dials.contains(&target) {
            self.dials.add(now, target, self.reach.ways(endpoints));
        }
    }

    /// Whether a Hello in a member's name came lately from where its word does not say that it listens.
    pub(crate) fn has_spoken_elsewhere(&self, now: Mono, member: &NodeId) -> bool {
        self.elsewhere.lately(now, member).is_some()
    }

    /// A member does not answer where it says that it listens: it is dialled where it spoke from lately, and no session
    /// stands in the way of that.
    pub(crate) fn follow(&mut self, now: Mono, member: NodeId) {
        let from = self.elsewhere.lately(now, &member);
        let Some((from, announced)) = from.zip(self.sessions.announces(&member)) else { return };
        if self.sessions.is_at(&member, &announced, &self.links) {
            let ways = [from].into_iter().chain(self.reach.ways(&announced)).collect();
            self.drop_session(now, &member);
            self.dials.add(now, Target::Member(member), ways);
        }
    }

    /// Members that do not answer where they say that they listen, and where they are reached or spoke from, as far
    /// as that is an address.
    pub(crate) fn astray(&self, now: Mono) -> impl Iterator<Item = (NodeId, SocketAddr)> + '_ {
        self.elsewhere.members().filter_map(move |member| {
            let at = match self.sessions.announces(member) {
                Some(named) if self.sessions.is_at(member, &named, &self.links) => return None,
                Some(_) => self.sessions.route(member)?.gossip,
                None => self.elsewhere.lately(now, member)?,
            };
            Some((*member, self.links.peer(at)?))
        })
    }

    /// Keeps no link with this member any more.
    pub(crate) fn unlink(&mut self, member: NodeId) {
        self.sessions.keep(&member, false);
        self.dials.remove(&Target::Member(member));
    }

    /// A member is taken for dead: its session ends, and it is dialled patiently. Who may wake goes on with its
    /// session if it does.
    pub(crate) fn bury(&mut self, now: Mono, member: &NodeId, may_wake: bool) {
        self.redial(now, *member);
        let ended =
            if may_wake { self.sessions.bury(now, member) } else { self.sessions.remove(member) };
        if ended {
            self.effects.push(PeeringEffect::Lost(*member));
        }
        self.dials.bury(&Target::Member(*member));
    }

    /// Knows nothing of this member any more; seeds are tried on, whoever answered there.
    pub(crate) fn forget(&mut self, now: Mono, member: NodeId) {
        self.unlink(member);
        self.drop_session(now, &member);
        self.dials.forget(&member);
        self.elsewhere.forget(&member);
    }

    /// Ends the session with a member that is gone.
    fn drop_session(&mut self, now: Mono, member: &NodeId) {
        self.redial(now, *member);
        if self.sessions.remove(member) {
            self.effects.push(PeeringEffect::Lost(*member));
        }
    }

    /// A name was looked up.
    pub(crate) fn resolved(
        &mut self,
        now: Now,
        name: String,
        addresses: &[SocketAddr],
        us: &Introduction,
    ) {
        let target = Target::Seed(Seed::Name(name));
        self.dials.resolved(&target, self.reach.guesses(addresses));
        self.dial(now, &target, us);
    }

    /// Whether a member can be talked to; who cannot is dialled at once.
    pub(crate) fn reach(&mut self, member: NodeId) -> bool {
        let reached = self.has_session(&member);
        if !reached {
            self.dials.hurry(&Target::Member(member));
        }
        reached
    }

    /// What waits here, for the status.
    pub(crate) fn describe(&self, status: &mut Status) {
        for (name, count) in [
            ("dials", self.dials.len()),
            ("hellos", self.hellos.len()),
            ("links", self.links.len()),
            ("paces", self.pace.len()),
            ("sessions", self.sessions.len()),
        ] {
            status.queues.insert(name, count);
        }
    }

    /// Dials what is due.
    pub(crate) fn wake(&mut self, now: Now, us: &Introduction) {
        let alone = self.sessions.nodes().next().is_none();
        while let Some(target) = self.dials.take_due(now.mono) {
            let member = self.dials.member(&target);
            // Who does not know yet what its cluster carries asks, also who was dialled itself.
            let reached = us.fact_limit.founded
                && member.is_some_and(|member| !self.sessions.is_stale(now.mono, &member));
            if reached {
                self.dials.rest(now.mono, &target, &mut self.rng);
                continue;
            }
            if let Target::Seed(Seed::Name(name)) = &target {
                self.effects.push(PeeringEffect::Resolve(name.clone()));
            } else {
                self.dial(now, &target, us);
            }
            let silent = self.dials.tried(now.mono, &target, alone, &mut self.rng);
            if let Target::Seed(seed) = target
                && silent
            {
                self.effects.push(PeeringEffect::Silent(seed));
            }
        }
    }

    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.dials.deadline()
    }

    /// A frame that is not data.
    pub(crate) fn on_frame(
        &mut self,
        now: Now,
        from: Address,
        frame: Frame,
        us: &Introduction,
        next_ticket: &mut u64,
    ) {
        match frame {
            Frame::Data { .. } if self.listed.is_some() => {
                self.reject(from, None, Why::UnknownSession);
            }
            // Who is listed has met everybody.
            _ if self.listed.is_some() => self.reject(from, None, Why::Unasked),
            Frame::Hello(hello) => self.on_hello(now, from, *hello, us, next_ticket),
            Frame::Retry { session, cookie } => {
                // Only the address that we dialled may ask for the cookie's return.
                if !self.dials.is_dialling(session, from) {
                    return self.reject(from, None, Why::Unasked);
                }
                self.dials.keep_cookie(now.mono, session, cookie);
                let hello = self.hello(now, us, session, None, Some(cookie));
                self.effects.push(PeeringEffect::Frame(from, hello));
            }
            Frame::Reset { session } => match self.sessions.ours(session, from, &self.links) {
                Some(member) => {
                    self.drop_session(now.mono, &member);
                    self.dials.hurry(&Target::Member(member));
                }
                None => self.reject(from, None, Why::Unasked),
            },
            Frame::Refuse { session, why } => {
                if !self.dials.is_dialling(session, from) {
                    return self.reject(from, None, Why::Unasked);
                }
                self.effects.push(PeeringEffect::RefusedBy(from, why));
            }
            Frame::Data { session, .. } => self.on_unknown_session(now.mono, from, session),
        }
    }

    fn on_unknown_session(&mut self, now: Mono, from: Address, session: SessionId) {
        self.reject(from, None, Why::UnknownSession);
        let being_verified = |pending: &PendingHello| pending.hello.session == session;
        if !self.hellos.values().any(being_verified) && self.pace.may_reset(now, from, RESET_PAUSE)
        {
            self.effects.push(PeeringEffect::Frame(from, Frame::Reset { session }));
        }
    }

    /// Dials a member with which a link is kept, beside the session that stands.
    fn redial(&mut self, now: Mono, member: NodeId) {
        let target = Target::Member(member);
        if let Some(announced) = self.sessions.kept(&member)
            && !self.dials.contains(&target)
        {
            self.dials.add(now, target, self.reach.ways(&announced));
        }
    }

    fn dial(&mut self, now: Now, target: &Target, us: &Introduction) {
        let member = self.dials.member(target);
        let anew = member.is_some_and(|member| self.has_session(&member));
        let next = self.dials.next_try(target, anew, &mut self.rng);
        let Some((session, address)) = next else { return };
        let cookie = self.dials.cookie(now.mono, session);
        let hello = self.hello(now, us, session, None, cookie);
        self.effects.push(PeeringEffect::Frame(address, hello));
    }

    fn reject(&mut self, address: Address, node: Option<NodeId>, why: Why) {
        self.effects.push(PeeringEffect::Rejected(address, node, why));
    }
}
