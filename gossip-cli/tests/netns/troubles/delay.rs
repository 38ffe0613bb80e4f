//! Packets take 100 to 300 ms each way, and overtake one another.

use std::time::Duration;

use super::{ALL, FINDING, HEALING, seconds, well, well_again};
use crate::cluster::{Variant, report};
use crate::lines::Quality;
use crate::symptoms::{Found, all_find, why};

/// Many rounds in which each probes each.
const LASTS: Duration = Duration::from_secs(60);

/// A round trip below which nobody speaks of slow lines, in milliseconds; the shortest is 200.
const SHORTEST: f64 = 200.0;

pub(crate) fn slow_lines_are_named_and_nobody_dies_of_them(variant: Variant) {
    let (cluster, mut watch) = well(variant, 12);
    let begun = watch.begin();
    cluster.network.relay.become_so(Quality::FAR);
    let slow = [Found::new("slow", &ALL)];
    let found = all_find(&cluster, &ALL, &slow, FINDING);
    cluster.eventually("it has lasted", LASTS * 2, || begun.elapsed() >= LASTS);
    all_find(&cluster, &ALL, &slow, FINDING);
    for (host, about) in ALL.iter().zip(ALL.iter().cycle().skip(1)) {
        let why = why(&cluster, *host, *about);
        assert!(why["link"]["rtt_ms"].as_f64().is_some_and(|trip| trip >= SHORTEST), "{why}");
        assert_eq!(why["link"]["link"], "good");
    }

    cluster.network.relay.become_so(variant.lines);
    let (alive, healed) = well_again(&cluster, &[], HEALING);
    watch.nobody_died(&cluster, |_| false);
    let suspected = seconds(watch.first("suspect"));
    report(
        variant,
        format_args!(
            "200 ± 100 ms: first suspicion {suspected}, all doctors name it after {found:.1?}; mended: \
             alive in {alive:.1?}, nothing found in {healed:.1?}"
        ),
    );
}
