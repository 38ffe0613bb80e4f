//! What it costs two nodes to find their difference: production nodes, real bytes.

use gossip_core::sim::reconcile::{self, Base, Config, Outcome, Pattern};
use gossip_core::strategy::reconcile::{Method, RepairConfig};

/// Runs under many seeds, for what is small varies much.
fn runs(config: &Config) -> Vec<Outcome> {
    let base = Base::new(config);
    let seeds = if config.difference <= 100 { 200 } else { 20 };
    let runs: Vec<_> = (1..=seeds).map(|seed| reconcile::run(&base, seed, None)).collect();
    for (seed, run) in (1..).zip(&runs) {
        assert!(run.converged.is_some(), "seed {seed}: different for ever: {config:?}");
        assert_eq!(run.over_sent, 0, "seed {seed}: sent to who has it: {config:?}");
    }
    runs
}

fn median(runs: &[Outcome], value: fn(&Outcome) -> u64) -> u64 {
    let mut values: Vec<_> = runs.iter().map(value).collect();
    values.sort_unstable();
    values[values.len() / 2]
}

/// Bytes and round trips until one side knows, wherever in time the difference is.
#[test]
fn a_difference_costs_what_it_is_large() {
    for pattern in [Pattern::Uniform, Pattern::Recent, Pattern::Clustered] {
        let cost = |difference| {
            let runs = runs(&Config { entries: 2_000, difference, pattern, ..Config::default() });
            (median(&runs, |run| run.bytes), median(&runs, |run| run.round_trips), runs)
        };
        let (bytes, trips, same) = cost(0);
        assert!(bytes <= 200 && trips == 1, "{pattern:?}: {bytes} bytes, {trips} round trips");
        assert!(same.iter().all(|run| run.datagrams == 2));
        for (difference, most_bytes, most_trips) in
            [(1, 150, 1), (10, 600, 2), (100, 4_000, 2), (1_000, 36_000, 2)]
        {
            let (bytes, trips, _) = cost(difference);
            let told = format!("{pattern:?}, {difference}: {bytes} bytes, {trips} round trips");
            assert!(bytes <= most_bytes && trips <= most_trips, "{told}");
        }
    }
}

/// Where nearly everything differs a list is shorter than a sketch.
#[test]
fn who_shares_nothing_lists() {
    let cost = |method| {
        let repair = RepairConfig { method, ..RepairConfig::default() };
        let config = Config { entries: 500, difference: 1_000, repair, ..Config::default() };
        median(&runs(&config), |run| run.bytes)
    };
    let (adaptive, range) = (cost(Method::Adaptive), cost(Method::Range));
    // The glance was in vain.
    assert!(adaptive <= range + 100, "{adaptive} bytes, by ranges {range}");
}

/// What a list of everything costs, to compare with.
#[test]
fn the_full_digest_is_counted_as_well() {
    let repair =
        RepairConfig { fingerprint_first: false, leaf: usize::MAX, ..RepairConfig::default() };
    let config = Config { entries: 1_000, difference: 10, repair, ..Config::default() };
    let runs = runs(&config);
    let bytes = median(&runs, |run| run.bytes);
    // 32 bytes an item, and what frames them.
    assert!((32_000..45_000).contains(&bytes), "{bytes} bytes");
}

/// 100 keys are written anew while a node is down: it comes back for 9 KiB of talk besides the entries,
/// mostly, in one round. How many others there are does not matter. One in ten needs a fifth more: the guess
/// was wrong, or two symbols stick together.
#[test]
fn who_was_down_catches_up_for_little() {
    let config =
        Config { entries: 20_000, difference: 200, pattern: Pattern::Changed, ..Config::default() };
    let base = Base::new(&config);
    let mut most = Vec::new();
    for seed in 1..=20 {
        let run = reconcile::run(&base, seed, None);
        most.push(run.bytes + run.asking_bytes);
        assert_eq!(run.over_sent, 0, "seed {seed}: what is displaced does not travel: {run:?}");
        let round = config.repair.period;
        assert!(run.converged.is_some_and(|time| time <= round), "seed {seed}: {run:?}");
    }
    most.sort_unstable();
    assert!(most[10] <= 9 * 1_024 && most[16] <= 10 * 1_024 && most[19] <= 14 * 1_024, "{most:?}");
}

/// More cells than one question asks for, and than a store keeps.
#[test]
fn a_difference_of_tens_of_thousands_is_read() {
    let config = Config { entries: 80_000, difference: 70_000, ..Config::default() };
    let run = reconcile::run(&Base::new(&config), 1, None);
    assert!(run.converged.is_some(), "{run:?}");
    assert!(run.bytes <= 36 * 70_000 && run.over_sent == 0, "{run:?}");
}
