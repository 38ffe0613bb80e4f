//! Silence, attempts, verdict: the plain detector.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Detector, Finding};
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
    probes: u32,
}

impl Heartbeat {
    /// A detector with this patience.
    #[must_use]
    pub const fn new(config: HeartbeatConfig) -> Self {
        Self { config, due: BTreeMap::new(), members: BTreeMap::new() }
    }

    fn schedule(&mut self, member: NodeId, due: Mono, probes: u32) {
        if let Some(old) = self.members.insert(member, Watch { due, probes }) {
            self.due.remove(&(old.due, member));
        }
        if probes <= self.config.dead_after {
            self.due.insert((due, member), ());
        }
    }
}

impl Detector for Heartbeat {
    fn name(&self) -> &'static str {
        "heartbeat"
    }

    fn watch(&mut self, now: Mono, member: NodeId) {
        if !self.members.contains_key(&member) {
            self.schedule(member, now + self.config.interval, 0);
        }
    }

    fn forget(&mut self, member: NodeId) {
        if let Some(watch) = self.members.remove(&member) {
            self.due.remove(&(watch.due, member));
        }
    }

    fn heard(&mut self, now: Mono, member: NodeId) -> Option<Finding> {
        let probes = self.members.get(&member)?.probes;
        self.schedule(member, now + self.config.interval, 0);
        (probes > self.config.suspect_after).then_some(Finding::Alive(member))
    }

    fn poll(&mut self, now: Mono) -> Vec<Finding> {
        let mut findings = Vec::new();
        while let Some((&(due, member), ())) = self.due.first_key_value() {
            if due > now {
                break;
            }
            let probes = self.members.get(&member).map_or(0, |watch| watch.probes) + 1;
            self.schedule(member, now + self.config.interval, probes);
            // The probe just due is the `probes`-th; the ones before it stayed unanswered.
            match probes - 1 {
                missed if missed == self.config.suspect_after => {
                    findings.push(Finding::Suspect(member));
                    findings.push(Finding::Probe(member));
                }
                missed if missed >= self.config.dead_after => findings.push(Finding::Dead(member)),
                _ => findings.push(Finding::Probe(member)),
            }
        }
        findings
    }

    fn deadline(&self) -> Option<Mono> {
        self.due.first_key_value().map(|(&(due, _), ())| due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: NodeId = NodeId::from_bytes([1; 32]);

    fn after(seconds: u64) -> Mono {
        Mono::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn silence_is_probed_then_suspected_then_dead() {
        let mut detector = Heartbeat::new(HeartbeatConfig::default());
        detector.watch(after(0), PEER);
        assert!(detector.poll(after(1)).is_empty());
        assert_eq!(detector.poll(after(2)), [Finding::Probe(PEER)]);
        assert_eq!(detector.poll(after(4)), [Finding::Probe(PEER)]);
        assert_eq!(detector.poll(after(6)), [Finding::Suspect(PEER), Finding::Probe(PEER)]);
        assert_eq!(detector.poll(after(8)), [Finding::Probe(PEER)]);
        assert_eq!(detector.poll(after(10)), [Finding::Probe(PEER)]);
        assert_eq!(detector.poll(after(12)), [Finding::Dead(PEER)]);
        assert_eq!(detector.deadline(), None, "the dead are redialled, not probed");
        assert_eq!(detector.heard(after(99), PEER), Some(Finding::Alive(PEER)));
        assert_eq!(detector.deadline(), Some(after(101)));
    }

    #[test]
    fn a_sign_of_life_starts_over() {
        let mut detector = Heartbeat::new(HeartbeatConfig::default());
        detector.watch(after(0), PEER);
        detector.poll(after(2));
        assert_eq!(detector.heard(after(3), PEER), None);
        assert!(detector.poll(after(4)).is_empty());
        detector.forget(PEER);
        assert_eq!(detector.heard(after(5), PEER), None);
        assert_eq!(detector.deadline(), None);
    }
}
