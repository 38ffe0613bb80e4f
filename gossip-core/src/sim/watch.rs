//! How a world shows its checkers what happens.

use super::World;
use super::check::{Checker, Observation, Sight, Violation};
use crate::store::MemoryState;

impl World {
    /// Lets a checker watch from now on; without any, nothing is observed and nothing costs.
    pub fn check(&mut self, checker: Box<dyn Checker>) {
        self.checkers.push(checker);
    }

    /// From now on checkers expect the main channel to keep siblings, not the last write.
    pub const fn expect_siblings(&mut self) {
        self.keeps_siblings = true;
    }

    /// The promises that were broken so far, in the order in which it was noticed.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Tells the checkers that everything is calm and that nodes have had time to agree.
    pub fn finish_checks(&mut self) {
        let mut checkers = std::mem::take(&mut self.checkers);
        for checker in &mut checkers {
            let mut broken = Vec::new();
            checker.finish(self, &mut broken);
            let (at, name) = (self.now, checker.name());
            let violation = |(host, what)| Violation { at, checker: name, host, what };
            self.violations.extend(broken.into_iter().map(violation));
        }
        self.checkers = checkers;
    }

    pub(super) fn observe(&mut self, host: usize, what: &Observation<'_>) {
        if self.checkers.is_empty() {
            return;
        }
        // Lent out, so that checkers may look at the world.
        let mut checkers = std::mem::take(&mut self.checkers);
        let mut broken = Vec::new();
        for checker in &mut checkers {
            let sight = Sight { host, now: self.time_at(host), world: self };
            checker.observe(&sight, what, &mut broken);
            let (at, name) = (self.now, checker.name());
            let violation = |what| Violation { at, checker: name, host, what };
            self.violations.extend(broken.drain(..).map(violation));
        }
        self.checkers = checkers;
    }

    /// How many inputs of a host waited for the end of a pause, and how many of its exports failed.
    pub(super) fn troubles(&self, host: usize) -> (u64, u64) {
        let host = self.host(host);
        (host.deferred, host.failed_exports)
    }

    pub(super) const fn is_watched(&self) -> bool {
        !self.checkers.is_empty()
    }

    /// What a host's node reads.
    pub(super) fn held(&self, host: usize) -> &MemoryState {
        self.host(host).disk.held()
    }

    /// What a crash could not take from a host.
    pub(super) fn durable(&self, host: usize) -> &MemoryState {
        self.host(host).disk.durable()
    }
}
