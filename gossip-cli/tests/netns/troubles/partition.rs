//! Two hosts and three others do not reach one another.

use std::time::Duration;

use super::{FINDING, HEALING, seconds, well, well_again};
use crate::cluster::{Variant, report};
use crate::symptoms::{Found, all_find, kinds, why};

const FEW: [u8; 2] = [1, 2];
const MANY: [u8; 3] = [3, 4, 5];

/// Long enough that everybody has given up.
const LASTS: Duration = Duration::from_secs(45);

pub(crate) fn a_partition_is_named_and_nobody_dies_on_ones_own_side(variant: Variant) {
    let (cluster, mut watch) = well(variant, 14);
    let begun = watch.begin();
    let cut = |cut| {
        cluster.network.cut(&FEW, &MANY, cut);
        cluster.network.cut(&MANY, &FEW, cut);
    };
    cut(true);
    let found = all_find(&cluster, &FEW, &[Found::new("partition", &MANY)], FINDING);
    let found = found + all_find(&cluster, &MANY, &[Found::new("partition", &FEW)], FINDING);
    let grounds = why(&cluster, 1, 3);
    assert_eq!((&grounds["status"], &grounds["link"]["link"]), (&"dead".into(), &"silent".into()));
    assert!(kinds(&cluster, 1, 3).iter().any(|kind| kind == "convicted"), "{grounds}");
    cluster.eventually("the cut has lasted", LASTS * 2, || begun.elapsed() >= LASTS);

    cut(false);
    let (alive, healed) = well_again(&cluster, &[], HEALING);
    assert!(kinds(&cluster, 1, 3).iter().any(|kind| kind == "heard-again"));
    watch.nobody_died(&cluster, |it| FEW.contains(&it.by) != FEW.contains(&it.about));
    let (suspected, dead) = (seconds(watch.first("suspect")), seconds(watch.first("dead")));
    report(
        variant,
        format_args!(
            "partition: first suspicion {suspected}, the other side dead {dead}, all doctors name it \
             after {found:.1?}; mended: alive in {alive:.1?}, nothing found in {healed:.1?}"
        ),
    );
}
