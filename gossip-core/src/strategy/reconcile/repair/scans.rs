//! Rows that no store keeps, those that end far out and those under a fresh key: each is a look at all
//! facts, so there is one at a time.
//!
//! Under a fresh key goes the rare audit: a comparison like any other, but of digests that nobody could know
//! when facts were made. The set's fingerprint and its cells under key 0 are sums of what authors
//! choose; whoever crafts facts that add up to the same hides them from these, and not from an audit.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use super::{Pending, Repair};
use crate::id::NodeId;
use crate::store::catalogue::KEPT;
use crate::strategy::{Cx, SlotToken};
use crate::time::{Epoch, Mono};

/// One in so many exchanges is an audit, if the one before found everything equal (a guess: at the longest
/// pause of 16 s one in 17 minutes, which takes each side 0.2 s for a million facts).
const AUDIT: u32 = 64;

/// Partners' audits are this far apart (a guess: less than a fiftieth of the time for a million facts).
const AUDIT_PAUSE: Duration = Duration::from_secs(10);

/// The scan that is under way, and those that wait for it: at most one of our own, as we read one
/// exchange at a time, and the questions of one partner, of which so many are admitted.
#[derive(Debug, Default)]
pub(super) struct Scans {
    /// Whose audit we took part in last, and when.
    audited: Option<(NodeId, Mono)>,
    running: Option<(SlotToken, Option<NodeId>)>,
    waiting: VecDeque<Scan>,
}

/// A scan that waits.
#[derive(Debug)]
struct Scan {
    cells: Range<usize>,
    epoch: Epoch,
    key: u64,
    pending: Pending,
}

impl Repair {
    /// The key of an exchange of ours: not 0 if it is an audit. Exchanges are numbered from a random start,
    /// so that no two nodes audit in step.
    pub(super) fn audit_key(&self, cx: &mut Cx<'_>, number: u32) -> u64 {
        // Each equal round doubles the pause, as far as it may.
        let was_equal = self.pause >= (self.config.period * 2).min(self.config.period_max);
        let is_audit = number.is_multiple_of(AUDIT) && was_equal && self.sketches();
        if is_audit { cx.rng.next_u64().max(1) } else { 0 }
    }

    /// Sums up some cells of a set, when there is room for it.
    pub(super) fn sketch(
        &mut self,
        cx: &mut Cx<'_>,
        pending: Pending,
        epoch: Epoch,
        cells: Range<usize>,
        key: u64,
    ) {
        if !is_scan(&cells, key) {
            self.ask_sketch(cx, pending, epoch, cells, key);
        } else if self.scans.running.is_none() {
            let asker = pending.asker();
            let token = self.ask_sketch(cx, pending, epoch, cells, key);
            self.scans.running = Some((token, asker));
        } else if let Some(joined) = self.scans.wait(Scan { cells, epoch, key, pending }) {
            self.serving.settled(&joined);
        }
    }

    /// A store answer has come: if it was a scan, the next one begins.
    pub(super) fn scanned(&mut self, cx: &mut Cx<'_>, token: SlotToken) {
        if self.scans.running.is_some_and(|(running, _)| running == token) {
            self.scans.running = None;
            if let Some(Scan { cells, epoch, key, pending }) = self.scans.waiting.pop_front() {
                self.sketch(cx, pending, epoch, cells, key);
            }
        }
    }
}

impl Scans {
    /// Whether we take part in a partner's audit now.
    pub(super) fn audits(&mut self, now: Mono, from: NodeId) -> bool {
        let rested = self.audited.is_none_or(|(_, last)| now.since(last) >= AUDIT_PAUSE);
        let takes_part = rested && !self.is_taken(from);
        if takes_part {
            self.audited = Some((from, now));
        }
        takes_part
    }

    /// Whether the last audit was this partner's.
    pub(super) fn is_audited(&self, from: NodeId) -> bool {
        self.audited.is_some_and(|(asker, _)| asker == from)
    }

    /// Whether these cells take a scan, while another partner has one or waits for one.
    pub(super) fn are_taken(&self, from: NodeId, cells: &Range<usize>, key: u64) -> bool {
        is_scan(cells, key) && self.is_taken(from)
    }

    fn is_taken(&self, from: NodeId) -> bool {
        let running = self.running.and_then(|(_, asker)| asker);
        let waiting = self.waiting.iter().filter_map(|scan| scan.pending.asker());
        running.into_iter().chain(waiting).any(|asker| asker != from)
    }

    /// Waits. If a question waits already whose cells come right before these, both are answered by
    /// one scan, and nothing more waits: then the question comes back.
    fn wait(&mut self, scan: Scan) -> Option<Pending> {
        if let Some(last) = self.waiting.back_mut()
            && (last.epoch, last.key, last.cells.end) == (scan.epoch, scan.key, scan.cells.start)
            && let (Pending::Row { from, row }, Pending::Row { from: other, row: next }) =
                (&last.pending, &scan.pending)
            && from == other
            && row.is_followed_by(next)
        {
            last.cells.end = scan.cells.end;
            return Some(scan.pending);
        }
        self.waiting.push_back(scan);
        None
    }
}

const fn is_scan(cells: &Range<usize>, key: u64) -> bool {
    key != 0 || cells.end > KEPT
}
