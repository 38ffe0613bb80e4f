//! Cuts between hosts, of both directions and of one, that heal without a restart.

use std::time::{Duration, Instant};

use crate::cluster::{Cluster, RECOVERY, Variant, report};
use crate::symptoms::why;

/// Long enough that everybody gives up on everybody: silence convicts after 12 s.
const CUT: Duration = Duration::from_secs(60);

/// What it may take until the dead are dead to all.
const VERDICT: Duration = Duration::from_secs(45);

/// What it may take until who hears nobody calls others dead, which it does after 150 s.
const ALONE: Duration = Duration::from_secs(240);

pub(crate) fn a_cut_heals(variant: Variant) {
    let (few, many) = ([1, 2], [3, 4, 5]);
    let cluster = Cluster::start(variant, 2, 5);
    cluster.import(1, "before", 50);
    cluster.all_equal(50, RECOVERY);

    cluster.network.cut(&few, &many, true);
    cluster.network.cut(&many, &few, true);
    let begun = Instant::now();
    // Each of the two hears but one other, and over a bad stream not in every attempt: then it judges nobody yet.
    let verdict = cluster.see(&few, &many, "dead", ALONE);
    cluster.see(&many, &few, "dead", VERDICT);
    report(variant, format_args!("the other side is dead after {verdict:.1?}"));
    cluster.import(2, "few", 30);
    cluster.import(3, "many", 30);
    cluster.delete(1, "before/0");
    cluster.delete(4, "before/1");
    // Contradictions: the later write wins, and the later delete as well.
    cluster.put(1, "before/2", "few");
    cluster.put(5, "before/2", "many");
    cluster.put(4, "before/3", "many");
    cluster.delete(2, "before/3");
    cluster.eventually("the cut has lasted", CUT * 2, || begun.elapsed() >= CUT);
    assert_eq!(cluster.value(3, "few/0"), None, "a cut is a cut");
    let counts = cluster.network.relay.total();
    assert!(counts.cut > 20, "{counts:?}");

    cluster.network.cut(&few, &many, false);
    cluster.network.cut(&many, &few, false);
    let healed = Instant::now();
    cluster.all_alive(RECOVERY);
    report(variant, format_args!("after the cut, all are alive in {:.1?}", healed.elapsed()));
    // Of 50, 60 more and three fewer.
    cluster.all_equal(107, RECOVERY);
    report(variant, format_args!("after the cut, all are equal in {:.1?}", healed.elapsed()));
    for host in cluster.network.hosts() {
        for gone in ["before/0", "before/1", "before/3"] {
            assert_eq!(cluster.value(host, gone), None, "{gone} at {host}");
        }
        assert_eq!(cluster.value(host, "before/2").as_deref(), Some("many"));
    }
}

/// Host 2 does not hear host 1, and all else is well.
pub(crate) fn a_one_way_cut_is_gone_around(variant: Variant) {
    let cluster = Cluster::start(variant, 3, 5);
    cluster.network.cut(&[1], &[2], true);
    cluster.put(1, "from/1", "x");
    let taken = cluster.sees(2, "from/1", Some("x"), RECOVERY);
    report(variant, format_args!("a write goes around the cut in {taken:.1?}"));
    let taken = cluster.eventually("others vouch for who is not heard", VERDICT, || {
        why(&cluster, 2, 1)["link"]["link"] == "vouched"
    });
    report(variant, format_args!("others vouch for who is not heard after {taken:.1?}"));
    cluster.put(1, "late/1", "x");
    cluster.put(2, "late/2", "x");
    cluster.sees(2, "late/1", Some("x"), RECOVERY);
    cluster.sees(1, "late/2", Some("x"), RECOVERY);
    for host in 2..=5 {
        assert_ne!(cluster.member(host, 1).0, "dead", "who hears it knows better");
    }
    assert!(cluster.network.relay.counts(1, 2).cut > 0);
    assert_eq!(cluster.network.relay.counts(2, 1).cut, 0);

    cluster.network.cut(&[1], &[2], false);
    let taken = cluster.all_alive(RECOVERY);
    report(variant, format_args!("after the one-way cut, all are alive in {taken:.1?}"));
    cluster.all_equal(3, RECOVERY);
}

/// Nobody hears host 5, which hears everybody.
pub(crate) fn the_unheard_return(variant: Variant) {
    let rest = [1, 2, 3, 4];
    let cluster = Cluster::start(variant, 4, 5);
    cluster.network.cut(&[5], &rest, true);
    let taken = cluster.see(&rest, &[5], "dead", VERDICT);
    report(variant, format_args!("who nobody hears is dead after {taken:.1?}"));
    let taken = cluster.see(&[5], &rest, "dead", ALONE);
    report(variant, format_args!("and knows it after {taken:.1?} more"));
    cluster.put(5, "unheard", "x");
    cluster.put(1, "rest", "x");
    assert!(cluster.network.relay.counts(5, 1).cut > 0);
    assert_eq!(cluster.network.relay.counts(1, 5).cut, 0);

    cluster.network.cut(&[5], &rest, false);
    let healed = Instant::now();
    cluster.all_alive(RECOVERY);
    report(variant, format_args!("heard again, all are alive in {:.1?}", healed.elapsed()));
    cluster.all_equal(2, RECOVERY);
    report(variant, format_args!("heard again, all are equal in {:.1?}", healed.elapsed()));
}
