//! Addresses with room again, on their way from a drainer to `recv`.

use std::collections::BTreeSet;
use std::mem;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::Notify;

use super::Address;

/// A bounded set of addresses that have room again, and a bell.
#[derive(Debug)]
pub struct Rooms {
    addresses: Mutex<BTreeSet<Address>>,
    bell: Notify,
    bound: usize,
}

impl Rooms {
    /// An empty set that holds at most `bound` addresses. One beyond the bound is forgotten: its
    /// sender hears nothing and tries again by itself.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self { addresses: Mutex::default(), bell: Notify::new(), bound }
    }

    /// Adds addresses; one that still waits here is told once.
    pub fn announce(&self, rooms: impl IntoIterator<Item = Address>) {
        let mut addresses = self.lock();
        for address in rooms {
            if addresses.len() < self.bound {
                addresses.insert(address);
            }
        }
        if !addresses.is_empty() {
            self.bell.notify_one();
        }
    }

    /// Waits for addresses and takes them all; at least one. Cancel-safe.
    pub async fn next(&self) -> Vec<Address> {
        loop {
            let addresses = mem::take(&mut *self.lock());
            if !addresses.is_empty() {
                return addresses.into_iter().collect();
            }
            self.bell.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Address>> {
        self.addresses.lock().expect("nobody panics with the lock held")
    }
}
