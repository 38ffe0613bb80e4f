//! How long both sides work at the first comparison, told by a clock from outside.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::Ear;
use crate::io::{Input, Output};
use crate::sim::check::{Checker, Observation, Sight};
use crate::store::{StoreOp, StoreReply};
use crate::transport::Inbound;

/// Any clock that only goes on, such as the CPU time of the calling thread.
pub type Clock = fn() -> Duration;

/// A watch that never finds anything amiss: it takes the time from something that compares to
/// whatever is seen next, which is when that is done. Clones share what they measured.
#[derive(Clone)]
pub(super) struct Stopwatch {
    clock: Clock,
    ear: Ear,
    running: Option<(usize, Duration)>,
    spent: Rc<RefCell<[Duration; 2]>>,
}

impl Stopwatch {
    /// Runs until the first comparison that the ear hears of is over.
    pub(super) fn new(clock: Clock, ear: Ear) -> Self {
        Self { clock, ear, running: None, spent: Rc::default() }
    }

    /// What the first host spent, and what the second one did.
    pub(super) fn spent(&self) -> [Duration; 2] {
        *self.spent.borrow()
    }

    /// Whether what begins now is part of the comparison: cells or ranges are made, read, or told.
    fn compares(&self, what: &Observation<'_>) -> bool {
        if let Observation::Input(Input::Network(Inbound::Frame { bytes, .. })) = what {
            return self.ear.hears(bytes).compares > 0;
        }
        matches!(
            what,
            Observation::Input(Input::Stored(
                _,
                Ok(StoreReply::Described(_) | StoreReply::Sketched { .. })
            )) | Observation::Output(Output::Store(
                _,
                StoreOp::Describe { .. } | StoreOp::Sketch { .. }
            ))
        )
    }
}

impl Checker for Stopwatch {
    fn name(&self) -> &'static str {
        "stopwatch"
    }

    fn observe(&mut self, sight: &Sight<'_>, what: &Observation<'_>, _: &mut Vec<String>) {
        if let Some((host, begun)) = self.running.take()
            && let Some(spent) = self.spent.borrow_mut().get_mut(host)
        {
            *spent += (self.clock)().saturating_sub(begun);
        }
        if !self.ear.has_heard_all() && self.compares(what) {
            self.running = Some((sight.host(), (self.clock)()));
        }
    }
}
