//! A node is started again, with its key, where its host is now.

use std::net::Ipv4Addr;
use std::time::Instant;

use super::{FINDING, HEALING, seconds, well};
use crate::cluster::{Listen, Variant, report};
use crate::symptoms::{Found, all_find, kinds};

const MOVED: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 88);

/// Whose host moves; it is nobody's seed.
const MOVER: u8 = 4;

const REST: [u8; 4] = [1, 2, 3, 5];

pub(crate) fn a_changed_address_is_named_and_the_moved_live(variant: Variant) {
    let (mut cluster, mut watch) = well(variant, 16);
    let id = cluster.id(MOVER).to_owned();
    watch.begin();
    cluster.kill(MOVER);
    cluster.network.move_host(MOVER, MOVED);
    cluster.start_node(MOVER, Listen::Here);
    let started = Instant::now();
    watch.follow(&cluster, MOVER);
    assert_eq!(cluster.id(MOVER), id);
    let new = ("alive".to_owned(), format!("{MOVED}:7946"));
    let known = cluster.eventually("the new address is known", HEALING, || {
        REST.iter().all(|host| cluster.member(*host, MOVER) == new)
    });
    let alive = known + cluster.all_alive(HEALING);
    let found = all_find(&cluster, &REST, &[Found::new("address-changed", &[MOVER])], FINDING);
    for host in REST {
        let told = kinds(&cluster, host, MOVER);
        for kind in ["address-changed", "restarted"] {
            assert!(told.iter().any(|it| it == kind), "{kind}: {told:?}");
        }
    }
    watch.nobody_died(&cluster, |it| it.about == MOVER && it.at <= started);
    let suspected = seconds(watch.first("suspect"));
    report(
        variant,
        format_args!(
            "address change: first suspicion {suspected}, known to all in {known:.1?}, all alive in \
             {alive:.1?}, named by all doctors {found:.1?} later"
        ),
    );
}
