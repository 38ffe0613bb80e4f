//! A host changes its address while its node runs on, and says what it was told: its old address.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::{ALL, HEALING, seconds, well_listening};
use crate::cluster::{Listen, Variant, report};
use crate::symptoms::{Found, all_find, kinds};

const MOVED: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 99);

/// Whose host moves; it is nobody's seed.
const MOVER: u8 = 4;

const REST: [u8; 4] = [1, 2, 3, 5];

/// Many times what it takes until silence convicts.
const LASTS: Duration = Duration::from_secs(45);

pub(crate) fn a_move_is_named_and_who_runs_on_stays_alive(variant: Variant) {
    let (mut cluster, mut watch) = well_listening(variant, 17, Listen::Anywhere);
    let begun = watch.begin();
    cluster.network.move_host(MOVER, MOVED);
    let moved = [Found::new("unannounced-address", &[MOVER])];
    let found = all_find(&cluster, &ALL, &moved, HEALING);
    let alive = found + cluster.all_alive(HEALING);
    let told = |host: &u8| kinds(&cluster, *host, MOVER).iter().any(|kind| kind == "elsewhere");
    assert!(REST.iter().any(told), "nobody saw it speak from elsewhere");
    cluster.eventually("it has lasted", LASTS * 2, || begun.elapsed() >= LASTS);
    all_find(&cluster, &ALL, &moved, HEALING);
    watch.nobody_died(&cluster, |_| false);
    let suspected = seconds(watch.first("suspect"));
    report(
        variant,
        format_args!(
            "address change of a node that runs on: first suspicion {suspected}, named by all doctors \
             after {found:.1?}, all alive in {alive:.1?}"
        ),
    );
}
