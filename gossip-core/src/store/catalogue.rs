//! What a store keeps in memory of one shard: where each fact stands in time, and when it dies.
//!
//! It answers every question that replicas ask to compare their sets (totals, fingerprints of
//! ranges, samples to cut at), and says which facts expire, become dormant or may be dropped. It
//! holds no fact: 48 bytes for each, some 60 with the room that half-full blocks leave. A store
//! keeps the facts themselves wherever it likes and finds them by [`Entry`].

mod checkpoint;
mod entry;
mod index;
mod selection;
mod sketched;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};

pub use self::entry::{Entry, Record, Slot};
use self::index::Index;
use self::selection::Selection;
use self::sketched::Sketched;
pub use self::sketched::{KEPT, MAX_ROW, Row};
use super::{Ask, Description, TAKE_LIMIT};
use crate::mistake::{Mistake, made};
use crate::sketch::Symbol;
use crate::state::{Item, Point, Set, Span, Totals};
use crate::time::{Epoch, Hlc, Wall};

/// All facts of a shard by time order and by the epoch in which they leave the compared set.
///
/// What leaves after the catalogue's epoch is *active*, everything else *dormant*. Sets of other
/// epochs are made of these by adding or taking away what leaves in between.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    active: Group,
    dormant: BTreeMap<Epoch, Group>,
    epoch: Epoch,
    /// Where the active facts stand that ever leave, and whether they are dead.
    leaving: BTreeMap<(Epoch, Point), bool>,
    /// How many became dormant since they were last asked for.
    left: usize,
    /// The sketch of what is active, once somebody has asked for it; boxed, for few catalogues of a
    /// simulated cluster ever have one.
    sketched: Option<Box<Sketched>>,
    /// What is yet to be announced as expired.
    waiting: BTreeSet<(Wall, Entry)>,
}

#[derive(Clone, Debug, Default)]
struct Group {
    index: Index,
    /// How many of them have no value: deletions, and what was announced as expired.
    dead: u64,
}

impl Catalogue {
    /// An empty catalogue that goes on where another one was: at its [`epoch`](Self::epoch), and
    /// with what it had [`left`](Self::left) to tell.
    #[must_use]
    pub fn resume(epoch: Epoch, left: usize) -> Self {
        Self { epoch, left, ..Self::default() }
    }

    /// What leaves up to this epoch is dormant.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// How many facts became dormant since the last [`take_left`](Self::take_left).
    #[must_use]
    pub const fn left(&self) -> usize {
        self.left
    }

    /// How many facts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        (self.active.count() + self.dormant.values().map(Group::count).sum::<u64>()) as usize
    }

    /// Whether there is no fact.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.active.count() == 0 && self.dormant.is_empty()
    }

    /// The highest version.
    #[must_use]
    pub fn hlc(&self) -> Hlc {
        let groups = std::iter::once(&self.active).chain(self.dormant.values());
        let last = groups.filter_map(|group| group.index.last()).max();
        last.map(|entry| entry.hlc).unwrap_or_default()
    }

    /// Adds a fact that is not there; `announced` tells that it was announced as expired before.
    pub fn insert(&mut self, record: &Record, announced: bool) {
        let Record { entry, expires_at, tombstone } = *record;
        let expires = expires_at != Wall::ZERO;
        let dead = tombstone || (expires && announced);
        if expires && !announced {
            self.waiting.insert((expires_at, entry));
        }
        if entry.leaves_at > self.epoch {
            if entry.leaves_at != Epoch::NEVER {
                self.leaving.insert((entry.leaves_at, entry.point()), dead);
            }
            if let Some(sketched) = &mut self.sketched {
                sketched.add(&entry);
            }
        }
        self.group(entry.leaves_at).insert(entry, dead);
    }

    /// Takes a fact away that is there.
    pub fn remove(&mut self, record: &Record) {
        let Record { entry, expires_at, tombstone } = *record;
        let expires = expires_at != Wall::ZERO;
        let waited = expires && self.waiting.remove(&(expires_at, entry));
        self.leaving.remove(&(entry.leaves_at, entry.point()));
        if entry.leaves_at > self.epoch
            && !made(Mistake::KeepInSketch)
            && let Some(sketched) = &mut self.sketched
        {
            sketched.remove(&entry);
        }
        self.group(entry.leaves_at).remove(&entry, tombstone || (expires && !waited));
        if self.dormant.get(&entry.leaves_at).is_some_and(|group| group.count() == 0) {
            self.dormant.remove(&entry.leaves_at);
        }
    }

    /// Makes dormant what has left the compared set of this epoch.
    pub fn raise(&mut self, epoch: Epoch) {
        // What never leaves is never dormant, whatever the clock says.
        let epoch = epoch.min(Epoch::NEVER.previous());
        if epoch <= self.epoch {
            return;
        }
        self.epoch = epoch;
        while let Some(first) = self.leaving.first_entry()
            && first.key().0 <= epoch
        {
            let ((leaves_at, point), dead) = first.remove_entry();
            let Some(entry) = self.active.index.find(point) else { continue };
            self.active.remove(&entry, dead);
            if let Some(sketched) = &mut self.sketched {
                sketched.remove(&entry);
            }
            self.group(leaves_at).insert(entry, dead);
            self.left += 1;
        }
        if let Some(sketched) = &mut self.sketched {
            sketched.shrink(self.active.count());
        }
    }

    /// How many became dormant since the last call.
    pub fn take_left(&mut self) -> usize {
        std::mem::take(&mut self.left)
    }

    /// What has expired by this instant and was not announced; the earliest first.
    pub fn due(&self, wall: Wall) -> impl Iterator<Item = (Wall, Entry)> {
        self.waiting.iter().copied().take_while(move |(at, _)| *at <= wall)
    }

    /// Notes that an expired fact was announced: it counts as dead from now on.
    pub fn announce(&mut self, at: Wall, entry: &Entry) {
        if self.waiting.remove(&(at, *entry)) {
            self.group(entry.leaves_at).dead += 1;
            if let Some(dead) = self.leaving.get_mut(&(entry.leaves_at, entry.point())) {
                *dead = true;
            }
        }
    }

    /// When to sweep again after a sweep of this instant and floor: when the next fact expires that
    /// was not announced, and at once if anything is left to drop.
    #[must_use]
    pub fn next_sweep(&self, wall: Wall, floor: Epoch) -> Option<Wall> {
        let drop = self.before(floor).next().map(|_| wall);
        self.waiting.first().map(|(at, _)| *at).into_iter().chain(drop).min()
    }

    /// All facts, in no order that means anything.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        let groups = std::iter::once(&self.active).chain(self.dormant.values());
        groups.flat_map(|group| group.index.entries(&Span::ALL))
    }

    /// Whether a fact expires and was not announced.
    #[must_use]
    pub fn is_waiting(&self, record: &Record) -> bool {
        self.waiting.contains(&(record.expires_at, record.entry))
    }

    /// The dormant facts that left before this epoch: those that left first come first, in time
    /// order.
    pub fn before(&self, floor: Epoch) -> impl Iterator<Item = &Entry> {
        let groups = self.dormant.range(..floor).map(|(_, group)| group);
        groups.flat_map(|group| group.index.entries(&Span::ALL))
    }

    /// The fact at a point.
    #[must_use]
    pub fn find(&self, point: Point) -> Option<Entry> {
        let mut groups = std::iter::once(&self.active).chain(self.dormant.values());
        groups.find_map(|group| group.index.find(point))
    }

    /// The facts with this symbol, in time order within each epoch of leaving: one, unless somebody
    /// crafts ids.
    pub fn named(&self, symbol: Symbol) -> impl Iterator<Item = Entry> {
        let (hlc, first) = symbol.parts();
        let point = |rest| {
            let mut id = [rest; 16];
            id.split_at_mut(8).0.copy_from_slice(&first);
            Point { hlc, id }
        };
        let span = Span { from: point(0), upto: point(0xff) };
        let groups = std::iter::once(&self.active).chain(self.dormant.values());
        groups.flat_map(move |group| group.index.entries(&span).copied().collect::<Vec<_>>())
    }

    /// Sums up the compared set of an epoch in cells and in numbers; `commit` and `durable` stay zero.
    /// Whoever asks first for cells that are not kept waits for a look at everything; beyond [`KEPT`], and
    /// under any key but 0, everybody does.
    pub fn sketch(&mut self, epoch: Epoch, cells: Range<usize>, key: u64) -> (Row, Totals) {
        let row = if key == 0 {
            self.keep(cells.end);
            self.sketched.as_ref().map(|sketched| self.row(epoch, cells, sketched))
        } else {
            let facts = self.active.index.entries(&Span::ALL);
            Some(self.row(epoch, cells.clone(), &Sketched::under(key, cells, facts)))
        };
        (row.unwrap_or_default(), self.total(Set::Active(epoch)))
    }

    /// Makes the sketch reach there, as far as cells are kept.
    fn keep(&mut self, end: usize) {
        let (facts, count) = (self.active.index.entries(&Span::ALL), self.active.count());
        match &mut self.sketched {
            Some(sketched) => sketched.grow(end, facts, count),
            None => self.sketched = Some(Box::new(Sketched::of(end, facts, count))),
        }
        if cfg!(debug_assertions)
            && let Some(sketched) = &mut self.sketched
            && sketched.is_checked(count)
            && !made(Mistake::KeepInSketch)
        {
            sketched.check(self.active.index.entries(&Span::ALL));
        }
    }

    /// A row of the compared set of an epoch, from what sums up the active facts.
    fn row(&self, epoch: Epoch, cells: Range<usize>, sketched: &Sketched) -> Row {
        // Beyond our own epoch some of the active have left; behind it some of the dormant have not.
        let between = |leaves_at: Epoch| epoch < leaves_at && leaves_at <= self.epoch;
        let groups = self.dormant.iter().filter(|(leaves_at, _)| between(**leaves_at));
        let more = groups.flat_map(|(_, group)| group.index.entries(&Span::ALL)).copied();
        let less = self.leaving(self.epoch.next()..=epoch);
        sketched.row(cells, self.active.index.entries(&Span::ALL), more, less)
    }

    /// Answers questions about a set; `item` says what a partner is told of a fact.
    pub fn describe(
        &self,
        set: Set,
        asks: &[Ask],
        mut item: impl FnMut(&Entry) -> Item,
    ) -> Vec<Description> {
        let selection = self.select(set);
        asks.iter().map(|ask| selection.describe(ask, &mut item)).collect()
    }

    /// How many facts of a set a span has, and the first of them in order: one more than
    /// [`TAKE_LIMIT`], so that it is known where to go on.
    #[must_use]
    pub fn stretch(&self, set: Set, span: &Span) -> (u64, Vec<Entry>) {
        let selection = self.select(set);
        (selection.sum(span).count(), selection.first(span, TAKE_LIMIT + 1))
    }

    /// Counts and sums up a set; `commit` and `durable` stay zero.
    #[must_use]
    pub fn total(&self, set: Set) -> Totals {
        let epochs = epochs_of(set);
        let sum = self.select(set).sum(&Span::ALL);
        let dead = |epochs| self.leaving_points(epochs).filter(|(_, dead)| *dead).count() as u64;
        let active = if epochs.contains(&Epoch::NEVER) {
            self.active.dead - dead(before(&epochs))
        } else {
            dead(epochs.clone())
        };
        let dormant: u64 = self.dormant_in(&epochs).map(|group| group.dead).sum();
        let tombstones = active + dormant;
        let last = match set {
            Set::Active(epoch) | Set::Dormant { upto: epoch, .. } => epoch,
        };
        Totals {
            entries: sum.count() - tombstones,
            tombstones,
            dormant: self.count_until(last),
            sum,
            ..Totals::default()
        }
    }

    /// Compares every derived thing with the facts; `announced` tells which were announced as
    /// expired. For tests, as slow as it sounds.
    ///
    /// # Panics
    /// If one is wrong.
    pub fn check(&self, records: impl IntoIterator<Item = Record>) {
        let mut truth = Self::resume(self.epoch, self.left);
        for record in records {
            truth.insert(&record, !self.is_waiting(&record));
        }
        let Self { active, dormant, epoch: _, leaving, left: _, sketched, waiting } = self;
        assert_eq!(*waiting, truth.waiting, "what will expire is waited for");
        assert_eq!(*leaving, truth.leaving, "what leaves is waited for");
        active.check(&truth.active);
        if let Some(sketched) = sketched {
            sketched.check(truth.active.index.entries(&Span::ALL));
        }
        assert!(dormant.keys().eq(truth.dormant.keys()), "dormant facts stand under their epochs");
        dormant.values().zip(truth.dormant.values()).for_each(|(group, truth)| group.check(truth));
    }

    /// The facts of a set.
    fn select(&self, set: Set) -> Selection<'_> {
        let epochs = epochs_of(set);
        let index = |epochs| Index::build(self.leaving(epochs).collect());
        let dormant = self.dormant_in(&epochs).map(|group| Cow::Borrowed(&group.index));
        let (active, minus) = if epochs.contains(&Epoch::NEVER) {
            (Cow::Borrowed(&self.active.index), index(before(&epochs)))
        } else {
            (Cow::Owned(index(epochs.clone())), Index::default())
        };
        let mut plus: Vec<_> = dormant.chain([active]).collect();
        plus.retain(|index| index.total().count() > 0);
        Selection { plus, minus }
    }

    /// How many facts have left the compared set of an epoch.
    fn count_until(&self, epoch: Epoch) -> u64 {
        let dormant: u64 = self.dormant.range(..=epoch).map(|(_, group)| group.count()).sum();
        let leaving = self.leaving_points(Epoch::ZERO..=epoch).count() as u64;
        let never = self.active.count() - self.leaving.len() as u64;
        dormant + leaving + if epoch == Epoch::NEVER { never } else { 0 }
    }

    fn dormant_in(&self, epochs: &RangeInclusive<Epoch>) -> impl Iterator<Item = &Group> {
        let groups = self.dormant.iter().filter(|(epoch, _)| epochs.contains(epoch));
        groups.map(|(_, group)| group)
    }

    /// The active facts that leave in some epochs.
    fn leaving(&self, epochs: RangeInclusive<Epoch>) -> impl Iterator<Item = Entry> {
        self.leaving_points(epochs).filter_map(|(point, _)| self.active.index.find(point))
    }

    /// Where they stand, and whether they are dead.
    fn leaving_points(&self, epochs: RangeInclusive<Epoch>) -> impl Iterator<Item = (Point, bool)> {
        let (from, upto) = epochs.into_inner();
        // Asked backwards, a tree panics; so ask it for nothing.
        let from = (from.min(upto.next()), Point::MIN);
        let leaving = self.leaving.range(from..(upto.next(), Point::MIN));
        leaving.map(|((_, point), dead)| (*point, *dead))
    }

    fn group(&mut self, leaves_at: Epoch) -> &mut Group {
        if leaves_at > self.epoch {
            &mut self.active
        } else {
            self.dormant.entry(leaves_at).or_default()
        }
    }
}

impl Group {
    fn insert(&mut self, entry: Entry, dead: bool) {
        self.dead += u64::from(dead);
        self.index.insert(entry);
    }

    fn remove(&mut self, entry: &Entry, dead: bool) {
        self.dead -= u64::from(dead);
        self.index.remove(entry);
    }

    const fn count(&self) -> u64 {
        self.index.total().count()
    }

    fn check(&self, truth: &Self) {
        self.index.check();
        assert_eq!(self.dead, truth.dead, "the dead are counted");
        let (held, truth) = (self.index.entries(&Span::ALL), truth.index.entries(&Span::ALL));
        assert!(held.eq(truth), "every fact has its place in time");
    }
}

/// The epochs in which the facts of a set leave the compared set.
fn epochs_of(set: Set) -> RangeInclusive<Epoch> {
    match set {
        // After the last epoch nothing leaves.
        Set::Active(Epoch::NEVER) => Epoch::NEVER..=Epoch::ZERO,
        Set::Active(epoch) => epoch.next()..=Epoch::NEVER,
        Set::Dormant { from, upto } => from..=upto,
    }
}

/// All epochs before some.
fn before(epochs: &RangeInclusive<Epoch>) -> RangeInclusive<Epoch> {
    // Nothing active leaves in the very first epoch.
    Epoch::ZERO..=epochs.start().previous()
}
