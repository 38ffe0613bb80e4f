//! One comparison that we began: what is left to ask, and what is unanswered.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::decode::Decode;
use super::transfer::Transfer;
use super::{LIST_LIMIT, WANTED};
use crate::fact::Envelope;
use crate::id::NodeId;
use crate::sketch::Symbol;
use crate::state::{Part, Point, Set, Span};
use crate::strategy::{Cx, Standing};
use crate::time::Mono;
use crate::wire::{Compare, More, RangeContent, RangePart, Ranges, Talk};

/// A stretch to look into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    pub(super) span: Span,
    /// The partner's fingerprint; `None`: it has next to nothing here, so list ours.
    pub(super) theirs: Option<[u8; 16]>,
}

/// The initiator's side of a comparison.
///
/// Depth first, so that the work list stays below `ways` times the depth of the tree; at most
/// `max_window` questions unanswered, more while answers come and half as many after a loss.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Before the first question to our own store.
    pub(super) began: Mono,
    pub(super) compared: Option<Compare>,
    pub(super) differed: bool,
    /// Whether the partner takes what it lacks: it says so if its store refuses writes.
    pub(super) gives: bool,
    /// How many facts we asked for, and how many the partner brought meanwhile.
    wanted: usize,
    brought: usize,
    /// The key of its cells.
    pub(super) key: u64,
    pub(super) number: u32,
    /// Whether the first question is repeated to a partner that does not answer.
    pub(super) persists: bool,
    pub(super) set: Set,
    pub(super) with: NodeId,
    /// The difference as far as it is read, while it is read from cells.
    pub(super) decode: Option<Decode>,
    /// What is taken whole.
    pub(super) transfer: Transfer,
    /// Questions to our own store on their way.
    describing: usize,
    /// Facts that the partner lacks, in parts, the last first.
    giving: Vec<Vec<Symbol>>,
    /// Facts that the partner lacks unless what we lack displaces them.
    giving_later: Vec<Symbol>,
    /// When the partner answered last.
    heard: Mono,
    /// How long answers took of late, the slowest of them.
    round_trip: Duration,
    lost: u32,
    max_window: usize,
    /// No later than this it ends, for others want to be compared with as well.
    ends: Mono,
    next_step: u32,
    /// What is still to be asked for, the last first: what a sketch showed, and what was too much for
    /// one answer.
    rest: Vec<Vec<Symbol>>,
    /// When it ends although not everything is merged, once all has come.
    rests_until: Option<Mono>,
    unanswered: BTreeMap<u32, Unanswered>,
    window: usize,
    work: Vec<Work>,
}

#[derive(Debug)]
struct Unanswered {
    asked: Mono,
    due: Mono,
    repeats: u32,
    talk: Talk,
}

/// A question is repeated so often before it is given up: at 20 % loss of each datagram all
/// three go unanswered in (1 - 0.8^2)^3 = 5 % of cases, and the next round asks again.
pub(super) const REPEATS: u32 = 2;

/// So many questions given up in a row end the exchange: the partner is gone.
const GIVE_UP: u32 = 3;

/// The longest exchange (a guess: some 50,000 facts at a round trip of 20 ms), and the longest time in
/// which a transfer brings little. What is left after it is left to later rounds; without it a partner that always differs would be the only one.
const LONGEST: Duration = Duration::from_secs(60);

/// The partner is given this time at least: its store and its verifier may be busy (a guess).
const LEAST_PATIENCE: Duration = Duration::from_millis(200);

const FIRST_WINDOW: usize = 4;

/// Most stretches that wait; beyond it the rest is left to the next round. It bounds what a
/// hostile partner can make us remember.
pub(super) const MAX_WORK: usize = 4_096;

impl Exchange {
    /// Nothing is asked yet; answers took `round_trip` of late, if that is known.
    pub(super) fn new(
        number: u32,
        with: NodeId,
        set: Set,
        now: Mono,
        round_trip: Duration,
        max_window: usize,
    ) -> Self {
        Self {
            began: now,
            compared: None,
            differed: false,
            gives: true,
            wanted: 0,
            brought: 0,
            key: 0,
            number,
            persists: true,
            set,
            with,
            decode: None,
            transfer: Transfer::default(),
            describing: 0,
            giving: Vec::new(),
            giving_later: Vec::new(),
            heard: now,
            round_trip,
            lost: 0,
            ends: now + LONGEST,
            next_step: 1,
            rest: Vec::new(),
            rests_until: None,
            unanswered: BTreeMap::new(),
            max_window,
            window: FIRST_WINDOW.min(max_window),
            work: Vec::new(),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.work.is_empty()
            && self.rest.is_empty()
            && self.unanswered.is_empty()
            && self.describing == 0
            && self.decode.is_none()
            && self.giving.is_empty()
            && self.giving_later.is_empty()
            && self.transfer.is_idle()
    }

    /// How long answers took of late, the slowest of them.
    pub(super) const fn round_trip(&self) -> Duration {
        self.round_trip
    }

    pub(super) const fn is_active(&self) -> bool {
        matches!(self.set, Set::Active(_))
    }

    pub(super) fn add(&mut self, work: Work) {
        if self.work.len() < MAX_WORK {
            self.work.push(work);
        }
    }

    /// Adds the parts of a stretch, the first on top.
    pub(super) fn add_parts(&mut self, span: Span, parts: &[Part], compare: bool) {
        let mut from = span.from;
        let mut spans = Vec::with_capacity(parts.len());
        for part in parts {
            let theirs = compare.then_some(part.fingerprint);
            spans.push(Work { span: Span { from, upto: part.upto }, theirs });
            from = part.upto;
        }
        spans.into_iter().rev().for_each(|work| self.add(work));
    }

    /// An answer was done, but for what is at these points.
    pub(super) fn done(&mut self, step: u32, rest: Vec<Symbol>, now: Mono) -> bool {
        let known = self.answered(step, now);
        // No more than was ever asked for: one rest per answer.
        if known && !rest.is_empty() {
            self.differed = true;
            self.wanted = self.wanted.saturating_sub(rest.len());
            self.rest.push(rest);
        }
        known
    }

    /// Asks for what was too much for one answer, if there is such a thing and the window has room.
    pub(super) fn ask_rest(&mut self, cx: &mut Cx<'_>, timeout: Duration) -> bool {
        if self.unanswered.len() + self.describing >= self.window {
            return false;
        }
        let Some(symbols) = self.rest.pop() else { return false };
        self.want(cx, symbols, timeout);
        true
    }

    /// What a sketch showed that we lack, in time order: the newest is asked for first.
    pub(super) fn lacking(&mut self, symbols: &[Symbol]) {
        self.rest.extend(symbols.chunks(WANTED).map(<[_]>::to_vec));
    }

    /// What the partner lacks, in time order: now, and when nothing of what we lack is awaited.
    pub(super) fn giving(&mut self, now: &[Symbol], later: &[Symbol]) {
        self.giving.extend(now.chunks(LIST_LIMIT).map(<[_]>::to_vec));
        self.giving_later.extend(later);
    }

    /// Facts to look up for the partner, if the window has room; counts as being described.
    pub(super) fn next_to_give(&mut self, cx: &Cx<'_>, timeout: Duration) -> Option<Vec<Symbol>> {
        let come = self.rest.is_empty() && self.unanswered.is_empty();
        // What has come is merged when nothing waits any more; who never rests is not waited for.
        if come && (cx.backlog_bytes == 0 || self.heard + timeout <= cx.now.mono) {
            let later = std::mem::take(&mut self.giving_later);
            self.giving(&later, &[]);
        }
        if self.unanswered.len() + self.describing >= self.window {
            return None;
        }
        let symbols = self.giving.pop()?;
        self.describing += 1;
        Some(symbols)
    }

    /// Sends facts, and the question whether they came.
    pub(super) fn given(&mut self, cx: &mut Cx<'_>, facts: Vec<Envelope>, timeout: Duration) {
        facts.into_iter().for_each(|fact| cx.bulk(self.with, fact));
        let step = self.step();
        let talk = Talk::Given { exchange: self.number, step };
        self.remember(cx.now.mono, step, talk.clone(), timeout);
        cx.talk_after_bulk(self.with, talk);
    }

    /// Asks for cells.
    pub(super) fn ask_cells(&self, cx: &mut Cx<'_>, places: Vec<Range<usize>>) {
        let (Set::Active(epoch), Some(decode)) = (self.set, &self.decode) else { return };
        let (exchange, mark) = (self.number, decode.mark());
        for Range { start, end } in places {
            let (from, upto) = (start as u32, end as u32);
            cx.talk(
                self.with,
                Talk::More(More { exchange, epoch, mark, from, upto, key: self.key }),
            );
        }
    }

    /// The next stretch, if the window has room; counts as being described.
    pub(super) fn next_work(&mut self) -> Option<Work> {
        if self.unanswered.len() + self.describing >= self.window {
            return None;
        }
        let work = self.work.pop()?;
        self.describing += 1;
        Some(work)
    }

    pub(super) const fn describing(&mut self) {
        self.describing += 1;
    }

    pub(super) const fn described(&mut self) {
        self.describing = self.describing.saturating_sub(1);
    }

    pub(super) fn ask(
        &mut self,
        cx: &mut Cx<'_>,
        span: Span,
        content: RangeContent,
        flow: (bool, bool),
        timeout: Duration,
    ) {
        self.ask_all(cx, span.from, vec![RangePart { upto: span.upto, content }], flow, timeout);
    }

    pub(super) fn ask_parts(
        &mut self,
        cx: &mut Cx<'_>,
        span: Span,
        parts: Vec<Part>,
        flow: (bool, bool),
        timeout: Duration,
    ) {
        let parts = parts.into_iter().map(RangePart::from).collect();
        self.ask_all(cx, span.from, parts, flow, timeout);
    }

    /// Asks for facts, but for those that are on their way: large ones take a while.
    pub(super) fn want(&mut self, cx: &mut Cx<'_>, mut symbols: Vec<Symbol>, timeout: Duration) {
        symbols.retain(|symbol| (cx.knows)(&symbol.parts().1) != Standing::Pending);
        if symbols.is_empty() {
            return;
        }
        self.wanted += symbols.len();
        let step = self.step();
        let talk = Talk::Want { exchange: self.number, step, symbols };
        self.sent(cx, step, talk, timeout, self.with);
    }

    /// Sends a question and remembers it until it is answered.
    pub(super) fn sent(
        &mut self,
        cx: &mut Cx<'_>,
        step: u32,
        talk: Talk,
        timeout: Duration,
        to: NodeId,
    ) {
        self.remember(cx.now.mono, step, talk.clone(), timeout);
        cx.talk(to, talk);
    }

    fn remember(&mut self, asked: Mono, step: u32, talk: Talk, timeout: Duration) {
        let due = asked + self.patience(timeout);
        self.unanswered.insert(step, Unanswered { asked, due, repeats: 0, talk });
    }

    /// Takes an answer; false if nothing of that number is unanswered.
    pub(super) fn answered(&mut self, step: u32, now: Mono) -> bool {
        let question = self.unanswered.remove(&step);
        let known = question.is_some();
        if let Some(Unanswered { asked, .. }) = question {
            // Of a question that was repeated this is too long: better than too short.
            self.round_trip = (self.round_trip * 7 / 8).max(now.since(asked));
            self.heard = now;
            self.lost = 0;
            self.window = (self.window + 1).min(self.max_window);
        }
        known
    }

    /// Repeats what is overdue; false when the partner no longer answers, or took too long.
    pub(super) fn repeat_unanswered(&mut self, cx: &mut Cx<'_>, timeout: Duration) -> bool {
        let now = cx.now.mono;
        let overdue = |(_, question): &(&u32, &mut Unanswered)| question.due <= now;
        let mut given_up = Vec::new();
        for (step, question) in self.unanswered.iter_mut().filter(overdue) {
            self.window = (self.window / 2).max(1);
            let repeats = if self.persists || *step > 0 { REPEATS } else { 0 };
            if question.repeats >= repeats {
                given_up.push(*step);
                continue;
            }
            question.repeats += 1;
            // More patience than before, for it may have been too little.
            question.due = now + timeout;
            cx.talk(self.with, question.talk.clone());
        }
        for step in given_up {
            self.unanswered.remove(&step);
            self.lost += 1;
            self.differed = true;
        }
        let Some(missing) =
            self.decode.as_mut().map_or(Some(Vec::new()), |decode| decode.overdue(now, timeout))
        else {
            return false;
        };
        self.ask_cells(cx, missing);
        self.repeat_takes(cx, timeout);
        self.lost < GIVE_UP && now < self.ends
    }

    /// How long to wait for an answer: eight times as long as they took of late.
    pub(super) fn patience(&self, timeout: Duration) -> Duration {
        let known = !self.round_trip.is_zero();
        let patience = (self.round_trip * 8).clamp(LEAST_PATIENCE.min(timeout), timeout);
        if known { patience } else { timeout }
    }

    /// Whether the partner has never answered, and was given up.
    pub(super) fn is_silent(&self) -> bool {
        self.lost > 0 && self.heard == self.began
    }

    /// Whether we asked for facts.
    pub(super) const fn wants(&self) -> bool {
        self.wanted > 0
    }

    /// How many of the facts that we asked for have not come: lost on the way, or displaced meanwhile.
    pub(super) fn owed(&self) -> usize {
        self.wanted.saturating_sub(self.brought).max(self.transfer.owed() as usize)
    }

    /// Whether it has brought so much that it waits for the rest of it to be merged; who never rests
    /// is not waited for.
    pub(super) fn rests(&mut self, cx: &Cx<'_>, timeout: Duration) -> bool {
        let now = cx.now.mono;
        let until = *self.rests_until.get_or_insert(now + timeout);
        self.transfer.is_worth() && cx.backlog_bytes > 0 && now < until
    }

    /// Much has come: it may go on.
    pub(super) fn prolonged(&mut self, now: Mono) {
        self.ends = now + LONGEST;
    }

    /// Nothing more is asked of the partner.
    pub(super) fn forget_questions(&mut self) {
        self.unanswered.clear();
        self.work.clear();
        self.rest.clear();
        self.giving.clear();
        self.giving_later.clear();
        self.decode = None;
    }

    /// A fact came. The partner is answering, perhaps over a slow line: to ask again would make it slower.
    pub(super) fn brought(&mut self, due: Mono) {
        self.brought += 1;
        let facts = |question: &&mut Unanswered| !matches!(question.talk, Talk::Compare(_));
        for question in self.unanswered.values_mut().filter(facts) {
            question.due = question.due.max(due);
        }
        if let Some(decode) = &mut self.decode {
            decode.wait_on(due);
        }
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        let unanswered = self.unanswered.values().map(|question| question.due);
        let cells = self.decode.as_ref().and_then(Decode::deadline);
        let rests = self.rests_until.filter(|_| self.is_idle());
        let rest = self.transfer.deadline().into_iter().chain(rests);
        unanswered.chain(cells).chain(rest).chain([self.ends]).min()
    }

    pub(super) fn step(&mut self) -> u32 {
        let step = self.next_step;
        self.next_step += 1;
        step
    }

    fn ask_all(
        &mut self,
        cx: &mut Cx<'_>,
        from: Point,
        parts: Vec<RangePart>,
        (pull, push): (bool, bool),
        timeout: Duration,
    ) {
        let step = self.step();
        let both = matches!(self.set, Set::Dormant { .. });
        let ranges = Ranges {
            exchange: self.number,
            step,
            answer: false,
            set: self.set,
            pull: pull || both,
            push: push || both,
            from,
            parts,
        };
        self.sent(cx, step, Talk::Ranges(ranges), timeout, self.with);
    }
}
