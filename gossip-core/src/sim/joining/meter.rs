//! What each node sends.

use std::cell::RefCell;
use std::rc::Rc;

use super::Sent;
use crate::io::Output;
use crate::sim::check::{Checker, Observation, Sight};
use crate::sim::ear::kinds;
use crate::wire::record_name;

/// Watches a world for a [`Meter`].
pub(super) struct Witness(pub(super) Rc<RefCell<Meter>>);

impl Checker for Witness {
    fn name(&self) -> &'static str {
        "joining"
    }

    fn observe(&mut self, sight: &Sight<'_>, what: &Observation<'_>, _: &mut Vec<String>) {
        if let Observation::Output(Output::Transmit(transmit)) = what {
            self.0.borrow_mut().sent(sight.host(), &transmit.bytes);
        }
    }
}

/// What was sent, by node.
pub(super) struct Meter(Vec<Sent>);

impl Meter {
    pub(super) fn new(nodes: usize) -> Self {
        Self(vec![Sent::default(); nodes])
    }

    /// Counts from nothing on.
    pub(super) fn begin(&mut self) {
        self.0.fill(Sent::default());
    }

    fn sent(&mut self, from: usize, frame: &[u8]) {
        let Some(sent) = self.0.get_mut(from) else { return };
        sent.bytes += frame.len() as u64;
        sent.frames += 1;
        for name in kinds(frame).filter_map(record_name) {
            *sent.records.entry(name).or_default() += 1;
        }
    }

    /// What the first node sent, half of the others no more than, and one of them the most.
    pub(super) fn joining(&self) -> [Sent; 3] {
        let mut others: Vec<_> = self.0.iter().skip(1).collect();
        others.sort_by_key(|sent| sent.bytes);
        let sent = [self.0.first(), others.get(others.len() / 2).copied(), others.last().copied()];
        sent.map(|sent| sent.cloned().unwrap_or_default())
    }

    /// What all sent.
    pub(super) fn total(&self) -> Sent {
        let mut total = Sent::default();
        for Sent { bytes, frames, records } in &self.0 {
            total.bytes += bytes;
            total.frames += frames;
            for (name, count) in records {
                *total.records.entry(name).or_default() += count;
            }
        }
        total
    }
}
