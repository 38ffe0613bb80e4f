//! Many members: to know one another soon, and to cost little from then on.

use std::time::Duration;

use gossip_core::sim::joining::{self, Config};

#[test]
fn a_hundred_that_start_at_once_know_one_another_within_five_periods() {
    for seed in 1..=6 {
        let config = Config { nodes: 100, calm: Duration::ZERO, ..Config::default() };
        let outcome = joining::run(&config, seed, None);
        let known = outcome.known.unwrap();
        assert!(known <= Duration::from_secs(5), "seed {seed}: {known:?}");
        assert!(outcome.seed.bytes < 4_000_000, "seed {seed}: {} bytes", outcome.seed.bytes);
        assert!(outcome.most.bytes < outcome.seed.bytes, "seed {seed}: others give as well");
    }
}

#[test]
fn together_members_say_every_other_second_that_one_is_alive() {
    let (nodes, calm) = (40, Duration::from_secs(400));
    let outcome = joining::run(&Config { nodes, calm, ..Config::default() }, 1, None);
    let node_seconds = nodes as f64 * calm.as_secs_f64();
    let facts = outcome.calm.records["fact"] as f64 / node_seconds;
    assert!((0.3..0.8).contains(&facts), "{facts} facts come to a node each second");
    let bytes = outcome.calm.bytes as f64 / node_seconds;
    assert!(bytes < 900.0, "{bytes} bytes per second");
}
