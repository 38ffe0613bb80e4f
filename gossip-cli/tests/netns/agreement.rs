//! Five hosts meet, write and agree, also on what fits no datagram.

use std::iter;

use gossip_core::rng::Rng;

use crate::cluster::{Cluster, RECOVERY, Variant, report};

/// Bytes of a value that takes some hundred packets.
pub(crate) const LARGE: usize = 100_000;

pub(crate) fn everybody_agrees(variant: Variant) {
    let cluster = Cluster::start(variant, 1, 5);
    for host in cluster.network.hosts() {
        cluster.import(host, &format!("h{host}"), 40);
    }
    let taken = cluster.all_equal(200, RECOVERY);
    report(variant, format_args!("200 entries of 5 nodes are everywhere after {taken:.1?}"));

    cluster.put(3, "h1/0", "changed");
    for host in cluster.network.hosts() {
        cluster.sees(host, "h1/0", Some("changed"), RECOVERY);
    }
    cluster.delete(5, "h2/0");
    for host in cluster.network.hosts() {
        cluster.sees(host, "h2/0", None, RECOVERY);
    }
    cluster.all_equal(199, RECOVERY);
    if variant.has_streams() {
        large_values_arrive(&cluster, variant, 199);
    }
    cluster.run(4, &["wait", "--converged", "--timeout", "120s"]).code(0);

    let total = cluster.network.relay.total();
    let lines = variant.lines;
    assert!((total.loss() - lines.loss).abs() < 0.05, "{total:?}");
    assert_eq!(total.duplicated > 0, lines.duplication > 0.0, "{total:?}");
    assert_eq!(total.overtaken > 0, lines.reorders, "{total:?}");
    assert_eq!((total.cut, total.shed), (0, 0), "{total:?}");
    report(variant, format_args!("{total:?}"));
}

/// A large value, then many of 500 bytes to 8 KB: some fit a datagram, and most do not.
fn large_values_arrive(cluster: &Cluster, variant: Variant, entries: usize) {
    let large = "x".repeat(LARGE);
    cluster.put(2, "large", &large);
    let taken = cluster.all_equal(entries + 1, RECOVERY);
    for host in cluster.network.hosts() {
        assert_eq!(cluster.value(host, "large").as_ref(), Some(&large), "at {host}");
    }
    report(variant, format_args!("{LARGE} bytes are everywhere after {taken:.1?}"));

    let mut rng = Rng::from_number(1);
    let mut left = BYTES;
    let values: Vec<_> = iter::from_fn(|| {
        let length = 500 + rng.below(7_501) as usize;
        left = left.checked_sub(length)?;
        Some("v".repeat(length))
    })
    .collect();
    cluster.import_values(4, "values", values.iter().cloned());
    let taken = cluster.all_equal(entries + 1 + values.len(), RECOVERY);
    report(
        variant,
        format_args!("{} values, {BYTES} bytes, are everywhere after {taken:.1?}", values.len()),
    );
}

/// Bytes of all values that are imported. Where a fifth of all packets is lost, this takes half a
/// minute.
const BYTES: usize = 2_000_000;
