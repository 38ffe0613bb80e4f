//! First contact: Hellos said, proven, verified and answered.

use std::net::SocketAddr;

use super::{COOKIE_LIFETIME, Introduction, Peering, PeeringEffect, PendingHello, Sender, Target};
use crate::fact::{Envelope, FactKind, Job, Verdict, Verdicts, Verified, Why};
use crate::id::{NodeId, SessionId};
use crate::io::{Seed, Ticket};
use crate::membership::Alive;
use crate::time::Now;
use crate::transport::Address;
use crate::wire::{Frame, Hello};

impl Peering {
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

    pub(super) fn on_hello(
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
    pub(super) fn has_room(&self, member: &NodeId) -> bool {
        self.sessions.len() < self.config.spec().limits.members || self.has_session(member)
    }

    /// Whether this Hello may lead to a session, its signature aside.
    pub(super) fn admit(&self, hello: &Hello) -> Result<Envelope, Why> {
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
    pub(super) fn is_borrowed(&self, fact: &Envelope, address: Address) -> bool {
        let Ok(alive) = Alive::decode(fact) else { return false };
        let names = |address| alive.endpoints.iter().any(|at| Address::Socket(at) == address);
        self.sessions.address(&fact.author()).is_some_and(names) && !names(address)
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
        if let Some((ours, _)) = self.sessions.route(member) {
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
    pub(super) fn cookie(
        &self,
        now: Now,
        address: SocketAddr,
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
