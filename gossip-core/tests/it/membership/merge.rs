//! Two clusters that were founded apart meet.

use gossip_core::fact::Why;

use super::*;

/// Two clusters of so many hosts each, which have never heard of one another; each host has written a
/// key of its own, and both have written `shared`.
fn islands(seed: u64, size: usize, limits: [Option<usize>; 2]) -> World {
    let mut world = World::new(seed);
    world.rule(near(5));
    for fact_bytes in limits {
        world.add_cluster(size, &ConfigSpec { fact_bytes, ..ConfigSpec::default() });
    }
    world.run_for(seconds(20));
    for host in 0..world.len() {
        assert_eq!(world.node(host).unwrap().status().peers.alive, size, "host {host}");
        world.write(host, &format!("of-{host}"), Some("own"), None);
    }
    world.write(0, "shared", Some("first"), None);
    world.run_for(seconds(1));
    world.write(size, "shared", Some("second"), None);
    world.run_for(seconds(10));
    world
}

fn join(world: &mut World, host: usize, whom: usize) {
    let seeds = seed_of(world, whom);
    world.command(host, Command::Join(seeds));
}

#[test]
fn two_clusters_are_one_within_ten_seconds_of_the_first_contact() {
    for (seed, size) in [(1, 2), (2, 20)] {
        let mut world = islands(seed, size, [None; 2]);
        join(&mut world, size + 1, 1);
        let time = time_until_one_view(&mut world, seconds(60));
        assert!(time.is_some_and(|time| time < seconds(10)), "{size}: {time:?}");
        let merged = world.run_until(seconds(20), MOMENT, World::converged);
        assert!(merged && world.totals(0, None).entries == size as u64 * 2 + 1, "{size}");
    }
}

/// Whoever carries larger facts than the other can has nothing to say to it: both stay what they were,
/// and the one that asked is told why.
#[test]
fn clusters_founded_with_other_limits_stay_apart() {
    let mut world = islands(3, 3, [Some(1_100), Some(2_000)]);
    world.events(4);
    join(&mut world, 4, 1);
    world.run_for(seconds(30));
    let refused = |event: &Event| matches!(event, Event::RefusedBy { why: Why::OtherLimit, .. });
    assert!(world.events(4).iter().any(refused));
    for host in 0..6 {
        assert_eq!(world.node(host).unwrap().status().peers.alive, 3, "host {host}");
        assert_eq!(world.totals(host, None).entries, 4, "host {host}");
    }
}

/// Several members are told of several of the other side, at the same time, over a bad line.
#[test]
fn clusters_merge_from_several_sides_at_once() {
    let mut world = islands(4, 10, [None; 2]);
    world.rule(sim::loss(0.1));
    for host in 0..5 {
        join(&mut world, host, 10 + host);
        join(&mut world, 15 + host, 5 + host);
    }
    let time = time_until_one_view(&mut world, seconds(60));
    assert!(time.is_some_and(|time| time < seconds(10)), "{time:?}");
    assert!(world.run_until(seconds(20), MOMENT, World::converged));
}

/// Whoever has seeds has founded nothing before it meets somebody: it takes over what it finds, although it was
/// on its own for long and has written meanwhile.
#[test]
fn who_has_seeds_founds_nothing_before_it_has_met_somebody() {
    let mut world = World::new(5);
    world.rule(near(5));
    let place = std::net::SocketAddr::from(([10, 9, 9, 1], 7946));
    let seeds = vec![Seed::Address(place)];
    for _ in 0..2 {
        world.add(ConfigSpec { seeds: seeds.clone(), ..ConfigSpec::default() });
    }
    world.run_for(seconds(60));
    for host in 0..2 {
        assert!(!world.configuration(host).unwrap().fact_limit().founded);
        world.write(host, &format!("of-{host}"), Some("own"), None);
    }
    world.run_for(seconds(60));
    // Its limit is another one than theirs would have been.
    world.add_at(ConfigSpec { fact_bytes: Some(2_000), ..ConfigSpec::default() }, place);
    assert!(time_until_one_view(&mut world, seconds(10)).is_some());
    assert!(world.run_until(seconds(10), MOMENT, World::converged));
    assert_eq!(world.totals(2, None).entries, 2);
    // What only fits the founder's limit is written anywhere.
    let value = "x".repeat(1_700);
    world.write(0, "large", Some(&value), None);
    world.write(1, "too-large", Some(&value.repeat(2)), None);
    world.run_for(seconds(10));
    assert!((0..3).all(|host| world.totals(host, None).entries == 3));
}
