//! Time as values: the core is told what time it is and never asks.
//!
//! [`Mono`] drives timers, [`Wall`] dates things, [`Hlc`] orders versions, [`Epoch`] names the
//! minutes in which replicas compare. Clock skew touches [`Wall`] alone.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What time it is, handed to every call of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "drivers build it literally at every call")]
pub struct Now {
    /// Monotonic time: drives every timer.
    pub mono: Mono,
    /// Wall-clock time: dates facts and judges expiry.
    pub wall: Wall,
}

/// Nanoseconds since an origin the driver chose; arithmetic saturates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mono(
    /// One more than the nanoseconds: of thousands of members a node keeps instants that there may be, and
    /// so they take no more room than those that there are.
    NonZeroU64,
);

impl Mono {
    /// The driver's origin.
    pub const ZERO: Self = Self(NonZeroU64::MIN);
    /// Further away than any timer.
    pub const MAX: Self = Self(NonZeroU64::MAX);

    /// The instant `nanos` nanoseconds after the origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanos))
    }

    /// Nanoseconds since the origin.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0.get() - 1
    }

    /// The time from `earlier` to here; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }
}

impl Default for Mono {
    fn default() -> Self {
        Self::ZERO
    }
}

impl fmt::Debug for Mono {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mono").field(&self.nanos()).finish()
    }
}

/// The first of some instants.
pub(crate) fn earliest(times: impl IntoIterator<Item = Option<Mono>>) -> Option<Mono> {
    // Asked of every part of a node at each of its steps: no iterator over iterators.
    times.into_iter().fold(None, |first, time| match (first, time) {
        (Some(first), Some(time)) => Some(first.min(time)),
        (first, time) => first.or(time),
    })
}

impl Add<Duration> for Mono {
    type Output = Self;

    fn add(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// Milliseconds since 1970-01-01 UTC; arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wall(u64);

impl Wall {
    /// 1970; in `expires_at` it stands for "never".
    pub const ZERO: Self = Self(0);

    /// The instant `millis` milliseconds after 1970.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to here; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// How far two clocks are apart, whichever is ahead.
    #[must_use]
    pub const fn distance(self, other: Self) -> Duration {
        Duration::from_millis(self.0.abs_diff(other.0))
    }
}

impl Add<Duration> for Wall {
    type Output = Self;

    fn add(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Wall {
    type Output = Self;

    fn sub(self, delay: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// A hybrid logical clock reading: 48 bits of milliseconds, then a 16-bit counter.
///
/// Later causes have smaller readings than their effects, and a reading stays close to wall time
/// (Kulkarni et al. 2014). The counter carries into the milliseconds when it overflows. On the
/// wire it is 8 big-endian bytes, so that byte order is time order.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hlc(u64);

impl Hlc {
    /// Before every real reading.
    pub const ZERO: Self = Self(0);
    /// After every real reading.
    pub const MAX: Self = Self(u64::MAX);

    /// The first reading of a millisecond; milliseconds beyond 48 bits saturate.
    #[must_use]
    pub const fn from_wall(wall: Wall) -> Self {
        let millis = if wall.0 >= 1 << 48 { (1 << 48) - 1 } else { wall.0 };
        Self(millis << 16)
    }

    /// The reading with these 64 bits.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// All 64 bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The millisecond this reading belongs to.
    #[must_use]
    pub const fn wall(self) -> Wall {
        Wall(self.0 >> 16)
    }

    /// The reading after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Debug for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hlc({}+{})", self.0 >> 16, self.0 & 0xffff)
    }
}

/// Sixteen hex digits, as versions are shown to people.
impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Hlc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.to_be_bytes().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Hlc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <[u8; 8]>::deserialize(deserializer).map(|bytes| Self(u64::from_be_bytes(bytes)))
    }
}

/// The one clock that dates a node's own facts: never repeats, never goes back.
#[derive(Clone, Copy, Debug, Default)]
pub struct HybridClock {
    last: Hlc,
}

impl HybridClock {
    /// A clock that continues after `last`, the highest reading the store holds.
    #[must_use]
    pub const fn resume(last: Hlc) -> Self {
        Self { last }
    }

    /// A reading greater than all that were handed out or observed before.
    pub fn tick(&mut self, wall: Wall) -> Hlc {
        self.last = Hlc::from_wall(wall).max(self.last.next());
        self.last
    }

    /// Takes note of another author's reading, so that what is written next comes after it.
    pub fn observe(&mut self, seen: Hlc) {
        self.last = self.last.max(seen);
    }

    /// The highest reading so far.
    #[must_use]
    pub const fn last(&self) -> Hlc {
        self.last
    }
}

/// How long an epoch lasts (house decision: 60 s).
pub const EPOCH: Duration = Duration::from_secs(60);

/// The minute, counted from 1970, in which replicas compare their sets.
///
/// Whether an entry belongs to the compared set of an epoch is a pure function of its header, so
/// that two replicas that hold the same facts agree on the set of any epoch without a word.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(u32);

impl Epoch {
    /// Before all epochs.
    pub const ZERO: Self = Self(0);
    /// After all epochs: what never leaves the compared set "leaves" here.
    pub const NEVER: Self = Self(u32::MAX);

    /// The epoch with this number.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// The epoch that contains this instant.
    #[must_use]
    pub fn of(wall: Wall) -> Self {
        let minutes = wall.millis() / 60_000;
        Self(u32::try_from(minutes).unwrap_or(u32::MAX - 1).min(u32::MAX - 1))
    }

    /// Minutes since 1970.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// When the epoch begins.
    #[must_use]
    pub const fn start(self) -> Wall {
        Wall(self.0 as u64 * 60_000)
    }

    /// The epoch after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The epoch before this one.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_never_repeats_and_carries() {
        let mut clock = HybridClock::default();
        let wall = Wall::from_millis(1_000);
        let mut last = Hlc::ZERO;
        for _ in 0..100_000 {
            let reading = clock.tick(wall);
            assert!(reading > last);
            last = reading;
        }
        assert_eq!(last.wall(), Wall::from_millis(1_001), "65,536 readings fill a millisecond");
        assert_eq!(
            clock.tick(Wall::from_millis(5)),
            last.next(),
            "a clock set back does not go back"
        );
    }

    #[test]
    fn byte_order_is_time_order() {
        let early = Hlc::from_bits(0x0102_0304_0506_0708);
        let late = Hlc::from_bits(0x0102_0304_0506_0800);
        let bytes = |hlc: Hlc| postcard::to_stdvec(&hlc).unwrap();
        assert!(bytes(early) < bytes(late));
        assert_eq!(postcard::from_bytes::<Hlc>(&bytes(early)).unwrap(), early);
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Mono::MAX + Duration::from_secs(1), Mono::MAX);
        assert_eq!(Wall::ZERO - Duration::from_secs(1), Wall::ZERO);
        assert_eq!(Hlc::MAX.next(), Hlc::MAX);
        assert!(Epoch::of(Wall::from_millis(u64::MAX)) < Epoch::NEVER);
    }
}
