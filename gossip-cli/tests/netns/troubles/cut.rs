//! Nothing that host 1 sends reaches host 2.

use std::time::Duration;

use super::{ALL, FINDING, HEALING, seconds, well, well_again};
use crate::cluster::{Variant, report};
use crate::symptoms::{Found, all_find, why};

/// Many times what it takes until silence convicts.
const LASTS: Duration = Duration::from_secs(45);

pub(crate) fn a_one_way_cut_is_named_and_nobody_dies_of_it(variant: Variant) {
    let (cluster, mut watch) = well(variant, 13);
    let begun = watch.begin();
    cluster.network.cut(&[1], &[2], true);
    let cut = [Found::new("one-way-link", &[1, 2])];
    let found = all_find(&cluster, &ALL, &cut, FINDING);
    assert_eq!(why(&cluster, 2, 1)["link"]["link"], "vouched");
    assert_eq!(why(&cluster, 1, 2)["link"]["link"], "heard");
    cluster.eventually("the cut has lasted", LASTS * 2, || begun.elapsed() >= LASTS);
    all_find(&cluster, &ALL, &cut, FINDING);

    cluster.network.cut(&[1], &[2], false);
    let (alive, healed) = well_again(&cluster, &[], HEALING);
    watch.nobody_died(&cluster, |_| false);
    let counts = cluster.network.relay.counts(1, 2);
    assert!(counts.cut > 0 && cluster.network.relay.counts(2, 1).cut == 0, "{counts:?}");
    let suspected = seconds(watch.first("suspect"));
    report(
        variant,
        format_args!(
            "one-way cut: first suspicion {suspected}, all doctors name it after {found:.1?}; mended: \
             alive in {alive:.1?}, nothing found in {healed:.1?}"
        ),
    );
}
