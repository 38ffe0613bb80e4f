//! A process is stopped for 20 s, and goes on.

use std::time::{Duration, Instant};

use super::{HEALING, seconds, well, well_again};
use crate::cluster::{Variant, report};
use crate::symptoms::{Found, all_find, kinds, why};

const STOPPED: u8 = 3;

const LASTS: Duration = Duration::from_secs(20);

/// What was on its way when the process went on.
const MOMENT: Duration = Duration::from_millis(500);

pub(crate) fn a_standstill_is_named_and_convicts_nobody_else(variant: Variant) {
    let (cluster, mut watch) = well(variant, 15);
    let begun = watch.begin();
    cluster.signal(STOPPED, "-STOP");
    let found = all_find(&cluster, &[1, 2, 4, 5], &[Found::new("dead", &[STOPPED])], LASTS);
    assert_eq!(why(&cluster, 1, STOPPED)["link"]["link"], "silent");
    cluster.eventually("it has stood still", LASTS * 2, || begun.elapsed() >= LASTS);
    cluster.signal(STOPPED, "-CONT");
    let resumed = Instant::now();
    let (alive, healed) = well_again(&cluster, &[Found::new("stood-still", &[STOPPED])], HEALING);
    let told = kinds(&cluster, 1, STOPPED);
    for kind in ["convicted", "heard-again", "stood-still"] {
        assert!(told.iter().any(|it| it == kind), "{kind}: {told:?}");
    }
    watch.nobody_died(&cluster, |it| it.about == STOPPED && it.at <= resumed + MOMENT);
    let (suspected, dead) = (seconds(watch.first("suspect")), seconds(watch.first("dead")));
    report(
        variant,
        format_args!(
            "standstill of 20 s: first suspicion {suspected}, dead {dead}, to all doctors after \
             {found:.1?}; it goes on: alive in {alive:.1?}, named by all doctors in {healed:.1?}"
        ),
    );
}
