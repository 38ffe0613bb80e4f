//! A host changes its address, and is found again.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Listen, Variant, report};
use crate::lines::Host;

/// Only the host that moved knows where it is, so that all dialling is its own: half as many tries
/// as elsewhere.
const PATIENCE: Duration = Duration::from_secs(240);

const MOVED: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 77);

/// Whose host moves; it is nobody's seed.
const MOVER: Host = 4;

const REST: [Host; 4] = [1, 2, 3, 5];

/// A node that is bound to its address is started again where its host is now.
pub(crate) fn a_restarted_host_is_found_at_its_new_address(variant: Variant) {
    let mut cluster = Cluster::start(variant, 6, 5);
    cluster.put(MOVER, "before", "x");
    cluster.all_equal(1, PATIENCE);

    cluster.kill(MOVER);
    cluster.network.move_host(MOVER, MOVED);
    cluster.put(1, "meanwhile", "x");
    cluster.start_node(MOVER, Listen::Here);
    let begun = Instant::now();
    let new = ("alive".to_owned(), format!("{MOVED}:7946"));
    cluster.eventually("the new address is known", PATIENCE, || {
        REST.iter().all(|host| cluster.member(*host, MOVER) == new)
    });
    cluster.see(&[MOVER], &REST, "alive", PATIENCE);
    report(variant, format_args!("a restarted host is found in {:.1?}", begun.elapsed()));
    cluster.put(MOVER, "after", "x");
    cluster.all_equal(3, PATIENCE);
    // Found by all, not only by its seeds.
    for host in REST {
        let counts = cluster.network.relay.counts(host, MOVER);
        cluster.eventually(&format!("host {host} talks to it"), PATIENCE, || {
            cluster.network.relay.counts(host, MOVER).carried > counts.carried
        });
    }
}

/// A node that listens everywhere goes on while its host's address changes.
pub(crate) fn a_roaming_host_is_heard_again(variant: Variant) {
    let mut cluster = Cluster::start_listening(variant, 7, 5, Listen::Anywhere);
    cluster.put(MOVER, "before", "x");
    cluster.all_equal(1, PATIENCE);

    cluster.network.move_host(MOVER, MOVED);
    let begun = Instant::now();
    cluster.put(MOVER, "after", "x");
    cluster.put(1, "meanwhile", "x");
    cluster.all_equal(3, PATIENCE);
    report(variant, format_args!("a roaming host is equal again in {:.1?}", begun.elapsed()));
    cluster.all_alive(PATIENCE);
    report(variant, format_args!("a roaming host is alive again in {:.1?}", begun.elapsed()));
    assert!(cluster.network.relay.strays().unroutable > 0, "its old address is nobody's");
}
