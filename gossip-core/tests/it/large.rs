//! Large values beside small ones, where only datagrams lead from node to node.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::config::ConfigSpec;
use gossip_core::io::{Command, Event, Write};
use gossip_core::sim::{self, World};

const HOSTS: usize = 16;
const LARGE: usize = 1_000_000;
/// What rumors take between two rounds.
const ROUND: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(20);

fn cluster(seed: u64) -> World {
    let mut world = World::new(seed);
    world.rule(sim::loss(0.1));
    world.rule(sim::delay(Duration::from_millis(1), Duration::from_millis(20)));
    world.add_cluster(HOSTS, &ConfigSpec::default());
    world.run_for(Duration::from_secs(8));
    (0..HOSTS).for_each(|host| _ = world.events(host));
    world
}

fn put(world: &mut World, host: usize, key: String, bytes: usize) {
    let value = Some(vec![b'v'; bytes].into());
    let channel = world.main_channel(host);
    let writes = vec![Write { key: key.into(), value, ttl: None }];
    world.command(host, Command::Write { channel, writes });
}

/// Writes one small value at each host and so many large ones beside them; how long it takes until
/// everybody has the small ones, and everything.
fn spread(seed: u64, large: usize) -> (Duration, Duration) {
    let mut world = cluster(seed);
    for host in 0..large {
        put(&mut world, host * 3 % HOSTS, format!("large-{host}"), LARGE);
    }
    for host in 0..HOSTS {
        put(&mut world, host, format!("small-{host}"), 10);
    }
    let began = world.now();
    let mut missing: BTreeSet<(usize, Bytes)> = BTreeSet::new();
    for host in 0..HOSTS {
        missing.extend((0..large).map(|n| (host, format!("large-{n}").into())));
        missing.extend((0..HOSTS).map(|n| (host, format!("small-{n}").into())));
    }
    let mut small = None;
    while !missing.is_empty() {
        world.run_for(STEP);
        let took = world.now().since(began);
        assert!(took < Duration::from_secs(60), "seed {seed}: {missing:?} after a minute");
        for host in 0..HOSTS {
            for event in world.events(host) {
                if let Event::Changed { fact, .. } = event {
                    missing.remove(&(host, fact.shared_key()));
                }
            }
        }
        if small.is_none() && !missing.iter().any(|(_, key)| key.starts_with(b"small")) {
            small = Some(took);
        }
    }
    assert!(world.run_until(Duration::from_secs(30), STEP, World::converged));
    (small.unwrap(), world.now().since(began))
}

#[test]
#[expect(clippy::print_stdout, reason = "the times are what the test is about")]
fn small_values_beside_large_ones_come_within_one_round_of_their_time_alone() {
    let seeds = 0..5;
    let mut small = Vec::new();
    for seed in seeds {
        let (alone, _) = spread(seed, 0);
        let (beside, all) = spread(seed, 4);
        println!("seed {seed}: {alone:?} alone, {beside:?} beside four of {LARGE}, all in {all:?}");
        small.push((alone, beside));
    }
    // Chances differ between two runs: the median of both, and the worst.
    let sorted = |times: Vec<Duration>| -> Vec<Duration> {
        let times: BTreeSet<_> = times.into_iter().zip(0..).collect();
        times.into_iter().map(|(time, _): (_, usize)| time).collect()
    };
    let alone = sorted(small.iter().map(|(alone, _)| *alone).collect());
    let beside = sorted(small.iter().map(|(_, beside)| *beside).collect());
    assert!(beside[2] <= alone[2] + ROUND, "median {:?}, alone {:?}", beside[2], alone[2]);
    assert!(beside[4] <= alone[4] + ROUND, "worst {:?}, alone {:?}", beside[4], alone[4]);
}
