//! The taking side of a transfer: stretches of which this node holds nothing are taken whole, from
//! several partners side by side.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::Repair;
use super::exchange::{Exchange, MAX_WORK, REPEATS};
use crate::fact::Why;
use crate::id::NodeId;
use crate::state::{Set, Span};
use crate::status::Taking;
use crate::strategy::{Cx, Effect};
use crate::time::{Epoch, Mono};
use crate::wire::{Compare, Take, Taken, Talk};

/// Partners that are taken from besides the one that is compared with (a guess: four together are
/// faster than one verifies, and each still has most of its time for others).
const HELPERS: usize = 3;

/// Questions to one partner under way: it looks up one answer while the other travels.
const PER_GIVER: usize = 2;

/// Bytes of facts that a partner is asked for at first: three dozen datagrams, in case that nothing
/// else leads to it.
const FIRST_BYTES: usize = 32 * 1024;

/// The least and the most that it is asked for: a quarter of what its questions have to hold anyway;
/// some milliseconds of its disk's time.
const LEAST_BYTES: usize = 8 * 1024;
const MOST_BYTES: usize = super::take::MOST_BYTES;

/// So many facts are a transfer worth telling of; they prolong it, and the next comparison follows at
/// once (a guess: hardly a difference is so large, and whoever pretends pays for it).
const WORTH: u64 = 1_024;

/// Who holds at most this part of what a partner says it has, and less than [`WORTH`], takes instead of being
/// compared with (a guess: so few facts are in the way of few stretches, and a liar keeps nobody from
/// comparing who holds more).
const LITTLE: u64 = 16;

/// How often it is told how far it has come.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// Stretches that are taken.
///
/// Those that were begun stand first in the line, so that no more of them are half taken than
/// questions are under way: that is what a comparison after a crash finds.
#[derive(Debug, Default)]
pub(super) struct Transfer {
    givers: BTreeMap<NodeId, Giver>,
    /// Who was a giver and is asked no more.
    dropped: BTreeSet<NodeId>,
    /// How many facts have come while it was under way.
    came: u64,
    /// How many facts the begun stretches had, and how many stretches these are.
    sizes: (u64, u64),
    stretches: VecDeque<Stretch>,
    /// How many facts were said to be sent.
    taken: u64,
    takes: BTreeMap<u32, Asked>,
    told: Option<Mono>,
    /// The count of facts that prolongs it next.
    worth: u64,
}

#[derive(Clone, Copy, Debug)]
struct Stretch {
    span: Span,
    /// How many facts are left of it; `None`: it was not begun.
    left: Option<u64>,
}

/// A partner that is taken from.
#[derive(Debug)]
struct Giver {
    bytes: usize,
    /// Facts of it that came since it last said how many it had sent.
    came: u64,
    /// Whether anything came of it.
    gives: bool,
    /// Up to here `bytes` doubles; beyond it grows by little, for a part of as much was lost before.
    steep_until: usize,
    under_way: usize,
}

/// A question under way.
#[derive(Debug)]
struct Asked {
    due: Mono,
    from: NodeId,
    repeats: u32,
    stretch: Stretch,
    take: Take,
}

impl Transfer {
    pub(super) fn is_idle(&self) -> bool {
        self.stretches.is_empty() && self.takes.is_empty()
    }

    /// Whether it has brought so much that it is worth comparing again at once.
    pub(super) const fn is_worth(&self) -> bool {
        self.came >= WORTH
    }

    /// How many facts were sent, as their givers said, and have not come.
    pub(super) const fn owed(&self) -> u64 {
        self.taken.saturating_sub(self.came)
    }

    /// How far it has come, while it is under way.
    pub(super) fn taking(&self) -> Option<Taking> {
        if self.is_idle() {
            return None;
        }
        let mean = self.sizes.0.checked_div(self.sizes.1).unwrap_or_default();
        let asked = self.takes.values().map(|asked| asked.stretch);
        let left = asked.chain(self.stretches.iter().copied());
        let left = left.map(|stretch| stretch.left.unwrap_or(mean));
        let left = left.fold(0_u64, u64::saturating_add);
        Some(Taking { taken: self.taken, left, partners: self.givers.len() })
    }

    /// A fact came from a member.
    pub(super) fn brought(&mut self, from: NodeId, due: Mono) {
        let Some(giver) = self.givers.get_mut(&from) else { return };
        giver.came += 1;
        giver.gives = true;
        self.came += 1;
        let asked = self.takes.values_mut().filter(|asked| asked.from == from);
        asked.for_each(|asked| asked.due = asked.due.max(due));
    }

    /// A partner gives no more: others go on with what it was asked for. Without any the rest is left to
    /// the next comparison.
    pub(super) fn drop_giver(&mut self, giver: &NodeId) -> bool {
        let was = self.givers.remove(giver).is_some();
        let Self { stretches, takes, .. } = self;
        if was {
            self.dropped.insert(*giver);
        }
        takes.retain(|_, asked| {
            let stays = asked.from != *giver;
            if !stays {
                stretches.push_front(asked.stretch);
            }
            stays
        });
        if self.givers.is_empty() {
            self.stretches.clear();
        }
        was
    }

    /// A member is gone; should it come back, it may give again.
    pub(super) fn gone(&mut self, member: &NodeId) {
        self.drop_giver(member);
        self.dropped.remove(member);
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        self.takes.values().map(|asked| asked.due).min()
    }

    /// Whom to ask next: who has least to do.
    fn free(&self) -> Option<NodeId> {
        let free = self.givers.iter().filter(|(_, giver)| giver.under_way < PER_GIVER);
        free.min_by_key(|(_, giver)| giver.under_way).map(|(node, _)| *node)
    }

    /// Takes an answer.
    fn taken(&mut self, from: NodeId, main: NodeId, taken: &Taken) -> Result<(), Why> {
        let asked = self.takes.get(&taken.step).filter(|asked| asked.from == from);
        let Some(Stretch { span, left }) = asked.map(|asked| asked.stretch) else {
            return Err(Why::TooLate);
        };
        // Whoever has something left gives something, and so comes to an end.
        let goes_on = span.from < taken.upto && taken.upto <= span.upto;
        let ends = taken.upto == span.upto;
        if !goes_on || (!ends && taken.facts == 0) {
            self.drop_giver(&from);
            return Err(Why::BadRecord);
        }
        let helpless = taken.facts == 0 && from != main && self.givers.contains_key(&main);
        if helpless {
            // It has nothing of this: it may be as new as we are.
            self.drop_giver(&from);
            return Ok(());
        }
        self.takes.remove(&taken.step);
        if let Some(giver) = self.givers.get_mut(&from) {
            giver.settled(u64::from(taken.facts));
        }
        let facts = u64::from(taken.facts);
        self.taken += facts;
        if left.is_none() {
            let size = taken.left.saturating_add(facts);
            self.sizes = (self.sizes.0.saturating_add(size), self.sizes.1 + 1);
        }
        if !ends {
            let span = Span { from: taken.upto, ..span };
            self.stretches.push_front(Stretch { span, left: Some(taken.left) });
        }
        Ok(())
    }
}

impl Giver {
    const fn new() -> Self {
        Self { bytes: FIRST_BYTES, came: 0, gives: false, steep_until: MOST_BYTES, under_way: 0 }
    }

    /// An answer of so many facts has come: what of it was lost tells how much to ask for.
    fn settled(&mut self, facts: u64) {
        self.bytes = if self.came < facts {
            self.steep_until = (self.bytes / 2).max(LEAST_BYTES);
            self.steep_until
        } else if self.bytes < self.steep_until {
            (self.bytes * 2).min(self.steep_until)
        } else {
            (self.bytes + LEAST_BYTES / 2).min(MOST_BYTES)
        };
        self.gives = true;
        self.came = self.came.saturating_sub(facts);
        self.under_way = self.under_way.saturating_sub(1);
    }
}

impl Exchange {
    /// A stretch of which the partner has something and we have nothing.
    pub(super) fn take(&mut self, span: Span) {
        let with = self.with;
        let transfer = &mut self.transfer;
        if transfer.is_idle() {
            transfer.givers = [(with, Giver::new())].into();
            transfer.dropped = BTreeSet::new();
            transfer.worth = transfer.came + WORTH;
        }
        if transfer.stretches.len() < MAX_WORK {
            transfer.stretches.push_back(Stretch { span, left: None });
        }
    }

    /// Asks for a part of a stretch, if there is one and somebody to ask.
    pub(super) fn ask_take(&mut self, cx: &mut Cx<'_>, timeout: Duration) -> bool {
        if !self.transfer.stretches.is_empty() {
            self.find_helpers(cx);
        }
        let Some(from) = self.transfer.free() else { return false };
        let Some(stretch) = self.transfer.stretches.pop_front() else { return false };
        let step = self.step();
        let Some(giver) = self.transfer.givers.get_mut(&from) else { return false };
        giver.under_way += 1;
        let Span { from: begin, upto } = stretch.span;
        let (exchange, set, bytes) = (self.number, current(self.set, cx), giver.bytes as u32);
        let take = Take { exchange, step, set, from: begin, upto, bytes };
        let due = cx.now.mono + self.patience(timeout);
        self.transfer.takes.insert(step, Asked { due, from, repeats: 0, stretch, take });
        self.differed = true;
        cx.talk(from, Talk::Take(take));
        true
    }

    /// Partners that are met only now give as well.
    fn find_helpers(&mut self, cx: &mut Cx<'_>) {
        let Transfer { givers, dropped, .. } = &mut self.transfer;
        let missing = (HELPERS + 1).saturating_sub(givers.len());
        if missing > 0 && !givers.is_empty() {
            let others = |node: &NodeId| !givers.contains_key(node) && !dropped.contains(node);
            let helpers = cx.pick(missing, others);
            givers.extend(helpers.into_iter().map(|node| (node, Giver::new())));
        }
    }

    /// Repeats what is overdue, and leaves those alone who do not answer.
    pub(super) fn repeat_takes(&mut self, cx: &mut Cx<'_>, timeout: Duration) {
        let (now, main, patience) = (cx.now.mono, self.with, self.patience(timeout));
        let mut silent = Vec::new();
        let Transfer { givers, takes, .. } = &mut self.transfer;
        for asked in takes.values_mut().filter(|asked| asked.due <= now) {
            // Of a helper that gave nothing yet nothing is known: perhaps it is gone.
            let is_known = givers.get(&asked.from).is_some_and(|giver| giver.gives);
            if asked.repeats >= REPEATS || !(is_known || asked.from == main) {
                silent.push(asked.from);
                continue;
            }
            asked.repeats += 1;
            asked.due = now + patience * (asked.repeats + 1);
            asked.take.bytes = (asked.take.bytes / 2).max(LEAST_BYTES as u32);
            cx.talk(asked.from, Talk::Take(asked.take));
        }
        silent.iter().for_each(|giver| {
            self.transfer.drop_giver(giver);
        });
    }

    /// The comparison ends, for the partner is gone; what others give still comes.
    pub(super) fn abandon(&mut self) -> bool {
        let with = self.with;
        self.transfer.drop_giver(&with);
        self.forget_questions();
        !self.transfer.is_idle()
    }

    /// It goes on for as long as much comes, and tells how far it has come.
    fn prolong(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now.mono;
        if self.transfer.came >= self.transfer.worth {
            self.transfer.worth = self.transfer.came + WORTH;
            self.prolonged(now);
        }
        let due = self.transfer.told.is_none_or(|told| told + TOLD_EVERY <= now);
        if let Some(taking) = self.transfer.taking().filter(|_| due && self.transfer.is_worth()) {
            self.transfer.told = Some(now);
            cx.effects.push(Effect::Taking(taking));
        }
    }
}

impl Repair {
    /// Whether whole stretches are being taken.
    pub(super) fn is_taking(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| !exchange.transfer.is_idle())
    }

    /// Whoever holds next to nothing does not wait for partners to list everything: it asks them itself.
    /// Rumors come first to a newcomer, so it is seldom quite empty.
    pub(super) fn rather_takes(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        compare: &Compare,
        held: u64,
    ) -> bool {
        let little = match compare.glance {
            Some(glance) => held < WORTH && glance.entries >= WORTH.max(held * LITTLE),
            None => held == 0,
        };
        let takes = little && compare.push && self.pulls() && !cx.read_only;
        if takes {
            self.survey.insert(from);
            self.next_round = Some(cx.now.mono);
            cx.talk(from, Talk::Busy(compare.exchange));
        }
        takes
    }

    /// A partner has sent a part of a stretch.
    pub(super) fn on_taken(&mut self, cx: &mut Cx<'_>, from: NodeId, taken: Taken) {
        let Some(exchange) = self.running(taken.exchange) else {
            return cx.reject(from, Why::TooLate);
        };
        let main = exchange.with;
        match exchange.transfer.taken(from, main, &taken) {
            Ok(()) => exchange.prolong(cx),
            Err(why) => cx.reject(from, why),
        }
        self.pump(cx);
    }
}

/// The set to name: epochs go by while much is taken, and what left meanwhile is compared otherwise.
/// One epoch back, for not all clocks are alike.
fn current(set: Set, cx: &Cx<'_>) -> Set {
    match set {
        Set::Active(epoch) => Set::Active(epoch.max(Epoch::of(cx.now.wall).previous())),
        Set::Dormant { .. } => set,
    }
}
