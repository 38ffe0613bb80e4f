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

mod dial;
mod pace;
mod session;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use self::dial::Dials;
pub(crate) use self::dial::{DialConfig, Target};
use self::pace::Pace;
pub(crate) use self::pace::Sender;
use self::session::Sessions;
use crate::config::Config;
use crate::fact::{Domain, Envelope, FactKind, Job, Verdict, Verdicts, Verified, Why};
use crate::id::{BootId, NodeId, SessionId};
use crate::io::{Seed, Ticket};
use crate::membership::Alive;
use crate::rng::Rng;
use crate::status::Status;
use crate::time::{Mono, Now};
use crate::transport::Address;
use crate::wire::{Frame, Hello};

/// What peering wants done.
#[derive(Debug)]
pub(crate) enum PeeringEffect {
    /// A session with this start of a member stands; its store had this commit at that start.
    Established(NodeId, BootId, u64),
    /// No session with this member any more.
    Lost(NodeId),
    /// A frame of our own making.
    Frame(Address, Frame),
    /// Somebody at this address uses this frame's session, or is malformed.
    Rejected(Address, Option<NodeId>, Why),
    /// A member refused our Hello.
    RefusedBy(Address, Why),
    Resolve(String),
    /// The alive fact of a Hello, verified.
    Said(Verified<Envelope>),
    Verify(Ticket, Job),
}

/// What a Hello of ours says, besides its session.
#[derive(Clone, Debug)]
pub(crate) struct Introduction {
    pub(crate) alive: Bytes,
    pub(crate) commit: u64,
    pub(crate) me: NodeId,
}

/// Sessions and everything that leads to them.
#[derive(Debug)]
pub(crate) struct Peering {
    config: Config,
    cookie_secret: [u8; 32],
    dials: Dials,
    effects: Vec<PeeringEffect>,
    hellos: BTreeMap<Ticket, PendingHello>,
    pace: Pace,
    pings: BTreeMap<NodeId, (u32, Mono)>,
    rng: Rng,
    sessions: Sessions,
    view: Domain,
}

/// A Hello whose alive fact is being verified.
#[derive(Debug)]
struct PendingHello {
    from: SocketAddr,
    hello: Hello,
}

/// How long a cookie stays good: one to two of these.
const COOKIE_LIFETIME: Duration = Duration::from_secs(60);

/// How often one address is told that its session is unknown.
const RESET_PAUSE: Duration = Duration::from_millis(100);

impl Peering {
    pub(crate) fn new(config: &Config, view: Domain, rng: &mut Rng) -> Self {
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
            hellos: BTreeMap::new(),
            pace: Pace::new(spec.limits.paces, spec.limits.slowed_frames),
            pings: BTreeMap::new(),
            rng,
            sessions: Sessions::default(),
            view,
        }
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

    pub(crate) fn is_slowed(&self, now: Mono, node: &NodeId) -> bool {
        let address = self.sessions.address(node);
        address.is_some_and(|address| self.pace.is_slowed(now, Sender::Session(address)))
    }

    pub(crate) fn address(&self, node: &NodeId) -> Option<Address> {
        self.sessions.address(node)
    }

    /// The session that our frames to this member carry, and where they go.
    pub(crate) fn route(&self, node: &NodeId) -> Option<(SessionId, Address)> {
        self.sessions.route(node)
    }

    pub(crate) fn has_session(&self, node: &NodeId) -> bool {
        self.sessions.route(node).is_some()
    }

    /// Members with a session, ascending.
    pub(crate) fn linked(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.sessions.nodes()
    }

    /// Whose data frame this is: a known session from that session's address.
    pub(crate) fn sender(&self, session: SessionId, from: Address) -> Option<NodeId> {
        self.sessions.sender(session, from)
    }

    /// Whether most partners' clocks differ from ours by more than half the bound.
    pub(crate) fn clock_disagrees(&self) -> bool {
        self.sessions.clock_disagrees()
    }

    /// Talks to these seeds from now on.
    pub(crate) fn add_seeds(&mut self, now: Mono, seeds: impl IntoIterator<Item = Seed>) {
        for seed in seeds {
            self.dials.add(now, Target::Seed(seed), Vec::new());
        }
    }

    /// Keeps a link with this member from now on.
    pub(crate) fn link(&mut self, now: Mono, member: NodeId, addresses: Vec<SocketAddr>) {
        self.dials.add(now, Target::Member(member), addresses);
    }

    /// A member says where it is; that matters if a link with it is kept.
    pub(crate) fn moved(&mut self, now: Mono, member: NodeId, addresses: Vec<SocketAddr>) {
        let target = Target::Member(member);
        if self.dials.contains(&target) {
            self.dials.add(now, target, addresses);
        }
    }

    /// Keeps no link with this member any more.
    pub(crate) fn unlink(&mut self, member: NodeId) {
        self.dials.remove(&Target::Member(member));
    }

    /// Ends the session with a member that is gone.
    pub(crate) fn drop_session(&mut self, member: &NodeId) {
        self.pings.remove(member);
        if self.sessions.remove(member) {
            self.effects.push(PeeringEffect::Lost(*member));
        }
    }

    /// A name was looked up.
    pub(crate) fn resolved(
        &mut self,
        now: Now,
        name: String,
        addresses: Vec<SocketAddr>,
        us: &Introduction,
    ) {
        let target = Target::Seed(Seed::Name(name));
        self.dials.resolved(&target, addresses);
        self.dial(now, &target, us);
    }

    /// Asks a member for a sign of life; the number to send, if there is a session.
    pub(crate) fn ping(&mut self, now: Mono, member: NodeId) -> Option<u32> {
        if !self.has_session(&member) {
            self.dials.hurry(now, &Target::Member(member));
            return None;
        }
        let nonce = self.rng.next_u64() as u32;
        self.pings.insert(member, (nonce, now));
        Some(nonce)
    }

    /// The answer to a ping: the round trip, if it answers our last one.
    pub(crate) fn acknowledged(&mut self, now: Mono, from: NodeId, nonce: u32) -> Option<Duration> {
        let (_, sent) = *self.pings.get(&from).filter(|(asked, _)| *asked == nonce)?;
        self.pings.remove(&from);
        Some(now.since(sent))
    }

    /// What waits here, for the status.
    pub(crate) fn describe(&self, status: &mut Status) {
        for (name, count) in [
            ("dials", self.dials.len()),
            ("hellos", self.hellos.len()),
            ("paces", self.pace.len()),
            ("sessions", self.sessions.len()),
        ] {
            status.queues.insert(name, count);
        }
    }

    /// Dials what is due.
    pub(crate) fn wake(&mut self, now: Now, us: &Introduction) {
        while let Some(target) = self.dials.take_due(now.mono) {
            let member = self.dials.member(&target);
            let reached = member.is_some_and(|member| !self.sessions.is_stale(now.mono, &member));
            if reached {
                self.dials.rest(now.mono, &target, &mut self.rng);
                continue;
            }
            if let Target::Seed(Seed::Name(name)) = &target {
                self.effects.push(PeeringEffect::Resolve(name.clone()));
                self.dials.tried(now.mono, &target, &mut self.rng);
                continue;
            }
            self.dial(now, &target, us);
            self.dials.tried(now.mono, &target, &mut self.rng);
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
        match (frame, from) {
            (Frame::Hello(hello), Address::Socket(address)) => {
                self.on_hello(now, address, *hello, us, next_ticket);
            }
            (Frame::Retry { session, cookie }, Address::Socket(address)) => {
                // Only the address that we dialled may ask for the cookie's return.
                if !self.dials.is_dialling(session, address) {
                    return self.reject(from, None, Why::Unasked);
                }
                let hello = self.hello(now, us, session, None, Some(cookie));
                self.effects.push(PeeringEffect::Frame(from, hello));
            }
            (Frame::Reset { session }, _) => match self.sessions.ours(session, from) {
                Some(member) => {
                    self.drop_session(&member);
                    self.dials.hurry(now.mono, &Target::Member(member));
                }
                None => self.reject(from, None, Why::Unasked),
            },
            (Frame::Refuse { session, why }, Address::Socket(address)) => {
                if !self.dials.is_dialling(session, address) {
                    return self.reject(from, None, Why::Unasked);
                }
                self.effects.push(PeeringEffect::RefusedBy(from, why));
            }
            (Frame::Data { session, .. }, _) => self.on_unknown_session(now.mono, from, session),
            (Frame::Hello(_) | Frame::Retry { .. } | Frame::Refuse { .. }, Address::Link(_)) => {
                self.reject(from, None, Why::BadFrame);
            }
        }
    }

    /// A Hello's alive fact was verified, or not.
    pub(crate) fn verified(
        &mut self,
        now: Now,
        ticket: Ticket,
        verdicts: Verdicts,
        us: &Introduction,
    ) {
        let Some(PendingHello { from, hello }) = self.hellos.remove(&ticket) else { return };
        let address = Address::Socket(from);
        match verdicts.into_iter().next() {
            Some(Verdict::Good(fact)) => self.establish(now, from, &hello, fact, us),
            Some(Verdict::Bad(_, why)) => {
                self.pace.blame(now.mono, Sender::Stranger(address));
                self.reject(address, None, why);
            }
            None => {}
        }
    }

    fn on_hello(
        &mut self,
        now: Now,
        from: SocketAddr,
        hello: Hello,
        us: &Introduction,
        next_ticket: &mut u64,
    ) {
        let address = Address::Socket(from);
        if let Some(ours) = hello.answers {
            if !self.dials.is_dialling(ours, from) {
                return self.reject(address, None, Why::Unasked);
            }
        } else {
            let Some(cookie) = hello.cookie else {
                let (session, cookie) = (hello.session, self.cookie(now, from, hello.session, 0));
                let retry = Frame::Retry { session, cookie };
                return self.effects.push(PeeringEffect::Frame(address, retry));
            };
            let good = |age| cookie == self.cookie(now, from, hello.session, age);
            if !good(0) && !good(1) {
                return self.reject(address, None, Why::BadCookie);
            }
        }
        match self.admit(&hello) {
            Ok(fact) if fact.author() == us.me => self.met_ourselves(&fact, &hello, us),
            Ok(fact) if !self.has_room(&fact.author()) => {
                self.reject(address, Some(fact.author()), Why::TableFull);
            }
            // Verified before: our answer was lost, or somebody replays what it heard.
            Ok(fact) if self.stands(&hello, &fact, address) => match hello.answers {
                None => self.answer_hello(now, us, &fact.author(), hello.session, address),
                Some(ours) => self.dials.reached(now.mono, ours, &mut self.rng),
            },
            Ok(fact) if self.hellos.len() < self.config.spec().limits.hellos => {
                // The same Hello again, while the first is being verified, changes nothing.
                if self.hellos.values().any(|other| other.hello.session == hello.session) {
                    return;
                }
                *next_ticket += 1;
                let ticket = Ticket(*next_ticket);
                self.hellos.insert(ticket, PendingHello { from, hello });
                let job = Job::new(self.view.clone(), vec![fact]);
                self.effects.push(PeeringEffect::Verify(ticket, job));
            }
            Ok(_) => self.reject(address, None, Why::TableFull),
            Err(why) => {
                let refuse = Frame::Refuse { session: hello.session, why };
                self.effects.push(PeeringEffect::Frame(address, refuse));
                self.reject(address, None, why);
            }
        }
    }

    /// Whether there is a place for a session with this member.
    fn has_room(&self, member: &NodeId) -> bool {
        self.sessions.len() < self.config.spec().limits.members || self.has_session(member)
    }

    /// Whether this Hello may lead to a session, its signature aside.
    fn admit(&self, hello: &Hello) -> Result<Envelope, Why> {
        if !hello.speaks_ours() {
            return Err(Why::NoCommonVersion);
        }
        if hello.cluster != self.config.cluster() {
            return Err(Why::OtherCluster);
        }
        if hello.constants != self.config.constants().hash() {
            return Err(Why::OtherConstants);
        }
        if hello.alive.len() > self.config.constants().fact_bytes {
            return Err(Why::TooLarge);
        }
        let fact = Envelope::decode(hello.alive.clone(), &self.view)?;
        if fact.kind() != FactKind::ALIVE {
            return Err(Why::WrongKind);
        }
        crate::membership::admit(&fact)?;
        Ok(fact)
    }

    /// Somebody with our key; if it is our own Hello that came back, a seed's address is ours.
    fn met_ourselves(&mut self, fact: &Envelope, hello: &Hello, us: &Introduction) {
        let boot = |fact: &Envelope| Alive::decode(fact).map(|alive| alive.boot).ok();
        let ours = Envelope::decode(us.alive.clone(), &self.view).ok();
        let seed = self.dials.dialling(hello.session).cloned();
        // A name may have other addresses besides.
        if let Some(seed @ Target::Seed(Seed::Address(_))) = seed
            && boot(fact) == ours.as_ref().and_then(boot)
        {
            self.dials.remove(&seed);
        }
    }

    fn establish(
        &mut self,
        now: Now,
        from: SocketAddr,
        hello: &Hello,
        fact: Verified<Envelope>,
        us: &Introduction,
    ) {
        let (member, address) = (fact.author(), Address::Socket(from));
        let dialled = hello.answers.filter(|ours| self.dials.is_dialling(*ours, from));
        // The answer to a Hello that was repeated names the session that stands already.
        let standing = self.sessions.standing(&member, hello.session, address);
        let ours = dialled.or(standing).unwrap_or_else(|| SessionId(self.rng.bytes()));
        if self.sessions.is_taken(hello.session, &member) || !self.has_room(&member) {
            return self.reject(address, Some(member), Why::TableFull);
        }
        if let Some(ours) = dialled {
            // Also when its session stands elsewhere: then this address needs no further try.
            self.dials.met(ours, member);
        }
        if self.is_borrowed(&fact, address) {
            return self.reject(address, Some(member), Why::NotTheSubject);
        }
        self.sessions.establish(now, member, ours, hello, address);
        if hello.answers.is_none() {
            self.answer_hello(now, us, &member, hello.session, address);
        } else {
            self.dials.reached(now.mono, ours, &mut self.rng);
        }
        let boot = Alive::decode(&fact).map(|alive| alive.boot).unwrap_or_default();
        self.effects.push(PeeringEffect::Said(fact));
        self.effects.push(PeeringEffect::Established(member, boot, hello.commit));
    }

    /// Whether somebody else may be using a member's alive fact, which everybody has: the member
    /// has a session at an address that the fact names, and this Hello comes from one that it
    /// does not. Until sealing proves who holds the key, the announced address goes first.
    fn is_borrowed(&self, fact: &Envelope, address: Address) -> bool {
        let Ok(alive) = Alive::decode(fact) else { return false };
        let names = |address| alive.endpoints.iter().any(|at| Address::Socket(at) == address);
        self.sessions.address(&fact.author()).is_some_and(names) && !names(address)
    }

    /// Whether this very session stands already.
    fn stands(&self, hello: &Hello, fact: &Envelope, address: Address) -> bool {
        self.sessions.standing(&fact.author(), hello.session, address).is_some()
    }

    /// Names our side of the session that stands with a member.
    fn answer_hello(
        &mut self,
        now: Now,
        us: &Introduction,
        member: &NodeId,
        theirs: SessionId,
        address: Address,
    ) {
        if let Some((ours, _)) = self.sessions.route(member) {
            let answer = self.hello(now, us, ours, Some(theirs), None);
            self.effects.push(PeeringEffect::Frame(address, answer));
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

    fn dial(&mut self, now: Now, target: &Target, us: &Introduction) {
        let member = self.dials.member(target);
        let anew = member.is_some_and(|member| self.has_session(&member));
        let next = self.dials.next_try(target, anew, &mut self.rng);
        let Some((session, address)) = next else { return };
        let hello = self.hello(now, us, session, None, None);
        self.effects.push(PeeringEffect::Frame(Address::Socket(address), hello));
    }

    fn hello(
        &self,
        now: Now,
        us: &Introduction,
        session: SessionId,
        answers: Option<SessionId>,
        cookie: Option<[u8; 16]>,
    ) -> Frame {
        Frame::Hello(Box::new(Hello {
            answers,
            alive: us.alive.clone(),
            capabilities: 0,
            cluster: self.config.cluster(),
            commit: us.commit,
            constants: self.config.constants().hash(),
            cookie,
            session,
            versions: Alive::VERSIONS,
            wall: now.wall,
        }))
    }

    /// What only somebody who receives at this address can know.
    fn cookie(&self, now: Now, address: SocketAddr, session: SessionId, age: u64) -> [u8; 16] {
        let period = (now.mono.nanos() / COOKIE_LIFETIME.as_nanos() as u64).wrapping_sub(age);
        let mut hasher = blake3::Hasher::new_keyed(&self.cookie_secret);
        hasher.update(&period.to_le_bytes()).update(&session.0);
        hasher.update(address.to_string().as_bytes());
        let mut cookie = [0; 16];
        cookie.copy_from_slice(hasher.finalize().as_bytes().split_at(16).0);
        cookie
    }

    fn reject(&mut self, address: Address, node: Option<NodeId>, why: Why) {
        self.effects.push(PeeringEffect::Rejected(address, node, why));
    }
}
