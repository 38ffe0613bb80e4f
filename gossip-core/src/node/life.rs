//! The node's own life: its incarnation, and what it says about itself.

mod evicted;
mod goodbye;

use std::time::Duration;

use bytes::Bytes;

use self::goodbye::Goodbye;
use super::{Node, Room};
use crate::config::MAX_ALIVE_INTERVAL;
use crate::fact::{Domain, Draft, Envelope, FactKind, Job, MAX_BATCH, Verdict, Verdicts};
use crate::id::{BootId, Endpoints, NodeId, TopicId};
use crate::io::{Answer, Event, Output, Refused, RequestId, Ticket};
use crate::membership::{Alive, Word, incarnation, subject};
use crate::mistake::{Mistake, made};
use crate::rng::Rng;
use crate::store::{MetaName, Restored, StoreError, StoreOp, StoreReply};
use crate::time::{Epoch, Hlc, Mono, Now, Wall, earliest};
use crate::wire::FactLimit;

/// So many foreign statements under our key within [`JUMP_WINDOW`] mean that it is in use
/// elsewhere (house decision: three jumps in a minute).
const JUMPS: usize = 3;
const JUMP_WINDOW: Duration = Duration::from_secs(60);

/// How long after a failure the store is asked again to keep an incarnation (a guess).
const RETRY: Duration = Duration::from_secs(1);

/// How many seconds of a cluster each of its members has to say again that it is alive: whatever its size,
/// about one does in each such time (a guess: a fact of a quarter of a kilobyte to everybody every two seconds is an
/// eighth of what 15 kbit/s leave).
const ALIVE_SHARE: Duration = Duration::from_secs(2);

/// What the node is to others.
///
/// ```text
///  unborn ──incarnation durable──▶ known ──Stop───────────────────▶ telling ──told──▶ gone
///                                    └──Leave──▶ remembered ──durable──▶ ▲
/// ```
/// Who stopped returns as it was, and may still leave. Who left returns as a newcomer.
#[derive(Debug)]
pub(super) struct Life {
    alive: Option<Bytes>,
    boot: BootId,
    /// When this start began.
    born: Wall,
    domain: Domain,
    endpoints: Endpoints,
    /// Somebody has evicted this start: it says nothing any more.
    evicted: bool,
    /// Whether the store knows the largest fact of our cluster.
    founded: bool,
    incarnation: u64,
    /// Whether the store knows whose it is.
    owned: bool,
    jumps: Vec<Mono>,
    /// Whether a goodbye was said: for now, or for good.
    left: bool,
    /// The goodbye that is being told.
    telling: Option<Goodbye>,
    /// Leaving for good is being made durable.
    parting: Option<(Ticket, RequestId)>,
    next_alive: Option<Mono>,
    rng: Rng,
    /// When we last said that we are alive: by which version, and by our own time.
    said: Hlc,
    said_at: Mono,
    /// When to try again to make an incarnation durable.
    retry: Option<Mono>,
    /// The incarnation being made durable.
    unborn: Option<Ticket>,
}

impl Life {
    pub(super) fn new(
        now: Now,
        restored: &Restored,
        endpoints: Endpoints,
        domain: Domain,
        rng: &mut Rng,
    ) -> Self {
        let stored = restored.meta.get(&MetaName::Incarnation);
        let stored = stored.and_then(|bytes| bytes.as_ref().try_into().ok());
        let stored = stored.map_or(0, u64::from_be_bytes);
        let mut rng = rng.fork("boot");
        Self {
            alive: None,
            boot: BootId(rng.bytes()),
            born: now.wall,
            domain,
            endpoints,
            evicted: false,
            founded: restored.meta.contains_key(&MetaName::FactBytes),
            owned: restored.meta.contains_key(&MetaName::Owner),
            incarnation: if made(Mistake::ReuseIncarnation) && stored > 0 {
                stored
            } else {
                stored.saturating_add(1).max(now.wall.millis())
            },
            jumps: Vec::new(),
            left: false,
            telling: None,
            parting: None,
            next_alive: None,
            rng,
            said: Hlc::ZERO,
            said_at: now.mono,
            retry: None,
            unborn: None,
        }
    }

    /// Whether others may know of us: our incarnation is durable, and nobody has evicted it.
    pub(super) const fn is_known(&self) -> bool {
        self.alive.is_some() && !self.evicted
    }

    /// Whether this start was evicted.
    pub(super) const fn is_evicted(&self) -> bool {
        self.evicted
    }

    pub(super) const fn boot(&self) -> BootId {
        self.boot
    }

    pub(super) const fn has_left(&self) -> bool {
        self.left
    }

    pub(super) fn alive_bytes(&self) -> Bytes {
        self.alive.clone().unwrap_or_default()
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        let goodbye = self.telling.as_ref().map(Goodbye::deadline);
        earliest([self.next_alive, goodbye, self.retry])
    }
}

impl Node {
    /// Makes the incarnation durable; until then nobody hears of us.
    pub(super) fn begin_life(&mut self) {
        if !self.life.owned {
            self.life.owned = true;
            let owner = self.config.owner(self.keys.id());
            self.remember(MetaName::Owner, Some(owner.into()));
        }
        let value = Bytes::copy_from_slice(&self.life.incarnation.to_be_bytes());
        self.life.unborn = Some(self.remember(MetaName::Incarnation, Some(value)));
        if made(Mistake::SpeakUnborn) && !self.life.is_known() {
            self.state_alive();
            let seeds = self.config.spec().seeds.clone();
            self.peering.add_seeds(self.now.mono, seeds);
        }
    }

    pub(super) fn life_stored(&mut self, ticket: Ticket, reply: Result<StoreReply, StoreError>) {
        if let Some((_, request)) = self.life.parting.take_if(|(parting, _)| *parting == ticket) {
            return match reply {
                Ok(_) => self.say_goodbye(request, false),
                Err(error) => {
                    self.store_failed(error);
                    self.answer(request, Answer::Refused(Refused::StoreFailed));
                }
            };
        }
        if self.life.unborn != Some(ticket) {
            if let Err(error) = reply {
                self.store_failed(error);
            }
            return;
        }
        self.life.unborn = None;
        match reply {
            // Whoever left meanwhile is not born any more.
            Ok(_) if self.life.left => {}
            Ok(_) => {
                let first = !self.life.is_known();
                self.state_alive();
                if first {
                    if self.config.fact_limit().founded {
                        self.settle_limit(self.config.fact_limit().bytes as usize);
                    }
                    let seeds = self.config.spec().seeds.clone();
                    self.peering.add_seeds(self.now.mono, seeds);
                }
            }
            Err(error) => {
                self.store_failed(error);
                // A store that refuses writes does so until a restart.
                let retry = self.now.mono + RETRY;
                self.life.retry = (!self.status.store.read_only).then_some(retry);
            }
        }
    }

    fn store_failed(&mut self, error: StoreError) {
        if self.status.store.failed(&error) {
            self.event(Event::StoreFailed(error));
        }
    }

    /// Takes the members back that were known before a restart: their facts are verified anew.
    pub(super) fn restore_members(&mut self, restored: &Restored) {
        let stored = restored.meta.iter().filter(|(name, _)| matches!(name, MetaName::Member(_)));
        let decode = |value: &Bytes| Envelope::decode(value.clone(), &self.life.domain).ok();
        let facts: Vec<_> = stored.clone().filter_map(|(_, value)| decode(value)).collect();
        for (name, value) in stored {
            if let MetaName::Member(member) = name
                && value.is_empty()
            {
                self.restore_awaited(*member);
            }
        }
        // Not through the pipeline, which sheds what one peer brings too much of.
        for batch in facts.chunks(MAX_BATCH) {
            self.next_ticket += 1;
            let ticket = Ticket(self.next_ticket);
            self.routes.insert(ticket, Room::Life);
            let job = Job::new(self.life.domain.clone(), batch.to_vec());
            self.status.verify.checked += job.len() as u64;
            self.outputs.push_back(Output::Verify(ticket, job));
        }
    }

    /// Members that were known before a restart, verified anew.
    pub(super) fn members_verified(&mut self, verdicts: Verdicts) {
        for verdict in verdicts {
            match verdict {
                Verdict::Good(fact) if crate::membership::admit(&fact).is_err() => {
                    self.status.verify.failed += 1;
                }
                Verdict::Good(fact) if fact.leaves_at() <= Epoch::of(self.now.wall) => {
                    self.past_word(&fact);
                }
                Verdict::Good(fact) => {
                    self.in_view(|view, env| view.on_verified_fact(env, fact, None));
                }
                Verdict::Bad(..) => self.status.verify.failed += 1,
            }
        }
    }

    /// Keeps a member's last word for the next start, or who evicted it, if the store can.
    pub(super) fn remember_member(&mut self, fact: &Envelope) {
        if self.status.store.read_only {
            return;
        }
        let Ok(member) = subject(fact) else { return };
        self.remember(MetaName::Member(member), Some(fact.bytes().clone()));
    }

    /// What the largest fact of our cluster is, is settled, and kept for the next start.
    pub(super) fn settle_limit(&mut self, fact_bytes: usize) {
        let bytes = u32::try_from(fact_bytes).unwrap_or(u32::MAX);
        let settled = FactLimit { bytes, founded: true };
        if self.config.fact_limit() != settled || !self.life.founded {
            self.life.founded = true;
            self.config.found(bytes);
            let value = Bytes::copy_from_slice(&bytes.to_be_bytes());
            self.remember(MetaName::FactBytes, Some(value));
        }
    }

    /// Whoever left for good before this start begins with nothing: nobody waited for it before
    /// letting go of deletions, so what it holds may be long dead.
    pub(super) fn return_from_leave(&mut self, restored: &Restored) {
        if restored.meta.contains_key(&MetaName::Left) && !made(Mistake::ReturnWithState) {
            self.in_channel(self.config.main_channel(), |channel, env| channel.take_anew(env, 0));
        }
    }

    pub(super) fn remember(&mut self, name: MetaName, value: Option<Bytes>) -> Ticket {
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        self.routes.insert(ticket, Room::Life);
        self.outputs.push_back(Output::Store(ticket, StoreOp::Remember { name, value }));
        ticket
    }

    pub(super) fn live(&mut self) {
        if self.life.retry.is_some_and(|due| due <= self.now.mono) {
            self.life.retry = None;
            self.begin_life();
        }
        if self.life.next_alive.is_some_and(|due| due <= self.now.mono) {
            self.restate_alive();
        }
        self.tell_goodbye();
    }

    /// Whether this statement under our own key is not our last one: another process, or our own
    /// past. We go beyond it; if that happens again and again, the key is in use elsewhere.
    pub(super) fn not_ours(&mut self, fact: &Envelope) -> bool {
        let theirs = incarnation(fact).unwrap_or(0);
        let same_boot = Alive::decode(fact).is_ok_and(|alive| alive.boot == self.life.boot);
        if same_boot || self.life.left {
            return false;
        }
        let (now, jumps) = (self.now.mono, &mut self.life.jumps);
        jumps.retain(|at| now.since(*at) <= JUMP_WINDOW);
        jumps.push(now);
        if jumps.len() >= JUMPS {
            self.life.left = true;
            self.life.next_alive = None;
            self.event(Event::IdentityInUse);
            return true;
        }
        self.life.incarnation = theirs.max(self.life.incarnation).saturating_add(1);
        self.begin_life();
        true
    }

    /// Somebody says that this word of ours was the last: says another one. A later incarnation than
    /// ours is gone beyond, which takes the store; true where that is so.
    pub(super) fn refute(&mut self, word: Word) -> bool {
        let ours = Word { incarnation: self.life.incarnation, hlc: self.life.said };
        if self.life.left || !self.life.is_known() || word < ours {
            return false;
        }
        if word.incarnation > self.life.incarnation {
            self.life.incarnation = word.incarnation.saturating_add(1);
            self.begin_life();
        } else {
            self.state_alive();
        }
        true
    }

    /// Says again that we are alive, unless so many have come since that there is time left.
    fn restate_alive(&mut self) {
        if self.now.mono.since(self.life.said_at) < self.alive_pause() {
            self.schedule_alive();
        } else {
            self.state_alive();
        }
    }

    fn schedule_alive(&mut self) {
        let pause = self.alive_pause();
        // Who started together does not speak together.
        let spread = u64::try_from((pause / 4).as_nanos()).unwrap_or(u64::MAX);
        let jitter = Duration::from_nanos(self.life.rng.below(spread.max(1)));
        self.life.next_alive = Some(self.life.said_at + pause + jitter);
    }

    /// How long an unchanged word stands: the longer, the more there are to speak.
    fn alive_pause(&self) -> Duration {
        let members = u32::try_from(self.roster.len()).unwrap_or(u32::MAX);
        let share = ALIVE_SHARE.saturating_mul(members).min(MAX_ALIVE_INTERVAL);
        self.config.spec().alive_interval.max(share)
    }

    pub(super) fn state_alive(&mut self) {
        let spec = self.config.spec();
        let alive = Alive {
            incarnation: self.life.incarnation,
            boot: self.life.boot,
            box_key: self.keys.box_public(),
            endpoints: self.life.endpoints.clone(),
            name: spec.name.clone(),
            tags: spec.tags.clone(),
            versions: Alive::VERSIONS,
            capabilities: 0,
            program: env!("CARGO_PKG_VERSION").to_owned(),
        };
        self.life.said_at = self.now.mono;
        self.schedule_alive();
        if let Some(fact) = self.state(FactKind::ALIVE, alive.encode()) {
            self.life.alive = Some(fact.bytes().clone());
            self.life.said = fact.hlc();
        }
    }

    /// Signs a statement about ourselves and puts it into the view.
    fn state(&mut self, kind: FactKind, value: Bytes) -> Option<Envelope> {
        self.say_of(self.keys.id(), kind, value)
    }

    /// Signs a statement about a member and puts it into the view.
    pub(super) fn say_of(
        &mut self,
        about: NodeId,
        kind: FactKind,
        value: Bytes,
    ) -> Option<Envelope> {
        let hlc = self.clock.tick(self.now.wall);
        let draft = Draft {
            context: Vec::new(),
            expires_at: Wall::ZERO,
            hlc,
            key: Bytes::copy_from_slice(about.as_bytes()),
            kind,
            topic: TopicId(0),
            value: Some(value),
        };
        let fact = draft.sign(&*self.keys, &self.life.domain).ok()?;
        let envelope = fact.clone().into_inner();
        self.in_view(|view, env| view.on_verified_fact(env, fact, None));
        Some(envelope)
    }
}
