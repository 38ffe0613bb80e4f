//! Who has seen how many of the keys that are being told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::LOOK;

/// Counts of what each node has seen of others.
#[derive(Debug)]
pub(crate) struct Board {
    complete: Mutex<Option<Instant>>,
    done: Notify,
    /// Nodes that have yet to see everything.
    missing: AtomicUsize,
    seen: Vec<AtomicUsize>,
    wanted: AtomicUsize,
}

impl Board {
    pub(crate) fn new(nodes: usize) -> Self {
        Self {
            complete: Mutex::default(),
            done: Notify::new(),
            missing: AtomicUsize::new(0),
            seen: (0..nodes).map(|_| AtomicUsize::new(0)).collect(),
            wanted: AtomicUsize::new(0),
        }
    }

    /// All nodes but one are to see so many keys from now on.
    pub(crate) fn expect(&self, keys: usize) {
        self.seen.iter().for_each(|seen| seen.store(0, Ordering::SeqCst));
        self.wanted.store(keys, Ordering::SeqCst);
        *self.complete() = None;
        self.missing.store(self.seen.len() - 1, Ordering::SeqCst);
    }

    /// A node has seen a key of another.
    pub(crate) fn saw(&self, node: usize) {
        let seen = self.seen[node].fetch_add(1, Ordering::SeqCst) + 1;
        if seen == self.wanted.load(Ordering::SeqCst)
            && self.missing.fetch_sub(1, Ordering::SeqCst) == 1
        {
            *self.complete() = Some(Instant::now());
            self.done.notify_one();
        }
    }

    /// When the last node had seen everything.
    pub(crate) async fn complete_at(&self) -> Instant {
        timeout(LOOK.most, self.done.notified()).await.expect("everybody sees everything");
        self.complete().expect("it was noted first")
    }

    fn complete(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.complete.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
