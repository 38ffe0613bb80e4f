//! Three of ten packets are lost, on each line.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{ALL, seconds, well, well_again};
use crate::cluster::{Variant, report};
use crate::lines::Quality;
use crate::symptoms::{findings, why};

/// How long a doctor may take: each has probed each often enough to speak of loss after some twenty seconds.
const FINDING: Duration = Duration::from_secs(60);

const LASTS: Duration = Duration::from_secs(90);

/// How long losses are remembered: until some 64 further probes were answered, one a second.
const HEALING: Duration = Duration::from_secs(180);

pub(crate) fn loss_is_named_and_nobody_dies_of_it(variant: Variant) {
    let (cluster, mut watch) = well(variant, 11);
    let begun = watch.begin();
    let before = cluster.network.relay.total();
    cluster.network.relay.become_so(Quality::LOSSY);
    let names = |host| findings(&cluster, host).iter().any(|found| found.code == "loss");
    let mut left = ALL.to_vec();
    let found = cluster.eventually("every doctor names loss", FINDING, || {
        left.retain(|host| !names(*host));
        left.is_empty()
    });
    // What else is said, over and over, and by how many looks.
    let (mut looks, mut said) = (0, BTreeMap::<_, u32>::new());
    let mut hosts = ALL.iter().cycle();
    cluster.eventually("it has lasted", LASTS * 2, || {
        for found in findings(&cluster, *hosts.next().unwrap()) {
            *said.entry(found.code).or_default() += 1;
        }
        looks += 1;
        begun.elapsed() >= LASTS
    });
    println!("{} {looks} looks: {said:?}", variant.name);
    let of = |code: &str| said.get(code).copied().unwrap_or(0);
    assert!(of("loss") * 10 >= looks * 9, "{looks} looks: {said:?}\n{watch}");
    let wrong = ["cut-link", "dead", "disputed", "one-way-link", "partition", "slow"];
    let wrong: u32 = wrong.into_iter().map(of).sum();
    assert!(wrong * 20 <= looks, "{looks} looks: {said:?}\n{watch}");
    let pairs = ALL.iter().flat_map(|host| ALL.iter().map(move |about| (*host, *about)));
    let pairs = pairs.filter(|(host, about)| host != about);
    let losses: Vec<_> = pairs
        .map(|(host, about)| why(&cluster, host, about)["link"]["loss_percent"].as_u64())
        .collect();
    let lossy = losses.iter().flatten().filter(|loss| **loss >= 20).count();
    assert!(lossy * 2 > losses.len(), "{losses:?}");

    let after = cluster.network.relay.total();
    let lost = (after.lost - before.lost) as f64;
    let share = lost / (lost + (after.carried - before.carried) as f64);
    assert!((0.25..0.35).contains(&share), "{share} of all packets were lost");
    cluster.network.relay.become_so(variant.lines);
    let (alive, healed) = well_again(&cluster, &[], HEALING);
    watch.nobody_died(&cluster, |_| false);
    let suspected = seconds(watch.first("suspect"));
    report(
        variant,
        format_args!(
            "30 % loss: first suspicion {suspected}, all doctors name it after {found:.1?}, then {} \
             of {looks} times, something wrong {wrong} times; {lossy} of 20 links show it; mended: \
             alive in {alive:.1?}, nothing found in {healed:.1?}",
            of("loss")
        ),
    );
}
