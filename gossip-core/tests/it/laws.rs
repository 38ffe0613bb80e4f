//! Every shipped strategy obeys the laws of its slot, and whoever breaks one is caught.

mod lawless;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use gossip_core::id::NodeId;
use gossip_core::strategy::detector::{
    Heartbeat, HeartbeatConfig, PhiAccrual, PhiConfig, PhiFormula, Swim, SwimConfig,
};
use gossip_core::strategy::dissemination::{RumorConfig, RumorMongering};
use gossip_core::strategy::overlay::FullMesh;
use gossip_core::strategy::reconcile::{Method, Repair, RepairConfig};
use gossip_core::strategy::removal::{Blind, Feedback, Limit};
use gossip_core::strategy::retain::{KeepSiblings, LastWrite};
use gossip_core::strategy::sampler::{Line, Shuffled, Spatial, Uniform, Weighted};
use gossip_core::strategy::{Direction, Removal};
use gossip_core::testkit::{
    MakeDissemination, MakeReconcile, detector_laws, dissemination_laws, exclusion_laws,
    overlay_laws, reconcile_laws, removal_laws, retain_laws, sampler_laws, turn_laws,
};

/// Makes a removal rule.
type MakeRemoval = fn() -> Box<dyn Removal>;

/// The four removals, as patient as the papers' tables show to be worth it.
const REMOVALS: [MakeRemoval; 4] = [
    || Box::new(Blind::new(Limit::Coin(4))),
    || Box::new(Blind::new(Limit::Counter(4))),
    || Box::new(Feedback::new(Limit::Coin(4))),
    || Box::new(Feedback::new(Limit::Counter(2))),
];

fn rumors(direction: Direction, removal: MakeRemoval) -> MakeDissemination {
    let config = RumorConfig { direction, ..RumorConfig::default() };
    Rc::new(move || Box::new(RumorMongering::new(config, removal())))
}

fn ranges(config: RepairConfig) -> MakeReconcile {
    Rc::new(move || Box::new(Repair::new(config)))
}

#[test]
fn retain_rules() {
    retain_laws(&LastWrite::default(), 0..50);
    retain_laws(&KeepSiblings::default(), 0..50);
}

#[test]
fn samplers() {
    let weights = |seed: u8| (0..40).map(move |n| (NodeId::from_bytes([n ^ seed; 32]), n.into()));
    sampler_laws(|| Box::new(Shuffled::default()), 0..300);
    sampler_laws(|| Box::new(Uniform::default()), 0..300);
    let line = Arc::new(Line::new(Vec::from_iter(weights(3).map(|(node, _)| node)), 1.5));
    sampler_laws(|| Box::new(Spatial::new(line.clone(), &line.nodes()[0])), 0..300);
    sampler_laws(|| Box::new(Weighted::new(BTreeMap::from_iter(weights(3)))), 0..300);
    turn_laws(|| Box::new(Shuffled::default()), 0..300);
}

#[test]
fn overlays() {
    overlay_laws(|| Box::new(FullMesh::default()), 0..100);
}

#[test]
fn removals() {
    for k in [0, 1, 2, 5, 16] {
        for limit in [Limit::Coin(k), Limit::Counter(k)] {
            removal_laws(&Blind::new(limit), 0..20);
            removal_laws(&Feedback::new(limit), 0..20);
        }
    }
}

#[test]
fn detectors() {
    detector_laws(|| Box::new(Heartbeat::new(HeartbeatConfig::default())));
    let hasty =
        HeartbeatConfig { interval: Duration::from_millis(700), suspect_after: 1, dead_after: 2 };
    detector_laws(move || Box::new(Heartbeat::new(hasty)));
    detector_laws(|| Box::new(PhiAccrual::new(PhiConfig::default())));
    let normal = PhiConfig { formula: PhiFormula::Normal, ..PhiConfig::default() };
    detector_laws(move || Box::new(PhiAccrual::new(normal)));
    detector_laws(|| Box::new(Swim::new(SwimConfig::default())));
    // In the papers a member that speaks but does not answer is suspected: that alone is not lawful.
    for classic in [SwimConfig::swim(), SwimConfig::lifeguard()] {
        let config = SwimConfig { any_sign: true, ..classic };
        detector_laws(move || Box::new(Swim::new(config)));
    }
}

#[test]
fn reconcilers() {
    for method in [Method::Adaptive, Method::Range, Method::Rateless] {
        reconcile_laws(&ranges(RepairConfig { method, ..RepairConfig::default() }), 0..12);
    }
}

#[test]
fn reconcilers_one_way() {
    for direction in [Direction::Push, Direction::Pull] {
        reconcile_laws(&ranges(RepairConfig { direction, ..RepairConfig::default() }), 0..4);
    }
}

#[test]
fn reconcilers_that_serve_few() {
    let few = RepairConfig { connection_limit: 1, hunt: 2, ..RepairConfig::default() };
    reconcile_laws(&ranges(few), 0..4);
    let digest = RepairConfig { leaf: usize::MAX, fingerprint_first: false, ..few };
    reconcile_laws(&ranges(digest), 0..2);
}

#[test]
fn reconcilers_by_full_digest() {
    let digest = RepairConfig { leaf: usize::MAX, ..RepairConfig::default() };
    reconcile_laws(&ranges(digest), 0..4);
}

fn disseminate(direction: Direction) {
    for removal in REMOVALS {
        dissemination_laws(&rumors(direction, removal), 0..2);
        exclusion_laws(&rumors(direction, removal), 0..2);
    }
}

#[test]
fn push() {
    disseminate(Direction::Push);
}

#[test]
fn pull() {
    disseminate(Direction::Pull);
}

#[test]
fn push_pull() {
    disseminate(Direction::PushPull);
}

#[test]
fn push_then_pull() {
    disseminate(Direction::PushThenPull);
}

/// Ids first, minimised, with a connection limit, and all of that at once.
#[test]
fn rumors_of_few_words() {
    let plain = RumorConfig::default();
    let by_id = RumorConfig { offer_after: 0, ..plain };
    let soon_by_id = RumorConfig { offer_after: 2, ..plain };
    let minimized = RumorConfig { minimize: true, ..plain };
    let limited = RumorConfig { connection_limit: 1, ..plain };
    // Less than the fan-out, and whoever comes early takes all places.
    let hunting = RumorConfig { connection_limit: 3, hunt: u32::MAX, ..plain };
    let all = RumorConfig { offer_after: 0, minimize: true, hunt: 3, ..limited };
    for config in [by_id, soon_by_id, minimized, limited, hunting, all] {
        for direction in Direction::ALL {
            let config = RumorConfig { direction, ..config };
            let [.., removal] = REMOVALS;
            let make: MakeDissemination =
                Rc::new(move || Box::new(RumorMongering::new(config, removal())));
            dissemination_laws(&make, 0..1);
            exclusion_laws(&make, 0..1);
        }
    }
}
