//! Mutated and random frames by the million.

use gossip_core::testkit::fuzz::storm;

/// A tenth of what a release is shown: see `cargo xtask fuzz storm`.
const FRAMES: u64 = 1_000_000;

#[test]
fn a_million_bent_frames_crash_and_exhaust_nothing() {
    let report = storm(FRAMES, 1);
    assert_eq!(report.frames, FRAMES);
    assert!(report.rejected > FRAMES / 4, "the storm hit something: {report:?}");
    assert!(report.reasons.len() >= 10, "in many ways: {report:?}");
}
