//! Name lookups: a few at a time, each with a time limit.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Most lookups at a time (guess): the system's resolver blocks a thread for each.
const LOOKUPS: usize = 4;

/// How long a lookup may take (guess: one try of a common system resolver).
const PATIENCE: Duration = Duration::from_secs(5);

/// Lookups that run and names that wait: one per seed at most.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    /// Names that are not answered yet; the node may ask again meanwhile.
    asked: BTreeSet<String>,
    running: JoinSet<(String, Vec<SocketAddr>)>,
    waiting: VecDeque<String>,
}

impl Resolver {
    pub(super) fn len(&self) -> usize {
        self.asked.len()
    }

    pub(super) fn push(&mut self, name: String) {
        if self.asked.insert(name.clone()) {
            self.waiting.push_back(name);
            self.fill();
        }
    }

    /// Waits for the next name and its addresses, none if it is unknown; `None` while nothing
    /// runs. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<(String, Vec<SocketAddr>)> {
        let done = self.running.join_next().await?;
        self.fill();
        let (name, addresses) = done.expect("a lookup does not panic and is not aborted");
        self.asked.remove(&name);
        Some((name, addresses))
    }

    fn fill(&mut self) {
        while self.running.len() < LOOKUPS
            && let Some(name) = self.waiting.pop_front()
        {
            self.running.spawn(async move {
                let found = look_up(&name).await;
                let addresses = found.unwrap_or_else(|error| {
                    tracing::debug!(name, %error, "lookup failed");
                    Vec::new()
                });
                (name, addresses)
            });
        }
    }
}

async fn look_up(name: &str) -> io::Result<Vec<SocketAddr>> {
    let addresses = timeout(PATIENCE, lookup_host(name)).await??;
    Ok(addresses.collect())
}
