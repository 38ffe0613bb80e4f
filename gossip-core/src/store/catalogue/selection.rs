//! The facts of one [`Set`](crate::state::Set), as indexes added up and taken away, and their summary.

use std::borrow::Cow;

use super::Entry;
use super::index::Index;
use crate::state::{Item, Part, Point, Span, Sum};
use crate::store::{Ask, Description};

/// Disjoint indexes together, without one that they contain.
#[derive(Debug, Default)]
pub(super) struct Selection<'a> {
    pub(super) plus: Vec<Cow<'a, Index>>,
    pub(super) minus: Index,
}

impl Selection<'_> {
    /// Answers a question; `item` says what a partner is told of an entry.
    pub(super) fn describe(&self, ask: &Ask, item: impl FnMut(&Entry) -> Item) -> Description {
        let sum = self.sum(&ask.span);
        if ask.unless == Some(sum.fingerprint()) {
            Description::Same
        } else if sum.count() <= ask.leaf as u64 {
            Description::Items(self.entries(&ask.span).iter().map(item).collect())
        } else {
            Description::Parts(self.parts(&ask.span, sum.count(), ask.ways))
        }
    }

    /// The sum of a span.
    pub(super) fn sum(&self, span: &Span) -> Sum {
        let mut sum = Sum::default();
        self.plus.iter().for_each(|index| sum.merge(&index.sum(span)));
        sum.subtract(&self.minus.sum(span));
        sum
    }

    fn entries(&self, span: &Span) -> Vec<Entry> {
        let mut entries: Vec<_> =
            self.plus.iter().flat_map(|index| index.entries(span)).copied().collect();
        entries.sort_unstable();
        if self.minus.total().count() > 0 {
            entries.retain(|entry| !self.minus.contains(entry));
        }
        entries
    }

    /// The first facts of a span in order, at most so many.
    pub(super) fn first(&self, span: &Span, most: usize) -> Vec<Entry> {
        let held = |index| Index::entries(index, span).filter(|at| !self.minus.contains(at));
        // What is first of all is first in its own index.
        let first = |index| held(index).take(most).copied();
        let mut entries: Vec<_> = self.plus.iter().flat_map(|index| first(index)).collect();
        entries.sort_unstable();
        entries.truncate(most);
        entries
    }

    fn parts(&self, span: &Span, count: u64, ways: usize) -> Vec<Part> {
        let mut from = span.from;
        let ends = self.cuts(span, count, ways).into_iter().chain([span.upto]);
        let part = |upto| {
            let sum = self.sum(&Span { from, upto });
            from = upto;
            Part { upto, count: sum.count(), fingerprint: sum.fingerprint() }
        };
        ends.map(part).collect()
    }

    /// Where to cut a span of `count` facts.
    ///
    /// Each index is off by at most a stride and a block. All strides together make half a part;
    /// what is taken away is not evened out.
    fn cuts(&self, span: &Span, count: u64, ways: usize) -> Vec<Point> {
        let held = (count + self.minus.sum(span).count()) as usize;
        let stride = (held / (2 * ways * self.plus.len().max(1))).max(1);
        let mut samples = Vec::new();
        self.plus.iter().for_each(|index| index.sample(span, stride, &mut samples));
        samples.sort_unstable();
        // Before the first fact there is nothing to make a part of.
        let Some(mut last) = samples.first().copied() else { return Vec::new() };
        let mut cuts = Vec::with_capacity(ways);
        for sample in (1..ways).filter_map(|cut| samples.get(cut * samples.len() / ways)) {
            // A cut just before the version takes fewer bytes, and serves as well where the fact before
            // has another one.
            let short = Point { id: [0; 16], ..*sample };
            let cut = if last < short { short } else { *sample };
            if last < cut {
                cuts.push(cut);
                last = *sample;
            }
        }
        cuts
    }
}
