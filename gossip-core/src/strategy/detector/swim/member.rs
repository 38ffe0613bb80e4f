//! One member as the detector sees it: how it stands, when it was heard, and its round trips.

use std::time::Duration;

use super::SwimConfig;
use crate::time::Mono;

/// What took longer is no path but a machine that stood still: it says nothing of how long the next answer takes, and
/// whoever crashes after such a pause would not be missed for minutes (a guess: an answer is in time for three waits, and
/// hardly any path takes 3 s).
const LONGEST_TRIP: Duration = Duration::from_secs(1);

/// What is kept of everybody. Thousands are: what is true of few at a time has its place elsewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watched {
    pub(super) standing: Standing,
    /// When a frame of it last arrived.
    pub(super) heard: Option<Mono>,
    trip: Option<Trip>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Alive,
    /// There is a [`Suspicion`](super::suspicion::Suspicion) of it.
    Suspect,
    Dead,
}

/// Round trips: smoothed, and their mean deviation; each in microseconds, for thousands are remembered.
#[derive(Clone, Copy, Debug)]
struct Trip {
    smoothed: u32,
    deviation: u32,
}

impl Watched {
    /// A member that is watched from now on.
    pub(super) const fn new() -> Self {
        Self { standing: Standing::Alive, heard: None, trip: None }
    }

    /// Takes note of a round trip: RFC 6298, section 2.
    pub(super) fn measured(&mut self, time: Duration) {
        let time = u32::try_from(time.min(LONGEST_TRIP).as_micros()).unwrap_or(u32::MAX);
        let mean = |old: u32, new: u32, share: u64| {
            let sum = u64::from(old) * (share - 1) + u64::from(new);
            u32::try_from(sum / share).unwrap_or(u32::MAX)
        };
        self.trip = Some(match self.trip {
            None => Trip { smoothed: time, deviation: time / 2 },
            Some(Trip { smoothed, deviation }) => Trip {
                smoothed: mean(smoothed, time, 8),
                deviation: mean(deviation, smoothed.abs_diff(time), 4),
            },
        });
    }

    /// How long an answer is waited for.
    pub(super) fn timeout(&self, config: &SwimConfig) -> Duration {
        match self.trip.filter(|_| config.adapt) {
            Some(Trip { smoothed, deviation }) => {
                let micros = u64::from(smoothed) + u64::from(deviation) * 4;
                Duration::from_micros(micros).max(config.least_timeout)
            }
            None => config.timeout,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn little_is_kept_of_everybody() {
        assert_eq!(size_of::<Watched>(), 24);
    }

    #[test]
    fn waits_follow_round_trips() {
        let config = SwimConfig::default();
        let mut watched = Watched::new();
        assert_eq!(watched.timeout(&config), config.timeout);
        watched.measured(millis(200));
        assert_eq!(watched.timeout(&config), millis(600));
        (0..50).for_each(|_| watched.measured(millis(200)));
        assert!(watched.timeout(&config) < millis(202));
        (0..50).for_each(|_| watched.measured(millis(1)));
        assert_eq!(watched.timeout(&config), config.least_timeout);
        assert_eq!(watched.timeout(&SwimConfig::swim()), millis(500));
        watched.measured(millis(60_000));
        assert!(watched.timeout(&config) < millis(2_000), "a pause is no round trip");
    }
}
