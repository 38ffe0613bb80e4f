//! Who waits to be durable: a queue that is taken as a whole.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::request::Reply;

/// What the syncing thread is asked. It is woken by the first who comes, and once more when all who
/// are expected have come, but not by each in between.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    changed: Condvar,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    /// How many are expected to come together.
    company: usize,
    waiting: Waiting,
}

/// Some who wait until the log is durable up to a sequence number.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) replies: Vec<Reply>,
    pub(crate) sequence: u64,
}

impl Wishes {
    /// Waits for the log up to a sequence number; false once nobody will answer any more.
    pub(crate) fn push(&self, replies: Vec<Reply>, sequence: u64) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return false;
        }
        let before = state.waiting.replies.len();
        state.waiting.replies.extend(replies);
        state.waiting.sequence = state.waiting.sequence.max(sequence);
        let is_first = before == 0;
        let completes = before < state.company && state.waiting.replies.len() >= state.company;
        drop(state);
        if is_first || completes {
            self.changed.notify_one();
        }
        true
    }

    /// Everybody who waits, as soon as anybody does, and with them those who were `answered` the
    /// last time, if they come back within so much time. `None` once it is closed and empty.
    pub(crate) fn take(&self, answered: usize, patience: Duration) -> Option<Waiting> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.company = state.waiting.replies.len() + answered;
        let nobody = |state: &mut State| state.waiting.replies.is_empty() && !state.closed;
        let state = self.changed.wait_while(state, nobody).unwrap_or_else(PoisonError::into_inner);
        let few = |state: &mut State| state.waiting.replies.len() < state.company && !state.closed;
        let waited = self.changed.wait_timeout_while(state, patience, few);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let waiting = std::mem::take(&mut state.waiting);
        (!waiting.replies.is_empty()).then_some(waiting)
    }

    /// Takes no more, and lets go of everybody who waits.
    pub(crate) fn abandon(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.closed = true;
        state.waiting = Waiting::default();
    }

    /// Takes no more.
    pub(crate) fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.changed.notify_one();
    }
}
