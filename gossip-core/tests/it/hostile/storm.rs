//! Ten million mutated and random frames, in storms that tests run side by side.

use gossip_core::testkit::fuzz::storm;

const FRAMES: u64 = 2_500_000;

fn survive(seed: u64) {
    let report = storm(FRAMES, seed);
    assert_eq!(report.frames, FRAMES);
    assert!(report.rejected > FRAMES / 4, "the storm hit something: {report:?}");
    assert!(report.reasons.len() >= 10, "in many ways: {report:?}");
}

#[test]
fn the_first_storm_crashes_and_exhausts_nothing() {
    survive(1);
}

#[test]
fn the_second_storm_crashes_and_exhausts_nothing() {
    survive(2);
}

#[test]
fn the_third_storm_crashes_and_exhausts_nothing() {
    survive(3);
}

#[test]
fn the_fourth_storm_crashes_and_exhausts_nothing() {
    survive(4);
}
