//! When an address may be dialled again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

/// Addresses whose last dial failed.
#[derive(Debug)]
pub(crate) struct BackOffs {
    /// Most entries. One more pushes out another, which may then be dialled too early.
    bound: usize,
    entries: BTreeMap<SocketAddr, Entry>,
    max: Duration,
    min: Duration,
}

#[derive(Debug)]
struct Entry {
    /// In a row.
    failures: u32,
    /// Somebody sent meanwhile and waits for room.
    owed: bool,
    until: Instant,
}

impl BackOffs {
    pub(crate) fn new(min: Duration, max: Duration, bound: usize) -> Self {
        Self { bound, entries: BTreeMap::new(), max, min }
    }

    /// Notes a failure. The pause until the next dial doubles each time, and `jitter` takes up to
    /// half of it, so that those who lost a peer at once do not return at once.
    pub(crate) fn failed(&mut self, address: SocketAddr, now: Instant, jitter: u16) -> Duration {
        if self.entries.len() >= self.bound && !self.entries.contains_key(&address) {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.until);
            let oldest = oldest.map(|(address, _)| *address);
            oldest.map(|address| self.entries.remove(&address));
        }
        let entry =
            self.entries.entry(address).or_insert(Entry { failures: 0, owed: false, until: now });
        let whole = self.min.saturating_mul(1 << entry.failures.min(20)).min(self.max);
        let pause = whole - whole.mul_f64(f64::from(jitter) / f64::from(u16::MAX) / 2.0);
        entry.failures = entry.failures.saturating_add(1);
        entry.until = now + pause;
        pause
    }

    /// Whether the last dial failed, however long ago.
    pub(crate) fn has_failed(&self, address: SocketAddr) -> bool {
        self.entries.contains_key(&address)
    }

    /// Whether the address is not to be dialled yet. If so, room is owed to who asks.
    pub(crate) fn refuses(&mut self, address: SocketAddr, now: Instant) -> bool {
        let Some(entry) = self.entries.get_mut(&address).filter(|entry| now < entry.until) else {
            return false;
        };
        entry.owed = true;
        true
    }

    /// The pause is over; whether somebody is owed room.
    pub(crate) fn rested(&mut self, address: SocketAddr) -> bool {
        let entry = self.entries.get_mut(&address);
        entry.is_some_and(|entry| std::mem::take(&mut entry.owed))
    }

    /// A link to there stood long enough, or did not end by a fault.
    pub(crate) fn succeeded(&mut self, address: SocketAddr) {
        self.entries.remove(&address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Duration = Duration::from_millis(250);
    const MAX: Duration = Duration::from_secs(30);

    fn at(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    #[test]
    fn pauses_double_up_to_a_bound_and_begin_anew_after_success() {
        let mut back_offs = BackOffs::new(MIN, MAX, 10);
        let now = Instant::now();
        let pauses: Vec<_> = (0..9).map(|_| back_offs.failed(at(1), now, 0).as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        for _ in 0..100 {
            assert_eq!(back_offs.failed(at(1), now, 0), MAX);
        }
        assert_eq!(back_offs.failed(at(1), now, u16::MAX), MAX / 2, "jitter takes up to half");
        back_offs.succeeded(at(1));
        assert_eq!(back_offs.failed(at(1), now, 0), MIN);
    }

    #[test]
    fn room_is_owed_to_who_asked_in_vain() {
        let mut back_offs = BackOffs::new(MIN, MAX, 10);
        let now = Instant::now();
        assert!(!back_offs.refuses(at(1), now));
        let pause = back_offs.failed(at(1), now, 0);
        assert!(!back_offs.rested(at(1)), "nobody asked");
        assert!(back_offs.refuses(at(1), now) && !back_offs.refuses(at(2), now));
        assert!(!back_offs.refuses(at(1), now + pause));
        assert!(back_offs.rested(at(1)));
        assert!(!back_offs.rested(at(1)), "once");
    }

    #[test]
    fn the_entry_that_ends_first_makes_place() {
        let mut back_offs = BackOffs::new(MIN, MAX, 2);
        let now = Instant::now();
        back_offs.failed(at(1), now, 0);
        back_offs.failed(at(1), now, 0);
        back_offs.failed(at(2), now, 0);
        back_offs.failed(at(3), now, 0);
        let refused = [1, 2, 3].map(|port| back_offs.refuses(at(port), now));
        assert_eq!(refused, [true, false, true]);
    }
}
