//! Seeds given by name: what the name leads to is asked anew at each try.

use super::*;

fn named() -> ConfigSpec {
    let seeds = vec![Seed::Name("seed.example:7946".to_owned())];
    ConfigSpec { seeds, ..ConfigSpec::default() }
}

/// The name leads nowhere at first, then to a host that is down, then to the right one.
#[test]
fn a_name_that_changes_its_answer_is_followed() {
    let mut world = World::new(1);
    world.rule(near(5));
    let seed = world.add(ConfigSpec::default());
    let node = world.add(named());
    world.run_for(seconds(20));
    let nowhere = std::net::SocketAddr::from(([10, 9, 9, 9], 7946));
    world.name("seed.example:7946", vec![nowhere]);
    world.run_for(seconds(20));
    assert_eq!(world.node(node).unwrap().status().peers.alive, 1);
    let place = world.address(seed);
    world.name("seed.example:7946", vec![nowhere, place]);
    let time = time_until_one_view(&mut world, seconds(20));
    assert!(time.is_some_and(|time| time < seconds(10)), "{time:?}");
}

/// The seed is replaced by another host under the same name, as a load balancer or an orchestrator does; whoever
/// lost it finds the new one, which knows nobody.
#[test]
fn another_host_under_the_seeds_name_is_found() {
    let mut world = World::new(2);
    world.rule(near(5));
    let old = world.add(ConfigSpec::default());
    world.name("seed.example:7946", vec![world.address(old)]);
    (0..3).for_each(|_| {
        world.add(named());
    });
    assert!(time_until_one_view(&mut world, seconds(20)).is_some());
    world.crash(old);
    world.run_for(seconds(60));
    let new = world.add(ConfigSpec::default());
    world.name("seed.example:7946", vec![world.address(new)]);
    assert!(time_until_one_view(&mut world, seconds(30)).is_some());
}
