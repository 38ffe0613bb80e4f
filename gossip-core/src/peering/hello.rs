//! First contact: Hellos said, proven, verified and answered.

use super::{
    COOKIE_LIFETIME, Introduction, Peering, PeeringEffect, PendingHello, Reach, Route, Sender,
    Target,
};
use crate::config::{MAX_FACT_BYTES, MIN_FACT_BYTES};
use crate::fact::{Envelope, FactKind, Job, Verdict, Verdicts, Verified, Why};
use crate::id::{NodeId, SessionId};
use crate::io::{Seed, Ticket};
use crate::membership::Alive;
use crate::time::Now;
use crate::transport::Address;
use crate::wire::{FactLimit, Frame, Hello};

impl Peering {
    /// A Hello's alive fact was verified, or not.
    pub(crate) fn verified(
        &mut self,
        now: Now,
        ticket: Ticket,
        verdicts: Verdicts,
        us: &Introduction,
    ) {
        let Some(PendingHello { from: address, hello }) = self.hellos.remove(&ticket) else {
            return;
        };
        match verdicts.into_iter().next() {
            Some(Verdict::Good(fact)) => self.establish(now, address, &hello, fact, us),
            Some(Verdict::Bad(_, why)) => {
                self.pace.blame(now.mono, Sender::Stranger(address));
                self.reject(address, None, why);
            }
            None => {}
        }
    }

    pub(super) fn on_hello(
        &mut self,
        now: Now,
        address: Address,
        hello: Hello,
        us: &Introduction,
        next_ticket: &mut u64,
    ) {
        if let Some(ours) = hello.answers {
            if !self.dials.is_dialling(ours, address) {
                return self.reject(address, None, Why::Unasked);
            }
        } else if let Address::Socket(from) = address {
            // A connection proves its address by itself.
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
        match self.admit(&hello, us) {
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
                self.hellos.insert(ticket, PendingHello { from: address, hello });
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
    pub(super) fn has_room(&self, member: &NodeId) -> bool {
        self.sessions.len() < self.config.spec().limits.members || self.has_session(member)
    }

    /// Whether this Hello may lead to a session, its signature aside.
    fn admit(&self, hello: &Hello, us: &Introduction) -> Result<Envelope, Why> {
        if !hello.speaks_ours() {
            return Err(Why::NoCommonVersion);
        }
        if hello.cluster != self.config.cluster() {
            return Err(Why::OtherCluster);
        }
        if hello.constants != self.config.constants().hash() {
            return Err(Why::OtherConstants);
        }
        if hello.alive.len() > self.config.fits_datagram() {
            return Err(Why::TooLarge);
        }
        let fact = Envelope::decode(hello.alive.clone(), &self.view)?;
        if fact.kind() != FactKind::ALIVE {
            return Err(Why::WrongKind);
        }
        crate::membership::admit(&fact)?;
        let endpoints = Alive::decode(&fact)?.endpoints;
        self.may_join(hello, Reach::of(&endpoints), us)?;
        Ok(fact)
    }

    /// Whether who has these kinds of transport can carry what the cluster does, to all members.
    fn may_join(&self, hello: &Hello, theirs: Reach, us: &Introduction) -> Result<(), Why> {
        let agreed = agreed(hello, us).ok_or(Why::OtherLimit)?;
        if !(MIN_FACT_BYTES..=MAX_FACT_BYTES).contains(&(agreed as usize)) {
            return Err(Why::OtherLimit);
        }
        let goes_whole = !self.config.has_chunks();
        let needs_streams = goes_whole && agreed as usize > self.config.fits_datagram();
        if needs_streams && !(theirs.has_streams() && self.reach.has_streams()) {
            return Err(Why::CannotCarry);
        }
        if agreed as usize > self.config.carries() {
            return Err(Why::CannotCarry);
        }
        let meets_all = us.members.iter().all(|member| theirs.meets(*member));
        if meets_all { Ok(()) } else { Err(Why::NoCommonTransport) }
    }

    /// Somebody with our key; if it is our own Hello that came back, a seed's address is ours.
    pub(super) fn met_ourselves(&mut self, fact: &Envelope, hello: &Hello, us: &Introduction) {
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

    pub(super) fn establish(
        &mut self,
        now: Now,
        address: Address,
        hello: &Hello,
        fact: Verified<Envelope>,
        us: &Introduction,
    ) {
        let member = fact.author();
        let (Ok(alive), Some(agreed)) = (Alive::decode(&fact), agreed(hello, us)) else { return };
        let dialled = hello.answers.filter(|ours| self.dials.is_dialling(*ours, address));
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
        if self.is_borrowed(&member, &alive, address) {
            self.elsewhere.spoke(now.mono, member, address);
            self.effects.push(PeeringEffect::Elsewhere(member));
            return self.reject(address, Some(member), Why::NotTheSubject);
        }
        if self.links.is_named(&alive.endpoints, address) {
            self.elsewhere.forget(&member);
        }
        let way = (address, alive.endpoints, self.reach);
        let is_wanted = self.dials.contains(&Target::Member(member));
        self.sessions.establish(now, member, ours, hello, way, is_wanted);
        if hello.answers.is_none() {
            self.answer_hello(now, us, &member, hello.session, address);
        } else {
            self.dials.reached(now.mono, ours, &mut self.rng);
        }
        self.effects.push(PeeringEffect::Said(fact));
        let fact_bytes = hello.answers.map(|_| agreed as usize);
        let (boot, commit) = (alive.boot, hello.commit);
        self.effects.push(PeeringEffect::Established { member, boot, commit, fact_bytes });
    }

    /// Whether somebody else may be using a member's alive fact, which everybody has: the member
    /// has a session at an address that the fact names, and this Hello comes from one that it
    /// does not. Until sealing proves who holds the key, the announced address goes first.
    fn is_borrowed(&self, member: &NodeId, alive: &Alive, address: Address) -> bool {
        self.sessions.is_at(member, &alive.endpoints, &self.links)
            && !self.links.is_named(&alive.endpoints, address)
    }

    /// Whether this very session stands already.
    pub(super) fn stands(&self, hello: &Hello, fact: &Envelope, address: Address) -> bool {
        self.sessions.standing(&fact.author(), hello.session, address).is_some()
    }

    /// Names our side of the session that stands with a member.
    pub(super) fn answer_hello(
        &mut self,
        now: Now,
        us: &Introduction,
        member: &NodeId,
        theirs: SessionId,
        address: Address,
    ) {
        if let Some(Route { session: ours, .. }) = self.sessions.route(member) {
            let answer = self.hello(now, us, ours, Some(theirs), None);
            self.effects.push(PeeringEffect::Frame(address, answer));
        }
    }

    pub(super) fn hello(
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
            capabilities: Hello::COMPRESSION,
            cluster: self.config.cluster(),
            commit: us.commit,
            constants: self.config.constants().hash(),
            cookie,
            fact_limit: us.fact_limit,
            session,
            versions: Alive::VERSIONS,
            wall: now.wall,
        }))
    }

    /// What only somebody who receives at this address can know.
    pub(super) fn cookie(
        &self,
        now: Now,
        address: std::net::SocketAddr,
        session: SessionId,
        age: u64,
    ) -> [u8; 16] {
        let period = (now.mono.nanos() / COOKIE_LIFETIME.as_nanos() as u64).wrapping_sub(age);
        let mut hasher = blake3::Hasher::new_keyed(&self.cookie_secret);
        hasher.update(&period.to_le_bytes()).update(&session.0);
        hasher.update(address.to_string().as_bytes());
        let mut cookie = [0; 16];
        cookie.copy_from_slice(hasher.finalize().as_bytes().split_at(16).0);
        cookie
    }
}

/// The largest fact that holds between us and who says this Hello.
const fn agreed(hello: &Hello, us: &Introduction) -> Option<u32> {
    if hello.answers.is_some() {
        FactLimit::agree(us.fact_limit, hello.fact_limit)
    } else {
        FactLimit::agree(hello.fact_limit, us.fact_limit)
    }
}
