//! A host's device that goes down and comes up: nodes on it are told by errors, not by silence.

use std::time::Instant;

use crate::cluster::{Cluster, RECOVERY, Variant, report};

pub(crate) fn a_device_goes_down_and_up(variant: Variant) {
    let rest = [1, 2, 4, 5];
    let cluster = Cluster::start(variant, 5, 5);
    cluster.put(3, "before", "x");
    cluster.all_equal(1, RECOVERY);

    cluster.network.link(3, false);
    cluster.put(3, "inside", "x");
    cluster.put(1, "outside", "x");
    let departed = |cluster: &Cluster| -> u64 {
        rest.iter().map(|to| cluster.network.relay.counts(3, *to).carried).sum()
    };
    let before = departed(&cluster);
    cluster.see(&rest, &[3], "dead", RECOVERY);
    // Who hears nobody suspects all, and calls nobody dead for minutes.
    cluster.see(&[3], &rest, "suspect", RECOVERY);
    assert_eq!(departed(&cluster), before, "nothing leaves by a device that is down");
    assert!(cluster.network.relay.strays().refused > 0, "and nothing enters");

    cluster.network.link(3, true);
    let up = Instant::now();
    cluster.all_alive(RECOVERY);
    report(variant, format_args!("the device is up, all are alive in {:.1?}", up.elapsed()));
    cluster.all_equal(3, RECOVERY);
    report(variant, format_args!("the device is up, all are equal in {:.1?}", up.elapsed()));
}
