//! Five hosts meet, write and agree.

use crate::cluster::{Cluster, RECOVERY, Variant, report};

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
    cluster.run(4, &["wait", "--converged", "--timeout", "120s"]).code(0);

    let total = cluster.network.relay.total();
    let lines = variant.lines;
    assert!((total.loss() - lines.loss).abs() < 0.05, "{total:?}");
    assert_eq!(total.duplicated > 0, lines.duplication > 0.0, "{total:?}");
    assert_eq!(total.overtaken > 0, lines.reorders, "{total:?}");
    assert_eq!((total.cut, total.shed), (0, 0), "{total:?}");
    report(variant, format_args!("{total:?}"));
}
