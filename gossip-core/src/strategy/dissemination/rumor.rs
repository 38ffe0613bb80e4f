//! Rumor mongering (SIR): only what is new, told every round until a removal rule ends it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Direction, Dissemination};
use crate::fact::{Envelope, Why};
use crate::id::{FactId, NodeId};
use crate::strategy::{Contact, Cx, Heat, Removal};
use crate::time::Mono;
use crate::wire::Talk;

/// To whom a rumor is never told (capability G6). On in nodes, off in the classic scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "configuration builds it literally")]
pub struct Exclusions {
    /// Not to a node that it was already sent to.
    pub recipients: bool,
    /// Not back to the node that brought it.
    pub sender: bool,
}

/// How rumors are told.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "configuration builds it literally")]
pub struct RumorConfig {
    /// Which way rumors flow. Default push-pull.
    pub direction: Direction,
    /// To whom rumors are never told. Default: both.
    pub exclusions: Exclusions,
    /// Partners per round. Default 3 (capability G6).
    pub fan_out: usize,
    /// Time between rounds. Default 1 s (capability G6).
    pub period: Duration,
    /// Ids that one pull names, so that these rumors are not sent: the latest of those told here, at most
    /// 64, which leaves room for facts in the same datagram. Default 64; 0 as in the classic papers,
    /// where the partner sends whatever it tells.
    pub names: usize,
    /// Most rumors told at a time; beyond it the oldest ends early and repair carries it.
    /// Default 4,096 (a guess).
    pub hot_facts: usize,
    /// Most bytes of rumors told at a time; beyond it the oldest ends early as well. Default 16 MiB
    /// (a guess: 4,096 facts of 4 KiB).
    pub hot_bytes: usize,
    /// Most bytes told to one partner per round; a larger fact has a round of its own. Default 64 KiB (a guess: a third of the
    /// receive buffer that Linux grants without being asked).
    pub partner_bytes: usize,
    /// Rounds after which any rumor ends, whatever its rule says. Default 32 (a guess: a rumor
    /// needs about log n rounds); `u32::MAX`: never.
    pub rounds: u32,
    /// Whether the first round comes at a random moment of the first period, so that nodes started
    /// together do not act together. Default true; off, it comes one period after the start, as in
    /// the classic papers' synchronous cycles.
    pub stagger: bool,
}

impl Default for RumorConfig {
    fn default() -> Self {
        Self {
            direction: Direction::PushPull,
            exclusions: Exclusions { recipients: true, sender: true },
            fan_out: 3,
            period: Duration::from_secs(1),
            names: MAX_NAMES,
            hot_facts: 4_096,
            hot_bytes: 16 * 1024 * 1024,
            partner_bytes: 64 * 1024,
            rounds: 32,
            stagger: true,
        }
    }
}

/// A fact that is still told.
#[derive(Debug)]
struct Hot {
    fact: Envelope,
    from: Option<NodeId>,
    heat: Heat,
    /// Whether somebody needed it, or only asked, since our last round: how pulls are judged.
    needed: bool,
    asked: bool,
    rounds: u32,
    sent_to: BTreeSet<NodeId>,
    /// Its place in the order of arrival.
    arrival: u64,
}

/// The strategy: rounds of push, pull or both.
#[derive(Debug)]
pub struct RumorMongering {
    config: RumorConfig,
    /// By the first 8 bytes of the id, as partners name them.
    hot: BTreeMap<[u8; 8], Hot>,
    /// Arrival order, oldest first: which rumor ends early when there are too many.
    order: BTreeMap<u64, [u8; 8]>,
    arrivals: u64,
    /// What all rumors take.
    bytes: usize,
    next_round: Option<Mono>,
    /// How often each member has pulled since our last round.
    pulls: BTreeMap<NodeId, u32>,
    removal: Box<dyn Removal>,
    rounds: u64,
}

impl RumorMongering {
    /// Rumors under this rule.
    #[must_use]
    pub fn new(config: RumorConfig, removal: Box<dyn Removal>) -> Self {
        Self {
            config,
            hot: BTreeMap::new(),
            order: BTreeMap::new(),
            arrivals: 0,
            bytes: 0,
            next_round: None,
            pulls: BTreeMap::new(),
            removal,
            rounds: 0,
        }
    }

    fn round(&mut self, cx: &mut Cx<'_>) {
        self.rounds += 1;
        self.pulls.clear();
        self.judge_pulls(cx);
        let push = self.config.direction.pushes();
        let pull = match self.config.direction {
            Direction::Push => false,
            Direction::Pull | Direction::PushPull => true,
            // Pulling begins when nothing young is left to push.
            Direction::PushThenPull => !self.hot.values().any(self.youth(cx)),
        };
        let mut partners = Vec::new();
        let young = self.youth(cx);
        if push && self.hot.values().any(&young) {
            let tellable = |node: &NodeId| {
                self.hot.values().any(|hot| self.may_tell(hot, *node) && young(hot))
            };
            partners = cx.pick(self.config.fan_out, tellable);
            for partner in &partners {
                self.tell(cx, *partner, |_, hot| young(hot));
            }
        }
        if pull {
            let missing = self.config.fan_out.saturating_sub(partners.len());
            let others = cx.pick(missing, |node| !partners.contains(node));
            let have: Vec<_> =
                self.hot.keys().rev().take(self.config.names.min(MAX_NAMES)).copied().collect();
            for partner in partners.into_iter().chain(others) {
                cx.talk(partner, Talk::Pull(have.clone()));
            }
        }
        self.age();
    }

    fn age(&mut self) {
        let limit = self.config.rounds;
        for hot in self.hot.values_mut() {
            hot.rounds += 1;
        }
        let ended = self.hot.iter().filter(|(_, hot)| hot.rounds >= limit);
        let ended: Vec<_> = ended.map(|(key, _)| *key).collect();
        ended.into_iter().for_each(|key| self.end(key));
    }

    /// Tells one partner what it may be told, freshest first, within its budget.
    fn tell(&mut self, cx: &mut Cx<'_>, partner: NodeId, wanted: impl Fn(&[u8; 8], &Hot) -> bool) {
        let feedback = self.removal.wants_feedback();
        let mut budget = self.config.partner_bytes;
        for key in self.order.values().rev().copied().collect::<Vec<_>>() {
            let Some(hot) = self.hot.get(&key) else { continue };
            if !self.may_tell(hot, partner) || !wanted(&key, hot) {
                continue;
            }
            let bytes = hot.fact.bytes().len();
            // One that alone exceeds the budget has a round of its own.
            if bytes > budget && budget < self.config.partner_bytes {
                break;
            }
            budget = budget.saturating_sub(bytes);
            cx.fact(partner, hot.fact.clone(), feedback);
            self.contact(cx, key, partner, Contact::Sent);
        }
    }

    fn contact(&mut self, cx: &mut Cx<'_>, key: [u8; 8], with: NodeId, contact: Contact) {
        let Some(hot) = self.hot.get_mut(&key) else { return };
        hot.sent_to.insert(with);
        if !self.removal.stays_hot(cx.rng, &mut hot.heat, contact) {
            self.end(key);
        }
    }

    fn note(&mut self, key: [u8; 8], contact: Contact) {
        if let Some(hot) = self.hot.get_mut(&key) {
            hot.asked = true;
            hot.needed |= contact == Contact::Useful;
        }
    }

    /// Several pulls in one cycle count as one contact: useful if any recipient needed the rumor
    /// (footnote to table 3 of Demers et al. 1987).
    fn judge_pulls(&mut self, cx: &mut Cx<'_>) {
        let mut ended = Vec::new();
        for (key, hot) in &mut self.hot {
            if hot.asked || hot.needed {
                let contact = if hot.needed { Contact::Useful } else { Contact::Useless };
                (hot.asked, hot.needed) = (false, false);
                if !self.removal.stays_hot(cx.rng, &mut hot.heat, contact) {
                    ended.push(*key);
                }
            }
        }
        ended.into_iter().for_each(|key| self.end(key));
    }

    fn may_tell(&self, hot: &Hot, node: NodeId) -> bool {
        let Exclusions { recipients, sender } = self.config.exclusions;
        let told = recipients && hot.sent_to.contains(&node);
        let teller = sender && hot.from == Some(node);
        !(told || teller)
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
        move |hot| always || wall.since(hot.fact.hlc().wall()) <= limit
    }

    fn end(&mut self, key: [u8; 8]) {
        if let Some(hot) = self.hot.remove(&key) {
            self.order.remove(&hot.arrival);
            self.bytes -= hot.fact.bytes().len();
        }
    }
}

/// Most ids that one pull names: what leaves room for facts in the same datagram.
const MAX_NAMES: usize = 64;

/// Most pulls of one member that are answered between two rounds of ours: a member with the same
/// period pulls once, one with a shorter period or a delayed datagram a few times (a guess). Each
/// costs a look at all rumors.
const PULLS_PER_ROUND: u32 = 8;

fn short(id: FactId) -> [u8; 8] {
    let mut short = [0; 8];
    short.copy_from_slice(id.as_bytes().split_at(8).0);
    short
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
        let key = short(fact.id());
        self.end(key);
        let bytes = fact.bytes().len();
        while (self.hot.len() >= self.config.hot_facts
            || self.bytes + bytes > self.config.hot_bytes)
            && let Some(oldest) = self.order.first_key_value().map(|(_, key)| *key)
        {
            self.end(oldest);
        }
        let hot = Hot {
            fact: fact.clone(),
            from,
            heat: Heat::default(),
            needed: false,
            asked: false,
            rounds: 0,
            sent_to: BTreeSet::new(),
            arrival: self.arrivals,
        };
        self.bytes += bytes;
        self.hot.insert(key, hot);
        self.order.insert(self.arrivals, key);
        self.arrivals += 1;
    }

    fn displaced(&mut self, id: FactId) {
        self.end(short(id));
    }

    fn feedback(&mut self, cx: &mut Cx<'_>, from: NodeId, known: &[[u8; 8]], new: &[[u8; 8]]) {
        // Only who was told may judge, and only about what it was told.
        let told = |rumors: &Self, key: &[u8; 8]| {
            rumors.hot.get(key).is_some_and(|hot| hot.sent_to.contains(&from))
        };
        let per_cycle = self.config.direction == Direction::Pull;
        for (keys, contact) in [(known, Contact::Useless), (new, Contact::Useful)] {
            for key in keys.iter().filter(|key| told(self, key)).copied().collect::<Vec<_>>() {
                if per_cycle {
                    self.note(key, contact);
                } else {
                    self.contact(cx, key, from, contact);
                }
            }
        }
    }

    fn pulled(&mut self, cx: &mut Cx<'_>, from: NodeId, have: &[[u8; 8]]) {
        if !self.config.direction.pulls() {
            return;
        }
        let pulls = self.pulls.entry(from).or_default();
        *pulls += 1;
        if *pulls > PULLS_PER_ROUND {
            return cx.reject(from, Why::PeerQueueFull);
        }
        let have: BTreeSet<_> = have.iter().copied().collect();
        for key in &have {
            if let Some(hot) = self.hot.get_mut(key) {
                hot.asked = true;
                hot.sent_to.insert(from);
            }
        }
        self.tell(cx, from, |key, _| !have.contains(key));
    }

    fn gone(&mut self, member: NodeId) {
        self.pulls.remove(&member);
    }

    fn wake(&mut self, cx: &mut Cx<'_>) {
        let period = self.config.period;
        match self.next_round {
            None => {
                let wait = if self.config.stagger { cx.time_below(period) } else { period };
                self.next_round = Some(cx.now.mono + wait);
            }
            Some(due) if due <= cx.now.mono => {
                self.round(cx);
                // Rounds that were slept through are not made up for.
                let next = due + period;
                self.next_round =
                    Some(if next > cx.now.mono { next } else { cx.now.mono + period });
            }
            Some(_) => {}
        }
    }

    fn deadline(&self) -> Option<Mono> {
        Some(self.next_round.unwrap_or(Mono::ZERO))
    }

    fn counts(&self) -> (usize, u64) {
        (self.hot.len(), self.rounds)
    }
}
