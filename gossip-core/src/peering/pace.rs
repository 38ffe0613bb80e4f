//! The pace of addresses. While sessions are in the clear an address can be forged, so an
//! address is slowed down, and no id is ever blamed for it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::time::Mono;
use crate::transport::Address;

/// Whose frames are slowed at an address. Anybody can forge the address; to forge a session there
/// takes its id as well, so garbage without one does not slow those who have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sender {
    /// Frames of the session that stands there.
    Session(Address),
    /// All others.
    Stranger(Address),
}

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
    /// When tracks that say nothing any more were last dropped.
    pruned: Mono,
    tracks: BTreeMap<Sender, Track>,
}

impl Pace {
    pub(super) const fn new(limit: usize, frames: u32) -> Self {
        Self { frames, limit, pruned: Mono::ZERO, tracks: BTreeMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.tracks.len()
    }

    /// Whether a frame from here is heard; a slowed address has a few frames per second.
    pub(super) fn hears(&mut self, now: Mono, sender: Sender) -> bool {
        let Some(track) = self.tracks.get_mut(&sender) else { return true };
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

    pub(super) fn is_slowed(&self, now: Mono, sender: Sender) -> bool {
        self.tracks.get(&sender).is_some_and(|track| now < track.slowed_until)
    }

    pub(super) fn blame(&mut self, now: Mono, sender: Sender) {
        let frames = self.frames;
        if let Some(track) = self.track(now, sender) {
            if now >= track.slowed_until {
                track.second = now;
                track.left = frames;
            }
            track.slowed_until = now + PENANCE;
        }
    }

    /// Whether this address may be told again that its session is unknown.
    pub(super) fn may_reset(&mut self, now: Mono, address: Address, pause: Duration) -> bool {
        let Some(track) = self.track(now, Sender::Stranger(address)) else { return false };
        let due = track.reset_at.is_none_or(|last| now.since(last) >= pause);
        if due {
            track.reset_at = Some(now);
        }
        due
    }

    /// The sender's track, if the table has room. Tracks that say nothing any more go first; they
    /// are looked for once a second, for under a flood there are none.
    fn track(&mut self, now: Mono, sender: Sender) -> Option<&mut Track> {
        if self.tracks.len() >= self.limit && !self.tracks.contains_key(&sender) {
            if now.since(self.pruned) >= Duration::from_secs(1) {
                self.pruned = now;
                self.tracks.retain(|_, track| {
                    let reset = track.reset_at.is_some_and(|last| now.since(last) < PENANCE);
                    now < track.slowed_until || reset
                });
            }
            if self.tracks.len() >= self.limit {
                // Under a flood of forged addresses any choice among strangers is as good; they
                // stand behind those with sessions.
                self.tracks.pop_last();
            }
        }
        let fresh =
            Track { left: self.frames, reset_at: None, second: now, slowed_until: Mono::ZERO };
        Some(self.tracks.entry(sender).or_insert(fresh))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    fn address(port: u16) -> Sender {
        Sender::Stranger(Address::Socket(SocketAddr::from(([10, 0, 0, 1], port))))
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
