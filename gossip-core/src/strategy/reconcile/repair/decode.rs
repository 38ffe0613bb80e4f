//! A partner's cells as they come, and the difference as far as it is read.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::plan::{MORE, RECORD};
use crate::sketch::{Cell, Code, Found, Peeler};
use crate::store::catalogue::MAX_ROW;
use crate::time::Mono;
use crate::wire::Cells;

/// A partner's set may change so often before it is compared by ranges, which need no two answers
/// to be of one moment.
const CHANGES: u32 = 3;

/// What is missing is asked for again so often.
const REPEATS: u32 = 2;

/// Most gaps that are asked for at a time.
const GAPS: usize = 16;

/// Cells that may be under way at first: four times as many whenever all of them came, half as many
/// when some did not (a guess: 700 kB, which over a stream are nothing, and over datagrams alone a
/// burst that a wide line takes).
const WINDOW: usize = 4 * MORE;

/// Whoever sends cells is given this time at least to send more of them (a guess).
const LEAST_PATIENCE: Duration = Duration::from_millis(100);

/// What was overtaken comes within this, at least (a guess).
const SOON: Duration = Duration::from_millis(5);

/// Cells under way are at least these.
const LEAST_WINDOW: usize = 448;

/// The reading side of a comparison by sketches.
///
/// It holds at most [`MAX_ROW`] cells of the partner's without a gap, as many ahead of one, and as many
/// of the difference.
#[derive(Debug)]
pub(super) struct Decode {
    /// What came ahead of what is missing, by place.
    ahead: BTreeMap<usize, Vec<Cell>>,
    /// When cells were asked for last, until the first of them comes.
    asked: Option<Mono>,
    changes: u32,
    due: Mono,
    /// The key of the cells.
    key: u64,
    /// Of which set the cells are.
    mark: [u8; 4],
    /// How many cells it will probably take; 0: nobody guesses.
    likely: usize,
    /// The difference, and the fingerprint of our set in it.
    peeler: Option<([u8; 16], Peeler)>,
    /// Whether our own cells are being looked up.
    reading: bool,
    repeats: u32,
    /// How long the first answer took, the slowest of all.
    round_trip: Duration,
    /// The first cells, without a gap.
    theirs: Vec<Cell>,
    /// Where those end that were sent or asked for.
    upto: usize,
    window: usize,
}

/// What our own cells led to.
#[derive(Debug)]
pub(super) enum Progress {
    /// The whole difference.
    Done(Vec<Found>),
    /// They cannot be the difference of the two sets.
    Hopeless,
    /// The sets are equal by now.
    Same,
    /// Our set has changed meanwhile: all of our cells are needed.
    Stale,
    /// More cells are needed.
    Unfinished,
}

impl Decode {
    /// Nothing has come of what was asked for at this time, under this key.
    pub(super) const fn new(asked: Mono, now: Mono, key: u64) -> Self {
        Self {
            ahead: BTreeMap::new(),
            asked: Some(asked),
            changes: 0,
            due: now,
            key,
            mark: [0; 4],
            likely: 0,
            peeler: None,
            reading: false,
            repeats: 0,
            round_trip: Duration::ZERO,
            theirs: Vec::new(),
            upto: 0,
            window: WINDOW,
        }
    }

    /// Takes cells; whether all that were asked for are here now.
    pub(super) fn take(&mut self, cells: Cells, now: Mono, timeout: Duration) -> bool {
        if let Some(asked) = self.asked.take() {
            self.round_trip = self.round_trip.max(now.since(asked));
        }
        let ends = cells.from as usize + cells.cells.len();
        if self.mark != cells.mark || self.upto == 0 {
            self.changes += u32::from(self.upto > 0);
            self.mark = cells.mark;
            self.ahead.clear();
            self.theirs.clear();
            self.peeler = None;
        }
        self.likely = self.likely.max(cells.likely as usize);
        self.upto = self.upto.max(cells.upto as usize);
        let before = self.theirs.len();
        // As many parts as all cells make, so that whoever sends parts of parts fills no memory.
        if self.ahead.len() < MAX_ROW / RECORD {
            self.ahead.insert(cells.from as usize, cells.cells);
        }
        while let Some((from, part)) = self.ahead.pop_first() {
            let held = self.theirs.len();
            if from > held {
                self.ahead.insert(from, part);
                break;
            }
            self.theirs.extend(part.into_iter().skip(held - from));
        }
        if self.theirs.len() > before {
            self.repeats = 0;
        }
        // What was sent before the last of them and is not here was lost, or will be here soon.
        let soon = if ends >= self.upto { self.round_trip } else { self.patience(timeout) };
        self.due = now + soon.max(SOON);
        self.theirs.len() >= self.upto
    }

    /// How long to wait for what is under way: four round trips, and no less than a partner that is
    /// busy needs (a guess).
    fn patience(&self, timeout: Duration) -> Duration {
        (self.round_trip * 4).clamp(LEAST_PATIENCE.min(timeout), timeout)
    }

    /// Of which set the cells are.
    pub(super) const fn mark(&self) -> [u8; 4] {
        self.mark
    }

    /// Whether cells are awaited.
    pub(super) const fn is_waiting(&self) -> bool {
        !self.reading
    }

    /// The partner is busy with us: what is missing is not asked for before this.
    pub(super) fn wait_on(&mut self, due: Mono) {
        self.due = self.due.max(due);
    }

    /// When to ask again for what is missing.
    pub(super) const fn deadline(&self) -> Option<Mono> {
        if self.reading { None } else { Some(self.due) }
    }

    /// What is missing, if it is overdue; `None` when it was asked for too often.
    pub(super) fn overdue(&mut self, now: Mono, timeout: Duration) -> Option<Vec<Range<usize>>> {
        if self.reading || self.due > now {
            return Some(Vec::new());
        }
        self.repeats += 1;
        self.due = now + timeout;
        self.asked = None;
        self.window = (self.window / 2).max(LEAST_WINDOW);
        (self.repeats <= REPEATS).then(|| self.missing())
    }

    /// The places of our own cells that are wanted next.
    pub(super) fn read(&mut self) -> Range<usize> {
        self.reading = true;
        self.read_so_far()..self.theirs.len()
    }

    /// Our own cells at the wanted places, of the set with this fingerprint.
    pub(super) fn compare(&mut self, ours: &[Cell], fingerprint: [u8; 16]) -> Progress {
        self.reading = false;
        let from = self.read_so_far();
        if self.peeler.as_ref().is_some_and(|(of, _)| *of != fingerprint) {
            self.peeler = None;
            self.changes += 1;
            return Progress::Stale;
        }
        let peeler = || (fingerprint, Peeler::new(Code::Irregular, self.key));
        let (_, peeler) = self.peeler.get_or_insert_with(peeler);
        let pairs = ours.iter().zip(self.theirs.iter().skip(from));
        peeler.extend(pairs.map(|(ours, theirs)| ours.minus(theirs)));
        if peeler.is_contradiction() || self.changes > CHANGES {
            Progress::Hopeless
        } else if !peeler.is_done() {
            Progress::Unfinished
        } else if !peeler.found().is_empty() {
            Progress::Done(peeler.found().to_vec())
        } else if fingerprint.starts_with(&self.mark) {
            Progress::Same
        } else {
            // Somebody has crafted facts whose symbols cancel out.
            Progress::Hopeless
        }
    }

    /// Asks for cells up to what a plan says, as far as the window allows; nothing, where there are
    /// no more.
    pub(super) fn go_on(
        &mut self,
        plan: impl Fn(&Peeler, usize) -> usize,
        now: Mono,
        timeout: Duration,
    ) -> Vec<Range<usize>> {
        let Some((_, peeler)) = &self.peeler else { return Vec::new() };
        let held = self.theirs.len();
        self.upto = plan(peeler, self.likely).min(held + self.window).min(MAX_ROW);
        self.window = (self.window * 4).min(MAX_ROW);
        self.due = now + timeout;
        self.asked = Some(now);
        self.repeats = 0;
        self.missing()
    }

    fn read_so_far(&self) -> usize {
        self.peeler.as_ref().map_or(0, |(_, peeler)| peeler.cells())
    }

    /// The places that are not there, in questions of at most [`MORE`] cells.
    fn missing(&self) -> Vec<Range<usize>> {
        let mut from = self.theirs.len();
        let mut missing = Vec::new();
        let ends = self.ahead.iter().map(|(from, part)| (*from, from + part.len()));
        for (begins, ends) in ends.chain([(self.upto, self.upto)]) {
            let upto = begins.min(self.upto);
            missing.extend((from..upto).step_by(MORE).map(|at| at..upto.min(at + MORE)));
            from = from.max(ends);
        }
        missing.truncate(GAPS);
        missing
    }
}
