//! Hosts with different kinds of transport.

use std::time::Instant;

use crate::agreement::LARGE;
use crate::cluster::{Cluster, Listen, RECOVERY, Variant, report};

/// Four hosts have datagrams and streams; a fifth one has no datagrams.
pub(crate) fn a_host_on_streams_alone_joins(variant: Variant) {
    const ALONE: u8 = 5;
    let rest = [1, 2, 3, 4];
    let large = |host: u8| host.to_string().repeat(LARGE);
    let mut cluster = Cluster::without_nodes(variant, 8, ALONE);
    for host in rest {
        cluster.start_node(host, Listen::Here);
    }
    cluster.see(&rest, &rest, "alive", RECOVERY);
    cluster.put(1, "before", "x");
    // Who has only been dialled so far does not know yet what its cluster carries.
    let taken = cluster.eventually("large values may be written", RECOVERY, || {
        cluster.run(1, &["kv", "put", "before/large", &large(1)]).code == 0
    });
    report(variant, format_args!("large values may be written after {taken:.1?}"));

    cluster.start_node_on(ALONE, Listen::Here, "tcp");
    let begun = Instant::now();
    cluster.all_alive(RECOVERY);
    report(variant, format_args!("a host on streams is alive to all in {:.1?}", begun.elapsed()));
    cluster.all_equal(2, RECOVERY);
    report(variant, format_args!("a host on streams is equal in {:.1?}", begun.elapsed()));
    let members = cluster.run(1, &["members"]).code(0).json();
    let members = members["members"].as_array().unwrap();
    for member in members {
        let datagrams = member["endpoints"]["datagram"].as_array().unwrap();
        assert_eq!(datagrams.is_empty(), member["name"] == "n5", "{member}");
    }

    let begun = Instant::now();
    for host in [3, ALONE] {
        cluster.import(host, &format!("h{host}"), 40);
        cluster.put(host, &format!("h{host}/large"), &large(host));
    }
    cluster.all_equal(2 + 2 * 41, RECOVERY);
    report(variant, format_args!("large and small both ways in {:.1?}", begun.elapsed()));
    for (host, from) in cluster.network.hosts().flat_map(|host| [(host, 3), (host, ALONE)]) {
        let value = |key: &str| cluster.value(host, &format!("h{from}/{key}"));
        assert_eq!(value("0"), Some(from.to_string()), "of {from} at {host}");
        assert_eq!(value("large"), Some(large(from)), "of {from} at {host}");
    }
    cluster.run(ALONE, &["wait", "--converged", "--timeout", "120s"]).code(0);
}
