//! Joining: over bad lines, before the seeds are there, and each through another.

use super::*;

/// 17 nodes join over a line that loses packets, and live for some time: who dies in whose eyes.
fn joined_over_loss(seed: u64, loss: f64, lifetime: Duration) -> (World, usize) {
    let mut world = World::new(seed);
    world.rule(sim::loss(loss));
    world.rule(near(20));
    world.add_cluster(17, &ConfigSpec::default());
    assert!(world.run_until(seconds(30), MOMENT, one_view), "seed {seed}: nobody meets");
    let mut deaths = 0;
    // Looked at in between, for a host keeps only so many events.
    let mut left = lifetime;
    while !left.is_zero() {
        let part = left.min(seconds(60));
        world.run_for(part);
        deaths += super::deaths(&mut world);
        left -= part;
    }
    (world, deaths)
}

/// Ten minutes here; an hour was run by hand.
#[test]
fn all_who_join_over_ten_percent_loss_are_held() {
    for seed in 0..2 {
        let (mut world, deaths) = joined_over_loss(seed, 0.1, seconds(600));
        assert_eq!(deaths, 0, "seed {seed}");
        assert!(time_until_one_view(&mut world, seconds(5)).is_some(), "seed {seed}");
    }
}

/// One false death per node and day is the limit: in twenty minutes, of seventeen nodes none.
#[test]
fn hardly_anybody_dies_over_thirty_percent_loss() {
    let (mut world, deaths) = joined_over_loss(1, 0.3, seconds(1_200));
    assert_eq!(deaths, 0);
    assert!(time_until_one_view(&mut world, seconds(30)).is_some());
}

/// Thirteen nodes start before either of their two seeds does.
#[test]
fn who_starts_before_its_seeds_meets_them_when_they_come() {
    let mut world = World::new(1);
    world.rule(near(5));
    let place = |number: u8| std::net::SocketAddr::from(([10, 9, 9, number], 7946));
    let seeds = vec![Seed::Address(place(1)), Seed::Address(place(2))];
    for _ in 0..13 {
        world.add(ConfigSpec { seeds: seeds.clone(), ..ConfigSpec::default() });
    }
    world.run_for(seconds(60));
    assert!((0..13).all(|host| world.node(host).unwrap().status().peers.alive == 1));
    for number in [1, 2] {
        world.add_at(ConfigSpec { seeds: seeds.clone(), ..ConfigSpec::default() }, place(number));
    }
    let time = time_until_one_view(&mut world, seconds(30));
    assert!(time.is_some_and(|time| time < seconds(5)), "{time:?}");
}

/// A chain: each knows only the one before it.
#[test]
fn any_member_is_a_good_seed() {
    let mut world = World::new(1);
    world.rule(near(5));
    for host in 0..16_usize {
        let seeds = host.checked_sub(1).map_or_else(Vec::new, |before| seed_of(&world, before));
        world.add(ConfigSpec { seeds, ..ConfigSpec::default() });
    }
    let time = time_until_one_view(&mut world, seconds(30));
    assert!(time.is_some_and(|time| time < seconds(5)), "{time:?}");
}

/// A node alone says that it is alive no oftener than it must, and to nobody.
#[test]
fn who_is_alone_sends_nothing() {
    let mut world = World::new(1);
    world.add(ConfigSpec::default());
    world.run_for(seconds(600));
    let status = world.node(0).unwrap().status();
    assert_eq!((status.wire.sent_frames, status.peers.alive), (0, 1));
}
