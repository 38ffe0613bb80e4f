//! Comparison by sketches: the answering side sends cells and remembers nothing; the beginning side
//! reads the difference from them, and asks for more until it can.

use super::decode::{Decode, Progress};
use super::exchange::Work;
use super::plan::{self, FIRST, MORE, Plan, RECORD};
use super::serve::{self, is_comparable};
use super::{Method, Pending, Repair, Step};
use crate::fact::{Envelope, Why};
use crate::id::NodeId;
use crate::sketch::{Cell, Found, Symbol};
use crate::state::{Set, Span, Totals};
use crate::store::catalogue::{MAX_ROW, Row};
use crate::strategy::{Cx, Effect};
use crate::time::Epoch;
use crate::wire::{Cells, Compare, Glance, More, Talk};

/// Which cells a partner is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    epoch: Epoch,
    exchange: u32,
    from: usize,
    key: u64,
    likely: usize,
    /// Which set they are to go with, if they follow others.
    mark: Option<[u8; 4]>,
}

impl Asked {
    /// Whether the cells of both are answered as one row, if they follow one another.
    pub(super) fn is_followed_by(&self, next: &Self) -> bool {
        let next = Self { from: self.from, ..*next };
        *self == next
    }
}

/// Of how many cells the answering side takes a look when somebody opens: as many as its store
/// keeps of any set, and mostly all that are sent.
pub(super) const LOOK: usize = 64;

impl Repair {
    /// Whether we compare by sketches.
    pub(super) const fn sketches(&self) -> bool {
        !matches!(self.config.method, Method::Range)
    }

    /// The store has summed up a set in cells.
    pub(super) fn on_sketched(
        &mut self,
        cx: &mut Cx<'_>,
        pending: Pending,
        row: Row,
        totals: Totals,
    ) {
        match pending {
            Pending::Open { exchange, epoch, key } => {
                let cell = row.cells.first().copied().unwrap_or_default();
                let glance = Glance::new(totals.sum.count(), &row.census, cell);
                let fingerprint = if key == 0 { totals.sum.fingerprint() } else { row.digest() };
                let glance = Glance { key, ..glance };
                self.opening(cx, exchange, epoch, fingerprint, totals, Some(glance));
            }
            Pending::Asked { from, compare } => self.on_asked(cx, from, compare, totals, Some(row)),
            Pending::Row { from, row: asked } => self.on_row(cx, from, asked, &row.cells, &totals),
            Pending::Cells { exchange } => {
                self.on_own_cells(cx, exchange, &row.cells, totals.sum.fingerprint());
            }
            Pending::OpenDormant { .. }
            | Pending::Digest { .. }
            | Pending::Work { .. }
            | Pending::Listed { .. }
            | Pending::Confirm { .. }
            | Pending::Give { .. }
            | Pending::Deliver { .. }
            | Pending::AskedDormant { .. }
            | Pending::Answer { .. }
            | Pending::Serve { .. }
            | Pending::Take { .. } => {}
        }
    }

    /// Our set differs from a partner's, at a glance. False: it is to be compared by ranges.
    pub(super) fn on_glance(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        compare: &Compare,
        glance: &Glance,
        row: &Row,
        totals: &Totals,
    ) -> bool {
        let (exchange, epoch) = (compare.exchange, compare.epoch);
        let first = row.cells.first().copied().unwrap_or_default();
        if let Some(Found { symbol, ours }) = first.minus(&glance.cell).single(glance.key) {
            self.settle(cx, from, compare, symbol, ours);
            return true;
        }
        let guess = glance.difference(&row.census);
        let entries = (totals.sum.count(), glance.entries);
        let Plan::Cells { now, likely } = plan::answer(self.config.method, guess, entries) else {
            return false;
        };
        let asked = Asked { epoch, exchange, from: 0, key: glance.key, likely, mark: None };
        if now <= row.cells.len() {
            let cells = row.cells.get(..now).unwrap_or_default();
            send_row(cx, from, asked, cells, totals);
        } else if let Err(why) = self.serving.admit(from) {
            cx.reject(from, why);
        } else {
            self.sketch(cx, Pending::Row { from, row: asked }, epoch, 0..now, asked.key);
        }
        true
    }

    /// The difference is a single fact: it is given or asked for at once.
    fn settle(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        compare: &Compare,
        symbol: Symbol,
        ours: bool,
    ) {
        let step = Step { exchange: compare.exchange, number: 0 };
        let wants = !ours && compare.push && !cx.read_only;
        let gives = ours && compare.pull;
        let of = |wished: bool| if wished { vec![symbol] } else { Vec::new() };
        if !gives {
            serve::conclude(cx, from, step, of(wants), Some(Vec::new()));
        } else if let Err(why) = self.serving.admit(from) {
            cx.reject(from, why);
        } else {
            let (gives, wants) = (of(gives), Vec::new());
            let pending = Pending::Serve { from, step, gives: gives.clone(), wants, done: true };
            self.fetch(cx, pending, gives);
        }
    }

    /// A partner asks for cells.
    pub(super) fn on_more(&mut self, cx: &mut Cx<'_>, from: NodeId, more: More) {
        let places = more.from as usize..more.upto as usize;
        if places.is_empty() {
            return cx.reject(from, Why::BadRecord);
        }
        if places.len() > MORE || places.end > MAX_ROW {
            return cx.reject(from, Why::TooLarge);
        }
        if !is_comparable(Set::Active(more.epoch), Epoch::of(cx.now.wall)) {
            return cx.reject(from, Why::EpochsApart);
        }
        if more.key != 0 && !self.scans.is_audited(from) {
            return cx.reject(from, Why::Unasked);
        }
        if self.scans.are_taken(from, &places, more.key) {
            cx.effects.push(Effect::Refused);
            return cx.talk(from, Talk::Busy(more.exchange));
        }
        if let Err(why) = self.serving.admit(from) {
            return cx.reject(from, why);
        }
        let More { exchange, epoch, mark, key, .. } = more;
        let row = Asked { epoch, exchange, from: places.start, key, likely: 0, mark: Some(mark) };
        self.sketch(cx, Pending::Row { from, row }, epoch, places, key);
    }

    /// The cells that a partner asked for: all of them, if it knows none of this set.
    fn on_row(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        asked: Asked,
        cells: &[Cell],
        totals: &Totals,
    ) {
        let fits = asked.mark.is_none_or(|mark| mark == mark_of(totals));
        let upto = asked.from + cells.len();
        if fits || asked.from == 0 || upto > MORE || self.serving.admit(from).is_err() {
            return send_row(cx, from, asked, cells, totals);
        }
        let row = Asked { from: 0, mark: None, ..asked };
        self.sketch(cx, Pending::Row { from, row }, asked.epoch, 0..upto, asked.key);
    }

    /// The partner sends cells of its set.
    pub(super) fn on_cells(&mut self, cx: &mut Cx<'_>, from: NodeId, cells: Cells) {
        let ends = u64::from(cells.from) + cells.cells.len() as u64;
        if cells.cells.is_empty() || ends > u64::from(cells.upto) {
            return cx.reject(from, Why::BadRecord);
        }
        if cells.cells.len() > RECORD || cells.upto as usize > MAX_ROW {
            return cx.reject(from, Why::TooLarge);
        }
        let (now, timeout, pushes) = (cx.now.mono, self.config.reply_timeout, self.pushes());
        let Some(exchange) = self.exchange_with(from, cells.exchange) else {
            return cx.reject(from, Why::TooLate);
        };
        if exchange.answered(0, now) {
            exchange.decode = Some(Decode::new(exchange.began, now, exchange.key));
            exchange.differed = true;
            exchange.gives &= cells.push || !pushes;
        }
        let Some(decode) = exchange.decode.as_mut().filter(|decode| decode.is_waiting()) else {
            return cx.reject(from, Why::TooLate);
        };
        if decode.take(cells, now, timeout) {
            self.read(cx);
        }
    }

    /// Looks up our own cells beside those that came.
    fn read(&mut self, cx: &mut Cx<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        let (number, set, key) = (exchange.number, exchange.set, exchange.key);
        let (Some(decode), Set::Active(epoch)) = (&mut exchange.decode, set) else { return };
        let places = decode.read();
        exchange.describing();
        self.sketch(cx, Pending::Cells { exchange: number }, epoch, places, key);
    }

    fn on_own_cells(&mut self, cx: &mut Cx<'_>, number: u32, ours: &[Cell], fingerprint: [u8; 16]) {
        let Some(exchange) = self.running(number) else { return };
        exchange.described();
        let Some(decode) = &mut exchange.decode else { return };
        match decode.compare(ours, fingerprint) {
            Progress::Done(found) => self.found(cx, found),
            Progress::Hopeless => self.fall_back(cx),
            Progress::Same => {
                exchange.decode = None;
                self.pump(cx);
            }
            Progress::Stale => self.read(cx),
            Progress::Unfinished => self.go_on(cx),
        }
    }

    /// More cells are needed; where there are no more, ranges are compared.
    fn go_on(&mut self, cx: &mut Cx<'_>) {
        let (method, now, timeout) = (self.config.method, cx.now.mono, self.config.reply_timeout);
        let Some(exchange) = &mut self.exchange else { return };
        let Some(decode) = &mut exchange.decode else { return };
        let plan = |peeler: &_, likely| plan::next(method, peeler, likely);
        let missing = decode.go_on(plan, now, timeout);
        if missing.is_empty() {
            return self.fall_back(cx);
        }
        exchange.ask_cells(cx, missing);
    }

    fn fall_back(&mut self, cx: &mut Cx<'_>) {
        if let Some(exchange) = &mut self.exchange {
            exchange.decode = None;
            exchange.add(Work { span: Span::ALL, theirs: Some(serve::UNLIKE) });
        }
        self.pump(cx);
    }

    /// The difference is known. What is newer than everything of the partner's that we lack can be
    /// displaced by none of it, and goes at once; the rest when that has come.
    fn found(&mut self, cx: &mut Cx<'_>, found: Vec<Found>) {
        let (pulls, pushes) = (self.pulls(), self.pushes());
        let Some(exchange) = &mut self.exchange else { return };
        exchange.decode = None;
        let (ours, theirs): (Vec<_>, Vec<_>) = found.into_iter().partition(|found| found.ours);
        let symbols = |found: Vec<Found>| {
            let mut symbols: Vec<_> = found.into_iter().map(|found| found.symbol).collect();
            symbols.sort_unstable();
            symbols
        };
        let theirs = if pulls { symbols(theirs) } else { Vec::new() };
        let ours = if pushes && exchange.gives { symbols(ours) } else { Vec::new() };
        let newest = theirs.last().copied();
        let older = ours.partition_point(|symbol| newest.is_some_and(|newest| *symbol < newest));
        let (later, now) = ours.split_at(older);
        exchange.lacking(&theirs);
        exchange.giving(now, later);
        self.pump(cx);
    }

    /// Facts to give have been looked up; the partner is to say that they came.
    pub(super) fn deliver(
        &mut self,
        cx: &mut Cx<'_>,
        number: u32,
        symbols: &[Symbol],
        facts: Vec<Envelope>,
    ) {
        let timeout = self.config.reply_timeout;
        let Some(exchange) = self.running(number) else { return };
        exchange.described();
        let last = facts.last().map(Symbol::of);
        let sent = symbols.iter().position(|symbol| Some(*symbol) == last);
        if let Some(sent) = sent {
            let (_, rest) = symbols.split_at(sent + 1);
            exchange.giving(rest, &[]);
            exchange.given(cx, facts, timeout);
        }
        self.pump(cx);
    }

    /// A partner wants to know that what it gave has come; while much waits here, it hears nothing.
    pub(super) fn on_given(&self, cx: &mut Cx<'_>, from: NodeId, exchange: u32, step: u32) {
        if cx.backlog_bytes <= self.config.backlog_bytes {
            cx.talk(from, Talk::Done { exchange, step, rest: Vec::new() });
        }
    }
}

/// What tells a set from others in messages about its cells.
fn mark_of(totals: &Totals) -> [u8; 4] {
    let [a, b, c, d, ..] = totals.sum.fingerprint();
    [a, b, c, d]
}

/// Sends cells of a set with these totals.
fn send_row(cx: &mut Cx<'_>, from: NodeId, asked: Asked, cells: &[Cell], totals: &Totals) {
    let upto = asked.from + cells.len();
    for (turn, cells) in cells.chunks(RECORD).enumerate() {
        let record = Cells {
            exchange: asked.exchange,
            mark: mark_of(totals),
            push: !cx.read_only,
            from: (asked.from + turn * RECORD) as u32,
            upto: upto as u32,
            likely: asked.likely as u32,
            cells: cells.to_vec(),
        };
        if upto - asked.from > FIRST {
            cx.talk_after_bulk(from, Talk::Cells(record));
        } else {
            cx.talk(from, Talk::Cells(record));
        }
    }
}
