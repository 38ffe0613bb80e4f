//! The laws of the detector slot.

use std::collections::BTreeMap;
use std::time::Duration;

use super::sampler::nodes;
use crate::id::NodeId;
use crate::rng::Rng;
use crate::strategy::Detector;
use crate::strategy::detector::{DetectorCx, Finding, Sign};
use crate::time::Mono;

/// Within so long a silent member is dead, in virtual time: any patience beyond it is none.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long an answer to a probe takes: a long round trip on earth.
const ROUND_TRIP: Duration = Duration::from_millis(300);

/// What is often enough to be regular.
const REGULAR: Duration = Duration::from_millis(500);

/// Holds a detector to the laws of [`Detector`], with members that are silent, that answer every
/// probe, and that give regular signs of life. Findings are due within minutes, as virtual time
/// counts them.
///
/// # Panics
/// If a law is broken.
pub fn detector_laws(make: impl Fn() -> Box<dyn Detector>) {
    assert!(!make().name().is_empty(), "a detector has a name");
    it_is_complete(&make);
    it_is_silent(&make);
    the_dead_come_back(&make);
    the_forgotten_are_forgotten(&make);
}

/// Who is silent is probed, then suspected, then dead, whatever others do.
fn it_is_complete(make: &impl Fn() -> Box<dyn Detector>) {
    let mut scene = Scene::new(make(), 8);
    let (silent, lively) = scene.halves();
    scene.answering = lively.clone();
    // Who is watched again does not begin anew.
    scene.rewatching = silent.clone();
    scene.run(PATIENCE);
    for member in silent {
        let found = scene.found(member);
        let is_dead = found.iter().any(|finding| matches!(finding, Finding::Dead(_)));
        assert!(is_dead, "{:?}: who is silent is not called dead: {found:?}", scene.detector);
        let probe = found.iter().position(|finding| matches!(finding, Finding::Probe(_)));
        let suspect = found.iter().position(|finding| matches!(finding, Finding::Suspect(_)));
        let in_order = probe.is_some() && suspect.is_some() && probe < suspect;
        assert!(in_order, "{:?}: convicted unheard: {found:?}", scene.detector);
        let once = found.iter().filter(|finding| matches!(finding, Finding::Dead(_))).count();
        assert_eq!(once, 1, "{:?}: dead more than once", scene.detector);
    }
    for member in lively {
        scene.is_unsuspected(member);
    }
}

/// Nobody is suspected who answers every probe, or gives regular signs of life.
fn it_is_silent(make: &impl Fn() -> Box<dyn Detector>) {
    let mut scene = Scene::new(make(), 8);
    (scene.answering, scene.regular) = scene.halves();
    scene.run(PATIENCE);
    for member in scene.members.clone() {
        scene.is_unsuspected(member);
    }
}

/// Who is heard again is alive at once, and watched as before.
fn the_dead_come_back(make: &impl Fn() -> Box<dyn Detector>) {
    let mut scene = Scene::new(make(), 1);
    let members = scene.members.clone();
    scene.run(PATIENCE);
    for member in &members {
        let found = scene.hears(*member);
        assert_eq!(found, [Finding::Alive(*member)], "{:?}: dead for ever", scene.detector);
        let again = scene.hears(*member);
        assert!(again.is_empty(), "{:?}: alive twice", scene.detector);
    }
    scene.findings.clear();
    scene.run(PATIENCE);
    for member in &members {
        let dies = scene.found(*member).contains(&Finding::Dead(*member));
        assert!(dies, "{:?}: whoever came back is not watched", scene.detector);
    }
}

/// Who left is neither probed nor judged, and whoever was never watched is no finding.
fn the_forgotten_are_forgotten(make: &impl Fn() -> Box<dyn Detector>) {
    let mut scene = Scene::new(make(), 4);
    scene.run(PATIENCE / 300);
    let members = scene.members.clone();
    members.iter().for_each(|member| scene.detector.forget(*member));
    scene.findings.clear();
    scene.run(PATIENCE);
    assert!(scene.findings.is_empty(), "{:?}: finds who left", scene.detector);
    for member in members {
        let heard = scene.hears(member);
        assert!(heard.is_empty(), "{:?}: hears who left", scene.detector);
    }
    assert_eq!(scene.detector.deadline(), None, "{:?}: waits for nobody", scene.detector);
}

/// A detector, and members who behave.
struct Scene {
    answering: Vec<NodeId>,
    detector: Box<dyn Detector>,
    findings: Vec<Finding>,
    members: Vec<NodeId>,
    now: Mono,
    regular: Vec<NodeId>,
    rewatching: Vec<NodeId>,
    rng: Rng,
}

impl Scene {
    fn new(detector: Box<dyn Detector>, count: usize) -> Self {
        let mut scene = Self {
            answering: Vec::new(),
            detector,
            findings: Vec::new(),
            members: nodes(count),
            now: Mono::ZERO,
            regular: Vec::new(),
            rewatching: Vec::new(),
            rng: Rng::from_number(1),
        };
        for member in scene.members.clone() {
            scene.with(|detector, cx| detector.watch(cx, member));
        }
        scene
    }

    fn with(&mut self, act: impl FnOnce(&mut dyn Detector, &mut DetectorCx<'_>)) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut cx = DetectorCx { findings: &mut findings, now: self.now, rng: &mut self.rng };
        act(&mut *self.detector, &mut cx);
        findings
    }

    /// A frame of a member arrives.
    fn hears(&mut self, member: NodeId) -> Vec<Finding> {
        self.with(|detector, cx| detector.sign(cx, member, Sign::Heard))
    }

    fn halves(&self) -> (Vec<NodeId>, Vec<NodeId>) {
        let (left, right) = self.members.split_at(self.members.len() / 2);
        (left.to_vec(), right.to_vec())
    }

    /// Polls at deadlines only, as a node does, for so long.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        let mut signs = BTreeMap::<NodeId, Mono>::new();
        signs.extend(self.regular.iter().map(|member| (*member, self.now + REGULAR)));
        loop {
            let sign = signs.values().min().copied();
            let Some(next) = sign.into_iter().chain(self.detector.deadline()).min() else { break };
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            let heard = signs.iter().filter(|(_, due)| **due <= next).map(|(member, _)| *member);
            for member in heard.collect::<Vec<_>>() {
                let mut found = self.hears(member);
                // The frame is the answer to a probe, unless it is one of a regular row.
                if !self.regular.contains(&member) {
                    let answered = Sign::Answered(ROUND_TRIP);
                    found.extend(self.with(|detector, cx| detector.sign(cx, member, answered)));
                }
                self.findings.extend(found);
                signs.remove(&member);
                if self.regular.contains(&member) {
                    signs.insert(member, self.now + REGULAR);
                }
            }
            for member in self.rewatching.clone() {
                self.with(|detector, cx| detector.watch(cx, member));
            }
            let findings = self.with(|detector, cx| detector.poll(cx));
            for finding in &findings {
                if let Finding::Probe(member) | Finding::Warn(member) = finding
                    && self.answering.contains(member)
                {
                    signs.insert(*member, self.now + ROUND_TRIP);
                }
            }
            self.findings.extend(findings);
            let due = self.detector.deadline();
            assert!(due > Some(self.now) || due.is_none(), "{:?}: no progress", self.detector);
        }
        self.now = end;
    }

    fn found(&self, member: NodeId) -> Vec<Finding> {
        let about = |finding: &&Finding| match finding {
            Finding::Accuse(about)
            | Finding::Alive(about)
            | Finding::Ask { about, .. }
            | Finding::Convict(about)
            | Finding::Dead(about)
            | Finding::Probe(about)
            | Finding::ProbeByStream(about)
            | Finding::Suspect(about)
            | Finding::Warn(about) => *about == member,
        };
        self.findings.iter().filter(about).copied().collect()
    }

    fn is_unsuspected(&self, member: NodeId) {
        let found = self.found(member);
        let judges = |finding: &Finding| {
            matches!(finding, Finding::Accuse(_) | Finding::Dead(_) | Finding::Suspect(_))
        };
        let quiet = !found.iter().any(judges);
        assert!(quiet, "{:?}: suspects who answers: {found:?}", self.detector);
    }
}
