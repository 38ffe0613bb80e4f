//! From a seed to a plan.

use std::time::Duration;

use super::{Act, Config, Plan, Step, Value};
use crate::rng::Rng;
use crate::sim::{Burst, Delay};
use crate::time::EPOCH;

/// Keys that applications write: few, so that writes meet.
const KEYS: u64 = 40;

/// Writes and reads per minute of chaos.
const WRITES: u64 = 90;
const READS: u64 = 40;

/// Faults of networks, disks and clocks per minute of chaos. Twice as many seldom break more.
const FAULTS: u64 = 12;

/// Nodes meet before anything happens to them.
const CALM_BEFORE: Duration = Duration::from_secs(2);

/// What a seed plans: a pure function of both.
#[must_use]
pub fn chaos(config: &Config, seed: u64) -> Plan {
    let mut draw = Draw {
        config,
        mood: Mood::of(config, seed),
        down: vec![Vec::new(); config.nodes],
        rng: Rng::from_number(seed).fork("chaos"),
        steps: Vec::new(),
    };
    draw.all();
    let mut steps = draw.steps;
    steps.sort_by_key(|step| step.at);
    Plan { steps }
}

/// How the faults of a seed are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// All the time.
    Storm,
    /// Not in its third quarter or so, in which nodes agree and let go of deletions. Who was away
    /// before may be away for all of it, and come back to what the others have forgotten.
    Lull,
}

impl Mood {
    /// A lull comes after the first deletions have left the compared set, if it comes.
    pub(super) fn of(config: &Config, seed: u64) -> Self {
        let has_time = config.duration >= config.horizon + EPOCH;
        let lull = has_time && Rng::from_number(seed).fork("mood").chance(0.35);
        if lull { Self::Lull } else { Self::Storm }
    }
}

struct Draw<'a> {
    config: &'a Config,
    mood: Mood,
    /// When hosts are down: a host is down for one reason at a time.
    down: Vec<Vec<(Duration, Duration)>>,
    rng: Rng,
    steps: Vec<Step>,
}

impl Draw<'_> {
    fn all(&mut self) {
        let minutes = self.config.duration.as_secs_f64() / 60.0;
        let count = |rate: f64| (rate * minutes) as u64;
        if let Some(lasts) = self.config.partition {
            let act = Act::Partition(self.side());
            let at = self.begin(lasts);
            self.step(at, lasts, act);
        }
        // Some kinds are left out of each seed, so that others are not always drowned in them.
        let kinds: Vec<_> = (0..14).filter(|_| self.rng.chance(0.6)).collect();
        for _ in 0..count(FAULTS as f64) {
            let at = self.rng.index(kinds.len());
            if let Some(kind) = kinds.get(at) {
                self.fault(*kind);
            }
        }
        if self.mood == Mood::Lull {
            self.absence();
            self.endings();
        }
        for _ in 0..count(self.config.churn * self.config.nodes as f64) {
            self.churn();
        }
        for _ in 0..count(WRITES as f64) {
            let write = self.write();
            let at = self.begin(Duration::ZERO);
            self.step(at, Duration::ZERO, write);
        }
        for _ in 0..count(READS as f64) {
            let act = Act::Read(self.host(), self.key());
            let at = self.begin(Duration::ZERO);
            self.step(at, Duration::ZERO, act);
        }
    }

    fn fault(&mut self, kind: u64) {
        let host = self.host();
        let act = match kind {
            0 => Act::Alter(self.share(0.05)),
            1 => Act::Bandwidth(2_000 + self.rng.below(20_000), 4_000 + self.rng.below(30_000)),
            2 => {
                let (enter, leave) = (self.share(0.2), 0.05 + self.share(0.3));
                Act::Burst(Burst { enter, leave, loss: 1.0 })
            }
            3 => Act::Drift(host, self.rng.below(100_000) as i64 - 50_000),
            4 => Act::Duplicate(self.share(0.5)),
            5 => Act::FailReads(host),
            6 => Act::Late(self.delay()),
            7 => Act::Loss(self.share(0.5)),
            8 => Act::OneWay(self.side(), self.side()),
            9 => Act::Partition(self.side()),
            10 => Act::Pause(host),
            11 => Act::Reorder(self.share(1.0), self.millis(500)),
            12 => Act::Skew(host, self.skew()),
            _ => Act::SlowDisk(host, [self.millis(500), self.millis(500), self.millis(3_000)]),
        };
        let lasts = Duration::from_millis(500) + self.short();
        let at = self.begin(lasts);
        self.step(at, lasts, act);
    }

    /// Somebody is away from before the lull until after it.
    fn absence(&mut self) {
        let host = self.host();
        let (from, upto) = self.lull();
        let at = CALM_BEFORE * 4 + self.millis(from.as_millis() as u64 / 2);
        let lasts = upto.saturating_sub(at) + self.millis(3_000);
        let act = match self.rng.below(8) {
            0 => Act::Partition(1 << host),
            1 => Act::Crash(host),
            2 | 3 => Act::Leave(host),
            4 => Act::Pause(host),
            // Nobody is away, but somebody goes back to what it held before.
            _ => {
                let (back, down) = (upto + self.millis(2_000), self.millis(2_000));
                return self.step(back, down, Act::PutBack(host, back.saturating_sub(at)));
            }
        };
        if let Some(down) = self.down.get_mut(host) {
            down.push((at, at + lasts));
        }
        self.step(at, lasts, act);
    }

    /// Values expire late in the lull, everywhere: nodes sweep, and let go of what is confirmed by
    /// then.
    fn endings(&mut self) {
        let (from, upto) = self.lull();
        for _ in 0..3 {
            let ttl = upto.saturating_sub(from + self.millis(4_000));
            let act = Act::Write(self.host(), self.key(), Value::Expires(ttl));
            self.step(from, Duration::ZERO, act);
        }
    }

    /// When nothing happens in a seed with a lull.
    fn lull(&self) -> (Duration, Duration) {
        (self.config.duration * 3 / 10, self.config.duration * 19 / 20)
    }

    /// A host goes and comes back.
    fn churn(&mut self) {
        let host = self.host();
        let lasts = Duration::from_millis(200) + self.short();
        let at = self.begin(lasts);
        let act = match self.rng.below(12) {
            0 | 1 => Act::Stop(host),
            2 | 3 => Act::Leave(host),
            4 => Act::FailWrites(host),
            5 | 6 => Act::PutBack(host, self.millis(30_000).min(at.saturating_sub(CALM_BEFORE))),
            7..=9 => Act::TornCrash(host),
            _ => Act::Crash(host),
        };
        // A goodbye takes a moment, and so does what an end brings.
        let margin = Duration::from_secs(2);
        let busy = (at.saturating_sub(margin), at + lasts + margin);
        let Some(down) = self.down.get_mut(host) else { return };
        if down.iter().any(|(from, upto)| busy.0 < *upto && *from < busy.1) {
            return;
        }
        down.push(busy);
        if self.rng.chance(0.4) {
            self.around(host, at, lasts);
        }
        if matches!(act, Act::Leave(_)) && self.rng.chance(0.3) {
            self.step(at, lasts + self.config.duration / 10, Act::FailExports(host));
        }
        self.step(at, lasts, act);
    }

    /// A host writes just before it goes and as soon as it is back, when its clock may be behind.
    fn around(&mut self, host: usize, at: Duration, lasts: Duration) {
        let back = at + lasts;
        for moment in [at.saturating_sub(self.millis(20)), back + self.millis(300)] {
            let (key, value) = (self.key(), Value::Bytes(self.rng.index(20)));
            self.step(moment, Duration::ZERO, Act::Write(host, key, value));
        }
        let behind = self.rng.below(4_000) as i64;
        let until = lasts / 2 + self.millis(5_000);
        self.step(at + lasts / 2, until, Act::Skew(host, -behind));
    }

    fn write(&mut self) -> Act {
        let value = match self.rng.below(10) {
            0..=2 => Value::Delete,
            3 | 4 => Value::Expires(self.millis(30_000)),
            5 => Value::Bytes(sometimes_large(self.rng.index(800))),
            _ => Value::Bytes(self.rng.index(20)),
        };
        Act::Write(self.host(), self.key(), value)
    }

    /// Mostly within what is allowed between two clocks, and sometimes far beyond.
    fn skew(&mut self) -> i64 {
        let reach = if self.rng.chance(0.3) { 40_000 } else { 4_000 };
        self.rng.below(2 * reach) as i64 - reach as i64
    }

    fn delay(&mut self) -> Delay {
        let least = self.millis(50);
        match self.rng.below(3) {
            0 => Delay::Exponential { least, mean: self.millis(300) },
            1 => Delay::LogNormal { median: least, sigma: 1.0 + self.share(0.5) },
            _ => Delay::Uniform { least, most: least + self.millis(600) },
        }
    }

    fn host(&mut self) -> usize {
        self.rng.index(self.config.nodes)
    }

    fn key(&mut self) -> u16 {
        // The sum of two is uneven: some keys are written often.
        (self.rng.below(KEYS / 2) + self.rng.below(KEYS / 2)) as u16
    }

    /// Some of the hosts, not none and not all.
    fn side(&mut self) -> u64 {
        let all = (1_u64 << self.config.nodes.min(63)) - 1;
        let one = 1 << self.rng.index(self.config.nodes);
        // Often one alone, sometimes half of them.
        let side = if self.rng.chance(0.4) { one } else { self.rng.next_u64() & all | one };
        if side == all { one } else { side }
    }

    fn share(&mut self, most: f64) -> f64 {
        // Two decimals less than a thousandth would say: they read well in a plan.
        self.rng.below(1_001) as f64 / 1_000.0 * most
    }

    fn millis(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.rng.below(most + 1))
    }

    /// Mostly short, and sometimes up to half of the chaos.
    fn short(&mut self) -> Duration {
        let half = self.config.duration.as_millis() as u64 / 2;
        let most = if self.rng.chance(0.3) { half } else { half / 5 };
        self.millis(most)
    }

    /// A moment such that what lasts so long ends with the chaos.
    fn begin(&mut self, lasts: Duration) -> Duration {
        let room = self.config.duration.saturating_sub(lasts + CALM_BEFORE);
        let at = CALM_BEFORE + self.millis(room.as_millis() as u64);
        let (from, upto) = self.lull();
        if self.mood == Mood::Storm || at + lasts <= from || at >= upto {
            return at;
        }
        // What would reach into the lull comes before it, or after it if it is short.
        let (before, after) =
            (from.saturating_sub(lasts), self.config.duration.saturating_sub(lasts));
        if after > upto && self.rng.chance(0.3) { after } else { before.max(CALM_BEFORE) }
    }

    fn step(&mut self, at: Duration, lasts: Duration, act: Act) {
        self.steps.push(Step { at, lasts, act });
    }
}

/// One in twenty lengths made so large that the value fits no datagram, but dozens.
const fn sometimes_large(bytes: usize) -> usize {
    if bytes < 760 { bytes } else { (bytes - 750) * 1_600 }
}
