//! Repair: a fingerprint of everything first; where it differs, the difference is read from sketches
//! (Yang et al. 2024), or looked for in stretches of the time order, which are split until they are
//! listed (Meyer 2023). Of what this node holds nothing, it takes all. An infinite leaf makes it the full digest.

mod config;
mod decode;
mod diff;
mod exchange;
mod initiate;
mod pending;
mod plan;
mod scans;
mod serve;
mod sketches;
mod take;
mod transfer;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

pub use self::config::{Method, RepairConfig};
use self::exchange::{Exchange, Work};
use self::pending::{Pending, Step};
use self::scans::Scans;
use self::serve::Serving;
use super::Reconcile;
use crate::fact::Why;
use crate::id::NodeId;
use crate::sketch::Symbol;
use crate::state::Set;
use crate::status::Taking;
use crate::store::{Ask, Describe, Description, StoreOp, StoreReply};
use crate::strategy::connections::Connections;
use crate::strategy::rounds::upcoming;
use crate::strategy::{Cx, Effect, SlotToken};
use crate::time::{Epoch, Mono};
use crate::wire::Talk;

/// Most items in a partner's list, and most facts that one of its questions asks for: what bounds
/// the work that a partner can cause with one datagram.
const LIST_LIMIT: usize = 256;

/// Most bytes of facts in one answer, the first fact aside: a full window of them is twice what
/// one peer may have waiting, and the backlog stops it there (guess).
const GIVE_BYTES: usize = 256 * 1024;

/// Most facts in one `Want`: their symbols fit a datagram, and the facts mostly one answer.
const WANTED: usize = 32;

/// Most items in one message of a full digest: they fit a datagram.
const DIGEST_ITEMS: usize = 32;

/// Epochs further apart than this are not compared: one of the clocks is wrong.
const EPOCHS_APART: u32 = 10;

/// For so long a restarted node compares soon with whom it meets (a guess: until all sessions
/// stand). A restart is done that soon, and later meetings cost nothing.
const GREETING: Duration = Duration::from_secs(10);

/// What was lost on its way is looked for at once, so often in a row (a guess: of ten facts none is lost
/// three times at 20 % loss).
const CHASES: u32 = 3;

/// So many partners are asked in place of one that does not answer, before a question is repeated to the
/// same one (a guess: three in a row are seldom all gone, or cut off).
const OTHERS: u32 = 2;

/// With at most so many; others wait for their round (a guess: one of them has what is missing).
const GREETED: usize = 16;

/// The strategy. One exchange of our own at a time; others' are answered without any state but
/// the store questions that are on their way.
#[derive(Debug)]
pub struct Repair {
    /// How many rounds in a row were for what is owed.
    chases: u32,
    config: RepairConfig,
    connections: Connections,
    exchange: Option<Exchange>,
    /// When our last round was due.
    last_round: Mono,
    /// When we met somebody first.
    met_first: Option<Mono>,
    next_exchange: u32,
    next_round: Option<Mono>,
    next_token: SlotToken,
    owed: Option<Owed>,
    pause: Duration,
    pending: BTreeMap<SlotToken, Pending>,
    /// How long answers took of late: who has not answered yet is expected to take about as long.
    round_trip: Duration,
    scans: Scans,
    serving: Serving,
    /// How many partners in a row did not answer.
    silences: u32,
    /// Partners still to be compared with, for somebody wants to know.
    survey: BTreeSet<NodeId>,
}

/// Facts that a partner was asked for in an exchange that is over.
#[derive(Clone, Copy, Debug)]
struct Owed {
    by: NodeId,
    facts: usize,
    /// When the next round is due if they come after all.
    otherwise: Option<Mono>,
}

impl Repair {
    /// A strategy with this configuration.
    #[must_use]
    pub fn new(config: RepairConfig) -> Self {
        Self {
            chases: 0,
            config,
            connections: Connections::new(config.connection_limit, config.hunt, config.period),
            exchange: None,
            last_round: Mono::ZERO,
            met_first: None,
            next_exchange: 0,
            next_round: None,
            next_token: 0,
            owed: None,
            pause: config.period,
            pending: BTreeMap::new(),
            round_trip: Duration::ZERO,
            scans: Scans::default(),
            serving: Serving::default(),
            silences: 0,
            survey: BTreeSet::new(),
        }
    }

    fn pulls(&self) -> bool {
        self.config.direction.pulls()
    }

    fn pushes(&self) -> bool {
        self.config.direction.pushes()
    }

    fn ask_store(&mut self, cx: &mut Cx<'_>, pending: Pending, op: StoreOp) {
        self.next_token += 1;
        self.pending.insert(self.next_token, pending);
        cx.store(self.next_token, op);
    }

    fn total(&mut self, cx: &mut Cx<'_>, pending: Pending, set: Set) {
        self.ask_store(cx, pending, StoreOp::Total { shard: cx.shard, set });
    }

    /// Of a stretch that one side listed, the other compares up to twice as many; if it has more,
    /// it splits the stretch, so that no question brings a flood of facts.
    fn listed_leaf(&self) -> usize {
        self.config.leaf.saturating_mul(2).min(LIST_LIMIT)
    }

    fn describe(&mut self, cx: &mut Cx<'_>, pending: Pending, set: Set, asks: Vec<Ask>) {
        let retain = cx.retain.clone();
        let op = StoreOp::Describe(Describe { shard: cx.shard, set, retain, asks });
        self.ask_store(cx, pending, op);
    }

    fn fetch(&mut self, cx: &mut Cx<'_>, pending: Pending, symbols: Vec<Symbol>) {
        self.ask_store(cx, pending, StoreOp::Fetch { shard: cx.shard, symbols, bytes: GIVE_BYTES });
    }

    fn ask_sketch(
        &mut self,
        cx: &mut Cx<'_>,
        pending: Pending,
        epoch: Epoch,
        cells: Range<usize>,
        key: u64,
    ) -> SlotToken {
        self.ask_store(cx, pending, StoreOp::Sketch { shard: cx.shard, epoch, cells, key });
        self.next_token
    }

    fn round(&mut self, cx: &mut Cx<'_>) {
        if self.exchange.is_some() {
            return;
        }
        self.survey.retain(|partner| cx.partners.contains(partner));
        let owed = self.owed.take().map(|owed| owed.by).filter(|by| cx.partners.contains(by));
        self.chases = if owed.is_some() { self.chases + 1 } else { 0 };
        let named = owed.or_else(|| self.survey.pop_first());
        let with = match named {
            Some(partner) => Some(partner),
            None if cx.rng.chance(self.config.chance) => cx.pick(1, |_| true).pop(),
            None => None,
        };
        if let Some(with) = with {
            self.connections.begin_round(cx.now.mono);
            self.connections.call(with, 0);
            // One that nobody named is as good as another; but where all take long, somebody must be waited for.
            self.open(cx, with, named.is_some() || self.silences >= OTHERS);
        }
    }

    /// A partner is busy: the exchange is over, and another partner is tried if we may hunt on.
    fn hunt(&mut self, cx: &mut Cx<'_>, busy: NodeId, number: u32) {
        let exchange = self.running(number);
        if exchange.is_some_and(|exchange| exchange.transfer.drop_giver(&busy)) {
            return self.pump(cx);
        }
        if self.exchange_with(busy, number).is_none() {
            return cx.reject(busy, Why::TooLate);
        }
        self.exchange = None;
        let Some(refusals) = self.connections.refused(busy) else { return };
        if let Some(other) = cx.pick(1, |node| !self.connections.tried(node)).pop() {
            self.connections.call(other, refusals);
            self.open(cx, other, true);
        }
    }

    /// Whether this member's comparison is served now; if not, it is told that we are busy.
    fn serves(&mut self, cx: &mut Cx<'_>, from: NodeId, exchange: u32) -> bool {
        let serves = self.connections.accepts(cx.now.mono, from);
        if !serves {
            cx.effects.push(Effect::Refused);
            cx.talk(from, Talk::Busy(exchange));
        }
        serves
    }

    /// Asks about more of what is left, as far as window and backlog allow.
    fn pump(&mut self, cx: &mut Cx<'_>) {
        while let Some(exchange) = &mut self.exchange {
            if cx.backlog_bytes > self.config.backlog_bytes {
                return;
            }
            if exchange.ask_rest(cx, self.config.reply_timeout) {
                continue;
            }
            if let Some(symbols) = exchange.next_to_give(cx, self.config.reply_timeout) {
                let pending =
                    Pending::Deliver { exchange: exchange.number, symbols: symbols.clone() };
                self.fetch(cx, pending, symbols);
                continue;
            }
            if exchange.ask_take(cx, self.config.reply_timeout) {
                continue;
            }
            let Some(work) = exchange.next_work() else { break };
            let (set, number) = (exchange.set, exchange.number);
            let Work { span, theirs } = work;
            let leaf = self.config.leaf.min(DIGEST_ITEMS);
            let ask = Ask { span, unless: theirs, leaf, ways: self.config.ways };
            self.describe(cx, Pending::Work { exchange: number, work }, set, vec![ask]);
        }
        self.finish_if_idle(cx);
    }

    fn finish_if_idle(&mut self, cx: &mut Cx<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        if exchange.is_idle() && !self.pending.values().any(Pending::is_ours) {
            // Where nothing can flow, a difference is no reason to hurry.
            let differed = exchange.differed && (exchange.gives || exchange.wants());
            // What a transfer has brought is compared when it is merged.
            if !exchange.rests(cx, self.config.reply_timeout) {
                self.end(cx, differed);
            }
        }
    }

    fn end(&mut self, cx: &mut Cx<'_>, differed: bool) {
        let Some(exchange) = self.exchange.take() else { return };
        self.round_trip = exchange.round_trip();
        self.silences = if exchange.is_silent() { self.silences.saturating_add(1) } else { 0 };
        self.pause = if differed {
            self.config.period
        } else {
            (self.pause * 2).min(self.config.period_max)
        };
        // Who does not answer at all has cost a round: another partner is asked in its place. After a
        // transfer, what it has missed is looked for at once.
        let at_once =
            !self.survey.is_empty() || exchange.is_silent() || exchange.transfer.is_worth();
        let pause = if at_once { Duration::ZERO } else { self.pause };
        self.schedule(cx, pause);
        let facts = exchange.owed();
        if facts > 0 && self.chases < CHASES {
            let soon = cx.now.mono + exchange.patience(self.config.reply_timeout);
            let (by, otherwise) = (exchange.with, self.next_round);
            self.owed = Some(Owed { by, facts, otherwise });
            self.next_round = self.next_round.map(|due| due.min(soon));
        }
    }

    /// The next round comes after seven to nine eighths of a pause, if rounds are staggered; otherwise
    /// in step with those before it.
    fn schedule(&mut self, cx: &mut Cx<'_>, pause: Duration) {
        let now = cx.now.mono;
        let due = if self.config.stagger || pause.is_zero() {
            now + pause * 7 / 8 + cx.time_below(pause / 4)
        } else {
            upcoming(self.last_round + pause, self.config.period, now)
        };
        self.next_round = Some(due);
    }

    fn on_described(&mut self, cx: &mut Cx<'_>, pending: Pending, descriptions: Vec<Description>) {
        let mut descriptions = descriptions.into_iter();
        match (pending, descriptions.next()) {
            (Pending::Digest { exchange }, Some(Description::Items(items))) => {
                self.send_digest(cx, exchange, items);
            }
            (Pending::Work { exchange, work }, Some(description)) => {
                self.on_own_view(cx, exchange, work, description);
            }
            (Pending::Listed { exchange, span, theirs }, Some(description)) => {
                self.on_listed(cx, exchange, span, &theirs, description);
            }
            (Pending::Answer { from, ranges }, first) => {
                let all = first.into_iter().chain(descriptions).collect();
                self.answer(cx, from, &ranges, all);
            }
            _ => {}
        }
        self.pump(cx);
    }

    /// Our exchange of this number, unless it has ended meanwhile.
    fn running(&mut self, number: u32) -> Option<&mut Exchange> {
        self.exchange.as_mut().filter(|exchange| exchange.number == number)
    }

    fn exchange_with(&mut self, from: NodeId, number: u32) -> Option<&mut Exchange> {
        self.exchange.as_mut().filter(|exchange| exchange.with == from && exchange.number == number)
    }
}

impl Reconcile for Repair {
    fn name(&self) -> &'static str {
        match self.config.method {
            _ if !self.config.fingerprint_first => "full-digest",
            Method::Adaptive => "adaptive",
            Method::Range => "range",
            Method::Rateless => "rateless",
        }
    }

    fn heard(&mut self, cx: &mut Cx<'_>, from: NodeId, talk: Talk) {
        if cx.read_only {
            // What an exchange of ours would bring cannot be kept.
            self.exchange = None;
        }
        match talk {
            Talk::Busy(exchange) => self.hunt(cx, from, exchange),
            Talk::Cells(cells) => self.on_cells(cx, from, cells),
            Talk::Compare(compare) => self.on_compare(cx, from, compare),
            Talk::Given { exchange, step } => self.on_given(cx, from, exchange, step),
            Talk::More(more) => self.on_more(cx, from, more),
            Talk::Ranges(ranges) if ranges.answer => self.on_answer(cx, from, &ranges),
            Talk::Ranges(ranges) => self.on_question(cx, from, ranges),
            Talk::Same(same) => self.on_same(cx, from, same),
            Talk::Take(take) => self.on_take(cx, from, take),
            Talk::Taken(taken) => self.on_taken(cx, from, taken),
            Talk::Want { exchange, step, symbols } => {
                self.on_want(cx, from, exchange, step, symbols);
            }
            Talk::Done { rest, .. } if rest.len() > WANTED => cx.reject(from, Why::TooLarge),
            Talk::Done { exchange, step, rest } => {
                let found = self.exchange_with(from, exchange);
                if found.is_some_and(|exchange| exchange.done(step, rest, cx.now.mono)) {
                    self.pump(cx);
                } else {
                    cx.reject(from, Why::TooLate);
                }
            }
            Talk::Ack(_)
            | Talk::Ask(_)
            | Talk::Call
            | Talk::Chunk(_)
            | Talk::Feedback { .. }
            | Talk::Large(_)
            | Talk::Offer { .. }
            | Talk::Nack(_)
            | Talk::Ping(_)
            | Talk::PingReq(_)
            | Talk::Pull(_)
            | Talk::Query(_)
            | Talk::Receipt(_)
            | Talk::Report(_)
            | Talk::Stale(_)
            | Talk::AskChunks(_)
            | Talk::Welcome => cx.reject(from, Why::Unasked),
        }
    }

    fn stored(&mut self, cx: &mut Cx<'_>, token: SlotToken, reply: Option<StoreReply>) {
        let Some(pending) = self.pending.remove(&token) else { return };
        self.serving.settled(&pending);
        self.scanned(cx, token);
        match (pending, reply) {
            (pending, Some(StoreReply::Described(descriptions))) => {
                self.on_described(cx, pending, descriptions);
            }
            (pending, Some(StoreReply::Totals(totals))) => self.on_total(cx, pending, totals),
            (pending, Some(StoreReply::Sketched { row, totals })) => {
                self.on_sketched(cx, pending, row, totals);
            }
            (Pending::Give { to }, Some(StoreReply::Facts(facts))) => {
                // What is too much for now, the next round finds again.
                facts.into_iter().for_each(|fact| cx.bulk(to, fact));
            }
            (Pending::Deliver { exchange, symbols }, Some(StoreReply::Facts(facts))) => {
                self.deliver(cx, exchange, &symbols, facts);
            }
            (Pending::Serve { from, step, gives, wants, done }, Some(StoreReply::Facts(facts))) => {
                let rest = serve::rest(&gives, facts.last());
                facts.into_iter().for_each(|fact| cx.bulk(from, fact));
                serve::conclude(cx, from, step, wants, done.then_some(rest));
            }
            (Pending::Take { from, take }, Some(StoreReply::Taken { facts, upto, left })) => {
                take::give(cx, from, &take, facts, (upto, left));
            }
            // The store failed, or answered something else: an exchange of ours is void, and the
            // next one starts from nothing.
            (pending, _) => {
                if self.exchange.is_some() && pending.is_ours() {
                    self.end(cx, true);
                }
            }
        }
    }

    fn survey(&mut self, cx: &mut Cx<'_>) {
        // Asked again and again, it must still come to the last of them.
        if self.survey.is_empty() {
            self.survey = cx.partners.iter().collect();
        }
        self.next_round = Some(cx.now.mono);
    }

    fn met(&mut self, cx: &mut Cx<'_>, member: NodeId, returned: bool) {
        let now = cx.now.mono;
        let first = *self.met_first.get_or_insert(now);
        let early = now.since(first) <= GREETING;
        let greets = self.config.fingerprint_first && (early || returned);
        if greets && self.survey.len() < GREETED {
            self.survey.insert(member);
            // Not at once: two that start together would ask one another the same.
            let soon = now + cx.time_below(self.config.period / 4);
            self.next_round = Some(self.next_round.map_or(soon, |due| due.min(soon)));
        }
    }

    fn brought(&mut self, now: Mono, from: NodeId) {
        let due = now + self.config.reply_timeout;
        if let Some(exchange) = &mut self.exchange {
            exchange.transfer.brought(from, due);
            if exchange.with == from {
                exchange.brought(due);
            }
        }
        if let Some(owed) = self.owed.as_mut().filter(|owed| owed.by == from) {
            owed.facts -= 1;
            if owed.facts == 0 {
                self.next_round = owed.otherwise;
                self.owed = None;
            }
        }
    }

    fn changed(&mut self, now: Mono) {
        self.pause = self.config.period;
        let soon = now + self.config.period;
        self.next_round = self.next_round.map(|due| due.min(soon));
    }

    fn gone(&mut self, member: NodeId) {
        if let Some(exchange) = &mut self.exchange {
            let goes_on = exchange.with != member || exchange.abandon();
            exchange.transfer.gone(&member);
            if !goes_on {
                self.exchange = None;
            }
        }
        self.connections.gone(member);
    }

    fn wake(&mut self, cx: &mut Cx<'_>) {
        if let Some(exchange) = &mut self.exchange
            && !exchange.repeat_unanswered(cx, self.config.reply_timeout)
        {
            self.end(cx, true);
        }
        self.pump(cx);
        match self.next_round {
            None => {
                let period = self.config.period;
                let wait = if self.config.stagger { cx.time_below(period / 4) } else { period };
                self.next_round = Some(cx.now.mono + wait);
            }
            Some(due) if due <= cx.now.mono => {
                self.last_round = due;
                let pause = self.pause;
                self.schedule(cx, pause);
                self.round(cx);
            }
            Some(_) => {}
        }
    }

    fn answering(&self) -> usize {
        self.serving.total()
    }

    fn taking(&self) -> Option<Taking> {
        self.exchange.as_ref().and_then(|exchange| exchange.transfer.taking())
    }

    fn deadline(&self) -> Option<Mono> {
        let unanswered = self.exchange.as_ref().and_then(Exchange::deadline);
        let round = self.next_round.unwrap_or(Mono::ZERO);
        Some(unanswered.map_or(round, |due| due.min(round)))
    }
}
