//! Rows that end beyond what stores keep: each is a look at all facts, so there is one at a time.

use std::collections::VecDeque;
use std::ops::Range;

use super::{Pending, Repair};
use crate::id::NodeId;
use crate::store::catalogue::KEPT;
use crate::strategy::{Cx, SlotToken};
use crate::time::Epoch;

/// The scan that is under way, and those that wait for it: at most one of our own, as we read one
/// exchange at a time, and the questions of one partner, of which so many are admitted.
#[derive(Debug, Default)]
pub(super) struct Scans {
    running: Option<(SlotToken, Option<NodeId>)>,
    waiting: VecDeque<(Pending, Epoch, Range<usize>)>,
}

impl Repair {
    /// Sums up some cells of a set, when there is room for it.
    pub(super) fn sketch(
        &mut self,
        cx: &mut Cx<'_>,
        pending: Pending,
        epoch: Epoch,
        cells: Range<usize>,
    ) {
        if !is_scan(&cells) {
            self.ask_sketch(cx, pending, epoch, cells);
        } else if self.scans.running.is_none() {
            let asker = pending.asker();
            let token = self.ask_sketch(cx, pending, epoch, cells);
            self.scans.running = Some((token, asker));
        } else if let Some(joined) = self.scans.wait(pending, epoch, cells) {
            self.serving.settled(&joined);
        }
    }

    /// A store answer has come: if it was a scan, the next one begins.
    pub(super) fn scanned(&mut self, cx: &mut Cx<'_>, token: SlotToken) {
        if self.scans.running.is_some_and(|(running, _)| running == token) {
            self.scans.running = None;
            if let Some((pending, epoch, cells)) = self.scans.waiting.pop_front() {
                self.sketch(cx, pending, epoch, cells);
            }
        }
    }
}

impl Scans {
    /// Whether these cells take a scan, while another partner has one or waits for one.
    pub(super) fn are_taken(&self, from: NodeId, cells: &Range<usize>) -> bool {
        let running = self.running.and_then(|(_, asker)| asker);
        let waiting = self.waiting.iter().filter_map(|(pending, ..)| pending.asker());
        is_scan(cells) && running.into_iter().chain(waiting).any(|asker| asker != from)
    }

    /// Waits. If a question waits already whose cells come right before these, both are answered by
    /// one scan, and nothing more waits: then the question comes back.
    fn wait(&mut self, pending: Pending, epoch: Epoch, cells: Range<usize>) -> Option<Pending> {
        if let Some((before, its_epoch, its_cells)) = self.waiting.back_mut()
            && *its_epoch == epoch
            && its_cells.end == cells.start
            && let (Pending::Row { from, row }, Pending::Row { from: other, row: next }) =
                (before, &pending)
            && from == other
            && row.is_followed_by(next)
        {
            its_cells.end = cells.end;
            return Some(pending);
        }
        self.waiting.push_back((pending, epoch, cells));
        None
    }
}

fn is_scan(cells: &Range<usize>) -> bool {
    cells.end > KEPT
}
