//! The verifier pool: signature jobs on blocking threads, so many at a time.

use std::collections::VecDeque;

use tokio::task::{JoinError, JoinSet};

use crate::fact::{Job, Verdicts, Verifier};
use crate::io::Ticket;

/// Jobs that run and jobs that wait.
///
/// The line of waiting jobs has no bound of its own: the node has at most four on their way per
/// channel, and `Limits::hellos` first contacts.
#[derive(Debug)]
pub(super) struct Verifiers {
    /// At least one.
    limit: usize,
    running: JoinSet<(Ticket, Verdicts)>,
    verifier: Verifier,
    waiting: VecDeque<(Ticket, Job)>,
}

impl Verifiers {
    pub(super) fn new(limit: usize, verifier: Verifier) -> Self {
        let (running, waiting) = (JoinSet::new(), VecDeque::new());
        Self { limit: limit.max(1), running, verifier, waiting }
    }

    pub(super) fn len(&self) -> usize {
        self.running.len() + self.waiting.len()
    }

    pub(super) fn push(&mut self, ticket: Ticket, job: Job) {
        self.waiting.push_back((ticket, job));
        self.fill();
    }

    /// Waits for the next verdicts; `None` while nothing runs. Cancel-safe.
    ///
    /// # Errors
    /// The job panicked: its facts would be pending for ever, so the node must stop.
    pub(super) async fn next(&mut self) -> Option<Result<(Ticket, Verdicts), JoinError>> {
        let done = self.running.join_next().await;
        self.fill();
        done
    }

    /// Forgets what waits and sees the running jobs end: tens of milliseconds at most.
    pub(super) async fn stop(mut self) {
        self.running.shutdown().await;
    }

    fn fill(&mut self) {
        while self.running.len() < self.limit
            && let Some((ticket, job)) = self.waiting.pop_front()
        {
            let verifier = self.verifier.clone();
            self.running.spawn_blocking(move || (ticket, job.run(&verifier)));
        }
    }
}
