//! A detector alone, for tests: times in milliseconds, findings as they come.

use std::time::Duration;

use super::{Detector, DetectorCx, Finding, Sign};
use crate::id::NodeId;
use crate::rng::Rng;
use crate::time::Mono;

pub(super) const PEER: NodeId = NodeId::from_bytes([1; 32]);

pub(super) struct Scene<D> {
    pub(super) detector: D,
    rng: Rng,
}

impl<D: Detector> Scene<D> {
    pub(super) fn new(detector: D) -> Self {
        Self { detector, rng: Rng::from_number(1) }
    }

    pub(super) fn watch(&mut self, millis: u64, member: NodeId) {
        self.with(millis, |detector, cx| detector.watch(cx, member));
    }

    pub(super) fn sign(&mut self, millis: u64, member: NodeId, sign: Sign) -> Vec<Finding> {
        self.with(millis, |detector, cx| detector.sign(cx, member, sign))
    }

    pub(super) fn held(&mut self, millis: u64, held: bool) -> Vec<Finding> {
        self.with(millis, |detector, cx| detector.held(cx, held))
    }

    pub(super) fn poll(&mut self, millis: u64) -> Vec<Finding> {
        self.with(millis, |detector, cx| detector.poll(cx))
    }

    /// When it wants to be polled, rounded up.
    pub(super) fn deadline(&self) -> Option<u64> {
        self.detector.deadline().map(|due| due.nanos().div_ceil(1_000_000))
    }

    fn with(&mut self, millis: u64, act: impl FnOnce(&mut D, &mut DetectorCx<'_>)) -> Vec<Finding> {
        let mut findings = Vec::new();
        let now = Mono::ZERO + Duration::from_millis(millis);
        act(
            &mut self.detector,
            &mut DetectorCx { findings: &mut findings, now, rng: &mut self.rng },
        );
        findings
    }
}
