//! Addresses with room again, on their way from a drainer to `recv`.

use std::collections::BTreeSet;
use std::mem;

use tokio::sync::watch;

use super::Address;

/// A bounded set of addresses that have room again, which can be waited for.
#[derive(Debug)]
pub struct Rooms {
    addresses: watch::Sender<BTreeSet<Address>>,
    bound: usize,
}

impl Rooms {
    /// An empty set that holds at most `bound` addresses. One beyond the bound is forgotten: its
    /// sender hears nothing and tries again by itself.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self { addresses: watch::Sender::default(), bound }
    }

    /// Adds addresses; one that still waits here is told once.
    pub fn announce(&self, rooms: impl IntoIterator<Item = Address>) {
        self.addresses.send_if_modified(|addresses| {
            let before = addresses.len();
            for address in rooms {
                if addresses.len() < self.bound {
                    addresses.insert(address);
                }
            }
            addresses.len() > before
        });
    }

    /// Waits for addresses and takes them all; at least one. Cancel-safe.
    pub async fn next(&self) -> Vec<Address> {
        // Watched before looked at: what comes in between counts as a change.
        let mut changes = self.addresses.subscribe();
        loop {
            let mut taken = BTreeSet::new();
            self.addresses.send_if_modified(|addresses| {
                taken = mem::take(addresses);
                false
            });
            if !taken.is_empty() {
                return taken.into_iter().collect();
            }
            // The sender is ours, so this ends with a change only.
            let _ = changes.changed().await;
        }
    }
}
