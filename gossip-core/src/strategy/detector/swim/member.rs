//! One member as the detector sees it: how it stands, its round trips, and its suspicion.

use std::time::Duration;

use super::SwimConfig;
use crate::time::Mono;

/// What took longer is no path but a machine that stood still: it says nothing of how long the next answer takes, and
/// whoever crashes after such a pause would not be missed for minutes (a guess: an answer is in time for three waits, and
/// hardly any path takes 3 s).
const LONGEST_TRIP: Duration = Duration::from_secs(1);

/// Most that damping multiplies a suspicion by.
const MOST_DAMPING: u32 = 4;

#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) standing: Standing,
    /// When a frame of it last arrived.
    pub(super) heard: Option<Mono>,
    trip: Option<Trip>,
    /// How often it came back lately, and when it last did.
    returns: (u32, Mono),
}

#[derive(Clone, Debug)]
pub(super) enum Standing {
    Alive,
    /// Few are suspects at a time: the others have no room for a suspicion.
    Suspect(Box<Suspicion>),
    Dead,
}

/// A suspicion under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspicion {
    pub(super) since: Mono,
    pub(super) accusers: u32,
    /// When it ends, unless the last attempt is under way: when that does.
    pub(super) due: Mono,
    shortest: Duration,
    longest: Duration,
    /// When the first last attempt was made.
    pub(super) attempt: Option<Mono>,
    /// How often it was put off because we were the silent one.
    pub(super) excused: u32,
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
        Self { standing: Standing::Alive, heard: None, trip: None, returns: (0, Mono::ZERO) }
    }

    pub(super) const fn is_dead(&self) -> bool {
        matches!(self.standing, Standing::Dead)
    }

    pub(super) const fn is_suspect(&self) -> bool {
        matches!(self.standing, Standing::Suspect(_))
    }

    pub(super) const fn is_alive(&self) -> bool {
        matches!(self.standing, Standing::Alive)
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

    /// It came back from suspicion or death.
    pub(super) fn returned(&mut self, now: Mono, config: &SwimConfig) {
        let (count, last) = self.returns;
        let lately = now.since(last) < config.damping;
        self.returns = (if lately { count + 1 } else { 1 }, now);
    }

    /// A suspicion that begins now, among so many members; what was heard of them before damps it.
    pub(super) fn suspicion(&self, now: Mono, members: usize, config: &SwimConfig) -> Suspicion {
        let (count, last) = self.returns;
        let returns = if now.since(last) < config.damping { count } else { 0 };
        let damping = f64::from((returns + 2).min(2 * MOST_DAMPING)) / 2.0;
        let digits = (members.max(1) as f64).log10().max(1.0);
        let shortest = config.period.mul_f64(config.alpha * digits * damping);
        let longest = shortest.mul_f64(config.beta.max(1.0));
        let mut suspicion = Suspicion {
            since: now,
            accusers: 0,
            due: now,
            shortest,
            longest,
            attempt: None,
            excused: 0,
        };
        suspicion.accused(1, members, config.confirmations);
        suspicion
    }
}

impl Suspicion {
    /// So many accuse the member now: the more, the sooner it ends (Lifeguard, section IV-B).
    /// Where fewer could confirm than are asked for, they do.
    pub(super) fn accused(&mut self, accusers: u32, members: usize, confirmations: u32) {
        if accusers <= self.accusers {
            return;
        }
        self.accusers = accusers;
        let others = u32::try_from(members.saturating_sub(2)).unwrap_or(u32::MAX);
        let wanted = confirmations.min(others);
        let share =
            if wanted == 0 { 1.0 } else { f64::from(accusers).ln() / f64::from(wanted + 1).ln() };
        let spared = (self.longest - self.shortest).mul_f64(share.clamp(0.0, 1.0));
        self.due = self.since + (self.longest - spared);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_suspicion_shrinks_with_each_accuser() {
        let config = SwimConfig::lifeguard();
        let watched = Watched::new();
        let mut suspicion = watched.suspicion(Mono::ZERO, 100, &config);
        assert_eq!(suspicion.due, Mono::ZERO + millis(60_000));
        suspicion.accused(2, 100, 3);
        assert_eq!(suspicion.due, Mono::ZERO + millis(35_000));
        suspicion.accused(1, 100, 3);
        assert_eq!(suspicion.due, Mono::ZERO + millis(35_000), "nobody takes anything back");
        suspicion.accused(4, 100, 3);
        assert_eq!(suspicion.due, Mono::ZERO + millis(10_000));
        suspicion.accused(9, 100, 3);
        assert_eq!(suspicion.due, Mono::ZERO + millis(10_000));
        let among_two = watched.suspicion(Mono::ZERO, 2, &config);
        assert_eq!(among_two.due, Mono::ZERO + millis(5_000), "nobody else could confirm it");
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

    #[test]
    fn who_flaps_is_suspected_for_longer() {
        let config = SwimConfig::default();
        let mut watched = Watched::new();
        let calm = watched.suspicion(Mono::ZERO, 100, &config).due.since(Mono::ZERO);
        let now = Mono::ZERO + millis(1_000_000);
        (0..2).for_each(|_| watched.returned(now, &config));
        assert_eq!(watched.suspicion(now, 100, &config).due.since(now), calm * 2);
        (0..20).for_each(|_| watched.returned(now, &config));
        assert_eq!(watched.suspicion(now, 100, &config).due.since(now), calm * 4);
        let later = now + config.damping;
        assert_eq!(watched.suspicion(later, 100, &config).due.since(later), calm);
    }
}
