//! Five hosts with 20 % loss and 100 ms delay each way.

use std::time::Duration;

use crate::cluster::{Cluster, Variant, report};
use crate::lines::Quality;

pub(crate) fn bad_lines_converge(variant: Variant) {
    let cluster = Cluster::start(variant, 1, 5, Quality::BAD);
    for host in cluster.network.hosts() {
        cluster.import(host, &format!("h{host}"), 40);
    }
    let taken = cluster.all_equal(200, Duration::from_secs(60));
    report(variant, format_args!("200 entries of 5 nodes are everywhere after {taken:.1?}"));

    cluster.put(3, "h1/0", "changed");
    for host in cluster.network.hosts() {
        cluster.sees(host, "h1/0", Some("changed"), Duration::from_secs(60));
    }
    cluster.delete(5, "h2/0");
    for host in cluster.network.hosts() {
        cluster.sees(host, "h2/0", None, Duration::from_secs(60));
    }
    cluster.all_equal(199, Duration::from_secs(60));
    cluster.run(4, &["wait", "--converged", "--timeout", "60s"]).code(0);

    let total = cluster.network.relay.total();
    assert!((0.15..0.25).contains(&total.loss()), "{total:?}");
    assert!(total.duplicated > 0 && total.overtaken > 0, "{total:?}");
    assert_eq!((total.cut, total.shed), (0, 0), "{total:?}");
    report(variant, format_args!("{total:?}"));
}
