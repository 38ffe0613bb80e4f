//! Rumor mongering (SIR): only what is new, told every round until a removal rule ends it.

mod asking;
mod config;
mod eager;
mod hot;
mod offers;
mod told;

use std::collections::{BTreeMap, BTreeSet};

use self::asking::Asking;
pub use self::config::{Exclusions, RumorConfig};
use self::eager::Eager;
use self::hot::{Hot, HotFacts, Short, short};
use super::{Direction, Dissemination};
use crate::fact::{Envelope, Why};
use crate::id::{FactId, NodeId};
use crate::strategy::connections::Connections;
use crate::strategy::rounds::upcoming;
use crate::strategy::{Contact, Cx, Effect, Removal};
use crate::time::Mono;
use crate::wire::Talk;

/// The strategy: rounds of push, pull or both.
#[derive(Debug)]
pub struct RumorMongering {
    asking: Asking,
    config: RumorConfig,
    connections: Connections,
    eager: Eager,
    hot: HotFacts,
    /// When our last round was due.
    last_round: Mono,
    next_round: Option<Mono>,
    /// How many periods pass between two rounds now.
    pace: u32,
    /// Whether this round pulls.
    pulling: bool,
    /// How often each member has pulled, offered and asked since our last round, or within a period if
    /// those are further apart.
    requests: BTreeMap<NodeId, Requests>,
    requests_since: Mono,
    removal: Box<dyn Removal>,
    rounds: u64,
}

/// Most ids that one record names: what leaves room for facts in the same datagram.
const MAX_NAMES: usize = 64;

/// Most pulls of one member that are answered between two rounds of ours: a member with the same
/// period pulls once, one with a shorter period or a delayed datagram a few times (a guess). Each costs
/// a look at all rumors.
const PULLS_PER_ROUND: u32 = 8;

/// Most offers and asks of one member that are answered between two rounds of ours: as many as it takes to name all
/// rumors that are told by default. Each costs a look at as many rumors as it names.
const NAMES_PER_ROUND: u32 = 64;

/// Most ids offered in one contact, the latest (a guess). When a thousand are told at once, waves have offered them to most:
/// to name them all again to everybody takes more than to bring them did. What is known to two partners ends, and makes room for those before.
const OFFERED: usize = 2 * MAX_NAMES;

/// What a member asks for.
#[derive(Clone, Copy, Debug)]
enum Request {
    /// It offers or asks.
    Names,
    Pull,
}

/// How often.
#[derive(Clone, Copy, Debug, Default)]
struct Requests {
    names: u32,
    pulls: u32,
}

impl RumorMongering {
    /// Rumors under this rule.
    #[must_use]
    pub fn new(config: RumorConfig, removal: Box<dyn Removal>) -> Self {
        let RumorConfig { connection_limit, hunt, period, hot_facts, hot_bytes, .. } = config;
        Self {
            asking: Asking::default(),
            config,
            connections: Connections::new(connection_limit, hunt, period),
            eager: Eager::default(),
            hot: HotFacts::new(hot_facts, hot_bytes),
            last_round: Mono::ZERO,
            next_round: None,
            pace: 1,
            pulling: false,
            requests: BTreeMap::new(),
            requests_since: Mono::ZERO,
            removal,
            rounds: 0,
        }
    }

    fn round(&mut self, cx: &mut Cx<'_>) {
        self.rounds += 1;
        (self.requests_since, self.requests) = (cx.now.mono, BTreeMap::new());
        self.connections.begin_round(cx.now.mono);
        self.judge(cx);
        self.pulling = match self.config.direction {
            Direction::Push => false,
            Direction::Pull | Direction::PushPull => true,
            // Pulling begins when nothing young is left to push.
            Direction::PushThenPull => {
                let young = self.youth(cx);
                !self.hot.iter().any(|(_, hot)| young(hot))
            }
        };
        let mut partners = self.listeners(cx, self.config.fan_out);
        if self.pulling {
            // Who has heard of nothing for a while asks one at a time: pulls that find nothing are most of what
            // a calm node says.
            let most = if self.is_calm() { 1 } else { self.config.fan_out };
            let missing = most.saturating_sub(partners.len());
            partners.extend(cx.pick(missing, |node| !partners.contains(node)));
        }
        for partner in partners {
            self.approach(cx, partner, 0);
        }
        self.age(cx);
    }

    /// Up to so many partners that may be told something.
    fn listeners(&self, cx: &mut Cx<'_>, count: usize) -> Vec<NodeId> {
        if !self.config.direction.pushes() {
            return Vec::new();
        }
        let young = self.youth(cx);
        let young: Vec<_> = self.hot.iter().map(|(_, hot)| hot).filter(|hot| young(hot)).collect();
        // Looking for somebody to tell nothing to would be a look at everybody.
        if young.is_empty() {
            return Vec::new();
        }
        cx.pick(count, |node| {
            let exclusions = self.config.exclusions;
            let may_tell = || young.iter().any(|hot| hot.may_be_told(node, exclusions));
            !self.connections.tried(node) && may_tell()
        })
    }

    /// Meets a partner, or calls it first if it may be busy.
    fn approach(&mut self, cx: &mut Cx<'_>, partner: NodeId, refusals: u32) {
        if self.connections.is_limited() {
            self.connections.call(partner, refusals);
            cx.talk(partner, Talk::Call);
        } else {
            self.meet(cx, partner);
        }
    }

    fn meet(&mut self, cx: &mut Cx<'_>, partner: NodeId) {
        if self.config.direction.pushes() {
            let young = self.youth(cx);
            self.tell(cx, partner, |_, hot| young(hot));
        }
        if self.pulling {
            // Minimising compares counters of what was offered: it must not come back as well.
            let names = if self.config.minimize { MAX_NAMES } else { self.config.names };
            cx.talk(partner, Talk::Pull(self.hot.latest().take(names.min(MAX_NAMES)).collect()));
        }
    }

    /// A partner is busy: another one, if we may hunt on.
    fn hunt(&mut self, cx: &mut Cx<'_>, busy: NodeId) {
        let Some(refusals) = self.connections.refused(busy) else { return };
        let mut other = self.listeners(cx, 1);
        if self.pulling && other.is_empty() {
            other = cx.pick(1, |node| !self.connections.tried(node));
        }
        if let Some(other) = other.pop() {
            self.approach(cx, other, refusals);
        }
    }

    fn age(&mut self, cx: &Cx<'_>) {
        // Who calls first is not told before its round is over.
        let limit = self.config.rounds.saturating_add(u32::from(self.connections.is_limited()));
        let (exclusions, others) = (self.config.exclusions, cx.partners.len());
        let mut ended = Vec::new();
        for (key, hot) in self.hot.iter_mut() {
            hot.rounds = hot.rounds.saturating_add(1);
            // Where nobody is told twice, it ends with the last who could be told.
            let told = hot.told.count() + usize::from(exclusions.sender && hot.from.is_some());
            let all = hot.is_out && exclusions.recipients && told >= others;
            if hot.rounds >= limit || all {
                ended.push(*key);
            }
        }
        ended.iter().for_each(|key| self.end(cx.now.mono, key));
    }

    /// Tells one partner what it may be told, freshest first, within its budget.
    fn tell(&mut self, cx: &mut Cx<'_>, partner: NodeId, wanted: impl Fn(&Short, &Hot) -> bool) {
        let feedback = self.removal.wants_feedback();
        let whole = self.wholeness(cx);
        let mut budget = self.config.partner_bytes;
        let (mut offered, mut ended) = (Vec::new(), Vec::new());
        for key in self.hot.latest().collect::<Vec<_>>() {
            let Some(hot) = self.hot.get_mut(&key).filter(|hot| !hot.is_of_burst) else { continue };
            if !hot.may_be_told(&partner, self.config.exclusions) || !wanted(&key, hot) {
                continue;
            }
            let bytes = hot.fact.bytes().len();
            if !whole(hot) {
                if offered.len() >= OFFERED {
                    break;
                }
                offered.push((key, hot.heat.count()));
                hot.told.offer(partner);
            } else if bytes > budget && budget < self.config.partner_bytes {
                // One that alone exceeds the budget has a round of its own.
                budget = 0;
                continue;
            } else {
                budget = budget.saturating_sub(bytes);
                cx.fact(partner, hot.fact.clone(), feedback);
            }
            hot.told.sent(partner);
            if !self.removal.stays_hot(cx.rng, &mut hot.heat, Contact::Sent) {
                ended.push(key);
            }
        }
        ended.iter().for_each(|key| self.end(cx.now.mono, key));
        Self::offer(cx, partner, &offered, feedback);
    }

    fn offer(cx: &mut Cx<'_>, partner: NodeId, rumors: &[(Short, u32)], feedback: bool) {
        for rumors in rumors.chunks(MAX_NAMES) {
            cx.talk(partner, Talk::Offer { rumors: rumors.to_vec(), feedback });
        }
    }

    fn contact(&mut self, cx: &mut Cx<'_>, key: &Short, contact: Contact) {
        let Some(hot) = self.hot.get_mut(key) else { return };
        if !self.removal.stays_hot(cx.rng, &mut hot.heat, contact) {
            self.end(cx.now.mono, key);
        }
    }

    /// What came of telling, when the partner has answered. Under pull alone it is judged at the end of
    /// the cycle.
    fn answered(&mut self, cx: &mut Cx<'_>, key: &Short, contact: Contact) {
        if self.config.direction != Direction::Pull {
            return self.contact(cx, key, contact);
        }
        if let Some(hot) = self.hot.get_mut(key) {
            hot.asked = true;
            hot.needed |= contact == Contact::Useful;
        }
    }

    /// What others' contacts since our last round come to. Several pulls in one cycle count as one:
    /// useful if any recipient needed the rumor (footnote to table 3 of Demers et al. 1987).
    fn judge(&mut self, cx: &mut Cx<'_>) {
        let mut ended = Vec::new();
        for (key, hot) in self.hot.iter_mut() {
            let pulled = (hot.asked || hot.needed).then_some(if hot.needed {
                Contact::Useful
            } else {
                Contact::Useless
            });
            let outlived = std::mem::take(&mut hot.outlived).into_iter().map(|_| Contact::Useless);
            (hot.asked, hot.needed) = (false, false);
            if outlived
                .chain(pulled)
                .any(|contact| !self.removal.stays_hot(cx.rng, &mut hot.heat, contact))
            {
                ended.push(*key);
            }
        }
        ended.iter().for_each(|key| self.end(cx.now.mono, key));
    }

    /// Whether a fact is still pushed: under push-then-pull for as many rounds as pushing
    /// multiplies its copies, by one and `fan_out` in each, otherwise always.
    fn youth(&self, cx: &Cx<'_>) -> impl Fn(&Hot) -> bool + use<> {
        let members = cx.partners.len() as u64 + 1;
        let growth = 1 + self.config.fan_out as u64;
        let rounds = members.checked_ilog(growth.max(2)).unwrap_or(0);
        let limit = self.config.period * rounds;
        let always = self.config.direction != Direction::PushThenPull;
        let wall = cx.now.wall;
        move |hot| !hot.is_of_burst && (always || wall.since(hot.fact.hlc().wall()) <= limit)
    }

    fn end(&mut self, now: Mono, key: &Short) {
        self.hot.cool(key, now + self.config.ask_timeout);
    }

    /// Whether rounds pass unused: who only pushes has nothing to do while it has nothing to tell.
    fn is_idle(&self) -> bool {
        self.hot.is_empty() && !self.config.direction.pulls()
    }

    /// Whether rounds are rare, and nothing has become hot since the last one.
    fn is_calm(&self) -> bool {
        self.pace > 1 && self.hot.is_empty()
    }

    /// How many periods pass until the next round: many while nothing is news, where others push as well.
    fn next_pace(&self) -> u32 {
        let pushed = self.config.direction.pushes() && self.config.direction.pulls();
        if pushed && self.hot.is_empty() { self.config.quiet.max(1) } else { 1 }
    }

    /// Counts a request of a member; whether it is one of the few that are answered.
    fn charge(&mut self, cx: &mut Cx<'_>, from: NodeId, request: Request) -> bool {
        let now = cx.now.mono;
        // Whoever only pushes and has nothing to tell has no rounds.
        if now.since(self.requests_since) >= self.config.period {
            (self.requests_since, self.requests) = (now, BTreeMap::new());
        }
        let requests = self.requests.entry(from).or_default();
        let (count, most) = match request {
            Request::Pull => (&mut requests.pulls, PULLS_PER_ROUND),
            Request::Names => (&mut requests.names, NAMES_PER_ROUND),
        };
        *count += 1;
        let is_answered = *count <= most;
        if !is_answered {
            cx.reject(from, Why::PeerQueueFull);
        }
        is_answered
    }

    /// Gives a member a place among those that are served now; if there is none, it is told so.
    fn admit(&mut self, cx: &mut Cx<'_>, from: NodeId) -> bool {
        let is_served = self.connections.accepts(cx.now.mono, from);
        if !is_served {
            Self::refuse(cx, from);
        }
        is_served
    }

    fn refuse(cx: &mut Cx<'_>, from: NodeId) {
        cx.effects.push(Effect::Refused);
        cx.talk(from, Talk::Busy(Talk::NO_EXCHANGE));
    }
}

impl Dissemination for RumorMongering {
    fn name(&self) -> &'static str {
        self.config.direction.name()
    }

    fn fresh(&mut self, cx: &mut Cx<'_>, fact: &Envelope, from: Option<NodeId>) {
        // A rumor that has outlived all rounds is repair's business.
        let lifetime = self.config.period * self.config.rounds;
        if cx.now.wall.since(fact.hlc().wall()) > lifetime {
            return;
        }
        let (period, now) = (self.config.period, cx.now.mono);
        if self.is_idle() {
            self.next_round = self.next_round.map(|due| upcoming(due, period, now));
        } else if std::mem::replace(&mut self.pace, 1) > 1 {
            // In step with the rounds that have passed unused.
            let soon = upcoming(self.last_round + period, period, now);
            self.next_round = self.next_round.map(|due| due.min(soon));
        }
        self.hot.insert(fact, from);
        self.hasten(cx, short(fact.id()));
    }

    fn settled(&mut self, id: FactId) {
        self.asking.end(&short(id));
    }

    fn displaced(&mut self, id: FactId) {
        self.hot.forget(&short(id));
    }

    fn feedback(&mut self, cx: &mut Cx<'_>, from: NodeId, known: &[Short], new: &[Short]) {
        for (keys, contact) in [(known, Contact::Useless), (new, Contact::Useful)] {
            for key in keys {
                // Only who was told may judge, and only once for each time that it was.
                if self.hot.get_mut(key).is_some_and(|hot| hot.told.judge(&from)) {
                    self.answered(cx, key, contact);
                }
            }
        }
    }

    fn pulled(&mut self, cx: &mut Cx<'_>, from: NodeId, have: &[Short]) {
        let nothing = self.hot.is_empty() && !self.connections.is_limited();
        if nothing || !self.config.direction.pulls() {
            return;
        }
        if !self.charge(cx, from, Request::Pull) || !self.admit(cx, from) {
            return;
        }
        let have: BTreeSet<_> = have.iter().copied().collect();
        for key in &have {
            if let Some(hot) = self.hot.get_mut(key) {
                // Counters that were compared are not moved a second time.
                hot.asked |= !self.config.minimize;
                hot.told.holds(from);
            }
        }
        self.tell(cx, from, |key, _| !have.contains(key));
    }

    fn heard(&mut self, cx: &mut Cx<'_>, from: NodeId, talk: Talk) {
        match talk {
            Talk::Ask(keys) => self.asked(cx, from, &keys),
            Talk::Busy(_) => self.hunt(cx, from),
            Talk::Call => {
                if self.admit(cx, from) {
                    cx.talk(from, Talk::Welcome);
                }
            }
            Talk::Offer { rumors, feedback } => self.offered(cx, from, &rumors, feedback),
            Talk::Welcome => {
                if self.connections.welcomed(cx.now.mono, from) {
                    self.meet(cx, from);
                }
            }
            Talk::Ack(_)
            | Talk::Cells(_)
            | Talk::Chunk(_)
            | Talk::Compare(_)
            | Talk::Done { .. }
            | Talk::Feedback { .. }
            | Talk::Given { .. }
            | Talk::Large(_)
            | Talk::More(_)
            | Talk::Nack(_)
            | Talk::Ping(_)
            | Talk::PingReq(_)
            | Talk::Pull(_)
            | Talk::Query(_)
            | Talk::Ranges(_)
            | Talk::Receipt(_)
            | Talk::Report(_)
            | Talk::Same(_)
            | Talk::Take(_)
            | Talk::Taken(_)
            | Talk::Stale(_)
            | Talk::AskChunks(_)
            | Talk::Want { .. } => {}
        }
    }

    fn gone(&mut self, member: NodeId) {
        self.requests.remove(&member);
        self.asking.gone(member);
        self.connections.gone(member);
    }

    fn wake(&mut self, cx: &mut Cx<'_>) {
        self.hot.expire(cx.now.mono);
        self.ask_others(cx);
        self.push_fresh(cx);
        let period = self.config.period;
        match self.next_round {
            None => {
                let wait = if self.config.stagger { cx.time_below(period) } else { period };
                self.next_round = Some(cx.now.mono + wait);
            }
            Some(due) if due <= cx.now.mono && !self.is_idle() => {
                self.last_round = due;
                self.round(cx);
                self.pace = self.next_pace();
                // Rounds that were slept through are not made up for.
                let next = due + period * self.pace;
                self.next_round =
                    Some(if next > cx.now.mono { next } else { cx.now.mono + period });
            }
            Some(_) => {}
        }
    }

    fn deadline(&self) -> Option<Mono> {
        let Some(due) = self.next_round else { return Some(Mono::ZERO) };
        let round = (!self.is_idle()).then_some(due);
        let eager = self.eager.deadline();
        [round, eager, self.hot.expiry(), self.asking.expiry()].into_iter().flatten().min()
    }

    fn counts(&self) -> (usize, u64) {
        (self.hot.len(), self.rounds)
    }
}
