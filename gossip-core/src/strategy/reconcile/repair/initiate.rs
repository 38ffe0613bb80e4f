//! The beginning side: what we ask, and what we make of the answers.

use super::diff::{self, Difference};
use super::exchange::{Exchange, Work};
use super::sketches::LOOK;
use super::{DIGEST_ITEMS, LIST_LIMIT, Pending, Repair, WANTED, serve};
use crate::fact::Why;
use crate::id::NodeId;
use crate::sketch::Symbol;
use crate::state::{Item, Set, Span, Sum, Totals};
use crate::store::{Ask, Description};
use crate::strategy::{Cx, Effect};
use crate::time::Epoch;
use crate::wire::{Compare, Glance, RangeContent, Ranges, Same, Talk};

impl Repair {
    /// Begins an exchange; `persists`: the first question is repeated to a partner that does not answer.
    pub(super) fn open(&mut self, cx: &mut Cx<'_>, with: NodeId, persists: bool) {
        // A random first number: two nodes that open towards one another at once must not use
        // the same.
        if self.next_exchange == 0 {
            self.next_exchange = cx.rng.next_u64() as u32;
        }
        self.next_exchange = self.next_exchange.wrapping_add(1).max(1);
        let epoch = Epoch::of(cx.now.wall);
        let (set, number) = (Set::Active(epoch), self.next_exchange);
        let (now, window) = (cx.now.mono, self.config.window);
        let mut exchange = Exchange::new(number, with, set, now, self.round_trip, window);
        exchange.persists = persists;
        self.exchange = Some(exchange);
        if self.config.fingerprint_first {
            let key = self.audit_key(cx, number);
            let pending = Pending::Open { exchange: number, epoch, key };
            if self.sketches() {
                let looked = if key == 0 { 1 } else { LOOK };
                self.sketch(cx, pending, epoch, 0..looked, key);
            } else {
                self.total(cx, pending, set);
            }
        } else {
            let ask = Ask { span: Span::ALL, unless: None, leaf: usize::MAX, ways: 2 };
            self.describe(cx, Pending::Digest { exchange: number }, set, vec![ask]);
        }
    }

    /// Our own set in numbers: next come the dormant facts, if there are any.
    pub(super) fn opening(
        &mut self,
        cx: &mut Cx<'_>,
        exchange: u32,
        epoch: Epoch,
        fingerprint: [u8; 16],
        totals: Totals,
        glance: Option<Glance>,
    ) {
        // Where nothing has left there is nothing to ask for.
        if totals.dormant == 0 {
            return self.send_compare(cx, exchange, epoch, (fingerprint, Sum::default()), glance);
        }
        let pending = Pending::OpenDormant { exchange, epoch, fingerprint, glance };
        self.total(cx, pending, Set::Dormant { from: cx.floor, upto: epoch });
    }

    pub(super) fn send_compare(
        &mut self,
        cx: &mut Cx<'_>,
        number: u32,
        epoch: Epoch,
        (fingerprint, dormant): ([u8; 16], Sum),
        glance: Option<Glance>,
    ) {
        let timeout = self.config.reply_timeout;
        let direction = self.config.direction;
        let Some(exchange) = self.running(number) else { return };
        let with = exchange.with;
        let compare = Compare {
            exchange: exchange.number,
            epoch,
            fingerprint,
            floor: cx.floor,
            dormant: dormant.mark(),
            pull: direction.pulls(),
            push: direction.pushes(),
            receipt: dormant.count() > 0,
            glance,
        };
        exchange.compared = Some(compare);
        exchange.key = glance.map_or(0, |glance| glance.key);
        exchange.sent(cx, 0, Talk::Compare(compare), timeout, with);
    }

    /// The full digest: lists for a partner that answers, or just everything for one that is
    /// only given.
    pub(super) fn send_digest(&mut self, cx: &mut Cx<'_>, number: u32, items: Vec<Item>) {
        let Some(with) = self.running(number).map(|exchange| exchange.with) else { return };
        if !self.pulls() {
            for points in items.chunks(LIST_LIMIT) {
                let symbols = points.iter().map(|item| Symbol::at(&item.point)).collect();
                self.fetch(cx, Pending::Give { to: with }, symbols);
            }
            self.finish_if_idle(cx);
            return;
        }
        let (pull, push, timeout) = (self.pulls(), self.pushes(), self.config.reply_timeout);
        let Some(exchange) = &mut self.exchange else { return };
        for (span, items) in diff::stretches(&items, DIGEST_ITEMS) {
            exchange.ask(cx, span, RangeContent::Items(items), (pull, push), timeout);
        }
    }

    /// What we hold of a stretch whose state at the partner is unknown, or differs from ours.
    pub(super) fn on_own_view(
        &mut self,
        cx: &mut Cx<'_>,
        number: u32,
        work: Work,
        view: Description,
    ) {
        let (pull, push, timeout) = (self.pulls(), self.pushes(), self.config.reply_timeout);
        let Some(exchange) = self.running(number) else { return };
        exchange.described();
        match view {
            // At the lower epoch of the two there is no difference after all.
            Description::Same if work.span == Span::ALL && exchange.is_active() => {
                cx.effects.push(Effect::Agreed { with: exchange.with });
            }
            Description::Same => {}
            // What the partner has of a part, and we have nothing of, is taken whole.
            Description::Items(items)
                if items.is_empty() && work.theirs.is_some() && pull && work.span != Span::ALL =>
            {
                exchange.take(work.span);
            }
            Description::Items(items) => {
                exchange.differed |= work.theirs.is_some();
                let content = RangeContent::Items(items);
                exchange.ask(cx, work.span, content, (pull, push), timeout);
            }
            Description::Parts(parts) if work.theirs.is_some() => {
                exchange.differed = true;
                exchange.ask_parts(cx, work.span, parts, (pull, push), timeout);
            }
            // The partner has next to nothing here: list everything, piece by piece.
            Description::Parts(parts) => exchange.add_parts(work.span, &parts, false),
        }
    }

    /// What we hold of a stretch that the partner listed in full.
    pub(super) fn on_listed(
        &mut self,
        cx: &mut Cx<'_>,
        number: u32,
        span: Span,
        theirs: &[Item],
        view: Description,
    ) {
        let (pull, push, timeout) = (self.pulls(), self.pushes(), self.config.reply_timeout);
        let Some(exchange) = self.running(number) else { return };
        exchange.described();
        let (with, gives) = (exchange.with, exchange.gives);
        let ours = match view {
            Description::Items(items) => items,
            Description::Same => return,
            Description::Parts(parts) => {
                exchange.add_parts(span, &parts, false);
                return;
            }
        };
        let Difference { missing_here, missing_there } = diff::compare(&ours, theirs);
        exchange.differed |= !missing_here.is_empty() || !missing_there.is_empty();
        if pull {
            for symbols in missing_here.chunks(WANTED) {
                exchange.want(cx, symbols.to_vec(), timeout);
            }
        }
        if push && gives && !missing_there.is_empty() {
            self.fetch(cx, Pending::Give { to: with }, missing_there);
        }
    }

    pub(super) fn on_answer(&mut self, cx: &mut Cx<'_>, from: NodeId, ranges: &Ranges) {
        let Ok(spans) = ranges.spans() else { return cx.reject(from, Why::BadRecord) };
        if ranges.step == 0 && !serve::is_comparable(ranges.set, Epoch::of(cx.now.wall)) {
            return cx.reject(from, Why::EpochsApart);
        }
        let push = self.pushes();
        let Some(exchange) = self.exchange_with(from, ranges.exchange) else {
            return cx.reject(from, Why::TooLate);
        };
        if !exchange.answered(ranges.step, cx.now.mono) {
            return cx.reject(from, Why::TooLate);
        }
        exchange.gives &= ranges.push || !push;
        if ranges.step == 0 {
            // The partner is an epoch behind: the comparison goes on at the lower epoch.
            exchange.set = lower(exchange.set, ranges.set);
        }
        let (set, number) = (exchange.set, exchange.number);
        for (span, content) in spans.into_iter().rev() {
            let Some(exchange) = &mut self.exchange else { return };
            match content {
                RangeContent::Skip => {}
                RangeContent::Fingerprint(theirs) => {
                    exchange.add(Work { span, theirs: Some(*theirs) })
                }
                RangeContent::Items(theirs) => {
                    exchange.describing();
                    let ask = Ask { span, unless: None, leaf: LIST_LIMIT, ways: self.config.ways };
                    let theirs = theirs.clone();
                    let pending = Pending::Listed { exchange: number, span, theirs };
                    self.describe(cx, pending, set, vec![ask]);
                }
            }
        }
        self.pump(cx);
    }

    pub(super) fn on_same(&mut self, cx: &mut Cx<'_>, from: NodeId, same: Same) {
        let Some(exchange) = self.exchange_with(from, same.exchange) else {
            return cx.reject(from, Why::TooLate);
        };
        let Some(compared) = exchange.compared.filter(|_| exchange.answered(0, cx.now.mono)) else {
            return cx.reject(from, Why::TooLate);
        };
        if same.floor == compared.floor {
            self.confirm(cx, same, compared.dormant);
        } else {
            exchange.describing();
            let upto = compared.epoch;
            let pending = Pending::Confirm { exchange: same.exchange, same };
            self.total(cx, pending, Set::Dormant { from: same.floor, upto });
        }
    }

    /// The active sets are equal; now the dormant ones that both still keep.
    pub(super) fn confirm(&mut self, cx: &mut Cx<'_>, same: Same, ours: Option<[u8; 16]>) {
        let Some(exchange) = &mut self.exchange else { return };
        let Some(compared) = exchange.compared else { return };
        if same.dormant == ours {
            let (with, began, exchange) = (exchange.with, exchange.began, exchange.number);
            cx.effects.push(Effect::Equal { with, began, exchange, epoch: compared.epoch });
        } else {
            exchange.set = Set::Dormant { from: same.floor, upto: compared.epoch };
            let theirs = same.dormant.unwrap_or_else(|| Sum::default().fingerprint());
            exchange.add(Work { span: Span::ALL, theirs: Some(theirs) });
        }
        self.pump(cx);
    }
}

/// The set that both sides can describe.
fn lower(ours: Set, theirs: Set) -> Set {
    match (ours, theirs) {
        (Set::Active(ours), Set::Active(theirs)) => Set::Active(ours.min(theirs)),
        _ => ours,
    }
}
