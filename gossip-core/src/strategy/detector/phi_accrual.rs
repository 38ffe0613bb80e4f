//! Phi accrual: suspicion is a number that grows with silence, on the scale of what is usual.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::f64::consts::LN_10;
use std::time::Duration;

use super::{Detector, DetectorCx, Finding, Sign};
use crate::id::NodeId;
use crate::time::Mono;

/// How long a silence of these intervals' mean and deviation must be to be so improbable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the two that are in use")]
pub enum PhiFormula {
    /// Intervals are taken to be exponential: `φ = t / mean / ln 10` (Cassandra).
    Exponential,
    /// Intervals are taken to be normal (Hayashibara et al. 2004, section 4.2), by the logistic approximation
    /// that Akka uses: it reaches φ = 8 after 5.23 standard deviations, and the distribution itself after 5.61.
    Normal,
}

/// How sure a [`PhiAccrual`] detector wants to be.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "configuration builds it literally")]
pub struct PhiConfig {
    /// Each member is probed so often: an answer is a heartbeat. Default 1 s (Cassandra, Akka). It costs a
    /// message per member and interval: for clusters of some hundred.
    pub interval: Duration,
    /// What a member's φ must reach to be dead: a silence as long comes by chance once in 10^φ. Default 8
    /// (Cassandra, Akka).
    pub threshold: f64,
    /// What it must reach to be suspect. Default 4: half of it, so that probes go on for as long.
    pub suspect: f64,
    /// Intervals that are remembered, four bytes each. Default 200 (1,000 in the paper, which keeps 4 kB a
    /// member).
    pub window: usize,
    /// What is taken for granted of the intervals' distribution. Default exponential.
    pub formula: PhiFormula,
    /// The smallest standard deviation. Default 100 ms (Akka).
    pub least_deviation: Duration,
}

impl Default for PhiConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            threshold: 8.0,
            suspect: 4.0,
            window: 200,
            formula: PhiFormula::Exponential,
            least_deviation: Duration::from_millis(100),
        }
    }
}

/// Everybody is probed at every interval; who is silent for longer than it ever was is suspected, then
/// dead.
#[derive(Clone, Debug)]
pub struct PhiAccrual {
    config: PhiConfig,
    due: BTreeSet<(Mono, NodeId)>,
    members: BTreeMap<NodeId, Tracked>,
}

#[derive(Clone, Debug)]
struct Tracked {
    due: Mono,
    /// When a frame of it last arrived.
    heard: Option<Mono>,
    /// When it last gave a sign of life, by whatever way.
    lived: Mono,
    /// Milliseconds between answers, and the last one.
    intervals: VecDeque<u32>,
    answered: Option<Mono>,
    probe: Mono,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Alive,
    Suspect,
    Dead,
}

impl PhiAccrual {
    /// A detector that wants to be so sure.
    #[must_use]
    pub const fn new(config: PhiConfig) -> Self {
        Self { config, due: BTreeSet::new(), members: BTreeMap::new() }
    }

    /// Files a member under what comes next for it.
    fn file(&mut self, member: NodeId) {
        let Some(tracked) = self.members.get_mut(&member) else { return };
        self.due.remove(&(tracked.due, member));
        let verdict = match tracked.standing {
            Standing::Alive => self.config.suspect,
            Standing::Suspect => self.config.threshold,
            Standing::Dead => return,
        };
        let silent_until = tracked.lived + tracked.silence(verdict, &self.config);
        tracked.due = silent_until.min(tracked.probe);
        self.due.insert((tracked.due, member));
    }
}

impl Tracked {
    /// How long a silence has this φ.
    fn silence(&self, phi: f64, config: &PhiConfig) -> Duration {
        let (mean, deviation) = self.usual(config);
        let seconds = match config.formula {
            PhiFormula::Exponential => phi * LN_10 * mean,
            PhiFormula::Normal => mean + deviation * deviations(phi),
        };
        Duration::from_secs_f64(seconds.clamp(0.0, YEAR))
    }

    /// Mean and standard deviation of the intervals in seconds. Of two answers and fewer nothing is
    /// known: then they are what was asked for.
    fn usual(&self, config: &PhiConfig) -> (f64, f64) {
        let least = config.least_deviation.as_secs_f64();
        let count = self.intervals.len() as f64;
        if self.intervals.len() < 2 {
            return (config.interval.as_secs_f64(), least);
        }
        let seconds = || self.intervals.iter().map(|millis| f64::from(*millis) / 1_000.0);
        let mean = seconds().sum::<f64>() / count;
        let variance = seconds().map(|it| (it - mean) * (it - mean)).sum::<f64>() / count;
        (mean, variance.sqrt().max(least))
    }
}

/// A year in seconds: silences longer than that are as good as endless.
const YEAR: f64 = 365.0 * 86_400.0;

/// How many standard deviations above the mean have this φ: found by halving, for φ grows with them.
fn deviations(phi: f64) -> f64 {
    let phi_of = |y: f64| {
        let e = (-y * (1.5976 + 0.070_566 * y * y)).exp();
        -(e / (1.0 + e)).log10()
    };
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if phi_of(middle) < phi { low = middle } else { high = middle }
    }
    high
}

impl Detector for PhiAccrual {
    fn name(&self) -> &'static str {
        "phi-accrual"
    }

    fn watch(&mut self, cx: &mut DetectorCx<'_>, member: NodeId) {
        if self.members.contains_key(&member) {
            return;
        }
        let nanos = u64::try_from(self.config.interval.as_nanos()).unwrap_or(u64::MAX);
        let probe = cx.now + Duration::from_nanos(cx.rng.below(nanos.max(1)));
        let tracked = Tracked {
            due: probe,
            heard: None,
            lived: cx.now,
            intervals: VecDeque::new(),
            answered: None,
            probe,
            standing: Standing::Alive,
        };
        self.members.insert(member, tracked);
        self.file(member);
    }

    fn forget(&mut self, member: NodeId) {
        if let Some(tracked) = self.members.remove(&member) {
            self.due.remove(&(tracked.due, member));
        }
    }

    fn sign(&mut self, cx: &mut DetectorCx<'_>, member: NodeId, sign: Sign) {
        let Some(tracked) = self.members.get_mut(&member) else { return };
        match sign {
            Sign::Heard => tracked.heard = Some(cx.now),
            Sign::Answered(_) => {
                if let Some(last) = tracked.answered.replace(cx.now) {
                    let millis = u32::try_from(cx.now.since(last).as_millis()).unwrap_or(u32::MAX);
                    tracked.intervals.push_back(millis);
                }
                if tracked.intervals.len() > self.config.window {
                    tracked.intervals.pop_front();
                }
            }
            // A relayed word does not raise the dead: it is asked itself.
            Sign::Renewed if tracked.standing == Standing::Dead => {
                return cx.find(Finding::Probe(member));
            }
            Sign::Renewed => {}
            Sign::Vouched | Sign::Missed | Sign::Accused(_) | Sign::Convicted => return,
        }
        tracked.lived = cx.now;
        if std::mem::replace(&mut tracked.standing, Standing::Alive) != Standing::Alive {
            // A silence that was survived is not what is usual.
            tracked.answered = None;
            tracked.probe = cx.now + self.config.interval;
            cx.find(Finding::Alive(member));
        }
        self.file(member);
    }

    fn heard(&self, member: &NodeId) -> Option<Mono> {
        self.members.get(member)?.heard
    }

    fn suspicion(&self, member: &NodeId) -> Option<(Mono, bool)> {
        let tracked = self.members.get(member)?;
        let silence = tracked.silence(self.config.threshold, &self.config);
        (tracked.standing == Standing::Suspect).then(|| (tracked.lived + silence, false))
    }

    fn poll(&mut self, cx: &mut DetectorCx<'_>) {
        while let Some(&(_, member)) = self.due.first().filter(|(due, _)| *due <= cx.now) {
            let Some(tracked) = self.members.get_mut(&member) else { break };
            let silent = cx.now.since(tracked.lived);
            if tracked.standing == Standing::Alive
                && silent >= tracked.silence(self.config.suspect, &self.config)
            {
                tracked.standing = Standing::Suspect;
                tracked.probe = cx.now;
                cx.find(Finding::Suspect(member));
            } else if tracked.standing == Standing::Suspect
                && silent >= tracked.silence(self.config.threshold, &self.config)
            {
                self.due.remove(&(tracked.due, member));
                tracked.standing = Standing::Dead;
                cx.find(Finding::Dead(member));
                continue;
            }
            if tracked.probe <= cx.now {
                tracked.probe = cx.now + self.config.interval;
                cx.find(Finding::Probe(member));
            }
            self.file(member);
        }
    }

    fn deadline(&self) -> Option<Mono> {
        self.due.first().map(|(due, _)| *due)
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{PEER, Scene};
    use super::*;

    /// When a member that answered once a second for a minute is called dead after its last answer.
    fn convicted_after(config: PhiConfig) -> u64 {
        let mut scene = Scene::new(PhiAccrual::new(config));
        scene.watch(0, PEER);
        for second in 1..=60 {
            scene.poll(second * 1_000);
            scene.sign(second * 1_000, PEER, Sign::Answered(Duration::from_millis(1)));
        }
        loop {
            let due = scene.deadline().expect("it is watched until it is dead");
            if scene.poll(due).contains(&Finding::Dead(PEER)) {
                return due - 60_000;
            }
        }
    }

    #[test]
    fn cassandra_convicts_after_eighteen_seconds() {
        let after = convicted_after(PhiConfig::default());
        assert!((18_400..=18_450).contains(&after), "{after}: 8 ln 10 = 18.42");
    }

    #[test]
    fn regular_intervals_make_impatient() {
        let normal = PhiConfig { formula: PhiFormula::Normal, ..PhiConfig::default() };
        let after = convicted_after(normal);
        // 5.23 times the smallest deviation, 100 ms, beyond the mean.
        assert!((1_515..=1_535).contains(&after), "{after}");
    }

    #[test]
    fn who_answers_again_is_alive() {
        let mut scene = Scene::new(PhiAccrual::new(PhiConfig::default()));
        scene.watch(0, PEER);
        while scene.deadline().is_some() {
            scene.poll(scene.deadline().unwrap());
        }
        assert_eq!(scene.sign(90_000, PEER, Sign::Renewed), [Finding::Probe(PEER)]);
        assert_eq!(scene.sign(90_010, PEER, Sign::Heard), [Finding::Alive(PEER)]);
        assert!(scene.deadline().is_some());
    }
}
