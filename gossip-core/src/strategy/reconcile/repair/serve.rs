//! The answering side: nothing is remembered but store questions on their way, a few per partner.

use std::collections::BTreeMap;

use super::diff::{self, Difference};
use super::sketches::LOOK;
use super::{DIGEST_ITEMS, EPOCHS_APART, LIST_LIMIT, Pending, Repair, Step, WANTED};
use crate::fact::{Envelope, Why};
use crate::id::NodeId;
use crate::mistake::{Mistake, made};

use crate::sketch::Symbol;
use crate::state::{Point, Set, Span, Sum, Totals};
use crate::store::catalogue::Row;
use crate::store::{Ask, Description};
use crate::strategy::{Cx, Effect};
use crate::time::Epoch;
use crate::wire::{Compare, RangeContent, RangePart, Ranges, Same, Talk};

/// Most questions of one partner that are being answered; more are refused as overload.
const PER_PARTNER: usize = 64;

/// Most parts in one question: an answer has room to mark each of them.
const MAX_PARTS: usize = 24;

/// Most questions of all partners together that are being answered: they are remembered meanwhile
/// (a guess: 5 MB of them).
const IN_ALL: usize = 4_096;

/// Store questions on behalf of each partner.
#[derive(Debug, Default)]
pub(super) struct Serving {
    partners: BTreeMap<NodeId, usize>,
    total: usize,
}

impl Serving {
    /// How many questions are being answered.
    pub(super) const fn total(&self) -> usize {
        self.total
    }

    pub(super) fn admit(&mut self, from: NodeId) -> Result<(), Why> {
        let held = self.partners.get(&from).copied().unwrap_or(0);
        if held >= PER_PARTNER {
            return Err(Why::PeerQueueFull);
        }
        if self.total >= IN_ALL {
            return Err(Why::QueueFull);
        }
        self.partners.insert(from, held + 1);
        self.total += 1;
        Ok(())
    }

    /// A store question was answered; what follows it admits itself anew.
    pub(super) fn settled(&mut self, pending: &Pending) {
        let Some(from) = &pending.asker() else { return };
        if let Some(count) = self.partners.get_mut(from) {
            *count -= 1;
            self.total -= 1;
            if *count == 0 {
                self.partners.remove(from);
            }
        }
    }
}

impl Repair {
    pub(super) fn on_compare(&mut self, cx: &mut Cx<'_>, from: NodeId, compare: Compare) {
        let ours = Epoch::of(cx.now.wall);
        if ours.number().abs_diff(compare.epoch.number()) > EPOCHS_APART {
            return cx.reject(from, Why::EpochsApart);
        }
        if !self.serves(cx, from, compare.exchange) {
            return;
        }
        if self.is_taking() {
            // What the partner finds missing here is on its way already.
            return cx.talk(from, Talk::Busy(compare.exchange));
        }
        let key = compare.glance.map_or(0, |glance| glance.key);
        if key != 0 && (!self.sketches() || !self.scans.audits(cx.now.mono, from)) {
            cx.effects.push(Effect::Refused);
            return cx.talk(from, Talk::Busy(compare.exchange));
        }
        if let Err(why) = self.serving.admit(from) {
            return cx.reject(from, why);
        }
        // The lower of both epochs: whoever is ahead still keeps what left since.
        let epoch = compare.epoch.min(ours);
        let pending = Pending::Asked { from, compare };
        if let Some(glance) = compare.glance.filter(|_| self.sketches()) {
            self.sketch(cx, pending, epoch, 0..LOOK, glance.key);
        } else {
            self.total(cx, pending, Set::Active(epoch));
        }
    }

    pub(super) fn on_question(&mut self, cx: &mut Cx<'_>, from: NodeId, ranges: Ranges) {
        let Ok(spans) = ranges.spans() else { return cx.reject(from, Why::BadRecord) };
        let items = |content: &RangeContent| match content {
            RangeContent::Items(items) => items.len(),
            RangeContent::Skip | RangeContent::Fingerprint(_) => 0,
        };
        if spans.len() > MAX_PARTS || spans.iter().any(|(_, c)| items(c) > LIST_LIMIT) {
            return cx.reject(from, Why::TooLarge);
        }
        if !is_comparable(ranges.set, Epoch::of(cx.now.wall)) {
            return cx.reject(from, Why::EpochsApart);
        }
        // Of the full digest each question stands for itself.
        if !self.config.fingerprint_first && !self.serves(cx, from, ranges.exchange) {
            return;
        }
        let lists = spans.iter().filter(|(_, c)| matches!(c, RangeContent::Items(_))).count();
        let ask = |(span, content): &(Span, &RangeContent)| match content {
            RangeContent::Skip => None,
            RangeContent::Fingerprint(theirs) => {
                let (leaf, ways) = (self.config.leaf.min(DIGEST_ITEMS), self.config.ways);
                Some(Ask { span: *span, unless: Some(*theirs), leaf, ways })
            }
            RangeContent::Items(_) => {
                // All lists together provoke no more facts than one.
                let leaf = self.listed_leaf() / lists.max(1);
                Some(Ask { span: *span, unless: None, leaf, ways: self.config.ways })
            }
        };
        let asks = spans.iter().filter_map(ask).collect();
        if let Err(why) = self.serving.admit(from) {
            return cx.reject(from, why);
        }
        let set = ranges.set;
        self.describe(cx, Pending::Answer { from, ranges }, set, asks);
    }

    pub(super) fn on_want(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        exchange: u32,
        step: u32,
        mut symbols: Vec<Symbol>,
    ) {
        if symbols.len() > LIST_LIMIT {
            return cx.reject(from, Why::TooLarge);
        }
        symbols.sort_unstable();
        symbols.dedup();
        if let Err(why) = self.serving.admit(from) {
            return cx.reject(from, why);
        }
        // A want that answers a list of ours needs no word when it is served.
        let ours = self.exchange_with(from, exchange).is_some();
        let (step, gives) = (Step { exchange, number: step }, symbols.clone());
        let pending = Pending::Serve { from, step, gives, wants: Vec::new(), done: !ours };
        self.fetch(cx, pending, symbols);
    }

    pub(super) fn on_total(&mut self, cx: &mut Cx<'_>, pending: Pending, totals: Totals) {
        match pending {
            Pending::Open { exchange, epoch, key: _ } => {
                let fingerprint = totals.sum.fingerprint();
                self.opening(cx, exchange, epoch, fingerprint, totals, None);
            }
            Pending::OpenDormant { exchange, epoch, fingerprint, glance } => {
                self.send_compare(cx, exchange, epoch, (fingerprint, totals.sum), glance);
            }
            Pending::Confirm { exchange, same } => {
                if let Some(ours) = self.running(exchange) {
                    ours.described();
                    self.confirm(cx, same, totals.sum.mark());
                }
            }
            Pending::Asked { from, compare } => self.on_asked(cx, from, compare, totals, None),
            Pending::AskedDormant { from, compare, floor } => {
                agree(cx, from, &compare, floor, totals.sum);
            }
            Pending::Digest { .. }
            | Pending::Work { .. }
            | Pending::Listed { .. }
            | Pending::Cells { .. }
            | Pending::Give { .. }
            | Pending::Deliver { .. }
            | Pending::Answer { .. }
            | Pending::Row { .. }
            | Pending::Serve { .. }
            | Pending::Take { .. } => {}
        }
    }

    /// Our totals at the partner's epoch: equal, or where to look.
    pub(super) fn on_asked(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        compare: Compare,
        totals: Totals,
        row: Option<Row>,
    ) {
        let epoch = compare.epoch.min(Epoch::of(cx.now.wall));
        let fingerprint = totals.sum.fingerprint();
        let (active, exchange) = (Set::Active(epoch), compare.exchange);
        let parts =
            vec![RangePart { upto: Point::END, content: RangeContent::Fingerprint(fingerprint) }];
        // Who asks is not to give what cannot be kept here.
        let (pull, push, from_point) = (compare.pull, compare.push && !cx.read_only, Point::MIN);
        let whole = Ranges {
            exchange,
            step: 0,
            answer: true,
            set: active,
            pull,
            push,
            from: from_point,
            parts,
        };
        if epoch != compare.epoch {
            // At a lower epoch than the partner's its fingerprint says nothing: ours goes back,
            // and the partner looks where they differ.
            return cx.talk(from, Talk::Ranges(whole));
        }
        let audited = compare.glance.filter(|glance| glance.key != 0).and(row.as_ref());
        let ours = audited.map_or(fingerprint, Row::digest);
        let equal = ours == compare.fingerprint || made(Mistake::EqualUncompared);
        if !equal && self.rather_takes(cx, from, &compare, totals.sum.count()) {
            return;
        }
        let floor = cx.floor.max(compare.floor);
        if equal && totals.dormant == 0 {
            return agree(cx, from, &compare, floor, Sum::default());
        }
        if let (false, Some(glance), Some(row)) = (equal, &compare.glance, &row)
            && self.on_glance(cx, from, &compare, glance, row, &totals)
        {
            return;
        }
        if let Err(why) = self.serving.admit(from) {
            return cx.reject(from, why);
        }
        if equal {
            let pending = Pending::AskedDormant { from, compare, floor };
            return self.total(cx, pending, Set::Dormant { from: floor, upto: epoch });
        }
        let leaf = self.config.leaf.min(DIGEST_ITEMS);
        let ask = Ask { span: Span::ALL, unless: None, leaf, ways: self.config.ways };
        self.describe(cx, Pending::Answer { from, ranges: whole }, active, vec![ask]);
    }

    /// Our view of what the partner asked about: an answer, wants, and facts that it lacks.
    pub(super) fn answer(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        ranges: &Ranges,
        views: Vec<Description>,
    ) {
        let mut views = views.into_iter();
        let mut parts = Parts::new(ranges.parts.len());
        let mut difference = Difference::default();
        let mut listed = false;
        for asked in &ranges.parts {
            let view = match asked.content {
                RangeContent::Skip => None,
                RangeContent::Fingerprint(_) | RangeContent::Items(_) => views.next(),
            };
            let part = |content| vec![RangePart { upto: asked.upto, content }];
            parts.push(match (&asked.content, view) {
                (RangeContent::Items(theirs), Some(Description::Items(ours))) => {
                    listed = true;
                    let found = diff::compare(&ours, theirs);
                    difference.missing_here.extend(found.missing_here);
                    difference.missing_there.extend(found.missing_there);
                    part(RangeContent::Skip)
                }
                (_, Some(Description::Items(ours))) => part(RangeContent::Items(ours)),
                (_, Some(Description::Parts(split))) => {
                    split.into_iter().map(RangePart::from).collect()
                }
                (_, Some(Description::Same) | None) => part(RangeContent::Skip),
            });
        }
        let parts = parts.parts;
        let told = parts.iter().any(|part| part.content != RangeContent::Skip);
        if told || !listed {
            let push = ranges.push && !cx.read_only;
            let answer = Ranges { answer: true, parts, push, ..ranges.clone() };
            cx.talk(from, Talk::Ranges(answer));
        }
        let wants = if ranges.push && !cx.read_only { difference.missing_here } else { Vec::new() };
        let gives = if ranges.pull { difference.missing_there } else { Vec::new() };
        let step = Step { exchange: ranges.exchange, number: ranges.step };
        let done = listed && !told;
        if gives.is_empty() {
            conclude(cx, from, step, wants, done.then(Vec::new));
        } else if let Err(why) = self.serving.admit(from) {
            cx.reject(from, why);
        } else {
            let pending = Pending::Serve { from, step, gives: gives.clone(), wants, done };
            self.fetch(cx, pending, gives);
        }
    }
}

/// The partner's active set equals ours; here are our dormant facts from a floor on.
fn agree(cx: &mut Cx<'_>, from: NodeId, compare: &Compare, floor: Epoch, dormant: Sum) {
    let (exchange, dormant) = (compare.exchange, dormant.mark());
    cx.talk(from, Talk::Same(Same { exchange, floor, dormant }));
    cx.effects.push(Effect::Agreed { with: from });
    if compare.receipt {
        cx.effects.push(Effect::GiveReceipt { to: from, exchange });
    }
}

/// The parts of an answer, as many in detail as one datagram takes. A frame that does not fit is
/// never sent, so of the others it is only said that they differ: they are asked about again.
#[derive(Debug)]
struct Parts {
    bytes: usize,
    parts: Vec<RangePart>,
    /// How many questions are not answered yet.
    rest: usize,
}

impl Parts {
    const fn new(questions: usize) -> Self {
        Self { bytes: 0, parts: Vec::new(), rest: questions }
    }

    /// Adds the answer to one question.
    fn push(&mut self, mut detail: Vec<RangePart>) {
        self.rest = self.rest.saturating_sub(1);
        let bytes: usize = detail.iter().map(part_bytes).sum();
        if self.bytes + bytes + self.rest * MARK_BYTES > ANSWER_BYTES
            && let Some(last) = detail.pop()
        {
            detail = vec![RangePart { content: RangeContent::Fingerprint(UNLIKE), ..last }];
        }
        for part in detail {
            match self.parts.last_mut() {
                Some(last) if (&last.content, &part.content) == (&SKIP, &SKIP) => {
                    last.upto = part.upto;
                }
                _ => {
                    self.bytes += part_bytes(&part);
                    self.parts.push(part);
                }
            }
        }
    }
}

const SKIP: RangeContent = RangeContent::Skip;

/// The fingerprint of no set: whoever compares with it finds a difference.
pub(super) const UNLIKE: [u8; 16] = [0; 16];

/// What the parts of an answer may take: a datagram without frame, names and the head of a record.
const ANSWER_BYTES: usize = 1_100;

/// What a part takes that is a fingerprint.
const MARK_BYTES: usize = 25 + 1 + 16;

fn part_bytes(part: &RangePart) -> usize {
    match &part.content {
        RangeContent::Skip => MARK_BYTES - 16,
        RangeContent::Fingerprint(_) => MARK_BYTES,
        RangeContent::Items(items) => MARK_BYTES - 16 + 2 + 32 * items.len(),
    }
}

/// Whether a partner may name this set: one of about our own epoch, at most the one after it, for
/// no correct clock is further ahead. Sets of other epochs cost the store an index of their own.
pub(super) fn is_comparable(set: Set, ours: Epoch) -> bool {
    let oldest = ours.number().saturating_sub(EPOCHS_APART);
    let recent = |epoch: Epoch| (oldest..=ours.next().number()).contains(&epoch.number());
    match set {
        Set::Active(epoch) => recent(epoch),
        Set::Dormant { from, upto } => from <= upto && recent(upto),
    }
}

/// What is to be asked for again of `gives`, if this was the last fact that one answer had room for.
pub(super) fn rest(gives: &[Symbol], last: Option<&Envelope>) -> Vec<Symbol> {
    let Some(last) = last.map(Symbol::of) else { return Vec::new() };
    let after = gives.iter().skip_while(|symbol| **symbol != last).skip(1);
    after.take(WANTED).copied().collect()
}

/// After the facts: what we want in turn, and the word that the step is done.
pub(super) fn conclude(
    cx: &mut Cx<'_>,
    from: NodeId,
    Step { exchange, number: step }: Step,
    wants: Vec<Symbol>,
    done: Option<Vec<Symbol>>,
) {
    for symbols in wants.chunks(WANTED) {
        cx.talk(from, Talk::Want { exchange, step, symbols: symbols.to_vec() });
    }
    if let Some(rest) = done {
        cx.talk_after_bulk(from, Talk::Done { exchange, step, rest });
    }
}
