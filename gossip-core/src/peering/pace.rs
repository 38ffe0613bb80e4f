//! The pace of addresses. While sessions are in the clear an address can be forged, so an
//! address is slowed down, and no id is ever blamed for it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::time::Mono;
use crate::transport::Address;

/// After so long without a new offence, an address is forgiven.
const PENANCE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug)]
struct Track {
    /// Frames left in this second.
    left: u32,
    reset_at: Option<Mono>,
    second: Mono,
    slowed_until: Mono,
}

/// A bounded table of addresses that misbehaved or were told to reset.
#[derive(Debug)]
pub(super) struct Pace {
    frames: u32,
    limit: usize,
    tracks: BTreeMap<Address, Track>,
}

impl Pace {
    pub(super) const fn new(limit: usize, frames: u32) -> Self {
        Self { frames, limit, tracks: BTreeMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.tracks.len()
    }

    /// Whether a frame from here is heard; a slowed address has a few frames per second.
    pub(super) fn hears(&mut self, now: Mono, address: Address) -> bool {
        let Some(track) = self.tracks.get_mut(&address) else { return true };
        if now >= track.slowed_until {
            return true;
        }
        if now.since(track.second) >= Duration::from_secs(1) {
            track.second = now;
            track.left = self.frames;
        }
        track.left = track.left.saturating_sub(1);
        track.left > 0
    }

    pub(super) fn is_slowed(&self, now: Mono, address: Address) -> bool {
        self.tracks.get(&address).is_some_and(|track| now < track.slowed_until)
    }

    pub(super) fn blame(&mut self, now: Mono, address: Address) {
        let frames = self.frames;
        if let Some(track) = self.track(now, address) {
            if now >= track.slowed_until {
                track.second = now;
                track.left = frames;
            }
            track.slowed_until = now + PENANCE;
        }
    }

    /// Whether this address may be told again that its session is unknown.
    pub(super) fn may_reset(&mut self, now: Mono, address: Address, pause: Duration) -> bool {
        let Some(track) = self.track(now, address) else { return false };
        let due = track.reset_at.is_none_or(|last| now.since(last) >= pause);
        if due {
            track.reset_at = Some(now);
        }
        due
    }

    /// The address's track, if the table has room. Tracks that say nothing any more go first.
    fn track(&mut self, now: Mono, address: Address) -> Option<&mut Track> {
        if self.tracks.len() >= self.limit && !self.tracks.contains_key(&address) {
            self.tracks.retain(|_, track| {
                let reset = track.reset_at.is_some_and(|last| now.since(last) < PENANCE);
                now < track.slowed_until || reset
            });
            if self.tracks.len() >= self.limit {
                // Under a flood of forged addresses the oldest knowledge is worth the least,
                // and any choice is as good: make room at the front.
                self.tracks.pop_first();
            }
        }
        let fresh =
            Track { left: self.frames, reset_at: None, second: now, slowed_until: Mono::ZERO };
        Some(self.tracks.entry(address).or_insert(fresh))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    fn address(port: u16) -> Address {
        Address::Socket(SocketAddr::from(([10, 0, 0, 1], port)))
    }

    #[test]
    fn slows_and_forgives() {
        let mut pace = Pace::new(10, 3);
        let start = Mono::ZERO + Duration::from_secs(1);
        assert!(pace.hears(start, address(1)));
        pace.blame(start, address(1));
        let heard = (0..10).filter(|_| pace.hears(start, address(1))).count();
        assert_eq!(heard, 2);
        assert!(pace.hears(start, address(2)), "others are not slowed");
        assert!(pace.hears(start + PENANCE, address(1)));
    }

    #[test]
    fn stays_bounded() {
        let mut pace = Pace::new(10, 3);
        (0..1_000).for_each(|port| pace.blame(Mono::ZERO, address(port)));
        assert!(pace.tracks.len() <= 10);
    }
}
