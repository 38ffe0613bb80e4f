//! Silence, attempts, verdict: the plain detector.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Detector, DetectorCx, Finding, Sign};
use crate::id::NodeId;
use crate::time::Mono;

/// How patient a [`Heartbeat`] detector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "configuration builds it literally")]
pub struct HeartbeatConfig {
    /// A member silent for so long is probed, and again after each further such time.
    /// Default 2 s (a guess). Shorter costs one small exchange per member and interval.
    pub interval: Duration,
    /// So many unanswered probes make it suspect. Default 2: one loss convicts nobody.
    pub suspect_after: u32,
    /// So many unanswered probes make it dead. Default 5: at 10 % loss of each datagram,
    /// (1 - 0.9^2)^5 = 0.02 % of silent but live members are called dead, and come back at the
    /// next sign of life.
    pub dead_after: u32,
}

impl Default for HeartbeatConfig {
    fn default() -> Self {
        Self { interval: Duration::from_secs(2), suspect_after: 2, dead_after: 5 }
    }
}

/// Any exchange is a heartbeat; who is silent is probed, then suspected, then dead.
///
/// ```text
///          silent                  unanswered               unanswered
///  alive ──────────▶ probed (n=1) ────────────▶ suspect ───────────────▶ dead
///    ▲                    │                        │                       │
///    └────────────────────┴──────── heard ─────────┴───────────────────────┘
/// ```
#[derive(Clone, Debug)]
pub struct Heartbeat {
    config: HeartbeatConfig,
    /// Deadlines in order; one per watched member that is not dead.
    due: BTreeMap<(Mono, NodeId), ()>,
    members: BTreeMap<NodeId, Watch>,
}

#[derive(Clone, Copy, Debug)]
struct Watch {
    due: Mono,
    /// When a frame of it last arrived.
    heard: Option<Mono>,
    probes: u32,
}

impl Heartbeat {
    /// A detector with this patience.
    #[must_use]
    pub const fn new(config: HeartbeatConfig) -> Self {
        Self { config, due: BTreeMap::new(), members: BTreeMap::new() }
    }

    fn schedule(&mut self, member: NodeId, due: Mono, probes: u32) {
        let watch = self.members.entry(member).or_insert(Watch { due, heard: None, probes });
        self.due.remove(&(watch.due, member));
        (watch.due, watch.probes) = (due, probes);
        if probes <= self.config.dead_after {
            self.due.insert((due, member), ());
        }
    }
}

impl Detector for Heartbeat {
    fn name(&self) -> &'static str {
        "heartbeat"
    }

    fn watch(&mut self, cx: &mut DetectorCx<'_>, member: NodeId) {
        if !self.members.contains_key(&member) {
            self.schedule(member, cx.now + self.config.interval, 0);
        }
    }

    fn forget(&mut self, member: NodeId) {
        if let Some(watch) = self.members.remove(&member) {
            self.due.remove(&(watch.due, member));
        }
    }

    fn sign(&mut self, cx: &mut DetectorCx<'_>, member: NodeId, sign: Sign) {
        let Some(watch) = self.members.get_mut(&member) else { return };
        let probes = watch.probes;
        let is_dead = probes > self.config.dead_after;
        match sign {
            Sign::Heard => watch.heard = Some(cx.now),
            Sign::Answered(_) => {}
            // A relayed word does not raise the dead: it is asked itself.
            Sign::Renewed if is_dead => return cx.find(Finding::Probe(member)),
            Sign::Renewed => {}
            Sign::Vouched | Sign::Missed | Sign::Accused(_) | Sign::Convicted => return,
        }
        self.schedule(member, cx.now + self.config.interval, 0);
        if probes > self.config.suspect_after {
            cx.find(Finding::Alive(member));
        }
    }

    fn heard(&self, member: &NodeId) -> Option<Mono> {
        self.members.get(member)?.heard
    }

    fn suspicion(&self, member: &NodeId) -> Option<(Mono, bool)> {
        let Watch { due, probes, .. } = *self.members.get(member)?;
        let HeartbeatConfig { interval, suspect_after, dead_after } = self.config;
        let suspect = (suspect_after + 1..=dead_after).contains(&probes);
        suspect.then(|| (due + interval * (dead_after - probes), probes == dead_after))
    }

    fn poll(&mut self, cx: &mut DetectorCx<'_>) {
        while let Some((&(due, member), ())) = self.due.first_key_value() {
            if due > cx.now {
                break;
            }
            let probes = self.members.get(&member).map_or(0, |watch| watch.probes) + 1;
            self.schedule(member, cx.now + self.config.interval, probes);
            // The probe just due is the `probes`-th; the ones before it stayed unanswered.
            match probes - 1 {
                missed if missed == self.config.suspect_after => {
                    cx.find(Finding::Suspect(member));
                    cx.find(Finding::Probe(member));
                }
                missed if missed >= self.config.dead_after => cx.find(Finding::Dead(member)),
                _ => cx.find(Finding::Probe(member)),
            }
        }
    }

    fn deadline(&self) -> Option<Mono> {
        self.due.first_key_value().map(|(&(due, _), ())| due)
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{PEER, Scene};
    use super::*;

    #[test]
    fn silence_is_probed_then_suspected_then_dead() {
        let mut scene = Scene::new(Heartbeat::new(HeartbeatConfig::default()));
        scene.watch(0, PEER);
        assert!(scene.poll(1_000).is_empty());
        assert_eq!(scene.poll(2_000), [Finding::Probe(PEER)]);
        assert_eq!(scene.poll(4_000), [Finding::Probe(PEER)]);
        assert_eq!(scene.poll(6_000), [Finding::Suspect(PEER), Finding::Probe(PEER)]);
        let dead_at = Mono::ZERO + Duration::from_secs(12);
        assert_eq!(scene.detector.suspicion(&PEER), Some((dead_at, false)));
        assert_eq!(scene.poll(8_000), [Finding::Probe(PEER)]);
        assert_eq!(scene.poll(10_000), [Finding::Probe(PEER)]);
        assert_eq!(scene.detector.suspicion(&PEER), Some((dead_at, true)));
        assert_eq!(scene.poll(12_000), [Finding::Dead(PEER)]);
        assert_eq!(scene.detector.suspicion(&PEER), None);
        assert_eq!(scene.deadline(), None, "the dead are redialled, not probed");
        assert_eq!(scene.sign(98_000, PEER, Sign::Renewed), [Finding::Probe(PEER)]);
        assert_eq!(scene.sign(99_000, PEER, Sign::Heard), [Finding::Alive(PEER)]);
        assert_eq!(scene.deadline(), Some(101_000));
    }

    #[test]
    fn a_sign_of_life_starts_over() {
        let mut scene = Scene::new(Heartbeat::new(HeartbeatConfig::default()));
        scene.watch(0, PEER);
        scene.poll(2_000);
        assert!(scene.sign(3_000, PEER, Sign::Heard).is_empty());
        assert!(scene.poll(4_000).is_empty());
        scene.detector.forget(PEER);
        assert!(scene.sign(5_000, PEER, Sign::Heard).is_empty());
        assert_eq!(scene.deadline(), None);
    }
}
